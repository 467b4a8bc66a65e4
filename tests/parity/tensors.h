/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Safetensors files with F32 and I32, as espy traces and the reference write
 * them: read whole. The container of core/file knows weights only, and reading
 * it here again keeps the judge apart from what it judges. */
#ifndef ESPY_PARITY_TENSORS_H
#define ESPY_PARITY_TENSORS_H

#include <cjson/cJSON.h>
#include <stdint.h>

typedef struct tensors {
    char *bytes; /* the whole file */
    int64_t n_bytes;
    int64_t data_at;
    cJSON *header;
} tensors;

typedef struct view {
    const void *data; /* NULL: there is none of that name and type */
    int64_t n;        /* values */
    int n_dims;
    int64_t shape[8];
} view;

/* 0, or -1 when the file cannot be read. Close in either case. */
int tensors_open(tensors *t, const char *path);
void tensors_close(tensors *t);

view tensors_find(const tensors *t, const char *name, const char *dtype);

/* A file's bytes with a NUL behind them, or NULL. */
char *read_whole(const char *path, int64_t *n_bytes);

#endif
