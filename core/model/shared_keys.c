/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys that several families share. Text fields stand in text_config or, as released
 * before Qwen3-VL, at the top level. */
#include <string.h>

#include "file/json.h"
#include "model/shared.h"

#define AT ESPY_AT
#define TEXT(name) "text_config." name, name

/* clang-format off */
static const espy_key tower[] = {
    { AT(vision.n_layers), ESPY_KEY_INT, 0, { "vision_config.depth" },
      { "clip.vision.block_count", "%s.vision.block_count" }, ESPY_KEY_KEPT, 1, ESPY_MOST_LAYERS,
      0, 0 },
    { AT(vision.n_heads), ESPY_KEY_INT, 0, { "vision_config.num_heads" },
      { "clip.vision.attention.head_count", "%s.vision.attention.head_count" }, ESPY_KEY_KEPT, 1,
      ESPY_MOST_HEADS, 0, 0 },
    { AT(vision.patch), ESPY_KEY_INT, 0, { "vision_config.patch_size" },
      { "clip.vision.patch_size", "%s.vision.patch_size" }, ESPY_KEY_KEPT, 1, 256, 0, 0 },
    { AT(vision.merge), ESPY_KEY_INT, 0, { "vision_config.spatial_merge_size" },
      { "clip.vision.spatial_merge_size", "%s.vision.spatial_merge_size" }, 2, 1, 16, 0, 0 },
    { AT(vision.temporal), ESPY_KEY_INT, 0, { "vision_config.temporal_patch_size" },
      { "%s.vision.temporal_patch_size" }, 2, 2, 2, 0, 0 },
};

static const espy_key tower_sizes[] = {
    { AT(vision.dim), ESPY_KEY_INT, 0, { "vision_config.hidden_size" },
      { "clip.vision.embedding_length", "%s.vision.embedding_length" }, ESPY_KEY_KEPT, 1,
      ESPY_MOST_DIM, 0, 0 },
    { AT(vision.ffn_dim), ESPY_KEY_INT, 0, { "vision_config.intermediate_size" },
      { "clip.vision.feed_forward_length", "%s.vision.feed_forward_length" }, ESPY_KEY_KEPT, 1,
      ESPY_MOST_DIM, 0, 0 },
    { AT(vision.out_dim), ESPY_KEY_INT, 0, { "vision_config.out_hidden_size" },
      { "clip.vision.projection_dim", "%s.embedding_length" }, ESPY_KEY_KEPT, 1, ESPY_MOST_DIM,
      0, 0 },
};

