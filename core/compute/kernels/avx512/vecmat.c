/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y += p^T V, each sum in the order of rows. Short rows (attention): 64 columns of y
 * stay in registers while the rows pass by. Long ones (matrices): the rows are read
 * from end to end, as memory likes it, and WIDE columns of y stay in the L1 cache. */
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

enum { LONG = 512, WIDE = 4096 };

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

ESPY_INLINE void add_row(load_fn *load, float *y, const uint8_t *row, float p, int64_t first,
                         int64_t end) {
    __m512 value = _mm512_set1_ps(p);
    int64_t i = first;
    for (; i + 64 <= end; i += 64)
        for (int v = 0; v < 4; v++) {
            float *at = y + i + (ptrdiff_t)16 * v;
            __m512 w = load(row, i + 16 * v, (__mmask16)0xffff);
            _mm512_storeu_ps(at, _mm512_fmadd_ps(value, w, _mm512_loadu_ps(at)));
        }
    for (; i < end; i += 16) {
        __mmask16 m = lanes_left(end - i);
        __m512 s = _mm512_fmadd_ps(value, load(row, i, m), _mm512_maskz_loadu_ps(m, y + i));
        _mm512_mask_storeu_ps(y + i, m, s);
    }
}

ESPY_INLINE void vecmat_plain(load_fn *load, float *y, const void *rows, int64_t row_stride,
                              const float *p, int64_t n, int64_t n_rows) {
    int64_t i = 0;
    for (; n >= LONG && i < n; i += WIDE)
        for (int64_t j = 0; j < n_rows; j++)
            add_row(load, y, (const uint8_t *)rows + j * row_stride, p[j], i,
                    n - i < WIDE ? n : i + WIDE);
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
