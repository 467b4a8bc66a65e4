/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several families have in common: rows of keys and of weights, to be listed in
 * a family's description beside its own. A field or a slot stands in one of the
 * listed tables only. */
#ifndef ESPY_MODEL_SHARED_H
#define ESPY_MODEL_SHARED_H

#include "model/family.h"

/* Upper limits keep products of two numbers far from overflow. */
enum {
    ESPY_MOST_LAYERS = 1024,
    ESPY_MOST_DIM = 1 << 17,
    ESPY_MOST_HEADS = 4096,
    ESPY_MOST_VOCAB = 1 << 24
};

/* For rows: offsets in the config, and of slots with their group. */
#define ESPY_AT(field) offsetof(espy_config, field)
#define ESPY_AT_MODEL(field) ESPY_GROUP_MODEL, offsetof(espy_weights, field)
#define ESPY_AT_VISION(field) ESPY_GROUP_VISION_LAYER, offsetof(espy_vision_layer, field)
#define ESPY_AT_TAP(field) ESPY_GROUP_TAP, offsetof(espy_merger, field)
#define ESPY_AT_TEXT(field) ESPY_GROUP_TEXT_LAYER, offsetof(espy_text_layer, field)
#define ESPY_AT_MLP(field) ESPY_GROUP_MLP_LAYER, offsetof(espy_text_layer, field)
#define ESPY_AT_EXPERTS(field) ESPY_GROUP_EXPERT_LAYER, offsetof(espy_text_layer, field)

/* ------------------------------------------------------------- shared_keys.c */

extern const espy_key_table espy_keys_tower;       /* layers, heads, patch, merge ... */
extern const espy_key_table espy_keys_tower_sizes; /* widths as Qwen2.5-VL names them */
extern const espy_key_table espy_keys_decoder;     /* of Qwen2 and Qwen3 */
extern const espy_key_table espy_keys_tokens;      /* ids of pictures, films, ends */
extern const espy_key_table espy_keys_pictures;    /* mean, std, limits, also of clips */
extern const espy_key_table espy_keys_sampling;

/* What CLIP was trained with, red, green, blue. */
#define ESPY_CLIP_COLOURS                                                                          \
    .mean = { 0.48145466, 0.4578275, 0.40821073 }, .std = { 0.26862954, 0.26130258, 0.27577711 }

/* How Qwen2-VL and Qwen2.5-VL are shown clips. */
#define ESPY_QWEN2_FILMS                                                                           \
    { .sampling = 2, .least_tokens = 128, .most_tokens = 768, .total_tokens = 24576 }

/* Sampling as the reference reads generation_config.json: greedy unless do_sample;
 * the library's own defaults where it says nothing. A GGUF keeps what was read. */
void espy_settle_sampling(espy_config *config, const espy_numbers *numbers);

/* ESPY_ERR_UNSUPPORTED where config.json asks for other frequencies than those that the
 * model was trained with (YaRN). */
espy_status espy_check_rope(const espy_numbers *numbers, espy_error *err);

/* For decoders of Qwen2: also the head's width, if no file says it. Errors
 * ESPY_ERR_UNSUPPORTED (text layers that attend in windows, espy_check_rope). */
espy_status espy_settle_qwen2(espy_config *config, const espy_numbers *numbers, espy_error *err);

/* ---------------------------------------------------------- shared_weights.c */

/* The tower: patches, norms' weights, attention. Its q, k and v lie in one tensor in
 * folders; in an mmproj they are one (Qwen3-VL) or three (before). */
extern const espy_weight_table espy_weights_tower;
extern const espy_weight_table espy_weights_tower_qkv_joined;
extern const espy_weight_table espy_weights_tower_qkv_apart;
extern const espy_weight_table espy_weights_tower_norm_biases;
extern const espy_weight_table espy_weights_merger_qwen2; /* Qwen2-VL, Qwen2.5-VL */

extern const espy_weight_table espy_weights_decoder; /* all but ... */
extern const espy_weight_table espy_weights_qkv_biases;
extern const espy_weight_table espy_weights_qk_norms;
extern const espy_weight_table espy_weights_mlp; /* gate, up, down of layers without experts */

/* --------------------------------------------------------------- qwen3_vl.c */

extern const espy_key_table espy_qwen3_vl_keys;       /* positions, taps */
extern const espy_weight_table espy_qwen3_vl_weights; /* what only its tower has */
extern const espy_config espy_qwen3_vl_defaults;
espy_status espy_qwen3_vl_settle(espy_config *config, const espy_numbers *numbers, espy_error *err);

#endif
