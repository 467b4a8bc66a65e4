/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y += p^T V: 32 columns of y stay in registers while the rows pass by, so each
 * sum takes the rows in order. */
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

ESPY_INLINE void columns(load_fn *load, int n_vectors, float *y, const void *rows,
                         int64_t row_stride, const float *p, int64_t first, int64_t left,
                         int64_t n_rows) {
    const uint8_t *row = rows;
    __m256 s[4];
    for (int v = 0; v < n_vectors; v++) s[v] = load_f32(y, first + 8 * v, left - 8 * v);
    for (int64_t j = 0; j < n_rows; j++, row += row_stride)
        for (int v = 0; v < n_vectors; v++)
            s[v] = _mm256_fmadd_ps(_mm256_broadcast_ss(p + j),
                                   load(row, first + 8 * v, left - 8 * v), s[v]);
    for (int v = 0; v < n_vectors; v++) store_f32(y, first + 8 * v, left - 8 * v, s[v]);
}

ESPY_INLINE void vecmat_plain(load_fn *load, float *y, const void *rows, int64_t row_stride,
                              const float *p, int64_t n, int64_t n_rows) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) columns(load, 4, y, rows, row_stride, p, i, 32, n_rows);
    for (; i < n; i += 8) columns(load, 1, y, rows, row_stride, p, i, n - i, n_rows);
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
        __m256 s[4];
        for (int v = 0; v < 4; v++) s[v] = _mm256_loadu_ps(y + i + 8 * v);
        for (int64_t j = 0; j < n_rows; j++) {
            const block_q8_0 *b = (const block_q8_0 *)(column + j * row_stride);
            __m256 w[4];
            float d = f16_at(b->d);
            expand_q8_0(w, b, &d, 0);
            for (int v = 0; v < 4; v++)
                s[v] = _mm256_fmadd_ps(_mm256_broadcast_ss(p + j), w[v], s[v]);
        }
        for (int v = 0; v < 4; v++) _mm256_storeu_ps(y + i + 8 * v, s[v]);
    }
}

void espy_fill_vecmat_avx2(espy_kernels *k) {
    k->vecmat[ESPY_F32] = vecmat_f32;
    k->vecmat[ESPY_F16] = vecmat_f16;
    k->vecmat[ESPY_BF16] = vecmat_bf16;
    k->vecmat[ESPY_Q8_0] = vecmat_q8_0;
}
