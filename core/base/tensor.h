/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A named, typed, read-only array of numbers as it lies in a file.
 *
 * Shapes are outermost first: a linear layer's weight is { out, in } whatever
 * the container (GGUF lists them the other way round; its reader turns them).
 * Rows (the last dimension) are contiguous and hold a whole number of blocks. */
#ifndef ESPY_BASE_TENSOR_H
#define ESPY_BASE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

typedef enum espy_dtype {
    ESPY_F32 = 0,
    ESPY_F16,
    ESPY_BF16,
    ESPY_F8_E4M3, /* safetensors; with block scales in espy_tensor.scale */
    ESPY_Q4_0,
    ESPY_Q4_1,
    ESPY_Q5_0,
    ESPY_Q5_1,
    ESPY_Q8_0,
    ESPY_Q2_K,
    ESPY_Q3_K,
    ESPY_Q4_K,
    ESPY_Q5_K,
    ESPY_Q6_K,
    ESPY_IQ4_NL,
    ESPY_IQ4_XS,
    /* Read by conversion at load only: to_f32, no other kernels. */
    ESPY_IQ2_XXS,
    ESPY_IQ2_XS,
    ESPY_IQ2_S,
    ESPY_IQ3_XXS,
    ESPY_IQ3_S,
    ESPY_MXFP4,
    ESPY_N_DTYPES
} espy_dtype;

typedef struct espy_dtype_info {
    const char *name; /* "Q4_K"                            */
    int block;        /* values per block; 1 for plain types */
    int block_bytes;  /* bytes per block                   */
} espy_dtype_info;

extern const espy_dtype_info espy_dtypes[ESPY_N_DTYPES]; /* dtype.c */

#define ESPY_MAX_DIMS 5

typedef struct espy_tensor {
    espy_dtype dtype;
    int n_dims;
    int64_t shape[ESPY_MAX_DIMS]; /* outermost first; unused ones are 1   */
    const void *data;             /* view into a mapping; any alignment   */
    int64_t n_bytes;
    /* Block scales of an F8_E4M3 weight, f32 [ceil(out / scale_rows)]
     * [ceil(in / scale_cols)]; NULL for all others. */
    const float *scale;
    int scale_rows, scale_cols;
} espy_tensor;

/* Bytes of n values of a dtype; n must be a multiple of its block. */
static inline int64_t espy_row_bytes(espy_dtype t, int64_t n) {
    return n / espy_dtypes[t].block * espy_dtypes[t].block_bytes;
}

#endif
