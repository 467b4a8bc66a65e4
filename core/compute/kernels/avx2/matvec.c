/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = W x in f32: each row is read once, from front to back, into four sums for
 * each of up to four vectors x. Rows come one after the other: neighbouring rows
 * side by side defeat the hardware's prefetcher. */
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"
#include "compute/kernels/avx2/matvecs.h"

ESPY_INLINE float sum_of_four(const __m256 s[4]) {
    return sum_of_8(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
}

enum { ROWS = 4 };

/* y[m] = row . x[m] for rows vectors x, x_stride apart; each as it is alone. */
ESPY_INLINE void dots_plain(load_fn *load, float *y, int64_t y_stride, const void *row,
                            const float *x, int64_t x_stride, int64_t n, int rows) {
    __m256 s[ROWS][4];
    for (int m = 0; m < rows; m++)
        for (int j = 0; j < 4; j++) s[m][j] = _mm256_setzero_ps();
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 4; j++) {
            __m256 w = load(row, i + 8 * j, 8);
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                s[m][j] =
                    _mm256_fmadd_ps(w, _mm256_loadu_ps(x + m * x_stride + i + 8 * j), s[m][j]);
        }
    for (; i < n; i += 8) {
        __m256 w = load(row, i, n - i);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++)
            s[m][0] = _mm256_fmadd_ps(w, load_f32(x + m * x_stride, i, n - i), s[m][0]);
    }
    for (int m = 0; m < rows; m++) y[m * y_stride] = sum_of_four(s[m]);
}

ESPY_INLINE void dots_blocks(scales_fn *find_scales, expand_fn *expand, int n_values,
                             size_t block_bytes, float *y, int64_t y_stride, const uint8_t *row,
                             const float *x, int64_t x_stride, int64_t n, int rows) {
    __m256 s[ROWS][4];
    for (int m = 0; m < rows; m++)
        for (int j = 0; j < 4; j++) s[m][j] = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += n_values, row += block_bytes) {
        float scales[16];
        find_scales(scales, row);
        for (int j = 0; j < n_values / 32; j++, x += 32) {
            __m256 w[4];
            expand(w, row, scales, j);
            for (int v = 0; v < 4; v++) {
                ESPY_UNROLL
                for (int m = 0; m < rows; m++)
                    s[m][v] =
                        _mm256_fmadd_ps(w[v], _mm256_loadu_ps(x + m * x_stride + 8 * v), s[m][v]);
            }
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

#define DOTS_BLOCKS(type, scales, n_values)                                                        \
    ESPY_INLINE void dots_##type(float *y, int64_t y_stride, const uint8_t *row, const float *x,   \
                                 int64_t x_stride, int64_t n, int rows) {                          \
        dots_blocks(scales, expand_##type, n_values, sizeof(block_##type), y, y_stride, row, x,    \
                    x_stride, n, rows);                                                            \
    }                                                                                              \
    ESPY_MATVECS(type, float)

DOTS_PLAIN(f32)
DOTS_PLAIN(f16)
DOTS_PLAIN(bf16)
DOTS_PLAIN(f8_e4m3)
DOTS_BLOCKS(q8_0, scales_first, 32)
DOTS_BLOCKS(q4_0, scales_first, 32)
DOTS_BLOCKS(q5_0, scales_first, 32)
DOTS_BLOCKS(q4_k, scales_q4_k, 256)
DOTS_BLOCKS(q5_k, scales_q5_k, 256)
DOTS_BLOCKS(q6_k, scales_q6_k, 256)

void espy_fill_matvec_avx2(espy_kernels *k) {
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
