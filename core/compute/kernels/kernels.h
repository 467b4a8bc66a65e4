/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernels say how a CPU computes: loops over raw rows, without threads and
 * without allocation. Plain C (scalar/) fills every slot that a dtype supports;
 * each SIMD target overwrites what it does faster. tests/kernels compares every
 * target with scalar.
 *
 * Preconditions for all: pointers need no alignment beyond that of their
 * element type (void, that is packed rows of any dtype: none); outputs do not
 * overlap inputs unless said; nothing outside the stated ranges is read or
 * written; counts may be 0. A result depends on its inputs alone, never on
 * neighbouring rows, on how many rows are computed in one call, or on alignment. */
#ifndef ESPY_KERNELS_H
#define ESPY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/tensor.h"

/* Columns of a weight panel. */
#define ESPY_PANEL 32

/* One block of activations in 8 bit: 32 values x = d * q. */
typedef struct espy_act_q8 {
    float d;
    int32_t sum; /* of q */
    int8_t q[32];
} espy_act_q8;

typedef enum espy_gate {
    ESPY_GELU_TANH = 0, /* 0.5x(1 + tanh(sqrt(2/pi)(x + 0.044715x^3))) */
    ESPY_GELU_ERF,      /* 0.5x(1 + erf(x / sqrt 2))                   */
    ESPY_GELU_QUICK,    /* x * sigmoid(1.702x)                         */
    ESPY_SILU,          /* x * sigmoid(x)                              */
    ESPY_N_GATES
} espy_gate;

