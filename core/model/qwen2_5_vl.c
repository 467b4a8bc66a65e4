/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen2.5-VL (arXiv:2502.13923).
 *
 *     patches -> linear -> in the order of windows (windows.c): RMSNorm blocks with
 *                2D rope and SwiGLU MLP; most attend within windows of 112 pixels, some
 *                to the whole picture -> merger, in the picture's order again
 *     tokens  -> Qwen2 decoder: RMSNorm, q/k/v biases, M-RoPE in blocks, GQA, SwiGLU
 *
 * Boxes are in pixels of the fitted picture. Time positions of clips are seconds times
 * tokens_per_second, which a GGUF does not tell: 2 in all releases. */
#include "model/shared.h"

/* clang-format off */
static const espy_key keys[] = {
    { ESPY_AT(vision.window_px), ESPY_KEY_INT, 0, { "vision_config.window_size" },
      { "clip.vision.window_size", "%s.vision.window_size" }, ESPY_KEY_KEPT, 1, ESPY_MOST_DIM, 0,
      0 },
    { ESPY_AT(vision.full), ESPY_KEY_INT, 0, { "vision_config.fullatt_block_indexes" },
      { NULL, "%s.vision.fullatt_block_indexes" }, 0, 0, ESPY_MOST_LAYERS, ESPY_MAX_FULL,
      ESPY_AT(vision.n_full) },
    { ESPY_AT(vision.tokens_per_second), ESPY_KEY_F64, 0, { "vision_config.tokens_per_second" },
      { "clip.vision.tokens_per_second" }, ESPY_KEY_KEPT, 0, 1e6, 0, 0 },
};

#define VISION ESPY_AT_VISION
#define VB "model.visual.blocks.%d."

static const espy_weight_name weights[] = {
    { VISION(gate.w), VB "mlp.gate_proj.weight", { "v.blk.%d.ffn_gate.weight" },
      { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(gate.b), VB "mlp.gate_proj.bias", { "v.blk.%d.ffn_gate.bias" },
      { ESPY_DIM_VISION_FFN }, 0, 0, 0 },
    { VISION(fc1.w), VB "mlp.up_proj.weight",
      { "v.blk.%d.ffn_up.weight", NULL, "v.blk.%d.ffn_down.weight" },
      { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(fc1.b), VB "mlp.up_proj.bias",
      { "v.blk.%d.ffn_up.bias", NULL, "v.blk.%d.ffn_down.bias" }, { ESPY_DIM_VISION_FFN }, 0, 0,
      0 },
    { VISION(fc2.w), VB "mlp.down_proj.weight",
      { "v.blk.%d.ffn_down.weight", NULL, "v.blk.%d.ffn_up.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION_FFN }, 0, 0, 0 },
    { VISION(fc2.b), VB "mlp.down_proj.bias",
      { "v.blk.%d.ffn_down.bias", NULL, "v.blk.%d.ffn_up.bias" }, { ESPY_DIM_VISION }, 0, 0, 0 },
};
/* clang-format on */

static const espy_key_table own_keys = ESPY_TABLE(keys);
static const espy_weight_table own_weights = ESPY_TABLE(weights);

static const espy_config defaults = {
    .vision = { .n_layers = 32,
                .n_heads = 16,
                .patch = 14,
                .out_dim = 3584,
                .window_px = 112,
                .n_full = 4,
                .full = { 7, 15, 23, 31 },
                .tokens_per_second = 4,
                .eps = 1e-6F },
    .text = { .eps = 1e-5, .rope_theta = 1e6, .n_sections = 3, .sections = { 16, 24, 24 } },
    .image = { ESPY_CLIP_COLOURS, .min_pixels = 3136, .max_pixels = 12845056 },
    .video = { .min_pixels = 3136, .max_pixels = 12845056 },
};

/* In an mmproj every n-th layer sees the whole picture. */
static espy_status settle_gguf(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_vision_config *v = &c->vision;
    const espy_meta *every = espy_container_meta(n->vision, "clip.vision.n_wa_pattern");
    v->ffn_dim = 0;
    if (!espy_container_meta(n->vision, "clip.vision.tokens_per_second")) v->tokens_per_second = 2;
    if (!every) return ESPY_OK;
    if (every->type != ESPY_META_INT || every->i < 0 || every->i > ESPY_MOST_LAYERS)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: clip.vision.n_wa_pattern is %lld; a number of layers is expected",
                         espy_container_path(n->vision), (long long)every->i);
    if (every->i == 0) v->window_px = 0;
    if (every->i && v->n_layers / every->i > ESPY_MAX_FULL)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: more than %d layers see whole pictures",
                         espy_container_path(n->vision), ESPY_MAX_FULL);
    v->n_full = 0;
    for (int i = (int)every->i; i && i <= v->n_layers; i += (int)every->i)
        v->full[v->n_full++] = i - 1;
    return ESPY_OK;
}

static espy_status settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_status status = n->language ? settle_gguf(c, n, err) : ESPY_OK;
    return status ? status : espy_settle_qwen2(c, n, err);
}

const espy_family espy_family_qwen2_5_vl = {
    .name = "qwen2_5_vl",
    .model_types = { "qwen2_5_vl" },
    .gguf_architectures = { "qwen2vl", "qwen25vl" },
    .gguf_name = "qwen25vl",
    .projector_types = { "qwen2.5vl_merger", "qwen2.5o" },
    .paper = "arXiv:2502.13923",
    .vision = { .norm = ESPY_NORM_RMS, .mlp = ESPY_SILU, .merger_mlp = ESPY_GELU_ERF },
    .text = { .rope = ESPY_MROPE_BLOCKED },
    .video = ESPY_QWEN2_FILMS,
    .box_scale = 0,
    .wording = ESPY_WORDING_QWEN2_5_VL,
    .chat = &espy_chat_qwen2_vl,
    .defaults = &defaults,
    .keys = { &espy_keys_tower, &espy_keys_tower_sizes, &espy_keys_decoder, &espy_keys_tokens,
              &espy_keys_pictures, &espy_keys_sampling, &own_keys },
    .weights = { &espy_weights_tower, &espy_weights_tower_qkv_apart, &espy_weights_merger_qwen2,
                 &own_weights, &espy_weights_decoder, &espy_weights_qkv_biases, &espy_weights_mlp },
    .settle = settle,
};
