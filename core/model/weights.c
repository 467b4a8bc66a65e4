/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/weight_names.h"

#include <stdlib.h>
#include <string.h>

typedef struct binder {
    espy_weights *weights;
    espy_weight_files files;
    espy_kernels kernels; /* conversions */
} binder;

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
        return espy_out_of_memory(b->files.err);
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
    espy_status status = espy_weights_own(b->weights, data, n_bytes, b->files.err);
    if (status) return status;
    t->dtype = to;
    t->data = data;
    t->n_bytes = n_bytes;
    return ESPY_OK;
}

/* Which rows of the tensor the slot is. */
static espy_status take_slice(const binder *b, const espy_weight_name *row, int64_t rows,
                              int64_t cols, const char *name, espy_tensor *t) {
    int64_t first = row->slice * rows, row_bytes = espy_row_bytes(t->dtype, cols);
    if (row->n_slices <= 1) return ESPY_OK;
    if (t->scale && first % t->scale_rows)
        return espy_fail(b->files.err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tensor '%s': the block scales of %d rows reach over its slices",
                         espy_container_path(b->files.language), name, t->scale_rows);
    if (t->scale) t->scale += first / t->scale_rows * ((cols + t->scale_cols - 1) / t->scale_cols);
    t->data = (const unsigned char *)t->data + first * row_bytes;
    t->n_bytes = rows * row_bytes;
    t->n_dims = 2;
    t->shape[0] = rows;
    t->shape[1] = cols;
    return ESPY_OK;
}

static espy_status bind_one(const binder *b, const espy_weight_name *row, int index, void *base) {
    espy_weight *slot = (espy_weight *)(void *)((char *)base + row->at);
    const espy_tensor *found;
    char name[256];
    const espy_weight *other = (const espy_weight *)(const void *)((char *)base + row->unless);
    if (row->unless && other->tensor.data) return ESPY_OK;
    if (slot == &b->weights->output && b->files.config->text.tied) return ESPY_OK;
    espy_status status = espy_weight_find(&b->files, row, index, name, sizeof name, &found);
    if (status || !found) return status;
    int vector = row->shape[1] == ESPY_DIM_NONE;
    int64_t rows = vector ? 1 : espy_dim_length(b->files.config, row->shape[0]);
    int64_t cols = espy_dim_length(b->files.config, row->shape[vector ? 0 : 1]);
    int64_t all = rows * (row->n_slices ? row->n_slices : 1);
    if (!espy_weight_fits(b->files.config, row, found)) {
        char shape[128];
        espy_shape_text(shape, sizeof shape, found);
        return espy_fail(b->files.err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' has shape [%s]; the model's numbers ask for [%lld, %lld]",
                         espy_container_path(b->files.language), name, shape,
                         (long long)(vector ? 1 : all), (long long)(vector ? all * cols : cols));
    }
    if (cols % espy_dtypes[found->dtype].block)
        return espy_fail(b->files.err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' of type %s has rows of %lld, not whole blocks",
                         espy_container_path(b->files.language), name,
                         espy_dtypes[found->dtype].name, (long long)cols);
    if (found->dtype == ESPY_F8_E4M3 && !found->scale)
        return espy_fail(b->files.err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tensor '%s' is FP8 without block scales (weight_scale_inv)",
                         espy_container_path(b->files.language), name);
    slot->tensor = *found;
    slot->rows = rows;
    slot->cols = cols;
    status = take_slice(b, row, rows, cols, name, &slot->tensor);
    if (status) return status;
    if (vector) return convert(b, &slot->tensor, 1, cols, ESPY_F32);
    if (!b->kernels.matvec[found->dtype]) return convert(b, &slot->tensor, rows, cols, ESPY_F16);
    return ESPY_OK;
}

/* ------------------------------------------------- the patch embedding */

