/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache of what the vision tower made of pictures: that it saves passes,
 * that it changes no number, that it keeps its limit, and that nothing half
 * done gets into it. */
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

enum { WIDTH = 96, HEIGHT = 64, N_PICTURES = 3 };

static espy_model *model;
static espy_image *pictures[N_PICTURES];
static int64_t one_bytes; /* of one picture in the cache */

static const espy_sampling greedy;

/* A question about pictures, behind a system message of its own, so that no two
 * questions have a beginning in common that reaches a picture. */
typedef struct question {
    espy_part parts[4], system;
    espy_message messages[2];
    espy_request request;
    int n_looks; /* times that progress told of a vision pass */
    int stop_at; /* the look that is stopped; 0: none */
} question;

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    question *q = user;
    assert_true(done >= 0 && done <= total);
    if (strcmp(phase, "looking") != 0) return 0;
    return ++q->n_looks == q->stop_at;
}

static void make_question(question *q, const char *system, const espy_image *const *images,
                          int n_images) {
    *q = (question){ .system = { .text = system } };
    for (int i = 0; i < n_images; i++)
        q->parts[i] = (espy_part){ .type = ESPY_PART_IMAGE, .images = &images[i], .n_images = 1 };
    q->parts[n_images] = (espy_part){ .text = "What is this?" };
    q->messages[0] = (espy_message){ "system", &q->system, 1 };
    q->messages[1] = (espy_message){ "user", q->parts, n_images + 1 };
    q->request = (espy_request){ .messages = q->messages,
                                 .n_messages = 2,
                                 .max_tokens = 1,
                                 .sampling = &greedy,
                                 .on_progress = on_progress,
                                 .user = q };
}

static espy_context *open_context(int64_t cache_bytes) {
    espy_context *c;
    espy_context_params p = { .n_threads = 1, .vision_cache_bytes = cache_bytes };
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_OK);
    return c;
}

/* Asks about one picture; returns how many came from the cache. */
static int ask(espy_context *c, const char *system, const espy_image *image, int *n_looks) {
    question q;
    espy_result r;
    espy_error err = { 0 };
    make_question(&q, system, &image, 1);
    if (espy_generate(c, &q.request, &r, &err)) fail_msg("%s", err.message);
    int n = r.n_cached_images;
    if (n_looks) *n_looks = q.n_looks;
    espy_result_clear(&r);
    return n;
}

/* The logits behind the prompt, bit for bit. */
static void assert_same_logits(const espy_context *a, const espy_context *b) {
    assert_memory_equal(a->lane.logits, b->lane.logits,
                        (size_t)model->config.text.n_vocab * sizeof *a->lane.logits);
}

static void a_second_question_costs_no_vision_pass(void **state) {
    (void)state;
    int n_looks;
    espy_context *c = open_context(0), *without = open_context(-1);
    assert_int_equal(ask(c, "One.", pictures[0], &n_looks), 0);
    assert_true(n_looks > 0);
    assert_int_equal(ask(c, "Two.", pictures[0], &n_looks), 1);
    assert_int_equal(n_looks, 0);
    assert_int_equal(ask(without, "One.", pictures[0], NULL), 0);
    assert_int_equal(ask(without, "Two.", pictures[0], &n_looks), 0);
    assert_true(n_looks > 0);
    assert_same_logits(c, without);

    /* Rewinding forgets the tokens, not the picture. */
    assert_int_equal(espy_context_rewind(c, 0, NULL), ESPY_OK);
    assert_int_equal(ask(c, "Two.", pictures[0], &n_looks), 1);
    assert_int_equal(n_looks, 0);
    assert_same_logits(c, without);
    espy_context_close(&c);
    espy_context_close(&without);
}

static void pictures_of_one_prompt_share_a_pass(void **state) {
    (void)state;
    const espy_image *twice[] = { pictures[0], pictures[1], pictures[0] };
    espy_context *with = open_context(0), *without = open_context(-1);
    question q;
    espy_result r;
    for (int i = 0; i < 2; i++) {
        make_question(&q, "Three.", twice, 3);
        assert_int_equal(espy_generate(i ? without : with, &q.request, &r, NULL), ESPY_OK);
        assert_int_equal(r.n_cached_images, 1); /* the first one again, cache or not */
        espy_result_clear(&r);
    }
    assert_same_logits(with, without);
    espy_context_close(&with);
    espy_context_close(&without);
}

static void other_pixels_and_sizes_are_other_pictures(void **state) {
    (void)state;
    uint8_t pixels[WIDTH * HEIGHT * 3];
    espy_image *altered;
    espy_context *c = open_context(0);
    ask(c, "One.", pictures[0], NULL);
    /* each of these differs in one bit of one pixel */
    for (size_t i = 0; i < sizeof pixels; i += 997) {
        memcpy(pixels, espy_image_pixels(pictures[0]), sizeof pixels);
        pixels[i] ^= 1;
        assert_int_equal(espy_image_from_pixels(&altered, pixels, WIDTH, HEIGHT,
                                                (ptrdiff_t)WIDTH * 3, 3, ESPY_ALPHA_WHITE, NULL),
                         ESPY_OK);
        assert_int_equal(ask(c, "Two.", altered, NULL), 0);
        espy_image_close(&altered);
    }
    /* the same bytes as rows of another width */
    assert_int_equal(espy_image_from_pixels(&altered, espy_image_pixels(pictures[0]), HEIGHT, WIDTH,
                                            (ptrdiff_t)HEIGHT * 3, 3, ESPY_ALPHA_WHITE, NULL),
                     ESPY_OK);
    assert_int_equal(ask(c, "Two.", altered, NULL), 0);
    espy_image_close(&altered);

    question q;
    espy_result r;
    make_question(&q, "Two.", (const espy_image *const *)pictures, 1);
    q.request.min_pixels = q.request.max_pixels = 128 * 128;
    assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
    assert_int_equal(r.n_cached_images, 0);
    espy_result_clear(&r);
    espy_context_close(&c);
}

