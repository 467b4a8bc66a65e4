/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The time that a request is expected to take: the work that is counted, and
 * what is spared. How near the figures come on a machine is for a benchmark. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "generate/context.h"

enum { SIDE = 128 };

static espy_model *model;
static espy_image *picture;

static const espy_sampling greedy;

typedef struct question {
    espy_part parts[2];
    espy_message message;
    espy_request request;
} question;

static void make_question(question *q, const char *text) {
    *q = (question){ .parts = {
                         { .type = ESPY_PART_IMAGE,
                           .images = (const espy_image *const *)&picture,
                           .n_images = 1 },
                         { .text = text },
                     } };
    q->message = (espy_message){ "user", q->parts, 2 };
    q->request = (espy_request){
        .messages = &q->message, .n_messages = 1, .max_tokens = 10, .sampling = &greedy
    };
}

static espy_context *open_context(int64_t cache_bytes, int64_t n_context) {
    espy_context *c;
    espy_context_params p = { .n_threads = 1,
                              .vision_cache_bytes = cache_bytes,
                              .n_context = n_context };
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_OK);
    return c;
}

static espy_time_estimate estimate(espy_context *c, const espy_request *r) {
    espy_time_estimate t;
    espy_error err = { 0 };
    if (espy_estimate_time(c, r, &t, &err)) fail_msg("%s", err.message);
    return t;
}

static void near(double x, double y) {
    if (fabs(x - y) > 1e-6 * fabs(y)) fail_msg("%.9g is not %.9g", x, y);
}

/* At one multiply-add per ms the times are the work, from the sizes alone. */
static void the_work_is_counted(void **state) {
    (void)state;
    const espy_vision_config *v = &model->config.vision;
    const espy_text_config *t = &model->config.text;
    question q;
    espy_result r;
    espy_context *c = open_context(0, 0);
    c->speed = (espy_speed){ 1, 1, 1, 1 };
    make_question(&q, "What?");
    espy_time_estimate e = estimate(c, &q.request);
    assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
    double n = (double)r.image_grid_thw[0][1] * r.image_grid_thw[0][2];
    double d = v->dim, merged = d * v->merge * v->merge;
    double layer = 4 * d * d + 2 * d * v->ffn_dim;
    double mergers = (1 + v->n_taps) * (merged * merged + merged * t->dim);
    near(e.vision_ms, n * (3.0 * v->temporal * v->patch * v->patch * d + v->n_layers * layer) +
                          n / (v->merge * v->merge) * mergers + 2 * n * n * d * v->n_layers);

    double width = (double)t->n_heads * t->head_dim, kv = (double)t->n_kv_heads * t->head_dim;
    double token = t->n_layers * (2 * t->dim * (width + kv) + 3.0 * t->dim * t->ffn_dim);
    double head = (double)t->dim * t->n_vocab, n_prompt = r.n_prompt_tokens;
    double attention = 2 * width * t->n_layers;
    near(e.prompt_ms, n_prompt * token + head + attention * n_prompt * n_prompt / 2);
    near(e.token_ms, token + head + attention * (n_prompt + 0.5));
    near(e.answer_ms, 10 * (token + head) + attention * (10 * n_prompt + 50));
    assert_int_equal(e.max_tokens, 10);
    espy_result_clear(&r);
    espy_context_close(&c);
}

static void windows_and_gates_are_counted(void **state) {
    (void)state;
    espy_model *usual = model;
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen2_5_vl/f32", root ? root : ".");
    assert_int_equal(espy_model_open(&model, path, NULL, NULL), ESPY_OK);
    const espy_vision_config *v = &model->config.vision;
    const espy_text_config *t = &model->config.text;
    question q;
    espy_result r;
    espy_context *c = open_context(0, 0);
    c->speed = (espy_speed){ 1, 1, 1, 1 };
    make_question(&q, "What?");
    espy_time_estimate e = estimate(c, &q.request);
    assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
    double n = (double)r.image_grid_thw[0][1] * r.image_grid_thw[0][2];
    double d = v->dim, merged = d * v->merge * v->merge, edge = (double)v->window_px / v->patch;
    double layer = 4 * d * d + 3 * d * v->ffn_dim;
    assert_true(v->n_full > 0 && v->n_full < v->n_layers && edge * edge < n);
    near(e.vision_ms, n * (3.0 * v->temporal * v->patch * v->patch * d + v->n_layers * layer) +
                          n / (v->merge * v->merge) * (merged * merged + merged * t->dim) +
                          2 * n * d * (n * v->n_full + edge * edge * (v->n_layers - v->n_full)));
    espy_result_clear(&r);
    espy_context_close(&c);
    espy_model_close(&model);
    model = usual;
}

static void what_is_spared_takes_no_time(void **state) {
    (void)state;
    question q, other;
    espy_result r;
    make_question(&q, "What?");
    make_question(&other, "What else is there?");
    espy_part system = { .text = "Be brief." };
    espy_message messages[] = { { "system", &system, 1 }, other.message };
    messages[1].parts = other.parts;
    other.request.messages = messages;
    other.request.n_messages = 2;
    for (int cached = 0; cached < 2; cached++) {
        espy_context *c = open_context(cached ? 0 : -1, 0);
        espy_time_estimate before = estimate(c, &q.request);
        assert_true(before.vision_ms > 0 && before.prompt_ms > 0 && before.token_ms > 0);
        assert_int_equal(espy_context_length(c), 0);
        assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
        espy_result_clear(&r);
        int64_t length = espy_context_length(c);
        espy_time_estimate again = estimate(c, &q.request); /* all but the last token is there */
        assert_true(again.vision_ms == 0 && again.prompt_ms < before.prompt_ms / 4);
        espy_time_estimate fresh = estimate(c, &other.request);
        assert_int_equal(fresh.vision_ms > 0, !cached);
        assert_true(fresh.prompt_ms > again.prompt_ms);
        assert_int_equal(espy_context_length(c), length);
        espy_context_close(&c);
    }
}

