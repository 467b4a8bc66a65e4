/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF, versions 2 and 3, little-endian:
 *
 *     "GGUF"  u32 version  u64 n_tensors  u64 n_keys
 *     n_keys times     string key  u32 type  value
 *     n_tensors times  string name  u32 n_dims  u64 dims[n_dims]  u32 type  u64 offset
 *     padding to general.alignment (32 unless said), then the data; offsets
 *     count from there and are multiples of the alignment
 *
 * A string is u64 n_bytes and that many bytes. An array is u32 type, u64 n, and n
 * values. dims run innermost first. A split file says so by split.count; its
 * parts are named PREFIX-00001-of-00003.gguf, the first has all the metadata. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/format.h"
#include "file/gguf_meta.h"
#include "file/gguf_write.h"

enum { MAX_DIMS = 4, DEFAULT_ALIGNMENT = 32, MIN_KEY_BYTES = 13, MIN_TENSOR_BYTES = 24 };

/* Rows: the number in the file. A type with a name but no dtype is known to
 * exist and not read. */
static const struct {
    const char *name;
    int dtype; /* -1: not read */
} types[] = {
    [0] = { "F32", ESPY_F32 },
    [1] = { "F16", ESPY_F16 },
    [2] = { "Q4_0", ESPY_Q4_0 },
    [3] = { "Q4_1", ESPY_Q4_1 },
    [6] = { "Q5_0", ESPY_Q5_0 },
    [7] = { "Q5_1", ESPY_Q5_1 },
    [8] = { "Q8_0", ESPY_Q8_0 },
    [9] = { "Q8_1", -1 },
    [10] = { "Q2_K", ESPY_Q2_K },
    [11] = { "Q3_K", ESPY_Q3_K },
    [12] = { "Q4_K", ESPY_Q4_K },
    [13] = { "Q5_K", ESPY_Q5_K },
    [14] = { "Q6_K", ESPY_Q6_K },
    [15] = { "Q8_K", -1 },
    [16] = { "IQ2_XXS", ESPY_IQ2_XXS },
    [17] = { "IQ2_XS", ESPY_IQ2_XS },
    [18] = { "IQ3_XXS", ESPY_IQ3_XXS },
    [19] = { "IQ1_S", -1 },
    [20] = { "IQ4_NL", ESPY_IQ4_NL },
    [21] = { "IQ3_S", ESPY_IQ3_S },
    [22] = { "IQ2_S", ESPY_IQ2_S },
    [23] = { "IQ4_XS", ESPY_IQ4_XS },
    [24] = { "I8", -1 },
    [25] = { "I16", -1 },
    [26] = { "I32", -1 },
    [27] = { "I64", -1 },
    [28] = { "F64", -1 },
    [29] = { "IQ1_M", -1 },
    [30] = { "BF16", ESPY_BF16 },
    [34] = { "TQ1_0", -1 },
    [35] = { "TQ2_0", -1 },
    [39] = { "MXFP4", ESPY_MXFP4 },
    [40] = { "NVFP4", -1 },
};
enum { N_TYPES = sizeof types / sizeof *types };

static const char *type_name(uint32_t type) {
    return type < N_TYPES ? types[type].name : NULL;
}

static int dtype_of(uint32_t type) {
    return type_name(type) ? types[type].dtype : -1;
}

int espy_gguf_type(espy_dtype dtype) {
    for (uint32_t type = 0; type < N_TYPES; type++)
        if (dtype_of(type) == (int)dtype) return (int)type;
    return -1;
}

/* ------------------------------------------------------------------ header */

typedef struct header {
    uint64_t n_tensors, n_keys;
} header;