static const espy_key decoder[] = {
    { AT(text.n_layers), ESPY_KEY_INT, 0, { TEXT("num_hidden_layers") },
      { "%s.block_count" }, ESPY_KEY_REQUIRED, 1, ESPY_MOST_LAYERS, 0, 0 },
    { AT(text.dim), ESPY_KEY_INT, 0, { TEXT("hidden_size") }, { "%s.embedding_length" },
      ESPY_KEY_REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { AT(text.n_heads), ESPY_KEY_INT, 0, { TEXT("num_attention_heads") },
      { "%s.attention.head_count" }, ESPY_KEY_REQUIRED, 1, ESPY_MOST_HEADS, 0, 0 },
    { AT(text.n_kv_heads), ESPY_KEY_INT, 0, { TEXT("num_key_value_heads") },
      { "%s.attention.head_count_kv" }, ESPY_KEY_REQUIRED, 1, ESPY_MOST_HEADS, 0, 0 },
    { AT(text.head_dim), ESPY_KEY_INT, 0, { TEXT("head_dim") },
      { "%s.attention.key_length" }, ESPY_KEY_KEPT, 2, ESPY_MAX_HEAD_DIM, 0, 0 },
    { AT(text.ffn_dim), ESPY_KEY_INT, 0, { TEXT("intermediate_size") },
      { "%s.feed_forward_length" }, ESPY_KEY_REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { AT(text.n_vocab), ESPY_KEY_INT, 0, { TEXT("vocab_size") },
      { "%s.vocab_size" }, 0, 0, ESPY_MOST_VOCAB, 0, 0 },
    { AT(text.eps), ESPY_KEY_F64, 0, { TEXT("rms_norm_eps") },
      { "%s.attention.layer_norm_rms_epsilon" }, ESPY_KEY_KEPT, 0, 1, 0, 0 },
    { AT(text.rope_theta), ESPY_KEY_F64, 0,
      { TEXT("rope_theta"), TEXT("rope_parameters.rope_theta"), TEXT("rope_scaling.rope_theta") },
      { "%s.rope.freq_base" }, ESPY_KEY_KEPT, 1, 1e15, 0, 0 },
    { AT(text.sections), ESPY_KEY_INT, 0,
      { TEXT("rope_scaling.mrope_section"), TEXT("rope_parameters.mrope_section") },
      { "%s.rope.dimension_sections", "%s.rope.mrope_section" }, 0, 0, 4096, 4,
      AT(text.n_sections) },
    { AT(text.tied), ESPY_KEY_INT, 0,
      { "tie_word_embeddings", "text_config.tie_word_embeddings" }, { NULL }, 0, 0, 1, 0, 0 },
    { AT(text.context_length), ESPY_KEY_INT64, 0, { TEXT("max_position_embeddings") },
      { "%s.context_length" }, 0, 0, INT32_MAX / 2, 0, 0 },
};

static const espy_key tokens[] = {
    { AT(image_token), ESPY_KEY_INT, 0, { "image_token_id" }, { NULL }, -1, -1, ESPY_MOST_VOCAB,
      0, 0 },
    { AT(video_token), ESPY_KEY_INT, 0, { "video_token_id" }, { NULL }, -1, -1, ESPY_MOST_VOCAB,
      0, 0 },
    { AT(vision_start), ESPY_KEY_INT, 0, { "vision_start_token_id" }, { NULL }, -1, -1,
      ESPY_MOST_VOCAB, 0, 0 },
    { AT(vision_end), ESPY_KEY_INT, 0, { "vision_end_token_id" }, { NULL }, -1, -1,
      ESPY_MOST_VOCAB, 0, 0 },
    { AT(eos), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "eos_token_id" },
      { "tokenizer.ggml.eos_token_ids", "tokenizer.ggml.eos_token_id" }, 0, -1, ESPY_MOST_VOCAB,
      ESPY_MAX_EOS, AT(n_eos) },
    { AT(pad), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "pad_token_id" },
      { "tokenizer.ggml.padding_token_id" }, -1, -1, ESPY_MOST_VOCAB, 0, 0 },
    { AT(bos), ESPY_KEY_INT, 0, { TEXT("bos_token_id") },
      { "tokenizer.ggml.bos_token_id" }, -1, -1, ESPY_MOST_VOCAB, 0, 0 },
};

static const espy_key pictures[] = {
    { AT(image.mean), ESPY_KEY_F64, ESPY_KEY_PREPROCESSOR, { "image_mean" },
      { "clip.vision.image_mean", "%s.vision.image_mean" }, 0, -1e3, 1e3, 3, 0 },
    { AT(image.std), ESPY_KEY_F64, ESPY_KEY_PREPROCESSOR, { "image_std" },
      { "clip.vision.image_std", "%s.vision.image_std" }, 0, 1e-6, 1e3, 3, 0 },
    { AT(image.min_pixels), ESPY_KEY_INT64, ESPY_KEY_PREPROCESSOR,
      { "min_pixels", "size.min_pixels", "size.shortest_edge" },
      { "clip.vision.image_min_pixels", "%s.vision.shortest_edge" }, ESPY_KEY_KEPT, 1, 1LL << 40,
      0, 0 },
    { AT(image.max_pixels), ESPY_KEY_INT64, ESPY_KEY_PREPROCESSOR,
      { "max_pixels", "size.max_pixels", "size.longest_edge" },
      { "clip.vision.image_max_pixels", "%s.vision.longest_edge" }, ESPY_KEY_KEPT, 1, 1LL << 40,
      0, 0 },
    { AT(video.min_pixels), ESPY_KEY_INT64, ESPY_KEY_VIDEO,
      { "min_pixels", "size.min_pixels", "size.shortest_edge" }, { "clip.vision.video_min_pixels" },
      ESPY_KEY_KEPT, 1, 1LL << 40, 0, 0 },
    { AT(video.max_pixels), ESPY_KEY_INT64, ESPY_KEY_VIDEO,
      { "max_pixels", "size.max_pixels", "size.longest_edge" }, { "clip.vision.video_max_pixels" },
      ESPY_KEY_KEPT, 1, 1LL << 40, 0, 0 },
};

