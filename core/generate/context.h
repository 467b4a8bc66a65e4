/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One conversation's state. */
#ifndef ESPY_GENERATE_CONTEXT_H
#define ESPY_GENERATE_CONTEXT_H

#include "generate/seen.h"

/* Multiply-adds per ms, measured by estimate.c; zero until then. */
typedef struct espy_speed {
    double vision, attention, prompt, answer;
} espy_speed;

struct espy_context {
    const espy_model *model;
    espy_cpu *cpu;
    espy_cache *cache;
    espy_timeline timeline;
    espy_seen_cache seen;
    int64_t limit; /* most tokens */
    int exact;
    espy_speed speed;
    float *logits; /* [n_vocab] of the last token read */
};

struct espy_snapshot {
    int64_t n;
    uint64_t hash; /* of the tokens up to n */
};

/* Tokens read in one pass. */
enum { ESPY_CHUNK = 512 };

#endif
