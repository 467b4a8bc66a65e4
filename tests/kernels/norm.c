/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Norms, rotary positions and softmax against double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_test.h"

#define MAX_N 2051

static float x[MAX_N], w[MAX_N], b[MAX_N], first[MAX_N];
static double want[MAX_N], bound[MAX_N];

static void set_all(int64_t n, float mean, float spread) {
    random_floats(x, n, spread);
    random_floats(w, n, 2);
    random_floats(b, n, 1);
    for (int64_t i = 0; i < n; i++) x[i] += mean;
}

/* kind: 0 layer norm with bias, 1 without, 2 RMS norm. */
static void expect_norm(int kind, int64_t n, double eps) {
    double sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    double mean = kind < 2 ? sum / (double)n : 0;
    for (int64_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
        largest = fmax(largest, fabs((double)x[i]));
    }
    double scale = 1 / sqrt(squares / (double)n + eps);
    for (int64_t i = 0; i < n; i++) {
        double v = (x[i] - mean) * scale * w[i], bias = kind == 0 ? b[i] : 0;
        want[i] = v + bias;
        bound[i] = EPS * (((double)n / 16 + 16) * fabs(v) + 4 * fabs(bias));
        if (kind < 2) bound[i] += EPS * ((double)n / 16 + 8) * largest * scale * fabsf(w[i]);
    }
}

static void call_norm(const trial *t, int kind, float *y, const float *in, const float *weight,
                      const float *bias, float eps, int64_t n) {
    if (kind == 2)
        t->k->rms_norm(y, in, weight, eps, n);
    else
        t->k->layer_norm(y, in, weight, kind == 0 ? bias : NULL, eps, n);
}

static void try_norm(trial *t, int kind, int64_t n, float mean, float spread) {
    size_t bytes = (size_t)n * sizeof(float);
    set_all(n, mean, spread);
    expect_norm(kind, n, (double)1e-6f);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, mean %g, spread %g, side %d", (long long)n, (double)mean,
                 (double)spread, side);
        const float *in = place_copy(AREA_A, x, bytes, side);
        const float *weight = place_copy(AREA_B, w, bytes, side);
        const float *bias = place_copy(AREA_C, b, bytes, side);
        float *y = place(AREA_OUT, bytes, side);
        call_norm(t, kind, y, in, weight, bias, 1e-6f, n);
        expect_near(t, y, want, bound, n);
        if (side == 0) memcpy(first, y, bytes);
        expect_same(t, "another alignment", y, first, bytes);
        memcpy(y, x, bytes);
        call_norm(t, kind, y, y, weight, bias, 1e-6f, n);
        expect_same(t, "in place", y, first, bytes);
        expect_intact(t, AREA_OUT, y, bytes);
    }
}

static void try_rope(trial *t, int d) {
    int half = d / 2;
    set_all(d, 0, 3);
    for (int i = 0; i < half; i++) {
        double angle = 50.0 * random_float();
        w[i] = (float)cos(angle);
        b[i] = (float)sin(angle);
    }
    for (int i = 0; i < half; i++) {
        double u = x[i], v = x[i + half];
        want[i] = u * w[i] - v * b[i];
        want[i + half] = v * w[i] + u * b[i];
        bound[i] = bound[i + half] = 3 * EPS * (fabs(u) + fabs(v));
    }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "d %d, side %d", d, side);
        const float *cosines = place_copy(AREA_B, w, (size_t)half * sizeof(float), side);
        const float *sines = place_copy(AREA_C, b, (size_t)half * sizeof(float), side);
        float *y = place_copy(AREA_OUT, x, (size_t)d * sizeof(float), side);
        t->k->rope(y, cosines, sines, d);
        expect_near(t, y, want, bound, d);
        expect_intact(t, AREA_OUT, y, (size_t)d * sizeof(float));
        if (side == 0) memcpy(first, y, (size_t)d * sizeof(float));
        expect_same(t, "another alignment", y, first, (size_t)d * sizeof(float));
    }
}

/* hidden: entries that are -INFINITY; 0 none, 1 the last half, 2 all but the
 * last, 3 every other one from the first. */
static void try_softmax(trial *t, int64_t n, float spread, float scale, int hidden) {
    size_t bytes = (size_t)n * sizeof(float);
    double max = -INFINITY, sum = 0;
    random_floats(x, n, spread);
    for (int64_t i = 0; i < n; i++) {
        int hide = hidden == 1   ? i > n / 2
                   : hidden == 2 ? i < n - 1
                                 : hidden == 3 && i % 2 == 0 && i < n - 1;
        if (hide) x[i] = -INFINITY;
        max = fmax(max, (double)scale * x[i]);
    }
    for (int64_t i = 0; i < n; i++) sum += exp((double)scale * x[i] - max);
    for (int64_t i = 0; i < n; i++) {
        double away = (double)scale * x[i] - max;
        want[i] = exp(away) / sum;
        bound[i] = isinf(x[i]) ? 0 : 1e-37 + want[i] * (2e-6 - 6e-8 * away + 4e-9 * (double)n);
    }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, spread %g, scale %g, hidden %d, side %d", (long long)n, (double)spread,
                 (double)scale, hidden, side);
        float *y = place_copy(AREA_OUT, x, bytes, side);
        t->k->softmax(y, scale, n);
        expect_near(t, y, want, bound, n);
        expect_intact(t, AREA_OUT, y, bytes);
        if (side == 0) memcpy(first, y, bytes);
        expect_same(t, "another alignment", y, first, bytes);
    }
}

void test_norm(trial *t) {
    static const char *names[] = { "layer_norm", "layer_norm without bias", "rms_norm" };
    for (int kind = 0; kind < 3; kind++) {
        set_slot(t, names[kind], NULL);
        for (int i = 0; size_at(i, 1) >= 0; i++) {
            try_norm(t, kind, size_at(i, 1), 0, 1);
            try_norm(t, kind, size_at(i, 1), 100, 1);
            try_norm(t, kind, size_at(i, 1), 0, 1e-4f);
        }
    }
    set_slot(t, "rope", NULL);
    for (int d = 0; d <= 260; d += 2) try_rope(t, d);
    set_slot(t, "softmax", NULL);
    for (int i = 1; size_at(i, 1) >= 0; i++)
        for (int hidden = 0; hidden < 4; hidden++) {
            try_softmax(t, size_at(i, 1), 4, 0.125f, hidden);
            try_softmax(t, size_at(i, 1), 60, 1, hidden);
            try_softmax(t, size_at(i, 1), 3e4f, 0.088388f, hidden);
        }
}
