/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

static unsigned long long read_xcr0(void) {
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

unsigned espy_cpu_flags(void) {
    unsigned a, b, c, d, flags = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    unsigned fma = c >> 12 & 1, osxsave = c >> 27 & 1, avx = c >> 28 & 1, f16c = c >> 29 & 1;
    if (!osxsave || !avx) return 0;
    unsigned long long xcr0 = read_xcr0();
    if ((xcr0 & 0x6) != 0x6) return 0; /* XMM and YMM state */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if ((b >> 5 & 1) && fma && f16c) flags |= ESPY_CPU_AVX2;
    unsigned f = b >> 16 & 1, dq = b >> 17 & 1, cd = b >> 28 & 1, bw = b >> 30 & 1, vl = b >> 31;
    if (!(flags & ESPY_CPU_AVX2) || !(f && dq && cd && bw && vl) || (xcr0 & 0xE6) != 0xE6)
        return flags;
    flags |= ESPY_CPU_AVX512;
    if (c >> 11 & 1) flags |= ESPY_CPU_AVX512_VNNI;
    if (c >> 1 & 1) flags |= ESPY_CPU_AVX512_VBMI;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1)) flags |= ESPY_CPU_AVX512_BF16;
    return flags;
}
#else
unsigned espy_cpu_flags(void) {
    return 0;
}
#endif
