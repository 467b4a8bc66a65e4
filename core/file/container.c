/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of formats, and the store that their readers fill: sources, tensors,
 * metadata, each found by name through a hash map. */
#include "file/container.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "file/format.h"

static const espy_format *const formats[] = { &espy_format_gguf, &espy_format_safetensors };
enum { N_FORMATS = sizeof formats / sizeof *formats };

int espy_ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), n_tail = strlen(tail);
    return n >= n_tail && memcmp(s + n - n_tail, tail, n_tail) == 0;
}

int espy_tensor_measure(espy_tensor *t) {
    int64_t n = 1, row = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 1;
    int empty = 0;
    for (int i = 0; i < t->n_dims; i++) {
        if (t->shape[i] < 0) return 0;
        if (t->shape[i] == 0)
            empty = 1;
        else if (n > INT64_MAX / t->shape[i])
            return 0;
        else
            n *= t->shape[i];
    }
    const espy_dtype_info *type = &espy_dtypes[t->dtype];
    if (row % type->block || n / type->block > INT64_MAX / type->block_bytes) return 0;
    t->n_bytes = empty ? 0 : espy_row_bytes(t->dtype, n);
    return 1;
}

/* ----------------------------------------------------------------- filling */

/* Makes room for one more element of a growing list. */
static void *with_room(void *list, int n, int *capacity, size_t element) {
    if (n < *capacity) return list;
    if (*capacity > INT_MAX / 2 - 16) return NULL;
    int bigger = *capacity * 2 + 16;
    void *p = realloc(list, (size_t)bigger * element);
    if (p) *capacity = bigger;
    return p;
}

espy_status espy_container_add_source(espy_container *c, espy_source *source, espy_error *err) {
    espy_source *p = realloc(c->sources, ((size_t)c->n_sources + 1) * sizeof *p);
    if (!p) {
        espy_source_close(source);
        return espy_out_of_memory(err);
    }
    c->sources = p;
    p[c->n_sources++] = *source;
    *source = (espy_source){ 0 };
    return ESPY_OK;
}

espy_status espy_container_add_file(espy_container *c, const char *path, espy_error *err) {
    espy_source source;
    espy_status status = espy_source_open(&source, path, err);
    return status ? status : espy_container_add_source(c, &source, err);
}

/* Copies the name and enters it with its value. */
static espy_status enter_name(espy_container *c, const char *name, size_t name_bytes, int value,
                              espy_place place, char **copy, espy_error *err) {
    const char *file = c->sources[place.source].name;
    if (memchr(name, 0, name_bytes))
        return espy_fail(err, ESPY_ERR_FORMAT, place.at, "%s: tensor name '%.*s' holds a NUL byte",
                         file, (int)strnlen(name, 200), name);
    char *s = malloc(name_bytes + 1);
    if (!s) return espy_out_of_memory(err);
    memcpy(s, name, name_bytes);
    s[name_bytes] = 0;
    espy_names_result r = espy_names_put(&c->names, s, name_bytes, value);
    if (r == ESPY_NAMES_ADDED) {
        *copy = s;
        return ESPY_OK;
    }
    espy_status status = r == ESPY_NAMES_NO_MEMORY
                             ? espy_out_of_memory(err)
                             : espy_fail(err, ESPY_ERR_FORMAT, place.at,
                                         "%s: tensor '%.200s' is there twice", file, s);
    free(s);
    return status;
}

espy_status espy_container_add_tensor(espy_container *c, const char *name, size_t name_bytes,
                                      const espy_tensor *tensor, espy_place place,
                                      espy_error *err) {
    espy_named_tensor *list =
        with_room(c->tensors, c->n_tensors, &c->tensor_capacity, sizeof *list);
    if (!list) return espy_out_of_memory(err);
    c->tensors = list;
    char *copy = NULL;
    espy_status status = enter_name(c, name, name_bytes, c->n_tensors, place, &copy, err);
    if (status) return status;
    list[c->n_tensors++] = (espy_named_tensor){
        .name = copy,
        .tensor = *tensor,
        .source = place.source,
        .offset = (const uint8_t *)tensor->data - c->sources[place.source].data,
    };
    return ESPY_OK;
}

