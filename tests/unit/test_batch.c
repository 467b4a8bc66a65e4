/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many requests at a time: that each answer is bit for bit that of a context of its
 * own, that results come in order, that one that fails takes no other with it, and what
 * a stop or a failed allocation leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_alloc.h"
#include "generate/context.h"

enum { N_PICTURES = 4, N = 13, LIMIT = 700 };
enum { NO_FILE = 3, TOO_LONG = 7 }; /* requests that fail */

static espy_model *model;
static espy_image *pictures[N_PICTURES];
static char long_text[4 * LIMIT];

/* One request, with all that it points to. */
typedef struct question {
    const espy_image *image[1];
    espy_part parts[2];
    espy_message message;
    espy_sampling sampling;
    int stops; /* on_text is called so often, then stops; 0: it does not */
    int n_pieces;
    int is_open;
} question;

static int on_text(void *user, const char *piece, size_t n_bytes) {
    question *q = user;
    (void)piece, (void)n_bytes;
    assert_true(q->is_open);
    return ++q->n_pieces == q->stops;
}

/* All kinds: pictures of every size, some twice; text alone, of few tokens, of more
 * than a pass; sampled and greedy; short and long answers. */
static void make_request(question *q, int64_t i, espy_request *r) {
    static const char *const texts[] = { "What is this?", "Describe it.", "Hi" };
    *q = (question){ .is_open = 1 };
    q->image[0] = pictures[i * 3 % 5 % N_PICTURES];
    q->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE, .images = q->image, .n_images = 1 };
    q->parts[1] = (espy_part){ .text = i == TOO_LONG ? long_text : texts[i % 3] };
    q->message = (espy_message){ "user", i % 6 == 5 ? q->parts + 1 : q->parts, i % 6 == 5 ? 1 : 2 };
    q->sampling = (espy_sampling){ .temperature = i % 2 ? 1.5 : 0, .seed = (uint64_t)i };
    q->stops = i == 8 ? 3 : 0;
    *r = (espy_request){ .messages = &q->message,
                         .n_messages = 1,
                         .max_tokens = 1 + (int)(i * 5 % 12),
                         .sampling = &q->sampling,
                         .ignore_eos = i % 4 != 0,
                         .min_pixels = 1024,
                         .n_top_logprobs = 3,
                         .on_text = on_text,
                         .user = q };
    if (i == 10) { /* longer than a pass by less than is rounded alone */
        static char words[2 * 514 + 1];
        for (int k = 0; k < 514; k++) memcpy(words + 2 * k, " a", 2);
        r->messages = NULL;
        r->prompt = words;
    }
    if (i == 11) { /* a single token */
        r->messages = NULL;
        r->prompt = "a";
    }
}

typedef struct run {
    question questions[N];
    espy_result *alone; /* [N] what is expected; NULL: anything */
    int64_t n_asked, n_told;
    int n_calls, stop_at; /* of on_progress; 0: none */
    int64_t stop_after;   /* on_result stops after this request */
    int n_failed, n_stopped;
    int failing; /* allocations fail */
} run;

static espy_status on_request(void *user, int64_t i, espy_request *r, espy_error *err) {
    run *t = user;
    assert_int_equal(i, t->n_asked++);
    assert_true(r->messages == NULL && r->max_tokens == 0);
    make_request(&t->questions[i], i, r);
    if (i != NO_FILE) return ESPY_OK;
    snprintf(err->message, sizeof err->message, "no such file");
    err->code = ESPY_ERR_IO;
    return ESPY_ERR_IO;
}

static void assert_same(const espy_result *a, const espy_result *b, int64_t i) {
    if (a->n_tokens != b->n_tokens ||
        memcmp(a->tokens, b->tokens, (size_t)a->n_tokens * sizeof *a->tokens) != 0)
        fail_msg("request %d: other tokens than alone", (int)i);
    assert_memory_equal(a->top_logprobs, b->top_logprobs,
                        (size_t)(a->n_tokens * a->n_top_logprobs) * sizeof *a->top_logprobs);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->rendered, b->rendered);
    assert_int_equal(a->finish, b->finish);
    assert_int_equal(a->n_prompt_tokens, b->n_prompt_tokens);
}

