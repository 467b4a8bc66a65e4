/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activations, with or without a gated partner, and addition. */
#include <math.h>

#include "compute/kernels/scalar/scalar.h"

static float gelu_tanh(float x) {
    return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

static float gelu_erf(float x) {
    return 0.5f * x * (1 + erff(x * 0.70710678f));
}

static float gelu_quick(float x) {
    return x / (1 + expf(-1.702f * x));
}

static float silu(float x) {
    return x / (1 + expf(-x));
}

#define ACTIVATE(name)                                                                             \
    static void activate_##name(float *y, const float *x, const float *up, int64_t n) {            \
        for (int64_t i = 0; i < n; i++) y[i] = up ? name(x[i]) * up[i] : name(x[i]);               \
    }

ACTIVATE(gelu_tanh)
ACTIVATE(gelu_erf)
ACTIVATE(gelu_quick)
ACTIVATE(silu)

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

void espy_fill_scalar_activate(espy_kernels *k) {
    k->activate[ESPY_GELU_TANH] = activate_gelu_tanh;
    k->activate[ESPY_GELU_ERF] = activate_gelu_erf;
    k->activate[ESPY_GELU_QUICK] = activate_gelu_quick;
    k->activate[ESPY_SILU] = activate_silu;
    k->add = add;
}
