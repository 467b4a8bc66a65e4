/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/lane.h"

#include <stdlib.h>

espy_status espy_lane_open(espy_lane *lane, const espy_cache_shape *shape, int n_vocab,
                           espy_error *err) {
    *lane = (espy_lane){ 0 };
    lane->logits = malloc((size_t)n_vocab * sizeof *lane->logits);
    if (!lane->logits) return espy_out_of_memory(err);
    espy_status status = espy_cache_open(&lane->cache, shape, err);
    if (status) espy_lane_close(lane);
    return status;
}

void espy_lane_close(espy_lane *lane) {
    espy_cache_close(&lane->cache);
    espy_timeline_free(&lane->timeline);
    free(lane->logits);
    *lane = (espy_lane){ 0 };
}

espy_status espy_lane_reserve(espy_lane *lane, int64_t n, espy_error *err) {
    espy_status status = espy_timeline_reserve(&lane->timeline, n, err);
    return status ? status : espy_cache_reserve(lane->cache, n, lane->timeline.n, err);
}
