/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compute/kernels/targets.h"

void espy_fill_avx2(espy_kernels *k, unsigned cpu_flags) {
    (void)cpu_flags;
    k->name = "avx2";
}
