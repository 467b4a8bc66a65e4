/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which cells of a picture the vision tower sees. A cell is merge x merge patches, which
 * become one token; cells are numbered row by row. Those that stay keep their place. */
#ifndef ESPY_GENERATE_KEEP_H
#define ESPY_GENERATE_KEEP_H

#include "base/status.h"

/* Random ones, as NaViT drops tokens (arXiv:2307.06304, section 2.1): round(ratio * n),
 * at least one, each choice equally likely (Knuth's algorithm S over splitmix64). The
 * same n, ratio and seed give the same. ratio is in (0, 1], n > 0. *cells [returned
 * number] ascending, the caller's; 0 without memory. */
int64_t espy_keep_some(int64_t n, double ratio, uint64_t seed, int32_t **cells);

/* Those that differ from the one before in time (run-length tokens, arXiv:2411.05222,
 * with a threshold of 0): pixels of both are n_frames fitted frames u8 [rows * side]
 * [columns * side][3]. At least one: the first, if none differs. As above. */
int64_t espy_keep_changed(const uint8_t *const *now, const uint8_t *const *before, int n_frames,
                          int rows, int columns, int side, int32_t **cells);

#endif
