/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small builders of files for the tests: a growing byte string, the pieces of
 * GGUF and safetensors, and temporary folders. Any failure ends the test. */
#ifndef ESPY_TESTS_BYTES_H
#define ESPY_TESTS_BYTES_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    uint8_t *at;
    size_t n;
} bytes;

void put(bytes *b, const void *p, size_t n);
void put_u32(bytes *b, uint32_t v);
void put_u64(bytes *b, uint64_t v);
void put_string(bytes *b, const char *s); /* GGUF: u64 length, bytes */
void pad_to(bytes *b, size_t multiple);
void drop(bytes *b); /* frees */

/* GGUF pieces. */
void gguf_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_keys);
void gguf_u32(bytes *b, const char *key, uint32_t v);
void gguf_text(bytes *b, const char *key, const char *v);
/* dims innermost first, as in the file */
void gguf_tensor(bytes *b, const char *name, uint32_t type, uint64_t offset, int n_dims, ...);

/* u64 header length, the header text, n_data bytes 0, 1, 2, ... */
void safetensors(bytes *b, const char *header, size_t n_data);

/* A new folder below the system's temporary one. */
void make_folder(char path[64]);
void write_file(const char *folder, const char *name, const void *data, size_t n_bytes);
void remove_folder(const char *path); /* with the files in it */

/* "a/b"; lives for four calls. */
const char *joined(const char *a, const char *b);

/* Writes the tiny one-file GGUF of tests/data under the name of the built-in
 * model: general.name says "espy-nano". */
void write_built_in(const char *path);

#endif
