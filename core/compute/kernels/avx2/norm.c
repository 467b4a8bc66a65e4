/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Norms, rotary positions, softmax and addition. Sums run in 8 lanes. */
#include <math.h>

#include "compute/kernels/avx2/exp.h"
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

/* The first lanes of v, the others of rest. */
ESPY_INLINE __m256 lanes_only(__m256 v, int64_t left, __m256 rest) {
    return left >= 8 ? v : _mm256_blendv_ps(rest, v, _mm256_castsi256_ps(lanes_left(left)));
}

static float sum_of(const float *x, int64_t n) {
    __m256 s = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += 8) s = _mm256_add_ps(s, load_f32(x, i, n - i));
    return sum_of_8(s);
}

/* sum of (x - mean)^2 */
static float squares_of(const float *x, float mean, int64_t n) {
    __m256 s = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_sub_ps(load_f32(x, i, n - i), _mm256_set1_ps(mean));
        v = lanes_only(v, n - i, _mm256_setzero_ps());
        s = _mm256_fmadd_ps(v, v, s);
    }
    return sum_of_8(s);
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, float eps,
                       int64_t n) {
    float mean = sum_of(x, n) / (float)n;
    __m256 scale = _mm256_set1_ps(1 / sqrtf(squares_of(x, mean, n) / (float)n + eps));
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_sub_ps(load_f32(x, i, n - i), _mm256_set1_ps(mean));
        v = _mm256_mul_ps(_mm256_mul_ps(v, scale), load_f32(w, i, n - i));
        if (b) v = _mm256_add_ps(v, load_f32(b, i, n - i));
        store_f32(y, i, n - i, v);
    }
}

static void rms_norm(float *y, const float *x, const float *w, float eps, int64_t n) {
    __m256 scale = _mm256_set1_ps(1 / sqrtf(squares_of(x, 0, n) / (float)n + eps));
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v =
            _mm256_mul_ps(_mm256_mul_ps(load_f32(x, i, n - i), scale), load_f32(w, i, n - i));
        store_f32(y, i, n - i, v);
    }
}

static void rope(float *x, const float *cosines, const float *sines, int d) {
    int half = d / 2;
    for (int i = 0; i < half; i += 8) {
        __m256 c = load_f32(cosines, i, half - i), s = load_f32(sines, i, half - i);
        __m256 a = load_f32(x, i, half - i), b = load_f32(x + half, i, half - i);
        store_f32(x, i, half - i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        store_f32(x + half, i, half - i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
}

/* -------------------------------------------------------------- softmax */

static float max_scaled(const float *x, float scale, int64_t n) {
    __m256 top = _mm256_set1_ps(-INFINITY);
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_mul_ps(load_f32(x, i, n - i), _mm256_set1_ps(scale));
        top = _mm256_max_ps(top, lanes_only(v, n - i, top));
    }
    return max_of_8(top);
}

/* v * 2^n in two steps, since 2^n may be denormal; 0 below 2^-152. */
ESPY_INLINE __m256 times_power_of_2(__m256 v, __m256 n) {
    __m256 seen = _mm256_cmp_ps(n, _mm256_set1_ps(-152), _CMP_NLT_UQ);
    __m256i whole = _mm256_cvtps_epi32(_mm256_and_ps(n, seen));
    __m256i half = _mm256_srai_epi32(whole, 1);
    v = _mm256_mul_ps(v, power_of_2(half));
    v = _mm256_mul_ps(v, power_of_2(_mm256_sub_epi32(whole, half)));
    return _mm256_and_ps(v, seen);
}

/* x[i] = exp(scale * x[i]) / 2^top: x is reduced before anything is rounded, so
 * that small entries are as exact as large ones. Returns the sum, n <= 512. */
static float exp_scaled(float *x, float scale, float top, int64_t n) {
    __m256 sum = _mm256_setzero_ps(), s = _mm256_set1_ps(scale);
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = load_f32(x, i, n - i);
        __m256 p = _mm256_round_ps(_mm256_mul_ps(v, _mm256_set1_ps(scale * LOG2_E)), 8);
        __m256 r = _mm256_fmsub_ps(v, s, _mm256_mul_ps(p, _mm256_set1_ps(LN2_HIGH)));
        r = _mm256_fnmadd_ps(p, _mm256_set1_ps(LN2_LOW), r);
        p = _mm256_sub_ps(p, _mm256_set1_ps(top));
        v = lanes_only(times_power_of_2(exp_reduced(r), p), n - i, _mm256_setzero_ps());
        sum = _mm256_add_ps(sum, v);
        store_f32(x, i, n - i, v);
    }
    return sum_of_8(sum);
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
    __m256 inverse = _mm256_set1_ps((float)(1 / sum));
    for (int64_t i = 0; i < n; i += 8)
        store_f32(x, i, n - i, _mm256_mul_ps(load_f32(x, i, n - i), inverse));
}

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 8)
        store_f32(y, i, n - i, _mm256_add_ps(load_f32(y, i, n - i), load_f32(x, i, n - i)));
}

void espy_fill_norm_avx2(espy_kernels *k) {
    k->layer_norm = layer_norm;
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->softmax = softmax;
    k->add = add;
}
