/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From logits to one token: penalties, temperature, top-k, top-p, min-p, in this
 * order, as the reference applies them. */
#ifndef ESPY_GENERATE_SAMPLER_H
#define ESPY_GENERATE_SAMPLER_H

#include "base/status.h"

typedef struct espy_candidate {
    float logit;
    int32_t id;
} espy_candidate;

typedef struct espy_sampler {
    espy_sampling params;
    int n_vocab;
    uint64_t state;
    uint32_t *generated;  /* [n_vocab] times each id was generated       */
    uint8_t *seen;        /* [n_vocab] whether prompt or answer holds it */
    espy_candidate *pool; /* [n_vocab]                                   */
} espy_sampler;

/* prompt [n]: ids that count as seen. Errors ESPY_ERR_ARGUMENT (a parameter out
 * of range), ESPY_ERR_MEMORY. */
espy_status espy_sampler_open(espy_sampler *s, const espy_sampling *params, int n_vocab,
                              const int32_t *prompt, int64_t n, espy_error *err);
void espy_sampler_close(espy_sampler *s);

/* Picks a token and counts it. logits [n_vocab] are modified. */
int32_t espy_sampler_next(espy_sampler *s, float *logits);

/* The n likeliest ids with their log probabilities, best first. */
void espy_top_logprobs(const float *logits, int n_vocab, int n, espy_logprob *out);

#endif
