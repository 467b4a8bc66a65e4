/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conversions are exact: the same bits as scalar, which test_dtypes holds
 * against the formats' own implementation. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_test.h"

static void try_to_f32(trial *t, espy_dtype dtype, int64_t n) {
    size_t row_bytes = (size_t)espy_row_bytes(dtype, n), y_bytes = (size_t)n * sizeof(float);
    void *row = allocate(row_bytes);
    float *want = allocate(y_bytes);
    random_row(row, dtype, n);
    t->truth->to_f32[dtype](want, row, n);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, side %d", (long long)n, side);
        const void *x = place_copy(AREA_A, row, row_bytes, side);
        float *y = place(AREA_OUT, y_bytes, side);
        t->k->to_f32[dtype](y, x, n);
        expect_same(t, "value", y, want, y_bytes);
        expect_intact(t, AREA_OUT, y, y_bytes);
    }
    free(row);
    free(want);
}

/* Any bits, but with every kind of number that rounds in its own way. */
static float any_float(espy_dtype dtype) {
    static const float edges[] = { 0.0f,       -0.0f,     INFINITY, -INFINITY, 65504,  65519.99f,
                                   65520,      -65520,    0x1p-24f, 0x1p-25f,  1e-7f,  0x1.8p-25f,
                                   0x1p-14f,   FLT_MIN,   FLT_MAX,  -FLT_MAX,  1e-40f, 0x1.004p0f,
                                   0x1.00cp0f, 0x1.01p0f, 0x1.03p0f };
    uint32_t u = random_u32(), kind = random_u32() % 4;
    float f;
    if (dtype == ESPY_Q8_0) return random_float();
    if (kind == 0) return edges[u % (sizeof(edges) / sizeof(edges[0]))];
    if (kind == 1) u = (u & 0x80000fff) | (100 + (u >> 12) % 50) << 23; /* ties and near ties */
    if (kind == 2) return random_float();
    memcpy(&f, &u, sizeof(f));
    return f;
}

static void try_from_f32(trial *t, espy_dtype dtype, int64_t n) {
    size_t row_bytes = (size_t)espy_row_bytes(dtype, n), x_bytes = (size_t)n * sizeof(float);
    uint8_t *want = allocate(row_bytes);
    float *values = allocate(x_bytes);
    for (int64_t i = 0; i < n; i++) {
        values[i] = any_float(dtype);
        if (isnan(values[i])) values[i] = NAN; /* payloads may differ, see below */
    }
    /* Blocks of their own kind: all zero, tiny, ties. */
    if (dtype == ESPY_Q8_0)
        for (int64_t i = 0; i < n; i++)
            values[i] *= i / 32 % 4 == 1 ? 0 : i / 32 % 4 == 2 ? 1e-38f : 1;
    t->truth->from_f32[dtype](want, values, n);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, side %d", (long long)n, side);
        const float *x = place_copy(AREA_A, values, x_bytes, side);
        uint8_t *y = place(AREA_OUT, row_bytes, side);
        t->k->from_f32[dtype](y, x, n);
        expect_same(t, "row", y, want, row_bytes);
        expect_intact(t, AREA_OUT, y, row_bytes);
    }
    free(want);
    free(values);
}

/* A NaN whose payload lies in the dropped bits must not turn into infinity. */
static void try_nan(trial *t, espy_dtype dtype) {
    const uint32_t payloads[4] = { 0x7f800001, 0xff800001, 0x7fffffff, 0x7fa00000 };
    float x[64], back[64];
    uint16_t y[64];
    set_size(t, "NaN");
    for (int i = 0; i < 64; i++) memcpy(&x[i], &payloads[i % 4], sizeof(x[i]));
    t->k->from_f32[dtype](y, x, 64);
    t->truth->to_f32[dtype](back, y, 64);
    for (int i = 0; i < 64; i++)
        if (!isnan(back[i])) fail(t, "NaN %08x becomes %g", payloads[i % 4], (double)back[i]);
}

static void try_quantize(trial *t, int64_t n) {
    size_t x_bytes = (size_t)n * sizeof(float), y_bytes = (size_t)(n / 32) * sizeof(espy_act_q8);
    static const float scales[] = { 1, 0, 300, 1e-36f, 1e-38f, 1e-41f, 1e30f };
    float *values = allocate(x_bytes);
    for (int64_t i = 0; i < n; i++) values[i] = random_float() * scales[i / 32 % 7];
    /* Ties: with a maximum of 127 the halves lie between two integers. */
    for (int64_t i = 0; i < 32 && i < n; i++) values[i] = i ? (float)(i - 16) * 0.5f : 127;
    espy_act_q8 *want = allocate(y_bytes);
    t->truth->quantize_act(want, values, n);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, side %d", (long long)n, side);
        const float *x = place_copy(AREA_A, values, x_bytes, side);
        espy_act_q8 *y = place(AREA_OUT, y_bytes, side);
        t->k->quantize_act(y, x, n);
        expect_same(t, "block", y, want, y_bytes);
        expect_intact(t, AREA_OUT, y, y_bytes);
        for (int64_t b = 0; b < n / 32; b++) {
            int32_t sum = 0;
            for (int i = 0; i < 32; i++) {
                double q = y[b].d > 0 ? (double)x[32 * b + i] / y[b].d : 0;
                sum += y[b].q[i];
                if (fabs(y[b].q[i] - q) > 0.501) fail(t, "%g is quantised to %d", q, y[b].q[i]);
            }
            if (sum != y[b].sum) fail(t, "sum of block %lld", (long long)b);
        }
    }
    free(values);
    free(want);
}

void test_convert(trial *t) {
    for (int d = 0; d < ESPY_N_DTYPES; d++) {
        set_slot(t, "to_f32", espy_dtypes[d].name);
        for (int i = 0; size_at(i, espy_dtypes[d].block) >= 0; i++)
            try_to_f32(t, (espy_dtype)d, size_at(i, espy_dtypes[d].block));
        if (!t->k->from_f32[d]) continue;
        set_slot(t, "from_f32", espy_dtypes[d].name);
        for (int i = 0; size_at(i, espy_dtypes[d].block) >= 0; i++)
            try_from_f32(t, (espy_dtype)d, size_at(i, espy_dtypes[d].block));
        if (espy_dtypes[d].block == 1) try_nan(t, (espy_dtype)d);
    }
    set_slot(t, "quantize_act", NULL);
    for (int i = 0; size_at(i, 32) >= 0; i++) try_quantize(t, size_at(i, 32));
}
