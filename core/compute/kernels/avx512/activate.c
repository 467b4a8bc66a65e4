/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gates. Three of them are x * sigmoid(g(x)):
 *     SILU g = x    quick GELU g = 1.702 x
 *     tanh GELU g = 2 sqrt(2 / pi) (x + 0.044715 x^3)
 * GELU itself is max(x, 0) - |x| / 2 erfc(|x| / sqrt 2), which loses nothing for
 * negative x. erfc: Abramowitz and Stegun 7.1.26, absolute error 1.5e-7. */
#include "compute/kernels/avx512/exp.h"
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

typedef __m512 gate_fn(__m512 x);

ESPY_INLINE void gate_all(gate_fn *gate, float *y, const float *x, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = gate(load_f32(x, i, m));
        if (up) v = _mm512_mul_ps(v, load_f32(up, i, m));
        _mm512_mask_storeu_ps(y + i, m, v);
    }
}

/* x / (1 + exp(-g)) */
ESPY_INLINE __m512 times_sigmoid(__m512 x, __m512 g) {
    __m512 e = exp_16(_mm512_sub_ps(_mm512_setzero_ps(), g));
    return _mm512_div_ps(x, _mm512_add_ps(e, _mm512_set1_ps(1)));
}

ESPY_INLINE __m512 silu(__m512 x) {
    return times_sigmoid(x, x);
}

ESPY_INLINE __m512 gelu_quick(__m512 x) {
    return times_sigmoid(x, _mm512_mul_ps(x, _mm512_set1_ps(1.702F)));
}

ESPY_INLINE __m512 gelu_tanh(__m512 x) {
    const __m512 linear = _mm512_set1_ps(1.59576912F), cubic = _mm512_set1_ps(0.0713548163F);
    __m512 slope = _mm512_fmadd_ps(_mm512_mul_ps(x, x), cubic, linear);
    return times_sigmoid(x, _mm512_mul_ps(x, slope));
}

ESPY_INLINE __m512 gelu_erf(__m512 x) {
    /* beyond 14 the tail is nothing */
    __m512 size = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(14));
    __m512 slope = _mm512_set1_ps(0.3275911F * 0.707106781F);
    __m512 t = _mm512_div_ps(_mm512_set1_ps(1), _mm512_fmadd_ps(size, slope, _mm512_set1_ps(1)));
    __m512 p = _mm512_set1_ps(1.061405429F);
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027F));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741F));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736F));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592F));
    __m512 half = _mm512_mul_ps(size, _mm512_set1_ps(0.5F));
    __m512 tail = exp_16(_mm512_mul_ps(_mm512_sub_ps(_mm512_setzero_ps(), half), size));
    tail = _mm512_mul_ps(_mm512_mul_ps(tail, half), _mm512_mul_ps(p, t));
    return _mm512_sub_ps(_mm512_max_ps(_mm512_setzero_ps(), x), tail);
}

static void activate_silu(float *y, const float *x, const float *up, int64_t n) {
    gate_all(silu, y, x, up, n);
}

static void activate_gelu_quick(float *y, const float *x, const float *up, int64_t n) {
    gate_all(gelu_quick, y, x, up, n);
}

static void activate_gelu_tanh(float *y, const float *x, const float *up, int64_t n) {
    gate_all(gelu_tanh, y, x, up, n);
}

static void activate_gelu_erf(float *y, const float *x, const float *up, int64_t n) {
    gate_all(gelu_erf, y, x, up, n);
}

void espy_fill_activate_avx512(espy_kernels *k) {
    k->activate[ESPY_SILU] = activate_silu;
    k->activate[ESPY_GELU_QUICK] = activate_gelu_quick;
    k->activate[ESPY_GELU_TANH] = activate_gelu_tanh;
    k->activate[ESPY_GELU_ERF] = activate_gelu_erf;
}