static int on_result(void *user, int64_t i, espy_status status, const espy_result *r,
                     const espy_error *err) {
    run *t = user;
    assert_int_equal(i, t->n_told++);
    assert_true(i < t->n_asked);
    t->questions[i].is_open = 0;
    if (status) {
        assert_true(err->code == status && err->message[0]);
        assert_null(r->tokens && status != ESPY_ERR_STOPPED ? r->tokens : NULL);
    }
    if (status == ESPY_ERR_STOPPED) t->n_stopped++;
    if (i == NO_FILE && !t->failing) {
        assert_int_equal(status, ESPY_ERR_IO);
        assert_string_equal(err->message, "no such file");
    } else if (i == TOO_LONG && !t->failing && status != ESPY_ERR_STOPPED) {
        assert_int_equal(status, ESPY_ERR_FULL);
    } else if (!status && t->alone) {
        assert_same(r, &t->alone[i], i);
    } else if (status) {
        assert_true(t->failing || t->stop_at || t->stop_after || i == NO_FILE);
        t->n_failed++;
    }
    return t->stop_after && i == t->stop_after;
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    run *t = user;
    assert_true(done >= 0 && done <= total && total > 0 && phase[0]);
    return ++t->n_calls == t->stop_at;
}

static espy_context *open_context(espy_context_params p) {
    espy_context *c;
    if (!p.n_context) p.n_context = LIMIT;
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_OK);
    return c;
}

static espy_status generate(espy_context *c, run *t) {
    espy_batch b = { .n = N,
                     .on_request = on_request,
                     .on_result = on_result,
                     .on_progress = on_progress,
                     .user = t };
    espy_error err = { 0 };
    t->n_asked = t->n_told = 0;
    t->n_calls = t->n_failed = t->n_stopped = 0;
    espy_status status = espy_generate_batch(c, &b, &err);
    assert_int_equal(t->n_asked, t->n_told); /* each has its end */
    if (status) assert_true(err.code == status && err.message[0]);
    return status;
}

/* One at a time, each in a context of its own. */
static void answer_alone(espy_context_params p, espy_result results[N]) {
    for (int64_t i = 0; i < N; i++) {
        question q;
        espy_request r;
        espy_context *c = open_context(p);
        make_request(&q, i, &r);
        results[i] = (espy_result){ 0 };
        espy_status status = espy_generate(c, &r, &results[i], NULL);
        assert_int_equal(status, i == TOO_LONG ? ESPY_ERR_FULL : ESPY_OK);
        espy_context_close(&c);
    }
}

static void clear(espy_result results[N]) {
    for (int i = 0; i < N; i++) espy_result_clear(&results[i]);
}

static void answers_are_those_of_one_at_a_time(void **state) {
    (void)state;
    static const int lanes[] = { 1, 2, 3, 8, 64 };
    for (int k = 0; k < espy_n_targets; k++)
        for (int exact = 0; exact < 2 && espy_kernels_available(k); exact++) {
            espy_result alone[N];
            espy_context_params p = { .n_threads = 1,
                                      .kernels = espy_targets[k].name,
                                      .exact = exact,
                                      .cache_type = exact ? ESPY_CACHE_F32 : ESPY_CACHE_F16 };
            answer_alone(p, alone);
            for (int i = 0; i < 5; i++) {
                static run t;
                t = (run){ .alone = alone };
                p.n_lanes = lanes[i];
                p.n_threads = i == 2 && k == espy_n_targets - 1 ? 2 : 1;
                p.pass_tokens = i == 3 ? 16 : 0;
                espy_context *c = open_context(p);
                assert_int_equal(generate(c, &t), ESPY_OK);
                assert_int_equal(t.n_told, N);
                assert_int_equal(generate(c, &t), ESPY_OK); /* pictures from the cache */
                assert_int_equal(espy_context_length(c), 0);
                espy_context_close(&c);
            }
            clear(alone);
        }
}

static void other_types_and_families_too(void **state) {
    (void)state;
    static const char *const names[] = { "qwen3_vl/f32",  "qwen3_vl/gguf/q8_0", "qwen3_vl_moe/bf16",
                                         "qwen2_vl/bf16", "qwen2_5_vl/bf16",    "qwen_vl/f16" };
    espy_model *bf16 = model;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[1024];
        const char *root = getenv("ESPY_SOURCE_ROOT");
        snprintf(path, sizeof path, "%s/tests/data/%s", root ? root : ".", names[k]);
        assert_int_equal(espy_model_open(&model, path, NULL, NULL), ESPY_OK);
        espy_result alone[N];
        espy_context_params p = { .n_threads = 1 };
        answer_alone(p, alone);
        static run t;
        t = (run){ .alone = alone };
        espy_context *c = open_context(p);
        assert_int_equal(generate(c, &t), ESPY_OK);
        espy_context_close(&c);
        clear(alone);
        espy_model_close(&model);
    }
    model = bf16;
}

