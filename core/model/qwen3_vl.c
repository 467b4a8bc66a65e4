/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen3-VL, dense (arXiv:2511.21631).
 *
 *     patches -> linear + learned positions (bilinear, aligned corners)
 *             -> LayerNorm blocks with 2D rope, GELU(tanh) MLP
 *             -> merger; after some layers also a DeepStack tap
 *     tokens  -> Qwen3 decoder: RMSNorm, q/k norm, interleaved M-RoPE, GQA,
 *                SwiGLU; tap k is added to the output of layer k */
#include <math.h>
#include <string.h>

#include "file/json.h"
#include "model/family.h"

#define AT(field) offsetof(espy_config, field)
#define REQUIRED NAN

/* Upper limits keep products of two numbers far from overflow. */
enum { MAX_LAYERS = 1024, MAX_DIM = 1 << 17, MAX_HEADS = 4096, MAX_VOCAB = 1 << 24 };

/* clang-format off */
static const espy_key keys[] = {
    { AT(vision.n_layers), ESPY_KEY_INT, 0, { "vision_config.depth" },
      { "clip.vision.block_count", "%s.vision.block_count" }, 27, 1, MAX_LAYERS, 0, 0 },
    { AT(vision.dim), ESPY_KEY_INT, 0, { "vision_config.hidden_size" },
      { "clip.vision.embedding_length", "%s.vision.embedding_length" }, 1152, 1, MAX_DIM, 0, 0 },
    { AT(vision.n_heads), ESPY_KEY_INT, 0, { "vision_config.num_heads" },
      { "clip.vision.attention.head_count", "%s.vision.attention.head_count" }, 16, 1, MAX_HEADS,
      0, 0 },
    { AT(vision.ffn_dim), ESPY_KEY_INT, 0, { "vision_config.intermediate_size" },
      { "clip.vision.feed_forward_length", "%s.vision.feed_forward_length" }, 4304, 1, MAX_DIM,
      0, 0 },
    { AT(vision.patch), ESPY_KEY_INT, 0, { "vision_config.patch_size" },
      { "clip.vision.patch_size", "%s.vision.patch_size" }, 16, 1, 256, 0, 0 },
    { AT(vision.merge), ESPY_KEY_INT, 0, { "vision_config.spatial_merge_size" },
      { "clip.vision.spatial_merge_size", "%s.vision.spatial_merge_size" }, 2, 1, 16, 0, 0 },
    { AT(vision.temporal), ESPY_KEY_INT, 0, { "vision_config.temporal_patch_size" },
      { "%s.vision.temporal_patch_size" }, 2, 2, 2, 0, 0 },
    { AT(vision.out_dim), ESPY_KEY_INT, 0, { "vision_config.out_hidden_size" },
      { "clip.vision.projection_dim", "%s.embedding_length" }, 3584, 1, MAX_DIM, 0, 0 },
    { AT(vision.n_positions), ESPY_KEY_INT, 0, { "vision_config.num_position_embeddings" },
      { "%s.vision.num_positional_embeddings" }, 2304, 1, MAX_VOCAB, 0, 0 },
    { AT(vision.taps), ESPY_KEY_INT, 0, { "vision_config.deepstack_visual_indexes" },
      { "%s.vision.deepstack_visual_indexes" }, 0, 0, MAX_LAYERS, ESPY_MAX_TAPS,
      AT(vision.n_taps) },
    { AT(text.n_layers), ESPY_KEY_INT, 0, { "text_config.num_hidden_layers" },
      { "%s.block_count" }, REQUIRED, 1, MAX_LAYERS, 0, 0 },
    { AT(text.dim), ESPY_KEY_INT, 0, { "text_config.hidden_size" }, { "%s.embedding_length" },
      REQUIRED, 1, MAX_DIM, 0, 0 },
    { AT(text.n_heads), ESPY_KEY_INT, 0, { "text_config.num_attention_heads" },
      { "%s.attention.head_count" }, REQUIRED, 1, MAX_HEADS, 0, 0 },
    { AT(text.n_kv_heads), ESPY_KEY_INT, 0, { "text_config.num_key_value_heads" },
      { "%s.attention.head_count_kv" }, REQUIRED, 1, MAX_HEADS, 0, 0 },
    { AT(text.head_dim), ESPY_KEY_INT, 0, { "text_config.head_dim" },
      { "%s.attention.key_length" }, 128, 2, ESPY_MAX_HEAD_DIM, 0, 0 },
    { AT(text.ffn_dim), ESPY_KEY_INT, 0, { "text_config.intermediate_size" },
      { "%s.feed_forward_length" }, REQUIRED, 1, MAX_DIM, 0, 0 },
    { AT(text.n_vocab), ESPY_KEY_INT, 0, { "text_config.vocab_size", "vocab_size" },
      { "%s.vocab_size" }, 0, 0, MAX_VOCAB, 0, 0 },
    { AT(text.eps), ESPY_KEY_F64, 0, { "text_config.rms_norm_eps" },
      { "%s.attention.layer_norm_rms_epsilon" }, 1e-6, 0, 1, 0, 0 },
    { AT(text.rope_theta), ESPY_KEY_F64, 0,
      { "text_config.rope_theta", "text_config.rope_parameters.rope_theta", "text_config.rope_scaling.rope_theta" },
      { "%s.rope.freq_base" }, 5e6, 1, 1e15, 0, 0 },
    { AT(text.sections), ESPY_KEY_INT, 0,
      { "text_config.rope_scaling.mrope_section", "text_config.rope_parameters.mrope_section" },
      { "%s.rope.dimension_sections", "%s.rope.mrope_section" }, 0, 0, 4096, 4,
      AT(text.n_sections) },
    { AT(text.tied), ESPY_KEY_INT, 0,
      { "tie_word_embeddings", "text_config.tie_word_embeddings" }, { NULL }, 0, 0, 1, 0, 0 },
    { AT(text.n_taps), ESPY_KEY_INT, 0, { NULL }, { "%s.n_deepstack_layers" }, 0, 0,
      ESPY_MAX_TAPS, 0, 0 },
    { AT(text.context_length), ESPY_KEY_INT64, 0, { "text_config.max_position_embeddings" },
      { "%s.context_length" }, 0, 0, INT32_MAX / 2, 0, 0 },
    { AT(image_token), ESPY_KEY_INT, 0, { "image_token_id" }, { NULL }, -1, -1, MAX_VOCAB, 0, 0 },
    { AT(video_token), ESPY_KEY_INT, 0, { "video_token_id" }, { NULL }, -1, -1, MAX_VOCAB, 0, 0 },
    { AT(vision_start), ESPY_KEY_INT, 0, { "vision_start_token_id" }, { NULL }, -1, -1, MAX_VOCAB,
      0, 0 },
    { AT(vision_end), ESPY_KEY_INT, 0, { "vision_end_token_id" }, { NULL }, -1, -1, MAX_VOCAB, 0,
      0 },
    { AT(image.mean), ESPY_KEY_F64, ESPY_KEY_PREPROCESSOR, { "image_mean" },
      { "clip.vision.image_mean", "%s.vision.image_mean" }, 0, -1e3, 1e3, 3, 0 },
    { AT(image.std), ESPY_KEY_F64, ESPY_KEY_PREPROCESSOR, { "image_std" },
      { "clip.vision.image_std", "%s.vision.image_std" }, 0, 1e-6, 1e3, 3, 0 },
    { AT(image.min_pixels), ESPY_KEY_INT64, ESPY_KEY_PREPROCESSOR,
      { "min_pixels", "size.min_pixels", "size.shortest_edge" },
      { "clip.vision.image_min_pixels", "%s.vision.shortest_edge" }, 65536, 1, 1LL << 40, 0, 0 },
    { AT(image.max_pixels), ESPY_KEY_INT64, ESPY_KEY_PREPROCESSOR,
      { "max_pixels", "size.max_pixels", "size.longest_edge" },
      { "clip.vision.image_max_pixels", "%s.vision.longest_edge" }, 16777216, 1, 1LL << 40, 0,
      0 },
    { AT(video.min_pixels), ESPY_KEY_INT64, ESPY_KEY_VIDEO,
      { "min_pixels", "size.min_pixels", "size.shortest_edge" }, { "clip.vision.video_min_pixels" },
      4096, 1, 1LL << 40, 0, 0 },
    { AT(video.max_pixels), ESPY_KEY_INT64, ESPY_KEY_VIDEO,
      { "max_pixels", "size.max_pixels", "size.longest_edge" }, { "clip.vision.video_max_pixels" },
      25165824, 1, 1LL << 40, 0, 0 },
    { AT(eos), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "eos_token_id" },
      { "tokenizer.ggml.eos_token_ids", "tokenizer.ggml.eos_token_id" }, 0, -1, MAX_VOCAB,
      ESPY_MAX_EOS, AT(n_eos) },
    { AT(pad), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "pad_token_id" },
      { "tokenizer.ggml.padding_token_id" }, -1, -1, MAX_VOCAB, 0, 0 },
    { AT(bos), ESPY_KEY_INT, 0, { "text_config.bos_token_id", "bos_token_id" },
      { "tokenizer.ggml.bos_token_id" }, -1, -1, MAX_VOCAB, 0, 0 },
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