static void the_longest_unused_leaves(void **state) {
    (void)state;
    espy_context *c = open_context(2 * one_bytes);
    static const struct {
        int picture, cached;
    } steps[] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 2, 0 }, /* 1 leaves */
                  { 0, 1 }, { 2, 1 }, { 1, 0 },           /* 0 leaves */
                  { 2, 1 }, { 0, 0 } };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char system[16];
        snprintf(system, sizeof system, "%zu.", i);
        if (ask(c, system, pictures[steps[i].picture], NULL) != steps[i].cached)
            fail_msg("step %zu", i);
        assert_true(c->seen.n_bytes <= 2 * one_bytes);
    }
    assert_true(c->seen.n_bytes == 2 * one_bytes);
    espy_context_close(&c);
}

static void limits_are_kept(void **state) {
    (void)state;
    static const int64_t none[] = { -1, 1 };
    for (size_t i = 0; i < 3; i++) {
        espy_context *c = open_context(i < 2 ? none[i] : one_bytes - 1);
        ask(c, "One.", pictures[0], NULL);
        assert_int_equal(ask(c, "Two.", pictures[0], NULL), 0);
        assert_null(c->seen.first);
        espy_context_close(&c);
    }
    espy_context *c = open_context(one_bytes);
    ask(c, "One.", pictures[0], NULL);
    assert_int_equal(ask(c, "Two.", pictures[0], NULL), 1);
    espy_context_close(&c);

    espy_memory_estimate m;
    espy_context_params p = { .vision_cache_bytes = 12345 };
    assert_int_equal(espy_estimate_memory(model, &p, 0, &m, NULL), ESPY_OK);
    assert_int_equal(m.vision_cache_bytes, 12345);
    p.vision_cache_bytes = -7;
    assert_int_equal(espy_estimate_memory(model, &p, 0, &m, NULL), ESPY_OK);
    assert_int_equal(m.vision_cache_bytes, 0);
    assert_int_equal(espy_estimate_memory(model, NULL, 0, &m, NULL), ESPY_OK);
    assert_int_equal(m.vision_cache_bytes, 64 << 20);
}

/* What a stop or a failure leaves answers like a context that never saw it. */
static void assert_sound(espy_context *c, espy_context *fresh) {
    ask(c, "After.", pictures[0], NULL);
    assert_same_logits(c, fresh);
}

static void a_stopped_pass_leaves_nothing(void **state) {
    (void)state;
    int n_looks;
    espy_context *fresh = open_context(-1);
    ask(fresh, "After.", pictures[0], &n_looks);
    assert_true(n_looks > 2);
    for (int stop = 1; stop <= n_looks; stop++) {
        question q;
        espy_result r;
        espy_context *c = open_context(0);
        make_question(&q, "Before.", (const espy_image *const *)pictures, 1);
        q.stop_at = stop;
        assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_ERR_STOPPED);
        assert_null(c->seen.first);
        assert_int_equal(c->seen.n_bytes, 0);
        espy_result_clear(&r);
        assert_sound(c, fresh);
        espy_context_close(&c);
    }
    espy_context_close(&fresh);
}

static void failed_allocations_leave_nothing(void **state) {
    (void)state;
    int n_failed = 0;
    espy_context *fresh = open_context(-1);
    ask(fresh, "After.", pictures[0], NULL);
    for (long k = 1;; k++) {
        question q;
        espy_result r;
        espy_context *c = open_context(0);
        make_question(&q, "Before.", (const espy_image *const *)pictures, 2);
        failing_alloc_set(k);
        espy_status status = espy_generate(c, &q.request, &r, NULL);
        long count = failing_alloc_count();
        failing_alloc_set(0);
        if (status) assert_int_equal(status, ESPY_ERR_MEMORY);
        n_failed += status != ESPY_OK;
        espy_result_clear(&r);
        assert_sound(c, fresh);
        espy_context_close(&c);
        if (count < k) break;
    }
    assert_true(n_failed > 20);
    espy_context_close(&fresh);
}

static int open_all(void **state) {
    (void)state;
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    espy_error err = { 0 };
    if (espy_model_open(&model, path, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    for (int k = 0; k < N_PICTURES; k++) {
        for (int i = 0; i < WIDTH * HEIGHT * 3; i++) pixels[i] = (uint8_t)(i * (k + 3) / 7);
        if (espy_image_from_pixels(&pictures[k], pixels, WIDTH, HEIGHT, (ptrdiff_t)WIDTH * 3, 3,
                                   ESPY_ALPHA_WHITE, NULL))
            return -1;
    }
    espy_context *c = open_context(0);
    ask(c, "One.", pictures[0], NULL);
    one_bytes = c->seen.n_bytes;
    espy_context_close(&c);
    return one_bytes <= 0;
}

static int close_all(void **state) {
    (void)state;
    for (int k = 0; k < N_PICTURES; k++) espy_image_close(&pictures[k]);
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_question_costs_no_vision_pass),
        cmocka_unit_test(pictures_of_one_prompt_share_a_pass),
        cmocka_unit_test(other_pixels_and_sizes_are_other_pictures),
        cmocka_unit_test(the_longest_unused_leaves),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_stopped_pass_leaves_nothing),
        cmocka_unit_test(failed_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
