/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* e^x for 8 floats: x = n ln 2 + r with |r| <= ln 2 / 2, and a polynomial for
 * e^r (relative error 1e-7). ln 2 is split so that n * LN2_HIGH is exact for n
 * below 2^15. */
#ifndef ESPY_KERNELS_AVX2_EXP_H
#define ESPY_KERNELS_AVX2_EXP_H

#include <immintrin.h>

#define LOG2_E 1.44269504F
#define LN2_HIGH 0x1.62p-1F
#define LN2_LOW 0x1.c85fdf473de6bp-10F

/* e^r */
static inline __m256 exp_reduced(__m256 r) {
    __m256 p = _mm256_set1_ps(1.0F / 720);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 120));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 24));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0F / 6));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5F));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    return _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
}

/* 2^n for n in [-126, 127] */
static inline __m256 power_of_2(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* x is taken to be within [-87, 88]; NaN stays. */
static inline __m256 exp_8(__m256 x) {
    x = _mm256_max_ps(_mm256_set1_ps(-87), _mm256_min_ps(_mm256_set1_ps(88), x));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(LOG2_E)), 8);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_LOW), r);
    return _mm256_mul_ps(exp_reduced(r), power_of_2(_mm256_cvtps_epi32(n)));
}

#endif