static const espy_key sampling[] = {
    { AT(sampling.temperature), ESPY_KEY_F64, ESPY_KEY_GENERATION, { "temperature" },
      { "general.sampling.temp" }, 0, 0, 1e3, 0, 0 },
    { AT(sampling.top_k), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "top_k" },
      { "general.sampling.top_k" }, 0, 0, 1e9, 0, 0 },
    { AT(sampling.top_p), ESPY_KEY_F64, ESPY_KEY_GENERATION, { "top_p" },
      { "general.sampling.top_p" }, 1, 0, 1, 0, 0 },
    { AT(sampling.min_p), ESPY_KEY_F64, ESPY_KEY_GENERATION, { "min_p" },
      { "general.sampling.min_p" }, 0, 0, 1, 0, 0 },
    { AT(sampling.repetition_penalty), ESPY_KEY_F64, ESPY_KEY_GENERATION,
      { "repetition_penalty" }, { "general.sampling.penalty_repeat" }, 1, 1e-3, 1e3, 0, 0 },
};
/* clang-format on */

const espy_key_table espy_keys_tower = ESPY_TABLE(tower);
const espy_key_table espy_keys_tower_sizes = ESPY_TABLE(tower_sizes);
const espy_key_table espy_keys_decoder = ESPY_TABLE(decoder);
const espy_key_table espy_keys_tokens = ESPY_TABLE(tokens);
const espy_key_table espy_keys_pictures = ESPY_TABLE(pictures);
const espy_key_table espy_keys_sampling = ESPY_TABLE(sampling);

void espy_settle_sampling(espy_config *c, const espy_numbers *n) {
    if (n->language) return;
    if (!cJSON_IsTrue(espy_json_at(n->generation, "do_sample"))) {
        c->sampling.temperature = 0;
        return;
    }
    if (!espy_json_at(n->generation, "temperature")) c->sampling.temperature = 1;
    if (!espy_json_at(n->generation, "top_k")) c->sampling.top_k = 50;
}

static int is_true(const espy_numbers *n, const char *name, const char *nested) {
    const cJSON *item = espy_json_at(n->config, nested);
    return cJSON_IsTrue(item ? item : espy_json_at(n->config, name));
}

static const char *text_at(const cJSON *config, const char *const *paths) {
    for (; *paths; paths++) {
        const cJSON *item = espy_json_at(config, *paths);
        if (cJSON_IsString(item)) return item->valuestring;
    }
    return NULL;
}

espy_status espy_check_rope(const espy_numbers *n, espy_error *err) {
    static const char *const paths[] = { TEXT("rope_scaling.rope_type"), TEXT("rope_scaling.type"),
                                         TEXT("rope_parameters.rope_type"),
                                         TEXT("rope_parameters.type"), NULL };
    const char *type = text_at(n->config, paths);
    if (!type || !strcmp(type, "default") || !strcmp(type, "mrope")) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                     "config.json: rope_scaling is '%.40s'; espy runs models as they were trained, "
                     "'default' or 'mrope'",
                     type);
}

espy_status espy_settle_qwen2(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_settle_sampling(c, n);
    if (!c->text.head_dim) c->text.head_dim = c->text.dim / c->text.n_heads;
    if (is_true(n, "use_sliding_window", "text_config.use_sliding_window"))
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "config.json: use_sliding_window is true; espy runs models whose text "
                         "attends to all of it");
    return espy_check_rope(n, err);
}
