/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tokens that a context has read: ids, positions, and for vision tokens the
 * key of their picture, so that a later prompt can tell how far it agrees. */
#ifndef ESPY_GENERATE_TIMELINE_H
#define ESPY_GENERATE_TIMELINE_H

#include "model/model.h"

/* Says which pixels, fitted to which size: 128 bits, so that no two pictures are
 * taken for each other. Zero: none. */
typedef struct espy_picture_key {
    uint64_t a, b;
} espy_picture_key;

static inline int espy_same_picture(espy_picture_key x, espy_picture_key y) {
    return x.a == y.a && x.b == y.b;
}

typedef struct espy_timeline {
    int32_t *after;         /* [capacity] positions.next behind each token; behind the
                               whole of a picture for each of its own */
    int32_t *ids;           /* [capacity] */
    espy_picture_key *keys; /* [capacity] zero: text; else the picture */
    espy_positions positions;
    int64_t n, capacity;
} espy_timeline;

/* Makes room for n tokens in all. */
espy_status espy_timeline_reserve(espy_timeline *t, int64_t n, espy_error *err);
void espy_timeline_free(espy_timeline *t);

/* Appends text, or the cells of a picture or temporal patch, with base and step as
 * in espy_positions_grid; there is room. */
void espy_timeline_text(espy_timeline *t, const int32_t *ids, int64_t n);
void espy_timeline_picture(espy_timeline *t, int32_t id, espy_picture_key key, int32_t base,
                           int32_t step, int rows, int columns);

/* The same for those of its cells that are there, see espy_positions_cells. */
void espy_timeline_cells(espy_timeline *t, int32_t id, espy_picture_key key, int32_t base,
                         int32_t step, int rows, int columns, const int32_t *cells,
                         int64_t n_cells);

/* The same for n tokens that have their places one after another, as text has. */
void espy_timeline_queries(espy_timeline *t, int32_t id, espy_picture_key key, int64_t n);

/* Drops tokens from n on, and the picture that n would cut. */
void espy_timeline_rewind(espy_timeline *t, int64_t n);

/* Length of the common beginning, never inside a picture of b: the same tokens at
 * the same positions, for the times of a clip may stand there alone; 0 where the two
 * turn positions into other angles. */
int64_t espy_timeline_common(const espy_timeline *a, const espy_timeline *b);

/* A fingerprint of the first n tokens, and of when they are: the times of a clip may
 * stand in its positions alone. */
uint64_t espy_timeline_hash(const espy_timeline *t, int64_t n);

#endif
