/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/weight_names.h"

#include <stdio.h>
#include <string.h>

int64_t espy_dim_length(const espy_config *c, espy_dim dim) {
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
    case ESPY_DIM_QUERIES:
        return v->n_queries;
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
    case ESPY_DIM_EXPERTS:
        return t->n_experts;
    case ESPY_DIM_EXPERT_FFN:
        return t->expert_dim;
    case ESPY_DIM_VOCAB:
        return t->n_vocab;
    case ESPY_DIM_NONE:
        break;
    }
    return 1;
}

static int64_t count(const espy_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

int espy_weight_fits(const espy_config *c, const espy_weight_name *row, const espy_tensor *t) {
    int vector = row->shape[1] == ESPY_DIM_NONE;
    int64_t rows = espy_dim_length(c, row->shape[0]), cols = espy_dim_length(c, row->shape[1]);
    if (row->n_slices) rows *= row->n_slices;
    return count(t) == rows * cols && (t->n_dims != 2 || vector || t->shape[0] == rows);
}

void espy_shape_text(char *out, size_t capacity, const espy_tensor *t) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < t->n_dims && n < capacity; i++)
        n += (size_t)snprintf(out + n, capacity - n, i ? ", %lld" : "%lld", (long long)t->shape[i]);
}

int espy_is_vision_slot(const espy_weight_name *row) { /* they stand first in espy_weights */
    return row->group == ESPY_GROUP_MODEL ? row->at < offsetof(espy_weights, embedding)
                                          : row->group < ESPY_GROUP_TEXT_LAYER;
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

espy_status espy_weight_look_up(const espy_container *c, const char *name, const espy_tensor **out,
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

void espy_weight_name_of(char *out, size_t capacity, const char *pattern, int index) {
    const char *mark = strstr(pattern, "%d");
    if (mark)
        snprintf(out, capacity, "%.*s%d%s", (int)(mark - pattern), pattern, index, mark + 2);
    else
        snprintf(out, capacity, "%s", pattern);
}

/* The name in form i of a slot; its row has that form. */
static void gguf_form(char *out, size_t capacity, const espy_config *c, const espy_weight_name *row,
                      int i, int index) {
    int number = row->group == ESPY_GROUP_TAP && i == 0 ? c->vision.taps[index] : index;
    espy_weight_name_of(out, capacity, row->gguf[i], number);
}

const char *espy_weight_gguf_name(char *out, size_t n, const espy_config *config,
                                  const espy_weight_name *row, int index) {
    if (!row->gguf[0]) return NULL;
    gguf_form(out, n, config, row, 0, index);
    return out;
}

/* The form whose tensor has the row's shape; else the first that is there. */
static espy_status find_in_gguf(const espy_weight_files *f, const espy_container *from,
                                const espy_weight_name *row, int index, char *name, size_t n,
                                const espy_tensor **out) {
    static const int order[] = { 1, 0, 2 };
    espy_status found = ESPY_ERR_MISSING;
    for (size_t k = 0; k < 3; k++) {
        char form[256];
        const espy_tensor *t;
        if (!row->gguf[order[k]]) continue;
        gguf_form(form, sizeof form, f->config, row, order[k], index);
        espy_status status = look_up(from, form, &t, f->err);
        int fits = !status && espy_weight_fits(f->config, row, t);
        if (found == ESPY_ERR_MISSING || fits) snprintf(name, n, "%s", form);
        if (status == ESPY_ERR_MISSING || (status == ESPY_OK && found == ESPY_OK && !fits))
            continue;
        if (status) return status;
        found = ESPY_OK;
        *out = t;
        if (fits) break;
    }
    return found;
}

espy_status espy_weight_find(const espy_weight_files *f, const espy_weight_name *row, int index,
                             char *name, size_t n, const espy_tensor **out) {
    espy_status status;
    const espy_container *from = f->language;
    *out = NULL;
    if (strcmp(espy_container_format(f->language), "GGUF") == 0) {
        from = espy_is_vision_slot(row) ? f->vision : f->language;
        status = find_in_gguf(f, from, row, index, name, n, out);
        if (status == ESPY_ERR_MISSING) espy_weight_gguf_name(name, n, f->config, row, index);
    } else {
        espy_weight_name_of(name, n, row->hf, index);
        status = espy_weight_look_up(f->language, name, out, f->err);
    }
    if (status != ESPY_ERR_MISSING) return status;
    return row->optional ? ESPY_OK : espy_container_need(from, name, out, f->err);
}

/* --------------------------------------------------------------- lengths */

/* The length of a dimension by a row's tensor, whose other length is known; 0: it does
 * not tell. Of a matrix that may stand in exchange for another, that is the side
 * which is not the known one. */
static int64_t length_by(const espy_weight_files *f, const espy_weight_name *row) {
    espy_weight_files quiet = *f;
    espy_weight_name optional = *row;
    const espy_tensor *t;
    char name[256];
    quiet.err = NULL;
    optional.optional = 1;
    if (espy_weight_find(&quiet, &optional, 0, name, sizeof name, &t) || !t || t->n_dims < 1)
        return 0;
    int64_t other = espy_dim_length(f->config, row->shape[1]);
    int exchanged = t->n_dims == 2 && t->shape[1] != other && t->shape[0] == other;
    return t->shape[exchanged ? 1 : 0];
}

static void measure(const espy_weight_files *f, const espy_weight_table *const *tables,
                    espy_dim dim, int most, int *length) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->n; i++) {
            const espy_weight_name *row = &(*tables)->rows[i];
            int64_t n = row->shape[0] == dim ? length_by(f, row) : 0;
            if (n <= 0 || n > most) continue;
            *length = (int)n;
            return;
        }
}

void espy_weights_measure(espy_config *c, const espy_weight_table *const *tables,
                          const espy_container *language, const espy_container *vision) {
    enum { MOST = 1 << 24, MOST_WIDTH = 1 << 17 };
    espy_weight_files f = { c, language, vision, NULL };
    measure(&f, tables, ESPY_DIM_VOCAB, MOST, &c->text.n_vocab);
    if (!c->vision.dim) measure(&f, tables, ESPY_DIM_VISION, MOST_WIDTH, &c->vision.dim);
    if (!c->vision.ffn_dim)
        measure(&f, tables, ESPY_DIM_VISION_FFN, MOST_WIDTH, &c->vision.ffn_dim);
    if (!c->vision.n_positions)
        measure(&f, tables, ESPY_DIM_POSITIONS, MOST, &c->vision.n_positions);
}