/* One of the two temporal slices, [dim][3][p][p], under either name. */
static espy_status find_patch_slice(const binder *b, int i, const espy_tensor **out) {
    static const char *const names[2][2] = { { "v.patch_embd.weight", "v.patch_embd_0.weight" },
                                             { "v.patch_embd.weight.1", "v.patch_embd_1.weight" } };
    const espy_vision_config *v = &b->files.config->vision;
    const char *name = names[i][0];
    if (espy_container_find(b->files.vision, names[i][1])) name = names[i][1];
    espy_status status = espy_container_need(b->files.vision, name, out, b->files.err);
    if (status) return status;
    const espy_tensor *t = *out;
    int64_t n = 1;
    for (int k = 0; k < t->n_dims; k++) n *= t->shape[k];
    if (n != (int64_t)v->dim * 3 * v->patch * v->patch || t->shape[0] != v->dim ||
        espy_dtypes[t->dtype].block != 1)
        return espy_fail(b->files.err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' has an unexpected shape or type",
                         espy_container_path(b->files.vision), name);
    return ESPY_OK;
}

/* GGUF stores the slices apart; a patch's values run [channel][frame][row][column]. */
static espy_status join_patch_slices(const binder *b) {
    const espy_vision_config *v = &b->files.config->vision;
    const espy_tensor *slice[2];
    int64_t area = (int64_t)v->patch * v->patch, cols = 6 * area;
    for (int i = 0; i < 2; i++) {
        espy_status status = find_patch_slice(b, i, &slice[i]);
        if (status) return status;
    }
    float *w = malloc((size_t)(v->dim * cols) * sizeof *w);
    if (!w) return espy_out_of_memory(b->files.err);
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
    return espy_weights_own(b->weights, w, slot->tensor.n_bytes, b->files.err);
}

static void *group_base(espy_weights *w, espy_group group, int i) {
    switch (group) {
    case ESPY_GROUP_VISION_LAYER:
        return &w->vision[i];
    case ESPY_GROUP_TAP:
        return &w->taps[i];
    case ESPY_GROUP_TEXT_LAYER:
    case ESPY_GROUP_MLP_LAYER:
    case ESPY_GROUP_EXPERT_LAYER:
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
    case ESPY_GROUP_MLP_LAYER:
    case ESPY_GROUP_EXPERT_LAYER:
        return c->text.n_layers;
    case ESPY_GROUP_MODEL:
        break;
    }
    return 1;
}

/* Whether layer i has the group's slots. */
static int group_has(const espy_config *c, espy_group group, int i) {
    if (group == ESPY_GROUP_MLP_LAYER) return !espy_layer_has_experts(&c->text, i);
    return group != ESPY_GROUP_EXPERT_LAYER || espy_layer_has_experts(&c->text, i);
}

/* All layers of a row. */
static espy_status bind_row(const binder *b, const espy_weight_name *row) {
    espy_status status = ESPY_OK;
    for (int j = 0; j < group_count(b->files.config, row->group) && !status; j++)
        if (group_has(b->files.config, row->group, j))
            status = bind_one(b, row, j, group_base(b->weights, row->group, j));
    return status;
}

static espy_status bind_tables(const binder *b, const espy_weight_table *const *tables,
                               espy_progress_fn progress, void *user) {
    int64_t done = 0, total = 0;
    for (int t = 0; tables[t]; t++) total += tables[t]->n;
    for (int t = 0; tables[t]; t++)
        for (int i = 0; i < tables[t]->n; i++) {
            espy_status status = bind_row(b, &tables[t]->rows[i]);
            if (status) return status;
            if (progress && progress(user, "loading", ++done, total))
                return espy_fail(b->files.err, ESPY_ERR_STOPPED, -1, "loading was stopped");
        }
    return ESPY_OK;
}

