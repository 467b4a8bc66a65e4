/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dropped vision tokens: which stay, that they keep their places, that nothing else
 * changes, and where it is refused. The numbers are compared with the reference by
 * tests/parity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generate/context.h"
#include "generate/keep.h"
#include "generate/prepare.h"

static const espy_sampling greedy;

static void a_choice_is_even_and_repeats(void **state) {
    (void)state;
    enum { CELLS = 12, SEEDS = 6000 };
    static int hits[CELLS], pairs[CELLS][CELLS];
    int32_t *cells, *again;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_int_equal(espy_keep_some(CELLS, 0.5, seed, &cells), CELLS / 2);
        for (int i = 0; i < CELLS / 2; i++) {
            assert_in_range(cells[i], i ? cells[i - 1] + 1 : 0, CELLS - 1);
            hits[cells[i]]++;
            for (int k = 0; k < i; k++) pairs[cells[k]][cells[i]]++;
        }
        free(cells);
    }
    /* 1 of 2, and 5 of 22 for a pair; 5 standard deviations */
    for (int i = 0; i < CELLS; i++) {
        assert_in_range(hits[i], 2800, 3200);
        for (int k = 0; k < i; k++) assert_in_range(pairs[k][i], 1200, 1528);
    }
    assert_int_equal(espy_keep_some(100, 0.3, 5, &cells), 30);
    assert_int_equal(espy_keep_some(100, 0.3, 5, &again), 30);
    assert_memory_equal(cells, again, 30 * sizeof *cells);
    free(again);
    assert_int_equal(espy_keep_some(100, 0.3, 6, &again), 30);
    assert_memory_not_equal(cells, again, 30 * sizeof *cells);
    free(again);
    free(cells);
    static const struct {
        int64_t n, want;
        double ratio;
    } sizes[] = {
        { 1, 1, 0.001 }, { 3, 1, 1e-9 }, { 10, 10, 1 }, { 10, 3, 0.26 }, { 10, 2, 0.24 }
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(espy_keep_some(sizes[i].n, sizes[i].ratio, 1, &cells), sizes[i].want);
        free(cells);
    }
}

static void what_changed_is_found_to_the_pixel(void **state) {
    (void)state;
    enum { ROWS = 3, COLUMNS = 4, SIDE = 8, BYTES = ROWS * COLUMNS * SIDE * SIDE * 3 };
    static uint8_t first[2][BYTES], second[2][BYTES];
    const uint8_t *before[] = { first[0], first[1] }, *now[] = { second[0], second[1] };
    int32_t *cells;
    for (int frame = 0; frame < 2; frame++)
        for (int at = 0; at < BYTES; at += 5) {
            for (int f = 0; f < 2; f++)
                for (int i = 0; i < BYTES; i++) first[f][i] = second[f][i] = (uint8_t)(i * 7 + f);
            second[frame][at] ^= 1;
            int row = at / 3 / (COLUMNS * SIDE) / SIDE, column = at / 3 % (COLUMNS * SIDE) / SIDE;
            assert_int_equal(espy_keep_changed(now, before, 2, ROWS, COLUMNS, SIDE, &cells), 1);
            assert_int_equal(cells[0], row * COLUMNS + column);
            free(cells);
            /* two frames that are one are seen once */
            int n = frame ? 1 : 0;
            assert_int_equal(espy_keep_changed(now + n, before + n, 1, ROWS, COLUMNS, SIDE, &cells),
                             1);
            free(cells);
        }
    assert_int_equal(espy_keep_changed(now, now, 2, ROWS, COLUMNS, SIDE, &cells), 1);
    assert_int_equal(cells[0], 0); /* none changed: the first stays */
    free(cells);
    memset(second, 77, sizeof second);
    assert_int_equal(espy_keep_changed(now, before, 2, ROWS, COLUMNS, SIDE, &cells), 12);
    free(cells);
}

/* ---------------------------------------------------------------- a request */

static espy_model *open_model(const char *name) {
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    espy_model *m;
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/tests/data/%s", root ? root : ".", name);
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    return m;
}

static espy_image *make_image(int w, int h, int tint) {
    espy_image *image;
    uint8_t *pixels = malloc((size_t)w * (size_t)h * 3);
    assert_non_null(pixels);
    for (int i = 0; i < w * h * 3; i++) pixels[i] = (uint8_t)(i * (tint + 3) / 7);
    assert_int_equal(
        espy_image_from_pixels(&image, pixels, w, h, (ptrdiff_t)w * 3, 3, ESPY_ALPHA_WHITE, NULL),
        ESPY_OK);
    free(pixels);
    return image;
}

typedef struct question {
    espy_part parts[3];
    espy_message message;
    espy_request request;
} question;

