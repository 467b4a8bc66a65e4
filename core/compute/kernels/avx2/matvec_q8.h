/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = W x with 8 bit activations, for the targets whose dot product of 32 bytes
 * ends in eight int32. The including file defines, before this:
 *
 *     __m256i dot_u8_s8(__m256i w, __m256i x)   w unsigned, x signed bytes
 *     __m256i dot_s8_s8(__m256i w, __m256i x)   both signed, x not -128
 *
 * lane i: the sum of products 4i .. 4i + 3. Per 32 values the lanes become
 * floats and are added with their scale; the format's offsets (q - 8) take an
 * eighth of the activations' sum off each lane. Rows are read one
 * after the other: neighbouring rows side by side defeat the prefetcher. */
#ifndef ESPY_KERNELS_AVX2_MATVEC_Q8_H
#define ESPY_KERNELS_AVX2_MATVEC_Q8_H

#include "compute/kernels/avx2/matvecs.h"

enum { ROWS = 4 };

ESPY_INLINE __m256 sum_of_four(const __m256 s[4]) {
    return _mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3]));
}

/* acc + scale * lanes */
ESPY_INLINE __m256 add_scaled(__m256 acc, __m256i lanes, float scale) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(lanes), _mm256_set1_ps(scale), acc);
}

ESPY_INLINE __m256 add_q8_0(__m256 acc, const block_q8_0 *b, const espy_act_q8 *x) {
    __m256i lanes = dot_s8_s8(load_32_bytes(b->qs), load_32_bytes(x->q));
    return add_scaled(acc, lanes, f16_at(b->d) * x->d);
}

ESPY_INLINE void dots_q8_0(float *y, int64_t y_stride, const uint8_t *row, const espy_act_q8 *x,
                           int64_t x_stride, int64_t n_in, int rows) {
    const block_q8_0 *b = (const block_q8_0 *)row;
    __m256 acc0[ROWS], acc1[ROWS];
    int64_t i = 0, n = n_in / 32;
    for (int m = 0; m < rows; m++) acc0[m] = acc1[m] = _mm256_setzero_ps();
    for (; i + 2 <= n; i += 2) {
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            acc0[m] = add_q8_0(acc0[m], b + i, x + m * x_stride + i);
            acc1[m] = add_q8_0(acc1[m], b + i + 1, x + m * x_stride + i + 1);
        }
    }
    for (int m = 0; m < rows; m++) {
        if (i < n) acc0[m] = add_q8_0(acc0[m], b + i, x + m * x_stride + i);
        y[m * y_stride] = sum_of_8(_mm256_add_ps(acc0[m], acc1[m]));
    }
}

ESPY_INLINE __m256 add_q4_0(__m256 acc, const block_q4_0 *b, const espy_act_q8 *x) {
    __m256i lanes = dot_u8_s8(nibbles(b->qs), load_32_bytes(x->q));
    return add_scaled(acc, _mm256_sub_epi32(lanes, _mm256_set1_epi32(x->sum)), f16_at(b->d) * x->d);
}

ESPY_INLINE void dots_q4_0(float *y, int64_t y_stride, const uint8_t *row, const espy_act_q8 *x,
                           int64_t x_stride, int64_t n_in, int rows) {
    const block_q4_0 *b = (const block_q4_0 *)row;
    __m256 acc0[ROWS], acc1[ROWS];
    int64_t i = 0, n = n_in / 32;
    for (int m = 0; m < rows; m++) acc0[m] = acc1[m] = _mm256_setzero_ps();
    for (; i + 2 <= n; i += 2) {
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            acc0[m] = add_q4_0(acc0[m], b + i, x + m * x_stride + i);
            acc1[m] = add_q4_0(acc1[m], b + i + 1, x + m * x_stride + i + 1);
        }
    }
    for (int m = 0; m < rows; m++) {
        if (i < n) acc0[m] = add_q4_0(acc0[m], b + i, x + m * x_stride + i);
        y[m * y_stride] = sum_of_8(_mm256_add_ps(acc0[m], acc1[m]));
    }
}

/* The scales and sums of 8 activation blocks. */
typedef struct act_scales {
    __m256 d, sum;
} act_scales;

