/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of types, and the blocks of 32. */
#include "compute/quantize/quantize.h"

#include <math.h>

#include "compute/kernels/scalar/numbers.h"
#include "compute/quantize/fit.h"

#define F16_MAX 65504.0F

/* As the kernels' from_f32, but q is told from the d that is stored. */
static void quantize_q8_0(uint8_t *y, const float *x) {
    float max = 0;
    for (int i = 0; i < 32; i++) max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    uint16_t d = f32_to_f16(max / 127);
    float step = f16_to_f32(d);
    store_u16(y, d);
    for (int i = 0; i < 32; i++) y[2 + i] = step > 0 ? (uint8_t)nearest_i8(x[i] / step) : 0;
}

static void quantize_q4_0(uint8_t *y, const float *x) {
    espy_levels levels;
    float q[32];
    espy_levels_begin(&levels, x, 32, -8, 7);
    uint16_t d = f32_to_f16(espy_fit_step(&levels).step);
    espy_levels_choose(&levels, f16_to_f32(d), 0, q);
    store_u16(y, d);
    for (int i = 0; i < 16; i++) y[2 + i] = (uint8_t)(((int)q[i] + 8) | ((int)q[i + 16] + 8) << 4);
}

/* Rows without a block function are the plain types. The limits keep the F16
 * numbers of a block finite, whatever the search finds. */
static const struct {
    espy_dtype dtype;
    float limit;
    void (*block)(uint8_t *y, const float *x);
} types[] = {
    { ESPY_F32, 0x1.fffffep127F, NULL },
    { ESPY_F16, 65519.996F, NULL },
    { ESPY_BF16, 0x1.fep127F, NULL },
    { ESPY_Q8_0, F16_MAX * 127, quantize_q8_0 },
    { ESPY_Q4_0, F16_MAX * 4, quantize_q4_0 },
    { ESPY_Q4_K, F16_MAX * 32, espy_quantize_q4_k },
    { ESPY_Q5_K, F16_MAX * 32, espy_quantize_q5_k },
    { ESPY_Q6_K, F16_MAX * 128, espy_quantize_q6_k },
};
enum { N_TYPES = sizeof types / sizeof *types };

static int row_of(espy_dtype to) {
    for (int i = 0; i < N_TYPES; i++)
        if (types[i].dtype == to) return i;
    return -1;
}

int espy_quantize_can(espy_dtype to) {
    return row_of(to) >= 0;
}

float espy_quantize_limit(espy_dtype to) {
    return row_of(to) < 0 ? 0 : types[row_of(to)].limit;
}

int64_t espy_quantize_row(const espy_kernels *k, espy_dtype to, void *y, const float *x,
                          int64_t n) {
    float limit = espy_quantize_limit(to);
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= limit)) return i;
    int row = row_of(to);
    if (to == ESPY_F32)
        memcpy(y, x, (size_t)n * sizeof *x);
    else if (row >= 0 && !types[row].block)
        k->from_f32[to](y, x, n);
    for (int64_t i = 0; row >= 0 && types[row].block && i < n; i += espy_dtypes[to].block)
        types[row].block((uint8_t *)y + espy_row_bytes(to, i), x + i);
    return -1;
}