static void make_question(question *q, const espy_image *const *a, const espy_image *const *b) {
    *q = (question){ 0 };
    q->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE, .images = a, .n_images = 1 };
    q->parts[1] = (espy_part){ .type = ESPY_PART_IMAGE, .images = b, .n_images = 1 };
    q->parts[2] = (espy_part){ .text = "What is this?" };
    q->message = (espy_message){ "user", q->parts, 3 };
    q->request = (espy_request){ .messages = &q->message,
                                 .n_messages = 1,
                                 .max_tokens = 4,
                                 .sampling = &greedy,
                                 .ignore_eos = 1,
                                 .min_pixels = 1024 };
}

static void survivors_keep_their_places(void **state) {
    (void)state;
    espy_model *m = open_model("qwen3_vl/bf16");
    espy_image *images[] = { make_image(128, 96, 1), make_image(64, 160, 2) };
    const espy_image *const *at = (const espy_image *const *)images;
    espy_prepared all, some;
    question q;
    make_question(&q, at, at + 1);
    assert_int_equal(espy_prepare(&all, m, &q.request, NULL), ESPY_OK);
    q.request.keep = 0.5;
    q.request.keep_seed = 3;
    q.parts[1].keep = 0.3; /* its own, with the seed 0 */
    assert_int_equal(espy_prepare(&some, m, &q.request, NULL), ESPY_OK);
    assert_int_equal(some.pictures[0].n, all.pictures[0].n / 2);
    assert_int_equal(some.pictures[1].n, (all.pictures[1].n * 3 + 5) / 10);
    int32_t *cells;
    espy_keep_some(all.pictures[1].n, 0.3, 0, &cells);
    assert_memory_equal(cells, some.pictures[1].cells, (size_t)some.pictures[1].n * sizeof *cells);
    free(cells);
    for (int k = 0; k < 2; k++) {
        const espy_picture *a = &all.pictures[k], *s = &some.pictures[k];
        assert_false(espy_same_picture(a->key, s->key));
        for (int64_t i = 0; i < s->n; i++)
            for (int axis = 0; axis < 3; axis++)
                assert_int_equal(some.timeline.positions.at[axis][s->first + i],
                                 all.timeline.positions.at[axis][a->first + s->cells[i]]);
    }
    /* what follows stands where it would, and stays there when rewound to */
    assert_int_equal(all.timeline.positions.next, some.timeline.positions.next);
    for (int64_t i = 1; i <= all.timeline.n - all.pictures[1].first - all.pictures[1].n; i++)
        assert_int_equal(some.timeline.positions.at[1][some.timeline.n - i],
                         all.timeline.positions.at[1][all.timeline.n - i]);
    int32_t next = all.timeline.positions.at[0][all.pictures[0].first + all.pictures[0].n];
    espy_timeline_rewind(&all.timeline, all.pictures[0].first + all.pictures[0].n);
    espy_timeline_rewind(&some.timeline, some.pictures[0].first + some.pictures[0].n);
    assert_int_equal(all.timeline.positions.next, next);
    assert_int_equal(some.timeline.positions.next, next);
    espy_prepared_free(&all);
    espy_prepared_free(&some);
    espy_image_close(&images[0]);
    espy_image_close(&images[1]);
    espy_model_close(&m);
}

static espy_result ask(espy_context *c, question *q) {
    espy_result r;
    espy_error err = { 0 };
    if (espy_generate(c, &q->request, &r, &err)) fail_msg("%s", err.message);
    return r;
}

static void assert_same_logits(const espy_context *a, const espy_context *b, const espy_model *m) {
    assert_memory_equal(a->lane.logits, b->lane.logits,
                        (size_t)m->config.text.n_vocab * sizeof *a->lane.logits);
}

