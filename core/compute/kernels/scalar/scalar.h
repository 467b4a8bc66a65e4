/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plain C versions, which define what every target computes. */
#ifndef ESPY_KERNELS_SCALAR_H
#define ESPY_KERNELS_SCALAR_H

#include "compute/kernels/kernels.h"

/* Number formats with a kernel of each kind, then those read by conversion. */
#define ESPY_SCALAR_COMPUTED(X)                                                                    \
    X(F32, f32)                                                                                    \
    X(F16, f16)                                                                                    \
    X(BF16, bf16)                                                                                  \
    X(F8_E4M3, f8_e4m3)                                                                            \
    X(Q4_0, q4_0)                                                                                  \
    X(Q4_1, q4_1)                                                                                  \
    X(Q5_0, q5_0)                                                                                  \
    X(Q5_1, q5_1)                                                                                  \
    X(Q8_0, q8_0)                                                                                  \
    X(Q2_K, q2_k)                                                                                  \
    X(Q3_K, q3_k)                                                                                  \
    X(Q4_K, q4_k)                                                                                  \
    X(Q5_K, q5_k)                                                                                  \
    X(Q6_K, q6_k)                                                                                  \
    X(IQ4_NL, iq4_nl)                                                                              \
    X(IQ4_XS, iq4_xs)
#define ESPY_SCALAR_CONVERTED(X)                                                                   \
    X(IQ2_XXS, iq2_xxs)                                                                            \
    X(IQ2_XS, iq2_xs)                                                                              \
    X(IQ2_S, iq2_s)                                                                                \
    X(IQ3_XXS, iq3_xxs)                                                                            \
    X(IQ3_S, iq3_s)                                                                                \
    X(MXFP4, mxfp4)

#define DECLARE(dtype, name) void espy_to_f32_##name##_scalar(float *y, const void *x, int64_t n);
ESPY_SCALAR_COMPUTED(DECLARE)
ESPY_SCALAR_CONVERTED(DECLARE)
#undef DECLARE

/* Defines the row converter of a block format from that of one block. */
#define ESPY_SCALAR_ROW(dtype, name)                                                               \
    void espy_to_f32_##name##_scalar(float *y, const void *x, int64_t n) {                         \
        const espy_dtype_info *info = &espy_dtypes[ESPY_##dtype];                                  \
        const uint8_t *b = x;                                                                      \
        for (int64_t i = 0; i < n; i += info->block, b += info->block_bytes) name(y + i, b);       \
    }

/* Each sets its slots of the table. */
void espy_fill_scalar_convert(espy_kernels *k);
void espy_fill_scalar_matvec(espy_kernels *k);
void espy_fill_scalar_matvec_q8(espy_kernels *k);
void espy_fill_scalar_gemm(espy_kernels *k);
void espy_fill_scalar_norm(espy_kernels *k);
void espy_fill_scalar_activate(espy_kernels *k);

/* The 6 bit scales and mins of Q4_K and Q5_K. */
void espy_k_scales(const uint8_t packed[12], uint8_t scale[8], uint8_t min[8]);

/* Codebooks, entries of 16 bits: eight digits of two, or four of four. */
extern const uint16_t espy_grid_iq2_xxs[256], espy_grid_iq2_xs[512], espy_grid_iq2_s[1024];
extern const uint16_t espy_grid_iq3_xxs[256], espy_grid_iq3_s[512];

#endif
