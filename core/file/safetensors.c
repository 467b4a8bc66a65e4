/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Safetensors:
 *
 *     u64 n   header length, little-endian
 *     n bytes JSON: { "name": { "dtype": "BF16", "shape": [2, 3],
 *                               "data_offsets": [begin, end] }, ... }
 *     data    offsets count from here
 *
 * "__metadata__" in the header is skipped. A folder holds model.safetensors, or
 * an index whose weight_map gives the file of each tensor, or plain files. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/format.h"
#include "file/json.h"
#include "file/safetensors_scale.h"

#define MAX_HEADER_BYTES 100000000 /* the format's own limit */

static const struct {
    const char *name;
    espy_dtype dtype;
} types[] = {
    { "F32", ESPY_F32 },
    { "F16", ESPY_F16 },
    { "BF16", ESPY_BF16 },
    { "F8_E4M3", ESPY_F8_E4M3 },
};

/* One file as it is read. */
typedef struct shard {
    espy_container *c;
    int source;
    const char *file;
    const uint8_t *bytes;
    int64_t header_bytes, data_at, n_bytes;
    espy_error *err;
} shard;

/* Where the header names the tensor; its start when the name is escaped there. */
static int64_t place_of(const shard *s, const char *name) {
    size_t n = strlen(name);
    const char *at = (const char *)s->bytes + 8, *end = at + s->header_bytes;
    while (n > 0 && (at = memmem(at, (size_t)(end - at), name, n)) != NULL) {
        if (at[-1] == '"' && at + n < end && at[n] == '"') return (const uint8_t *)at - s->bytes;
        at++;
    }
    return 8;
}

static espy_status broken(const shard *s, const char *name, const char *what) {
    return espy_fail(s->err, ESPY_ERR_FORMAT, place_of(s, name), "%s: tensor '%.200s' %s", s->file,
                     name, what);
}

/* A whole number in [0, 2^53]. */
static int whole(const cJSON *item, int64_t *out) {
    if (!cJSON_IsNumber(item)) return 0;
    double v = item->valuedouble;
    if (!(v >= 0 && v <= 9007199254740992.0) || v != (double)(int64_t)v) return 0;
    *out = (int64_t)v;
    return 1;
}

/* ----------------------------------------------------------------- entries */

typedef struct entry {
    const char *dtype;
    int n_dims; /* may exceed ESPY_MAX_DIMS */
    int64_t shape[ESPY_MAX_DIMS];
    int64_t begin, end;
} entry;

static espy_status read_shape(const shard *s, const cJSON *item, entry *e) {
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape"), *dim;
    if (!cJSON_IsArray(shape)) return broken(s, item->string, "has no shape");
    cJSON_ArrayForEach(dim, shape) {
        int64_t n;
        if (!whole(dim, &n))
            return broken(s, item->string, "has a dimension that is not a whole number");
        if (e->n_dims < ESPY_MAX_DIMS) e->shape[e->n_dims] = n;
        e->n_dims++;
    }
    return ESPY_OK;
}

static espy_status read_offsets(const shard *s, const cJSON *item, entry *e) {
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (cJSON_GetArraySize(offsets) != 2 || !cJSON_IsArray(offsets) ||
        !whole(offsets->child, &e->begin) || !whole(offsets->child->next, &e->end))
        return broken(s, item->string, "has no data_offsets of two whole numbers");
    int64_t room = s->n_bytes - s->data_at;
    if (e->begin > e->end || e->end > room)
        return espy_fail(s->err, ESPY_ERR_FORMAT, place_of(s, item->string),
                         "%s: tensor '%.200s' has data_offsets [%lld, %lld] in %lld bytes of data",
                         s->file, item->string, (long long)e->begin, (long long)e->end,
                         (long long)room);
    return ESPY_OK;
}

/* The place in the header is looked up only for a message: names are many. */
static espy_status added(const shard *s, const char *name, espy_status status, espy_error *why) {
    if (!status) return ESPY_OK;
    return espy_fail(s->err, status, status == ESPY_ERR_FORMAT ? place_of(s, name) : -1, "%s",
                     why->message);
}

static espy_status add_unread(const shard *s, const char *name, const entry *e, int known) {
    char what[48];
    if (known)
        snprintf(what, sizeof what, "%d dimensions", e->n_dims);
    else
        snprintf(what, sizeof what, "type %.40s", e->dtype);
    espy_error why;
    espy_place place = { s->source, s->data_at + e->begin };
    return added(s, name, espy_container_add_unread(s->c, name, strlen(name), what, place, &why),
                 &why);
}

