/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct binder {
    espy_weights *weights;
    const espy_config *config;
    const espy_container *language, *vision;
    espy_kernels kernels; /* conversions */
    espy_progress_fn progress;
    void *user;
    int n_rows; /* in all tables */
    espy_error *err;
} binder;

static int64_t length_of(const espy_config *c, espy_dim dim) {
    const espy_vision_config *v = &c->vision;
    const espy_text_config *t = &c->text;
    switch (dim) {
    case ESPY_DIM_VISION:
        return v->dim;
    case ESPY_DIM_VISION_3:
        return (int64_t)3 * v->dim;
    case ESPY_DIM_VISION_FFN:
        return v->ffn_dim;
    case ESPY_DIM_MERGED:
        return (int64_t)v->dim * v->merge * v->merge;
    case ESPY_DIM_PATCH:
        return (int64_t)3 * v->temporal * v->patch * v->patch;
    case ESPY_DIM_POSITIONS:
        return v->n_positions;
    case ESPY_DIM_TEXT:
        return t->dim;
    case ESPY_DIM_Q:
        return (int64_t)t->n_heads * t->head_dim;
    case ESPY_DIM_KV:
        return (int64_t)t->n_kv_heads * t->head_dim;
    case ESPY_DIM_HEAD:
        return t->head_dim;
    case ESPY_DIM_FFN:
        return t->ffn_dim;
    case ESPY_DIM_VOCAB:
        return t->n_vocab;
    case ESPY_DIM_NONE:
        break;
    }
    return 1;
}

/* ------------------------------------------------------------------ names */

/* Re-saved checkpoints shorten or lengthen the prefixes. */
static const char *const prefixes[][4] = {
    { "model.language_model.", "model.", "language_model.model.", "language_model." },
    { "model.visual.", "visual.", "vision_model.", "model.vision_model." },
    { "lm_head.", "language_model.lm_head.", "model.lm_head.", "model.language_model.lm_head." },
};

/* ESPY_ERR_MISSING when no container has the name, ESPY_ERR_UNSUPPORTED (with
 * the message) when its type is not read. */
static espy_status look_up(const espy_container *c, const char *name, const espy_tensor **out,
                           espy_error *err) {
    espy_status status = espy_container_need(c, name, out, NULL);
    return status == ESPY_ERR_UNSUPPORTED ? espy_container_need(c, name, out, err) : status;
}

static espy_status find_hf(const espy_container *c, const char *name, const espy_tensor **out,
                           espy_error *err) {
    espy_status status = look_up(c, name, out, err);
    for (size_t p = 0; status == ESPY_ERR_MISSING && p < sizeof prefixes / sizeof *prefixes; p++) {
        size_t n = strlen(prefixes[p][0]);
        if (strncmp(name, prefixes[p][0], n) != 0) continue;
        for (size_t i = 1; status == ESPY_ERR_MISSING && i < 4; i++) {
            char other[256];
            snprintf(other, sizeof other, "%s%s", prefixes[p][i], name + n);
            status = look_up(c, other, out, err);
        }
    }
    return status;
}

const espy_tensor *espy_weights_probe(const espy_container *c, const char *hf_name) {
    const espy_tensor *t = NULL;
    return find_hf(c, hf_name, &t, NULL) ? NULL : t;
}

static int is_gguf(const binder *b) {
    return strcmp(espy_container_format(b->language), "GGUF") == 0;
}

/* The name of a slot; "%d" is the layer. */
static void slot_name(char *out, size_t capacity, const char *pattern, int index) {
    const char *mark = strstr(pattern, "%d");
    if (mark)
        snprintf(out, capacity, "%.*s%d%s", (int)(mark - pattern), pattern, index, mark + 2);
    else
        snprintf(out, capacity, "%s", pattern);
}

/* The vision part's slots stand first in espy_weights. */
static int is_vision(const espy_weight_name *row) {
    return row->group == ESPY_GROUP_MODEL ? row->at < offsetof(espy_weights, embedding)
                                          : row->group != ESPY_GROUP_TEXT_LAYER;
}

