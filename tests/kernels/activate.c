/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activations against double, and addition. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_test.h"

#define MAX_N 4096

static float x[MAX_N], up[MAX_N], first[MAX_N];
static double want[MAX_N], bound[MAX_N];

static double gate(int kind, double v) {
    switch (kind) {
    case ESPY_GELU_TANH:
        return 0.5 * v * (1 + tanh(sqrt(2 / acos(-1)) * (v + 0.044715 * v * v * v)));
    case ESPY_GELU_ERF:
        return 0.5 * v * (1 + erf(v / sqrt(2)));
    case ESPY_GELU_QUICK:
        return v / (1 + exp(-1.702 * v));
    default:
        return v / (1 + exp(-v));
    }
}

static void fill_x(int64_t n) {
    static const float edges[] = { 0,      -0.0f, 1e-30f, -1e-30f, 1e-40f, 87.5f, -87.5f, 88.8f,
                                   -88.8f, 104,   -104,   1e4f,    -1e4f,  1e15f, -1e15f, 1e-4f };
    for (int64_t i = 0; i < n; i++) {
        uint32_t kind = random_u32() % 8;
        x[i] = kind == 0 ? edges[random_u32() % 16] : random_float() * (kind < 4 ? 2.0f : 12.0f);
    }
    random_floats(up, n, 3);
}

static void try_activate(trial *t, int kind, int64_t n, int with_up) {
    size_t bytes = (size_t)n * sizeof(float);
    fill_x(n);
    for (int64_t i = 0; i < n; i++) {
        double v = gate(kind, x[i]), u = with_up ? up[i] : 1;
        want[i] = v * u;
        bound[i] = 1e-6 * fmax(1, fabs(v)) * fabs(u) + EPS * fabs(v * u) + 1e-38;
    }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, up %d, side %d", (long long)n, with_up, side);
        const float *in = place_copy(AREA_A, x, bytes, side);
        const float *factor = with_up ? place_copy(AREA_B, up, bytes, side) : NULL;
        float *y = place(AREA_OUT, bytes, side);
        t->k->activate[kind](y, in, factor, n);
        expect_near(t, y, want, bound, n);
        if (side == 0) memcpy(first, y, bytes);
        expect_same(t, "another alignment", y, first, bytes);
        memcpy(y, x, bytes);
        t->k->activate[kind](y, y, factor, n);
        expect_same(t, "in place", y, first, bytes);
        if (with_up) {
            memcpy(y, up, bytes);
            t->k->activate[kind](y, in, y, n);
            expect_same(t, "in place of up", y, first, bytes);
        }
        expect_intact(t, AREA_OUT, y, bytes);
    }
}

static void try_add(trial *t, int64_t n) {
    size_t bytes = (size_t)n * sizeof(float);
    fill_x(n);
    for (int64_t i = 0; i < n; i++) first[i] = x[i] + up[i];
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, side %d", (long long)n, side);
        const float *in = place_copy(AREA_A, x, bytes, side);
        float *y = place_copy(AREA_OUT, up, bytes, side);
        t->k->add(y, in, n);
        expect_same(t, "sum", y, first, bytes);
        expect_intact(t, AREA_OUT, y, bytes);
    }
}

void test_activate(trial *t) {
    static const char *names[] = { "gelu_tanh", "gelu_erf", "gelu_quick", "silu" };
    for (int kind = 0; kind < ESPY_N_GATES; kind++) {
        set_slot(t, "activate", names[kind]);
        for (int i = 0; size_at(i, 1) >= 0; i++)
            for (int with_up = 0; with_up < 2; with_up++)
                try_activate(t, kind, size_at(i, 1), with_up);
        for (int i = 0; i < 50; i++) try_activate(t, kind, MAX_N, i % 2);
    }
    set_slot(t, "add", NULL);
    for (int i = 0; size_at(i, 1) >= 0; i++) try_add(t, size_at(i, 1));
}
