/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of 256 values. d and dmin are F16, s and m the scale and the minimum
 * of a sub-block of 16 (Q2_K, Q3_K, Q6_K) or 32 (Q4_K, Q5_K) values.
 *
 *   Q2_K  sm[16] qs[64] d dmin            d * s * q - dmin * m
 *   Q3_K  hmask[32] qs[64] s[12] d        d * (s - 32) * (q - 4)
 *   Q4_K  d dmin sm[12] qs[128]           d * s * q - dmin * m
 *   Q5_K  d dmin sm[12] qh[32] qs[128]    the same
 *   Q6_K  ql[128] qh[64] s[16] d          d * s * (q - 32), s signed
 *
 * Two-bit digits: value 128 h + 32 r + i is digit r of byte 32 h + i. Nibbles
 * of Q4_K and Q5_K: value 32 j + i is nibble j % 2 of byte 32 (j / 2) + i. */
#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

static void q2_k(float *y, const uint8_t *b) {
    float d = f16_to_f32(load_u16(b + 80)), dmin = f16_to_f32(load_u16(b + 82));
    for (int j = 0; j < 16; j++) {
        const uint8_t *qs = b + 16 + j / 8 * 32 + j % 2 * 16;
        float ds = d * (float)(b[j] & 15), dm = dmin * (float)(b[j] >> 4);
        for (int i = 0; i < 16; i++) y[16 * j + i] = ds * (float)(qs[i] >> j % 8 / 2 * 2 & 3) - dm;
    }
}

/* Scale j: nibble j / 8 of byte j % 8, and above it digit j / 4 of byte 8 + j % 4.
 * The third bit of a value is bit i / 32 of hmask[i % 32]. */
static void q3_k(float *y, const uint8_t *b) {
    const uint8_t *scales = b + 96;
    float d = f16_to_f32(load_u16(b + 108));
    for (int j = 0; j < 16; j++) {
        int s = (scales[j % 8] >> j / 8 * 4 & 15) | (scales[8 + j % 4] >> j / 4 * 2 & 3) << 4;
        float ds = d * (float)(s - 32);
        const uint8_t *hmask = b + j % 2 * 16, *qs = b + 32 + j / 8 * 32 + j % 2 * 16;
        for (int i = 0; i < 16; i++) {
            int q = (qs[i] >> j % 8 / 2 * 2 & 3) | (hmask[i] >> j / 2 & 1) << 2;
            y[16 * j + i] = ds * (float)(q - 4);
        }
    }
}

/* The first four scales and mins are the low six bits of bytes 0..7; the last
 * four have their low nibbles in bytes 8..11, their upper two bits on top of the
 * first four. */
void espy_k_scales(const uint8_t packed[12], uint8_t scale[8], uint8_t min[8]) {
    for (int j = 0; j < 4; j++) {
        scale[j] = packed[j] & 63;
        min[j] = packed[4 + j] & 63;
        scale[4 + j] = (uint8_t)((packed[8 + j] & 15) | (packed[j] >> 6) << 4);
        min[4 + j] = (uint8_t)((packed[8 + j] >> 4) | (packed[4 + j] >> 6) << 4);
    }
}

static void q4_k(float *y, const uint8_t *b) {
    uint8_t scale[8], min[8];
    float d = f16_to_f32(load_u16(b)), dmin = f16_to_f32(load_u16(b + 2));
    espy_k_scales(b + 4, scale, min);
    for (int j = 0; j < 8; j++) {
        const uint8_t *qs = b + 16 + j / 2 * 32;
        float ds = d * (float)scale[j], dm = dmin * (float)min[j];
        for (int i = 0; i < 32; i++) y[32 * j + i] = ds * (float)(qs[i] >> j % 2 * 4 & 15) - dm;
    }
}

static void q5_k(float *y, const uint8_t *b) {
    uint8_t scale[8], min[8];
    float d = f16_to_f32(load_u16(b)), dmin = f16_to_f32(load_u16(b + 2));
    espy_k_scales(b + 4, scale, min);
    for (int j = 0; j < 8; j++) {
        const uint8_t *qh = b + 16, *qs = b + 48 + j / 2 * 32;
        float ds = d * (float)scale[j], dm = dmin * (float)min[j];
        for (int i = 0; i < 32; i++)
            y[32 * j + i] = ds * (float)((qs[i] >> j % 2 * 4 & 15) | (qh[i] >> j & 1) << 4) - dm;
    }
}

/* Value 128 h + 32 r + i: nibble r / 2 of byte 64 h + 32 (r % 2) + i of ql, and
 * above it digit r of byte 32 h + i of qh. */
static void q6_k(float *y, const uint8_t *b) {
    float d = f16_to_f32(load_u16(b + 208));
    for (int j = 0; j < 8; j++) {
        const uint8_t *ql = b + j / 4 * 64 + j % 2 * 32, *qh = b + 128 + j / 4 * 32;
        float ds[2] = { d * (float)(int8_t)b[192 + 2 * j], d * (float)(int8_t)b[193 + 2 * j] };
        for (int i = 0; i < 32; i++) {
            int q = (ql[i] >> j % 4 / 2 * 4 & 15) | (qh[i] >> j % 4 * 2 & 3) << 4;
            y[32 * j + i] = ds[i / 16] * (float)(q - 32);
        }
    }
}

ESPY_SCALAR_ROW(Q2_K, q2_k)
ESPY_SCALAR_ROW(Q3_K, q3_k)
ESPY_SCALAR_ROW(Q4_K, q4_k)
ESPY_SCALAR_ROW(Q5_K, q5_k)
ESPY_SCALAR_ROW(Q6_K, q6_k)