/* The name in form i of a slot; its row has that form. */
static void gguf_name(char *out, size_t capacity, const espy_config *c, const espy_weight_name *row,
                      int i, int index) {
    int number = row->group == ESPY_GROUP_TAP && i == 0 ? c->vision.taps[index] : index;
    slot_name(out, capacity, row->gguf[i], number);
}

static espy_status find_in_gguf(const binder *b, const espy_weight_name *row, int index, char *name,
                                size_t capacity, const espy_tensor **out) {
    const espy_container *from = is_vision(row) ? b->vision : b->language;
    espy_status status = ESPY_ERR_MISSING;
    for (int i = 1; i >= 0 && status == ESPY_ERR_MISSING; i--) {
        if (!row->gguf[i]) continue;
        gguf_name(name, capacity, b->config, row, i, index);
        status = look_up(from, name, out, b->err);
    }
    if (status != ESPY_ERR_MISSING) return status;
    return row->optional ? ESPY_OK : espy_container_need(from, name, out, b->err);
}

static espy_status find(const binder *b, const espy_weight_name *row, int index, char *name,
                        size_t capacity, const espy_tensor **out) {
    *out = NULL;
    if (is_gguf(b)) return find_in_gguf(b, row, index, name, capacity, out);
    slot_name(name, capacity, row->hf, index);
    espy_status status = find_hf(b->language, name, out, b->err);
    if (status != ESPY_ERR_MISSING) return status;
    return row->optional ? ESPY_OK : espy_container_need(b->language, name, out, b->err);
}

/* ------------------------------------------------------------ conversions */

espy_status espy_weights_own(espy_weights *w, void *p, int64_t n_bytes, espy_error *err) {
    if (w->n_owned == w->capacity_owned) {
        int capacity = w->capacity_owned ? w->capacity_owned * 2 : 64;
        void **grown = realloc(w->owned, (size_t)capacity * sizeof *grown);
        if (!grown) {
            free(p);
            return espy_out_of_memory(err);
        }
        w->owned = grown;
        w->capacity_owned = capacity;
    }
    w->owned[w->n_owned++] = p;
    w->owned_bytes += n_bytes;
    return ESPY_OK;
}

/* Replaces t by a copy in F32, or in F16 with a row at a time in between. */
static espy_status convert(const binder *b, espy_tensor *t, int64_t rows, int64_t cols,
                           espy_dtype to) {
    int64_t row_bytes = espy_row_bytes(to, cols), n_bytes = rows * row_bytes;
    unsigned char *data = malloc((size_t)n_bytes + 1);
    float *row = malloc((size_t)cols * sizeof *row + 1);
    if (!data || !row) {
        free(data);
        free(row);
        return espy_out_of_memory(b->err);
    }
    for (int64_t r = 0; r < rows; r++) {
        const unsigned char *from =
            (const unsigned char *)t->data + r * espy_row_bytes(t->dtype, cols);
        b->kernels.to_f32[t->dtype](row, from, cols);
        if (to == ESPY_F32)
            memcpy(data + r * row_bytes, row, (size_t)row_bytes);
        else
            b->kernels.from_f32[to](data + r * row_bytes, row, cols);
    }
    free(row);
    espy_status status = espy_weights_own(b->weights, data, n_bytes, b->err);
    if (status) return status;
    t->dtype = to;
    t->data = data;
    t->n_bytes = n_bytes;
    return ESPY_OK;
}

static int64_t count(const espy_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

static void shape_text(char *out, size_t capacity, const espy_tensor *t) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < t->n_dims && n < capacity; i++)
        n += (size_t)snprintf(out + n, capacity - n, i ? ", %lld" : "%lld", (long long)t->shape[i]);
}