static espy_status add_tensor(const shard *s, const char *name, const entry *e, espy_dtype dtype) {
    espy_tensor t = { .dtype = dtype,
                      .n_dims = e->n_dims,
                      .shape = { 1, 1, 1, 1, 1 },
                      .data = s->bytes + s->data_at + e->begin };
    memcpy(t.shape, e->shape, (size_t)e->n_dims * sizeof *t.shape);
    if (!espy_tensor_measure(&t)) return broken(s, name, "has a shape beyond 63 bits");
    if (t.n_bytes != e->end - e->begin)
        return espy_fail(s->err, ESPY_ERR_FORMAT, place_of(s, name),
                         "%s: tensor '%.200s' has %lld bytes; its shape and type %s need %lld",
                         s->file, name, (long long)(e->end - e->begin), e->dtype,
                         (long long)t.n_bytes);
    espy_error why;
    espy_place place = { s->source, s->data_at + e->begin };
    return added(s, name, espy_container_add_tensor(s->c, name, strlen(name), &t, place, &why),
                 &why);
}

static espy_status read_entry(const shard *s, const cJSON *item) {
    const char *name = item->string;
    if (strcmp(name, "__metadata__") == 0) return ESPY_OK;
    if (!cJSON_IsObject(item)) return broken(s, name, "is not described by an object");
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    if (!cJSON_IsString(dtype)) return broken(s, name, "has no dtype");
    entry e = { .dtype = dtype->valuestring };
    espy_status status = read_shape(s, item, &e);
    if (!status) status = read_offsets(s, item, &e);
    if (status) return status;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, e.dtype) != 0) continue;
        return e.n_dims > ESPY_MAX_DIMS ? add_unread(s, name, &e, 1)
                                        : add_tensor(s, name, &e, types[i].dtype);
    }
    return add_unread(s, name, &e, 0);
}

/* ------------------------------------------------------------------- files */

static espy_status read_header(const shard *s) {
    cJSON *header;
    espy_status status =
        espy_json_parse(&header, s->bytes + 8, (size_t)s->header_bytes, s->file, s->err);
    if (status) {
        if (s->err && s->err->offset >= 0) s->err->offset += 8;
        return status;
    }
    if (!cJSON_IsObject(header))
        status =
            espy_fail(s->err, ESPY_ERR_FORMAT, 8, "%s: the header is not a JSON object", s->file);
    for (const cJSON *item = header->child; item && !status; item = item->next)
        status = read_entry(s, item);
    cJSON_Delete(header);
    return status;
}

static espy_status read_shard(espy_container *c, int source, espy_error *err) {
    const espy_source *src = &c->sources[source];
    if (src->n_bytes < 8)
        return espy_fail(err, ESPY_ERR_FORMAT, 0,
                         "%s: %lld bytes are too few for a safetensors file", src->name,
                         (long long)src->n_bytes);
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n |= (uint64_t)src->data[i] << (8 * i);
    if (n > (uint64_t)src->n_bytes - 8 || n > MAX_HEADER_BYTES)
        return espy_fail(err, ESPY_ERR_FORMAT, 0,
                         "%s: a header of %llu bytes in a file of %lld (a header has at most %d)",
                         src->name, (unsigned long long)n, (long long)src->n_bytes,
                         MAX_HEADER_BYTES);
    shard s = { .c = c,
                .source = source,
                .file = src->name,
                .bytes = src->data,
                .header_bytes = (int64_t)n,
                .data_at = 8 + (int64_t)n,
                .n_bytes = src->n_bytes,
                .err = err };
    return read_header(&s);
}

static espy_status read_safetensors(espy_container *c, const char *path, espy_error *err) {
    (void)path;
    espy_status status = read_shard(c, 0, err);
    return status ? status : espy_attach_scales(c, err);
}

/* ----------------------------------------------------------------- folders */

typedef struct list {
    char **at;
    int n;
} list;

static void list_free(list *l) {
    for (int i = 0; i < l->n; i++) free(l->at[i]);
    free(l->at);
    *l = (list){ 0 };
}

static espy_status list_add(list *l, const char *name, espy_error *err) {
    char **p = realloc(l->at, ((size_t)l->n + 1) * sizeof *p);
    if (!p) return espy_out_of_memory(err);
    l->at = p;
    p[l->n] = strdup(name);
    if (!p[l->n]) return espy_out_of_memory(err);
    l->n++;
    return ESPY_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static espy_status add_indexed(const char *index, const cJSON *item, espy_names *seen, list *files,
                               espy_error *err) {
    const char *file = cJSON_IsString(item) ? item->valuestring : "";
    if (!espy_ends_with(file, ".safetensors") || strpbrk(file, "/\\"))
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%.200s' is said to be in '%.200s', not the name of a "
                         "safetensors file in this folder",
                         index, item->string, file);
    switch (espy_names_put(seen, file, strlen(file), files->n)) {
    case ESPY_NAMES_NO_MEMORY:
        return espy_out_of_memory(err);
    case ESPY_NAMES_THERE_ALREADY:
        return ESPY_OK;
    case ESPY_NAMES_ADDED:
        break;
    }
    return list_add(files, file, err);
}

