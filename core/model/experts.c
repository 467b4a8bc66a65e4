/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/experts.h"

#include <stdlib.h>
#include <string.h>

#include "model/weight_names.h"

typedef struct binder {
    espy_weights *weights;
    const espy_config *config;
    const espy_expert_table *table;
    const espy_container *c;
    int is_gguf;
    int square_by_input; /* what a tensor is whose shape does not tell */
    espy_error *err;
} binder;

/* A tensor of all experts: [n][outs][ins], or [n][ins][outs]. */
typedef struct stack {
    const espy_tensor *tensor;
    char name[256];
    int n_parts;
} stack;

static espy_experts *slot_of(const binder *b, const espy_expert_name *row, int layer) {
    return (espy_experts *)(void *)((char *)&b->weights->text[layer] + row->at);
}

/* ------------------------------------------------------------------ names */

/* status ESPY_OK and no tensor: there is none. */
static espy_status look(const binder *b, const char *pattern, int layer, int n_parts, stack *out) {
    if (!pattern) return ESPY_OK;
    espy_weight_name_of(out->name, sizeof out->name, pattern, layer);
    out->n_parts = n_parts;
    espy_status status = espy_weight_look_up(b->c, out->name, &out->tensor, b->err);
    return status == ESPY_ERR_MISSING ? ESPY_OK : status;
}

static espy_status find_stack(const binder *b, const espy_expert_name *row, int layer, stack *out) {
    *out = (stack){ 0 };
    if (!b->is_gguf) return look(b, row->hf, layer, row->n_parts, out);
    espy_status status = look(b, row->fused, layer, row->n_parts, out);
    if (!status && !out->tensor) status = look(b, row->gguf, layer, 1, out);
    return status;
}

static void name_of_each(char *out, size_t capacity, const espy_expert_name *row, int layer,
                         int expert) {
    char pattern[256];
    espy_weight_name_of(pattern, sizeof pattern, row->each, layer);
    espy_weight_name_of(out, capacity, pattern, expert);
}

/* ----------------------------------------------------------------- layout */

enum { BY_OUTPUT = 1, BY_INPUT = 2 }; /* bits */

/* The ways in which the shape can be read; 0: in none. */
static int layouts_of(const binder *b, const espy_expert_name *row, const stack *s) {
    const espy_tensor *t = s->tensor;
    int64_t outs = espy_dim_length(b->config, row->rows) * s->n_parts;
    int64_t ins = espy_dim_length(b->config, row->cols);
    if (t->n_dims != 3 || t->shape[0] != b->config->text.n_experts) return 0;
    int layouts = t->shape[1] == outs && t->shape[2] == ins ? BY_OUTPUT : 0;
    if (t->shape[1] == ins && t->shape[2] == outs && !b->is_gguf) layouts |= BY_INPUT;
    return layouts;
}

/* The layout of the first slot whose shape tells; as released where none does. */
static int find_square_layout(const binder *b) {
    const espy_text_config *c = &b->config->text;
    for (int i = 0; i < b->table->n && !b->is_gguf; i++)
        for (int layer = 0; layer < c->n_layers; layer++) {
            stack s;
            if (!espy_layer_has_experts(c, layer)) continue;
            if (find_stack(b, &b->table->rows[i], layer, &s) || !s.tensor) break;
            int layouts = layouts_of(b, &b->table->rows[i], &s);
            if (layouts == BY_OUTPUT || layouts == BY_INPUT) return layouts == BY_INPUT;
            break; /* the same in all layers */
        }
    return 1;
}

/* ---------------------------------------------------------------- binding */

