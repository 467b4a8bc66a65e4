/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/pack.h"

int espy_pack(const int64_t *sizes, int n, int64_t budget, int *pass_of, int64_t *room) {
    int n_passes = 0;
    for (int i = 0; i < n; i++) {
        int pass = 0;
        while (pass < n_passes && room[pass] < sizes[i]) pass++;
        if (pass == n_passes) room[n_passes++] = budget;
        room[pass] -= sizes[i];
        pass_of[i] = pass;
    }
    return n_passes;
}
