/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of 256 values; kernels/scalar/convert_k.c has their layout.
 *
 * Each sub-block gets the step and the low end that suit it best; these become
 * small whole numbers themselves, in units of d and dmin. That rounding is made good
 * in part by trying the neighbours of each. */
#include <math.h>
#include <string.h>

#include "compute/kernels/scalar/numbers.h"
#include "compute/quantize/fit.h"
#include "compute/quantize/quantize.h"

static float as_f16(float v) {
    return f16_to_f32(f32_to_f16(v));
}

static int clamp(int v, int first, int last) {
    return v < first ? first : v > last ? last : v;
}

/* v / unit to the nearest whole number in range; 0 where the unit is 0. */
static int in_units(float v, float unit, int first, int last) {
    return unit == 0 ? 0 : clamp((int)lrintf(fmaxf(fminf(v / unit, 1e6F), -1e6F)), first, last);
}

/* ----------------------------------------------------------------- Q4_K, Q5_K */

enum { RUNS = 8, RUN = 32, MAX_UNITS = 63 };

typedef struct lines {
    float d, dmin;
    int scale[RUNS], min[RUNS];
    float q[RUNS][RUN];
} lines;

static float mean(const espy_levels *l) {
    float sum = 0, weight = 0;
    for (int i = 0; i < l->n; i++) {
        sum += l->w[i] * l->x[i];
        weight += l->w[i];
    }
    return sum / weight;
}

/* The best scale and min near the fit of one run. Where steps are too small for an
 * F16, one value stands for the run. */
static float choose_line(const espy_levels *l, const espy_fit *fit, lines *b, int run) {
    int scale = in_units(fit->step, b->d, 0, MAX_UNITS);
    int min = in_units(b->d == 0 ? -mean(l) : -fit->low, b->dmin, 0, MAX_UNITS);
    float best = INFINITY, q[RUN];
    for (int s = scale - 1; s <= scale + 1; s++)
        for (int m = min - 1; m <= min + 1; m++) {
            if (s < 0 || s > MAX_UNITS || m < 0 || m > MAX_UNITS) continue;
            float error = espy_levels_choose(l, b->d * (float)s, -b->dmin * (float)m, q);
            if (!(error < best)) continue;
            best = error;
            b->scale[run] = s;
            b->min[run] = m;
            memcpy(b->q[run], q, sizeof q);
        }
    return best;
}

/* All runs with the given units; the error of the whole block. */
static float choose_lines(const espy_levels *levels, const espy_fit *fits, float d, float dmin,
                          lines *b) {
    float error = 0;
    b->d = as_f16(d);
    b->dmin = as_f16(dmin);
    for (int j = 0; j < RUNS; j++) error += choose_line(&levels[j], &fits[j], b, j);
    return error;
}

/* The units that suit the chosen whole numbers best: least squares over the
 * block of x = d * (scale * q) - dmin * min. */
static int refit(const espy_levels *levels, const lines *b, float *d, float *dmin) {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int j = 0; j < RUNS; j++)
        for (int i = 0; i < RUN; i++) {
            double w = levels[j].w[i], x = levels[j].x[i];
            double up = b->scale[j] * (double)b->q[j][i], down = -b->min[j];
            aa += w * up * up;
            ab += w * up * down;
            bb += w * down * down;
            ax += w * up * x;
            bx += w * down * x;
        }
    double determinant = aa * bb - ab * ab;
    if (bb == 0 && aa > 0) {
        *d = (float)(ax / aa);
        *dmin = 0;
        return *d > 0;
    }
    if (!(determinant > 1e-9 * aa * bb)) return 0;
    *d = (float)((bb * ax - ab * bx) / determinant);
    *dmin = (float)((aa * bx - ab * ax) / determinant);
    return *d > 0 && *dmin > 0;
}

static void fit_lines(const float *x, int last, lines *out) {
    espy_levels levels[RUNS];
    espy_fit fits[RUNS];
    float step = 0, low = 0, d, dmin;
    for (int j = 0; j < RUNS; j++) {
        espy_levels_begin(&levels[j], x + (ptrdiff_t)RUN * j, RUN, 0, last);
        fits[j] = espy_fit_line(&levels[j]);
        step = fmaxf(step, fits[j].step);
        low = fminf(low, fits[j].low);
    }
    float error = choose_lines(levels, fits, step / MAX_UNITS, -low / MAX_UNITS, out);
    for (int i = 0; i < 2 && refit(levels, out, &d, &dmin); i++) {
        lines next;
        float e = choose_lines(levels, fits, d, dmin, &next);
        if (!(e < error)) break;
        error = e;
        *out = next;
    }
}

