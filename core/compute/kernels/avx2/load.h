/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stored values as vectors of 8 floats: plain types by value index, quantised
 * ones 32 values at a time. */
#ifndef ESPY_KERNELS_AVX2_LOAD_H
#define ESPY_KERNELS_AVX2_LOAD_H

#include "compute/kernels/avx2/blocks.h"

/* The first n lanes. */
ESPY_INLINE __m256i lanes_left(int64_t n) {
    int first = n < 8 ? (int)n : 8;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Values i .. i + 7 of x; where fewer than 8 are left, 0 beyond them. */
typedef __m256 load_fn(const void *x, int64_t i, int64_t left);

ESPY_INLINE __m256 load_f32(const void *x, int64_t i, int64_t left) {
    const float *p = (const float *)x + i;
    return left >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, lanes_left(left));
}

ESPY_INLINE void store_f32(float *y, int64_t i, int64_t left, __m256 v) {
    if (left >= 8)
        _mm256_storeu_ps(y + i, v);
    else
        _mm256_maskstore_ps(y + i, lanes_left(left), v);
}

ESPY_INLINE __m128i load_8_shorts(const void *x, int64_t i, int64_t left) {
    const uint8_t *p = (const uint8_t *)x + 2 * i;
    if (left >= 8) return load_16_bytes(p);
    uint8_t bytes[16] = { 0 };
    memcpy(bytes, p, (size_t)left * 2);
    return load_16_bytes(bytes);
}

ESPY_INLINE void store_8_shorts(void *y, int64_t i, int64_t left, __m128i v) {
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, v);
    memcpy((uint8_t *)y + 2 * i, bytes, left >= 8 ? 16 : (size_t)left * 2);
}

ESPY_INLINE __m256 load_f16(const void *x, int64_t i, int64_t left) {
    return _mm256_cvtph_ps(load_8_shorts(x, i, left));
}

ESPY_INLINE __m256 load_bf16(const void *x, int64_t i, int64_t left) {
    __m256i bits = _mm256_cvtepu16_epi32(load_8_shorts(x, i, left));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

/* 1 sign, 4 exponent (bias 7) and 3 mantissa bits: those of an f16 that is 2^8
 * too small. All ones below the sign is NaN. */
ESPY_INLINE __m256 load_f8_e4m3(const void *x, int64_t i, int64_t left) {
    uint64_t bytes = 0;
    memcpy(&bytes, (const uint8_t *)x + i, left >= 8 ? 8 : (size_t)left);
    __m128i bits = _mm_cvtepi8_epi16(_mm_cvtsi64_si128((long long)bytes));
    __m128i last = _mm_set1_epi16(0x7f);
    __m128i nan = _mm_cmpeq_epi16(_mm_and_si128(bits, last), last);
    __m128i half = _mm_and_si128(_mm_slli_epi16(bits, 7), _mm_set1_epi16((short)0xbfff));
    half = _mm_add_epi16(half, _mm_and_si128(nan, _mm_set1_epi16(0x7e00 - 0x3f80)));
    return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256));
}

/* Values 32 j .. 32 j + 31 of a block, given what its scales_fn wrote. */
typedef void scales_fn(float scales[16], const void *block);
typedef void expand_fn(__m256 w[4], const void *block, const float *scales, int j);

ESPY_INLINE __m256i eight_of(__m256i q, int v) {
    __m128i half = v < 2 ? _mm256_castsi256_si128(q) : _mm256_extracti128_si256(q, 1);
    return _mm256_cvtepi8_epi32(v % 2 ? _mm_srli_si128(half, 8) : half);
}

/* q signed */
ESPY_INLINE void expand_signed(__m256 w[4], __m256i q, float d0, float d1) {
    for (int v = 0; v < 4; v++)
        w[v] = _mm256_mul_ps(_mm256_cvtepi32_ps(eight_of(q, v)), _mm256_set1_ps(v < 2 ? d0 : d1));
}

/* q below 128 */
ESPY_INLINE void expand_with_min(__m256 w[4], __m256i q, float scale, float min) {
    for (int v = 0; v < 4; v++)
        w[v] = _mm256_fmsub_ps(_mm256_cvtepi32_ps(eight_of(q, v)), _mm256_set1_ps(scale),
                               _mm256_set1_ps(min));
}

ESPY_INLINE void scales_first(float scales[16], const void *block) {
    scales[0] = f16_at(block); /* Q4_0, Q5_0 and Q8_0 begin with d */
}

ESPY_INLINE void expand_q8_0(__m256 w[4], const void *block, const float *scales, int j) {
    const block_q8_0 *b = block;
    (void)j;
    expand_signed(w, load_32_bytes(b->qs), scales[0], scales[0]);
}

ESPY_INLINE void expand_q4_0(__m256 w[4], const void *block, const float *scales, int j) {
    const block_q4_0 *b = block;
    (void)j;
    __m256i q = _mm256_sub_epi8(nibbles(b->qs), _mm256_set1_epi8(8));
    expand_signed(w, q, scales[0], scales[0]);
}

ESPY_INLINE void expand_q5_0(__m256 w[4], const void *block, const float *scales, int j) {
    const block_q5_0 *b = block;
    (void)j;
    __m256i q = _mm256_or_si256(nibbles(b->qs), fifth_bits(b->qh));
    expand_signed(w, _mm256_sub_epi8(q, _mm256_set1_epi8(16)), scales[0], scales[0]);
}

ESPY_INLINE void scales_q4_k(float scales[16], const void *block) {
    const block_q4_k *b = block;
    k_scales s = k_scales_of(b->d, b->dmin, b->scales);
    _mm256_storeu_ps(scales, s.scale);
    _mm256_storeu_ps(scales + 8, s.min);
}

ESPY_INLINE void expand_q4_k(__m256 w[4], const void *block, const float *scales, int j) {
    expand_with_min(w, q4_k_bytes(block, j), scales[j], scales[8 + j]);
}

ESPY_INLINE void scales_q5_k(float scales[16], const void *block) {
    const block_q5_k *b = block;
    k_scales s = k_scales_of(b->d, b->dmin, b->scales);
    _mm256_storeu_ps(scales, s.scale);
    _mm256_storeu_ps(scales + 8, s.min);
}

ESPY_INLINE void expand_q5_k(__m256 w[4], const void *block, const float *scales, int j) {
    expand_with_min(w, q5_k_bytes(block, j), scales[j], scales[8 + j]);
}

ESPY_INLINE void scales_q6_k(float scales[16], const void *block) {
    q6_k_scales(scales, block);
}

ESPY_INLINE void expand_q6_k(__m256 w[4], const void *block, const float *scales, int j) {
    __m256i q = _mm256_sub_epi8(q6_k_bytes(block, j), _mm256_set1_epi8(32));
    expand_signed(w, q, scales[2 * j], scales[2 * j + 1]);
}

#endif
