/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of a stored type to f32 and back, and activations to 8 bits. */
#include <float.h>

#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

/* --------------------------------------------------------------- to f32 */

ESPY_INLINE void plain_to_f32(load_fn *load, float *y, const void *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        _mm512_mask_storeu_ps(y + i, m, load(x, i, m));
    }
}

ESPY_INLINE void blocks_to_f32(expand_fn *expand, int n_vectors, size_t block_bytes, float *y,
                               const uint8_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i += n_vectors * 16, x += block_bytes) {
        __m512 w[16];
        expand(w, x);
        for (int j = 0; j < n_vectors; j++) _mm512_storeu_ps(y + i + (ptrdiff_t)j * 16, w[j]);
    }
}

#define PLAIN_TO_F32(type)                                                                         \
    static void type##_to_f32(float *y, const void *x, int64_t n) {                                \
        plain_to_f32(load_##type, y, x, n);                                                        \
    }

#define BLOCKS_TO_F32(type, n_values)                                                              \
    static void type##_to_f32(float *y, const void *x, int64_t n) {                                \
        blocks_to_f32(expand_##type, (n_values) / 16, sizeof(block_##type), y, x, n);              \
    }

PLAIN_TO_F32(f32)
PLAIN_TO_F32(f16)
PLAIN_TO_F32(bf16)
PLAIN_TO_F32(f8_e4m3)
BLOCKS_TO_F32(q8_0, 32)
BLOCKS_TO_F32(q4_0, 32)
BLOCKS_TO_F32(q5_0, 32)
BLOCKS_TO_F32(q4_k, 256)
BLOCKS_TO_F32(q5_k, 256)
BLOCKS_TO_F32(q6_k, 256)

/* ------------------------------------------------------------- from f32 */

static void f16_from_f32(void *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m256i h = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, x + i), _MM_FROUND_TO_NEAREST_INT);
        _mm256_mask_storeu_epi16((uint8_t *)y + 2 * i, m, h);
    }
}

/* In integers, since vcvtneps2bf16 flushes denormals. */
static void bf16_from_f32(void *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes_left(n - i);
        __m512 v = _mm512_maskz_loadu_ps(m, x + i);
        __m512i bits = _mm512_castps_si512(v), high = _mm512_srli_epi32(bits, 16);
        __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
        __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
        rounded = _mm512_mask_or_epi32(rounded, nan, high, _mm512_set1_epi32(0x40));
        _mm256_mask_storeu_epi16((uint8_t *)y + 2 * i, m, _mm512_cvtepi32_epi16(rounded));
    }
}

/* d of 32 values: max |x| / 127, NaN not counted. Below FLT_MIN it is 0, so that
 * 1 / d stays finite. */
ESPY_INLINE float step_of(__m512 x0, __m512 x1) {
    __m512 size0 = _mm512_max_ps(_mm512_abs_ps(x0), _mm512_setzero_ps());
    __m512 size1 = _mm512_max_ps(_mm512_abs_ps(x1), _mm512_setzero_ps());
    float d = _mm512_reduce_max_ps(_mm512_max_ps(size0, size1)) / 127;
    return d < FLT_MIN ? 0 : d;
}

/* Nearest even integers within [-127, 127]; NaN gives -127. */
ESPY_INLINE __m512i nearest_i8(__m512 v) {
    v = _mm512_max_ps(v, _mm512_set1_ps(-127));
    return _mm512_cvtps_epi32(_mm512_min_ps(v, _mm512_set1_ps(127)));
}

/* q = x / d; returns their sum. */
ESPY_INLINE int32_t store_quantised(void *q, __m512 x0, __m512 x1, float inverse) {
    __m512 s = _mm512_set1_ps(inverse);
    __m512i q0 = nearest_i8(_mm512_mul_ps(x0, s));
    __m512i q1 = nearest_i8(_mm512_mul_ps(x1, s));
    _mm_storeu_si128((__m128i *)q, _mm512_cvtepi32_epi8(q0));
    _mm_storeu_si128((__m128i *)((uint8_t *)q + 16), _mm512_cvtepi32_epi8(q1));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(q0, q1));
}

static void q8_0_from_f32(void *y, const float *x, int64_t n) {
    block_q8_0 *b = y;
    for (int64_t i = 0; i < n; i += 32, b++) {
        __m512 x0 = _mm512_loadu_ps(x + i), x1 = _mm512_loadu_ps(x + i + 16);
        float d = step_of(x0, x1);
        uint16_t h = (uint16_t)_cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
        memcpy(b->d, &h, sizeof h);
        (void)store_quantised(b->qs, x0, x1, d > 0 ? 1 / d : 0);
    }
}

static void quantize_act(espy_act_q8 *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 32, y++) {
        __m512 x0 = _mm512_loadu_ps(x + i), x1 = _mm512_loadu_ps(x + i + 16);
        y->d = step_of(x0, x1);
        y->sum = store_quantised(y->q, x0, x1, y->d > 0 ? 1 / y->d : 0);
    }
}

void espy_fill_convert_avx512(espy_kernels *k) {
    k->to_f32[ESPY_F32] = f32_to_f32;
    k->to_f32[ESPY_F16] = f16_to_f32;
    k->to_f32[ESPY_BF16] = bf16_to_f32;
    k->to_f32[ESPY_F8_E4M3] = f8_e4m3_to_f32;
    k->to_f32[ESPY_Q8_0] = q8_0_to_f32;
    k->to_f32[ESPY_Q4_0] = q4_0_to_f32;
    k->to_f32[ESPY_Q5_0] = q5_0_to_f32;
    k->to_f32[ESPY_Q4_K] = q4_k_to_f32;
    k->to_f32[ESPY_Q5_K] = q5_k_to_f32;
    k->to_f32[ESPY_Q6_K] = q6_k_to_f32;
    k->from_f32[ESPY_F16] = f16_from_f32;
    k->from_f32[ESPY_BF16] = bf16_from_f32;
    k->from_f32[ESPY_Q8_0] = q8_0_from_f32;
    k->quantize_act = quantize_act;
}
