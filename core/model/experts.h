/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The weights of a layer's experts: views into the files like all others, bound by
 * rows of names that a family gives. Nothing here reads a weight. */
#ifndef ESPY_MODEL_EXPERTS_H
#define ESPY_MODEL_EXPERTS_H

#include "model/weights.h"

/* The same matrix of each of a layer's experts: its names and its shape. A tensor
 * of several slots holds their outputs one after the other; this slot's are part
 * `part` of n_parts. */
typedef struct espy_expert_name {
    size_t at; /* offset of an espy_experts in espy_text_layer */
    int part, n_parts;
    const char *hf;    /* all experts and all parts; "%d" is the layer      */
    const char *each;  /* one expert's own; "%d" the layer, "%d" the expert */
    const char *gguf;  /* all experts, this part alone                      */
    const char *fused; /* all experts and all parts; or NULL                */
    espy_dim rows, cols;
} espy_expert_name;

typedef struct espy_expert_table {
    const espy_expert_name *rows;
    int n;
} espy_expert_table;

/* Binds the slots of all layers that have experts, after espy_weights_bind.
 *
 * GGUF has [expert][out][in]. Safetensors with all experts in one tensor have that,
 * or [expert][in][out] as released; the shape tells, and where it is the same both
 * ways, that of another slot does. A table of them is allocated per layer, 3 * 96
 * bytes for each expert.
 *
 * Errors ESPY_ERR_MISSING, ESPY_ERR_UNSUPPORTED (a type that is not read, FP8
 * without scales, parts that do not begin with a block), ESPY_ERR_FORMAT (shape),
 * ESPY_ERR_MEMORY; the message names file and tensor. */
espy_status espy_experts_bind(espy_weights *weights, const espy_config *config,
                              const espy_expert_table *table, const espy_container *language,
                              espy_error *err);

/* Called with each slot and its name in a GGUF. */
typedef espy_status (*espy_experts_fn)(void *user, const char *gguf_name,
                                       const espy_experts *experts);

/* Walks over all slots; a failure of fn stops the walk. */
espy_status espy_experts_each(const espy_weights *weights, const espy_config *config,
                              const espy_expert_table *table, espy_experts_fn fn, void *user);

/* Bytes of all experts' weights. */
int64_t espy_experts_bytes(const espy_weights *weights, const espy_config *config);

#endif
