/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of the block formats, and the small pieces that the avx2 and avx512
 * folders share. All structs are made of bytes: any alignment will do. */
#ifndef ESPY_KERNELS_AVX2_BLOCKS_H
#define ESPY_KERNELS_AVX2_BLOCKS_H

#include <immintrin.h>
#include <string.h>

#include "compute/kernels/kernels.h"

#define ESPY_INLINE static inline __attribute__((always_inline))

/* Before a loop over registers: gcc 12 keeps the array in memory if it unrolls
 * the loop too late. */
#ifdef __clang__
#define ESPY_UNROLL _Pragma("unroll")
#else
#define ESPY_UNROLL _Pragma("GCC unroll 8")
#endif

/* d is an f16; w = d * (...) throughout. Value j of a 32 block with nibbles is
 * the low nibble of byte j, value j + 16 the high one. */
typedef struct block_q4_0 { /* d * (q - 8) */
    uint8_t d[2], qs[16];
} block_q4_0;

typedef struct block_q5_0 { /* d * (q - 16), fifth bits in qh */
    uint8_t d[2], qh[4], qs[16];
} block_q5_0;

typedef struct block_q8_0 { /* d * q, signed */
    uint8_t d[2], qs[32];
} block_q8_0;

/* 8 sub-blocks of 32: w = d * scale[j] * q - dmin * min[j], scales and mins of 6
 * bits. 32 bytes of qs hold sub-blocks 2i (low nibbles) and 2i + 1 (high). */
typedef struct block_q4_k {
    uint8_t d[2], dmin[2], scales[12], qs[128];
} block_q4_k;

typedef struct block_q5_k { /* bit j of qh[i]: fifth bit of value i of sub-block j */
    uint8_t d[2], dmin[2], scales[12], qh[32], qs[128];
} block_q5_k;

/* 16 sub-blocks of 16: w = d * scales[j] * (q - 32), scales signed. Each half of
 * 128 values has 64 bytes of ql and 32 of qh; its four runs of 32 take the low
 * and then the high nibbles of ql, and two bits each of qh. */
typedef struct block_q6_k {
    uint8_t ql[128], qh[64], scales[16], d[2];
} block_q6_k;

_Static_assert(sizeof(block_q4_0) == 18 && sizeof(block_q5_0) == 22 && sizeof(block_q8_0) == 34 &&
                   sizeof(block_q4_k) == 144 && sizeof(block_q5_k) == 176 &&
                   sizeof(block_q6_k) == 210,
               "blocks have no padding");

ESPY_INLINE float f16_at(const uint8_t *bytes) {
    uint16_t h;
    memcpy(&h, bytes, sizeof h);
    return _cvtsh_ss(h);
}

ESPY_INLINE __m128i load_16_bytes(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

ESPY_INLINE __m256i load_32_bytes(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}

/* Low nibbles of 16 bytes, then the high ones. */
ESPY_INLINE __m256i nibbles(const uint8_t *qs) {
    __m128i low = load_16_bytes(qs);
    __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_srli_epi16(low, 4), 1);
    return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

/* Byte i is 16 where bit i of the four bytes is set. */
ESPY_INLINE __m256i fifth_bits(const uint8_t *qh) {
    uint32_t bits;
    memcpy(&bits, qh, sizeof bits);
    const __m256i byte_of =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), byte_of);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit_of), bit_of);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

/* The 6 bit scales and mins of Q4_K and Q5_K, 8 bytes each. Bytes 0..3 hold the
 * first four scales, 4..7 the first four mins; the others have their low four
 * bits in bytes 8..11 and the upper two on top of the first ones. */
typedef struct k_scales {
    __m256 scale, min; /* times d, dmin */
} k_scales;

ESPY_INLINE __m256 bytes_to_f32(uint32_t low, uint32_t high) {
    __m128i bytes = _mm_cvtsi64_si128((long long)(low | (uint64_t)high << 32));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

ESPY_INLINE k_scales k_scales_of(const uint8_t *d, const uint8_t *dmin, const uint8_t *scales) {
    uint32_t s[3];
    memcpy(s, scales, sizeof s);
    const uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x30303030;
    __m256 scale = bytes_to_f32(s[0] & six, (s[2] & four) | (s[0] >> 2 & two));
    __m256 min = bytes_to_f32(s[1] & six, (s[2] >> 4 & four) | (s[1] >> 2 & two));
    return (k_scales){ _mm256_mul_ps(scale, _mm256_set1_ps(f16_at(d))),
                       _mm256_mul_ps(min, _mm256_set1_ps(f16_at(dmin))) };
}

/* Sub-block j (0..7, unsigned bytes) of Q4_K and Q5_K. */
ESPY_INLINE __m256i q4_k_bytes(const block_q4_k *b, int j) {
    __m256i q = load_32_bytes(b->qs + j / 2 * 32);
    return _mm256_and_si256(j % 2 ? _mm256_srli_epi16(q, 4) : q, _mm256_set1_epi8(15));
}

ESPY_INLINE __m256i q5_k_bytes(const block_q5_k *b, int j) {
    __m256i q = load_32_bytes(b->qs + j / 2 * 32), h = load_32_bytes(b->qh);
    q = _mm256_and_si256(j % 2 ? _mm256_srli_epi16(q, 4) : q, _mm256_set1_epi8(15));
    h = j < 4 ? _mm256_slli_epi16(h, 4 - j) : _mm256_srli_epi16(h, j - 4);
    return _mm256_or_si256(q, _mm256_and_si256(h, _mm256_set1_epi8(16)));
}

/* Run j (0..7) of 32 values of Q6_K: unsigned bytes, 32 too high. */
ESPY_INLINE __m256i q6_k_bytes(const block_q6_k *b, int j) {
    int half = j / 4, run = j % 4;
    __m256i q = load_32_bytes(b->ql + half * 64 + run % 2 * 32);
    __m256i h = load_32_bytes(b->qh + half * 32);
    q = _mm256_and_si256(run >= 2 ? _mm256_srli_epi16(q, 4) : q, _mm256_set1_epi8(15));
    h = run < 2 ? _mm256_slli_epi16(h, 4 - 2 * run) : _mm256_srli_epi16(h, 2 * run - 4);
    return _mm256_or_si256(q, _mm256_and_si256(h, _mm256_set1_epi8(0x30)));
}

/* The 16 scales of Q6_K times d. */
ESPY_INLINE void q6_k_scales(float scales[16], const block_q6_k *b) {
    __m256 d = _mm256_set1_ps(f16_at(b->d));
    __m128i s = load_16_bytes(b->scales);
    __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(s));
    __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(s, 8)));
    _mm256_storeu_ps(scales, _mm256_mul_ps(d, low));
    _mm256_storeu_ps(scales + 8, _mm256_mul_ps(d, high));
}

ESPY_INLINE float sum_of_8(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

ESPY_INLINE float max_of_8(__m256 v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#endif
