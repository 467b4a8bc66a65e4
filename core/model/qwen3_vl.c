/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen3-VL, dense (arXiv:2511.21631).
 *
 *     patches -> linear + learned positions (bilinear, aligned corners)
 *             -> LayerNorm blocks with 2D rope, GELU(tanh) MLP
 *             -> merger; after some layers also a DeepStack tap
 *     tokens  -> Qwen3 decoder: RMSNorm, q/k norm, interleaved M-RoPE, GQA,
 *                SwiGLU; tap k is added to the output of layer k */
#include "file/json.h"
#include "model/shared.h"

/* clang-format off */
static const espy_key keys[] = {
    { ESPY_AT(vision.n_positions), ESPY_KEY_INT, 0, { "vision_config.num_position_embeddings" },
      { "%s.vision.num_positional_embeddings" }, ESPY_KEY_KEPT, 1, ESPY_MOST_VOCAB, 0, 0 },
    { ESPY_AT(vision.taps), ESPY_KEY_INT, 0, { "vision_config.deepstack_visual_indexes" },
      { "%s.vision.deepstack_visual_indexes" }, 0, 0, ESPY_MOST_LAYERS, ESPY_MAX_TAPS,
      ESPY_AT(vision.n_taps) },
    { ESPY_AT(text.n_taps), ESPY_KEY_INT, 0, { NULL }, { "%s.n_deepstack_layers" }, 0, 0,
      ESPY_MAX_TAPS, 0, 0 },
};

#define MODEL ESPY_AT_MODEL
#define VISION ESPY_AT_VISION
#define TAP ESPY_AT_TAP
#define V "model.visual."
#define VB V "blocks.%d."
#define VT V "deepstack_merger_list.%d."

