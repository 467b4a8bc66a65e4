/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* e^x for 16 floats: x = n ln 2 + r with |r| <= ln 2 / 2, and a polynomial for
 * e^r (relative error 1e-7). ln 2 is split so that n * LN2_HIGH is exact for n
 * below 2^15. */
#ifndef ESPY_KERNELS_AVX512_EXP_H
#define ESPY_KERNELS_AVX512_EXP_H

#include <immintrin.h>

#define LOG2_E 1.44269504F
#define LN2_HIGH 0x1.62p-1F
#define LN2_LOW 0x1.c85fdf473de6bp-10F

/* e^r */
static inline __m512 exp_reduced(__m512 r) {
    __m512 p = _mm512_set1_ps(1.0F / 720);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 120));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 24));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F / 6));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5F));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
}

/* x up to 88; NaN stays. Everything below -104 gives 0 or nearly so. */
static inline __m512 exp_16(__m512 x) {
    x = _mm512_max_ps(_mm512_set1_ps(-110), _mm512_min_ps(_mm512_set1_ps(88), x));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(LOG2_E)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_LOW), r);
    return _mm512_scalef_ps(exp_reduced(r), n);
}

#endif
