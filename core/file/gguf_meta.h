/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A cursor over GGUF bytes, and the reading of one metadata value. Each call
 * either advances or fails with a message that says what was cut short. */
#ifndef ESPY_FILE_GGUF_META_H
#define ESPY_FILE_GGUF_META_H

#include "file/container.h"

typedef struct espy_reader {
    const char *name; /* of the file */
    const uint8_t *data;
    int64_t n_bytes, at;
    espy_error *err;
} espy_reader;

espy_status espy_read_bytes(espy_reader *r, uint64_t n, const uint8_t **out, const char *what);
espy_status espy_read_u32(espy_reader *r, uint32_t *out, const char *what);
espy_status espy_read_u64(espy_reader *r, uint64_t *out, const char *what);
espy_status espy_read_string(espy_reader *r, const char **out, uint64_t *n, const char *what);

/* The type and value that follow a key. An array of strings gets its table of
 * offsets, which the container keeps. */
espy_status espy_read_meta(espy_container *c, espy_reader *r, const char *key, uint64_t key_bytes,
                           espy_meta *out);

#endif