typedef struct espy_kernels {
    const char *name; /* "scalar", "avx2", "avx512" */

    /* y[i] = value i of the packed row x; n a multiple of the dtype's block.
     * F8_E4M3 without its scale. Every dtype has one in every target. */
    void (*to_f32[ESPY_N_DTYPES])(float *y, const void *x, int64_t n);

    /* The other way, round to nearest even: F16, BF16 (NaN stays NaN) and Q8_0
     * (d and q as in quantize_act, d then stored as f16); else NULL. */
    void (*from_f32[ESPY_N_DTYPES])(void *y, const float *x, int64_t n);

    /* Q8 activations: d = max|x| / 127, 0 if that is below FLT_MIN; q = nearest
     * even of x * (1 / d), 0 if d is 0. Not for infinities and NaN, where q is
     * anything. n a multiple of 32. */
    void (*quantize_act)(espy_act_q8 *y, const float *x, int64_t n);

    /* y[o] = sum_i w[o][i] * x[i], o in [0, n_out). w: n_out rows w_stride bytes
     * apart. f32 arithmetic. Every dtype except those read by conversion at
     * load (NULL there). F8_E4M3 without its scale. */
    void (*matvec[ESPY_N_DTYPES])(float *y, const void *w, int64_t w_stride, const float *x,
                                  int64_t n_in, int64_t n_out);

    /* The same with 8 bit activations: int32 sums per 32 values, then f32. For
     * the quantised types that gain by it; NULL otherwise. n_in is a multiple of
     * 32 and of the block. The scalar version defines the value: targets may
     * differ by the rounding of the f32 sums only. */
    void (*matvec_q8[ESPY_N_DTYPES])(float *y, const void *w, int64_t w_stride,
                                     const espy_act_q8 *x, int64_t n_in, int64_t n_out);

    /* Both for n_m vectors x at once, x_stride values (blocks) apart, into y[m][o],
     * y_stride apart: bit for bit what matvec and matvec_q8 give for each, but each
     * weight is read once. Where those are there. */
    void (*matvecs[ESPY_N_DTYPES])(float *y, int64_t y_stride, const void *w, int64_t w_stride,
                                   const float *x, int64_t x_stride, int n_m, int64_t n_in,
                                   int64_t n_out);
    void (*matvecs_q8[ESPY_N_DTYPES])(float *y, int64_t y_stride, const void *w, int64_t w_stride,
                                      const espy_act_q8 *x, int64_t x_stride, int n_m, int64_t n_in,
                                      int64_t n_out);

    /* y[i] += sum_j p[j] * row_j[i]; rows of n values, row_stride bytes apart.
     * F32, F16, BF16, Q8_0; NULL for the others. Each sum takes the rows in order.
     * (Attention: values by weights. Matrices that lie by inputs: n outputs.) */
    void (*vecmat[ESPY_N_DTYPES])(float *y, const void *rows, int64_t row_stride, const float *p,
                                  int64_t n, int64_t n_rows);

    /* Panel [k][ESPY_PANEL] f32 of a weight block: panel[k][c] = rows[c][k], for
     * c < n_cols; columns beyond n_cols are zero. rows: f32, stride in floats. */
    void (*pack_f32)(float *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols);

    /* y[m][c] (+)= sum_k x[m][k] * panel[k][c], for m < n_m, c < n_cols; strides
     * in floats. Each sum runs over k in order from its start value (0, or y if
     * accumulate) with fused multiply-adds, so that results do not depend on
     * n_m (scalar may round twice, see there). */
    void (*gemm_f32)(float *y, int64_t y_stride, const float *x, int64_t x_stride,
                     const float *panel, int64_t n_k, int n_m, int n_cols, int accumulate);

    /* BF16 both, f32 sums: panel [ceil(n_k / 2)][ESPY_PANEL][2] (odd k padded by
     * 0), x rows of bf16 with an even number of values (padded by 0), stride in
     * values. NULL where the CPU has no BF16 dot product (scalar has it too). */
    void (*pack_bf16)(uint16_t *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols);
    void (*gemm_bf16)(float *y, int64_t y_stride, const uint16_t *x, int64_t x_stride,
                      const uint16_t *panel, int64_t n_k, int n_m, int n_cols, int accumulate);

    /* The BF16 panel of an f32 one, [n_k][ESPY_PANEL]; there where pack_bf16 is. */
    void (*panel_bf16)(uint16_t *panel, const float *rows, int64_t n_k);

    /* y = (x - mean) * rsqrt(var + eps) * w + b; b may be NULL. y may be x. */
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, float eps,
                       int64_t n);
    /* y = x * rsqrt(mean(x^2) + eps) * w. y may be x. */
    void (*rms_norm)(float *y, const float *x, const float *w, float eps, int64_t n);

    /* Rotate half, in place: pairs (k, k + d/2) of x[0..d), angles' cosines and
     * sines [d/2]. */
    void (*rope)(float *x, const float *cosines, const float *sines, int d);

    /* In place: x[i] = exp(scale * x[i] - m) / sum with m the maximum of
     * scale * x; n >= 1. -INFINITY entries become 0, but not all are. Relative
     * error of each entry at most 2e-6 + 6e-8 * |scale * x - m| + 4e-9 * n; entries below
     * 1e-37 may become 0. */
    void (*softmax)(float *x, float scale, int64_t n);

    /* y[i] = gate(x[i]); with up: y[i] = gate(x[i]) * up[i]. y may be x or up.
     * Absolute error at most 1e-6 * max(1, |exact|). up may be NULL. */
    void (*activate[ESPY_N_GATES])(float *y, const float *x, const float *up, int64_t n);

    void (*add)(float *y, const float *x, int64_t n); /* y += x */
} espy_kernels;

/* A way to compute, in order of preference (best last). */
typedef struct espy_target {
    const char *name;
    unsigned needs;                                    /* ESPY_CPU_ flags; 0 is always there */
    void (*fill)(espy_kernels *k, unsigned cpu_flags); /* overwrites what it does better */
} espy_target;

extern const espy_target espy_targets[];
extern const int espy_n_targets;

/* Fills k with target name (NULL: the best) and everything below it. 0 on
 * success, -1 if there is no such target or this CPU lacks what it needs. */
int espy_kernels_choose(espy_kernels *k, const char *name);

/* Names of the targets that this CPU can run, for help and tests. */
int espy_kernels_available(int target_index);

#endif
