/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each sampling parameter does to a small vocabulary. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "generate/sampler.h"

enum { N = 6, DRAWS = 20000 };

static const float base[N] = { 1.0F, 3.0F, 2.0F, -1.0F, 0.0F, 2.5F };

static int32_t draw(espy_sampler *s) {
    float logits[N];
    memcpy(logits, base, sizeof logits);
    return espy_sampler_next(s, logits);
}

/* How often each id comes when penalties do not change the logits. */
static void histogram(espy_sampling p, int counts[N]) {
    espy_sampler s;
    assert_int_equal(espy_sampler_open(&s, &p, N, NULL, 0, NULL), ESPY_OK);
    memset(counts, 0, N * sizeof *counts);
    for (int i = 0; i < DRAWS; i++) counts[draw(&s)]++;
    espy_sampler_close(&s);
}

static void greedy_takes_the_first_best(void **state) {
    (void)state;
    espy_sampler s;
    espy_sampling p = { .top_k = 3, .top_p = 0.5 };
    assert_int_equal(espy_sampler_open(&s, &p, N, NULL, 0, NULL), ESPY_OK);
    assert_int_equal(draw(&s), 1);
    float tie[N] = { 0, 2, 2, 2, 0, 0 };
    assert_int_equal(espy_sampler_next(&s, tie), 1);
    espy_sampler_close(&s);
}

static void temperature_follows_the_softmax(void **state) {
    (void)state;
    int counts[N];
    double sum = 0, t = 0.8;
    histogram((espy_sampling){ .temperature = t, .seed = 7 }, counts);
    for (int i = 0; i < N; i++) sum += exp(base[i] / t);
    for (int i = 0; i < N; i++) {
        double p = exp(base[i] / t) / sum, sigma = sqrt(p * (1 - p) * DRAWS);
        assert_true(fabs(counts[i] - p * DRAWS) < 5 * sigma + 1);
    }
}

static void filters_leave_out_the_tail(void **state) {
    (void)state;
    int counts[N];
    histogram((espy_sampling){ .temperature = 1, .top_k = 2, .seed = 1 }, counts);
    assert_true(counts[1] > 0 && counts[5] > 0);
    assert_int_equal(counts[1] + counts[5], DRAWS);
    /* softmax: 0.45, 0.27, 0.17, 0.06, 0.02, 0.01 by rank; 0.6 needs two */
    histogram((espy_sampling){ .temperature = 1, .top_p = 0.6, .seed = 1 }, counts);
    assert_true(counts[1] > 0 && counts[5] > 0);
    assert_int_equal(counts[1] + counts[5], DRAWS);
    /* exp(-0.5) = 0.61, exp(-1) = 0.37 of the best */
    histogram((espy_sampling){ .temperature = 1, .min_p = 0.5, .seed = 1 }, counts);
    assert_int_equal(counts[1] + counts[5], DRAWS);
    histogram((espy_sampling){ .temperature = 1, .min_p = 0.3, .seed = 1 }, counts);
    assert_true(counts[2] > 0);
    assert_int_equal(counts[1] + counts[5] + counts[2], DRAWS);
}

static void repetition_counts_prompt_and_answer(void **state) {
    (void)state;
    espy_sampler s;
    espy_sampling p = { .repetition_penalty = 2 };
    const int32_t prompt[] = { 1, 3 };
    assert_int_equal(espy_sampler_open(&s, &p, N, prompt, 2, NULL), ESPY_OK);
    float logits[N];
    memcpy(logits, base, sizeof logits);
    assert_int_equal(espy_sampler_next(&s, logits), 5);
    assert_true(logits[1] == 1.5F && logits[3] == -2.0F && logits[2] == 2.0F);
    assert_int_equal(draw(&s), 2); /* 5 is penalised now as well */
    espy_sampler_close(&s);
}

static void presence_and_frequency_count_the_answer(void **state) {
    (void)state;
    espy_sampler s;
    espy_sampling p = { .presence_penalty = 0.25, .frequency_penalty = 0.5 };
    const int32_t prompt[] = { 1 };
    assert_int_equal(espy_sampler_open(&s, &p, N, prompt, 1, NULL), ESPY_OK);
    assert_int_equal(draw(&s), 1); /* the prompt does not count */
    float logits[N];
    memcpy(logits, base, sizeof logits);
    assert_int_equal(espy_sampler_next(&s, logits), 5);
    assert_true(fabsf(logits[1] - 2.25F) < 1e-6F);
    espy_sampler_close(&s);
}

static void seeds_repeat(void **state) {
    (void)state;
    espy_sampling p = { .temperature = 1, .seed = 42 };
    espy_sampler a, b;
    assert_int_equal(espy_sampler_open(&a, &p, N, NULL, 0, NULL), ESPY_OK);
    assert_int_equal(espy_sampler_open(&b, &p, N, NULL, 0, NULL), ESPY_OK);
    for (int i = 0; i < 100; i++) assert_int_equal(draw(&a), draw(&b));
    espy_sampler_close(&a);
    espy_sampler_close(&b);
}

static void bad_parameters_are_named(void **state) {
    (void)state;
    espy_sampler s;
    espy_error err = { 0 };
    espy_sampling p = { .top_p = 1.5 };
    assert_int_equal(espy_sampler_open(&s, &p, N, NULL, 0, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "top_p"));
    p = (espy_sampling){ .temperature = NAN };
    assert_int_equal(espy_sampler_open(&s, &p, N, NULL, 0, &err), ESPY_ERR_ARGUMENT);
}

static void logprobs_are_sorted_and_normal(void **state) {
    (void)state;
    espy_logprob top[3];
    double sum = 0;
    espy_top_logprobs(base, N, 3, top);
    for (int i = 0; i < N; i++) sum += exp(base[i]);
    assert_true(top[0].id == 1 && top[1].id == 5 && top[2].id == 2);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(top[i].logprob - (base[top[i].id] - log(sum))) < 1e-5);
}

static void nan_never_wins_a_draw(void **state) {
    (void)state;
    espy_sampling p = { .temperature = 1 };
    espy_sampler s;
    assert_int_equal(espy_sampler_open(&s, &p, 3, NULL, 0, NULL), ESPY_OK);
    for (int i = 0; i < 50; i++) {
        float logits[3] = { 1, NAN, 2 };
        assert_true(espy_sampler_next(&s, logits) != 1);
    }
    espy_sampler_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_first_best),
        cmocka_unit_test(temperature_follows_the_softmax),
        cmocka_unit_test(filters_leave_out_the_tail),
        cmocka_unit_test(repetition_counts_prompt_and_answer),
        cmocka_unit_test(presence_and_frequency_count_the_answer),
        cmocka_unit_test(seeds_repeat),
        cmocka_unit_test(bad_parameters_are_named),
        cmocka_unit_test(logprobs_are_sorted_and_normal),
        cmocka_unit_test(nan_never_wins_a_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
