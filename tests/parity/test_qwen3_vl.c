/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen3-VL against the reference implementation, through the espy program.
 *
 *     test_qwen3_vl RUN [exact|fast|scalar [CASE...]]
 *
 * A run is a row of `runs`: a tiny model, the folder with the reference's
 * answers, and the requests. For each request
 *
 *     espy run --model M [--mmproj F] --request R.json [--exact] --trace T
 *
 * and prompt, ids, positions, pixels, vision tokens, DeepStack features, logits
 * and greedy ids are compared in this order, each with its own line.
 *
 * exact: the bounds of the project: vision 1e-4 relative, logits 1e-3 absolute,
 * all greedy ids. A GGUF has them too, for its expectations come from the numbers
 * that it holds. fast: the default settings (16-bit cache, inputs rounded for
 * integer and bfloat16 products) may cost what `modes` says, about twice what
 * was seen; greedy ids are asked for up to the first step where the reference
 * itself is near a tie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"
#include "stages.h"

enum { MAX_CASES = 24, PATH_ROOM = 1024 };

typedef struct run {
    const char *name;
    const char *model;    /* below tests/data/qwen3_vl */
    const char *mmproj;   /* NULL: espy finds it       */
    const char *expected; /* folder of the expectations */
    const char *cases[MAX_CASES];
} run;

#define GGUF_CASES                                                                                 \
    { "text", "unicode", "gguf_picture", "gguf_pictures" }

static const run runs[] = {
    { "bf16",
      "bf16",
      NULL,
      "bf16",
      { "text",    "unicode",      "picture",        "odd_size",      "dot",    "small",
        "tall",    "wide",         "rgba",           "rgba_drop",     "grey",   "jpeg",
        "rotated", "two_pictures", "turns",          "vision_id",     "system", "pixels_part",
        "penalty", "prompt",       "prompt_picture", "pixels_request" } },
    { "f32", "f32", NULL, "f32", { "text", "picture", "odd_size", "two_pictures", "turns" } },
    { "f16", "f16", NULL, "f16", { "text", "rgba", "tall", "jpeg" } },
    { "fp8", "fp8", NULL, "fp8", { "text", "picture", "jpeg" } },
    { "micro", "micro", NULL, "micro", GGUF_CASES },
    { "gguf-bf16", "gguf/micro-bf16.gguf", NULL, "micro", GGUF_CASES },
    { "gguf-f16-split", "gguf/micro-f16-00001-of-00002.gguf", "gguf/mmproj-micro-f16.gguf", "micro",
      GGUF_CASES },
    { "gguf-mixed", "gguf/micro-bf16.gguf", "gguf/mmproj-micro-f16.gguf", "micro", GGUF_CASES },
    { "gguf-q8_0", "gguf/q8_0/tiny-q8_0.gguf", NULL, "gguf-q8_0", GGUF_CASES },
    { "gguf-one-file-clip", "gguf/one-file-clip.gguf", NULL, "micro", GGUF_CASES },
    { "gguf-one-file-native", "gguf/one-file-native.gguf", NULL, "micro", GGUF_CASES },
};

#define EXACT_BOUNDS                                                                               \
    { .vision_rel = 1e-4, .logits_max = 1e-3, .logprob_max = 2e-3, .margin = 0.0025 }

static const struct mode {
    const char *name;
    bounds at;
    const char *options[4];
} modes[] = {
    { "exact", EXACT_BOUNDS, { "--exact" } },
    { "fast",
      { .vision_rel = 2e-2, .logits_max = 0.2, .logprob_max = 0.2, .margin = 0.25 },
      { NULL } },
    { "scalar", EXACT_BOUNDS, { "--exact", "--kernels", "scalar" } },
};

static const run *the_run;
static const struct mode *the_mode = modes;
static char data[PATH_ROOM], scratch[PATH_ROOM];

static void path_of(char *out, const char *folder, const char *name, const char *ending) {
    int n = snprintf(out, PATH_ROOM, "%s/%s%s", folder, name, ending);
    assert_in_range(n, 1, PATH_ROOM - 1);
}

