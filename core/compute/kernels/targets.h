/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How each target fills the table. Scalar fills every slot that exists; the
 * others overwrite what they do faster and may use only the instructions that
 * their row in kernels.c needs, or that cpu_flags (ESPY_CPU_...) name. */
#ifndef ESPY_KERNELS_TARGETS_H
#define ESPY_KERNELS_TARGETS_H

#include "compute/kernels/kernels.h"

void espy_fill_scalar(espy_kernels *k, unsigned cpu_flags);
#ifdef __x86_64__
void espy_fill_avx2(espy_kernels *k, unsigned cpu_flags);
void espy_fill_avx512(espy_kernels *k, unsigned cpu_flags);
#endif

#endif