/* A raw prompt, and the same with its answer behind it. */
typedef struct continued {
    char prompts[2][400];
    espy_sampling sampling;
    espy_result alone[2];
} continued;

static void ask_continued(const continued *t, int64_t i, espy_request *r) {
    *r = (espy_request){ .prompt = t->prompts[i],
                         .max_tokens = 24,
                         .sampling = &t->sampling,
                         .ignore_eos = 1,
                         .n_top_logprobs = 3 };
}

static espy_status on_continued(void *user, int64_t i, espy_request *r, espy_error *err) {
    (void)err;
    ask_continued(user, i, r);
    return ESPY_OK;
}

static int compare_continued(void *user, int64_t i, espy_status status, const espy_result *r,
                             const espy_error *err) {
    const continued *t = user;
    (void)err;
    assert_int_equal(status, ESPY_OK);
    assert_same(r, &t->alone[i], i);
    return 0;
}

static void answer_continued(continued *t, espy_context *c, int i) {
    espy_request r;
    ask_continued(t, i, &r);
    espy_result_clear(&t->alone[i]);
    assert_int_equal(espy_generate(c, &r, &t->alone[i], NULL), ESPY_OK);
}

/* Prompts of which the second begins with tokens that the first one's answer has. */
static void make_continued(continued *t, espy_context_params p) {
    strcpy(t->prompts[0], "one two three four five six");
    for (t->sampling = (espy_sampling){ .temperature = 1.5 }; t->sampling.seed < 100;) {
        espy_context *c = open_context(p);
        answer_continued(t, c, 0);
        snprintf(t->prompts[1], sizeof t->prompts[1], "%s%.300s and so on, and on, and on",
                 t->prompts[0], t->alone[0].text);
        answer_continued(t, c, 1);
        espy_context_close(&c);
        if (t->alone[1].n_reused_tokens > t->alone[0].n_prompt_tokens + 2) return;
        t->sampling.seed++;
    }
    fail_msg("no answer is the beginning of a prompt");
}

static void answers_on_a_lane_are_not_read_as_prompts(void **state) {
    (void)state;
    static continued t;
    const espy_context_params p = { .n_threads = 1, .n_lanes = 1 };
    make_continued(&t, p);
    espy_context *c = open_context(p);
    answer_continued(&t, c, 1);
    espy_context_close(&c);
    c = open_context(p);
    espy_batch b = {
        .n = 2, .on_request = on_continued, .on_result = compare_continued, .user = &t
    };
    assert_int_equal(espy_generate_batch(c, &b, NULL), ESPY_OK);
    espy_context_close(&c);
    for (int i = 0; i < 2; i++) espy_result_clear(&t.alone[i]);
}

static void a_stop_ends_all(void **state) {
    (void)state;
    static run t;
    espy_context_params p = { .n_threads = 1, .n_lanes = 4 };
    espy_result alone[N];
    answer_alone(p, alone);
    t = (run){ .alone = alone };
    espy_context *c = open_context(p);
    assert_int_equal(generate(c, &t), ESPY_OK);
    int n_calls = t.n_calls;
    espy_context_close(&c);
    assert_true(n_calls > 20);
    for (int stop = 1; stop < n_calls - 1; stop += 3) {
        c = open_context(p);
        t.stop_at = stop;
        espy_status status = generate(c, &t);
        if (status) { /* the last calls come by the clock */
            assert_int_equal(status, ESPY_ERR_STOPPED);
            assert_true(t.n_stopped > 0 || t.n_told < N);
        }
        t.stop_at = 0;
        assert_int_equal(generate(c, &t), ESPY_OK); /* and can be done again */
        espy_context_close(&c);
    }
    c = open_context(p);
    t.stop_after = 2;
    assert_int_equal(generate(c, &t), ESPY_ERR_STOPPED);
    assert_true(t.n_told >= 3 && t.n_told < N);
    espy_context_close(&c);
    clear(alone);
}