espy_status espy_container_add_unread(espy_container *c, const char *name, size_t name_bytes,
                                      const char *why, espy_place place, espy_error *err) {
    espy_unread_tensor *list = with_room(c->unread, c->n_unread, &c->unread_capacity, sizeof *list);
    if (!list) return espy_out_of_memory(err);
    c->unread = list;
    char *copy = NULL;
    espy_status status = enter_name(c, name, name_bytes, -1 - c->n_unread, place, &copy, err);
    if (status) return status;
    espy_unread_tensor *t = &list[c->n_unread++];
    *t = (espy_unread_tensor){ .name = copy, .source = place.source, .offset = place.at };
    snprintf(t->why, sizeof t->why, "%s", why);
    return ESPY_OK;
}

espy_status espy_container_add_meta(espy_container *c, const char *key, size_t key_bytes,
                                    const espy_meta *value, espy_place place, espy_error *err) {
    espy_meta_entry *list = with_room(c->meta, c->n_meta, &c->meta_capacity, sizeof *list);
    if (!list) return espy_out_of_memory(err);
    c->meta = list;
    switch (espy_names_put(&c->keys, key, key_bytes, c->n_meta)) {
    case ESPY_NAMES_NO_MEMORY:
        return espy_out_of_memory(err);
    case ESPY_NAMES_THERE_ALREADY:
        return espy_fail(err, ESPY_ERR_FORMAT, place.at, "%s: key '%.*s' is there twice",
                         c->sources[place.source].name, (int)(key_bytes < 200 ? key_bytes : 200),
                         key);
    case ESPY_NAMES_ADDED:
        break;
    }
    list[c->n_meta++] = (espy_meta_entry){ key, key_bytes, *value };
    return ESPY_OK;
}

espy_status espy_container_keep(espy_container *c, void *p, espy_error *err) {
    void **list = with_room(c->kept, c->n_kept, &c->kept_capacity, sizeof *list);
    if (!list) {
        free(p);
        return espy_out_of_memory(err);
    }
    c->kept = list;
    list[c->n_kept++] = p;
    return ESPY_OK;
}

void espy_container_reset(espy_container *c) {
    for (int i = 0; i < c->n_sources; i++) espy_source_close(&c->sources[i]);
    for (int i = 0; i < c->n_tensors; i++) free(c->tensors[i].name);
    for (int i = 0; i < c->n_unread; i++) free(c->unread[i].name);
    for (int i = 0; i < c->n_kept; i++) free(c->kept[i]);
    free(c->sources);
    free(c->tensors);
    free(c->unread);
    free(c->meta);
    free(c->kept);
    espy_names_free(&c->names);
    espy_names_free(&c->keys);
    *c = (espy_container){ .format = c->format, .path = c->path };
}

/* ----------------------------------------------------------------- opening */

/* By the first bytes, else by the extension. */
static const espy_format *format_of(const espy_source *source) {
    for (int i = 0; i < N_FORMATS; i++)
        if (formats[i]->probe(source)) return formats[i];
    for (int i = 0; i < N_FORMATS; i++)
        if (espy_ends_with(source->name, formats[i]->extension)) return formats[i];
    return NULL;
}

static espy_status read_file(espy_container *c, const char *path, espy_error *err) {
    c->format = format_of(&c->sources[0]);
    if (!c->format)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, 0, "%s: neither GGUF nor safetensors",
                         c->sources[0].name);
    return c->format->read(c, path, err);
}

static espy_status read_folder(espy_container *c, espy_error *err) {
    for (int i = 0; i < N_FORMATS; i++)
        if (formats[i]->read_folder) {
            c->format = formats[i];
            return formats[i]->read_folder(c, c->path, err);
        }
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1, "%s: is a folder", c->path);
}

