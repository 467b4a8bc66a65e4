/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks the questions, one after the other, in one context. Each prompt is a
 * conversation of its own; as the questions of a picture follow each other and
 * begin with it, the engine looks at it once. Greedy, so a run can be repeated. */
#define _POSIX_C_SOURCE 200809L
#include "score.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TOKENS = 400 };

typedef struct run {
    const espy_model *model;
    const score_scenes *scenes;
    espy_context *context;
    const cJSON *loaded;                   /* names of ...                    */
    espy_image *images[SCORE_MOST_IMAGES]; /* ... the pictures of a question  */
    int n_images;
    FILE *wrong;
    score_table *table;
} run;

/* ------------------------------------------------------------------ pictures */

static void forget_images(run *r) {
    while (r->n_images) espy_image_close(&r->images[--r->n_images]);
    r->loaded = NULL;
}

static espy_status load_images(run *r, const score_question *q, espy_error *err) {
    const cJSON *name;
    if (r->loaded && cJSON_Compare(r->loaded, q->images, 1)) return ESPY_OK;
    forget_images(r);
    cJSON_ArrayForEach(name, q->images) {
        size_t n = strlen(r->scenes->folder) + strlen(name->valuestring) + 2;
        char *path = score_alloc(n, 1);
        snprintf(path, n, "%s/%s", r->scenes->folder, name->valuestring);
        espy_status status = espy_image_load(&r->images[r->n_images], path, ESPY_ALPHA_WHITE, err);
        free(path);
        if (status) return status;
        r->n_images++;
    }
    r->loaded = q->images;
    return ESPY_OK;
}

/* -------------------------------------------------------------------- asking */

static espy_status ask(run *r, const score_question *q, espy_result *result, espy_error *err) {
    espy_part parts[2 * SCORE_MOST_IMAGES + 1];
    char times[SCORE_MOST_IMAGES][40];
    const espy_image *images[SCORE_MOST_IMAGES];
    int n = 0;
    for (int i = 0; i < r->n_images; i++) {
        const cJSON *time = cJSON_GetArrayItem(q->times, i);
        images[i] = r->images[i];
        if (time) {
            snprintf(times[i], sizeof times[i], "<%.1f seconds>", time->valuedouble);
            parts[n++] = (espy_part){ .type = ESPY_PART_TEXT, .text = times[i] };
        }
        parts[n++] = (espy_part){ .type = ESPY_PART_IMAGE, .images = &images[i], .n_images = 1 };
    }
    parts[n++] = (espy_part){ .type = ESPY_PART_TEXT, .text = q->prompt };
    espy_message message = { "user", parts, n };
    espy_sampling greedy = { 0 };
    espy_request request = {
        .messages = &message, .n_messages = 1, .max_tokens = MOST_TOKENS, .sampling = &greedy
    };
    return espy_generate(r->context, &request, result, err);
}

/* A string in C, with the sign for it where the answer has a byte 0. */
static char *without_nul(const char *text, size_t n) {
    static const char sign[3] = { '\xE2', '\x90', '\x80' };
    char *out = score_alloc(n + 1, sizeof sign), *end = out;
    for (size_t i = 0; i < n; i++) {
        if (text[i]) {
            *end++ = text[i];
        } else {
            memcpy(end, sign, sizeof sign);
            end += sizeof sign;
        }
    }
    return out;
}

static void tell_wrong(FILE *f, const score_question *q, const score_answer *answer) {
    cJSON *line = cJSON_CreateObject();
    char *got = without_nul(answer->text, answer->n_bytes);
    cJSON_AddStringToObject(line, "task", q->task);
    cJSON_AddNumberToObject(line, "line", q->line);
    cJSON_AddItemToObject(line, "images", cJSON_Duplicate(q->images, 1));
    cJSON_AddStringToObject(line, "prompt", q->prompt);
    cJSON_AddStringToObject(line, "expected", q->answer);
    cJSON_AddStringToObject(line, "got", got);
    char *text = cJSON_PrintUnformatted(line);
    if (text) fprintf(f, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(line);
    free(got);
}

static espy_status ask_and_judge(run *r, const score_question *q, espy_error *err) {
    espy_result result = { 0 };
    score_answer answer = { 0 };
    espy_status status = load_images(r, q, err);
    if (!status) status = espy_shape_params_for(r->model, r->images[0], 0, 0, &answer.shapes, err);
    if (!status) status = ask(r, q, &result, err);
    if (status) {
        espy_error cause = *err;
        return score_fail(err, status, "%.150s/scenes.jsonl, line %d: %.300s", r->scenes->folder,
                          q->line, cause.message);
    }
    answer.text = result.text;
    answer.n_bytes = result.text_bytes;
    answer.finish = result.finish;
    if (!score_judge(r->table, q, &answer) && r->wrong) tell_wrong(r->wrong, q, &answer);
    espy_result_clear(&result);
    return ESPY_OK;
}

espy_status score_run(score_table *out, const espy_model *model, const score_scenes *scenes,
                      int n_questions, const score_way *way, FILE *wrong, espy_error *err) {
    run r = { .model = model, .scenes = scenes, .wrong = wrong, .table = out };
    espy_context_params params = { .n_threads = way->n_threads,
                                   .exact = way->exact,
                                   .kernels = way->kernels };
    int is_shown = isatty(STDERR_FILENO);
    *out = (score_table){ 0 };
    espy_status status = espy_context_open(&r.context, model, &params, err);
    for (int i = 0; !status && i < n_questions; i++) {
        if (is_shown) fprintf(stderr, "\r\033[Kasking %d of %d", i + 1, n_questions);
        status = ask_and_judge(&r, &scenes->questions[i], err);
    }
    if (is_shown) fputs("\r\033[K", stderr);
    forget_images(&r);
    espy_context_close(&r.context);
    return status;
}
