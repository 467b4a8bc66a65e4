/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks of 256 values taken from codebooks: an index names eight (IQ2) or four
 * (IQ3) magnitudes at once, signs are bits, d is F16. Scales s of 4 bits belong
 * to 16 (IQ2_XS, IQ2_S) or 32 values.
 *
 *   IQ2_XXS  d {index[4] word}[8]             d * (s + 1/2) / 4
 *   IQ2_XS   d {index:9 signs:7}[32] s[8]     the same
 *   IQ2_S    d index[32] signs[32] qh[8] s[8] the same
 *   IQ3_XXS  d index[64] word[8]              d * (s + 1/2) / 2
 *   IQ3_S    d index[64] qh[8] signs[32] s[4] d * (2s + 1)
 *
 * word: four signs of 7 bits, s on top. The eighth of seven signs is their
 * parity. qh holds the upper bits of the indices. */
#include "compute/kernels/scalar/numbers.h"
#include "compute/kernels/scalar/scalar.h"

static unsigned with_parity(unsigned seven) {
    unsigned p = seven ^ seven >> 4;
    p ^= p >> 2;
    return seven | ((p ^ p >> 1) & 1) << 7;
}

static void put_2(float *y, float scale, unsigned entry, unsigned signs) {
    static const float magnitude[4] = { 8, 25, 43, 0 };
    for (int i = 0; i < 8; i++) {
        float v = scale * magnitude[entry >> 2 * i & 3];
        y[i] = signs >> i & 1 ? -v : v;
    }
}

static void put_3(float *y, float scale, unsigned entry, unsigned signs, const float magnitude[8]) {
    for (int i = 0; i < 4; i++) {
        float v = scale * magnitude[entry >> 4 * i & 7];
        y[i] = signs >> i & 1 ? -v : v;
    }
}

static void iq2_xxs(float *y, const uint8_t *b) {
    float d = f16_to_f32(load_u16(b));
    for (int j = 0; j < 8; j++) {
        const uint8_t *index = b + 2 + 8 * j;
        uint32_t word = load_u32(index + 4);
        float scale = d * (0.5f + (float)(word >> 28)) * 0.25f;
        for (int g = 0; g < 4; g++)
            put_2(y + 32 * j + 8 * g, scale, espy_grid_iq2_xxs[index[g]],
                  with_parity(word >> 7 * g & 127));
    }
}

static void iq2_xs(float *y, const uint8_t *b) {
    const uint8_t *scales = b + 66;
    float d = f16_to_f32(load_u16(b));
    for (int g = 0; g < 32; g++) {
        unsigned q = load_u16(b + 2 + 2 * g), s = scales[g / 4] >> g / 2 % 2 * 4 & 15;
        put_2(y + 8 * g, d * (0.5f + (float)s) * 0.25f, espy_grid_iq2_xs[q & 511],
              with_parity(q >> 9));
    }
}

static void iq2_s(float *y, const uint8_t *b) {
    const uint8_t *index = b + 2, *signs = b + 34, *qh = b + 66, *scales = b + 74;
    float d = f16_to_f32(load_u16(b));
    for (int g = 0; g < 32; g++) {
        unsigned q = index[g] | (qh[g / 4] >> g % 4 * 2 & 3u) << 8;
        unsigned s = scales[g / 4] >> g / 2 % 2 * 4 & 15;
        put_2(y + 8 * g, d * (0.5f + (float)s) * 0.25f, espy_grid_iq2_s[q], signs[g]);
    }
}

static void iq3_xxs(float *y, const uint8_t *b) {
    static const float magnitude[8] = { 4, 12, 20, 28, 36, 44, 52, 62 };
    float d = f16_to_f32(load_u16(b));
    for (int j = 0; j < 8; j++) {
        uint32_t word = load_u32(b + 66 + 4 * j);
        float scale = d * (0.5f + (float)(word >> 28)) * 0.5f;
        for (int g = 0; g < 8; g++)
            put_3(y + 32 * j + 4 * g, scale, espy_grid_iq3_xxs[b[2 + 8 * j + g]],
                  with_parity(word >> g / 2 * 7 & 127) >> g % 2 * 4, magnitude);
    }
}

static void iq3_s(float *y, const uint8_t *b) {
    static const float magnitude[8] = { 1, 3, 5, 7, 9, 11, 13, 15 };
    const uint8_t *index = b + 2, *qh = b + 66, *signs = b + 74, *scales = b + 106;
    float d = f16_to_f32(load_u16(b));
    for (int g = 0; g < 64; g++) {
        unsigned q = index[g] | (qh[g / 8] >> g % 8 & 1u) << 8;
        unsigned s = scales[g / 16] >> g / 8 % 2 * 4 & 15;
        put_3(y + 4 * g, d * (float)(1 + 2 * s), espy_grid_iq3_s[q], signs[g / 2] >> g % 2 * 4,
              magnitude);
    }
}

ESPY_SCALAR_ROW(IQ2_XXS, iq2_xxs)
ESPY_SCALAR_ROW(IQ2_XS, iq2_xs)
ESPY_SCALAR_ROW(IQ2_S, iq2_s)
ESPY_SCALAR_ROW(IQ3_XXS, iq3_xxs)
ESPY_SCALAR_ROW(IQ3_S, iq3_s)
