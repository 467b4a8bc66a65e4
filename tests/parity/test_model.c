/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model family against the reference implementation, through the espy program.
 *
 *     test_model FAMILY RUN [exact|fast|scalar [CASE...]]
 *
 * A run is an entry of <family>.json: a tiny model below tests/data/<family>, the
 * folder with the reference's answers, and the requests. For each request
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

enum { MAX_CASES = 64, PATH_ROOM = 1024 };

#define EXACT_BOUNDS                                                                               \
    { .vision_rel = 1e-4, .logits_max = 1e-3, .logprob_max = 2e-3, .margin = 0.0025 }

static const struct mode {
    const char *name;
    bounds at;
    const char *options[4];
} modes[] = {
    { "exact", EXACT_BOUNDS, { "--exact" } },
    { "fast",
      { .vision_rel = 2e-2,
        .logits_max = 0.2,
        .logprob_max = 0.2,
        .margin = 0.25,
        .routing = 0.012 },
      { NULL } },
    { "scalar", EXACT_BOUNDS, { "--exact", "--kernels", "scalar" } },
};

static const struct mode *the_mode = modes;
static const char *run_name;
static const cJSON *the_run;
static char data[PATH_ROOM], scratch[PATH_ROOM]; /* the family's folder, our own */

static void path_of(char *out, const char *folder, const char *name, const char *ending) {
    int n = snprintf(out, PATH_ROOM, "%s/%s%s", folder, name, ending);
    assert_in_range(n, 1, PATH_ROOM - 1);
}

static const cJSON *at(const cJSON *json, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

/* A text of the run; NULL: it has none of that name. */
static const char *of_run(const char *key) {
    return cJSON_GetStringValue(at(the_run, key));
}

static cJSON *load_json(const char *path) {
    char *text = read_whole(path, NULL);
    cJSON *json = text ? cJSON_Parse(text) : NULL;
    free(text);
    return json;
}

/* espy on one request; its JSON, or NULL. */
static cJSON *answer(const char *name, const char *trace) {
    static char model[PATH_ROOM], mmproj[PATH_ROOM], request[PATH_ROOM], out[PATH_ROOM];
    static char requests[PATH_ROOM];
    path_of(requests, data, "requests", "");
    path_of(model, data, of_run("model"), "");
    path_of(request, requests, name, ".json");
    path_of(out, scratch, "out", ".json");
    const char *argv[16] = {
        getenv("ESPY_PROGRAM"), "run", "--model", model, "--request", request, "--trace", trace
    };
    int n = 8;
    if (of_run("mmproj")) {
        path_of(mmproj, data, of_run("mmproj"), "");
        argv[n++] = "--mmproj";
        argv[n++] = mmproj;
    }
    for (int i = 0; the_mode->options[i]; i++) argv[n++] = the_mode->options[i];
    int status = program_run((char *const *)argv, out);
    if (status != 0) {
        print_error("espy run ended with %d\n", status);
        return NULL;
    }
    cJSON *json = load_json(out);
    unlink(out);
    return json;
}

/* Vision tokens and taps, of pictures or films. */
static int compare_vision(const tensors *trace, const tensors *floats, const char *kind,
                          const bounds *b) {
    static const char *const names[] = { "embeds", "deepstack_0", "deepstack_1", "deepstack_2" };
    int bad = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_%s", kind, names[i]);
        bad += stage_floats(name, tensors_find(trace, name, "F32"),
                            tensors_find(floats, name, "F32"), b->vision_rel, 0);
    }
    return bad;
}

/* Answers about no film say nothing of films. */
static int compare_films(const cJSON *got, const tensors *trace, const cJSON *want) {
    const cJSON *none = cJSON_CreateArrayReference(NULL), *null = cJSON_CreateNull();
    const cJSON *grids = at(want, "video_grid_thw"), *pixels = at(want, "pixel_values_videos");
    int bad = stage_numbers("video_grid_thw", at(got, "video_grid_thw"), grids ? grids : none);
    bad += stage_pixels("pixel_values_videos", tensors_find(trace, "pixel_values_videos", "F32"),
                        pixels ? pixels : null);
    const cJSON *t = at(got, "video_times") ? at(got, "video_times")->child : NULL;
    const cJSON *w = at(want, "video_times") ? at(want, "video_times")->child : NULL;
    for (; t && w && t->valuedouble == w->valuedouble; t = t->next) w = w->next;
    if (t || w) printf("  video_times        FAILS\n");
    cJSON_Delete((cJSON *)none);
    cJSON_Delete((cJSON *)null);
    return bad + (t || w);
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
    bad += compare_films(got, trace, want);
    bad += compare_vision(trace, floats, "image", b);
    bad += compare_vision(trace, floats, "video", b);
    if (cJSON_GetArraySize(at(want, "top_logprobs")) == 0) {
        printf("  last_logits        not asked for: experts near a tie\n");
        return bad;
    }
    bad += stage_floats("last_logits", tensors_find(trace, "last_logits", "F32"),
                        tensors_find(floats, "last_logits", "F32"), 0, b->logits_max);
    bad +=
        stage_logprobs(at(got, "top_logprobs"), at(want, "top_logprobs"), at(want, "margins"), b);
    bad += stage_tokens(at(got, "tokens"), at(want, "tokens"), at(want, "margins"), b->margin);
    return bad;
}

