/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata values of GGUF. Types by number: 0 u8, 1 i8, 2 u16, 3 i16, 4 u32,
 * 5 i32, 6 f32, 7 bool (one byte), 8 string, 9 array, 10 u64, 11 i64, 12 f64. */
#include "file/gguf_meta.h"

#include <stdlib.h>
#include <string.h>

#include "file/format.h"

enum { TYPE_F32 = 6, TYPE_BOOL = 7, TYPE_STRING = 8, TYPE_ARRAY = 9, TYPE_F64 = 12, N_TYPES = 13 };

/* Bytes of a value; 0 for strings and arrays. */
static const uint8_t width[N_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
static const uint8_t is_signed[N_TYPES] = { [1] = 1, [3] = 1, [5] = 1, [11] = 1 };

static uint64_t little_endian(const uint8_t *p, int n_bytes) {
    uint64_t v = 0;
    for (int i = 0; i < n_bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* ------------------------------------------------------------------ cursor */

espy_status espy_read_bytes(espy_reader *r, uint64_t n, const uint8_t **out, const char *what) {
    if (n > (uint64_t)(r->n_bytes - r->at))
        return espy_fail(r->err, ESPY_ERR_FORMAT, r->at,
                         "%s: ends inside %s: %llu bytes wanted at byte %lld of %lld", r->name,
                         what, (unsigned long long)n, (long long)r->at, (long long)r->n_bytes);
    *out = r->data + r->at;
    r->at += (int64_t)n;
    return ESPY_OK;
}

espy_status espy_read_u32(espy_reader *r, uint32_t *out, const char *what) {
    const uint8_t *p = NULL;
    espy_status status = espy_read_bytes(r, 4, &p, what);
    if (!status) *out = (uint32_t)little_endian(p, 4);
    return status;
}

espy_status espy_read_u64(espy_reader *r, uint64_t *out, const char *what) {
    const uint8_t *p = NULL;
    espy_status status = espy_read_bytes(r, 8, &p, what);
    if (!status) *out = little_endian(p, 8);
    return status;
}

espy_status espy_read_string(espy_reader *r, const char **out, uint64_t *n, const char *what) {
    const uint8_t *p = NULL;
    espy_status status = espy_read_u64(r, n, what);
    if (!status) status = espy_read_bytes(r, *n, &p, what);
    if (!status) *out = (const char *)p;
    return status;
}

/* ------------------------------------------------------------------ values */

static espy_meta_type kind_of(uint32_t type) {
    return type == TYPE_STRING                    ? ESPY_META_STRING
           : type == TYPE_ARRAY                   ? ESPY_META_ARRAY
           : type == TYPE_F32 || type == TYPE_F64 ? ESPY_META_FLOAT
                                                  : ESPY_META_INT;
}

/* A number of the given type; p holds width[type] bytes. Unsigned values beyond
 * int64 saturate. */
static espy_meta number(uint32_t type, const uint8_t *p) {
    espy_meta v = { .type = kind_of(type), .raw = p, .raw_bytes = width[type], .raw_type = type };
    uint64_t bits = little_endian(p, width[type]);
    if (type == TYPE_F32) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        v.f = f;
    } else if (type == TYPE_F64) {
        memcpy(&v.f, &bits, sizeof v.f);
    } else if (is_signed[type]) {
        v.i = width[type] == 1   ? (int8_t)bits
              : width[type] == 2 ? (int16_t)bits
              : width[type] == 4 ? (int32_t)bits
                                 : (int64_t)bits;
        v.f = (double)v.i;
    } else {
        if (type == TYPE_BOOL) bits = bits != 0;
        v.i = bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
        v.f = (double)bits;
    }
    return v;
}

static espy_status read_strings(espy_container *c, espy_reader *r, espy_meta *array) {
    if (array->n == 0) return ESPY_OK;
    uint64_t *at = malloc((size_t)array->n * sizeof *at);
    if (!at) return espy_out_of_memory(r->err);
    espy_status status = espy_container_keep(c, at, r->err);
    for (uint64_t i = 0; i < array->n && !status; i++) {
        const char *s = NULL;
        uint64_t n_bytes = 0;
        at[i] = (uint64_t)(r->data + r->at - array->raw);
        status = espy_read_string(r, &s, &n_bytes, "an array of strings");
    }
    array->string_at = at;
    array->raw_bytes = (uint64_t)(r->data + r->at - array->raw);
    return status;
}

static espy_status read_array(espy_container *c, espy_reader *r, const char *key, int key_shown,
                              espy_meta *out) {
    int64_t start = r->at;
    uint32_t element = 0;
    uint64_t n = 0;
    espy_status status = espy_read_u32(r, &element, "an array");
    if (!status) status = espy_read_u64(r, &n, "an array");
    if (status) return status;
    if (element == TYPE_ARRAY)
        return espy_fail(r->err, ESPY_ERR_UNSUPPORTED, start,
                         "%s: key '%.*s' is an array of arrays", r->name, key_shown, key);
    if (element >= N_TYPES)
        return espy_fail(r->err, ESPY_ERR_FORMAT, start,
                         "%s: key '%.*s' is an array of unknown type %u", r->name, key_shown, key,
                         element);
    uint64_t each = element == TYPE_STRING ? 8 : width[element]; /* at least */
    if (n > (uint64_t)(r->n_bytes - r->at) / each)
        return espy_fail(r->err, ESPY_ERR_FORMAT, start + 4,
                         "%s: key '%.*s' is an array of %llu elements, more than the file holds",
                         r->name, key_shown, key, (unsigned long long)n);
    *out = (espy_meta){
        .type = ESPY_META_ARRAY,
        .element = kind_of(element),
        .n = n,
        .raw = r->data + r->at,
        .raw_type = element,
    };
    if (element == TYPE_STRING) return read_strings(c, r, out);
    out->raw_bytes = n * each;
    const uint8_t *p = NULL;
    return espy_read_bytes(r, n * each, &p, "an array");
}

espy_status espy_read_meta(espy_container *c, espy_reader *r, const char *key, uint64_t key_bytes,
                           espy_meta *out) {
    int shown = (int)(key_bytes < 200 ? key_bytes : 200);
    uint32_t type = 0;
    espy_status status = espy_read_u32(r, &type, "the type of a key");
    if (status) return status;
    if (type >= N_TYPES)
        return espy_fail(r->err, ESPY_ERR_FORMAT, r->at - 4, "%s: key '%.*s' has unknown type %u",
                         r->name, shown, key, type);
    if (type == TYPE_ARRAY) return read_array(c, r, key, shown, out);
    if (type == TYPE_STRING) {
        *out = (espy_meta){ .type = ESPY_META_STRING,
                            .raw = r->data + r->at,
                            .raw_type = TYPE_STRING };
        status = espy_read_string(r, &out->s, &out->s_bytes, "a string value");
        out->raw_bytes = (uint64_t)(r->data + r->at - out->raw);
        return status;
    }
    const uint8_t *p = NULL;
    status = espy_read_bytes(r, width[type], &p, "the value of a key");
    if (!status) *out = number(type, p);
    return status;
}

espy_meta espy_meta_at(const espy_meta *array, uint64_t i) {
    if (array->element == ESPY_META_STRING) {
        const uint8_t *p = array->raw + array->string_at[i];
        return (espy_meta){ .type = ESPY_META_STRING,
                            .s = (const char *)p + 8,
                            .s_bytes = little_endian(p, 8) };
    }
    return number(array->raw_type, array->raw + i * width[array->raw_type]);
}