static espy_status read_header(espy_reader *r, header *h) {
    const uint8_t *magic = NULL;
    uint32_t version = 0;
    espy_status status = espy_read_bytes(r, 4, &magic, "the magic");
    if (status) return status;
    if (memcmp(magic, "GGUF", 4) != 0)
        return espy_fail(r->err, ESPY_ERR_FORMAT, 0, "%s: does not begin with 'GGUF'", r->name);
    status = espy_read_u32(r, &version, "the version");
    if (status) return status;
    if (version != 0 && (version & 0xFFFF) == 0)
        return espy_fail(r->err, ESPY_ERR_UNSUPPORTED, 4,
                         "%s: is a big-endian GGUF; espy reads little-endian ones", r->name);
    if (version != 2 && version != 3)
        return espy_fail(r->err, ESPY_ERR_UNSUPPORTED, 4, "%s: GGUF version %u; espy reads 2 and 3",
                         r->name, version);
    status = espy_read_u64(r, &h->n_tensors, "the tensor count");
    if (!status) status = espy_read_u64(r, &h->n_keys, "the key count");
    if (status) return status;
    uint64_t left = (uint64_t)(r->n_bytes - r->at);
    if (h->n_tensors > left / MIN_TENSOR_BYTES || h->n_tensors > INT_MAX / 4)
        return espy_fail(r->err, ESPY_ERR_FORMAT, 8,
                         "%s: a count of %llu tensors does not fit into %lld bytes", r->name,
                         (unsigned long long)h->n_tensors, (long long)r->n_bytes);
    if (h->n_keys > left / MIN_KEY_BYTES || h->n_keys > INT_MAX / 4)
        return espy_fail(r->err, ESPY_ERR_FORMAT, 16,
                         "%s: a count of %llu keys does not fit into %lld bytes", r->name,
                         (unsigned long long)h->n_keys, (long long)r->n_bytes);
    return ESPY_OK;
}

/* ---------------------------------------------------------------- metadata */

/* Part 0 keeps its keys; of later parts only those that steer the reading
 * count. */
typedef struct part {
    espy_reader r;
    int source;
    int64_t alignment;
    int64_t split_no, split_count, split_tensors; /* -1, 1, -1 unless said */
    int64_t data_at;
} part;

static espy_status read_steering(part *p, const char *key, size_t n, const espy_meta *v,
                                 int64_t at) {
    const struct {
        const char *key;
        int64_t min, max, *out;
    } rows[] = {
        { "general.alignment", 1, (int64_t)1 << 30, &p->alignment },
        { "split.no", 0, 65534, &p->split_no },
        { "split.count", 0, 65535, &p->split_count },
        { "split.tensors.count", 0, INT_MAX, &p->split_tensors },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strlen(rows[i].key) != n || memcmp(rows[i].key, key, n) != 0) continue;
        if (v->type != ESPY_META_INT)
            return espy_fail(p->r.err, ESPY_ERR_FORMAT, at, "%s: key '%s' is not an integer",
                             p->r.name, rows[i].key);
        int power = v->i > 0 && (v->i & (v->i - 1)) == 0;
        if (v->i < rows[i].min || v->i > rows[i].max || (i == 0 && !power))
            return espy_fail(p->r.err, ESPY_ERR_FORMAT, at, "%s: key '%s' is %lld, %s", p->r.name,
                             rows[i].key, (long long)v->i,
                             i == 0 ? "not a power of two up to 2^30" : "out of range");
        *rows[i].out = v->i;
    }
    return ESPY_OK;
}

static espy_status read_keys(espy_container *c, part *p, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        int64_t at = p->r.at;
        const char *key = NULL;
        uint64_t key_bytes = 0;
        espy_meta value = { 0 };
        espy_status status = espy_read_string(&p->r, &key, &key_bytes, "a key");
        if (!status) status = espy_read_meta(c, &p->r, key, key_bytes, &value);
        if (!status) status = read_steering(p, key, (size_t)key_bytes, &value, at);
        if (!status && p->source == 0)
            status = espy_container_add_meta(c, key, (size_t)key_bytes, &value,
                                             (espy_place){ p->source, at }, p->r.err);
        if (status) return status;
    }
    return ESPY_OK;
}

/* ----------------------------------------------------------------- tensors */

typedef struct info {
    const char *name;
    uint64_t name_bytes, offset;
    uint32_t n_dims, type;
    uint64_t dims[MAX_DIMS]; /* innermost first */
    int64_t at;
} info;

static int shown(const info *t) {
    return (int)(t->name_bytes < 200 ? t->name_bytes : 200);
}

static espy_status read_info(espy_reader *r, info *t) {
    t->at = r->at;
    espy_status status = espy_read_string(r, &t->name, &t->name_bytes, "a tensor name");
    if (!status) status = espy_read_u32(r, &t->n_dims, "a tensor's dimension count");
    if (status) return status;
    if (t->n_dims > MAX_DIMS)
        return espy_fail(r->err, ESPY_ERR_FORMAT, r->at - 4,
                         "%s: tensor '%.*s' has %u dimensions; GGUF allows 4", r->name, shown(t),
                         t->name, t->n_dims);
    for (uint32_t i = 0; i < t->n_dims; i++) {
        status = espy_read_u64(r, &t->dims[i], "a tensor's dimensions");
        if (status) return status;
        if (t->dims[i] > INT64_MAX)
            return espy_fail(r->err, ESPY_ERR_FORMAT, r->at - 8,
                             "%s: tensor '%.*s' has a dimension of %llu", r->name, shown(t),
                             t->name, (unsigned long long)t->dims[i]);
    }
    status = espy_read_u32(r, &t->type, "a tensor's type");
    return status ? status : espy_read_u64(r, &t->offset, "a tensor's offset");
}

