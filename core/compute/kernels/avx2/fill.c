/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AVX2 with FMA and F16C. What is not here is scalar's. */
#include "compute/kernels/avx2/fill.h"

#include "compute/kernels/targets.h"

void espy_fill_avx2(espy_kernels *k, unsigned cpu_flags) {
    (void)cpu_flags;
    k->name = "avx2";
    espy_fill_convert_avx2(k);
    espy_fill_matvec_avx2(k);
    espy_fill_matvec_q8_avx2(k);
    espy_fill_vecmat_avx2(k);
    espy_fill_gemm_avx2(k);
    espy_fill_norm_avx2(k);
    espy_fill_activate_avx2(k);
}
