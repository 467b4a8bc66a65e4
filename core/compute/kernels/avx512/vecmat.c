/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y += p^T V: 64 columns of y stay in registers while the rows pass by, so each
 * sum takes the rows in order. */
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

ESPY_INLINE void columns(load_fn *load, int n_vectors, float *y, const uint8_t *rows,
                         int64_t row_stride, const float *p, int64_t first, int64_t n,
                         int64_t n_rows) {
    __m512 s[4];
    __mmask16 m[4];
    for (int v = 0; v < n_vectors; v++) {
        m[v] = v == n_vectors - 1 ? lanes_left(n - first - 16 * v) : (__mmask16)0xffff;
        s[v] = _mm512_maskz_loadu_ps(m[v], y + first + 16 * v);
    }
    for (int64_t j = 0; j < n_rows; j++, rows += row_stride)
        for (int v = 0; v < n_vectors; v++)
            s[v] = _mm512_fmadd_ps(_mm512_set1_ps(p[j]), load(rows, first + 16 * v, m[v]), s[v]);
    for (int v = 0; v < n_vectors; v++) _mm512_mask_storeu_ps(y + first + 16 * v, m[v], s[v]);
}

ESPY_INLINE void vecmat_plain(load_fn *load, float *y, const void *rows, int64_t row_stride,
                              const float *p, int64_t n, int64_t n_rows) {
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) columns(load, 4, y, rows, row_stride, p, i, n, n_rows);
    for (; i < n; i += 16) columns(load, 1, y, rows, row_stride, p, i, n, n_rows);
}

static void vecmat_f32(float *y, const void *rows, int64_t row_stride, const float *p, int64_t n,
                       int64_t n_rows) {
    vecmat_plain(load_f32, y, rows, row_stride, p, n, n_rows);
}

static void vecmat_f16(float *y, const void *rows, int64_t row_stride, const float *p, int64_t n,
                       int64_t n_rows) {
    vecmat_plain(load_f16, y, rows, row_stride, p, n, n_rows);
}

static void vecmat_bf16(float *y, const void *rows, int64_t row_stride, const float *p, int64_t n,
                        int64_t n_rows) {
    vecmat_plain(load_bf16, y, rows, row_stride, p, n, n_rows);
}

static void vecmat_q8_0(float *y, const void *rows, int64_t row_stride, const float *p, int64_t n,
                        int64_t n_rows) {
    const uint8_t *column = rows;
    for (int64_t i = 0; i < n; i += 32, column += sizeof(block_q8_0)) {
        __m512 s0 = _mm512_loadu_ps(y + i), s1 = _mm512_loadu_ps(y + i + 16);
        for (int64_t j = 0; j < n_rows; j++) {
            __m512 w[2];
            expand_q8_0(w, column + j * row_stride);
            s0 = _mm512_fmadd_ps(_mm512_set1_ps(p[j]), w[0], s0);
            s1 = _mm512_fmadd_ps(_mm512_set1_ps(p[j]), w[1], s1);
        }
        _mm512_storeu_ps(y + i, s0);
        _mm512_storeu_ps(y + i + 16, s1);
    }
}

void espy_fill_vecmat_avx512(espy_kernels *k) {
    k->vecmat[ESPY_F32] = vecmat_f32;
    k->vecmat[ESPY_F16] = vecmat_f16;
    k->vecmat[ESPY_BF16] = vecmat_bf16;
    k->vecmat[ESPY_Q8_0] = vecmat_q8_0;
}
