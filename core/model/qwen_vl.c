/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen-VL and Qwen-VL-Chat of 2023 (arXiv:2308.12966).
 *
 *     picture -> squashed to one square -> linear + learned positions (bicubic) -> LayerNorm
 *             -> LayerNorm blocks, GELU(erf) MLP, q, k, v packed per head
 *             -> resampler.c: a fixed number of tokens
 *     tokens  -> Qwen decoder: RMSNorm, q/k/v biases, one-dimensional rope with dynamic
 *                NTK, log-n attention, SwiGLU */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/json.h"
#include "model/model.h"
#include "model/shared.h"

#define REQUIRED ESPY_KEY_REQUIRED

/* The table of the vision tower, whatever image_size says; the queries, of which no
 * release tells the number; the width of the resampler's heads. */
enum { TABLE_SIDE = 16, N_QUERIES = 256, RESAMPLER_HEAD = 128, MAX_SIDE = 4096, MAX_PATCHES = 128 };

/* clang-format off */
static const espy_key keys[] = {
    { ESPY_AT(vision.n_layers), ESPY_KEY_INT, 0, { "visual.layers" }, { NULL }, REQUIRED, 1, ESPY_MOST_LAYERS, 0, 0 },
    { ESPY_AT(vision.dim), ESPY_KEY_INT, 0, { "visual.width" }, { NULL }, REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(vision.n_heads), ESPY_KEY_INT, 0, { "visual.heads" }, { NULL }, REQUIRED, 1, ESPY_MOST_HEADS, 0, 0 },
    { ESPY_AT(vision.mlp_ratio), ESPY_KEY_F64, 0, { "visual.mlp_ratio" }, { NULL }, REQUIRED, 1e-3, 1e3, 0, 0 },
    { ESPY_AT(vision.patch), ESPY_KEY_INT, 0, { "visual.patch_size" }, { NULL }, REQUIRED, 1, 256, 0, 0 },
    { ESPY_AT(vision.image_size), ESPY_KEY_INT, 0, { "visual.image_size" }, { NULL }, REQUIRED, 1, MAX_SIDE, 0, 0 },
    { ESPY_AT(vision.out_dim), ESPY_KEY_INT, 0, { "visual.output_dim" }, { NULL }, REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(vision.n_queries), ESPY_KEY_INT, 0, { "visual.n_queries" }, { NULL }, N_QUERIES, 1, 1 << 16, 0, 0 },
    { ESPY_AT(vision.merge), ESPY_KEY_INT, 0, { NULL }, { NULL }, 1, 1, 1, 0, 0 },
    { ESPY_AT(vision.temporal), ESPY_KEY_INT, 0, { NULL }, { NULL }, 1, 1, 1, 0, 0 },
    { ESPY_AT(vision.n_positions), ESPY_KEY_INT, 0, { NULL }, { NULL }, TABLE_SIDE * TABLE_SIDE, 1, ESPY_MOST_VOCAB, 0, 0 },
    { ESPY_AT(text.n_layers), ESPY_KEY_INT, 0, { "num_hidden_layers" }, { NULL }, REQUIRED, 1, ESPY_MOST_LAYERS, 0, 0 },
    { ESPY_AT(text.dim), ESPY_KEY_INT, 0, { "hidden_size" }, { NULL }, REQUIRED, 1, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(text.n_heads), ESPY_KEY_INT, 0, { "num_attention_heads" }, { NULL }, REQUIRED, 1, ESPY_MOST_HEADS, 0, 0 },
    { ESPY_AT(text.n_kv_heads), ESPY_KEY_INT, 0, { "num_attention_heads" }, { NULL }, REQUIRED, 1, ESPY_MOST_HEADS, 0, 0 },
    { ESPY_AT(text.head_dim), ESPY_KEY_INT, 0, { "kv_channels" }, { NULL }, 128, 4, ESPY_MAX_HEAD_DIM, 0, 0 },
    { ESPY_AT(text.ffn_dim), ESPY_KEY_INT, 0, { "intermediate_size" }, { NULL }, REQUIRED, 2, ESPY_MOST_DIM, 0, 0 },
    { ESPY_AT(text.n_vocab), ESPY_KEY_INT, 0, { "vocab_size" }, { NULL }, 0, 0, ESPY_MOST_VOCAB, 0, 0 },
    { ESPY_AT(text.eps), ESPY_KEY_F64, 0, { "layer_norm_epsilon" }, { NULL }, 1e-6, 0, 1, 0, 0 },
    { ESPY_AT(text.rope_theta), ESPY_KEY_F64, 0, { "rotary_emb_base" }, { NULL }, 10000, 1, 1e15, 0, 0 },
    { ESPY_AT(text.tied), ESPY_KEY_INT, 0, { "tie_word_embeddings" }, { NULL }, 0, 0, 1, 0, 0 },
    { ESPY_AT(text.context_length), ESPY_KEY_INT64, 0, { "max_position_embeddings" }, { NULL }, 8192, 1, INT32_MAX / 2, 0, 0 },
    { ESPY_AT(text.ntk_length), ESPY_KEY_INT64, 0, { "seq_length" }, { NULL }, 2048, 2, INT32_MAX / 2, 0, 0 },
    { ESPY_AT(text.logn_length), ESPY_KEY_INT64, 0, { "seq_length" }, { NULL }, 2048, 2, INT32_MAX / 2, 0, 0 },
    { ESPY_AT(vision_start), ESPY_KEY_INT, 0, { "visual.image_start_id" }, { NULL }, -1, -1, ESPY_MOST_VOCAB, 0, 0 },
    { ESPY_AT(pad), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "pad_token_id" }, { NULL }, -1, -1, ESPY_MOST_VOCAB, 0, 0 },
    { ESPY_AT(history_window), ESPY_KEY_INT, ESPY_KEY_GENERATION, { "max_window_size" }, { NULL }, 6144, 1, 1e9, 0, 0 },
};

