/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen3-VL with experts (30B-A3B, 235B-A22B): the dense family, but for the MLPs of
 * its decoder.
 *
 *     p = softmax(Wr x) over all experts; the n_active largest, made to add up to 1
 *     y = sum over those of p[e] * down_e(silu(gate_e x) * up_e x)
 *
 * norm_topk_prob of the files is true in every release, and not read: the reference's class
 * knows no other way.
 */
#include <stdio.h>

#include "model/shared.h"

enum { MOST_EXPERTS = 4096 };

#define AT ESPY_AT
#define REQUIRED ESPY_KEY_REQUIRED

/* clang-format off */
static const espy_key keys[] = {
    { AT(text.n_experts), ESPY_KEY_INT, 0,
      { "text_config.num_experts", "text_config.num_local_experts" }, { "%s.expert_count" },
      REQUIRED, 1, MOST_EXPERTS, 0, 0 },
    { AT(text.n_active), ESPY_KEY_INT, 0, { "text_config.num_experts_per_tok" },
      { "%s.expert_used_count" }, REQUIRED, 1, MOST_EXPERTS, 0, 0 },
    { AT(text.expert_dim), ESPY_KEY_INT, 0, { "text_config.moe_intermediate_size" },
      { "%s.expert_feed_forward_length" }, REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { AT(text.expert_step), ESPY_KEY_INT, 0, { "text_config.decoder_sparse_step" }, { NULL }, 1,
      1, ESPY_MOST_LAYERS, 0, 0 },
    { AT(text.dense), ESPY_KEY_INT, 0, { "text_config.mlp_only_layers" }, { NULL }, 0, 0,
      ESPY_MOST_LAYERS, ESPY_MAX_DENSE, AT(text.n_dense) },
};
/* clang-format on */

static const espy_key_table moe_keys = ESPY_TABLE(keys);

#define LB "model.language_model.layers.%d."
#define SLOT(field) offsetof(espy_text_layer, field)

static const espy_weight_name weights[] = {
    { ESPY_AT_EXPERTS(router),
      LB "mlp.gate.weight",
      { "blk.%d.ffn_gate_inp.weight" },
      { ESPY_DIM_EXPERTS, ESPY_DIM_TEXT },
      0,
      0,
      0 },
};

static const espy_weight_table moe_weights = ESPY_TABLE(weights);

/* gate and up are the halves of one tensor's outputs */
static const espy_expert_name experts[] = {
    { SLOT(expert_gate), 0, 2, LB "mlp.experts.gate_up_proj", LB "mlp.experts.%d.gate_proj.weight",
      "blk.%d.ffn_gate_exps.weight", "blk.%d.ffn_gate_up_exps.weight", ESPY_DIM_EXPERT_FFN,
      ESPY_DIM_TEXT },
    { SLOT(expert_up), 1, 2, LB "mlp.experts.gate_up_proj", LB "mlp.experts.%d.up_proj.weight",
      "blk.%d.ffn_up_exps.weight", "blk.%d.ffn_gate_up_exps.weight", ESPY_DIM_EXPERT_FFN,
      ESPY_DIM_TEXT },
    { SLOT(expert_down), 0, 1, LB "mlp.experts.down_proj", LB "mlp.experts.%d.down_proj.weight",
      "blk.%d.ffn_down_exps.weight", NULL, ESPY_DIM_TEXT, ESPY_DIM_EXPERT_FFN },
};

static const espy_expert_table moe_experts = ESPY_TABLE(experts);

/* A GGUF has no key for it: a layer without a router is a dense one. */
static espy_status find_dense_layers(espy_config *c, const espy_container *language,
                                     espy_error *err) {
    c->text.n_dense = 0;
    for (int i = 0; i < c->text.n_layers; i++) {
        char router[64], gate[64];
        snprintf(router, sizeof router, "blk.%d.ffn_gate_inp.weight", i);
        snprintf(gate, sizeof gate, "blk.%d.ffn_gate.weight", i);
        if (espy_container_find(language, router) || !espy_container_find(language, gate)) continue;
        if (c->text.n_dense == ESPY_MAX_DENSE)
            return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: more than %d layers without experts",
                             espy_container_path(language), ESPY_MAX_DENSE);
        c->text.dense[c->text.n_dense++] = i;
    }
    return ESPY_OK;
}

static espy_status settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_status status = espy_qwen3_vl_settle(c, n, err);
    if (!status && n->language) status = find_dense_layers(c, n->language, err);
    if (!status && c->text.n_active > c->text.n_experts)
        status = espy_fail(err, ESPY_ERR_FORMAT, -1,
                           "%s: %d experts for each token, but the model has only %d",
                           n->language ? espy_container_path(n->language) : "config.json",
                           c->text.n_active, c->text.n_experts);
    return status;
}

const espy_family espy_family_qwen3_vl_moe = {
    .name = "qwen3_vl_moe",
    .model_types = { "qwen3_vl_moe" },
    .gguf_architectures = { "qwen3vlmoe" },
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
              &espy_keys_pictures, &espy_keys_sampling, &espy_qwen3_vl_keys, &moe_keys },
    .weights = { &espy_weights_tower, &espy_weights_tower_norm_biases,
                 &espy_weights_tower_qkv_joined, &espy_qwen3_vl_weights, &espy_weights_decoder,
                 &espy_weights_qk_norms, &espy_weights_mlp, &moe_weights },
    .experts = &moe_experts,
    .settle = settle,
};
