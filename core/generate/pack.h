/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of different sizes for one pass of the vision tower, back to back with
 * attention limited to each: "Patch n' Pack: NaViT" (arXiv:2307.06304), section 2.1
 * and appendix A.1, where sequences are filled greedily. */
#ifndef ESPY_GENERATE_PACK_H
#define ESPY_GENERATE_PACK_H

#include "base/status.h"

/* Greedy first fit: each of n sizes, in order, goes into the first pass that has room
 * for it below budget; a larger one has a pass of its own. pass_of [n] receives the
 * pass of each, from 0 on, room [n] is scratch. Returns the number of passes. */
int espy_pack(const int64_t *sizes, int n, int64_t budget, int *pass_of, int64_t *room);

#endif
