/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/windows.h"

#include <stdlib.h>

static int least(int a, int b) {
    return a < b ? a : b;
}

/* The first of the grid's cells that is not before cell. */
static int64_t first_from(espy_grid g, int64_t cell) {
    int64_t low = 0, high = g.n_cells;
    if (!g.cells) return cell;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (g.cells[middle] < cell)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One grid's tiles, as far as they hold cells; cell is the number of its first. */
static void add_grid(espy_windows *w, espy_grid g, int merge, int edge, int64_t cell) {
    int rows = g.h / merge, columns = g.w / merge, patches_per_cell = merge * merge;
    for (int top = 0; top < rows; top += edge)
        for (int left = 0; left < columns; left += edge) {
            for (int r = top; r < least(top + edge, rows); r++)
                for (int64_t first = (int64_t)r * columns, i = first_from(g, first + left),
                             end = first_from(g, first + least(left + edge, columns));
                     i < end; i++)
                    w->order[w->n_cells++] = (int32_t)(cell + i);
            if (w->n_cells * patches_per_cell > w->bounds[w->n])
                w->bounds[++w->n] = w->n_cells * patches_per_cell;
        }
}

espy_status espy_windows_make(espy_windows *out, const espy_vision_config *c,
                              const espy_grid *grids, int n_grids) {
    int per_cell = c->merge * c->merge, edge = c->window_px / c->merge / c->patch;
    int64_t n_cells = 0, n = 0;
    *out = (espy_windows){ 0 };
    for (int i = 0; i < n_grids; i++) {
        int rows = grids[i].h / c->merge, columns = grids[i].w / c->merge;
        n_cells += espy_grid_patches(grids[i], c->merge) / per_cell;
        if (edge) n += (int64_t)((rows + edge - 1) / edge) * ((columns + edge - 1) / edge);
    }
    out->n_cells = n_cells;
    if (!edge) return ESPY_OK;
    out->order = malloc((size_t)(n_cells + 1) * sizeof *out->order);
    out->bounds = malloc((size_t)(n + 1) * sizeof *out->bounds);
    if (!out->order || !out->bounds) {
        espy_windows_free(out);
        return ESPY_ERR_MEMORY;
    }
    out->n_cells = 0;
    out->bounds[0] = 0;
    for (int i = 0; i < n_grids; i++) add_grid(out, grids[i], c->merge, edge, out->n_cells);
    return ESPY_OK;
}

void espy_windows_free(espy_windows *w) {
    free(w->order);
    free(w->bounds);
    *w = (espy_windows){ 0 };
}

int64_t espy_windows_run(const espy_windows *w, int64_t at, int64_t *cell) {
    int64_t end = at + 1;
    *cell = w->order ? w->order[at] : at;
    if (!w->order) return w->n_cells - at;
    while (end < w->n_cells && w->order[end] == w->order[end - 1] + 1) end++;
    return end - at;
}

int espy_layer_has_windows(const espy_vision_config *c, int layer) {
    int full = !c->window_px;
    for (int i = 0; i < c->n_full; i++) full |= c->full[i] == layer;
    return !full;
}
