/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy bench: how fast a model looks, reads and writes here, with a picture
 * that is made up: a colour gradient with noise. Greedy, a fixed number of
 * tokens. The best of several rounds counts, stage by stage. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#define PROMPT "Describe this image."

typedef struct measure {
    int vision_tokens, prompt_tokens, tokens;
    double vision_ms, prompt_ms, generate_ms;
} measure;

static espy_status make_picture(espy_image **out, int width, int height, espy_error *err) {
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
    uint32_t state = 1;
    if (!pixels) return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = pixels + ((size_t)y * (size_t)width + (size_t)x) * 3;
            state = state * 1664525U + 1013904223U;
            p[0] = (uint8_t)(x * 191 / width + (int)(state >> 26));
            p[1] = (uint8_t)(y * 191 / height + (int)(state >> 26));
            p[2] = (uint8_t)(state >> 25);
        }
    espy_status status = espy_image_from_pixels(out, pixels, width, height, (ptrdiff_t)width * 3, 3,
                                                ESPY_ALPHA_WHITE, err);
    free(pixels);
    return status;
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    cli_session *s = user;
    return cli_progress_step(&s->progress, phase, done, total);
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    (void)user, (void)piece, (void)n_bytes;
    return cli_interrupted();
}

static espy_status one_round(cli_session *s, const espy_request *request, measure *m,
                             espy_error *err) {
    espy_result r = { 0 };
    espy_status status = espy_context_rewind(s->context, 0, err);
    if (!status) status = espy_generate(s->context, request, &r, err);
    if (!status && cli_interrupted()) status = cli_fail(err, ESPY_ERR_STOPPED, -1, "interrupted");
    if (!status) {
        int first = !m->tokens;
        m->prompt_tokens = r.n_prompt_tokens;
        m->tokens = r.n_tokens;
        if (first || r.vision_ms < m->vision_ms) m->vision_ms = r.vision_ms;
        if (first || r.prompt_ms < m->prompt_ms) m->prompt_ms = r.prompt_ms;
        if (first || r.generate_ms < m->generate_ms) m->generate_ms = r.generate_ms;
    }
    espy_result_clear(&r);
    return status;
}

static espy_status measure_picture(cli_session *s, const espy_image *image, measure *m,
                                   espy_error *err) {
    int width, height;
    espy_part parts[] = { { .type = ESPY_PART_IMAGE, .images = &image, .n_images = 1 },
                          { .type = ESPY_PART_TEXT, .text = PROMPT } };
    espy_message message = { "user", parts, 2 };
    espy_sampling greedy = { 0 };
    espy_request request = { .messages = &message,
                             .n_messages = 1,
                             .max_tokens = s->o->max_tokens > 0 ? s->o->max_tokens : 64,
                             .sampling = &greedy,
                             .ignore_eos = 1,
                             .no_loop_guard = 1,
                             .min_pixels = s->o->min_pixels > 0 ? s->o->min_pixels : 0,
                             .max_pixels = s->o->max_pixels > 0 ? s->o->max_pixels : 0,
                             .on_text = on_text,
                             .on_progress = on_progress,
                             .user = s };
    espy_status status =
        espy_fit(s->model, espy_image_width(image), espy_image_height(image), request.min_pixels,
                 request.max_pixels, &width, &height, &m->vision_tokens, err);
    if (!status) status = cli_session_reserve(s, cli_session_count(s, &request), err);
    for (int i = 0; !status && i < (s->o->repeat > 0 ? s->o->repeat : 1); i++)
        status = one_round(s, &request, m, err);
    return status;
}

static double per_second(int n, double ms) {
    return ms > 0 && n > 0 ? n * 1e3 / ms : 0;
}

static int print(const cli_session *s, const measure *m) {
    const struct {
        const char *name, *key;
        int n;
        double ms;
    } stages[] = { { "vision", "vision", m->vision_tokens, m->vision_ms },
                   { "prompt", "prompt", m->prompt_tokens, m->prompt_ms },
                   { "generation", "generate", m->tokens, m->generate_ms } };
    if (!s->o->json) printf("load         %10.1f ms\n", s->load_ms);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "load_ms", s->load_ms);
    for (int i = 0; i < 3; i++) {
        double rate = per_second(stages[i].n, stages[i].ms);
        char key[40];
        if (!s->o->json)
            printf("%-12s %10.1f ms  %6d tokens  %10.2f tokens/s\n", stages[i].name, stages[i].ms,
                   stages[i].n, rate);
        snprintf(key, sizeof key, "%s_ms", stages[i].key);
        cJSON_AddNumberToObject(object, key, stages[i].ms);
        snprintf(key, sizeof key, "%s_tokens", stages[i].key);
        cJSON_AddNumberToObject(object, key, stages[i].n);
        snprintf(key, sizeof key, "%s_tokens_per_s", stages[i].key);
        cJSON_AddNumberToObject(object, key, rate);
    }
    int failed = s->o->json ? cli_json_line(object) : 0;
    cJSON_Delete(object);
    return failed ? CLI_FAILED : CLI_OK;
}

static int run(const cli_options *o) {
    cli_session session;
    espy_image *image = NULL;
    espy_error err = { .offset = -1 };
    measure m = { 0 };
    int code = cli_session_open(&session, o, o->n_args ? o->args[0] : NULL);
    session.always_look = 1;
    if (!code) {
        espy_status status = make_picture(&image, o->width_px, o->height_px, &err);
        if (!status) status = measure_picture(&session, image, &m, &err);
        cli_progress_clear(&session.progress);
        code = status ? cli_report(NULL, &err) : print(&session, &m);
    }
    espy_image_close(&image);
    cli_session_close(&session);
    return code;
}

const cli_command cli_bench = {
    .name = "bench",
    .arguments = "[MODEL]",
    .summary = "measure how fast a model is here",
    .examples = "  espy bench --repeat 3 model.gguf\n"
                "  espy bench --json --size 1280x960 --threads 4 model.gguf\n",
    .groups = CLI_BENCH | CLI_JSON | CLI_SIZE | CLI_MODEL,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
