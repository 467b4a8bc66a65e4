/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single numbers of the small formats, in plain integer arithmetic.
 *
 *   F16   sign, 5 bits of exponent (bias 15), 10 of mantissa
 *   BF16  the upper half of an F32
 * Packed bytes are little-endian at any address. */
#ifndef ESPY_KERNELS_SCALAR_NUMBERS_H
#define ESPY_KERNELS_SCALAR_NUMBERS_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t load_u32(const uint8_t *p) {
    return load_u16(p) | (uint32_t)load_u16(p + 2) << 16;
}

static inline void store_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline uint32_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static inline float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

static inline float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
    if (exponent == 0) return float_of(bits_of((float)mantissa * 0x1p-24f) | sign);
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0));
    return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

/* To nearest even; a NaN stays one, and becomes quiet. */
static inline uint16_t f32_to_f16(float f) {
    uint32_t u = bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x1ff));
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more */
    if (a < 0x38800000) /* below 2^-14: the addition rounds to a multiple of 2^-24 */
        return (uint16_t)(sign | (bits_of(float_of(a) + 0.5f) - bits_of(0.5f)));
    a += 0xfff + (a >> 13 & 1);
    return (uint16_t)(sign | (a - 0x38000000) >> 13);
}

static inline float bf16_to_f32(uint16_t h) {
    return float_of((uint32_t)h << 16);
}

static inline uint16_t f32_to_bf16(float f) {
    uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Nearest even integer, kept within [-127, 127]; NaN gives -127. */
static inline int8_t nearest_i8(float v) {
    v = v > 127 ? 127 : v >= -127 ? v : -127;
    return (int8_t)((v + 0x1.8p23f) - 0x1.8p23f);
}

#endif
