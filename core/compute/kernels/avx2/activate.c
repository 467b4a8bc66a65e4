/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Gates. Three of them are x * sigmoid(g(x)):
 *     SILU g = x    quick GELU g = 1.702 x
 *     tanh GELU g = 2 sqrt(2 / pi) (x + 0.044715 x^3)
 * GELU itself is max(x, 0) - |x| / 2 erfc(|x| / sqrt 2), which loses nothing for
 * negative x. erfc: Abramowitz and Stegun 7.1.26, absolute error 1.5e-7. */
#include "compute/kernels/avx2/exp.h"
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

typedef __m256 gate_fn(__m256 x);

ESPY_INLINE void gate_all(gate_fn *gate, float *y, const float *x, const float *up, int64_t n) {
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = gate(load_f32(x, i, n - i));
        if (up) v = _mm256_mul_ps(v, load_f32(up, i, n - i));
        store_f32(y, i, n - i, v);
    }
}

/* x / (1 + exp(-g)) */
ESPY_INLINE __m256 times_sigmoid(__m256 x, __m256 g) {
    __m256 e = exp_8(_mm256_sub_ps(_mm256_setzero_ps(), g));
    return _mm256_div_ps(x, _mm256_add_ps(e, _mm256_set1_ps(1)));
}

ESPY_INLINE __m256 silu(__m256 x) {
    return times_sigmoid(x, x);
}

ESPY_INLINE __m256 gelu_quick(__m256 x) {
    return times_sigmoid(x, _mm256_mul_ps(x, _mm256_set1_ps(1.702F)));
}

ESPY_INLINE __m256 gelu_tanh(__m256 x) {
    const __m256 linear = _mm256_set1_ps(1.59576912F), cubic = _mm256_set1_ps(0.0713548163F);
    __m256 slope = _mm256_fmadd_ps(_mm256_mul_ps(x, x), cubic, linear);
    return times_sigmoid(x, _mm256_mul_ps(x, slope));
}

ESPY_INLINE __m256 gelu_erf(__m256 x) {
    /* beyond 13 the tail is nothing */
    __m256 size = _mm256_min_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0F), x), _mm256_set1_ps(13));
    __m256 slope = _mm256_set1_ps(0.3275911F * 0.707106781F);
    __m256 t = _mm256_div_ps(_mm256_set1_ps(1), _mm256_fmadd_ps(size, slope, _mm256_set1_ps(1)));
    __m256 p = _mm256_set1_ps(1.061405429F);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736F));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592F));
    __m256 half = _mm256_mul_ps(size, _mm256_set1_ps(0.5F));
    __m256 tail = exp_8(_mm256_mul_ps(_mm256_sub_ps(_mm256_setzero_ps(), half), size));
    tail = _mm256_mul_ps(_mm256_mul_ps(tail, half), _mm256_mul_ps(p, t));
    return _mm256_sub_ps(_mm256_max_ps(_mm256_setzero_ps(), x), tail);
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

void espy_fill_activate_avx2(espy_kernels *k) {
    k->activate[ESPY_SILU] = activate_silu;
    k->activate[ESPY_GELU_QUICK] = activate_gelu_quick;
    k->activate[ESPY_GELU_TANH] = activate_gelu_tanh;
    k->activate[ESPY_GELU_ERF] = activate_gelu_erf;
}
