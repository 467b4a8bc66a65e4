/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The weights of a model: views into the files, bound to slots by a table of
 * names that each family gives (family.h), with shapes checked. Vectors (norms,
 * biases) become f32 copies; types that have no kernels (IQ2, IQ3, MXFP4) are
 * converted to F16 at load. Everything else stays in the mapping. */
#ifndef ESPY_MODEL_WEIGHTS_H
#define ESPY_MODEL_WEIGHTS_H

#include "compute/ops.h"
#include "model/config.h"

typedef struct espy_linear {
    espy_weight w, b; /* b.tensor.data NULL: no bias */
} espy_linear;

typedef struct espy_norm_weights {
    espy_weight w, b;
} espy_norm_weights;

/* norm, fc1, gelu, fc2: joins patches to a vision token */
typedef struct espy_merger {
    espy_norm_weights norm;
    espy_linear fc1, fc2;
} espy_merger;

/* Qwen-VL's joiner: learned queries look at all patches of a picture. resampler.c.
 * E: the text's width. "Bound" is as in the file, "loaded" what the model uses. */
typedef struct espy_resampler {
    espy_weight query;     /* bound: [n_queries][E]; loaded: F32, as the attention asks */
    espy_weight positions; /* bound: of the queries, [n_queries][E]; loaded: of the keys,
                              F32 [n_patches][E] */
    espy_linear kv;        /* [E][vision dim]; none where both are as wide */
    espy_norm_weights query_norm, kv_norm, norm;
    espy_linear q, k, v, out; /* [E][E] each */
    espy_weight proj;         /* bound: [in][out]; loaded: [out][in] */
} espy_resampler;

typedef struct espy_vision_layer {
    espy_norm_weights norm1, norm2;
    espy_linear qkv;     /* [3 * dim][dim], q | k | v; or ... */
    espy_linear q, k, v; /* ... each of its own */
    espy_linear out;
    espy_linear gate, fc1, fc2; /* fc2(act(fc1)), or with a gate fc2(act(gate) * fc1) */
} espy_vision_layer;

typedef struct espy_text_layer {
    espy_norm_weights attn_norm, ffn_norm;
    espy_linear q, k, v, out;
    espy_norm_weights q_norm, k_norm;
    espy_linear gate, up, down; /* one MLP, or ... */
    espy_weight router;         /* [n_experts][dim] */
    espy_experts expert_gate, expert_up, expert_down;
} espy_text_layer;

typedef struct espy_weights {
    espy_linear patch; /* [dim][3 * temporal * patch * patch] */
    espy_weight positions;
    espy_norm_weights pre_norm;
    espy_vision_layer *vision; /* [vision.n_layers] */
    espy_merger merger;
    espy_merger taps[ESPY_MAX_TAPS];
    espy_resampler resampler;

    espy_weight embedding;
    espy_text_layer *text; /* [text.n_layers] */
    espy_norm_weights norm;
    espy_weight output; /* the embedding when tied */

    void **owned; /* converted copies */
    int n_owned, capacity_owned;
    int64_t owned_bytes;
} espy_weights;

/* Which struct a slot's offset counts from, and what "%d" in a name means. */
typedef enum espy_group {
    ESPY_GROUP_MODEL = 0,
    ESPY_GROUP_VISION_LAYER,
    ESPY_GROUP_TAP,
    ESPY_GROUP_TEXT_LAYER,
    ESPY_GROUP_MLP_LAYER,   /* text layers with one MLP */
    ESPY_GROUP_EXPERT_LAYER /* ... with experts         */
} espy_group;

