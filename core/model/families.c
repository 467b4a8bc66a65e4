/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/family.h"

const espy_family *const espy_families[] = {
    &espy_family_qwen3_vl,
};
const int espy_n_families = sizeof espy_families / sizeof *espy_families;