#define MODEL ESPY_AT_MODEL
#define VISION ESPY_AT_VISION
#define TEXT ESPY_AT_TEXT
#define NO_GGUF { NULL }
#define WHOLE 0, 0, 0, 0, 0 /* needed, not instead of another, all of its tensor */
#define OPTIONAL 1, 0, 0, 0, 0
#define PART(i) 0, 0, 0, i, 3 /* third i of its tensor's rows */

#define T "transformer."
#define TB T "h.%d."
#define V T "visual."
#define VB V "transformer.resblocks.%d."
#define A V "attn_pool."

static const espy_weight_name weights[] = {
    { MODEL(patch.w), V "conv1.weight", NO_GGUF, { ESPY_DIM_VISION, ESPY_DIM_PATCH }, WHOLE },
    { MODEL(positions), V "positional_embedding", NO_GGUF, { ESPY_DIM_POSITIONS, ESPY_DIM_VISION }, WHOLE },
    { MODEL(pre_norm.w), V "ln_pre.weight", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { MODEL(pre_norm.b), V "ln_pre.bias", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(norm1.w), VB "ln_1.weight", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(norm1.b), VB "ln_1.bias", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(norm2.w), VB "ln_2.weight", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(norm2.b), VB "ln_2.bias", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(qkv.w), VB "attn.in_proj.weight", NO_GGUF, { ESPY_DIM_VISION_3, ESPY_DIM_VISION }, WHOLE },
    { VISION(qkv.b), VB "attn.in_proj.bias", NO_GGUF, { ESPY_DIM_VISION_3 }, WHOLE },
    { VISION(out.w), VB "attn.out_proj.weight", NO_GGUF, { ESPY_DIM_VISION, ESPY_DIM_VISION }, WHOLE },
    { VISION(out.b), VB "attn.out_proj.bias", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { VISION(fc1.w), VB "mlp.c_fc.weight", NO_GGUF, { ESPY_DIM_VISION_FFN, ESPY_DIM_VISION }, WHOLE },
    { VISION(fc1.b), VB "mlp.c_fc.bias", NO_GGUF, { ESPY_DIM_VISION_FFN }, WHOLE },
    { VISION(fc2.w), VB "mlp.c_proj.weight", NO_GGUF, { ESPY_DIM_VISION, ESPY_DIM_VISION_FFN }, WHOLE },
    { VISION(fc2.b), VB "mlp.c_proj.bias", NO_GGUF, { ESPY_DIM_VISION }, WHOLE },
    { MODEL(resampler.query), A "query", NO_GGUF, { ESPY_DIM_QUERIES, ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.positions), A "pos_embed", NO_GGUF, { ESPY_DIM_QUERIES, ESPY_DIM_TEXT }, OPTIONAL },
    { MODEL(resampler.kv.w), A "kv_proj.weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_VISION }, OPTIONAL },
    { MODEL(resampler.query_norm.w), A "ln_q.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.query_norm.b), A "ln_q.bias", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.kv_norm.w), A "ln_kv.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.kv_norm.b), A "ln_kv.bias", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.q.w), A "attn.in_proj_weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_TEXT }, PART(0) },
    { MODEL(resampler.q.b), A "attn.in_proj_bias", NO_GGUF, { ESPY_DIM_TEXT }, PART(0) },
    { MODEL(resampler.k.w), A "attn.in_proj_weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_TEXT }, PART(1) },
    { MODEL(resampler.k.b), A "attn.in_proj_bias", NO_GGUF, { ESPY_DIM_TEXT }, PART(1) },
    { MODEL(resampler.v.w), A "attn.in_proj_weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_TEXT }, PART(2) },
    { MODEL(resampler.v.b), A "attn.in_proj_bias", NO_GGUF, { ESPY_DIM_TEXT }, PART(2) },
    { MODEL(resampler.out.w), A "attn.out_proj.weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.out.b), A "attn.out_proj.bias", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.norm.w), V "ln_post.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.norm.b), V "ln_post.bias", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(resampler.proj), V "proj", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_TEXT }, WHOLE },
    { MODEL(embedding), T "wte.weight", NO_GGUF, { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, WHOLE },
    { MODEL(norm.w), T "ln_f.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { MODEL(output), "lm_head.weight", NO_GGUF, { ESPY_DIM_VOCAB, ESPY_DIM_TEXT }, OPTIONAL },
    { TEXT(attn_norm.w), TB "ln_1.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { TEXT(ffn_norm.w), TB "ln_2.weight", NO_GGUF, { ESPY_DIM_TEXT }, WHOLE },
    { TEXT(q.w), TB "attn.c_attn.weight", NO_GGUF, { ESPY_DIM_Q, ESPY_DIM_TEXT }, PART(0) },
    { TEXT(q.b), TB "attn.c_attn.bias", NO_GGUF, { ESPY_DIM_Q }, PART(0) },
    { TEXT(k.w), TB "attn.c_attn.weight", NO_GGUF, { ESPY_DIM_KV, ESPY_DIM_TEXT }, PART(1) },
    { TEXT(k.b), TB "attn.c_attn.bias", NO_GGUF, { ESPY_DIM_KV }, PART(1) },
    { TEXT(v.w), TB "attn.c_attn.weight", NO_GGUF, { ESPY_DIM_KV, ESPY_DIM_TEXT }, PART(2) },
    { TEXT(v.b), TB "attn.c_attn.bias", NO_GGUF, { ESPY_DIM_KV }, PART(2) },
    { TEXT(out.w), TB "attn.c_proj.weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_Q }, WHOLE },
    { TEXT(up.w), TB "mlp.w1.weight", NO_GGUF, { ESPY_DIM_FFN, ESPY_DIM_TEXT }, WHOLE },
    { TEXT(gate.w), TB "mlp.w2.weight", NO_GGUF, { ESPY_DIM_FFN, ESPY_DIM_TEXT }, WHOLE },
    { TEXT(down.w), TB "mlp.c_proj.weight", NO_GGUF, { ESPY_DIM_TEXT, ESPY_DIM_FFN }, WHOLE },
};
/* clang-format on */

static const espy_config defaults = {
    .vision = { .eps = 1e-6F }, /* of every vision norm, whatever the config says */
    .image = { ESPY_CLIP_COLOURS },
    .video_token = -1,
    .n_raw_eos = 1, /* of the chat style's ends */
    .bos = -1,
};

static int is_square(int n) {
    int side = (int)lround(sqrt((double)n));
    return side * side == n;
}

/* What the family computes; anything else is said, not run wrongly. */
static espy_status check(const espy_config *c, const espy_numbers *n, espy_error *err) {
    const espy_vision_config *v = &c->vision;
    const espy_text_config *t = &c->text;
    const cJSON *part = espy_json_at(n->config, "rotary_pct");
    const cJSON *no_bias = espy_json_at(n->config, "no_bias");
    const struct {
        int ok;
        const char *rule;
    } rules[] = {
        { v->image_size % v->patch == 0, "visual.image_size must be a multiple of patch_size" },
        { v->image_size / v->patch <= MAX_PATCHES,
          "a side of a picture has more than 128 patches" },
        { is_square(v->n_queries), "visual.n_queries must be a square" },
        { t->dim % RESAMPLER_HEAD == 0, "hidden_size must be a multiple of 128" },
        { (int64_t)t->n_heads * t->head_dim == t->dim,
          "num_attention_heads times kv_channels must be hidden_size" },
        { t->ffn_dim % 2 == 0, "intermediate_size must be even" },
        { !cJSON_IsNumber(part) || part->valuedouble == 1, "rotary_pct other than 1 is not run" },
        { !cJSON_IsFalse(no_bias), "no_bias false is not run" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!rules[i].ok)
            return espy_fail(err, ESPY_ERR_FORMAT, -1, "config.json: %s", rules[i].rule);
    return ESPY_OK;
}

static espy_status settle(espy_config *c, const espy_numbers *n, espy_error *err) {
    espy_status status = check(c, n, err);
    if (status) return status;
    int side = c->vision.image_size;
    c->vision.ffn_dim = (int)(c->vision.dim * c->vision.mlp_ratio); /* truncated, in double */
    c->text.ffn_dim /= 2;                                           /* of w1 and w2 together */
    c->image.min_pixels = c->image.max_pixels = (int64_t)side * side;
    if (c->vision_start >= 0) {
        c->image_token = c->vision_start + 2;
        c->vision_end = c->vision_start + 1;
    } else {
        c->image_token = c->vision_end = -1;
    }
    /* both are on unless the file says otherwise */
    if (cJSON_IsFalse(espy_json_at(n->config, "use_dynamic_ntk"))) c->text.ntk_length = 0;
    if (cJSON_IsFalse(espy_json_at(n->config, "use_logn_attn"))) c->text.logn_length = 0;
    espy_settle_sampling(c, n);
    return ESPY_OK;
}

/* Both tables for the grid of the one size that pictures have. */
static espy_status finish(espy_weights *w, espy_config *c, const espy_container *files,
                          espy_error *err) {
    int side = c->vision.image_size / c->vision.patch;
    const espy_tensor *missing;
    espy_status status = ESPY_OK;
    if (!w->resampler.kv.w.tensor.data && c->vision.dim != c->text.dim)
        return espy_container_need(files, A "kv_proj.weight", &missing, err);
    if (side != TABLE_SIDE) {
        float *table = espy_weights_values(&w->positions);
        float *resized = table ? espy_table_resize(table, TABLE_SIDE, c->vision.dim, side) : NULL;
        free(table);
        status =
            espy_weights_set(w, &w->positions, resized, (int64_t)side * side, c->vision.dim, err);
        c->vision.n_positions = side * side;
    }
    return status ? status : espy_resampler_finish(w, c, (int64_t)side * side, err);
}

static const espy_key_table key_table = ESPY_TABLE(keys);
static const espy_weight_table weight_table = ESPY_TABLE(weights);

const espy_family espy_family_qwen_vl = {
    .name = "qwen_vl",
    .model_types = { "qwen" },
    .vision_object = "visual",
    .paper = "arXiv:2308.12966",
    .vision = { .norm = ESPY_NORM_LAYER,
                .mlp = ESPY_GELU_ERF,
                .no_rope = 1,
                .per_head = 1,
                .original = 1 },
    .text = { .rope = ESPY_ROPE_1D },
    .box_scale = 1000,
    .wording = ESPY_WORDING_QWEN_VL,
    .chat = &espy_chat_qwen_vl,
    .defaults = &defaults,
    .keys = { &key_table, &espy_keys_sampling },
    .weights = { &weight_table },
    .settle = settle,
    .finish = finish,
};
