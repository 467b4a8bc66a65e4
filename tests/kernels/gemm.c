/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Panels and products. A sum of gemm_f32 is a chain of fused multiply-adds in
 * the order of k, so its bits are known; only scalar may round twice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_test.h"

#define MAX_K 260
#define MAX_M 37

typedef struct product {
    int n_k, n_m, n_cols, accumulate, bf16;
    size_t value_bytes; /* of x and panel */
    int64_t x_stride, y_stride;
    size_t panel_bytes, x_bytes, y_bytes;
    const void *panel, *x;
    const float *start;         /* y before */
    const double *want, *bound; /* [n_m][ESPY_PANEL] */
} product;

static void run(const trial *t, const product *p, float *y, const void *x, const void *panel,
                int n_m, int n_cols) {
    if (p->bf16)
        t->k->gemm_bf16(y, p->y_stride, x, p->x_stride, panel, p->n_k, n_m, n_cols, p->accumulate);
    else
        t->k->gemm_f32(y, p->y_stride, x, p->x_stride, panel, p->n_k, n_m, n_cols, p->accumulate);
}

static void expect_rows(trial *t, const product *p, const float *y) {
    for (int64_t m = 0; m < p->n_m; m++) {
        const float *row = y + m * p->y_stride;
        size_t gap = m < p->n_m - 1 ? (size_t)(p->y_stride - p->n_cols) : 0;
        expect_near(t, row, p->want + m * ESPY_PANEL, p->bound + m * ESPY_PANEL, p->n_cols);
        expect_same(t, "between rows", row + p->n_cols, p->start + m * p->y_stride + p->n_cols,
                    gap * sizeof(float));
    }
}

static void try_product(trial *t, const product *p) {
    static float first[MAX_M * (ESPY_PANEL + 3)];
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_k %d, n_m %d, n_cols %d, accumulate %d, side %d", p->n_k, p->n_m, p->n_cols,
                 p->accumulate, side);
        const void *panel = place_copy(AREA_A, p->panel, p->panel_bytes, side);
        const uint8_t *x = place_copy(AREA_B, p->x, p->x_bytes, side);
        float *y = place_copy(AREA_OUT, p->start, p->y_bytes, side);
        run(t, p, y, x, panel, p->n_m, p->n_cols);
        expect_rows(t, p, y);
        if (side == 0) memcpy(first, y, p->y_bytes);
        expect_same(t, "another alignment", y, first, p->y_bytes);

        for (int step = 1; step < p->n_m; step += 4) {
            memcpy(y, p->start, p->y_bytes);
            for (int m = 0; m < p->n_m; m += step)
                run(t, p, y + m * p->y_stride, x + m * p->x_stride * (int64_t)p->value_bytes, panel,
                    p->n_m - m < step ? p->n_m - m : step, p->n_cols);
            expect_same(t, "in fewer rows", y, first, p->y_bytes);
        }
        memcpy(y, p->start, p->y_bytes);
        run(t, p, y, x, panel, p->n_m, p->n_cols / 2);
        for (int64_t m = 0; m < p->n_m; m++)
            expect_same(t, "in fewer columns", y + m * p->y_stride, first + m * p->y_stride,
                        (size_t)(p->n_cols / 2) * sizeof(float));
        expect_intact(t, AREA_OUT, y, p->y_bytes);
    }
}

