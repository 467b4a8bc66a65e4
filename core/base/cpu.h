/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this CPU can run, as far as the operating system saves the registers. */
#ifndef ESPY_BASE_CPU_H
#define ESPY_BASE_CPU_H

enum {
    ESPY_CPU_AVX2 = 1 << 0,        /* AVX2, FMA and F16C together             */
    ESPY_CPU_AVX512 = 1 << 1,      /* AVX-512 F, BW, CD, DQ, VL together      */
    ESPY_CPU_AVX512_VNNI = 1 << 2, /* with AVX-512 VNNI                       */
    ESPY_CPU_AVX512_BF16 = 1 << 3, /* with AVX-512 BF16                       */
    ESPY_CPU_AVX512_VBMI = 1 << 4,
};

unsigned espy_cpu_flags(void);

#endif