static espy_status bind_one(const binder *b, const espy_weight_name *row, int index, void *base) {
    espy_weight *slot = (espy_weight *)(void *)((char *)base + row->at);
    const espy_tensor *found;
    char name[256];
    const espy_weight *other = (const espy_weight *)(const void *)((char *)base + row->unless);
    if (row->unless && other->tensor.data) return ESPY_OK;
    if (slot == &b->weights->output && b->config->text.tied) return ESPY_OK;
    espy_status status = find(b, row, index, name, sizeof name, &found);
    if (status || !found) return status;
    int vector = row->shape[1] == ESPY_DIM_NONE;
    int64_t rows = vector ? 1 : length_of(b->config, row->shape[0]);
    int64_t cols = length_of(b->config, row->shape[vector ? 0 : 1]);
    /* more than two dimensions: a patch weight, the count decides */
    if (count(found) != rows * cols || (found->n_dims == 2 && !vector && found->shape[0] != rows)) {
        char shape[128];
        shape_text(shape, sizeof shape, found);
        return espy_fail(b->err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' has shape [%s]; the model's numbers ask for [%lld, %lld]",
                         espy_container_path(b->language), name, shape, (long long)rows,
                         (long long)cols);
    }
    if (cols % espy_dtypes[found->dtype].block)
        return espy_fail(b->err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' of type %s has rows of %lld, not whole blocks",
                         espy_container_path(b->language), name, espy_dtypes[found->dtype].name,
                         (long long)cols);
    if (found->dtype == ESPY_F8_E4M3 && !found->scale)
        return espy_fail(b->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tensor '%s' is FP8 without block scales (weight_scale_inv)",
                         espy_container_path(b->language), name);
    slot->tensor = *found;
    slot->rows = rows;
    slot->cols = cols;
    if (vector) return convert(b, &slot->tensor, 1, cols, ESPY_F32);
    if (!b->kernels.matvec[found->dtype]) return convert(b, &slot->tensor, rows, cols, ESPY_F16);
    return ESPY_OK;
}

/* ------------------------------------------------- the patch embedding */

/* GGUF stores the two temporal slices apart, each [dim][3][p][p]; a patch's
 * values run [channel][frame][row][column]. */
static espy_status join_patch_slices(const binder *b) {
    const espy_vision_config *v = &b->config->vision;
    const espy_tensor *slice[2];
    static const char *const names[2] = { "v.patch_embd.weight", "v.patch_embd.weight.1" };
    int64_t area = (int64_t)v->patch * v->patch, cols = 6 * area;
    for (int i = 0; i < 2; i++) {
        espy_status status = espy_container_need(b->vision, names[i], &slice[i], b->err);
        if (status) return status;
        if (count(slice[i]) != v->dim * 3 * area || slice[i]->shape[0] != v->dim ||
            espy_dtypes[slice[i]->dtype].block != 1)
            return espy_fail(b->err, ESPY_ERR_FORMAT, -1,
                             "%s: tensor '%s' has an unexpected shape or type",
                             espy_container_path(b->vision), names[i]);
    }
    float *w = malloc((size_t)(v->dim * cols) * sizeof *w);
    if (!w) return espy_out_of_memory(b->err);
    for (int64_t o = 0; o < v->dim; o++)
        for (int f = 0; f < 2; f++)
            for (int64_t c = 0; c < 3; c++) {
                const espy_tensor *t = slice[f];
                const unsigned char *from =
                    (const unsigned char *)t->data + espy_row_bytes(t->dtype, (o * 3 + c) * area);
                b->kernels.to_f32[t->dtype](w + o * cols + (c * 2 + f) * area, from, area);
            }
    espy_weight *slot = &b->weights->patch.w;
    *slot = (espy_weight){ .rows = v->dim, .cols = cols };
    slot->tensor = (espy_tensor){ .dtype = ESPY_F32,
                                  .n_dims = 2,
                                  .shape = { v->dim, cols, 1, 1, 1 },
                                  .data = w,
                                  .n_bytes = v->dim * cols * (int64_t)sizeof *w };
    return espy_weights_own(b->weights, w, slot->tensor.n_bytes, b->err);
}

static void *group_base(espy_weights *w, espy_group group, int i) {
    switch (group) {
    case ESPY_GROUP_VISION_LAYER:
        return &w->vision[i];
    case ESPY_GROUP_TAP:
        return &w->taps[i];
    case ESPY_GROUP_TEXT_LAYER:
        return &w->text[i];
    case ESPY_GROUP_MODEL:
        break;
    }
    return w;
}