static void bad_calls_are_refused(void **state) {
    (void)state;
    static run t;
    espy_context *c = open_context((espy_context_params){ 0 });
    espy_batch b = { .n = 0, .on_request = on_request, .on_result = on_result, .user = &t };
    assert_int_equal(espy_generate_batch(c, &b, NULL), ESPY_OK); /* of nothing */
    b.n = -1;
    assert_int_equal(espy_generate_batch(c, &b, NULL), ESPY_ERR_ARGUMENT);
    b.n = 1;
    b.on_result = NULL;
    assert_int_equal(espy_generate_batch(c, &b, NULL), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_generate_batch(NULL, &b, NULL), ESPY_ERR_ARGUMENT);
    assert_int_equal(t.n_asked, 0);
    espy_context_close(&c);
    espy_context_params p = { .n_lanes = 65 };
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_ERR_ARGUMENT);

    espy_memory_estimate one, eight;
    p = (espy_context_params){ .n_context = 1000, .n_lanes = 1 }; /* 64 of 1000 are too many */
    assert_int_equal(espy_estimate_memory(model, &p, 0, &one, NULL), ESPY_OK);
    p.n_lanes = 0;
    assert_int_equal(espy_estimate_memory(model, &p, 0, &eight, NULL), ESPY_OK);
    assert_int_equal(one.batch_bytes, one.cache_bytes);
    assert_int_equal(eight.batch_bytes, 8 * one.cache_bytes);
    p.n_lanes = 64;
    assert_int_equal(espy_estimate_memory(model, &p, 0, &eight, NULL), ESPY_OK);
    assert_int_equal(eight.batch_bytes, one.cache_bytes / 1000 * 8192);
    p.n_context = 10000;
    assert_int_equal(espy_estimate_memory(model, &p, 0, &eight, NULL), ESPY_OK);
    assert_int_equal(eight.batch_bytes, eight.cache_bytes);
}

static void failed_allocations_fail_alone(void **state) {
    (void)state;
    static run t;
    espy_result alone[N];
    espy_context_params p = { .n_threads = 1, .n_lanes = 3, .vision_cache_bytes = -1 };
    answer_alone(p, alone);
    int n_whole = 0, n_partly = 0;
    for (long k = 1;; k += k < 40 ? 1 : 29) {
        t = (run){ .alone = alone, .failing = 1 };
        espy_context *c = open_context(p);
        failing_alloc_set(k);
        espy_status status = generate(c, &t);
        long count = failing_alloc_count();
        failing_alloc_set(0);
        if (status) assert_int_equal(status, ESPY_ERR_MEMORY);
        n_whole += status == ESPY_ERR_MEMORY;
        n_partly += !status && t.n_failed > 0;
        t = (run){ .alone = alone };
        assert_int_equal(generate(c, &t), ESPY_OK);
        espy_context_close(&c);
        if (count < k) break;
    }
    if (n_whole < 3 || n_partly < 30) fail_msg("%d failed, %d in part", n_whole, n_partly);
    clear(alone);
}

static int open_all(void **state) {
    (void)state;
    static const int sizes[N_PICTURES][2] = { { 96, 64 }, { 130, 40 }, { 32, 32 }, { 64, 200 } };
    static uint8_t pixels[200 * 200 * 3];
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    espy_error err = { 0 };
    if (espy_model_open(&model, path, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    for (int k = 0; k < N_PICTURES; k++) {
        int w = sizes[k][0], h = sizes[k][1];
        for (int i = 0; i < w * h * 3; i++) pixels[i] = (uint8_t)(i * (k + 3) / 7);
        if (espy_image_from_pixels(&pictures[k], pixels, w, h, (ptrdiff_t)w * 3, 3,
                                   ESPY_ALPHA_WHITE, NULL))
            return -1;
    }
    for (size_t i = 0; i + 2 < sizeof long_text; i += 2) memcpy(long_text + i, "a ", 2);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    for (int k = 0; k < N_PICTURES; k++) espy_image_close(&pictures[k]);
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_one_at_a_time),
        cmocka_unit_test(other_types_and_families_too),
        cmocka_unit_test(answers_on_a_lane_are_not_read_as_prompts),
        cmocka_unit_test(a_stop_ends_all),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(failed_allocations_fail_alone),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