ESPY_INLINE __m256i scale_and_sum_of_4(const espy_act_q8 *x, int i, int j) {
    __m128i low = _mm_loadl_epi64((const __m128i *)(x + i));
    __m128i high = _mm_loadl_epi64((const __m128i *)(x + j));
    low = _mm_unpacklo_epi64(low, _mm_loadl_epi64((const __m128i *)(x + i + 1)));
    high = _mm_unpacklo_epi64(high, _mm_loadl_epi64((const __m128i *)(x + j + 1)));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

ESPY_INLINE act_scales scales_of_8(const espy_act_q8 *x) {
    __m256 a = _mm256_castsi256_ps(scale_and_sum_of_4(x, 0, 4));
    __m256 b = _mm256_castsi256_ps(scale_and_sum_of_4(x, 2, 6));
    __m256i sum = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
    return (act_scales){ _mm256_shuffle_ps(a, b, 0x88), _mm256_cvtepi32_ps(sum) };
}

/* acc - min * x.d * x.sum of 8 sub-blocks; leaves their scale * x.d. */
ESPY_INLINE __m256 add_mins(__m256 acc, float scale[8], k_scales s, const espy_act_q8 *x) {
    act_scales a = scales_of_8(x);
    _mm256_storeu_ps(scale, _mm256_mul_ps(s.scale, a.d));
    return _mm256_fnmadd_ps(_mm256_mul_ps(s.min, a.d), a.sum, acc);
}

ESPY_INLINE __m256 add_sub_block(__m256 acc, __m256i w, const espy_act_q8 *x, const float *scale) {
    __m256 lanes = _mm256_cvtepi32_ps(dot_u8_s8(w, load_32_bytes(x->q)));
    return _mm256_fmadd_ps(lanes, _mm256_broadcast_ss(scale), acc);
}

ESPY_INLINE void dots_q4_k(float *y, int64_t y_stride, const uint8_t *row, const espy_act_q8 *x,
                           int64_t x_stride, int64_t n_in, int rows) {
    const block_q4_k *b = (const block_q4_k *)row;
    __m256 mins[ROWS], acc[ROWS][4];
    for (int m = 0; m < rows; m++)
        mins[m] = acc[m][0] = acc[m][1] = acc[m][2] = acc[m][3] = _mm256_setzero_ps();
    for (int64_t i = 0; i < n_in / 256; i++, b++, x += 8) {
        float scale[ROWS][8];
        k_scales s = k_scales_of(b->d, b->dmin, b->scales);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) mins[m] = add_mins(mins[m], scale[m], s, x + m * x_stride);
        for (int j = 0; j < 8; j++) {
            __m256i w = q4_k_bytes(b, j);
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                acc[m][j % 4] = add_sub_block(acc[m][j % 4], w, x + m * x_stride + j, scale[m] + j);
        }
    }
    for (int m = 0; m < rows; m++)
        y[m * y_stride] = sum_of_8(_mm256_add_ps(mins[m], sum_of_four(acc[m])));
}

ESPY_INLINE void dots_q5_k(float *y, int64_t y_stride, const uint8_t *row, const espy_act_q8 *x,
                           int64_t x_stride, int64_t n_in, int rows) {
    const block_q5_k *b = (const block_q5_k *)row;
    __m256 mins[ROWS], acc[ROWS][4];
    for (int m = 0; m < rows; m++)
        mins[m] = acc[m][0] = acc[m][1] = acc[m][2] = acc[m][3] = _mm256_setzero_ps();
    for (int64_t i = 0; i < n_in / 256; i++, b++, x += 8) {
        float scale[ROWS][8];
        k_scales s = k_scales_of(b->d, b->dmin, b->scales);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) mins[m] = add_mins(mins[m], scale[m], s, x + m * x_stride);
        for (int j = 0; j < 8; j++) {
            __m256i w = q5_k_bytes(b, j);
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                acc[m][j % 4] = add_sub_block(acc[m][j % 4], w, x + m * x_stride + j, scale[m] + j);
        }
    }
    for (int m = 0; m < rows; m++)
        y[m * y_stride] = sum_of_8(_mm256_add_ps(mins[m], sum_of_four(acc[m])));
}

/* Two scales a run of 32: the lower four lanes take the first. */
ESPY_INLINE __m256 add_q6_k_run(__m256 acc, __m256i w, const espy_act_q8 *x, const float *scales) {
    __m256i q = load_32_bytes(x->q);
    __m256i lanes = _mm256_sub_epi32(dot_u8_s8(w, q), dot_u8_s8(_mm256_set1_epi8(32), q));
    __m256 scale = _mm256_set_m128(_mm_broadcast_ss(scales + 1), _mm_broadcast_ss(scales));
    scale = _mm256_mul_ps(scale, _mm256_broadcast_ss(&x->d));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(lanes), scale, acc);
}

ESPY_INLINE void dots_q6_k(float *y, int64_t y_stride, const uint8_t *row, const espy_act_q8 *x,
                           int64_t x_stride, int64_t n_in, int rows) {
    const block_q6_k *b = (const block_q6_k *)row;
    __m256 acc[ROWS][4];
    for (int m = 0; m < rows; m++)
        acc[m][0] = acc[m][1] = acc[m][2] = acc[m][3] = _mm256_setzero_ps();
    for (int64_t i = 0; i < n_in / 256; i++, b++, x += 8) {
        float scales[16];
        q6_k_scales(scales, b);
        for (int j = 0; j < 8; j++) {
            __m256i w = q6_k_bytes(b, j);
            ESPY_UNROLL
            for (int m = 0; m < rows; m++)
                acc[m][j % 4] =
                    add_q6_k_run(acc[m][j % 4], w, x + m * x_stride + j, scales + 2 * j);
        }
    }
    for (int m = 0; m < rows; m++) y[m * y_stride] = sum_of_8(sum_of_four(acc[m]));
}

ESPY_MATVECS(q8_0, espy_act_q8)
ESPY_MATVECS(q4_0, espy_act_q8)
ESPY_MATVECS(q4_k, espy_act_q8)
ESPY_MATVECS(q5_k, espy_act_q8)
ESPY_MATVECS(q6_k, espy_act_q8)

static void set_matvec_q8(espy_kernels *k) {
#define SET(dtype, type)                                                                           \
    k->matvec_q8[dtype] = matvec_##type;                                                           \
    k->matvecs_q8[dtype] = matvecs_##type
    SET(ESPY_Q8_0, q8_0);
    SET(ESPY_Q4_0, q4_0);
    SET(ESPY_Q4_K, q4_k);
    SET(ESPY_Q5_K, q5_k);
    SET(ESPY_Q6_K, q6_k);
#undef SET
}

#endif
