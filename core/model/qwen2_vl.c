/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen2-VL (arXiv:2409.12191).
 *
 *     patches -> linear -> LayerNorm blocks with 2D rope, quick-GELU MLP -> merger
 *     tokens  -> Qwen2 decoder: RMSNorm, q/k/v biases, M-RoPE in blocks, GQA, SwiGLU
 *
 * Its vision_config names the tower's width embed_dim; hidden_size is that of the text.
 * llama.cpp's converter therefore writes the text's width as feed_forward_length, and
 * old files have exchanged the names of the MLP's two matrices: tensors decide. */
#include "file/json.h"
#include "model/shared.h"

/* clang-format off */
static const espy_key keys[] = {
    { ESPY_AT(vision.dim), ESPY_KEY_INT, 0, { "vision_config.embed_dim" },
      { "clip.vision.embedding_length" }, ESPY_KEY_KEPT, 1, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(vision.ffn_dim), ESPY_KEY_INT, 0, { NULL }, { "clip.vision.feed_forward_length" },
      ESPY_KEY_KEPT, 1, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(vision.out_dim), ESPY_KEY_INT, 0, { "vision_config.hidden_size" },
      { "clip.vision.projection_dim", "%s.embedding_length" }, ESPY_KEY_KEPT, 1, ESPY_MOST_DIM,
      0, 0 },
};

#define VISION ESPY_AT_VISION
#define VB "model.visual.blocks.%d."

static const espy_weight_name weights[] = {
    { VISION(fc1.w), VB "mlp.fc1.weight",
      { "v.blk.%d.ffn_up.weight", NULL, "v.blk.%d.ffn_down.weight" },
      { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(fc1.b), VB "mlp.fc1.bias",
      { "v.blk.%d.ffn_up.bias", NULL, "v.blk.%d.ffn_down.bias" }, { ESPY_DIM_VISION_FFN }, 0, 0,
      0 },
    { VISION(fc2.w), VB "mlp.fc2.weight",
      { "v.blk.%d.ffn_down.weight", NULL, "v.blk.%d.ffn_up.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION_FFN }, 0, 0, 0 },
    { VISION(fc2.b), VB "mlp.fc2.bias",
      { "v.blk.%d.ffn_down.bias", NULL, "v.blk.%d.ffn_up.bias" }, { ESPY_DIM_VISION }, 0, 0, 0 },
    { ESPY_AT_MODEL(merger.norm.b), "model.visual.merger.ln_q.bias", { "v.post_ln.bias" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
};
/* clang-format on */

static const espy_key_table own_keys = ESPY_TABLE(keys);
static const espy_weight_table own_weights = ESPY_TABLE(weights);

static const espy_config defaults = {
    .vision = { .n_layers = 32, .n_heads = 16, .patch = 14, .out_dim = 3584, .eps = 1e-6F },
    .text = { .eps = 1e-5, .rope_theta = 1e6, .n_sections = 3, .sections = { 16, 24, 24 } },
    .image = { ESPY_CLIP_COLOURS, .min_pixels = 3136, .max_pixels = 12845056 },
    .video = { .min_pixels = 3136, .max_pixels = 12845056 },
};

static espy_status settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    c->vision.ffn_dim = 0;
    return espy_settle_qwen2(c, n, err);
}

const espy_family espy_family_qwen2_vl = {
    .name = "qwen2_vl",
    .model_types = { "qwen2_vl" },
    .gguf_architectures = { "qwen2vl" },
    .gguf_name = "qwen2vl",
    .projector_types = { "qwen2vl_merger" },
    .paper = "arXiv:2409.12191",
    .vision = { .norm = ESPY_NORM_LAYER, .mlp = ESPY_GELU_QUICK, .merger_mlp = ESPY_GELU_ERF },
    .text = { .rope = ESPY_MROPE_BLOCKED },
    .video = ESPY_QWEN2_FILMS,
    .box_scale = 1000,
    .wording = ESPY_WORDING_QWEN2_VL,
    .chat = &espy_chat_qwen2_vl,
    .defaults = &defaults,
    .keys = { &espy_keys_tower, &espy_keys_decoder, &espy_keys_tokens, &espy_keys_pictures,
              &espy_keys_sampling, &own_keys },
    .weights = { &espy_weights_tower, &espy_weights_tower_norm_biases,
                 &espy_weights_tower_qkv_apart, &espy_weights_merger_qwen2, &own_weights,
                 &espy_weights_decoder, &espy_weights_qkv_biases, &espy_weights_mlp },
    .settle = settle,
};
