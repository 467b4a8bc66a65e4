/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Norms, rotary positions, softmax and addition. Sums run in 16 lanes. */
#include <math.h>

#include "compute/kernels/avx512/exp.h"
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

static float sum_of(const float *x, int64_t n) {
    __m512 s = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += 16) s = _mm512_add_ps(s, load_f32(x, i, lanes_left(n - i)));
    return _mm512_reduce_add_ps(s);
}

/* sum of (x - mean)^2 */
static float squares_of(const float *x, float mean, int64_t n) {
    __m512 s = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = _mm512_maskz_sub_ps(m, load_f32(x, i, m), _mm512_set1_ps(mean));
        s = _mm512_fmadd_ps(v, v, s);
    }
    return _mm512_reduce_add_ps(s);
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, float eps,
                       int64_t n) {
    float mean = sum_of(x, n) / (float)n;
    __m512 scale = _mm512_set1_ps(1 / sqrtf(squares_of(x, mean, n) / (float)n + eps));
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = _mm512_sub_ps(load_f32(x, i, m), _mm512_set1_ps(mean));
        v = _mm512_mul_ps(_mm512_mul_ps(v, scale), load_f32(w, i, m));
        if (b) v = _mm512_add_ps(v, load_f32(b, i, m));
        _mm512_mask_storeu_ps(y + i, m, v);
    }
}

static void rms_norm(float *y, const float *x, const float *w, float eps, int64_t n) {
    __m512 scale = _mm512_set1_ps(1 / sqrtf(squares_of(x, 0, n) / (float)n + eps));
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = _mm512_mul_ps(_mm512_mul_ps(load_f32(x, i, m), scale), load_f32(w, i, m));
        _mm512_mask_storeu_ps(y + i, m, v);
    }
}

static void rope(float *x, const float *cosines, const float *sines, int d) {
    int half = d / 2;
    for (int i = 0; i < half; i += 16) {
        __mmask16 m = lanes_left(half - i);
        __m512 c = load_f32(cosines, i, m), s = load_f32(sines, i, m);
        __m512 a = load_f32(x, i, m), b = load_f32(x + half, i, m);
        _mm512_mask_storeu_ps(x + i, m, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + half + i, m, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}

/* -------------------------------------------------------------- softmax */

static float max_scaled(const float *x, float scale, int64_t n) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = _mm512_mul_ps(load_f32(x, i, m), _mm512_set1_ps(scale));
        top = _mm512_mask_max_ps(top, m, top, v);
    }
    return _mm512_reduce_max_ps(top);
}

/* x[i] = exp(scale * x[i]) / 2^top: x is reduced before anything is rounded, so
 * that small entries are as exact as large ones. Returns the sum, n <= 512. */
static float exp_scaled(float *x, float scale, float top, int64_t n) {
    __m512 sum = _mm512_setzero_ps(), s = _mm512_set1_ps(scale);
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = load_f32(x, i, m);
        __m512 p = _mm512_roundscale_ps(_mm512_mul_ps(v, _mm512_set1_ps(scale * LOG2_E)), 8);
        __m512 r = _mm512_fmsub_ps(v, s, _mm512_mul_ps(p, _mm512_set1_ps(LN2_HIGH)));
        r = _mm512_fnmadd_ps(p, _mm512_set1_ps(LN2_LOW), r);
        p = _mm512_sub_ps(p, _mm512_set1_ps(top));
        __mmask16 seen = m & _mm512_cmp_ps_mask(p, _mm512_set1_ps(-152), _CMP_NLT_UQ);
        v = _mm512_maskz_scalef_ps(seen, exp_reduced(r), p);
        sum = _mm512_add_ps(sum, v);
        _mm512_mask_storeu_ps(x + i, m, v);
    }
    return _mm512_reduce_add_ps(sum);
}

static void softmax(float *x, float scale, int64_t n) {
    enum { PART = 512 };
    float max = max_scaled(x, scale, n);
    if (fabsf(max) > 8192) { /* out of the exact range of the reduction */
        for (int64_t i = 0; i < n; i++) x[i] = fmaf(x[i], scale, -max);
        max = 0;
        scale = 1;
    }
    double sum = 0;
    float top = nearbyintf(max * LOG2_E);
    for (int64_t i = 0; i < n; i += PART)
        sum += exp_scaled(x + i, scale, top, n - i < PART ? n - i : PART);
    __m512 inverse = _mm512_set1_ps((float)(1 / sum));
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        _mm512_mask_storeu_ps(x + i, m, _mm512_mul_ps(load_f32(x, i, m), inverse));
    }
}

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_add_ps(load_f32(y, i, m), load_f32(x, i, m)));
    }
}

void espy_fill_norm_avx512(espy_kernels *k) {
    k->layer_norm = layer_norm;
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->softmax = softmax;
    k->add = add;
}
