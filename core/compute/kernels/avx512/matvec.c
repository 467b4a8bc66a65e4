/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = W x in f32: each row is read once, from front to back, into four sums.
 * Rows come one after the other: neighbouring rows side by side defeat the
 * hardware's prefetcher. */
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

ESPY_INLINE float sum_of_four(const __m512 s[4]) {
    return _mm512_reduce_add_ps(
        _mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3])));
}

ESPY_INLINE float dot_plain(load_fn *load, const void *row, const float *x, int64_t n) {
    __m512 s[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps() };
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (int j = 0; j < 4; j++)
            s[j] = _mm512_fmadd_ps(load(row, i + 16 * j, 0xffff), _mm512_loadu_ps(x + i + 16 * j),
                                   s[j]);
    for (; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        s[0] = _mm512_fmadd_ps(load(row, i, m), _mm512_maskz_loadu_ps(m, x + i), s[0]);
    }
    return sum_of_four(s);
}

ESPY_INLINE float dot_blocks(expand_fn *expand, int n_vectors, size_t block_bytes,
                             const uint8_t *row, const float *x, int64_t n) {
    __m512 s[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps() };
    for (int64_t i = 0; i < n; i += n_vectors * 16, row += block_bytes) {
        __m512 w[16];
        expand(w, row);
        for (int j = 0; j < n_vectors; j++)
            s[j % 4] = _mm512_fmadd_ps(w[j], _mm512_loadu_ps(x + i + 16 * j), s[j % 4]);
    }
    return sum_of_four(s);
}

#define MATVEC_PLAIN(type)                                                                         \
    static void matvec_##type(float *y, const void *w, int64_t w_stride, const float *x,           \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            y[o] = dot_plain(load_##type, (const uint8_t *)w + o * w_stride, x, n_in);             \
    }

#define MATVEC_BLOCKS(type, n_values)                                                              \
    static void matvec_##type(float *y, const void *w, int64_t w_stride, const float *x,           \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            y[o] = dot_blocks(expand_##type, (n_values) / 16, sizeof(block_##type),                \
                              (const uint8_t *)w + o * w_stride, x, n_in);                         \
    }

MATVEC_PLAIN(f32)
MATVEC_PLAIN(f16)
MATVEC_PLAIN(bf16)
MATVEC_PLAIN(f8_e4m3)
MATVEC_BLOCKS(q8_0, 32)
MATVEC_BLOCKS(q4_0, 32)
MATVEC_BLOCKS(q5_0, 32)
MATVEC_BLOCKS(q4_k, 256)
MATVEC_BLOCKS(q5_k, 256)
MATVEC_BLOCKS(q6_k, 256)

void espy_fill_matvec_avx512(espy_kernels *k) {
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
