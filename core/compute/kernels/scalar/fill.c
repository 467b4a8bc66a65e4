/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The readable truth: every slot in plain C. */
#include "compute/kernels/scalar/scalar.h"
#include "compute/kernels/targets.h"

void espy_fill_scalar(espy_kernels *k, unsigned cpu_flags) {
    (void)cpu_flags;
    k->name = "scalar";
    espy_fill_scalar_convert(k);
    espy_fill_scalar_matvec(k);
    espy_fill_scalar_matvec_q8(k);
    espy_fill_scalar_gemm(k);
    espy_fill_scalar_norm(k);
    espy_fill_scalar_activate(k);
}
