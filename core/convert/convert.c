/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Hugging Face folder to GGUF: the model is opened as for use, so everything
 * about it is checked, and what is bound is written under the family's GGUF names. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/tensors.h"
#include "model/model.h"

/* One or two files in the making. Without an mmproj the first has it all, if it is
 * to be one_file, else the vision part is not written. */
typedef struct conversion {
    const espy_model *model;
    const espy_mix *mix, *vision_mix;
    const char *name;
    espy_gguf_writer *language, *mmproj;
    int one_file;
    espy_out_weights language_weights, vision_weights;
    float *slices[2]; /* of the patch embedding */
    espy_error *err;
} conversion;

/* ---------------------------------------------------------------- metadata */

enum { NOMINAL_SIDE = 40 }; /* patches, of a tower that has no size of its own */

static void put_text_keys(const conversion *c, espy_gguf_writer *w) {
    const espy_model *m = c->model;
    const char *architecture = m->family->gguf_architectures[0];
    espy_config config = m->config;
    char key[96];
    config.text.n_sections = 4; /* unused ones are 0 */
    espy_config_write(&config, m->family->keys, architecture, 0, w);
    espy_key_name(key, sizeof key, "%s.attention.value_length", architecture);
    espy_gguf_put_u32(w, key, (uint32_t)config.text.head_dim);
}

/* The end that a chat has, if it is among the ends. */
static int32_t end_of_turn(const espy_model *m) {
    int32_t id = espy_vocab_special(m->vocab, "<|im_end|>");
    for (int i = 0; i < m->config.n_eos; i++)
        if (m->config.eos[i] == id) return id;
    return m->config.n_eos ? m->config.eos[0] : -1;
}

static espy_status put_vocab_keys(const conversion *c, espy_gguf_writer *w) {
    const espy_model *m = c->model;
    int32_t eos = end_of_turn(m);
    espy_status status = espy_vocab_write(m->vocab, m->config.text.n_vocab, w, c->err);
    if (eos >= 0) espy_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    espy_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", 0);
    if (m->chat_template) espy_gguf_put_string(w, "tokenizer.chat_template", m->chat_template);
    return status;
}

static espy_status put_taps(const conversion *c, espy_gguf_writer *w) {
    const espy_vision_config *v = &c->model->config.vision;
    uint8_t *tapped = calloc((size_t)v->n_layers, 1);
    if (!tapped) return espy_out_of_memory(c->err);
    for (int i = 0; i < v->n_taps; i++) tapped[v->taps[i]] = 1;
    espy_gguf_put_bools(w, "clip.vision.is_deepstack_layers", tapped, (uint64_t)v->n_layers);
    free(tapped);
    return ESPY_OK;
}

/* An mmproj can tell only that every n-th layer sees the whole picture. */
static espy_status put_windows(const conversion *c, espy_gguf_writer *w) {
    const espy_vision_config *v = &c->model->config.vision;
    char key[96];
    int every = v->n_full ? v->full[0] + 1 : 0, n = 0;
    for (int i = 0; i < v->n_full && v->full[i] < v->n_layers; i++, n++)
        if (v->full[i] + 1 != every * (i + 1)) break;
    if (every && n == v->n_layers / every) {
        espy_gguf_put_u32(w, "clip.vision.n_wa_pattern", (uint32_t)every);
        return ESPY_OK;
    }
    if (c->mmproj)
        return espy_fail(c->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: its fullatt_block_indexes are not every n-th layer, which an mmproj "
                         "cannot tell; --one-file can",
                         espy_container_path(c->model->language));
    espy_key_name(key, sizeof key, "%s.vision.fullatt_block_indexes",
                  c->model->family->gguf_architectures[0]);
    espy_gguf_put_i32s(w, key, v->full, (uint64_t)v->n_full);
    return ESPY_OK;
}

static espy_status put_vision_keys(const conversion *c, espy_gguf_writer *w) {
    const espy_model *m = c->model;
    const espy_vision_config *v = &m->config.vision;
    int side = v->n_positions ? (int)lround(sqrt((double)v->n_positions)) : NOMINAL_SIDE;
    espy_gguf_put_string(w, "clip.projector_type", m->family->projector_types[0]);
    espy_gguf_put_bool(w, "clip.has_vision_encoder", 1);
    /* neither: quick-GELU */
    if (m->family->vision.mlp == ESPY_GELU_TANH) espy_gguf_put_bool(w, "clip.use_gelu", 1);
    if (m->family->vision.mlp == ESPY_SILU) espy_gguf_put_bool(w, "clip.use_silu", 1);
    espy_config_write(&m->config, m->family->keys, "clip", 1, w);
    espy_gguf_put_u32(w, "clip.vision.image_size", (uint32_t)(side * v->patch));
    espy_gguf_put_f32(w, "clip.vision.attention.layer_norm_epsilon", v->eps);
    espy_status status = ESPY_OK;
    if (m->family->defaults->vision.n_taps) status = put_taps(c, w);
    if (!status && v->window_px) status = put_windows(c, w);
    return status;
}

