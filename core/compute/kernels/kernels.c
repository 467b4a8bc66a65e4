/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of targets, worst first, and the choice among them. Choosing a
 * target fills the table from scalar upwards, so that a target may leave out
 * what it does no better than the ones below. */
#include "compute/kernels/kernels.h"

#include <string.h>

#include "base/cpu.h"
#include "compute/kernels/targets.h"

const espy_target espy_targets[] = {
    { "scalar", 0, espy_fill_scalar },
#ifdef ESPY_X86_KERNELS
    { "avx2", ESPY_CPU_AVX2, espy_fill_avx2 },
    { "avx512", ESPY_CPU_AVX2 | ESPY_CPU_AVX512, espy_fill_avx512 },
#endif
};

const int espy_n_targets = sizeof(espy_targets) / sizeof(espy_targets[0]);

static int runs_on(const espy_target *target, unsigned flags) {
    return (target->needs & flags) == target->needs;
}

int espy_kernels_available(int target_index) {
    return target_index >= 0 && target_index < espy_n_targets &&
           runs_on(&espy_targets[target_index], espy_cpu_flags());
}

int espy_kernels_choose(espy_kernels *k, const char *name) {
    unsigned flags = espy_cpu_flags();
    int last = -1;
    for (int i = 0; i < espy_n_targets; i++) {
        int wanted = !name || strcmp(espy_targets[i].name, name) == 0;
        if (wanted && runs_on(&espy_targets[i], flags)) last = i;
    }
    if (last < 0) return -1;
    memset(k, 0, sizeof(*k));
    for (int i = 0; i <= last; i++)
        if (runs_on(&espy_targets[i], flags)) espy_targets[i].fill(k, flags);
    return 0;
}