/* The inverse of espy_k_scales. */
static void pack_scales(uint8_t y[12], const lines *b) {
    for (int j = 0; j < 4; j++) {
        int scale = b->scale[4 + j], min = b->min[4 + j];
        y[j] = (uint8_t)(b->scale[j] | scale >> 4 << 6);
        y[4 + j] = (uint8_t)(b->min[j] | min >> 4 << 6);
        y[8 + j] = (uint8_t)((scale & 15) | (min & 15) << 4);
    }
}

/* high NULL: nothing above the nibbles. */
static void pack_lines(uint8_t *y, const lines *b, uint8_t *nibbles, uint8_t *high) {
    store_u16(y, f32_to_f16(b->d));
    store_u16(y + 2, f32_to_f16(b->dmin));
    pack_scales(y + 4, b);
    for (int j = 0; j < RUNS; j++)
        for (int i = 0; i < RUN; i++) {
            int q = (int)b->q[j][i];
            nibbles[j / 2 * 32 + i] |= (uint8_t)((q & 15) << j % 2 * 4);
            if (high) high[i] |= (uint8_t)(q >> 4 << j);
        }
}

void espy_quantize_q4_k(uint8_t *y, const float *x) {
    lines b;
    memset(y, 0, (size_t)espy_dtypes[ESPY_Q4_K].block_bytes);
    fit_lines(x, 15, &b);
    pack_lines(y, &b, y + 16, NULL);
}

void espy_quantize_q5_k(uint8_t *y, const float *x) {
    lines b;
    memset(y, 0, (size_t)espy_dtypes[ESPY_Q5_K].block_bytes);
    fit_lines(x, 31, &b);
    pack_lines(y, &b, y + 48, y + 16);
}

/* ----------------------------------------------------------------------- Q6_K */

enum { SHORT_RUNS = 16, SHORT_RUN = 16 };

/* The best whole scale near a step; returns the error. */
static float choose_scale(const espy_levels *l, float step, float d, int *scale, float *q) {
    int near = in_units(step, d, -128, 127);
    float best = INFINITY, tried[ESPY_FIT_MAX];
    for (int s = clamp(near - 1, -128, 127); s <= clamp(near + 1, -128, 127); s++) {
        float error = espy_levels_choose(l, d * (float)s, 0, tried);
        if (!(error < best)) continue;
        best = error;
        *scale = s;
        memcpy(q, tried, SHORT_RUN * sizeof *q);
    }
    return best;
}

void espy_quantize_q6_k(uint8_t *y, const float *x) {
    espy_levels levels[SHORT_RUNS];
    float steps[SHORT_RUNS], largest = 0;
    memset(y, 0, (size_t)espy_dtypes[ESPY_Q6_K].block_bytes);
    for (int j = 0; j < SHORT_RUNS; j++) {
        espy_levels_begin(&levels[j], x + (ptrdiff_t)SHORT_RUN * j, SHORT_RUN, -32, 31);
        steps[j] = espy_fit_step(&levels[j]).step;
        if (fabsf(steps[j]) > fabsf(largest)) largest = steps[j];
    }
    float d = as_f16(largest / -128);
    store_u16(y + 208, f32_to_f16(d));
    for (int j = 0; j < SHORT_RUNS; j++) {
        int scale = 0;
        float q[SHORT_RUN];
        choose_scale(&levels[j], steps[j], d, &scale, q);
        y[192 + j] = (uint8_t)scale;
        for (int i = 0; i < SHORT_RUN; i++) {
            int at = SHORT_RUN * j + i, h = at / 128, r = at / 32 % 4, v = (int)q[i] + 32;
            y[64 * h + 32 * (r % 2) + at % 32] |= (uint8_t)((v & 15) << r / 2 * 4);
            y[128 + 32 * h + at % 32] |= (uint8_t)(v >> 4 << r * 2);
        }
    }
}
