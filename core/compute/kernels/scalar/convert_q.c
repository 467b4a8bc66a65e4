/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of 32 values. d and m are F16; value i < 16 is the low nibble of byte
 * i of qs, value i + 16 its high nibble; bit i of qh is the fifth bit of value i.
 *
 *   Q4_0    d qs[16]          d * (q - 8)
 *   Q4_1    d m qs[16]        d * q + m
 *   Q5_0    d qh[4] qs[16]    d * (q - 16)
 *   Q5_1    d m qh[4] qs[16]  d * q + m
 *   Q8_0    d q[32]           d * q, signed bytes
 *   IQ4_NL  d qs[16]          d * table[q]
 *   MXFP4   e qs[16]          2^(e - 128) * table[q] (table is twice E2M1)
 *
 * IQ4_XS is eight runs of 32 such values with the same table:
 *   d high[2] low[4] qs[128]  d * (s - 32) * table[q], s of 6 bits: nibble j of
 *                             low, and above it bits 2j, 2j + 1 of high */
#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

/* Block formats without a fifth bit pass NULL for qh. */
static void unpack(int8_t q[32], const uint8_t *qs, const uint8_t *qh) {
    for (int i = 0; i < 16; i++) {
        q[i] = qs[i] & 15;
        q[i + 16] = qs[i] >> 4;
    }
    for (int i = 0; qh && i < 32; i++) q[i] |= (int8_t)((qh[i / 8] >> i % 8 & 1) << 4);
}

static void q4_0(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b));
    unpack(q, b + 2, NULL);
    for (int i = 0; i < 32; i++) y[i] = d * (float)(q[i] - 8);
}

static void q4_1(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b)), m = f16_to_f32(load_u16(b + 2));
    unpack(q, b + 4, NULL);
    for (int i = 0; i < 32; i++) y[i] = d * (float)q[i] + m;
}

static void q5_0(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b));
    unpack(q, b + 6, b + 2);
    for (int i = 0; i < 32; i++) y[i] = d * (float)(q[i] - 16);
}

static void q5_1(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b)), m = f16_to_f32(load_u16(b + 2));
    unpack(q, b + 8, b + 4);
    for (int i = 0; i < 32; i++) y[i] = d * (float)q[i] + m;
}

static void q8_0(float *y, const uint8_t *b) {
    float d = f16_to_f32(load_u16(b));
    for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)b[2 + i];
}

static const int8_t iq4_values[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113 };

static void iq4_nl(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b));
    unpack(q, b + 2, NULL);
    for (int i = 0; i < 32; i++) y[i] = d * (float)iq4_values[q[i]];
}

static void iq4_xs(float *y, const uint8_t *b) {
    int8_t q[32];
    float d = f16_to_f32(load_u16(b));
    unsigned high = load_u16(b + 2);
    for (int j = 0; j < 8; j++) {
        int s = (b[4 + j / 2] >> j % 2 * 4 & 15) | (int)(high >> 2 * j & 3) << 4;
        float ds = d * (float)(s - 32);
        unpack(q, b + 8 + 16 * j, NULL);
        for (int i = 0; i < 32; i++) y[32 * j + i] = ds * (float)iq4_values[q[i]];
    }
}

static void mxfp4(float *y, const uint8_t *b) {
    int8_t q[32];
    static const int8_t values[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };
    float d = b[0] < 2 ? float_of(0x200000u << b[0]) : float_of((b[0] - 1u) << 23);
    unpack(q, b + 1, NULL);
    for (int i = 0; i < 32; i++) y[i] = d * (float)values[q[i]];
}

ESPY_SCALAR_ROW(Q4_0, q4_0)
ESPY_SCALAR_ROW(Q4_1, q4_1)
ESPY_SCALAR_ROW(Q5_0, q5_0)
ESPY_SCALAR_ROW(Q5_1, q5_1)
ESPY_SCALAR_ROW(Q8_0, q8_0)
ESPY_SCALAR_ROW(IQ4_NL, iq4_nl)
ESPY_SCALAR_ROW(IQ4_XS, iq4_xs)
ESPY_SCALAR_ROW(MXFP4, mxfp4)
