/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y += p^T V, each sum in the order of rows. Short rows (attention): 32 columns of y
 * stay in registers while the rows pass by. Long ones (matrices): the rows are read
 * from end to end, as memory likes it, and WIDE columns of y stay in the L1 cache. */
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

enum { LONG = 512, WIDE = 4096 };

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

ESPY_INLINE void add_row(load_fn *load, float *y, const uint8_t *row, float p, int64_t first,
                         int64_t end) {
    __m256 value = _mm256_set1_ps(p);
    int64_t i = first;
    for (; i + 32 <= end; i += 32)
        for (int v = 0; v < 4; v++) {
            float *at = y + i + (ptrdiff_t)8 * v;
            __m256 w = load(row, i + 8 * v, 8);
            _mm256_storeu_ps(at, _mm256_fmadd_ps(value, w, _mm256_loadu_ps(at)));
        }
    for (; i < end; i += 8)
        store_f32(y, i, end - i,
                  _mm256_fmadd_ps(value, load(row, i, end - i), load_f32(y, i, end - i)));
}

ESPY_INLINE void vecmat_plain(load_fn *load, float *y, const void *rows, int64_t row_stride,
                              const float *p, int64_t n, int64_t n_rows) {
    int64_t i = 0;
    for (; n >= LONG && i < n; i += WIDE)
        for (int64_t j = 0; j < n_rows; j++)
            add_row(load, y, (const uint8_t *)rows + j * row_stride, p[j], i,
                    n - i < WIDE ? n : i + WIDE);
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
