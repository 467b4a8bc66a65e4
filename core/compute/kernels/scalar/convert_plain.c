/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of single numbers, and the formats that are also written.
 *
 *   F8_E4M3  sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity,
 *            0x7f and 0xff are NaN */
#include <float.h>
#include <math.h>

#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

void espy_to_f32_f32_scalar(float *y, const void *x, int64_t n) {
    if (n > 0) memcpy(y, x, (size_t)n * sizeof(float));
}

void espy_to_f32_f16_scalar(float *y, const void *x, int64_t n) {
    const uint8_t *p = x;
    for (int64_t i = 0; i < n; i++) y[i] = f16_to_f32(load_u16(p + 2 * i));
}

void espy_to_f32_bf16_scalar(float *y, const void *x, int64_t n) {
    const uint8_t *p = x;
    for (int64_t i = 0; i < n; i++) y[i] = bf16_to_f32(load_u16(p + 2 * i));
}

static float f8_e4m3(uint8_t v) {
    uint32_t sign = (uint32_t)(v & 0x80) << 24, exponent = v >> 3 & 15, mantissa = v & 7;
    if ((v & 0x7f) == 0x7f) return float_of(sign | 0x7fc00000);
    if (exponent == 0) return float_of(bits_of((float)mantissa * 0x1p-9f) | sign);
    return float_of(sign | (exponent + 120) << 23 | mantissa << 20);
}

void espy_to_f32_f8_e4m3_scalar(float *y, const void *x, int64_t n) {
    const uint8_t *p = x;
    for (int64_t i = 0; i < n; i++) y[i] = f8_e4m3(p[i]);
}

static void from_f32_f16(void *y, const float *x, int64_t n) {
    uint8_t *p = y;
    for (int64_t i = 0; i < n; i++) store_u16(p + 2 * i, f32_to_f16(x[i]));
}

static void from_f32_bf16(void *y, const float *x, int64_t n) {
    uint8_t *p = y;
    for (int64_t i = 0; i < n; i++) store_u16(p + 2 * i, f32_to_bf16(x[i]));
}

/* d for 32 values. Below FLT_MIN it is 0, so that 1 / d stays finite. */
static float step_of(const float *x) {
    float max = 0;
    for (int i = 0; i < 32; i++) max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    float d = max / 127;
    return d < FLT_MIN ? 0 : d;
}

static void from_f32_q8_0(void *y, const float *x, int64_t n) {
    uint8_t *p = y;
    for (; n > 0; n -= 32, x += 32, p += 34) {
        float d = step_of(x), inverse = d > 0 ? 1 / d : 0;
        store_u16(p, f32_to_f16(d));
        for (int i = 0; i < 32; i++) p[2 + i] = (uint8_t)nearest_i8(x[i] * inverse);
    }
}

static void quantize_act(espy_act_q8 *y, const float *x, int64_t n) {
    for (; n > 0; n -= 32, x += 32, y++) {
        float inverse;
        y->d = step_of(x);
        inverse = y->d > 0 ? 1 / y->d : 0;
        y->sum = 0;
        for (int i = 0; i < 32; i++) {
            y->q[i] = nearest_i8(x[i] * inverse);
            y->sum += y->q[i];
        }
    }
}

void espy_fill_scalar_convert(espy_kernels *k) {
#define SET(dtype, name) k->to_f32[ESPY_##dtype] = espy_to_f32_##name##_scalar;
    ESPY_SCALAR_COMPUTED(SET)
    ESPY_SCALAR_CONVERTED(SET)
#undef SET
    k->from_f32[ESPY_F16] = from_f32_f16;
    k->from_f32[ESPY_BF16] = from_f32_bf16;
    k->from_f32[ESPY_Q8_0] = from_f32_q8_0;
    k->quantize_act = quantize_act;
}
