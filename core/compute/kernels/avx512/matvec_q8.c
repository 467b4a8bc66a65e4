/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dot products of bytes by vpdpbusd, for CPUs with AVX-512 VNNI; the others keep
 * the avx2 versions. Signed weights are raised by 128 and 128 times the
 * activations is taken off again. */
#include "base/cpu.h"
#include "compute/kernels/avx2/blocks.h"
#include "compute/kernels/avx512/fill.h"

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512vnni"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512vnni")
#endif

ESPY_INLINE __m256i dot_u8_s8(__m256i w, __m256i x) {
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), w, x);
}

ESPY_INLINE __m256i dot_s8_s8(__m256i w, __m256i x) {
    const __m256i raise = _mm256_set1_epi8(-128);
    return _mm256_sub_epi32(dot_u8_s8(_mm256_xor_si256(w, raise), x), dot_u8_s8(raise, x));
}

#include "compute/kernels/avx2/matvec_q8.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

void espy_fill_matvec_q8_avx512(espy_kernels *k, unsigned cpu_flags) {
    if (!(cpu_flags & ESPY_CPU_AVX512_VNNI)) return;
    set_matvec_q8(k);
}