static espy_status wrong_shape(const binder *b, const espy_expert_name *row, const espy_tensor *t,
                               const char *name, int n_parts, int alone) {
    char shape[128], want[128];
    espy_tensor asked = { .n_dims = alone ? 2 : 3 };
    int64_t *at = asked.shape;
    if (!alone) *at++ = b->config->text.n_experts;
    *at++ = espy_dim_length(b->config, row->rows) * n_parts;
    *at = espy_dim_length(b->config, row->cols);
    espy_shape_text(shape, sizeof shape, t);
    espy_shape_text(want, sizeof want, &asked);
    return espy_fail(b->err, ESPY_ERR_FORMAT, -1,
                     "%s: tensor '%s' has shape [%s]; the model's numbers ask for [%s]%s",
                     espy_container_path(b->c), name, shape, want,
                     alone || b->is_gguf ? "" : " or its last two exchanged");
}

static espy_status check_type(const binder *b, const espy_tensor *t, const char *name,
                              int64_t length) {
    const espy_dtype_info *type = &espy_dtypes[t->dtype];
    if (length % type->block)
        return espy_fail(b->err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%s' of type %s has rows of %lld, not whole blocks",
                         espy_container_path(b->c), name, type->name, (long long)length);
    if (t->dtype == ESPY_F8_E4M3 && !t->scale)
        return espy_fail(b->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tensor '%s' is FP8 without block scales (weight_scale_inv)",
                         espy_container_path(b->c), name);
    return ESPY_OK;
}

static int64_t blocks(int64_t n, int block) {
    return (n + block - 1) / block;
}

/* One expert's rows of a stack: part `part` of its outputs. */
static espy_weight slice(const binder *b, const espy_expert_name *row, const stack *s, int by_input,
                         int64_t expert) {
    espy_weight w = { .tensor = *s->tensor,
                      .rows = espy_dim_length(b->config, row->rows),
                      .cols = espy_dim_length(b->config, row->cols) };
    int64_t outs = w.rows * s->n_parts, skipped = s->n_parts > 1 ? row->part * w.rows : 0;
    int64_t length = by_input ? outs : w.cols, n_stored = by_input ? w.cols : outs;
    int64_t row_bytes = espy_row_bytes(w.tensor.dtype, length);
    int64_t at = expert * n_stored * row_bytes;
    at += by_input ? espy_row_bytes(w.tensor.dtype, skipped) : skipped * row_bytes;
    w.stride = by_input ? outs : 0;
    w.tensor.n_dims = 2;
    w.tensor.shape[0] = s->tensor->shape[1];
    w.tensor.shape[1] = s->tensor->shape[2];
    w.tensor.shape[2] = 1;
    w.tensor.data = (const unsigned char *)s->tensor->data + at;
    w.tensor.n_bytes = s->tensor->n_bytes / b->config->text.n_experts / s->n_parts;
    if (!w.tensor.scale) return w;
    int64_t per_row = blocks(length, w.tensor.scale_cols);
    w.tensor.scale += expert * blocks(n_stored, w.tensor.scale_rows) * per_row;
    w.tensor.scale +=
        by_input ? skipped / w.tensor.scale_cols : skipped / w.tensor.scale_rows * per_row;
    return w;
}

static espy_status bind_stack(const binder *b, const espy_expert_name *row, const stack *s,
                              espy_weight *each) {
    const espy_tensor *t = s->tensor;
    int layouts = layouts_of(b, row, s);
    if (!layouts) return wrong_shape(b, row, t, s->name, s->n_parts, 0);
    int by_input = layouts == (BY_OUTPUT | BY_INPUT) ? b->square_by_input : layouts == BY_INPUT;
    int64_t rows = espy_dim_length(b->config, row->rows);
    espy_status status = check_type(b, t, s->name, t->shape[2]);
    if (status) return status;
    if (t->scale && s->n_parts > 1 && rows % (by_input ? t->scale_cols : t->scale_rows))
        return espy_fail(b->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tensor '%s' holds %d matrices of %lld outputs, which do not begin "
                         "with a block of scales",
                         espy_container_path(b->c), s->name, s->n_parts, (long long)rows);
    for (int e = 0; e < b->config->text.n_experts; e++) each[e] = slice(b, row, s, by_input, e);
    return ESPY_OK;
}

