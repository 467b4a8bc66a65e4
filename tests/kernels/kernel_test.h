/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel tests share: memory that ends at an unreadable page, random
 * weights of every dtype, and reports that name target, slot and size. */
#ifndef ESPY_KERNEL_TEST_H
#define ESPY_KERNEL_TEST_H

#include "compute/kernels/kernels.h"

#define EPS 0x1p-24 /* largest relative error of one f32 rounding */

/* One slot of one target, being tried at one size. */
typedef struct trial {
    const espy_kernels *truth; /* scalar */
    const espy_kernels *k;
    char slot[32], size[128];
    int n_failures;
} trial;

void set_slot(trial *t, const char *name, const char *variant);
void set_size(trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fail(trial *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Areas of memory between unreadable pages. place gives n_bytes at the start
 * (aligned) or at the very end (mostly not), the rest filled with a pattern;
 * expect_intact checks the pattern around them. */
enum { AREA_OUT, AREA_A, AREA_B, AREA_C, AREA_D, N_AREAS };
enum { AT_START, AT_END, N_SIDES };
#define PATTERN 0xa5
void *place(int area, size_t n_bytes, int side);
void *place_copy(int area, const void *data, size_t n_bytes, int side);
void expect_intact(trial *t, int area, const void *p, size_t n_bytes);
void open_areas(trial *t); /* faults from now on are reported as t's */

/* |got - want| <= bound for each; NaN only where NaN is wanted. */
void expect_near(trial *t, const float *got, const double *want, const double *bound, int64_t n);
void expect_same(trial *t, const char *what, const void *got, const void *want, size_t n_bytes);

uint32_t random_u32(void);
float random_float(void); /* in [-1, 1) */
void random_floats(float *x, int64_t n, float scale);
void random_row(void *w, espy_dtype dtype, int64_t n); /* finite weights */

/* Sizes worth trying: all small ones and some larger, in steps of a block. */
int64_t size_at(int i, int block); /* -1 beyond the last */

int n_failures_of_all(void);

void *allocate(size_t n_bytes); /* exits when there is none */

void test_convert(trial *t);
void test_matvec(trial *t);
void test_vecmat(trial *t);
void test_gemm(trial *t);
void test_norm(trial *t);
void test_activate(trial *t);

#endif
