/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a format's reader knows of the container that it fills. Only container.c
 * and the readers include this. */
#ifndef ESPY_FILE_FORMAT_H
#define ESPY_FILE_FORMAT_H

#include "file/container.h"
#include "file/names.h"

typedef struct espy_format {
    const char *name;
    const char *extension; /* ".gguf"; decides when the bytes do not */
    /* Whether the first bytes look like this format. */
    int (*probe)(const espy_source *source);
    /* Reads source 0, which is there already, and adds what belongs to it.
     * path is NULL for memory. */
    espy_status (*read)(espy_container *c, const char *path, espy_error *err);
    /* Adds and reads the sources of a folder; NULL: folders are not for it. */
    espy_status (*read_folder)(espy_container *c, const char *path, espy_error *err);
} espy_format;

extern const espy_format espy_format_gguf;        /* gguf.c */
extern const espy_format espy_format_safetensors; /* safetensors.c */

/* A tensor that espy cannot use, kept for its message. */
typedef struct espy_unread_tensor {
    char *name;
    char why[48]; /* "type 19 (IQ1_S)" */
    int source;
    int64_t offset;
} espy_unread_tensor;

typedef struct espy_meta_entry {
    const char *key; /* view */
    size_t key_bytes;
    espy_meta value;
} espy_meta_entry;

struct espy_container {
    const espy_format *format;
    char *path;
    espy_source *sources;
    int n_sources;
    espy_named_tensor *tensors;
    int n_tensors, tensor_capacity;
    espy_unread_tensor *unread;
    int n_unread, unread_capacity;
    espy_names names; /* i: tensors[i]; -1 - i: unread[i] */
    espy_meta_entry *meta;
    int n_meta, meta_capacity;
    espy_names keys; /* index into meta */
    void **kept;     /* freed with the container */
    int n_kept, kept_capacity;
};

/* Takes ownership of *source (emptied) whether it succeeds or not. */
espy_status espy_container_add_source(espy_container *c, espy_source *source, espy_error *err);

/* Maps a file and adds it. */
espy_status espy_container_add_file(espy_container *c, const char *path, espy_error *err);

/* Where a name stands, for the messages of the three below. */
typedef struct espy_place {
    int source; /* index */
    int64_t at; /* byte offset of the entry that names it */
} espy_place;

/* tensor->data must lie inside the source. A name that is there already or that
 * holds a NUL is ESPY_ERR_FORMAT. */
espy_status espy_container_add_tensor(espy_container *c, const char *name, size_t name_bytes,
                                      const espy_tensor *tensor, espy_place place, espy_error *err);

/* The same for a tensor that find() will not give; why completes "tensor 'X' has
 * ..., which espy does not read". */
espy_status espy_container_add_unread(espy_container *c, const char *name, size_t name_bytes,
                                      const char *why, espy_place place, espy_error *err);

/* key is a view into the source. */
espy_status espy_container_add_meta(espy_container *c, const char *key, size_t key_bytes,
                                    const espy_meta *value, espy_place place, espy_error *err);

/* The container frees p when it closes; at once if it cannot remember it. */
espy_status espy_container_keep(espy_container *c, void *p, espy_error *err);

/* Drops everything that was read; path and format stay. */
void espy_container_reset(espy_container *c);

/* Fills n_bytes for dtype and shape. 0 when the size overflows int64 or a row is
 * not a whole number of blocks. */
int espy_tensor_measure(espy_tensor *t);

int espy_ends_with(const char *s, const char *tail);

#endif