static espy_status bind_each(const binder *b, const espy_expert_name *row, int layer,
                             espy_weight *each) {
    int64_t rows = espy_dim_length(b->config, row->rows);
    int64_t cols = espy_dim_length(b->config, row->cols);
    for (int e = 0; e < b->config->text.n_experts; e++) {
        char name[256];
        const espy_tensor *t;
        name_of_each(name, sizeof name, row, layer, e);
        espy_status status = espy_weight_look_up(b->c, name, &t, b->err);
        if (status == ESPY_ERR_MISSING) status = espy_container_need(b->c, name, &t, b->err);
        if (status) return status;
        if (t->n_dims != 2 || t->shape[0] != rows || t->shape[1] != cols)
            return wrong_shape(b, row, t, name, 1, 1);
        status = check_type(b, t, name, cols);
        if (status) return status;
        each[e] = (espy_weight){ .tensor = *t, .rows = rows, .cols = cols };
    }
    return ESPY_OK;
}

static espy_status bind_slot(const binder *b, const espy_expert_name *row, int layer) {
    espy_experts *slot = slot_of(b, row, layer);
    int n = b->config->text.n_experts;
    stack s;
    espy_status status = find_stack(b, row, layer, &s);
    if (status) return status;
    char name[256];
    name_of_each(name, sizeof name, row, layer, 0);
    const espy_tensor *first = NULL;
    int apart = !s.tensor && !b->is_gguf && !espy_weight_look_up(b->c, name, &first, NULL);
    if (!s.tensor && !apart) return espy_container_need(b->c, s.name, &s.tensor, b->err);
    espy_weight *each = calloc((size_t)n, sizeof *each);
    if (!each) return espy_out_of_memory(b->err);
    status = espy_weights_own(b->weights, each, n * (int64_t)sizeof *each, b->err);
    if (!status) status = apart ? bind_each(b, row, layer, each) : bind_stack(b, row, &s, each);
    if (!status) *slot = (espy_experts){ each, n };
    return status;
}

espy_status espy_experts_bind(espy_weights *weights, const espy_config *config,
                              const espy_expert_table *table, const espy_container *language,
                              espy_error *err) {
    binder b = { .weights = weights, .config = config, .table = table, .c = language, .err = err };
    b.is_gguf = strcmp(espy_container_format(language), "GGUF") == 0;
    b.square_by_input = find_square_layout(&b);
    espy_status status = ESPY_OK;
    for (int layer = 0; layer < config->text.n_layers; layer++)
        for (int i = 0; i < table->n && !status; i++)
            if (espy_layer_has_experts(&config->text, layer))
                status = bind_slot(&b, &table->rows[i], layer);
    return status;
}

/* -------------------------------------------------------------- afterwards */

espy_status espy_experts_each(const espy_weights *weights, const espy_config *config,
                              const espy_expert_table *table, espy_experts_fn fn, void *user) {
    espy_status status = ESPY_OK;
    for (int layer = 0; layer < config->text.n_layers; layer++)
        for (int i = 0; i < table->n && !status; i++) {
            const char *base = (const char *)&weights->text[layer];
            const espy_experts *slot =
                (const espy_experts *)(const void *)(base + table->rows[i].at);
            char name[256];
            espy_weight_name_of(name, sizeof name, table->rows[i].gguf, layer);
            if (slot->each) status = fn(user, name, slot);
        }
    return status;
}

static int64_t bytes_of(const espy_experts *experts) {
    int64_t n = 0;
    for (int e = 0; e < experts->n; e++) n += experts->each[e].tensor.n_bytes;
    return n;
}

int64_t espy_experts_bytes(const espy_weights *weights, const espy_config *config) {
    int64_t n = 0;
    for (int i = 0; i < config->text.n_layers; i++) {
        const espy_text_layer *l = &weights->text[i];
        n += bytes_of(&l->expert_gate) + bytes_of(&l->expert_up) + bytes_of(&l->expert_down);
    }
    return n;
}