/* Where the tensor's data begins, relative to the data section. */
static espy_status check_offset(const part *p, const info *t) {
    uint64_t room = (uint64_t)(p->r.n_bytes - p->data_at);
    if (t->offset % (uint64_t)p->alignment)
        return espy_fail(p->r.err, ESPY_ERR_FORMAT, t->at,
                         "%s: tensor '%.*s' has offset %llu, not a multiple of the alignment %lld",
                         p->r.name, shown(t), t->name, (unsigned long long)t->offset,
                         (long long)p->alignment);
    if (t->offset > room)
        return espy_fail(p->r.err, ESPY_ERR_FORMAT, t->at,
                         "%s: tensor '%.*s' begins at %llu of %llu bytes of data", p->r.name,
                         shown(t), t->name, (unsigned long long)t->offset,
                         (unsigned long long)room);
    return ESPY_OK;
}

static espy_status add_unread(espy_container *c, const part *p, const info *t) {
    char why[48];
    const char *name = type_name(t->type);
    snprintf(why, sizeof why, name ? "type %u (%s)" : "type %u", t->type, name);
    return espy_container_add_unread(c, t->name, (size_t)t->name_bytes, why,
                                     (espy_place){ p->source, t->at }, p->r.err);
}

static espy_status add_tensor(espy_container *c, const part *p, const info *t) {
    espy_status status = check_offset(p, t);
    if (status) return status;
    if (dtype_of(t->type) < 0) return add_unread(c, p, t);

    espy_tensor tensor = {
        .dtype = (espy_dtype)dtype_of(t->type),
        .n_dims = (int)t->n_dims,
        .shape = { 1, 1, 1, 1, 1 },
        .data = p->r.data + p->data_at + t->offset,
    };
    for (uint32_t i = 0; i < t->n_dims; i++) tensor.shape[i] = (int64_t)t->dims[t->n_dims - 1 - i];
    if (!espy_tensor_measure(&tensor))
        return espy_fail(p->r.err, ESPY_ERR_FORMAT, t->at,
                         "%s: tensor '%.*s' of type %s has an impossible shape: rows of %lld "
                         "values, or more bytes than 63 bits count",
                         p->r.name, shown(t), t->name, type_name(t->type),
                         (long long)(t->n_dims ? t->dims[0] : 1));
    uint64_t room = (uint64_t)(p->r.n_bytes - p->data_at) - t->offset;
    if ((uint64_t)tensor.n_bytes > room)
        return espy_fail(p->r.err, ESPY_ERR_FORMAT, t->at,
                         "%s: tensor '%.*s' needs %lld bytes, the file has %llu left for it",
                         p->r.name, shown(t), t->name, (long long)tensor.n_bytes,
                         (unsigned long long)room);
    return espy_container_add_tensor(c, t->name, (size_t)t->name_bytes, &tensor,
                                     (espy_place){ p->source, t->at }, p->r.err);
}

