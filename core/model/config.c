/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/json.h"

/* A value found somewhere: JSON item or GGUF metadata. */
typedef struct found {
    const cJSON *json;
    const espy_meta *meta;
    char name[160]; /* of the key, for messages */
    const char *file;
} found;

static found find_json(const espy_key *key, const espy_numbers *n) {
    static const char *const names[] = { "config.json", "preprocessor_config.json",
                                         "generation_config.json",
                                         "video_preprocessor_config.json" };
    const cJSON *const files[] = { n->config, n->preprocessor, n->generation,
                                   n->video ? n->video : n->preprocessor };
    found f = { .file = names[key->file] };
    snprintf(f.name, sizeof f.name, "%s", key->json[0] ? key->json[0] : "a number");
    for (size_t i = 0; i < sizeof key->json / sizeof *key->json && key->json[i]; i++) {
        const cJSON *item = espy_json_at(files[key->file], key->json[i]);
        if (!item || cJSON_IsNull(item)) continue;
        f.json = item;
        snprintf(f.name, sizeof f.name, "%s", key->json[i]);
        break;
    }
    return f;
}

/* The one "%s" of a pattern is the architecture. */
void espy_key_name(char *out, size_t capacity, const char *pattern, const char *architecture) {
    const char *mark = strstr(pattern, "%s");
    if (mark)
        snprintf(out, capacity, "%s%s", architecture, mark + 2);
    else
        snprintf(out, capacity, "%s", pattern);
}

static found find_gguf(const espy_key *key, const espy_numbers *n) {
    const espy_container *const files[] = { n->language, n->vision };
    found f = { .name = "a number", .file = espy_container_path(n->language) };
    for (size_t i = 0; i < sizeof key->gguf / sizeof *key->gguf; i++)
        for (size_t j = 0; j < 2 && !f.meta; j++) {
            char name[sizeof f.name];
            if (!files[j] || !key->gguf[i]) continue;
            espy_key_name(name, sizeof name, key->gguf[i], n->architecture);
            f.meta = espy_container_meta(files[j], name);
            if (f.meta || (i == 0 && j == 0)) memcpy(f.name, name, sizeof name);
            if (f.meta) f.file = espy_container_path(files[j]);
        }
    return f;
}

static int count_of(const found *f) {
    if (f->json) return cJSON_IsArray(f->json) ? cJSON_GetArraySize(f->json) : -1;
    if (f->meta->type != ESPY_META_ARRAY) return -1;
    return f->meta->n > 1000000 ? 1000000 : (int)f->meta->n;
}

static int number_of_json(const cJSON *item, double *out) {
    if (cJSON_IsBool(item))
        *out = cJSON_IsTrue(item);
    else if (cJSON_IsNumber(item))
        *out = item->valuedouble;
    else
        return 0;
    return 1;
}

/* The decimal number that an f32 was written from: the shortest that gives it, 0.7
 * and not 0.69999999. */
static double decimal_of(float f) {
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
        double v = strtod(text, NULL);
        if ((float)v == f) return v;
    }
    return (double)f;
}

/* Element i of a list, or the number itself for i < 0. */
static int number_of(const found *f, int i, double *out) {
    if (f->json) return number_of_json(i < 0 ? f->json : cJSON_GetArrayItem(f->json, i), out);
    espy_meta m = i < 0 ? *f->meta : espy_meta_at(f->meta, (uint64_t)i);
    if (m.type != ESPY_META_INT && m.type != ESPY_META_FLOAT) return 0;
    *out = m.type == ESPY_META_FLOAT && m.raw_bytes == 4 ? decimal_of((float)m.f) : m.f;
    return 1;
}

static espy_status store(const espy_key *key, const found *f, void *at, int i, double v,
                         espy_error *err) {
    if (!(v >= key->min && v <= key->max))
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s is %g; between %g and %g is expected",
                         f->file, f->name, v, key->min, key->max);
    int whole = key->type == ESPY_KEY_INT || key->type == ESPY_KEY_INT64;
    if (whole && v != floor(v))
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s is %g; a whole number is expected",
                         f->file, f->name, v);
    switch (key->type) {
    case ESPY_KEY_INT:
        ((int *)at)[i] = (int)v;
        break;
    case ESPY_KEY_INT64:
        ((int64_t *)at)[i] = (int64_t)v;
        break;
    case ESPY_KEY_F32:
        ((float *)at)[i] = (float)v;
        break;
    case ESPY_KEY_F64:
        ((double *)at)[i] = v;
        break;
    }
    return ESPY_OK;
}

static espy_status read_list(const espy_key *key, const found *f, espy_config *config,
                             espy_error *err) {
    int n = count_of(f), single = n < 0;
    if (single) n = 1; /* eos_token_id may be a number or a list */
    if (n > key->n_max)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s has %d entries; at most %d are expected",
                         f->file, f->name, n, key->n_max);
    for (int i = 0; i < n; i++) {
        double v;
        if (!number_of(f, single ? -1 : i, &v))
            return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s is not a list of numbers", f->file,
                             f->name);
        espy_status status = store(key, f, (char *)config + key->at, i, v, err);
        if (status) return status;
    }
    if (key->count_at) *(int *)(void *)((char *)config + key->count_at) = n;
    return ESPY_OK;
}

static espy_status read_key(const espy_key *key, espy_config *config, const espy_numbers *n,
                            espy_error *err) {
    found f = n->language ? find_gguf(key, n) : find_json(key, n);
    void *at = (char *)config + key->at;
    if (!f.json && !f.meta) {
        if (key->n_max || isinf(key->fallback)) return ESPY_OK; /* kept */
        if (isnan(key->fallback))
            return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: %s is missing", f.file, f.name);
        return store(key, &f, at, 0, key->fallback, err);
    }
    if (key->n_max) return read_list(key, &f, config, err);
    double v;
    if (!number_of(&f, -1, &v))
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s is not a number", f.file, f.name);
    return store(key, &f, at, 0, v, err);
}

int espy_layer_has_experts(const espy_text_config *c, int i) {
    for (int j = 0; j < c->n_dense; j++)
        if (c->dense[j] == i) return 0;
    return c->n_experts > 0 && (i + 1) % c->expert_step == 0;
}

espy_status espy_config_read(espy_config *config, const espy_key_table *const *tables,
                             const espy_numbers *numbers, espy_error *err) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->n; i++) {
            espy_status status = read_key(&(*tables)->rows[i], config, numbers, err);
            if (status) return status;
        }
    return ESPY_OK;
}