/* The distinct files of a weight_map. They stay inside the folder. */
static espy_status files_of_index(const char *index, list *files, espy_error *err) {
    cJSON *json;
    espy_status status = espy_json_load(&json, index, err);
    if (status) return status;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "weight_map");
    if (!cJSON_IsObject(map) || !map->child)
        status = espy_fail(err, ESPY_ERR_FORMAT, 0, "%s: has no weight_map", index);
    espy_names seen = { 0 };
    for (const cJSON *item = status ? NULL : map->child; item && !status; item = item->next)
        status = add_indexed(index, item, &seen, files, err);
    espy_names_free(&seen);
    cJSON_Delete(json);
    return status;
}

/* PyTorch's files are programs that run when they are read. */
static espy_status only_pytorch(const char *path, const char *file, espy_error *err) {
    return espy_fail(
        err, ESPY_ERR_UNSUPPORTED, -1,
        "%s: its weights are in PyTorch files (%.100s), which espy does not read; save "
        "each as safetensors: safetensors.torch.save_file(torch.load(FILE, "
        "weights_only=True), FILE + '.safetensors') in Python, see 'man espy', WEIGHTS",
        path, file);
}

static espy_status files_of_folder(const char *path, list *files, espy_error *err) {
    char pytorch[NAME_MAX + 1] = "";
    DIR *dir = opendir(path);
    if (!dir) return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot open: %s", path, strerror(errno));
    espy_status status = ESPY_OK;
    for (struct dirent *d; !status && (d = readdir(dir)) != NULL;) {
        if (d->d_name[0] != '.' && espy_ends_with(d->d_name, ".safetensors"))
            status = list_add(files, d->d_name, err);
        if (strncmp(d->d_name, "pytorch_model", 13) == 0 && espy_ends_with(d->d_name, ".bin"))
            snprintf(pytorch, sizeof pytorch, "%.255s", d->d_name);
    }
    closedir(dir);
    if (status) return status;
    if (!files->n && *pytorch) return only_pytorch(path, pytorch, err);
    if (!files->n)
        return espy_fail(err, ESPY_ERR_MISSING, -1,
                         "%s: no safetensors file in this folder (looked for model.safetensors, "
                         "model.safetensors.index.json, *.safetensors)",
                         path);
    qsort(files->at, (size_t)files->n, sizeof *files->at, by_name);
    return ESPY_OK;
}

static espy_status list_files(const char *folder, list *files, espy_error *err) {
    char *one = espy_path_join(folder, "model.safetensors");
    char *index = espy_path_join(folder, "model.safetensors.index.json");
    espy_status status;
    if (!one || !index)
        status = espy_out_of_memory(err);
    else if (access(one, F_OK) == 0)
        status = list_add(files, "model.safetensors", err);
    else if (access(index, F_OK) == 0)
        status = files_of_index(index, files, err);
    else
        status = files_of_folder(folder, files, err);
    free(one);
    free(index);
    return status;
}

static espy_status open_shard(espy_container *c, const char *folder, const list *files, int i,
                              espy_error *err) {
    char *path = espy_path_join(folder, files->at[i]);
    if (!path) return espy_out_of_memory(err);
    espy_status status;
    if (access(path, F_OK) != 0)
        status = espy_fail(err, ESPY_ERR_MISSING, -1, "%s: file %d of %d of the model is missing",
                           path, i + 1, files->n);
    else
        status = espy_container_add_file(c, path, err);
    free(path);
    return status ? status : read_shard(c, i, err);
}

static espy_status read_folder(espy_container *c, const char *path, espy_error *err) {
    list files = { 0 };
    espy_status status = list_files(path, &files, err);
    for (int i = 0; i < files.n && !status; i++) status = open_shard(c, path, &files, i, err);
    list_free(&files);
    return status ? status : espy_attach_scales(c, err);
}

/* A JSON object where the header belongs. */
static int probe(const espy_source *s) {
    return s->n_bytes > 8 && s->data[8] == '{';
}

const espy_format espy_format_safetensors = {
    .name = "safetensors",
    .extension = ".safetensors",
    .probe = probe,
    .read = read_safetensors,
    .read_folder = read_folder,
};