static const cJSON *at(const cJSON *json, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

/* espy on one request; its JSON, or NULL. */
static cJSON *answer(const char *name, const char *trace) {
    static char model[PATH_ROOM], mmproj[PATH_ROOM], request[PATH_ROOM], out[PATH_ROOM];
    static char requests[PATH_ROOM];
    path_of(requests, data, "requests", "");
    path_of(model, data, the_run->model, "");
    path_of(request, requests, name, ".json");
    path_of(out, scratch, "out", ".json");
    const char *argv[16] = {
        getenv("ESPY_PROGRAM"), "run", "--model", model, "--request", request, "--trace", trace
    };
    int n = 8;
    if (the_run->mmproj) {
        path_of(mmproj, data, the_run->mmproj, "");
        argv[n++] = "--mmproj";
        argv[n++] = mmproj;
    }
    for (int i = 0; the_mode->options[i]; i++) argv[n++] = the_mode->options[i];
    int status = program_run((char *const *)argv, out);
    if (status != 0) {
        print_error("espy run ended with %d\n", status);
        return NULL;
    }
    char *text = read_whole(out, NULL);
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    free(text);
    unlink(out);
    return json;
}

static int compare(const cJSON *got, const tensors *trace, const cJSON *want, const tensors *floats,
                   const bounds *b) {
    int bad = 0;
    if (cJSON_IsString(at(want, "rendered")))
        bad += stage_text("rendered", at(got, "rendered"), at(want, "rendered"));
    view ids = tensors_find(trace, "input_ids", "I32");
    bad += stage_ints("input_ids", ids.data, ids.n, at(want, "input_ids"));
    const cJSON *count = at(got, "prompt_tokens");
    if (!count || count->valueint != cJSON_GetArraySize(at(want, "input_ids"))) {
        printf("  prompt_tokens      FAILS\n");
        bad++;
    }
    view positions = tensors_find(trace, "position_ids", "I32");
    bad += stage_ints("position_ids", positions.data, positions.n, at(want, "position_ids"));
    bad += stage_numbers("rope_delta", at(got, "rope_delta"), at(want, "rope_delta"));
    bad += stage_numbers("image_grid_thw", at(got, "image_grid_thw"), at(want, "image_grid_thw"));
    bad += stage_pixels("pixel_values", tensors_find(trace, "pixel_values", "F32"),
                        at(want, "pixel_values"));
    static const char *const vision[] = { "image_embeds", "image_deepstack_0", "image_deepstack_1",
                                          "image_deepstack_2" };
    for (size_t i = 0; i < sizeof vision / sizeof *vision; i++)
        bad += stage_floats(vision[i], tensors_find(trace, vision[i], "F32"),
                            tensors_find(floats, vision[i], "F32"), b->vision_rel, 0);
    bad += stage_floats("last_logits", tensors_find(trace, "last_logits", "F32"),
                        tensors_find(floats, "last_logits", "F32"), 0, b->logits_max);
    bad +=
        stage_logprobs(at(got, "top_logprobs"), at(want, "top_logprobs"), at(want, "margins"), b);
    bad += stage_tokens(at(got, "tokens"), at(want, "tokens"), at(want, "margins"), b->margin);
    return bad;
}

static void one_case(void **state) {
    const char *name = *state;
    static char folder[PATH_ROOM], path[PATH_ROOM], trace_path[PATH_ROOM];
    printf("%s, %s, %s:\n", the_run->name, the_mode->name, name);
    fflush(stdout);
    path_of(trace_path, scratch, "trace", ".safetensors");
    cJSON *got = answer(name, trace_path);
    assert_non_null(got);
    path_of(path, data, "expected", "");
    path_of(folder, path, the_run->expected, "");
    path_of(path, folder, name, ".json");
    char *text = read_whole(path, NULL);
    assert_non_null(text);
    cJSON *want = cJSON_Parse(text);
    free(text);
    assert_non_null(want);
    tensors trace, floats;
    path_of(path, folder, name, ".safetensors");
    assert_int_equal(tensors_open(&floats, path), 0);
    assert_int_equal(tensors_open(&trace, trace_path), 0);
    int bad = compare(got, &trace, want, &floats, &the_mode->at);
    fflush(stdout);
    tensors_close(&trace);
    tensors_close(&floats);
    cJSON_Delete(want);
    cJSON_Delete(got);
    unlink(trace_path);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    for (size_t i = 0; argc > 1 && i < sizeof runs / sizeof *runs; i++)
        if (!strcmp(runs[i].name, argv[1])) the_run = &runs[i];
    for (size_t i = 0; argc > 2 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(modes[i].name, argv[2])) the_mode = &modes[i];
    if (!the_run || !root || !getenv("ESPY_PROGRAM")) {
        fprintf(
            stderr,
            "usage: ESPY_SOURCE_ROOT=DIR ESPY_PROGRAM=FILE test_qwen3_vl RUN [MODE [CASE...]]\n");
        return 2;
    }
    const char *elsewhere = getenv("ESPY_PARITY_DATA"); /* see tests/reference/more_cases.py */
    path_of(data, elsewhere ? elsewhere : root, elsewhere ? "" : "tests/data/qwen3_vl", "");
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/espy-parity-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(scratch)) {
        perror(scratch);
        return 2;
    }
    struct CMUnitTest tests[MAX_CASES] = { 0 };
    size_t n = 0;
    const char *const *cases = argc > 3 ? (const char *const *)argv + 3 : the_run->cases;
    for (; n < MAX_CASES && cases[n]; n++)
        tests[n] = (struct CMUnitTest){ cases[n], one_case, NULL, NULL, (void *)cases[n] };
    int failed = _cmocka_run_group_tests(the_run->name, tests, n, NULL, NULL);
    rmdir(scratch);
    return failed != 0;
}
