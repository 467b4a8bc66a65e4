/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The slots matvec and matvecs of a type from its dot products
 *
 *     dots_TYPE(y, y_stride, row, x, x_stride, n_in, rows)   y[m] = row . x[m]
 *
 * with 4, 2 or 1 vectors x at a time: what is loaded and unpacked of a row serves
 * them all. The number is a constant wherever dots_TYPE is inlined. */
#ifndef ESPY_KERNELS_AVX2_MATVECS_H
#define ESPY_KERNELS_AVX2_MATVECS_H

#include "compute/kernels/avx2/blocks.h"

#define ESPY_MATVECS(type, x_type)                                                                 \
    static void matvec_##type(float *y, const void *w, int64_t w_stride, const x_type *x,          \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            dots_##type(y + o, 0, (const uint8_t *)w + o * w_stride, x, 0, n_in, 1);               \
    }                                                                                              \
    static void matvecs_##type(float *y, int64_t y_stride, const void *w, int64_t w_stride,        \
                               const x_type *x, int64_t x_stride, int n_m, int64_t n_in,           \
                               int64_t n_out) {                                                    \
        for (int64_t o = 0; o < n_out; o++) {                                                      \
            const uint8_t *row = (const uint8_t *)w + o * w_stride;                                \
            const x_type *at = x;                                                                  \
            float *to = y + o;                                                                     \
            int left = n_m;                                                                        \
            for (; left >= 4; left -= 4, at += 4 * x_stride, to += 4 * y_stride)                   \
                dots_##type(to, y_stride, row, at, x_stride, n_in, 4);                             \
            for (; left >= 2; left -= 2, at += 2 * x_stride, to += 2 * y_stride)                   \
                dots_##type(to, y_stride, row, at, x_stride, n_in, 2);                             \
            if (left) dots_##type(to, y_stride, row, at, x_stride, n_in, 1);                       \
        }                                                                                          \
    }

#define ESPY_SET_MATVEC(k, dtype, type)                                                            \
    do {                                                                                           \
        (k)->matvec[dtype] = matvec_##type;                                                        \
        (k)->matvecs[dtype] = matvecs_##type;                                                      \
    } while (0)

#endif
