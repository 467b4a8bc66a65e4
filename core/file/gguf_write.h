/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes GGUF, version 3 (gguf.c has the layout): first every key, then every
 * tensor's name, type and shape, then their bytes in the same order, as a stream.
 *
 *     espy_gguf_writer *w;
 *     espy_gguf_create(&w, "model.gguf", 0, &err)
 *     espy_gguf_put_string(w, "general.architecture", "qwen3vl");
 *     espy_gguf_add_tensor(w, "output_norm.weight", ESPY_F32, 1, shape);
 *     espy_gguf_begin_data(w, &err)
 *     espy_gguf_write(w, bytes, n_bytes, &err)     as often as needed
 *     espy_gguf_commit(w, &err)
 *     espy_gguf_close(&w);
 *
 * The bytes go to PATH.part (or PATH.part2, ...), which takes the name PATH when
 * it is complete. A writer that is closed before leaves nothing behind. */
#ifndef ESPY_FILE_GGUF_WRITE_H
#define ESPY_FILE_GGUF_WRITE_H

#include "base/status.h"
#include "file/container.h"

enum { ESPY_GGUF_ALIGNMENT = 32 };

typedef struct espy_gguf_writer espy_gguf_writer;

/* Errors ESPY_ERR_ARGUMENT when path is there already and overwrite is 0,
 * ESPY_ERR_IO, ESPY_ERR_MEMORY; *out is NULL then. */
espy_status espy_gguf_create(espy_gguf_writer **out, const char *path, int overwrite,
                             espy_error *err);

/* Deletes what is not committed. */
void espy_gguf_close(espy_gguf_writer **writer);

/* Keys, in the order of the file. Names and values are copied. A lack of memory
 * is remembered and told by espy_gguf_begin_data. */
void espy_gguf_put_u32(espy_gguf_writer *w, const char *key, uint32_t v);
void espy_gguf_put_u64(espy_gguf_writer *w, const char *key, uint64_t v);
void espy_gguf_put_f32(espy_gguf_writer *w, const char *key, float v);
void espy_gguf_put_bool(espy_gguf_writer *w, const char *key, int v);
void espy_gguf_put_string(espy_gguf_writer *w, const char *key, const char *s);
void espy_gguf_put_i32s(espy_gguf_writer *w, const char *key, const int32_t *v, uint64_t n);
void espy_gguf_put_f32s(espy_gguf_writer *w, const char *key, const float *v, uint64_t n);
void espy_gguf_put_bools(espy_gguf_writer *w, const char *key, const uint8_t *v, uint64_t n);

/* An array of n strings, of which exactly n must follow. */
void espy_gguf_begin_strings(espy_gguf_writer *w, const char *key, uint64_t n);
void espy_gguf_add_string(espy_gguf_writer *w, const char *s, size_t n_bytes);

/* A key as it was read from another GGUF. */
void espy_gguf_put_meta(espy_gguf_writer *w, const char *key, size_t key_bytes,
                        const espy_meta *value);

/* shape is outermost first. Types that GGUF does not have (F8_E4M3), more than 4
 * dimensions or rows that are not whole blocks are told by espy_gguf_begin_data. */
void espy_gguf_add_tensor(espy_gguf_writer *w, const char *name, espy_dtype dtype, int n_dims,
                          const int64_t *shape);

/* Writes all of the above. Errors ESPY_ERR_IO, ESPY_ERR_MEMORY,
 * ESPY_ERR_INTERNAL (a tensor that GGUF cannot hold). */
espy_status espy_gguf_begin_data(espy_gguf_writer *w, espy_error *err);

/* The next bytes of the present tensor, then of the next one; a call never
 * crosses from one to the next. Errors ESPY_ERR_IO, ESPY_ERR_INTERNAL. */
espy_status espy_gguf_write(espy_gguf_writer *w, const void *data, int64_t n_bytes,
                            espy_error *err);

/* Checks that all is there, and sees it safely on the disk; of several files before
 * any gets its name. Errors ESPY_ERR_IO, ESPY_ERR_INTERNAL (bytes are missing). */
espy_status espy_gguf_finish(espy_gguf_writer *w, espy_error *err);

/* Finishes, and gives the file its name. Errors also ESPY_ERR_ARGUMENT (a file
 * of that name has appeared). */
espy_status espy_gguf_commit(espy_gguf_writer *w, espy_error *err);

/* "PATH: is there already ..." for a path that must not be overwritten, and
 * ESPY_OK for one that is free. */
espy_status espy_gguf_check_free(const char *path, espy_error *err);

/* That, unless overwrite, and the errors of espy_output_path: what espy_gguf_create
 * would say, before long work. */
espy_status espy_gguf_check_output(const char *path, int overwrite, espy_error *err);

/* The number of a type in GGUF files, or -1 (F8_E4M3). */
int espy_gguf_type(espy_dtype dtype); /* gguf.c */

#endif