/* Symbolic lengths for shapes. */
typedef enum espy_dim {
    ESPY_DIM_NONE = 0, /* end of shape */
    ESPY_DIM_VISION,
    ESPY_DIM_VISION_3,
    ESPY_DIM_VISION_FFN,
    ESPY_DIM_MERGED, /* vision dim * merge^2 */
    ESPY_DIM_PATCH,  /* 3 * temporal * patch^2 */
    ESPY_DIM_POSITIONS,
    ESPY_DIM_QUERIES,
    ESPY_DIM_TEXT,
    ESPY_DIM_Q,  /* heads * head_dim    */
    ESPY_DIM_KV, /* kv heads * head_dim */
    ESPY_DIM_HEAD,
    ESPY_DIM_FFN,
    ESPY_DIM_EXPERTS,
    ESPY_DIM_EXPERT_FFN,
    ESPY_DIM_VOCAB
} espy_dim;

/* One slot: its names and its shape. */
typedef struct espy_weight_name {
    espy_group group;
    size_t at;      /* offset of an espy_weight in the group's struct */
    const char *hf; /* one "%d" in groups other than MODEL */
    /* As llama.cpp's converter names it (taps by the layer that they tap), as files
     * with both parts in one do (taps by their place in the list), and where an old
     * file may have put it in exchange for another. The first form of the row's
     * shape is taken; the first is what is written, NULL: it is not written. */
    const char *gguf[3];
    espy_dim shape[2]; /* { rows, cols }; { n } is a vector */
    int optional;
    size_t unless;       /* not looked for if the slot at this offset of the group is
                            bound; 0: always */
    int part;            /* of the slot at unless: which of its thirds this one is */
    int slice, n_slices; /* the slot is one of n_slices equal stretches of the rows (or of a
                            vector) of a safetensors file's tensor; 0, 0: all of it */
} espy_weight_name;

typedef struct espy_weight_table {
    const espy_weight_name *rows;
    int n;
} espy_weight_table;

/* Sets the lengths of config that are 0, and that of the vocabulary, to those that
 * the tensors have, as far as there are such tensors. */
void espy_weights_measure(espy_config *config, const espy_weight_table *const *tables,
                          const espy_container *language, const espy_container *vision);

/* Binds all slots of some tables (NULL ends the list). language and vision may be the
 * same container. Errors
 * ESPY_ERR_MISSING, ESPY_ERR_UNSUPPORTED, ESPY_ERR_FORMAT (shape: the message
 * names tensor and both shapes), ESPY_ERR_MEMORY. */
espy_status espy_weights_bind(espy_weights *weights, const espy_config *config,
                              const espy_weight_table *const *tables,
                              const espy_container *language, const espy_container *vision,
                              espy_progress_fn progress, void *user, espy_error *err);

void espy_weights_free(espy_weights *weights);

/* A slot with a tensor, or the third of one that another slot joins. */
typedef struct espy_bound_weight {
    const char *gguf_name; /* as llama.cpp has it; NULL for the patch embedding, which it
                              cuts in two */
    int is_vision, is_vector;
    espy_weight weight; /* borrows the slot's data; without data if a block of FP8
                           scales lies across two thirds */
} espy_bound_weight;

typedef espy_status (*espy_weight_fn)(void *user, const espy_bound_weight *bound);

/* Walks over all that a GGUF has: slots with a tensor, but no output that is the
 * embedding. A failure of fn stops the walk. */
espy_status espy_weights_each(const espy_weights *weights, const espy_config *config,
                              const espy_weight_table *const *tables, espy_weight_fn fn,
                              void *user);

/* Keeps p until the weights are freed; frees it at once if that fails. */
espy_status espy_weights_own(espy_weights *weights, void *p, int64_t n_bytes, espy_error *err);

/* All values of a weight in F32, [rows][cols], block scales applied: malloc'd, the
 * caller's; NULL without memory. */
float *espy_weights_values(const espy_weight *weight);

/* Makes weight, of n rows and columns each, its transpose; the weights then own it. */
espy_status espy_weights_transpose(espy_weights *weights, espy_weight *weight, espy_error *err);

/* Makes weight an F32 matrix of values, which the weights then own. */
espy_status espy_weights_set(espy_weights *weights, espy_weight *weight, float *values,
                             int64_t rows, int64_t cols, espy_error *err);

#endif
