/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AVX-512 F, BW, CD, DQ, VL, and VNNI and BF16 where the CPU has them. What is
 * not here is the avx2 folder's. */
#include "compute/kernels/avx512/fill.h"

#include "compute/kernels/targets.h"

void espy_fill_avx512(espy_kernels *k, unsigned cpu_flags) {
    k->name = "avx512";
    espy_fill_convert_avx512(k);
    espy_fill_matvec_avx512(k);
    espy_fill_matvec_q8_avx512(k, cpu_flags);
    espy_fill_vecmat_avx512(k);
    espy_fill_gemm_avx512(k, cpu_flags);
    espy_fill_norm_avx512(k);
    espy_fill_activate_avx512(k);
}