static const espy_weight_name weights[] = {
    { MODEL(patch.b), V "patch_embed.proj.bias", { "v.patch_embd.bias", "v.patch_embed.bias" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
    { MODEL(positions), V "pos_embed.weight", { "v.position_embd.weight", "v.pos_embed.weight" },
      { ESPY_DIM_POSITIONS, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(fc1.w), VB "mlp.linear_fc1.weight",
      { "v.blk.%d.ffn_up.weight", "v.blk.%d.mlp.linear_fc1.weight" },
      { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(fc1.b), VB "mlp.linear_fc1.bias",
      { "v.blk.%d.ffn_up.bias", "v.blk.%d.mlp.linear_fc1.bias" }, { ESPY_DIM_VISION_FFN }, 0, 0, 0 },
    { VISION(fc2.w), VB "mlp.linear_fc2.weight",
      { "v.blk.%d.ffn_down.weight", "v.blk.%d.mlp.linear_fc2.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION_FFN }, 0, 0, 0 },
    { VISION(fc2.b), VB "mlp.linear_fc2.bias",
      { "v.blk.%d.ffn_down.bias", "v.blk.%d.mlp.linear_fc2.bias" }, { ESPY_DIM_VISION }, 0, 0, 0 },
    { MODEL(merger.norm.w), V "merger.norm.weight",
      { "v.post_ln.weight", "v.merger.norm.weight" }, { ESPY_DIM_VISION }, 0, 0, 0 },
    { MODEL(merger.norm.b), V "merger.norm.bias", { "v.post_ln.bias", "v.merger.norm.bias" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
    { MODEL(merger.fc1.w), V "merger.linear_fc1.weight",
      { "mm.0.weight", "v.merger.linear_fc1.weight" }, { ESPY_DIM_MERGED, ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc1.b), V "merger.linear_fc1.bias",
      { "mm.0.bias", "v.merger.linear_fc1.bias" }, { ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc2.w), V "merger.linear_fc2.weight",
      { "mm.2.weight", "v.merger.linear_fc2.weight" }, { ESPY_DIM_TEXT, ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc2.b), V "merger.linear_fc2.bias",
      { "mm.2.bias", "v.merger.linear_fc2.bias" }, { ESPY_DIM_TEXT }, 0, 0, 0 },
    { TAP(norm.w), VT "norm.weight",
      { "v.deepstack.%d.norm.weight", "v.deepstack_merger.%d.norm.weight" }, { ESPY_DIM_MERGED }, 0, 0, 0 },
    { TAP(norm.b), VT "norm.bias",
      { "v.deepstack.%d.norm.bias", "v.deepstack_merger.%d.norm.bias" }, { ESPY_DIM_MERGED }, 0, 0, 0 },
    { TAP(fc1.w), VT "linear_fc1.weight",
      { "v.deepstack.%d.fc1.weight", "v.deepstack_merger.%d.linear_fc1.weight" },
      { ESPY_DIM_MERGED, ESPY_DIM_MERGED }, 0, 0, 0 },
    { TAP(fc1.b), VT "linear_fc1.bias",
      { "v.deepstack.%d.fc1.bias", "v.deepstack_merger.%d.linear_fc1.bias" },
      { ESPY_DIM_MERGED }, 0, 0, 0 },
    { TAP(fc2.w), VT "linear_fc2.weight",
      { "v.deepstack.%d.fc2.weight", "v.deepstack_merger.%d.linear_fc2.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_MERGED }, 0, 0, 0 },
    { TAP(fc2.b), VT "linear_fc2.bias",
      { "v.deepstack.%d.fc2.bias", "v.deepstack_merger.%d.linear_fc2.bias" }, { ESPY_DIM_TEXT }, 0, 0, 0 },
};
/* clang-format on */

const espy_config espy_qwen3_vl_defaults = {
    .vision = { .n_layers = 27,
                .n_heads = 16,
                .dim = 1152,
                .ffn_dim = 4304,
                .patch = 16,
                .out_dim = 3584,
                .n_taps = 3,
                .taps = { 8, 16, 24 },
                .eps = 1e-6F }, /* of every vision norm, whatever the config says */
    .text = { .head_dim = 128,
              .eps = 1e-6,
              .rope_theta = 5e6,
              .n_sections = 3,
              .sections = { 24, 20, 20 } },
    .image = { .mean = { 0.5, 0.5, 0.5 },
               .std = { 0.5, 0.5, 0.5 },
               .min_pixels = 65536,
               .max_pixels = 16777216 },
    .video = { .min_pixels = 4096, .max_pixels = 25165824 },
};

const espy_key_table espy_qwen3_vl_keys = ESPY_TABLE(keys);
const espy_weight_table espy_qwen3_vl_weights = ESPY_TABLE(weights);

/* GGUF: taps are a flag per block; the MLP's width is the tensors'. */
static espy_status settle_gguf(espy_config *c, const espy_numbers *n, espy_error *err) {
    const espy_container *v = n->vision;
    const espy_meta *flags = espy_container_meta(v, "clip.vision.is_deepstack_layers");
    if (flags && flags->type == ESPY_META_ARRAY) {
        c->vision.n_taps = 0;
        for (uint64_t i = 0; i < flags->n; i++) {
            if (!espy_meta_at(flags, i).i) continue;
            if (c->vision.n_taps == ESPY_MAX_TAPS)
                return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: more than %d DeepStack layers",
                                 espy_container_path(v), ESPY_MAX_TAPS);
            c->vision.taps[c->vision.n_taps++] = (int)i;
        }
    }
    c->vision.ffn_dim = 0;
    return ESPY_OK;
}

espy_status espy_qwen3_vl_settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_status status = n->language ? settle_gguf(c, n, err) : ESPY_OK;
    espy_settle_sampling(c, n);
    c->text.n_taps = c->vision.n_taps;
    return status ? status : espy_check_rope(n, err);
}

const espy_family espy_family_qwen3_vl = {
    .name = "qwen3_vl",
    .model_types = { "qwen3_vl" },
    .gguf_architectures = { "qwen3vl" },
    .projector_types = { "qwen3vl_merger" },
    .paper = "arXiv:2511.21631",
    .vision = { .norm = ESPY_NORM_LAYER, .mlp = ESPY_GELU_TANH, .merger_mlp = ESPY_GELU_ERF },
    .text = { .rope = ESPY_MROPE_INTERLEAVED },
    .video = { .sampling = 3, .whole = 1 },
    .box_scale = 1000,
    .wording = ESPY_WORDING_QWEN3_VL,
    .chat = &espy_chat_qwen3_vl,
    .thinking_chat = &espy_chat_qwen3_vl_thinking,
    .defaults = &espy_qwen3_vl_defaults,
    .keys = { &espy_keys_tower, &espy_keys_tower_sizes, &espy_keys_decoder, &espy_keys_tokens,
              &espy_keys_pictures, &espy_keys_sampling, &espy_qwen3_vl_keys },
    .weights = { &espy_weights_tower, &espy_weights_tower_norm_biases,
                 &espy_weights_tower_qkv_joined, &espy_qwen3_vl_weights, &espy_weights_decoder,
                 &espy_weights_qk_norms, &espy_weights_mlp },
    .settle = espy_qwen3_vl_settle,
};