static float bf16_value(uint16_t bits) {
    uint32_t u = (uint32_t)bits << 16;
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

/* The chain for F32; for BF16 (exact products of short numbers) a sum in double. */
static void expect_product(const trial *t, const product *p, double *want, double *bound) {
    const float *xf = p->x, *pf = p->panel;
    const uint16_t *xh = p->x, *ph = p->panel;
    int exact = !p->bf16 && strcmp(t->k->name, "scalar") != 0;
    for (int m = 0; m < p->n_m; m++)
        for (int c = 0; c < p->n_cols; c++) {
            float chain = p->accumulate ? p->start[m * p->y_stride + c] : 0;
            double sum = chain, size = fabs(sum);
            for (int k = 0; k < p->n_k; k++) {
                float a = p->bf16 ? bf16_value(xh[m * p->x_stride + k]) : xf[m * p->x_stride + k];
                float b = p->bf16 ? bf16_value(ph[(k / 2 * ESPY_PANEL + c) * 2 + k % 2])
                                  : pf[k * ESPY_PANEL + c];
                chain = fmaf(a, b, chain);
                sum += (double)a * b;
                size += fabs((double)a * b);
            }
            want[m * ESPY_PANEL + c] = exact ? chain : sum;
            bound[m * ESPY_PANEL + c] = exact ? 0 : EPS * (p->n_k + 2) * size;
        }
}

static void try_gemm(trial *t, int bf16, int n_k, int n_m, int n_cols, int accumulate) {
    static float x[MAX_M * MAX_K], panel[MAX_K * ESPY_PANEL], start[MAX_M * (ESPY_PANEL + 3)];
    static uint16_t xh[MAX_M * MAX_K], ph[MAX_K * ESPY_PANEL];
    static double want[MAX_M * ESPY_PANEL], bound[MAX_M * ESPY_PANEL];
    int even = bf16 ? n_k + n_k % 2 : n_k;
    size_t value = bf16 ? sizeof(uint16_t) : sizeof(float);
    product p = { n_k, n_m, n_cols, accumulate, bf16, value, even + (bf16 ? 2 : 1), n_cols + 3 };
    random_floats(x, MAX_M * MAX_K, 1);
    random_floats(panel, (int64_t)MAX_K * ESPY_PANEL, 1);
    random_floats(start, MAX_M * (ESPY_PANEL + 3), 4);
    if (bf16) {
        t->truth->from_f32[ESPY_BF16](xh, x, MAX_M * MAX_K);
        t->truth->from_f32[ESPY_BF16](ph, panel, (int64_t)MAX_K * ESPY_PANEL);
        for (int m = 0; m < n_m && n_k % 2; m++) xh[m * p.x_stride + n_k] = 0;
        for (int c = 0; c < ESPY_PANEL && n_k % 2; c++) ph[(n_k / 2 * ESPY_PANEL + c) * 2 + 1] = 0;
    }
    p.x = bf16 ? (void *)xh : (void *)x;
    p.panel = bf16 ? (void *)ph : (void *)panel;
    p.start = start;
    p.want = want;
    p.bound = bound;
    p.panel_bytes = (size_t)even * ESPY_PANEL * value;
    p.x_bytes = n_m ? (size_t)((n_m - 1) * p.x_stride + even) * value : 0;
    p.y_bytes = n_m ? (size_t)((n_m - 1) * p.y_stride + n_cols) * sizeof(float) : 0;
    expect_product(t, &p, want, bound);
    try_product(t, &p);
}

/* -------------------------------------------------------------------- pack */

static void try_pack(trial *t, int bf16, int n_k, int n_cols) {
    static float rows[ESPY_PANEL * (MAX_K + 5)];
    static uint32_t want32[MAX_K * ESPY_PANEL];
    static uint16_t want16[MAX_K * ESPY_PANEL];
    int64_t stride = n_k + 5;
    size_t rows_bytes = n_cols ? (size_t)(stride * (n_cols - 1) + n_k) * sizeof(float) : 0;
    size_t bytes = bf16 ? (size_t)(n_k + n_k % 2) * ESPY_PANEL * 2 : (size_t)n_k * ESPY_PANEL * 4;
    random_floats(rows, ESPY_PANEL * (MAX_K + 5), 3);
    for (int k = 0; k < n_k + n_k % 2; k++)
        for (int c = 0; c < ESPY_PANEL; c++) {
            float v = c < n_cols && k < n_k ? rows[c * stride + k] : 0;
            memcpy(&want32[k * ESPY_PANEL + c], &v, sizeof(v));
            t->truth->from_f32[ESPY_BF16](&want16[(k / 2 * ESPY_PANEL + c) * 2 + k % 2], &v, 1);
        }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_k %d, n_cols %d, side %d", n_k, n_cols, side);
        const float *r = place_copy(AREA_A, rows, rows_bytes, side);
        void *panel = place(AREA_OUT, bytes, side);
        if (bf16)
            t->k->pack_bf16(panel, r, stride, n_k, n_cols);
        else
            t->k->pack_f32(panel, r, stride, n_k, n_cols);
        expect_same(t, "panel", panel, bf16 ? (void *)want16 : (void *)want32, bytes);
        expect_intact(t, AREA_OUT, panel, bytes);
    }
}

/* A panel of f32 becomes what packing makes of its columns. */
static void try_panel(trial *t, int n_k) {
    static float rows[MAX_K * ESPY_PANEL];
    static uint16_t want[(MAX_K + 1) * ESPY_PANEL];
    size_t rows_bytes = (size_t)n_k * ESPY_PANEL * sizeof(float);
    size_t bytes = (size_t)(n_k + n_k % 2) * ESPY_PANEL * sizeof(uint16_t);
    random_floats(rows, (int64_t)MAX_K * ESPY_PANEL, 3);
    for (int k = 0; k < n_k + n_k % 2; k++)
        for (int c = 0; c < ESPY_PANEL; c++) {
            float v = k < n_k ? rows[k * ESPY_PANEL + c] : 0;
            t->truth->from_f32[ESPY_BF16](&want[(k / 2 * ESPY_PANEL + c) * 2 + k % 2], &v, 1);
        }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_k %d, side %d", n_k, side);
        const float *r = place_copy(AREA_A, rows, rows_bytes, side);
        uint16_t *panel = place(AREA_OUT, bytes, side);
        t->k->panel_bf16(panel, r, n_k);
        expect_same(t, "panel", panel, want, bytes);
        expect_intact(t, AREA_OUT, panel, bytes);
    }
}

void test_gemm(trial *t) {
    static const int ks[] = { 0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 130, 257 };
    static const int ms[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 24, 25, 37 };
    static const int cols[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32 };
    for (int bf16 = 0; bf16 < 2; bf16++) {
        if (bf16 && !t->k->gemm_bf16) break;
        set_slot(t, bf16 ? "pack_bf16" : "pack_f32", NULL);
        for (int n_k = 0; n_k < 70; n_k++)
            for (int c = 0; c <= ESPY_PANEL; c += n_k % 8 ? 5 : 1) try_pack(t, bf16, n_k, c);
        for (int c = 0; c <= ESPY_PANEL; c++) try_pack(t, bf16, 257, c);
        set_slot(t, "panel_bf16", NULL);
        for (int n_k = 0; bf16 && n_k < 70; n_k++) try_panel(t, n_k);
        set_slot(t, bf16 ? "gemm_bf16" : "gemm_f32", NULL);
        for (size_t k = 0; k < sizeof(ks) / sizeof(ks[0]); k++)
            for (size_t m = 0; m < sizeof(ms) / sizeof(ms[0]); m++)
                for (size_t c = 0; c < sizeof(cols) / sizeof(cols[0]); c++)
                    try_gemm(t, bf16, ks[k], ms[m], cols[c], (int)(k + m + c) % 2);
    }
}