static int group_count(const espy_config *c, espy_group group) {
    switch (group) {
    case ESPY_GROUP_VISION_LAYER:
        return c->vision.n_layers;
    case ESPY_GROUP_TAP:
        return c->vision.n_taps;
    case ESPY_GROUP_TEXT_LAYER:
        return c->text.n_layers;
    case ESPY_GROUP_MODEL:
        break;
    }
    return 1;
}

/* done: rows of the tables before. */
static espy_status bind_table(const binder *b, const espy_weight_table *table, int done) {
    espy_status status = ESPY_OK;
    for (int i = 0; i < table->n && !status; i++) {
        const espy_weight_name *row = &table->rows[i];
        for (int j = 0; j < group_count(b->config, row->group) && !status; j++)
            status = bind_one(b, row, j, group_base(b->weights, row->group, j));
        if (!status && b->progress && b->progress(b->user, "loading", done + i + 1, b->n_rows))
            status = espy_fail(b->err, ESPY_ERR_STOPPED, -1, "loading was stopped");
    }
    return status;
}

espy_status espy_weights_bind(espy_weights *w, const espy_config *config,
                              const espy_weight_table *const *tables,
                              const espy_container *language, const espy_container *vision,
                              espy_progress_fn progress, void *user, espy_error *err) {
    binder b = { .weights = w,
                 .config = config,
                 .language = language,
                 .vision = vision,
                 .progress = progress,
                 .user = user,
                 .err = err };
    for (int i = 0; tables[i]; i++) b.n_rows += tables[i]->n;
    *w = (espy_weights){ 0 };
    espy_kernels_choose(&b.kernels, NULL);
    w->vision = calloc((size_t)config->vision.n_layers, sizeof *w->vision);
    w->text = calloc((size_t)config->text.n_layers, sizeof *w->text);
    espy_status status = w->vision && w->text ? ESPY_OK : espy_out_of_memory(err);
    for (int done = 0; *tables && !status; done += (*tables++)->n)
        status = bind_table(&b, *tables, done);
    const espy_tensor *missing;
    if (!status && !w->patch.w.tensor.data)
        status = is_gguf(&b) ? join_patch_slices(&b)
                             : espy_container_need(language, "model.visual.patch_embed.proj.weight",
                                                   &missing, err);
    if (!status && (config->text.tied || !w->output.tensor.data)) w->output = w->embedding;
    if (status) espy_weights_free(w);
    return status;
}

static espy_status visit(const espy_weights *w, const espy_config *config,
                         const espy_weight_name *row, int index, espy_weight_fn fn, void *user) {
    const char *base = group_base((espy_weights *)(uintptr_t)w, row->group, index);
    const espy_weight *slot = (const espy_weight *)(const void *)(base + row->at);
    char name[256];
    if (!slot->tensor.data || (slot == &w->output && slot->tensor.data == w->embedding.tensor.data))
        return ESPY_OK;
    gguf_name(name, sizeof name, config, row, row->gguf[0] ? 0 : 1, index);
    espy_bound_weight bound = { name, is_vision(row), row->shape[1] == ESPY_DIM_NONE, slot };
    return fn(user, &bound);
}

espy_status espy_weights_each(const espy_weights *w, const espy_config *config,
                              const espy_weight_table *const *tables, espy_weight_fn fn,
                              void *user) {
    espy_status status = ESPY_OK;
    for (; *tables && !status; tables++)
        for (int i = 0; i < (*tables)->n && !status; i++) {
            const espy_weight_name *row = &(*tables)->rows[i];
            for (int j = 0; j < group_count(config, row->group) && !status; j++)
                status = visit(w, config, row, j, fn, user);
        }
    return status;
}

void espy_weights_free(espy_weights *w) {
    for (int i = 0; i < w->n_owned; i++) free(w->owned[i]);
    free(w->owned);
    free(w->vision);
    free(w->text);
    *w = (espy_weights){ 0 };
}
