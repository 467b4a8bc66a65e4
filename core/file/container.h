/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Weights files as one name space of tensors.
 *
 * A container is one format's way to read a set of sources that belong
 * together: the shards of a safetensors folder, or the parts of a split GGUF.
 * Tensors are views into the mappings. Metadata exists in GGUF only. */
#ifndef ESPY_FILE_CONTAINER_H
#define ESPY_FILE_CONTAINER_H

#include "base/source.h"
#include "base/tensor.h"

typedef enum espy_meta_type {
    ESPY_META_INT,   /* any integer type; also bool (0, 1)   */
    ESPY_META_FLOAT, /* f32, f64                             */
    ESPY_META_STRING,
    ESPY_META_ARRAY
} espy_meta_type;

/* One metadata value. Strings are views, not NUL-terminated. */
typedef struct espy_meta {
    espy_meta_type type;
    int64_t i;
    double f; /* also the value of an INT, as double */
    const char *s;
    uint64_t s_bytes;
    /* arrays: element type (never ARRAY), count; elements through
     * espy_meta_at */
    espy_meta_type element;
    uint64_t n;
    /* the bytes as they lie in the file, and the format's own number of their type:
     * of an array all its elements, of a string its length field too */
    const uint8_t *raw;
    uint64_t raw_bytes;
    uint32_t raw_type;
    const uint64_t *string_at; /* [n] offsets into raw of each string's length field */
} espy_meta;

typedef struct espy_named_tensor {
    char *name; /* NUL-terminated, owned by the container */
    espy_tensor tensor;
    int source;     /* index into sources */
    int64_t offset; /* of the data in that source, for messages */
} espy_named_tensor;

typedef struct espy_container espy_container;

/* Opens a GGUF file (all parts of a split one, from any part's path), or a
 * folder with safetensors (model.safetensors, or model.safetensors.index.json
 * and the shards it names, or every *.safetensors in it), or one .safetensors
 * file. Every offset, size and count is checked: after success each tensor's
 * data lies inside its mapping and n_bytes fits dtype and shape.
 *
 * Safetensors: types F32 F16 BF16 F8_E4M3 are tensors; others (I64, U8, ...)
 * are skipped. "X.weight_scale_inv" (F32, BF16 or F16, 2-D) becomes the scale
 * of the F8_E4M3 tensor "X.weight" as f32 (owned by the container), with
 * scale_rows = scale_cols = 128 unless the shapes say otherwise.
 * GGUF: IQ2, IQ3 and MXFP4 types stay as they are here (model/weights converts);
 * a type that espy does not read keeps its tensor out of espy_container_find and
 * is an error of espy_container_need, nowhere else.
 *
 * Errors ESPY_ERR_IO, ESPY_ERR_FORMAT (message names file; offset is the place),
 * ESPY_ERR_UNSUPPORTED (not a known format, version), ESPY_ERR_MISSING (a shard
 * or part), ESPY_ERR_MEMORY. */
espy_status espy_container_open(espy_container **out, const char *path, espy_error *err);

/* The same from memory: one GGUF or one safetensors. Used by tests and fuzzers. */
espy_status espy_container_open_memory(espy_container **out, const void *data, int64_t n_bytes,
                                       const char *name, espy_error *err);

void espy_container_close(espy_container **container);

const char *espy_container_format(const espy_container *c); /* "GGUF", "safetensors" */
const char *espy_container_path(const espy_container *c);   /* as opened              */
int64_t espy_container_n_bytes(const espy_container *c);    /* of all files          */

/* NULL if there is no such tensor. Constant-time. */
const espy_tensor *espy_container_find(const espy_container *c, const char *name);

/* The same for a tensor that must be there. Errors ESPY_ERR_MISSING, or
 * ESPY_ERR_UNSUPPORTED when its type is none that espy reads; *out is NULL then. */
espy_status espy_container_need(const espy_container *c, const char *name, const espy_tensor **out,
                                espy_error *err);

/* ESPY_ERR_UNSUPPORTED if any tensor has a type that espy does not read. */
espy_status espy_container_need_all(const espy_container *c, espy_error *err);

/* All tensors, in file order. */
int espy_container_n_tensors(const espy_container *c);
const espy_named_tensor *espy_container_tensor(const espy_container *c, int i);

/* GGUF metadata; NULL if there is no such key. */
const espy_meta *espy_container_meta(const espy_container *c, const char *key);

/* All of it, in file order: key i (not NUL-terminated) and its value. */
int espy_container_n_meta(const espy_container *c);
const espy_meta *espy_container_meta_entry(const espy_container *c, int i, const char **key,
                                           size_t *key_bytes);

/* Element i (< n) of an array value; strings and numbers alike. */
espy_meta espy_meta_at(const espy_meta *array, uint64_t i);

#endif
