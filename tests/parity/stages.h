/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compares one stage of a run with the reference's and says what it saw.
 *
 * Every function prints one line ("  image_embeds  rel 3.1e-07  max 2.4e-08")
 * and returns the number of failures, 0 or 1, so that a run goes on to its
 * later stages and the first bad line names the place. */
#ifndef ESPY_PARITY_STAGES_H
#define ESPY_PARITY_STAGES_H

#include <cjson/cJSON.h>

#include "tensors.h"

/* Largest deviations allowed. Relative L2 is |got - want| / |want|. */
typedef struct bounds {
    double vision_rel;  /* image_embeds and DeepStack features     */
    double logits_max;  /* last_logits, absolute                   */
    double logprob_max; /* of the five best of the first steps     */
    double margin;      /* greedy ids are asked for as long as the
                           reference's two best lie further apart  */
    double routing;     /* models with experts: what a step gives is asked for
                           as long as no token's choice of experts was nearer
                           to a tie (routing_margins)              */
} bounds;

int stage_text(const char *name, const cJSON *got, const cJSON *want);
/* Integers, flattened; got_ints [n] against a nested array. */
int stage_ints(const char *name, const int32_t *got, int64_t n, const cJSON *want);
/* JSON numbers of any nesting. */
int stage_numbers(const char *name, const cJSON *got, const cJSON *want);
/* Bit for bit: shape and 64-bit FNV-1a of the float bytes. */
int stage_pixels(const char *name, view got, const cJSON *want);
/* rel_bound or max_bound 0: not asked. Not finite fails always. */
int stage_floats(const char *name, view got, view want, double rel_bound, double max_bound);
int stage_tokens(const cJSON *got, const cJSON *want, const cJSON *margins, double margin);
int stage_logprobs(const cJSON *got, const cJSON *want, const cJSON *margins, const bounds *b);

#endif
