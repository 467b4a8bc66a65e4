/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where one conversation is read and answered: its tokens, and what the decoder keeps
 * of them. A context has one; a batch has one for each answer that it is writing. */
#ifndef ESPY_GENERATE_LANE_H
#define ESPY_GENERATE_LANE_H

#include "generate/timeline.h"

typedef struct espy_lane {
    espy_timeline timeline;
    espy_cache *cache;
    float *logits; /* [n_vocab] of the last token read */
} espy_lane;

/* Zeroed on failure; close in any case. Errors ESPY_ERR_MEMORY, ESPY_ERR_UNSUPPORTED
 * (heads that are no whole blocks of the shape's type). */
espy_status espy_lane_open(espy_lane *lane, const espy_cache_shape *shape, int n_vocab,
                           espy_error *err);
void espy_lane_close(espy_lane *lane);

/* Makes room for n tokens in all. */
espy_status espy_lane_reserve(espy_lane *lane, int64_t n, espy_error *err);

#endif