static espy_container *new_container(const char *path) {
    espy_container *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->path = strdup(path);
    if (!c->path) {
        free(c);
        return NULL;
    }
    return c;
}

/* Hands the container out, or closes it. */
static espy_status finish(espy_container *c, espy_status status, espy_container **out) {
    if (status) espy_container_close(&c);
    *out = c;
    return status;
}

espy_status espy_container_open(espy_container **out, const char *path, espy_error *err) {
    *out = NULL;
    struct stat st;
    if (stat(path, &st) != 0)
        return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot open: %s", path, strerror(errno));
    espy_container *c = new_container(path);
    if (!c) return espy_out_of_memory(err);
    espy_status status;
    if (S_ISDIR(st.st_mode)) {
        status = read_folder(c, err);
    } else {
        status = espy_container_add_file(c, path, err);
        if (!status) status = read_file(c, path, err);
    }
    return finish(c, status, out);
}

espy_status espy_container_open_memory(espy_container **out, const void *data, int64_t n_bytes,
                                       const char *name, espy_error *err) {
    *out = NULL;
    espy_container *c = new_container(name);
    if (!c) return espy_out_of_memory(err);
    espy_source source;
    espy_status status = espy_source_memory(&source, data, n_bytes, name, err);
    if (!status) status = espy_container_add_source(c, &source, err);
    if (!status) status = read_file(c, NULL, err);
    return finish(c, status, out);
}

void espy_container_close(espy_container **container) {
    espy_container *c = *container;
    if (!c) return;
    espy_container_reset(c);
    free(c->path);
    free(c);
    *container = NULL;
}

/* ------------------------------------------------------------------ asking */

const char *espy_container_format(const espy_container *c) {
    return c->format->name;
}

const char *espy_container_path(const espy_container *c) {
    return c->path;
}

int64_t espy_container_n_bytes(const espy_container *c) {
    int64_t n = 0;
    for (int i = 0; i < c->n_sources; i++) n += c->sources[i].n_bytes;
    return n;
}

const espy_tensor *espy_container_find(const espy_container *c, const char *name) {
    int i;
    if (!espy_names_get(&c->names, name, strlen(name), &i) || i < 0) return NULL;
    return &c->tensors[i].tensor;
}

static espy_status unread(const espy_container *c, const espy_unread_tensor *t, espy_error *err) {
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, t->offset,
                     "%s: tensor '%.200s' has %s, which espy does not read",
                     c->sources[t->source].name, t->name, t->why);
}

espy_status espy_container_need(const espy_container *c, const char *name, const espy_tensor **out,
                                espy_error *err) {
    int i;
    *out = NULL;
    if (!espy_names_get(&c->names, name, strlen(name), &i))
        return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: tensor '%.200s' is missing", c->path,
                         name);
    if (i >= 0) {
        *out = &c->tensors[i].tensor;
        return ESPY_OK;
    }
    return unread(c, &c->unread[-1 - i], err);
}

espy_status espy_container_need_all(const espy_container *c, espy_error *err) {
    return c->n_unread ? unread(c, &c->unread[0], err) : ESPY_OK;
}

int espy_container_n_tensors(const espy_container *c) {
    return c->n_tensors;
}

const espy_named_tensor *espy_container_tensor(const espy_container *c, int i) {
    return &c->tensors[i];
}

const espy_meta *espy_container_meta(const espy_container *c, const char *key) {
    int i;
    return espy_names_get(&c->keys, key, strlen(key), &i) ? &c->meta[i].value : NULL;
}

int espy_container_n_meta(const espy_container *c) {
    return c->n_meta;
}

const espy_meta *espy_container_meta_entry(const espy_container *c, int i, const char **key,
                                           size_t *key_bytes) {
    *key = c->meta[i].key;
    *key_bytes = c->meta[i].key_bytes;
    return &c->meta[i].value;
}
