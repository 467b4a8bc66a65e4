/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Levels and line are found in turn, as in Lloyd's algorithm: for given levels
 * the best line is a least-squares fit, for a given line the best levels are the
 * nearest. That ends at a local optimum, so several first lines are tried: those
 * on which the largest value lies a little inside or outside the range. */
#include "compute/quantize/fit.h"

#include <math.h>

enum { LANES = 8, STARTS = 5, MAX_TURNS = 4 };

void espy_levels_begin(espy_levels *l, const float *x, int n, int first, int last) {
    float square = 0;
    for (int i = 0; i < n; i++) square += x[i] * x[i];
    float root = sqrtf(square / (float)n);
    l->x = x;
    l->n = n;
    l->first = first;
    l->last = last;
    for (int i = 0; i < n; i++) l->w[i] = root > 0 ? root + fabsf(x[i]) : 1;
}

/* Nearest even, for what lies between the first and the last level. */
static inline float nearest(float v, float first, float last) {
    v = v > last ? last : v >= first ? v : first;
    return (v + 0x1.8p23F) - 0x1.8p23F;
}

float espy_levels_choose(const espy_levels *l, float step, float low, float *q) {
    float error[LANES] = { 0 }, sum = 0, inverse = step != 0 ? 1 / step : 0;
    float first = (float)l->first, last = (float)l->last;
    for (int i = 0; i < l->n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            float level = nearest((l->x[i + j] - low) * inverse, first, last);
            float off = l->x[i + j] - step * level - low;
            q[i + j] = level;
            error[j] += l->w[i + j] * off * off;
        }
    for (int j = 0; j < LANES; j++) sum += error[j];
    return sum;
}

/* ------------------------------------------------------------ least squares */

typedef struct sums {
    float w, x, q, qq, qx; /* weighted */
} sums;

static sums add_up(const espy_levels *l, const float *q) {
    float w[LANES] = { 0 }, x[LANES] = { 0 }, s[LANES] = { 0 }, qq[LANES] = { 0 },
          qx[LANES] = { 0 };
    sums t = { 0 };
    for (int i = 0; i < l->n; i += LANES)
        for (int j = 0; j < LANES; j++) {
            float wq = l->w[i + j] * q[i + j];
            w[j] += l->w[i + j];
            x[j] += l->w[i + j] * l->x[i + j];
            s[j] += wq;
            qq[j] += wq * q[i + j];
            qx[j] += wq * l->x[i + j];
        }
    for (int j = 0; j < LANES; j++) {
        t.w += w[j];
        t.x += x[j];
        t.q += s[j];
        t.qq += qq[j];
        t.qx += qx[j];
    }
    return t;
}

static int best_step(const sums *s, espy_fit *f) {
    if (!(s->qq > 0)) return 0;
    f->step = s->qx / s->qq;
    f->low = 0;
    return 1;
}

static int best_line(const sums *s, espy_fit *f) {
    float determinant = s->w * s->qq - s->q * s->q;
    if (!(determinant > 0)) return 0;
    f->step = (s->w * s->qx - s->x * s->q) / determinant;
    f->low = (s->qq * s->x - s->q * s->qx) / determinant;
    if (f->low > 0) return best_step(s, f) && f->step > 0;
    return f->step > 0;
}

typedef int (*best_fn)(const sums *s, espy_fit *f);

/* Keeps f as the best if it is. */
static void keep(const espy_fit *f, espy_fit *best) {
    if (f->error < best->error) *best = *f;
}

/* One turn: levels for a line, and the line that suits those. */
static void try_line(const espy_levels *l, float step, float low, best_fn fn, espy_fit *best) {
    float q[ESPY_FIT_MAX];
    espy_fit f = { step, low, 0 };
    f.error = espy_levels_choose(l, step, low, q);
    keep(&f, best);
    sums s = add_up(l, q);
    if (!fn(&s, &f)) return;
    f.error = espy_levels_choose(l, f.step, f.low, q);
    keep(&f, best);
}

/* Further turns, as long as they help. */
static void improve(const espy_levels *l, best_fn fn, espy_fit *best) {
    float before = INFINITY;
    for (int i = 0; i < MAX_TURNS && best->error < before; i++) {
        before = best->error;
        try_line(l, best->step, best->low, fn, best);
    }
}

espy_fit espy_fit_step(const espy_levels *l) {
    float q[ESPY_FIT_MAX], largest = 0;
    for (int i = 0; i < l->n; i++)
        if (fabsf(l->x[i]) > fabsf(largest)) largest = l->x[i];
    espy_fit best = { 0, 0, espy_levels_choose(l, 0, 0, q) };
    if (largest == 0) return best;
    for (int k = -STARTS; k <= STARTS; k++)
        try_line(l, largest / ((float)l->first + (float)k / STARTS), 0, best_step, &best);
    improve(l, best_step, &best);
    return best;
}

espy_fit espy_fit_line(const espy_levels *l) {
    float q[ESPY_FIT_MAX], low = 0, high = l->x[0];
    for (int i = 0; i < l->n; i++) {
        low = l->x[i] < low ? l->x[i] : low;
        high = l->x[i] > high ? l->x[i] : high;
    }
    espy_fit best = { 0, low, espy_levels_choose(l, 0, low, q) };
    if (!(high > low)) return best;
    for (int k = -STARTS; k <= STARTS; k++)
        try_line(l, (high - low) / ((float)l->last + (float)k / STARTS), low, best_line, &best);
    improve(l, best_line, &best);
    return best;
}
