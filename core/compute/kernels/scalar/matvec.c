/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix times vector, and vector times matrix, over packed rows: 256 values at
 * a time become f32. A dot product keeps LANES sums, value i in sum i % LANES,
 * and adds them up at the end; LANES is what lets a compiler use vectors. */
#include "compute/kernels/scalar/scalar.h"

#define CHUNK 256
#define LANES 16

typedef void (*to_f32_fn)(float *y, const void *x, int64_t n);

static float dot(const uint8_t *row, const float *x, int64_t n_in, espy_dtype dtype,
                 to_f32_fn to_f32) {
    float w[CHUNK], sum[LANES] = { 0 };
    for (int64_t at = 0; at < n_in; at += CHUNK) {
        int n = n_in - at < CHUNK ? (int)(n_in - at) : CHUNK, i = 0;
        to_f32(w, row + espy_row_bytes(dtype, at), n);
        for (; i + LANES <= n; i += LANES)
            for (int l = 0; l < LANES; l++) sum[l] += w[i + l] * x[at + i + l];
        for (int l = 0; i + l < n; l++) sum[l] += w[i + l] * x[at + i + l];
    }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

static void add_row(float *y, const uint8_t *row, float p, int64_t n, espy_dtype dtype,
                    to_f32_fn to_f32) {
    float w[CHUNK];
    for (int64_t at = 0; at < n; at += CHUNK) {
        int m = n - at < CHUNK ? (int)(n - at) : CHUNK;
        to_f32(w, row + espy_row_bytes(dtype, at), m);
        for (int i = 0; i < m; i++) y[at + i] += p * w[i];
    }
}

#define MATVEC(dtype, name)                                                                        \
    static void matvec_##name(float *y, const void *w, int64_t w_stride, const float *x,           \
                              int64_t n_in, int64_t n_out) {                                       \
        for (int64_t o = 0; o < n_out; o++)                                                        \
            y[o] = dot((const uint8_t *)w + o * w_stride, x, n_in, ESPY_##dtype,                   \
                       espy_to_f32_##name##_scalar);                                               \
    }                                                                                              \
    static void matvecs_##name(float *y, int64_t y_stride, const void *w, int64_t w_stride,        \
                               const float *x, int64_t x_stride, int n_m, int64_t n_in,            \
                               int64_t n_out) {                                                    \
        for (int m = 0; m < n_m; m++)                                                              \
            matvec_##name(y + m * y_stride, w, w_stride, x + m * x_stride, n_in, n_out);           \
    }
#define VECMAT(dtype, name)                                                                        \
    static void vecmat_##name(float *y, const void *rows, int64_t row_stride, const float *p,      \
                              int64_t n, int64_t n_rows) {                                         \
        for (int64_t j = 0; j < n_rows; j++)                                                       \
            add_row(y, (const uint8_t *)rows + j * row_stride, p[j], n, ESPY_##dtype,              \
                    espy_to_f32_##name##_scalar);                                                  \
    }

ESPY_SCALAR_COMPUTED(MATVEC)
VECMAT(F32, f32)
VECMAT(F16, f16)
VECMAT(BF16, bf16)
VECMAT(Q8_0, q8_0)

void espy_fill_scalar_matvec(espy_kernels *k) {
#define SET(dtype, name)                                                                           \
    k->matvec[ESPY_##dtype] = matvec_##name;                                                       \
    k->matvecs[ESPY_##dtype] = matvecs_##name;
    ESPY_SCALAR_COMPUTED(SET)
#undef SET
    k->vecmat[ESPY_F32] = vecmat_f32;
    k->vecmat[ESPY_F16] = vecmat_f16;
    k->vecmat[ESPY_BF16] = vecmat_bf16;
    k->vecmat[ESPY_Q8_0] = vecmat_q8_0;
}
