/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where bytes come from: a file mapped read-only, or memory. */
#ifndef ESPY_BASE_SOURCE_H
#define ESPY_BASE_SOURCE_H

#include "base/status.h"

typedef struct espy_source {
    char *name; /* path, for messages; owned */
    const uint8_t *data;
    int64_t n_bytes;
    int mapped;  /* munmap on close */
    void *owned; /* free on close   */
} espy_source;

/* Maps a regular file. An empty file gives n_bytes 0 and data non-NULL.
 * Errors ESPY_ERR_IO (with the system's reason), ESPY_ERR_MEMORY. */
espy_status espy_source_open(espy_source *out, const char *path, espy_error *err);

/* Borrows memory, which must outlive the source. */
espy_status espy_source_memory(espy_source *out, const void *data, int64_t n_bytes,
                               const char *name, espy_error *err);

void espy_source_close(espy_source *source);

/* folder "/" name, malloc'd; NULL without memory. */
char *espy_path_join(const char *folder, const char *name);

#endif
