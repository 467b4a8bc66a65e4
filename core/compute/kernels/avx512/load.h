/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stored values as vectors of 16 floats: plain types by value index, quantised
 * ones a block at a time. */
#ifndef ESPY_KERNELS_AVX512_LOAD_H
#define ESPY_KERNELS_AVX512_LOAD_H

#include "compute/kernels/avx2/blocks.h"

/* Lanes of the last vector of n values. */
ESPY_INLINE __mmask16 lanes_left(int64_t n) {
    return n >= 16 ? (__mmask16)0xffff : (__mmask16)((1U << n) - 1);
}

/* Values i .. i + 15 of x where m is set, 0 elsewhere. */
typedef __m512 load_fn(const void *x, int64_t i, __mmask16 m);

ESPY_INLINE __m512 load_f32(const void *x, int64_t i, __mmask16 m) {
    return _mm512_maskz_loadu_ps(m, (const uint8_t *)x + 4 * i);
}

ESPY_INLINE __m512 load_f16(const void *x, int64_t i, __mmask16 m) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, (const uint8_t *)x + 2 * i));
}

ESPY_INLINE __m512 load_bf16(const void *x, int64_t i, __mmask16 m) {
    __m256i bits = _mm256_maskz_loadu_epi16(m, (const uint8_t *)x + 2 * i);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* 1 sign, 4 exponent (bias 7) and 3 mantissa bits: those of an f16 that is 2^8
 * too small. All ones below the sign is NaN. */
ESPY_INLINE __m512 load_f8_e4m3(const void *x, int64_t i, __mmask16 m) {
    __m256i bits = _mm256_cvtepi8_epi16(_mm_maskz_loadu_epi8(m, (const uint8_t *)x + i));
    __m256i size = _mm256_and_si256(bits, _mm256_set1_epi16(0x7f));
    __mmask16 nan = _mm256_cmpeq_epi16_mask(size, _mm256_set1_epi16(0x7f));
    __m256i half = _mm256_and_si256(_mm256_slli_epi16(bits, 7), _mm256_set1_epi16((short)0xbfff));
    half = _mm256_mask_add_epi16(half, nan, half, _mm256_set1_epi16(0x7e00 - 0x3f80));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256));
}

/* One block as n_values / 16 vectors. */
typedef void expand_fn(__m512 *w, const void *block);

ESPY_INLINE void expand_signed(__m512 w[2], __m256i q, __m512 d0, __m512 d1) {
    __m512i low = _mm512_cvtepi8_epi32(_mm256_castsi256_si128(q));
    __m512i high = _mm512_cvtepi8_epi32(_mm256_extracti128_si256(q, 1));
    w[0] = _mm512_mul_ps(_mm512_cvtepi32_ps(low), d0);
    w[1] = _mm512_mul_ps(_mm512_cvtepi32_ps(high), d1);
}

ESPY_INLINE void expand_with_min(__m512 w[2], __m256i q, float scale, float min) {
    __m512i low = _mm512_cvtepu8_epi32(_mm256_castsi256_si128(q));
    __m512i high = _mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1));
    __m512 s = _mm512_set1_ps(scale), m = _mm512_set1_ps(min);
    w[0] = _mm512_fmsub_ps(_mm512_cvtepi32_ps(low), s, m);
    w[1] = _mm512_fmsub_ps(_mm512_cvtepi32_ps(high), s, m);
}

ESPY_INLINE void expand_q8_0(__m512 *w, const void *block) {
    const block_q8_0 *b = block;
    __m512 d = _mm512_set1_ps(f16_at(b->d));
    expand_signed(w, load_32_bytes(b->qs), d, d);
}

ESPY_INLINE void expand_q4_0(__m512 *w, const void *block) {
    const block_q4_0 *b = block;
    __m512 d = _mm512_set1_ps(f16_at(b->d));
    expand_signed(w, _mm256_sub_epi8(nibbles(b->qs), _mm256_set1_epi8(8)), d, d);
}

ESPY_INLINE void expand_q5_0(__m512 *w, const void *block) {
    const block_q5_0 *b = block;
    __m512 d = _mm512_set1_ps(f16_at(b->d));
    __m256i q = _mm256_or_si256(nibbles(b->qs), fifth_bits(b->qh));
    expand_signed(w, _mm256_sub_epi8(q, _mm256_set1_epi8(16)), d, d);
}

ESPY_INLINE void expand_q4_k(__m512 *w, const void *block) {
    const block_q4_k *b = block;
    k_scales s = k_scales_of(b->d, b->dmin, b->scales);
    float scale[8], min[8];
    _mm256_storeu_ps(scale, s.scale);
    _mm256_storeu_ps(min, s.min);
    for (int j = 0; j < 8; j++) expand_with_min(w + 2 * j, q4_k_bytes(b, j), scale[j], min[j]);
}

ESPY_INLINE void expand_q5_k(__m512 *w, const void *block) {
    const block_q5_k *b = block;
    k_scales s = k_scales_of(b->d, b->dmin, b->scales);
    float scale[8], min[8];
    _mm256_storeu_ps(scale, s.scale);
    _mm256_storeu_ps(min, s.min);
    for (int j = 0; j < 8; j++) expand_with_min(w + 2 * j, q5_k_bytes(b, j), scale[j], min[j]);
}

ESPY_INLINE void expand_q6_k(__m512 *w, const void *block) {
    const block_q6_k *b = block;
    float d[16];
    q6_k_scales(d, b);
    for (int j = 0; j < 8; j++) {
        __m256i q = _mm256_sub_epi8(q6_k_bytes(b, j), _mm256_set1_epi8(32));
        expand_signed(w + 2 * j, q, _mm512_set1_ps(d[2 * j]), _mm512_set1_ps(d[2 * j + 1]));
    }
}

#endif