static void more_takes_longer(void **state) {
    (void)state;
    question q;
    espy_context *c = open_context(0, 300);
    make_question(&q, "What?");
    espy_time_estimate small = estimate(c, &q.request);
    q.request.min_pixels = 4 * SIDE * SIDE;
    q.request.max_tokens = 20;
    espy_time_estimate large = estimate(c, &q.request);
    assert_true(large.vision_ms > 3 * small.vision_ms);
    assert_true(large.prompt_ms > small.prompt_ms);
    assert_true(large.answer_ms > 1.9 * small.answer_ms);
    q.request.max_tokens = 0;
    assert_true(estimate(c, &q.request).max_tokens < 300); /* what has room */
    espy_context_close(&c);
}

static double cpu_ms(void) {
    return (double)clock() * 1e3 / CLOCKS_PER_SEC;
}

/* A million multiply-adds per ms at first; once something is not small, at the
 * measured speed, which is kept. */
static void only_large_work_is_measured(void **state) {
    (void)state;
    static const espy_speed none;
    question q;
    espy_context *c = open_context(0, 1 << 20), *counted = open_context(0, 1 << 20);
    counted->speed = (espy_speed){ 1e6, 1e6, 1e6, 1e6 };
    make_question(&q, "What?");
    espy_time_estimate small = estimate(c, &q.request), same = estimate(counted, &q.request);
    assert_true(small.vision_ms + small.prompt_ms + small.answer_ms < 1000);
    assert_memory_equal(&c->speed, &none, sizeof none);
    assert_memory_equal(&small, &same, sizeof small);

    q.request.max_tokens = 1 << 19;
    assert_true(estimate(counted, &q.request).answer_ms > 1000);
    double start = cpu_ms();
    estimate(c, &q.request);
    assert_true(cpu_ms() - start < 500); /* 30 ms, and more where a build is slow */
    espy_speed speed = c->speed;
    const double *speeds[] = { &speed.vision, &speed.attention, &speed.prompt, &speed.answer };
    for (int i = 0; i < 4; i++) assert_true(*speeds[i] > 0 && *speeds[i] < 1e10);
    q.request.max_tokens = 1 << 18;
    estimate(c, &q.request);
    assert_memory_equal(&speed, &c->speed, sizeof speed); /* measured once */
    q.request.max_tokens = 10;                            /* small ones too, from now on */
    assert_true(estimate(c, &q.request).token_ms != small.token_ms);
    espy_context_close(&counted);
    espy_context_close(&c);
}

/* Measured on one thread, and carried over: in proportion, or by the root. */
static void threads_are_counted(void **state) {
    (void)state;
    question q;
    espy_context *c[2];
    make_question(&q, "What?");
    q.request.max_tokens = 1 << 19;
    for (int i = 0; i < 2; i++) {
        espy_context_params p = { .n_threads = i ? 64 : 1, .n_context = 1 << 20 };
        assert_int_equal(espy_context_open(&c[i], model, &p, NULL), ESPY_OK);
        estimate(c[i], &q.request);
    }
    assert_true(c[1]->speed.vision > 12 * c[0]->speed.vision); /* 64 but for chance */
    assert_true(c[1]->speed.prompt > 12 * c[0]->speed.prompt);
    assert_true(c[1]->speed.answer < 32 * c[0]->speed.answer); /* 8 */
    espy_context_close(&c[0]);
    espy_context_close(&c[1]);
}

static void mistakes_are_told(void **state) {
    (void)state;
    question q;
    espy_time_estimate t;
    espy_error err = { 0 };
    espy_context *c = open_context(0, 0);
    make_question(&q, "What?");
    assert_int_equal(espy_estimate_time(NULL, &q.request, &t, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_estimate_time(c, &q.request, NULL, &err), ESPY_ERR_ARGUMENT);
    q.parts[0].n_images = 0;
    assert_int_equal(espy_estimate_time(c, &q.request, &t, &err), ESPY_ERR_ARGUMENT);
    espy_context_close(&c);
}

static int open_all(void **state) {
    (void)state;
    static uint8_t pixels[SIDE * SIDE * 3];
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 3 / 7);
    return espy_model_open(&model, path, NULL, NULL) ||
           espy_image_from_pixels(&picture, pixels, SIDE, SIDE, (ptrdiff_t)SIDE * 3, 3,
                                  ESPY_ALPHA_WHITE, NULL);
}

static int close_all(void **state) {
    (void)state;
    espy_image_close(&picture);
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_work_is_counted),
        cmocka_unit_test(windows_and_gates_are_counted),
        cmocka_unit_test(what_is_spared_takes_no_time),
        cmocka_unit_test(more_takes_longer),
        cmocka_unit_test(only_large_work_is_measured),
        cmocka_unit_test(threads_are_counted),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
