/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of a stored type to f32 and back, and activations to 8 bits. */
#include <float.h>

#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

/* --------------------------------------------------------------- to f32 */

ESPY_INLINE void plain_to_f32(load_fn *load, float *y, const void *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, load(x, i, 8));
    if (i < n) store_f32(y, i, n - i, load(x, i, n - i));
}

ESPY_INLINE void blocks_to_f32(scales_fn *find_scales, expand_fn *expand, int n_values,
                               size_t block_bytes, float *y, const uint8_t *x, int64_t n) {
    for (int64_t i = 0; i < n; i += n_values, x += block_bytes) {
        float scales[16];
        find_scales(scales, x);
        for (int j = 0; j < n_values / 32; j++, y += 32) {
            __m256 w[4];
            expand(w, x, scales, j);
            for (int v = 0; v < 4; v++) _mm256_storeu_ps(y + (ptrdiff_t)v * 8, w[v]);
        }
    }
}

#define PLAIN_TO_F32(type)                                                                         \
    static void type##_to_f32(float *y, const void *x, int64_t n) {                                \
        plain_to_f32(load_##type, y, x, n);                                                        \
    }

#define BLOCKS_TO_F32(type, scales, n_values)                                                      \
    static void type##_to_f32(float *y, const void *x, int64_t n) {                                \
        blocks_to_f32(scales, expand_##type, n_values, sizeof(block_##type), y, x, n);             \
    }

PLAIN_TO_F32(f32)
PLAIN_TO_F32(f16)
PLAIN_TO_F32(bf16)
PLAIN_TO_F32(f8_e4m3)
BLOCKS_TO_F32(q8_0, scales_first, 32)
BLOCKS_TO_F32(q4_0, scales_first, 32)
BLOCKS_TO_F32(q5_0, scales_first, 32)
BLOCKS_TO_F32(q4_k, scales_q4_k, 256)
BLOCKS_TO_F32(q5_k, scales_q5_k, 256)
BLOCKS_TO_F32(q6_k, scales_q6_k, 256)

/* ------------------------------------------------------------- from f32 */

static void f16_from_f32(void *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 8)
        store_8_shorts(y, i, n - i,
                       _mm256_cvtps_ph(load_f32(x, i, n - i), _MM_FROUND_TO_NEAREST_INT));
}

static void bf16_from_f32(void *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 8) {
        __m256 v = load_f32(x, i, n - i);
        __m256i bits = _mm256_castps_si256(v), high = _mm256_srli_epi32(bits, 16);
        __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
        __m256i half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
        __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
        __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
        __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
        rounded = _mm256_blendv_epi8(rounded, quiet, nan);
        store_8_shorts(y, i, n - i,
                       _mm_packus_epi32(_mm256_castsi256_si128(rounded),
                                        _mm256_extracti128_si256(rounded, 1)));
    }
}

/* d of 32 values: max |x| / 127, NaN not counted. Below FLT_MIN it is 0, so that
 * 1 / d stays finite. */
ESPY_INLINE float step_of(const __m256 x[4]) {
    __m256 max = _mm256_setzero_ps();
    for (int v = 0; v < 4; v++)
        max = _mm256_max_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0F), x[v]), max);
    float d = max_of_8(max) / 127;
    return d < FLT_MIN ? 0 : d;
}

/* Nearest even integers within [-127, 127]; NaN gives -127. */
ESPY_INLINE __m256i nearest_i8(__m256 v) {
    v = _mm256_max_ps(v, _mm256_set1_ps(-127));
    return _mm256_cvtps_epi32(_mm256_min_ps(v, _mm256_set1_ps(127)));
}

ESPY_INLINE void load_32_values(__m256 v[4], const float *x) {
    for (int i = 0; i < 4; i++) v[i] = _mm256_loadu_ps(x + (ptrdiff_t)i * 8);
}

/* q = x / d; returns their sum. */
ESPY_INLINE int32_t store_quantised(void *y, const __m256 x[4], float inverse) {
    __m256 s = _mm256_set1_ps(inverse);
    __m256i q[4];
    for (int v = 0; v < 4; v++) q[v] = nearest_i8(_mm256_mul_ps(x[v], s));
    /* packing goes by halves: quads 0 2 4 6, then 1 3 5 7 */
    __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
    bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)y, bytes);
    __m256i sum = _mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3]));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_srli_si128(four, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_srli_si128(four, 4)));
}

static void q8_0_from_f32(void *y, const float *x, int64_t n) {
    block_q8_0 *b = y;
    for (int64_t i = 0; i < n; i += 32, b++) {
        __m256 v[4];
        load_32_values(v, x + i);
        float d = step_of(v);
        uint16_t h = (uint16_t)_cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
        memcpy(b->d, &h, sizeof h);
        (void)store_quantised(b->qs, v, d > 0 ? 1 / d : 0);
    }
}

static void quantize_act(espy_act_q8 *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += 32, y++) {
        __m256 v[4];
        load_32_values(v, x + i);
        y->d = step_of(v);
        y->sum = store_quantised(y->q, v, y->d > 0 ? 1 / y->d : 0);
    }
}

void espy_fill_convert_avx2(espy_kernels *k) {
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
