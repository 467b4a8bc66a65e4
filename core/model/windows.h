/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention in windows (Qwen2.5-VL, arXiv:2502.13923): the merged cells of a picture
 * are cut into square tiles from its top left corner, those at the right and lower edge
 * may be smaller. Patches go through the tower tile by tile, so that a window is a run
 * of neighbours:
 *
 *     0  1 | 2               0 1 3 4 | 2 5 | 6 7 | 8
 *     3  4 | 5       ->
 *     -----+--
 *     6  7 | 8     cells of a grid of 3x3, windows of 2x2 */
#ifndef ESPY_MODEL_WINDOWS_H
#define ESPY_MODEL_WINDOWS_H

#include "model/model.h"

typedef struct espy_windows {
    int32_t *order; /* [n_cells] which cell of the grids, back to back, stands here */
    int64_t n_cells;
    int64_t *bounds; /* [n + 1] where windows begin, in patches */
    int n;
} espy_windows;

/* Windows of all grids, or one order without change if the model has none: order is
 * NULL and n 0 then. Errors ESPY_ERR_MEMORY; out is empty then. */
espy_status espy_windows_make(espy_windows *out, const espy_vision_config *c,
                              const espy_grid *grids, int n_grids);
void espy_windows_free(espy_windows *w);

/* How many cells from place at on are neighbours in the grid too, and which cell the
 * first of them is; at < n_cells. */
int64_t espy_windows_run(const espy_windows *w, int64_t at, int64_t *cell);

/* Whether a layer attends in windows. */
int espy_layer_has_windows(const espy_vision_config *c, int layer);

#endif
