/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of this folder; each overwrites its own slots. */
#ifndef ESPY_KERNELS_AVX2_FILL_H
#define ESPY_KERNELS_AVX2_FILL_H

#include "compute/kernels/kernels.h"

void espy_fill_convert_avx2(espy_kernels *k);
void espy_fill_matvec_avx2(espy_kernels *k);
void espy_fill_matvec_q8_avx2(espy_kernels *k);
void espy_fill_vecmat_avx2(espy_kernels *k);
void espy_fill_gemm_avx2(espy_kernels *k);
void espy_fill_norm_avx2(espy_kernels *k);
void espy_fill_activate_avx2(espy_kernels *k);

#endif