/* All of the ratio 1 is all; a packed pass, the cache and windows change nothing. */
static void the_rest_is_as_ever(void **state) {
    (void)state;
    static const char *const names[] = { "qwen3_vl/bf16", "qwen2_vl/bf16", "qwen2_5_vl/bf16" };
    espy_image *images[] = { make_image(228, 196, 1), make_image(64, 160, 2) };
    const espy_image *const *at = (const espy_image *const *)images;
    for (int k = 0; k < 3; k++) {
        espy_model *m = open_model(names[k]);
        espy_context *c[3];
        for (int i = 0; i < 3; i++) {
            espy_context_params p = { .n_threads = 1, .pass_tokens = i == 2 ? 1 : 0 };
            assert_int_equal(espy_context_open(&c[i], m, &p, NULL), ESPY_OK);
        }
        question q;
        make_question(&q, at, at + 1);
        espy_result all = ask(c[0], &q);
        q.request.keep = 1;
        espy_result whole = ask(c[1], &q);
        assert_same_logits(c[0], c[1], m);
        q.request.keep = 0.4;
        espy_result some = ask(c[0], &q);
        assert_int_equal(some.n_cached_images, 0); /* of all of the pictures */
        assert_true(some.n_prompt_tokens < all.n_prompt_tokens);
        assert_memory_equal(some.image_grid_thw, all.image_grid_thw, 2 * 3 * sizeof(int));
        espy_result alone = ask(c[2], &q);
        assert_same_logits(c[0], c[2], m);
        q.request.keep_seed = 1;
        espy_context_rewind(c[2], 0, NULL);
        espy_result other = ask(c[2], &q);
        assert_int_equal(other.n_cached_images, 0);
        assert_memory_not_equal(c[0]->lane.logits, c[2]->lane.logits, 64);
        espy_context_rewind(c[2], 0, NULL);
        espy_result again = ask(c[2], &q);
        assert_int_equal(again.n_cached_images, 2);
        espy_result *const results[] = { &all, &whole, &some, &alone, &other, &again };
        for (int i = 0; i < 6; i++) espy_result_clear(results[i]);
        for (int i = 0; i < 3; i++) espy_context_close(&c[i]);
        espy_model_close(&m);
    }
    espy_image_close(&images[0]);
    espy_image_close(&images[1]);
}

static void a_still_film_is_short(void **state) {
    (void)state;
    espy_model *m = open_model("qwen3_vl/bf16");
    espy_image *a = make_image(96, 64, 1), *b = make_image(96, 64, 2);
    const espy_image *frames[] = { a, a, a, a, b, b, b };
    espy_part parts[] = { { .type = ESPY_PART_VIDEO, .images = frames, .n_images = 7, .fps = 2 },
                          { .text = "What happens?" } };
    espy_message message = { "user", parts, 2 };
    espy_request r = { .messages = &message, .n_messages = 1, .keep = 0.5 };
    espy_prepared all, some;
    assert_int_equal(espy_prepare(&all, m, &r, NULL), ESPY_OK);
    parts[0].drop_same = 1;
    assert_int_equal(espy_prepare(&some, m, &r, NULL), ESPY_OK);
    assert_int_equal(all.n_pictures, 4);
    for (int i = 0; i < 4; i++) {                               /* aa aa bb b */
        assert_int_equal(all.pictures[i].n, all.pictures[0].n); /* keep is for stills */
        assert_int_equal(some.pictures[i].n, i % 2 ? 1 : all.pictures[0].n);
    }
    assert_int_equal(some.timeline.positions.next, all.timeline.positions.next);
    espy_prepared_free(&all);
    espy_prepared_free(&some);
    espy_error err = { 0 };
    parts[0].keep = 0.5; /* said of the film itself it is a mistake */
    assert_int_equal(espy_prepare(&some, m, &r, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "drop_same"));
    espy_image_close(&a);
    espy_image_close(&b);
    espy_model_close(&m);
}

static void bad_ratios_and_models_are_refused(void **state) {
    (void)state;
    static const double ratios[] = { -0.1, 1.01, 1e300 };
    espy_image *image = make_image(64, 64, 1);
    const espy_image *const *at = (const espy_image *const *)&image;
    espy_model *m = open_model("qwen3_vl/micro"), *fixed = open_model("qwen_vl/f16");
    espy_prepared p;
    question q;
    make_question(&q, at, at);
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        q.request.keep = ratios[i];
        assert_int_equal(espy_prepare(&p, m, &q.request, NULL), ESPY_ERR_ARGUMENT);
    }
    q.request.keep = 0.0 / (double)(q.request.keep_seed); /* not a number */
    assert_int_equal(espy_prepare(&p, m, &q.request, NULL), ESPY_ERR_ARGUMENT);
    q.request.keep = 0.5;
    espy_error err = { 0 };
    assert_int_equal(espy_prepare(&p, fixed, &q.request, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "keep"));
    espy_image_close(&image);
    espy_model_close(&m);
    espy_model_close(&fixed);
}

static void tasks_say_what_needs_all(void **state) {
    (void)state;
    static const char *const names[] = { "text", "markdown", "html", "find", "events" };
    int n = 0;
    for (size_t i = 0; i < 5; i++) assert_true(espy_task_find(names[i])->needs_all);
    for (int i = 0; espy_task_at(i); i++) n += espy_task_at(i)->needs_all;
    assert_int_equal(n, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_is_even_and_repeats),
        cmocka_unit_test(what_changed_is_found_to_the_pixel),
        cmocka_unit_test(survivors_keep_their_places),
        cmocka_unit_test(the_rest_is_as_ever),
        cmocka_unit_test(a_still_film_is_short),
        cmocka_unit_test(bad_ratios_and_models_are_refused),
        cmocka_unit_test(tasks_say_what_needs_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
