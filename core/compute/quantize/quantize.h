/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of f32 to the formats that espy writes: F32 F16 BF16 Q8_0 Q4_0 Q4_K Q5_K
 * Q6_K. Made once per file, so they search for good scales where the kernels'
 * from_f32 must be quick. Block layouts are those of kernels/scalar/convert_*.c.
 * A result depends on the row alone. */
#ifndef ESPY_COMPUTE_QUANTIZE_H
#define ESPY_COMPUTE_QUANTIZE_H

#include "compute/kernels/kernels.h"

/* Whether espy_quantize_row takes the type. */
int espy_quantize_can(espy_dtype to);

/* The largest magnitude that a row of the type is sure to hold. */
float espy_quantize_limit(espy_dtype to);

/* Writes n values (a multiple of the block) to y as type to. Returns -1, or the
 * index of the first value that is not finite or beyond the limit; y is not
 * written then. k: for the plain types. */
int64_t espy_quantize_row(const espy_kernels *k, espy_dtype to, void *y, const float *x, int64_t n);

/* One block each; quantize_k.c. */
void espy_quantize_q4_k(uint8_t *y, const float *x);
void espy_quantize_q5_k(uint8_t *y, const float *x);
void espy_quantize_q6_k(uint8_t *y, const float *x);

#endif
