/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrix times vector with activations in 8 bit: integer sums over 32 values,
 * times the scales, added in f32 in order. With a the block of activations and
 * S the sum over its values:
 *
 *   Q8_0, Q4_0  y += (d * a.d) * S w a            (w: q, q - 8)
 *   Q4_K, Q5_K  y += a.d * (d * (s * S q a) - dmin * (m * S a))
 *   Q6_K        y += (d * a.d) * (s0 * S0 w a + s1 * S1 w a), halves of 16 */
#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

static int32_t dot(const int8_t *w, const int8_t *a, int n) {
    int32_t sum = 0;
    for (int i = 0; i < n; i++) sum += w[i] * a[i];
    return sum;
}

static float q8_0(float y, const uint8_t *b, const espy_act_q8 *a) {
    int8_t w[32];
    memcpy(w, b + 2, sizeof(w));
    return y + f16_to_f32(load_u16(b)) * a->d * (float)dot(w, a->q, 32);
}

static float q4_0(float y, const uint8_t *b, const espy_act_q8 *a) {
    int8_t w[32];
    for (int i = 0; i < 16; i++) {
        w[i] = (int8_t)((b[2 + i] & 15) - 8);
        w[i + 16] = (int8_t)((b[2 + i] >> 4) - 8);
    }
    return y + f16_to_f32(load_u16(b)) * a->d * (float)dot(w, a->q, 32);
}

/* qh: NULL for Q4_K. */
static float k_block(float y, const uint8_t *b, const uint8_t *qh, const uint8_t *qs,
                     const espy_act_q8 *a) {
    uint8_t scale[8], min[8];
    float d = f16_to_f32(load_u16(b)), dmin = f16_to_f32(load_u16(b + 2));
    espy_k_scales(b + 4, scale, min);
    for (int j = 0; j < 8; j++) {
        int8_t w[32];
        for (int i = 0; i < 32; i++) {
            int fifth = qh ? (qh[i] >> j & 1) << 4 : 0;
            w[i] = (int8_t)((qs[j / 2 * 32 + i] >> j % 2 * 4 & 15) | fifth);
        }
        y += a[j].d *
             (d * (float)(scale[j] * dot(w, a[j].q, 32)) - dmin * (float)(min[j] * a[j].sum));
    }
    return y;
}

static float q4_k(float y, const uint8_t *b, const espy_act_q8 *a) {
    return k_block(y, b, NULL, b + 16, a);
}

static float q5_k(float y, const uint8_t *b, const espy_act_q8 *a) {
    return k_block(y, b, b + 16, b + 48, a);
}

static float q6_k(float y, const uint8_t *b, const espy_act_q8 *a) {
    float d = f16_to_f32(load_u16(b + 208));
    for (int j = 0; j < 8; j++) {
        const uint8_t *ql = b + j / 4 * 64 + j % 2 * 32, *qh = b + 128 + j / 4 * 32;
        const uint8_t *scales = b + 192 + 2 * j;
        int8_t w[32];
        for (int i = 0; i < 32; i++) {
            int q = (ql[i] >> j % 4 / 2 * 4 & 15) | (qh[i] >> j % 4 * 2 & 3) << 4;
            w[i] = (int8_t)(q - 32);
        }
        int32_t sum = (int8_t)scales[0] * dot(w, a[j].q, 16) +
                      (int8_t)scales[1] * dot(w + 16, a[j].q + 16, 16);
        y += d * a[j].d * (float)sum;
    }
    return y;
}

#define MATVEC(dtype, name)                                                                        \
    static void matvec_##name(float *y, const void *w, int64_t w_stride, const espy_act_q8 *x,     \
                              int64_t n_in, int64_t n_out) {                                       \
        const espy_dtype_info *info = &espy_dtypes[ESPY_##dtype];                                  \
        for (int64_t o = 0; o < n_out; o++) {                                                      \
            const uint8_t *b = (const uint8_t *)w + o * w_stride;                                  \
            float sum = 0;                                                                         \
            for (int64_t i = 0; i < n_in; i += info->block, b += info->block_bytes)                \
                sum = name(sum, b, x + i / 32);                                                    \
            y[o] = sum;                                                                            \
        }                                                                                          \
    }                                                                                              \
    static void matvecs_##name(float *y, int64_t y_stride, const void *w, int64_t w_stride,        \
                               const espy_act_q8 *x, int64_t x_stride, int n_m, int64_t n_in,      \
                               int64_t n_out) {                                                    \
        for (int m = 0; m < n_m; m++)                                                              \
            matvec_##name(y + m * y_stride, w, w_stride, x + m * x_stride, n_in, n_out);           \
    }

MATVEC(Q8_0, q8_0)
MATVEC(Q4_0, q4_0)
MATVEC(Q4_K, q4_k)
MATVEC(Q5_K, q5_k)
MATVEC(Q6_K, q6_k)

void espy_fill_scalar_matvec_q8(espy_kernels *k) {
#define SET(dtype, name)                                                                           \
    k->matvec_q8[ESPY_##dtype] = matvec_##name;                                                    \
    k->matvecs_q8[ESPY_##dtype] = matvecs_##name
    SET(Q8_0, q8_0);
    SET(Q4_0, q4_0);
    SET(Q4_K, q4_k);
    SET(Q5_K, q5_k);
    SET(Q6_K, q6_k);
#undef SET
}