espy_status espy_weights_bind(espy_weights *w, const espy_config *config,
                              const espy_weight_table *const *tables,
                              const espy_container *language, const espy_container *vision,
                              espy_progress_fn progress, void *user, espy_error *err) {
    binder b = { w, { config, language, vision, err }, { 0 } };
    *w = (espy_weights){ 0 };
    espy_kernels_choose(&b.kernels, NULL);
    w->vision = calloc((size_t)config->vision.n_layers, sizeof *w->vision);
    w->text = calloc((size_t)config->text.n_layers, sizeof *w->text);
    espy_status status = w->vision && w->text ? ESPY_OK : espy_out_of_memory(err);
    if (!status) status = bind_tables(&b, tables, progress, user);
    const espy_tensor *missing;
    if (!status && !w->patch.w.tensor.data)
        status = strcmp(espy_container_format(language), "GGUF") == 0
                     ? join_patch_slices(&b)
                     : espy_container_need(language, "model.visual.patch_embed.proj.weight",
                                           &missing, err);
    if (!status && (config->text.tied || !w->output.tensor.data)) w->output = w->embedding;
    if (status) espy_weights_free(w);
    return status;
}

/* ------------------------------------------------------------------- walk */

/* A third of the slot that joins three, which the row could have had apart. */
static int take_part(espy_weight *out, const espy_weight_name *row, const char *base) {
    const espy_weight *joined = (const espy_weight *)(const void *)(base + row->unless);
    int vector = row->shape[1] == ESPY_DIM_NONE;
    if (!row->unless || !joined->tensor.data) return 0;
    *out = *joined;
    if (vector)
        out->cols /= 3;
    else
        out->rows /= 3;
    espy_tensor *t = &out->tensor;
    t->n_bytes = out->rows * espy_row_bytes(t->dtype, out->cols);
    t->data = (const char *)joined->tensor.data + row->part * t->n_bytes;
    if (t->scale && out->rows % t->scale_rows)
        t->data = NULL;
    else if (t->scale)
        t->scale += row->part * (out->rows / t->scale_rows) *
                    ((out->cols + t->scale_cols - 1) / t->scale_cols);
    return 1;
}

/* The row that a part is of, which has no name of its own in a GGUF. */
static int is_written_apart(const espy_weight_table *table, const espy_weight_name *row) {
    for (int i = 0; i < table->n; i++)
        if (table->rows[i].group == row->group && table->rows[i].at == row->unless)
            return !table->rows[i].gguf[0];
    return 0;
}

static espy_status visit(const espy_weights *w, const espy_config *config,
                         const espy_weight_table *table, const espy_weight_name *row, int index,
                         espy_weight_fn fn, void *user) {
    const char *base = group_base((espy_weights *)(uintptr_t)w, row->group, index);
    const espy_weight *slot = (const espy_weight *)(const void *)(base + row->at);
    char name[256];
    espy_bound_weight bound = { espy_weight_gguf_name(name, sizeof name, config, row, index),
                                espy_is_vision_slot(row), row->shape[1] == ESPY_DIM_NONE, *slot };
    if (slot == &w->output && slot->tensor.data == w->embedding.tensor.data) return ESPY_OK;
    if (slot == &w->patch.w) return fn(user, &bound);
    if (!bound.gguf_name) return ESPY_OK;
    if (!slot->tensor.data &&
        !(is_written_apart(table, row) && take_part(&bound.weight, row, base)))
        return ESPY_OK;
    return fn(user, &bound);
}

espy_status espy_weights_each(const espy_weights *w, const espy_config *config,
                              const espy_weight_table *const *tables, espy_weight_fn fn,
                              void *user) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->n; i++)
            for (int j = 0; j < group_count(config, (*tables)->rows[i].group); j++) {
                espy_status status = visit(w, config, *tables, &(*tables)->rows[i], j, fn, user);
                if (status) return status;
            }
    return ESPY_OK;
}

void espy_weights_free(espy_weights *w) {
    for (int i = 0; i < w->n_owned; i++) free(w->owned[i]);
    free(w->owned);
    free(w->vision);
    free(w->text);
    *w = (espy_weights){ 0 };
}
