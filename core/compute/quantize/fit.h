/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How well a short run of values can be told by few levels.
 *
 * A level is a whole number q; the value that it stands for is step * q + low. The
 * error of a choice is sum_i w[i] * (x[i] - step * q[i] - low)^2. Weights are larger for
 * large values: those contribute most to what a matrix product adds up. */
#ifndef ESPY_QUANTIZE_FIT_H
#define ESPY_QUANTIZE_FIT_H

/* Runs have up to 32 values, a multiple of 8. */
enum { ESPY_FIT_MAX = 32 };

typedef struct espy_levels {
    const float *x;
    float w[ESPY_FIT_MAX];
    int n, first, last; /* q is in [first, last] */
} espy_levels;

typedef struct espy_fit {
    float step, low, error;
} espy_fit;

/* w[i] = root mean square + |x[i]|; all 1 where x is 0 throughout. */
void espy_levels_begin(espy_levels *l, const float *x, int n, int first, int last);

/* The best q for given step and low (step 0: q is 0 or first), and its error. */
float espy_levels_choose(const espy_levels *l, float step, float low, float *q);

/* The best step for low = 0; negative steps are allowed where first < 0, which
 * then is the level of the largest value. */
espy_fit espy_fit_step(const espy_levels *l);

/* The best step >= 0 and low <= 0. */
espy_fit espy_fit_line(const espy_levels *l);

#endif