static void put_general_keys(const conversion *c, espy_gguf_writer *w, const char *architecture,
                             const char *type, const espy_mix *mix) {
    espy_gguf_put_string(w, "general.architecture", architecture);
    espy_gguf_put_string(w, "general.type", type);
    espy_gguf_put_string(w, "general.name", c->name);
    espy_gguf_put_u32(w, "general.file_type", mix->file_type);
    espy_gguf_put_u32(w, "general.quantization_version", 2);
}

static espy_status put_keys(const conversion *c) {
    put_general_keys(c, c->language, c->model->family->gguf_architectures[0], "model", c->mix);
    put_text_keys(c, c->language);
    espy_status status = put_vocab_keys(c, c->language);
    if (c->mmproj) put_general_keys(c, c->mmproj, "clip", "mmproj", c->vision_mix);
    if (status || !(c->mmproj || c->one_file)) return status;
    return put_vision_keys(c, c->mmproj ? c->mmproj : c->language);
}

/* ----------------------------------------------------------------- tensors */

/* The inverse of what weights.c does: a patch's values run [channel][frame][row]
 * [column], GGUF has each frame apart. */
static espy_status add_patch_slices(conversion *c, const espy_weight *patch) {
    static const char *const names[2] = { "v.patch_embd.weight", "v.patch_embd.weight.1" };
    const espy_vision_config *v = &c->model->config.vision;
    int64_t area = (int64_t)v->patch * v->patch, n = (int64_t)v->dim * 3 * area;
    espy_kernels kernels;
    espy_kernels_choose(&kernels, NULL);
    for (int f = 0; f < 2; f++) {
        float *to = c->slices[f] = malloc((size_t)n * sizeof *to);
        if (!to) return espy_out_of_memory(c->err);
        for (int64_t i = 0; i < (int64_t)v->dim * 3; i++)
            kernels.to_f32[patch->tensor.dtype](
                to + i * area,
                (const uint8_t *)patch->tensor.data +
                    espy_row_bytes(patch->tensor.dtype, (i * 2 + f) * area),
                area);
        espy_tensor slice = { .dtype = ESPY_F32,
                              .n_dims = 4,
                              .shape = { v->dim, 3, v->patch, v->patch, 1 },
                              .data = to,
                              .n_bytes = n * (int64_t)sizeof *to };
        espy_status status = espy_out_weights_add(&c->vision_weights, names[f], &slice, c->err);
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status add_weight(void *user, const espy_bound_weight *bound) {
    conversion *c = user;
    espy_tensor t = bound->weight.tensor;
    if (!bound->gguf_name) {
        if (espy_dtypes[t.dtype].block == 1 && !t.scale) return add_patch_slices(c, &bound->weight);
        return espy_fail(c->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: the patch embedding is of type %s, which cannot be cut in two",
                         espy_container_path(c->model->language), espy_dtypes[t.dtype].name);
    }
    if (!t.data)
        return espy_fail(c->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: '%s' shares blocks of FP8 scales with its neighbours",
                         espy_container_path(c->model->language), bound->gguf_name);
    t.n_dims = bound->is_vector ? 1 : 2;
    t.shape[0] = bound->is_vector ? bound->weight.cols : bound->weight.rows;
    t.shape[1] = bound->is_vector ? 1 : bound->weight.cols;
    return espy_out_weights_add(bound->is_vision ? &c->vision_weights : &c->language_weights,
                                bound->gguf_name, &t, c->err);
}

static espy_status add_experts(void *user, const char *gguf_name, const espy_experts *experts) {
    conversion *c = user;
    return espy_out_weights_add_experts(&c->language_weights, gguf_name, experts, c->err);
}

static espy_status list_weights(conversion *c) {
    const espy_model *m = c->model;
    espy_status status =
        espy_weights_each(&m->weights, &m->config, m->family->weights, add_weight, c);
    if (status || !m->family->experts) return status;
    return espy_experts_each(&m->weights, &m->config, m->family->experts, add_experts, c);
}

static espy_status choose_types(conversion *c) {
    const espy_model *m = c->model;
    espy_mix_file file = {
        .language = c->mix,
        .vision = c->vision_mix,
        .n_layers = m->config.text.n_layers,
        .has_output = m->weights.output.tensor.data != m->weights.embedding.tensor.data,
        .for_llama_cpp = !c->one_file,
        .n_experts = m->config.text.n_experts,
    };
    espy_status status = list_weights(c);
    espy_out_weights_choose(&c->language_weights, &file);
    espy_out_weights_choose(&c->vision_weights, &file);
    return status;
}

/* With one file the vision part's tensors stand behind the others. */
static espy_status join_lists(conversion *c) {
    espy_status status = ESPY_OK;
    for (int i = 0; i < c->vision_weights.n && !status; i++) {
        const espy_out_weight *t = &c->vision_weights.items[i];
        status = espy_out_weights_add(&c->language_weights, t->name, &t->from, c->err);
        if (!status) c->language_weights.items[c->language_weights.n - 1].to = t->to;
    }
    espy_out_weights_free(&c->vision_weights);
    return status;
}

static espy_status write_all(conversion *c, const espy_convert_params *params) {
    espy_pool *pool;
    const char *path = espy_container_path(c->model->language);
    espy_status status = choose_types(c);
    if (!status) status = put_keys(c);
    if (!status && c->one_file) status = join_lists(c);
    if (!status && !c->mmproj) espy_out_weights_free(&c->vision_weights); /* kept */
    if (status) return status;
    status = espy_pool_open(&pool, params->n_threads, c->err);
    if (status) return status;
    espy_out_progress progress = { .fn = params->progress, .user = params->user };
    progress.total =
        espy_out_weights_count(&c->language_weights) + espy_out_weights_count(&c->vision_weights);
    if (c->mmproj)
        status =
            espy_out_weights_write(&c->vision_weights, c->mmproj, pool, &progress, path, c->err);
    if (!status)
        status = espy_out_weights_write(&c->language_weights, c->language, pool, &progress, path,
                                        c->err);
    espy_pool_close(&pool);
    if (!status && c->mmproj) status = espy_gguf_finish(c->language, c->err);
    if (!status && c->mmproj) status = espy_gguf_commit(c->mmproj, c->err);
    return status ? status : espy_gguf_commit(c->language, c->err);
}

/* ------------------------------------------------------------------- calls */

static espy_status open_folder(espy_model **model, const char *folder,
                               const espy_convert_params *params, espy_error *err) {
    espy_model_params open = { .progress = params->progress,
                               .log = params->log,
                               .user = params->user };
    espy_status status = espy_model_open(model, folder, &open, err);
    if (!status && strcmp(espy_container_format((*model)->language), "GGUF") == 0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "%s: is a GGUF already; quantising changes its types", folder);
    if (!status && !(*model)->family->gguf_architectures[0])
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: there is no GGUF form of %s models; espy reads the folder as it is",
                         folder, (*model)->family->name);
    return status;
}

static int keeps(const char *mmproj, const espy_convert_params *params) {
    return !params->overwrite && params->keep_mmproj &&
           espy_gguf_check_free(mmproj, NULL) != ESPY_OK;
}

espy_status espy_check_types(const char *type, const char *vision_type, espy_error *err) {
    const espy_mix *mix;
    espy_status status = type ? espy_mix_find(&mix, type, err) : ESPY_OK;
    if (!status && vision_type) status = espy_mix_find_vision(&mix, vision_type, err);
    return status;
}

espy_status espy_convert(const char *folder, const char *out_path, const char *mmproj_path,
                         const espy_convert_params *params, espy_error *err) {
    static const espy_convert_params none = { 0 };
    conversion c = { .err = err };
    espy_model *model = NULL;
    if (!folder || !out_path || !*out_path || (mmproj_path && !*mmproj_path))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no folder or no output path was given");
    if (mmproj_path && strcmp(out_path, mmproj_path) == 0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s: is named for both parts", out_path);
    if (!params) params = &none;
    espy_status status = espy_mix_find(&c.mix, params->type ? params->type : "Q4_K_M", err);
    if (!status)
        status = espy_mix_find_vision(&c.vision_mix,
                                      params->vision_type ? params->vision_type : "F16", err);
    if (!status) status = espy_gguf_check_output(out_path, params->overwrite, err);
    c.one_file = !mmproj_path;
    if (!status && mmproj_path && keeps(mmproj_path, params)) mmproj_path = NULL;
    if (!status && mmproj_path)
        status = espy_gguf_check_output(mmproj_path, params->overwrite, err);
    if (!status) status = open_folder(&model, folder, params, err);
    if (!status) status = espy_gguf_create(&c.language, out_path, params->overwrite, err);
    if (!status && mmproj_path)
        status = espy_gguf_create(&c.mmproj, mmproj_path, params->overwrite, err);
    c.model = model;
    if (!status) {
        c.name = params->name ? params->name : model->name;
        status = write_all(&c, params);
    }
    espy_gguf_close(&c.mmproj);
    espy_gguf_close(&c.language);
    espy_out_weights_free(&c.language_weights);
    espy_out_weights_free(&c.vision_weights);
    free(c.slices[0]);
    free(c.slices[1]);
    espy_model_close(&model);
    return status;
}
