/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = W x in f32: each row is read once, from front to back, into four sums.
 * Rows come one after the other: neighbouring rows side by side defeat the
 * hardware's prefetcher. */
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

ESPY_INLINE float sum_of_four(const __m256 s[4]) {
    return sum_of_8(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3])));
}

ESPY_INLINE float dot_plain(load_fn *load, const void *row, const float *x, int64_t n) {
    __m256 s[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                    _mm256_setzero_ps() };
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int j = 0; j < 4; j++)
            s[j] = _mm256_fmadd_ps(load(row, i + 8 * j, 8), _mm256_loadu_ps(x + i + 8 * j), s[j]);
    for (; i < n; i += 8) s[0] = _mm256_fmadd_ps(load(row, i, n - i), load_f32(x, i, n - i), s[0]);
    return sum_of_four(s);
}

ESPY_INLINE float dot_blocks(scales_fn *find_scales, expand_fn *expand, int n_values,
                             size_t block_bytes, const uint8_t *row, const float *x, int64_t n) {
    __m256 s[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                    _mm256_setzero_ps() };
    for (int64_t i = 0; i < n; i += n_values, row += block_bytes) {
        float scales[16];
        find_scales(scales, row);
        for (int j = 0; j < n_values / 32; j++, x += 32) {
            __m256 w[4];
            expand(w, row, scales, j);
            for (int v = 0; v < 4; v++)
                s[v] = _mm256_fmadd_ps(w[v], _mm256_loadu_ps(x + 8 * v), s[v]);
        }
    }
    return sum_of_four(s);
}

#define MATVEC_PLAIN(type)                                                                         \
    static void matvec_##type(float *y, const void *w, int64_t w_stride, const float *x,           \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            y[o] = dot_plain(load_##type, (const uint8_t *)w + o * w_stride, x, n_in);             \
    }

#define MATVEC_BLOCKS(type, scales, n_values)                                                      \
    static void matvec_##type(float *y, const void *w, int64_t w_stride, const float *x,           \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            y[o] = dot_blocks(scales, expand_##type, n_values, sizeof(block_##type),               \
                              (const uint8_t *)w + o * w_stride, x, n_in);                         \
    }

MATVEC_PLAIN(f32)
MATVEC_PLAIN(f16)
MATVEC_PLAIN(bf16)
MATVEC_PLAIN(f8_e4m3)
MATVEC_BLOCKS(q8_0, scales_first, 32)
MATVEC_BLOCKS(q4_0, scales_first, 32)
MATVEC_BLOCKS(q5_0, scales_first, 32)
MATVEC_BLOCKS(q4_k, scales_q4_k, 256)
MATVEC_BLOCKS(q5_k, scales_q5_k, 256)
MATVEC_BLOCKS(q6_k, scales_q6_k, 256)

void espy_fill_matvec_avx2(espy_kernels *k) {
    k->matvec[ESPY_F32] = matvec_f32;
    k->matvec[ESPY_F16] = matvec_f16;
    k->matvec[ESPY_BF16] = matvec_bf16;
    k->matvec[ESPY_F8_E4M3] = matvec_f8_e4m3;
    k->matvec[ESPY_Q8_0] = matvec_q8_0;
    k->matvec[ESPY_Q4_0] = matvec_q4_0;
    k->matvec[ESPY_Q5_0] = matvec_q5_0;
    k->matvec[ESPY_Q4_K] = matvec_q4_k;
    k->matvec[ESPY_Q5_K] = matvec_q5_k;
    k->matvec[ESPY_Q6_K] = matvec_q6_k;
}
