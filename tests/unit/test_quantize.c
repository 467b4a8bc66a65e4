/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Row quantisers against the row converters that read what they write. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/quantize/quantize.h"

static espy_kernels kernels;

/* For values in [-1, 1]: the largest error of a good choice of step, and the root
 * mean square of a normal distribution's error relative to that of the values. */
static const struct {
    espy_dtype dtype;
    double largest, relative;
} types[] = {
    { ESPY_F32, 0, 0 },
    { ESPY_F16, 0x1p-12, 3e-4 },
    { ESPY_BF16, 0x1p-9, 2.5e-3 },
    { ESPY_Q8_0, 0.0042, 0.0062 },
    { ESPY_Q6_K, 0.034, 0.0185 },
    { ESPY_Q5_K, 0.07, 0.036 },
    { ESPY_Q4_K, 0.14, 0.074 },
    { ESPY_Q4_0, 0.27, 0.0875 },
};
enum { N_TYPES = sizeof types / sizeof *types, N = 1024 };

static uint32_t state_of_random;

static double uniform(void) {
    state_of_random = state_of_random * 1664525U + 1013904223U;
    return (double)(state_of_random >> 8) / (1 << 24);
}

static double normal(void) {
    double u = uniform() + 1e-9;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * uniform());
}

/* Quantises and reads back; bytes beyond the row must stay. */
static void there_and_back(espy_dtype dtype, float *y, const float *x, int n) {
    static uint8_t row[8 * N + 8];
    size_t n_bytes = (size_t)espy_row_bytes(dtype, n);
    memset(row, 0xA5, sizeof row);
    assert_int_equal(espy_quantize_row(&kernels, dtype, row, x, n), -1);
    for (size_t i = n_bytes; i < n_bytes + 8; i++) assert_int_equal(row[i], 0xA5);
    kernels.to_f32[dtype](y, row, n);
}

static void errors_are_bounded(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++)
        for (int round = 0; round < 20; round++) {
            state_of_random = (uint32_t)round;
            for (int i = 0; i < N; i++) x[i] = (float)(2 * uniform() - 1);
            there_and_back(types[t].dtype, y, x, N);
            for (int i = 0; i < N; i++)
                if (!(fabs((double)x[i] - (double)y[i]) <= types[t].largest))
                    fail_msg("%s: %g became %g", espy_dtypes[types[t].dtype].name, (double)x[i],
                             (double)y[i]);
        }
}

static void errors_are_small_on_average(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++) {
        double error = 0, square = 0;
        for (int round = 0; round < 40; round++) {
            state_of_random = (uint32_t)round;
            for (int i = 0; i < N; i++) x[i] = (float)(0.02 * normal());
            there_and_back(types[t].dtype, y, x, N);
            for (int i = 0; i < N; i++) {
                error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
                square += (double)x[i] * x[i];
            }
        }
        double relative = sqrt(error / square);
        print_message("%-5s relative error %.5f\n", espy_dtypes[types[t].dtype].name, relative);
        assert_true(relative <= types[t].relative);
    }
}

/* What a type can say exactly it says exactly: rows that use the whole range of
 * levels in each run, with scales that are F16 numbers. */
static void representable_values_stay(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++) {
        espy_dtype dtype = types[t].dtype;
        const double d = 0x1.8p-7, dmin = 0x1.4p-6;
        for (int i = 0; i < N; i++) {
            int run = i / 32 % 8, short_run = i / 16 % 16;
            /* scales 63, 56, ... and mins 63, 58, ... of the runs of a block */
            double step = d * (63 - 7 * run), low = dmin * (63 - 5 * run);
            x[i] = dtype == ESPY_Q8_0   ? (float)(d * (i % 32 * 8 - 127 + (i % 32 == 31 ? 6 : 0)))
                   : dtype == ESPY_Q4_0 ? (float)(d * (i % 16 - 8))
                   : dtype == ESPY_Q4_K ? (float)(step * (i % 16) - low)
                   : dtype == ESPY_Q5_K ? (float)(step * (i % 32) - low)
                   : dtype == ESPY_Q6_K
                       ? (float)(d * (128 - 8 * short_run) * (i % 16 == 0 ? 32 : i % 16 * 4 - 30))
                       : (float)(0x1p-7 * (i % 200 - 100));
        }
        there_and_back(dtype, y, x, N);
        for (int i = 0; i < N; i++)
            if (x[i] != y[i])
                fail_msg("%s: value %d, %.9g, became %.9g", espy_dtypes[dtype].name, i,
                         (double)x[i], (double)y[i]);
    }
}

static void fill(float *x, int n, float v) {
    for (int i = 0; i < n; i++) x[i] = v;
}

