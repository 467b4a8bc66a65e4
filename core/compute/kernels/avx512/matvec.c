/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = W x in f32: each row is read once, from front to back, into four sums for
 * each of up to four vectors x. Rows come one after the other: neighbouring rows
 * side by side defeat the hardware's prefetcher. */
#include "compute/kernels/avx2/matvecs.h"
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

ESPY_INLINE float sum_of_four(const __m512 s[4]) {
    return _mm512_reduce_add_ps(
        _mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

enum { ROWS = 4 };

/* y[m] = row . x[m] for rows vectors x, x_stride apart; each as it is alone. */
ESPY_INLINE void dots_plain(load_fn *load, float *y, int64_t y_stride, const void *row,
                            const float *x, int64_t x_stride, int64_t n, int rows) {
    __m512 s[ROWS][4];
    for (int m = 0; m < rows; m++)
        for (int j = 0; j < 4; j++) s[m][j] = _mm512_setzero_ps();
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (int j = 0; j < 4; j++) {
            __m512 w = load(row, i + 16 * j, 0xffff);
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                s[m][j] =
                    _mm512_fmadd_ps(w, _mm512_loadu_ps(x + m * x_stride + i + 16 * j), s[m][j]);
        }
    for (; i < n; i += 16) {
        __mmask16 mask = lanes_left(n - i);
        __m512 w = load(row, i, mask);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++)
            s[m][0] =
                _mm512_fmadd_ps(w, _mm512_maskz_loadu_ps(mask, x + m * x_stride + i), s[m][0]);
    }
    for (int m = 0; m < rows; m++) y[m * y_stride] = sum_of_four(s[m]);
}

ESPY_INLINE void dots_blocks(expand_fn *expand, int n_vectors, size_t block_bytes, float *y,
                             int64_t y_stride, const uint8_t *row, const float *x, int64_t x_stride,
                             int64_t n, int rows) {
    __m512 s[ROWS][4];
    for (int m = 0; m < rows; m++)
        for (int j = 0; j < 4; j++) s[m][j] = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += n_vectors * 16, row += block_bytes) {
        __m512 w[16];
        expand(w, row);
        for (int j = 0; j < n_vectors; j++) {
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                s[m][j % 4] = _mm512_fmadd_ps(w[j], _mm512_loadu_ps(x + m * x_stride + i + 16 * j),
                                              s[m][j % 4]);
        }
    }
    for (int m = 0; m < rows; m++) y[m * y_stride] = sum_of_four(s[m]);
}

#define DOTS_PLAIN(type)                                                                           \
    ESPY_INLINE void dots_##type(float *y, int64_t y_stride, const uint8_t *row, const float *x,   \
                                 int64_t x_stride, int64_t n, int rows) {                          \
        dots_plain(load_##type, y, y_stride, row, x, x_stride, n, rows);                           \
    }                                                                                              \
    ESPY_MATVECS(type, float)

#define DOTS_BLOCKS(type, n_values)                                                                \
    ESPY_INLINE void dots_##type(float *y, int64_t y_stride, const uint8_t *row, const float *x,   \
                                 int64_t x_stride, int64_t n, int rows) {                          \
        dots_blocks(expand_##type, (n_values) / 16, sizeof(block_##type), y, y_stride, row, x,     \
                    x_stride, n, rows);                                                            \
    }                                                                                              \
    ESPY_MATVECS(type, float)

DOTS_PLAIN(f32)
DOTS_PLAIN(f16)
DOTS_PLAIN(bf16)
DOTS_PLAIN(f8_e4m3)
DOTS_BLOCKS(q8_0, 32)
DOTS_BLOCKS(q4_0, 32)
DOTS_BLOCKS(q5_0, 32)
DOTS_BLOCKS(q4_k, 256)
DOTS_BLOCKS(q5_k, 256)
DOTS_BLOCKS(q6_k, 256)

void espy_fill_matvec_avx512(espy_kernels *k) {
    ESPY_SET_MATVEC(k, ESPY_F32, f32);
    ESPY_SET_MATVEC(k, ESPY_F16, f16);
    ESPY_SET_MATVEC(k, ESPY_BF16, bf16);
    ESPY_SET_MATVEC(k, ESPY_F8_E4M3, f8_e4m3);
    ESPY_SET_MATVEC(k, ESPY_Q8_0, q8_0);
    ESPY_SET_MATVEC(k, ESPY_Q4_0, q4_0);
    ESPY_SET_MATVEC(k, ESPY_Q5_0, q5_0);
    ESPY_SET_MATVEC(k, ESPY_Q4_K, q4_k);
    ESPY_SET_MATVEC(k, ESPY_Q5_K, q5_k);
    ESPY_SET_MATVEC(k, ESPY_Q6_K, q6_k);
}
