/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One conversation's state. */
#ifndef ESPY_GENERATE_CONTEXT_H
#define ESPY_GENERATE_CONTEXT_H

#include "generate/lane.h"
#include "generate/seen.h"

/* Multiply-adds per ms, measured by estimate.c; zero until then. */
typedef struct espy_speed {
    double vision, attention, prompt, answer;
} espy_speed;

struct espy_context {
    const espy_model *model;
    espy_cpu *cpu;
    espy_lane lane;
    espy_cache_shape cache_shape; /* of this lane and others */
    espy_seen_cache seen;
    int64_t limit;       /* most tokens */
    int64_t pass_tokens; /* vision tokens of a pass over several pictures */
    int n_lanes;         /* of a batch */
    int exact;
    espy_speed speed;
};

struct espy_snapshot {
    int64_t n;
    uint64_t hash; /* of the tokens up to n */
};

/* Tokens read in one pass. */
enum { ESPY_CHUNK = 512 };

/* Tokens for which the open requests of a batch have room, unless one alone needs
 * more. */
enum { ESPY_BATCH_TOKENS = 8192 };

#endif
