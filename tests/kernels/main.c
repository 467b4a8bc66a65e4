/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries every slot of every target that this CPU can run: values against their
 * definition, computed in double or exactly, with bounds from the length; no
 * access outside the stated ranges; the same bits at any alignment and for any
 * division of the rows.
 *
 *   test_kernels [TARGET] */
#include <stdio.h>
#include <string.h>

#include "kernel_test.h"

/* A target may lack the BF16 product; every other slot of scalar it must have. */
static void expect_all_slots(trial *t) {
    const espy_kernels *a = t->truth, *b = t->k;
    set_slot(t, "table", NULL);
    for (int i = 0; i < ESPY_N_DTYPES; i++)
        if (!b->to_f32[i] || !a->from_f32[i] != !b->from_f32[i] || !a->matvec[i] != !b->matvec[i] ||
            !a->matvec_q8[i] != !b->matvec_q8[i] || !a->vecmat[i] != !b->vecmat[i] ||
            !b->matvecs[i] != !b->matvec[i] || !b->matvecs_q8[i] != !b->matvec_q8[i])
            fail(t, "%s has other slots than scalar", espy_dtypes[i].name);
    for (int i = 0; i < ESPY_N_GATES; i++)
        if (!b->activate[i]) fail(t, "no activation %d", i);
    if (!b->quantize_act || !b->pack_f32 || !b->gemm_f32 || !b->layer_norm || !b->rms_norm ||
        !b->rope || !b->softmax || !b->add || !b->pack_bf16 != !b->gemm_bf16 ||
        !b->panel_bf16 != !b->gemm_bf16)
        fail(t, "a slot is empty");
}

int main(int argc, char **argv) {
    espy_kernels truth, k;
    trial t = { .truth = &truth, .k = &k };
    int n_tried = 0;
    if (espy_kernels_choose(&truth, "scalar") || espy_kernels_choose(&k, "no such target") != -1) {
        printf("FAIL espy_kernels_choose\n");
        return 1;
    }
    open_areas(&t);
    for (int i = 0; i < espy_n_targets; i++) {
        const char *name = espy_targets[i].name;
        if (argc > 1 && strcmp(argv[1], name) != 0) continue;
        if (!espy_kernels_available(i)) {
            printf("%s: this CPU cannot run it\n", name);
            continue;
        }
        if (espy_kernels_choose(&k, name) || strcmp(k.name, name) != 0) {
            printf("FAIL %s: cannot be chosen\n", name);
            return 1;
        }
        int before = n_failures_of_all();
        expect_all_slots(&t);
        test_convert(&t);
        test_matvec(&t);
        test_vecmat(&t);
        test_gemm(&t);
        test_norm(&t);
        test_activate(&t);
        printf("%s: %s\n", name, n_failures_of_all() == before ? "ok" : "failed");
        n_tried++;
    }
    return n_failures_of_all() ? 1 : n_tried ? 0 : 77; /* 77: skipped */
}
