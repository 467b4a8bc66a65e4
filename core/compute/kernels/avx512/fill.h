/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of this folder; each overwrites its own slots. */
#ifndef ESPY_KERNELS_AVX512_FILL_H
#define ESPY_KERNELS_AVX512_FILL_H

#include "compute/kernels/kernels.h"

void espy_fill_convert_avx512(espy_kernels *k);
void espy_fill_matvec_avx512(espy_kernels *k);
void espy_fill_matvec_q8_avx512(espy_kernels *k, unsigned cpu_flags);
void espy_fill_vecmat_avx512(espy_kernels *k);
void espy_fill_gemm_avx512(espy_kernels *k, unsigned cpu_flags);
void espy_fill_norm_avx512(espy_kernels *k);
void espy_fill_activate_avx512(espy_kernels *k);

#endif
