/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dot products of bytes by vpmaddubsw, which adds two products in 16 bits, and
 * vpmaddwd. Nothing saturates: 2 * 128 * 127 < 2^15. */
#include "compute/kernels/avx2/blocks.h"
#include "compute/kernels/avx2/fill.h"

ESPY_INLINE __m256i dot_u8_s8(__m256i w, __m256i x) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1));
}

ESPY_INLINE __m256i dot_s8_s8(__m256i w, __m256i x) {
    return dot_u8_s8(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

#include "compute/kernels/avx2/matvec_q8.h"

void espy_fill_matvec_q8_avx2(espy_kernels *k) {
    set_matvec_q8(k);
}