#define MODEL(field) ESPY_GROUP_MODEL, offsetof(espy_weights, field)
#define VISION(field) ESPY_GROUP_VISION_LAYER, offsetof(espy_vision_layer, field)
#define TAP(field) ESPY_GROUP_TAP, offsetof(espy_merger, field)
#define TEXT(field) ESPY_GROUP_TEXT_LAYER, offsetof(espy_text_layer, field)

#define FUSED(field) offsetof(espy_vision_layer, qkv.field)

#define V "model.visual."
#define VB V "blocks.%d."
#define VT V "deepstack_merger_list.%d."
#define L "model.language_model."
#define LB L "layers.%d."

/* clang-format off */
static const espy_weight_name weights[] = {
    { MODEL(patch.w), V "patch_embed.proj.weight", { NULL, "v.patch_embed.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_PATCH }, 1, 0 },
    { MODEL(patch.b), V "patch_embed.proj.bias", { "v.patch_embd.bias", "v.patch_embed.bias" },
      { ESPY_DIM_VISION }, 0, 0 },
    { MODEL(positions), V "pos_embed.weight", { "v.position_embd.weight", "v.pos_embed.weight" },
      { ESPY_DIM_POSITIONS, ESPY_DIM_VISION }, 0, 0 },
    { VISION(norm1.w), VB "norm1.weight", { "v.blk.%d.ln1.weight", "v.blk.%d.norm1.weight" },
      { ESPY_DIM_VISION }, 0, 0 },
    { VISION(norm1.b), VB "norm1.bias", { "v.blk.%d.ln1.bias", "v.blk.%d.norm1.bias" },
      { ESPY_DIM_VISION }, 0, 0 },
    { VISION(norm2.w), VB "norm2.weight", { "v.blk.%d.ln2.weight", "v.blk.%d.norm2.weight" },
      { ESPY_DIM_VISION }, 0, 0 },
    { VISION(norm2.b), VB "norm2.bias", { "v.blk.%d.ln2.bias", "v.blk.%d.norm2.bias" },
      { ESPY_DIM_VISION }, 0, 0 },
    { VISION(qkv.w), VB "attn.qkv.weight", { "v.blk.%d.attn_qkv.weight" },
      { ESPY_DIM_VISION_3, ESPY_DIM_VISION }, 1, 0 },
    { VISION(qkv.b), VB "attn.qkv.bias", { "v.blk.%d.attn_qkv.bias" }, { ESPY_DIM_VISION_3 }, 1,
      0 },
    { VISION(q.w), VB "attn.q.weight", { "v.blk.%d.attn_q.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, FUSED(w) },
    { VISION(q.b), VB "attn.q.bias", { "v.blk.%d.attn_q.bias" }, { ESPY_DIM_VISION }, 0, FUSED(b) },
    { VISION(k.w), VB "attn.k.weight", { "v.blk.%d.attn_k.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, FUSED(w) },
    { VISION(k.b), VB "attn.k.bias", { "v.blk.%d.attn_k.bias" }, { ESPY_DIM_VISION }, 0, FUSED(b) },
    { VISION(v.w), VB "attn.v.weight", { "v.blk.%d.attn_v.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, FUSED(w) },
    { VISION(v.b), VB "attn.v.bias", { "v.blk.%d.attn_v.bias" }, { ESPY_DIM_VISION }, 0, FUSED(b) },
    { VISION(out.w), VB "attn.proj.weight", { "v.blk.%d.attn_out.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, 0 },
    { VISION(out.b), VB "attn.proj.bias", { "v.blk.%d.attn_out.bias" }, { ESPY_DIM_VISION }, 0, 0 },
    { VISION(fc1.w), VB "mlp.linear_fc1.weight",
      { "v.blk.%d.ffn_up.weight", "v.blk.%d.mlp.linear_fc1.weight" },
      { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, 0, 0 },
    { VISION(fc1.b), VB "mlp.linear_fc1.bias",
      { "v.blk.%d.ffn_up.bias", "v.blk.%d.mlp.linear_fc1.bias" }, { ESPY_DIM_VISION_FFN }, 0, 0 },
    { VISION(fc2.w), VB "mlp.linear_fc2.weight",
      { "v.blk.%d.ffn_down.weight", "v.blk.%d.mlp.linear_fc2.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION_FFN }, 0, 0 },
    { VISION(fc2.b), VB "mlp.linear_fc2.bias",
      { "v.blk.%d.ffn_down.bias", "v.blk.%d.mlp.linear_fc2.bias" }, { ESPY_DIM_VISION }, 0, 0 },
    { MODEL(merger.norm.w), V "merger.norm.weight",
      { "v.post_ln.weight", "v.merger.norm.weight" }, { ESPY_DIM_VISION }, 0, 0 },
    { MODEL(merger.norm.b), V "merger.norm.bias", { "v.post_ln.bias", "v.merger.norm.bias" },
      { ESPY_DIM_VISION }, 0, 0 },
    { MODEL(merger.fc1.w), V "merger.linear_fc1.weight",
      { "mm.0.weight", "v.merger.linear_fc1.weight" }, { ESPY_DIM_MERGED, ESPY_DIM_MERGED }, 0,
      0 },
    { MODEL(merger.fc1.b), V "merger.linear_fc1.bias",
      { "mm.0.bias", "v.merger.linear_fc1.bias" }, { ESPY_DIM_MERGED }, 0, 0 },
    { MODEL(merger.fc2.w), V "merger.linear_fc2.weight",
      { "mm.2.weight", "v.merger.linear_fc2.weight" }, { ESPY_DIM_TEXT, ESPY_DIM_MERGED }, 0, 0 },
    { MODEL(merger.fc2.b), V "merger.linear_fc2.bias",
      { "mm.2.bias", "v.merger.linear_fc2.bias" }, { ESPY_DIM_TEXT }, 0, 0 },
    { TAP(norm.w), VT "norm.weight",
      { "v.deepstack.%d.norm.weight", "v.deepstack_merger.%d.norm.weight" }, { ESPY_DIM_MERGED },
      0, 0 },
    { TAP(norm.b), VT "norm.bias",
      { "v.deepstack.%d.norm.bias", "v.deepstack_merger.%d.norm.bias" }, { ESPY_DIM_MERGED }, 0,
      0 },
    { TAP(fc1.w), VT "linear_fc1.weight",
      { "v.deepstack.%d.fc1.weight", "v.deepstack_merger.%d.linear_fc1.weight" },
      { ESPY_DIM_MERGED, ESPY_DIM_MERGED }, 0, 0 },
    { TAP(fc1.b), VT "linear_fc1.bias",
      { "v.deepstack.%d.fc1.bias", "v.deepstack_merger.%d.linear_fc1.bias" },
      { ESPY_DIM_MERGED }, 0, 0 },
    { TAP(fc2.w), VT "linear_fc2.weight",
      { "v.deepstack.%d.fc2.weight", "v.deepstack_merger.%d.linear_fc2.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_MERGED }, 0, 0 },
    { TAP(fc2.b), VT "linear_fc2.bias",
      { "v.deepstack.%d.fc2.bias", "v.deepstack_merger.%d.linear_fc2.bias" }, { ESPY_DIM_TEXT },
      0, 0 },
    { MODEL(embedding), L "embed_tokens.weight", { "token_embd.weight" },
      { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, 0, 0 },
    { MODEL(norm.w), L "norm.weight", { "output_norm.weight" }, { ESPY_DIM_TEXT }, 0, 0 },
    { MODEL(output), "lm_head.weight", { "output.weight" }, { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, 1,
      0 },
    { TEXT(attn_norm.w), LB "input_layernorm.weight", { "blk.%d.attn_norm.weight" },
      { ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(ffn_norm.w), LB "post_attention_layernorm.weight", { "blk.%d.ffn_norm.weight" },
      { ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(q.w), LB "self_attn.q_proj.weight", { "blk.%d.attn_q.weight" },
      { ESPY_DIM_Q, ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(k.w), LB "self_attn.k_proj.weight", { "blk.%d.attn_k.weight" },
      { ESPY_DIM_KV, ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(v.w), LB "self_attn.v_proj.weight", { "blk.%d.attn_v.weight" },
      { ESPY_DIM_KV, ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(out.w), LB "self_attn.o_proj.weight", { "blk.%d.attn_output.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_Q }, 0, 0 },
    { TEXT(q_norm.w), LB "self_attn.q_norm.weight", { "blk.%d.attn_q_norm.weight" },
      { ESPY_DIM_HEAD }, 0, 0 },
    { TEXT(k_norm.w), LB "self_attn.k_norm.weight", { "blk.%d.attn_k_norm.weight" },
      { ESPY_DIM_HEAD }, 0, 0 },
    { TEXT(gate.w), LB "mlp.gate_proj.weight", { "blk.%d.ffn_gate.weight" },
      { ESPY_DIM_FFN, ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(up.w), LB "mlp.up_proj.weight", { "blk.%d.ffn_up.weight" },
      { ESPY_DIM_FFN, ESPY_DIM_TEXT }, 0, 0 },
    { TEXT(down.w), LB "mlp.down_proj.weight", { "blk.%d.ffn_down.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_FFN }, 0, 0 },
};
/* clang-format on */

const espy_key_table espy_qwen3_vl_keys = { keys, sizeof keys / sizeof *keys };
const espy_weight_table espy_qwen3_vl_weights = { weights, sizeof weights / sizeof *weights };

static void defaults(espy_config *c) {
    static const int taps[] = { 8, 16, 24 }, sections[] = { 24, 20, 20 };
    memcpy(c->vision.taps, taps, sizeof taps);
    c->vision.n_taps = 3;
    memcpy(c->text.sections, sections, sizeof sections);
    c->text.n_sections = 3;
    for (int i = 0; i < 3; i++) c->image.mean[i] = c->image.std[i] = 0.5;
    c->vision.eps = 1e-6F; /* of every vision norm, whatever the config says */
}

/* GGUF: taps are a flag per block, other sizes follow from tensors. */
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
    const espy_tensor *table = espy_container_find(v, "v.position_embd.weight");
    const espy_tensor *up = espy_container_find(v, "v.blk.0.ffn_up.weight");
    if (!table) table = espy_container_find(v, "v.pos_embed.weight");
    if (!up) up = espy_container_find(v, "v.blk.0.mlp.linear_fc1.weight");
    if (table && table->shape[0] <= MAX_VOCAB) c->vision.n_positions = (int)table->shape[0];
    if (up && up->shape[0] <= MAX_DIM) c->vision.ffn_dim = (int)up->shape[0];
    return ESPY_OK;
}

static espy_status settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    if (n->language) {
        espy_status status = settle_gguf(c, n, err);
        if (status) return status;
    } else if (!cJSON_IsTrue(espy_json_at(n->generation, "do_sample"))) {
        c->sampling.temperature = 0;
    } else { /* the library's own defaults */
        if (!espy_json_at(n->generation, "temperature")) c->sampling.temperature = 1;
        if (!espy_json_at(n->generation, "top_k")) c->sampling.top_k = 50;
    }
    c->text.n_taps = c->vision.n_taps;
    return ESPY_OK;
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
    .keys = { &espy_qwen3_vl_keys },
    .weights = { &espy_qwen3_vl_weights },
    .defaults = defaults,
    .settle = settle,
};