/* Twice over the same entries: the first time to learn where they end. */
static espy_status read_tensors(espy_container *c, part *p, uint64_t n) {
    int64_t first = p->r.at;
    info t = { 0 };
    for (uint64_t i = 0; i < n; i++) {
        espy_status status = read_info(&p->r, &t);
        if (status) return status;
    }
    p->data_at = (p->r.at + p->alignment - 1) / p->alignment * p->alignment;
    if (n > 0 && p->data_at > p->r.n_bytes)
        return espy_fail(p->r.err, ESPY_ERR_FORMAT, p->r.n_bytes,
                         "%s: ends at byte %lld, before the tensor data", p->r.name,
                         (long long)p->r.n_bytes);
    p->r.at = first;
    for (uint64_t i = 0; i < n; i++) {
        espy_status status = read_info(&p->r, &t);
        if (!status) status = add_tensor(c, p, &t);
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status read_part(espy_container *c, int source, part *p, espy_error *err) {
    const espy_source *s = &c->sources[source];
    *p = (part){
        .r = { .name = s->name, .data = s->data, .n_bytes = s->n_bytes, .err = err },
        .source = source,
        .alignment = DEFAULT_ALIGNMENT,
        .split_no = -1,
        .split_count = 1,
        .split_tensors = -1,
    };
    header h = { 0 };
    espy_status status = read_header(&p->r, &h);
    if (!status) status = read_keys(c, p, h.n_keys);
    return status ? status : read_tensors(c, p, h.n_tensors);
}

/* ------------------------------------------------------------- split files */

/* Writes number i (from 0) of n over the tail of a part's path. */
static void set_part(char *path, int i, int n) {
    size_t tail = strlen("-00001-of-00003.gguf");
    char text[48];
    snprintf(text, sizeof text, "-%05d-of-%05d.gguf", i + 1, n);
    memcpy(path + strlen(path) - tail, text, tail);
}

/* Whether the path ends like a part of n. */
static int is_part_path(const char *path, int n) {
    size_t tail = strlen("-00001-of-00003.gguf"), length = strlen(path);
    char text[48];
    if (length <= tail) return 0;
    const char *p = path + length - tail;
    snprintf(text, sizeof text, "-of-%05d.gguf", n);
    return p[0] == '-' && strspn(p + 1, "0123456789") == 5 && strcmp(p + 6, text) == 0;
}

static espy_status open_part(espy_container *c, const char *path, int i, int n, part *p,
                             espy_error *err) {
    espy_status status = espy_container_add_file(c, path, err);
    if (status == ESPY_ERR_IO)
        return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: cannot open part %d of %d of the model",
                         path, i + 1, n);
    if (!status) status = read_part(c, i, p, err);
    if (status) return status;
    if (p->split_no != i || p->split_count != n)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: says it is part %lld of %lld where its name says %d of %d", path,
                         (long long)p->split_no + 1, (long long)p->split_count, i + 1, n);
    return ESPY_OK;
}

/* The sources are named after the parts here, so a message names the right file. */
static espy_status read_parts(espy_container *c, char *path, const part *given, espy_error *err) {
    int n = (int)given->split_count, first = 1;
    int64_t n_tensors = given->split_tensors;
    espy_status status = ESPY_OK;
    if (given->split_no != 0) { /* not the one with the metadata: from the start */
        espy_container_reset(c);
        first = 0;
    }
    for (int i = first; i < n && !status; i++) {
        part p = { 0 };
        set_part(path, i, n);
        status = open_part(c, path, i, n, &p, err);
        if (!status && i == 0) n_tensors = p.split_tensors;
    }
    if (status) return status;
    if (n_tensors >= 0 && n_tensors != (int64_t)c->n_tensors + c->n_unread)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: key 'split.tensors.count' is %lld, but the parts hold %d tensors",
                         c->sources[0].name, (long long)n_tensors, c->n_tensors + c->n_unread);
    return ESPY_OK;
}

static espy_status read_gguf(espy_container *c, const char *path, espy_error *err) {
    part given = { 0 };
    espy_status status = read_part(c, 0, &given, err);
    if (status || given.split_count <= 1) return status;
    if (!path)
        return espy_fail(err, ESPY_ERR_MISSING, -1,
                         "%s: is part %lld of %lld; the others are not in memory", given.r.name,
                         (long long)given.split_no + 1, (long long)given.split_count);
    if (!is_part_path(path, (int)given.split_count))
        return espy_fail(err, ESPY_ERR_MISSING, -1,
                         "%s: is one of %lld parts, but its name does not end in "
                         "-00001-of-%05lld.gguf, so the others cannot be found",
                         path, (long long)given.split_count, (long long)given.split_count);
    char *name = strdup(path);
    if (!name) return espy_out_of_memory(err);
    set_part(name, given.split_no < 0 ? 0 : (int)given.split_no, (int)given.split_count);
    if (strcmp(name, path) != 0)
        status = espy_fail(err, ESPY_ERR_FORMAT, -1,
                           "%s: says it is part %lld of %lld, not what its name says", path,
                           (long long)given.split_no + 1, (long long)given.split_count);
    else
        status = read_parts(c, name, &given, err);
    free(name);
    return status;
}

static int probe(const espy_source *s) {
    return s->n_bytes >= 4 && memcmp(s->data, "GGUF", 4) == 0;
}

const espy_format espy_format_gguf = {
    .name = "GGUF",
    .extension = ".gguf",
    .probe = probe,
    .read = read_gguf,
};