/* Takes back what is expected of the steps behind a choice of experts near a tie. */
static void forget_ties(const cJSON *want, double least) {
    cJSON *top = cJSON_GetObjectItemCaseSensitive(want, "top_logprobs");
    cJSON *margins = cJSON_GetObjectItemCaseSensitive(want, "margins");
    int n = 0;
    for (const cJSON *m = at(want, "routing_margins") ? at(want, "routing_margins")->child : NULL;
         m && m->valuedouble >= least; m = m->next)
        n++;
    if (!at(want, "routing_margins")) return;
    while (cJSON_GetArraySize(top) > n) cJSON_DeleteItemFromArray(top, n);
    for (int i = n; i < cJSON_GetArraySize(margins); i++)
        cJSON_SetNumberValue(cJSON_GetArrayItem(margins, i), 0);
}

static void one_case(void **state) {
    const char *name = *state;
    static char folder[PATH_ROOM], path[PATH_ROOM], trace_path[PATH_ROOM];
    printf("%s, %s, %s:\n", run_name, the_mode->name, name);
    fflush(stdout);
    path_of(trace_path, scratch, "trace", ".safetensors");
    cJSON *got = answer(name, trace_path);
    assert_non_null(got);
    path_of(path, data, "expected", "");
    path_of(folder, path, of_run("expected"), "");
    path_of(path, folder, name, ".json");
    cJSON *want = load_json(path);
    assert_non_null(want);
    forget_ties(want, the_mode->at.routing);
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

/* The run of that name in <family>.json; it lives as long as *runs. */
static const cJSON *find_run(const char *root, const char *family, const char *name, cJSON **runs) {
    char path[PATH_ROOM], folder[PATH_ROOM];
    path_of(folder, root, "tests/parity", "");
    path_of(path, folder, family, ".json");
    *runs = load_json(path);
    const cJSON *found = at(*runs, name);
    if (!cJSON_GetStringValue(at(found, "model")) || !cJSON_GetStringValue(at(found, "expected")))
        found = NULL;
    if (!found) fprintf(stderr, "%s: no run '%s' with a model and its answers\n", path, name);
    return found;
}

/* The cases of the run, or those of the command line. */
static size_t list_cases(struct CMUnitTest *tests, char **argv) {
    size_t n = 0;
    if (argv) {
        for (; n < MAX_CASES && argv[n]; n++) tests[n].name = argv[n];
    } else {
        const cJSON *cases = at(the_run, "cases");
        for (const cJSON *c = cases ? cases->child : NULL; c && n < MAX_CASES; c = c->next)
            tests[n++].name = cJSON_GetStringValue(c);
    }
    for (size_t i = 0; i < n; i++) {
        tests[i].test_func = one_case;
        tests[i].initial_state = (void *)tests[i].name;
    }
    return n;
}

int main(int argc, char **argv) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    for (size_t i = 0; argc > 3 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(modes[i].name, argv[3])) the_mode = &modes[i];
    if (argc < 3 || !root || !getenv("ESPY_PROGRAM")) {
        fprintf(stderr, "usage: ESPY_SOURCE_ROOT=DIR ESPY_PROGRAM=FILE test_model FAMILY RUN "
                        "[MODE [CASE...]]\n");
        return 2;
    }
    const char *elsewhere = getenv("ESPY_PARITY_DATA"); /* see tests/reference/more_cases.py */
    char whole[PATH_ROOM];
    path_of(whole, elsewhere ? elsewhere : root, elsewhere ? "" : "tests/data", "");
    path_of(data, whole, argv[1], "");
    cJSON *runs;
    run_name = argv[2];
    the_run = find_run(root, argv[1], run_name, &runs);
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/espy-parity-XXXXXX", tmp ? tmp : "/tmp");
    if (!the_run || !mkdtemp(scratch)) {
        perror(scratch);
        return 2;
    }
    struct CMUnitTest tests[MAX_CASES] = { 0 };
    size_t n = list_cases(tests, argc > 4 ? argv + 4 : NULL);
    int failed = n ? _cmocka_run_group_tests(run_name, tests, n, NULL, NULL) : 1;
    rmdir(scratch);
    cJSON_Delete(runs);
    return failed != 0;
}
