/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows times a panel of ESPY_PANEL columns. The sums of a row lie side by side,
 * so the inner loop runs over columns. */
#include <math.h>
#include <string.h>

#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

/* a * b + c with one rounding. Without such an instruction, by way of double,
 * where the product is exact: the sum is then rounded twice, which differs from
 * one rounding in the last bit about once in 2^28. */
static inline float fused(float a, float b, float c) {
#ifdef FP_FAST_FMAF
    return fmaf(a, b, c);
#else
    return (float)((double)a * b + c);
#endif
}

static void start(float sum[ESPY_PANEL], const float *y, int n_cols, int accumulate) {
    for (int c = 0; c < ESPY_PANEL; c++) sum[c] = accumulate && c < n_cols ? y[c] : 0;
}

static void pack_f32(float *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols) {
    for (int64_t k = 0; k < n_k; k++)
        for (int c = 0; c < ESPY_PANEL; c++)
            panel[k * ESPY_PANEL + c] = c < n_cols ? rows[c * stride + k] : 0;
}

static void gemm_f32(float *y, int64_t y_stride, const float *x, int64_t x_stride,
                     const float *panel, int64_t n_k, int n_m, int n_cols, int accumulate) {
    for (int m = 0; m < n_m; m++, y += y_stride, x += x_stride) {
        float sum[ESPY_PANEL];
        start(sum, y, n_cols, accumulate);
        for (int64_t k = 0; k < n_k; k++)
            for (int c = 0; c < ESPY_PANEL; c++)
                sum[c] = fused(x[k], panel[k * ESPY_PANEL + c], sum[c]);
        for (int c = 0; c < n_cols; c++) y[c] = sum[c];
    }
}

static void pack_bf16(uint16_t *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols) {
    for (int64_t k = 0; k < n_k + n_k % 2; k++)
        for (int c = 0; c < ESPY_PANEL; c++)
            panel[(k / 2 * ESPY_PANEL + c) * 2 + k % 2] =
                c < n_cols && k < n_k ? f32_to_bf16(rows[c * stride + k]) : 0;
}

static void panel_bf16(uint16_t *panel, const float *rows, int64_t n_k) {
    for (int64_t k = 0; k < n_k + n_k % 2; k++)
        for (int c = 0; c < ESPY_PANEL; c++)
            panel[(k / 2 * ESPY_PANEL + c) * 2 + k % 2] =
                k < n_k ? f32_to_bf16(rows[k * ESPY_PANEL + c]) : 0;
}

static void gemm_bf16(float *y, int64_t y_stride, const uint16_t *x, int64_t x_stride,
                      const uint16_t *panel, int64_t n_k, int n_m, int n_cols, int accumulate) {
    for (int m = 0; m < n_m; m++, y += y_stride, x += x_stride) {
        float sum[ESPY_PANEL];
        start(sum, y, n_cols, accumulate);
        for (int64_t k = 0; k < n_k; k += 2) {
            const uint16_t *pairs = panel + k * ESPY_PANEL;
            float x0 = bf16_to_f32(x[k]), x1 = bf16_to_f32(x[k + 1]);
            for (int c = 0; c < ESPY_PANEL; c++)
                sum[c] += x0 * bf16_to_f32(pairs[2 * c]) + x1 * bf16_to_f32(pairs[2 * c + 1]);
        }
        for (int c = 0; c < n_cols; c++) y[c] = sum[c];
    }
}

void espy_fill_scalar_gemm(espy_kernels *k) {
    k->pack_f32 = pack_f32;
    k->gemm_f32 = gemm_f32;
    k->pack_bf16 = pack_bf16;
    k->panel_bf16 = panel_bf16;
    k->gemm_bf16 = gemm_bf16;
}