static void zeros_stay_zeros(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++) {
        fill(x, N, 0);
        there_and_back(types[t].dtype, y, x, N);
        for (int i = 0; i < N; i++) assert_true(y[i] == 0);
        x[300] = 1; /* a single value among them */
        there_and_back(types[t].dtype, y, x, N);
        for (int i = 0; i < N; i++)
            if (i != 300 && fabsf(y[i]) > 1e-3F)
                fail_msg("%s: a zero became %g", espy_dtypes[types[t].dtype].name, (double)y[i]);
        assert_true(fabsf(y[300] - 1) < 4e-3F);
    }
}

/* One value throughout, of either sign. */
static void constants_stay(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++)
        for (int sign = -1; sign <= 1; sign += 2) {
            fill(x, N, 0.37F * (float)sign);
            there_and_back(types[t].dtype, y, x, N);
            for (int i = 0; i < N; i++)
                if (fabsf(y[i] / x[i] - 1) > 5e-3F)
                    fail_msg("%s: %g became %g", espy_dtypes[types[t].dtype].name, (double)x[i],
                             (double)y[i]);
        }
}

/* From what F16 scales can only just say to the limit; below, values become 0
 * or come near, and are never anything else. */
static void magnitudes(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++)
        for (int e = -149; e < 128; e++) {
            float scale = ldexpf(1, e), limit = espy_quantize_limit(types[t].dtype);
            state_of_random = 5;
            for (int i = 0; i < N; i++) x[i] = (float)(2 * uniform() - 1) * scale;
            if (scale > limit) continue;
            there_and_back(types[t].dtype, y, x, N);
            double error = 0, square = 0;
            for (int i = 0; i < N; i++) {
                assert_true(isfinite(y[i]));
                error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
                square += (double)x[i] * x[i];
            }
            double relative = sqrt(error / square);
            if (relative > (e >= -10 ? types[t].relative * 1.5 : 1.5) + 1e-30)
                fail_msg("%s: values to 2^%d have an error of %g", espy_dtypes[types[t].dtype].name,
                         e, relative);
        }
}

static void the_limit_itself(void **state) {
    (void)state;
    static float x[N], y[N];
    for (int t = 0; t < N_TYPES; t++)
        for (int sign = -1; sign <= 1; sign += 2) {
            espy_dtype dtype = types[t].dtype;
            float limit = espy_quantize_limit(dtype) * (float)sign;
            for (int i = 0; i < N; i++) x[i] = i % 3 ? limit : -limit * ((float)i / N);
            there_and_back(dtype, y, x, N);
            for (int i = 0; i < N; i++) assert_true(isfinite(y[i]));
        }
}

static void what_cannot_be_is_told(void **state) {
    (void)state;
    static float x[N];
    static uint8_t row[8 * N], before[8 * N];
    const float bad[] = { NAN, INFINITY, -INFINITY };
    for (int t = 0; t < N_TYPES; t++)
        for (int b = 0; b < 4; b++) {
            espy_dtype dtype = types[t].dtype;
            fill(x, N, 1);
            x[777] = b < 3 ? bad[b] : nextafterf(-espy_quantize_limit(dtype), -INFINITY);
            memset(row, 0x5A, sizeof row);
            memcpy(before, row, sizeof row);
            assert_int_equal(espy_quantize_row(&kernels, dtype, row, x, N), 777);
            assert_memory_equal(row, before, sizeof row);
        }
    assert_false(espy_quantize_can(ESPY_IQ4_XS));
    assert_true(espy_quantize_can(ESPY_Q6_K));
}

/* A block's result depends on its values alone. */
static void blocks_are_independent(void **state) {
    (void)state;
    static float x[N];
    static uint8_t whole[8 * N], block[8 * N];
    for (int t = 0; t < N_TYPES; t++) {
        espy_dtype dtype = types[t].dtype;
        state_of_random = 9;
        for (int i = 0; i < N; i++) x[i] = (float)(normal() * (1 + i / 256));
        assert_int_equal(espy_quantize_row(&kernels, dtype, whole, x, N), -1);
        for (int i = 0; i < N; i += 256) {
            assert_int_equal(espy_quantize_row(&kernels, dtype, block, x + i, 256), -1);
            assert_memory_equal(block, whole + espy_row_bytes(dtype, i),
                                (size_t)espy_row_bytes(dtype, 256));
        }
        assert_int_equal(espy_quantize_row(&kernels, dtype, block, x, 0), -1);
    }
}

static int begin(void **state) {
    (void)state;
    return espy_kernels_choose(&kernels, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(errors_are_small_on_average),
        cmocka_unit_test(representable_values_stay),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(constants_stay),
        cmocka_unit_test(magnitudes),
        cmocka_unit_test(the_limit_itself),
        cmocka_unit_test(what_cannot_be_is_told),
        cmocka_unit_test(blocks_are_independent),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
