/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What works along one row: norms, rotary positions, softmax. Sums are double,
 * so that they are exact for practical purposes. */
#include <math.h>

#include "compute/kernels/scalar/scalar.h"

static void layer_norm(float *y, const float *x, const float *w, const float *b, float eps,
                       int64_t n) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    double scale = 1 / sqrt(squares / (double)n + (double)eps);
    for (int64_t i = 0; i < n; i++) {
        double v = (x[i] - mean) * scale * w[i];
        y[i] = (float)(b ? v + b[i] : v);
    }
}

static void rms_norm(float *y, const float *x, const float *w, float eps, int64_t n) {
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
    float scale = (float)(1 / sqrt(squares / (double)n + (double)eps));
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * scale * w[i];
}

static void rope(float *x, const float *cosines, const float *sines, int d) {
    float *a = x, *b = x + d / 2;
    for (int k = 0; k < d / 2; k++) {
        float u = a[k], v = b[k];
        a[k] = u * cosines[k] - v * sines[k];
        b[k] = v * cosines[k] + u * sines[k];
    }
}

static void softmax(float *x, float scale, int64_t n) {
    double max = (double)scale * x[0], sum = 0;
    for (int64_t i = 1; i < n; i++) {
        double v = (double)scale * x[i];
        max = v > max ? v : max;
    }
    for (int64_t i = 0; i < n; i++) {
        x[i] = expf((float)((double)scale * x[i] - max));
        sum += x[i];
    }
    float inverse = (float)(1 / sum);
    for (int64_t i = 0; i < n; i++) x[i] *= inverse;
}

void espy_fill_scalar_norm(espy_kernels *k) {
    k->layer_norm = layer_norm;
    k->rms_norm = rms_norm;
    k->rope = rope;
    k->softmax = softmax;
}
