/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of weights that several families share. */
#include "model/shared.h"

#define MODEL ESPY_AT_MODEL
#define VISION ESPY_AT_VISION
#define TEXT ESPY_AT_TEXT
#define QKV(field) offsetof(espy_vision_layer, qkv.field)

#define V "model.visual."
#define VB V "blocks.%d."
#define L "model.language_model."
#define LB L "layers.%d."

/* clang-format off */
static const espy_weight_name tower[] = {
    { MODEL(patch.w), V "patch_embed.proj.weight", { NULL, "v.patch_embed.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_PATCH }, 1, 0, 0 },
    { VISION(norm1.w), VB "norm1.weight", { "v.blk.%d.ln1.weight", "v.blk.%d.norm1.weight" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(norm2.w), VB "norm2.weight", { "v.blk.%d.ln2.weight", "v.blk.%d.norm2.weight" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(out.w), VB "attn.proj.weight", { "v.blk.%d.attn_out.weight" },
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(out.b), VB "attn.proj.bias", { "v.blk.%d.attn_out.bias" }, { ESPY_DIM_VISION }, 0, 0,
      0 },
};

static const espy_weight_name norm_biases[] = {
    { VISION(norm1.b), VB "norm1.bias", { "v.blk.%d.ln1.bias", "v.blk.%d.norm1.bias" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
    { VISION(norm2.b), VB "norm2.bias", { "v.blk.%d.ln2.bias", "v.blk.%d.norm2.bias" },
      { ESPY_DIM_VISION }, 0, 0, 0 },
};

/* Each of the three, where the joined one is missing. */
#define Q_K_V                                                                                      \
    { VISION(q.w), VB "attn.q.weight", { "v.blk.%d.attn_q.weight" },                               \
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, QKV(w), 0 },                                        \
    { VISION(q.b), VB "attn.q.bias", { "v.blk.%d.attn_q.bias" }, { ESPY_DIM_VISION }, 0, QKV(b),   \
      0 },                                                                                         \
    { VISION(k.w), VB "attn.k.weight", { "v.blk.%d.attn_k.weight" },                               \
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, QKV(w), 1 },                                        \
    { VISION(k.b), VB "attn.k.bias", { "v.blk.%d.attn_k.bias" }, { ESPY_DIM_VISION }, 0, QKV(b),   \
      1 },                                                                                         \
    { VISION(v.w), VB "attn.v.weight", { "v.blk.%d.attn_v.weight" },                               \
      { ESPY_DIM_VISION, ESPY_DIM_VISION }, 0, QKV(w), 2 },                                        \
    { VISION(v.b), VB "attn.v.bias", { "v.blk.%d.attn_v.bias" }, { ESPY_DIM_VISION }, 0, QKV(b), 2 }

static const espy_weight_name qkv_joined[] = {
    { VISION(qkv.w), VB "attn.qkv.weight", { "v.blk.%d.attn_qkv.weight" },
      { ESPY_DIM_VISION_3, ESPY_DIM_VISION }, 1, 0, 0 },
    { VISION(qkv.b), VB "attn.qkv.bias", { "v.blk.%d.attn_qkv.bias" }, { ESPY_DIM_VISION_3 }, 1, 0,
      0 },
    Q_K_V
};

static const espy_weight_name qkv_apart[] = {
    { VISION(qkv.w), VB "attn.qkv.weight", { NULL, "v.blk.%d.attn_qkv.weight" },
      { ESPY_DIM_VISION_3, ESPY_DIM_VISION }, 1, 0, 0 },
    { VISION(qkv.b), VB "attn.qkv.bias", { NULL, "v.blk.%d.attn_qkv.bias" },
      { ESPY_DIM_VISION_3 }, 1, 0, 0 },
    Q_K_V
};

static const espy_weight_name merger_qwen2[] = {
    { MODEL(merger.norm.w), V "merger.ln_q.weight",
      { "v.post_ln.weight", "v.merger.ln_q.weight" }, { ESPY_DIM_VISION }, 0, 0, 0 },
    { MODEL(merger.fc1.w), V "merger.mlp.0.weight", { "mm.0.weight", "v.merger.mlp.0.weight" },
      { ESPY_DIM_MERGED, ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc1.b), V "merger.mlp.0.bias", { "mm.0.bias", "v.merger.mlp.0.bias" },
      { ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc2.w), V "merger.mlp.2.weight", { "mm.2.weight", "v.merger.mlp.2.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_MERGED }, 0, 0, 0 },
    { MODEL(merger.fc2.b), V "merger.mlp.2.bias", { "mm.2.bias", "v.merger.mlp.2.bias" },
      { ESPY_DIM_TEXT }, 0, 0, 0 },
};

static const espy_weight_name decoder[] = {
    { MODEL(embedding), L "embed_tokens.weight", { "token_embd.weight" },
      { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, 0, 0, 0 },
    { MODEL(norm.w), L "norm.weight", { "output_norm.weight" }, { ESPY_DIM_TEXT }, 0, 0, 0 },
    { MODEL(output), "lm_head.weight", { "output.weight" }, { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, 1,
      0, 0 },
    { TEXT(attn_norm.w), LB "input_layernorm.weight", { "blk.%d.attn_norm.weight" },
      { ESPY_DIM_TEXT }, 0, 0, 0 },
    { TEXT(ffn_norm.w), LB "post_attention_layernorm.weight", { "blk.%d.ffn_norm.weight" },
      { ESPY_DIM_TEXT }, 0, 0, 0 },
    { TEXT(q.w), LB "self_attn.q_proj.weight", { "blk.%d.attn_q.weight" },
      { ESPY_DIM_Q, ESPY_DIM_TEXT }, 0, 0, 0 },
    { TEXT(k.w), LB "self_attn.k_proj.weight", { "blk.%d.attn_k.weight" },
      { ESPY_DIM_KV, ESPY_DIM_TEXT }, 0, 0, 0 },
    { TEXT(v.w), LB "self_attn.v_proj.weight", { "blk.%d.attn_v.weight" },
      { ESPY_DIM_KV, ESPY_DIM_TEXT }, 0, 0, 0 },
    { TEXT(out.w), LB "self_attn.o_proj.weight", { "blk.%d.attn_output.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_Q }, 0, 0, 0 },
};

static const espy_weight_name qkv_biases[] = {
    { TEXT(q.b), LB "self_attn.q_proj.bias", { "blk.%d.attn_q.bias" }, { ESPY_DIM_Q }, 0, 0, 0 },
    { TEXT(k.b), LB "self_attn.k_proj.bias", { "blk.%d.attn_k.bias" }, { ESPY_DIM_KV }, 0, 0, 0 },
    { TEXT(v.b), LB "self_attn.v_proj.bias", { "blk.%d.attn_v.bias" }, { ESPY_DIM_KV }, 0, 0, 0 },
};

static const espy_weight_name qk_norms[] = {
    { TEXT(q_norm.w), LB "self_attn.q_norm.weight", { "blk.%d.attn_q_norm.weight" },
      { ESPY_DIM_HEAD }, 0, 0, 0 },
    { TEXT(k_norm.w), LB "self_attn.k_norm.weight", { "blk.%d.attn_k_norm.weight" },
      { ESPY_DIM_HEAD }, 0, 0, 0 },
};

static const espy_weight_name mlp[] = {
    { ESPY_AT_MLP(gate.w), LB "mlp.gate_proj.weight", { "blk.%d.ffn_gate.weight" },
      { ESPY_DIM_FFN, ESPY_DIM_TEXT }, 0, 0, 0 },
    { ESPY_AT_MLP(up.w), LB "mlp.up_proj.weight", { "blk.%d.ffn_up.weight" },
      { ESPY_DIM_FFN, ESPY_DIM_TEXT }, 0, 0, 0 },
    { ESPY_AT_MLP(down.w), LB "mlp.down_proj.weight", { "blk.%d.ffn_down.weight" },
      { ESPY_DIM_TEXT, ESPY_DIM_FFN }, 0, 0, 0 },
};
/* clang-format on */

const espy_weight_table espy_weights_tower = ESPY_TABLE(tower);
const espy_weight_table espy_weights_tower_qkv_joined = ESPY_TABLE(qkv_joined);
const espy_weight_table espy_weights_tower_qkv_apart = ESPY_TABLE(qkv_apart);
const espy_weight_table espy_weights_tower_norm_biases = ESPY_TABLE(norm_biases);
const espy_weight_table espy_weights_merger_qwen2 = ESPY_TABLE(merger_qwen2);
const espy_weight_table espy_weights_decoder = ESPY_TABLE(decoder);
const espy_weight_table espy_weights_qkv_biases = ESPY_TABLE(qkv_biases);
const espy_weight_table espy_weights_qk_norms = ESPY_TABLE(qk_norms);
const espy_weight_table espy_weights_mlp = ESPY_TABLE(mlp);
