/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file/gguf_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TYPE_U32 = 4,
    TYPE_I32 = 5,
    TYPE_F32 = 6,
    TYPE_BOOL = 7,
    TYPE_STRING = 8,
    TYPE_ARRAY = 9,
    TYPE_U64 = 10
};

/* Bytes that grow. */
typedef struct bytes {
    uint8_t *data;
    size_t n, capacity;
} bytes;

struct espy_gguf_writer {
    char *path, *part;
    FILE *file;
    int overwrite, committed;
    bytes keys, infos;
    uint64_t n_keys;
    int64_t *sizes; /* [n_tensors] bytes of each, without padding */
    int n_tensors, tensor_capacity;
    int64_t offset; /* of the next tensor, in the data */
    int out_of_memory;
    char unfit[200]; /* name of a tensor that GGUF cannot hold */
    int present;     /* tensor that is being written */
    int64_t at;      /* bytes of it that are written */
};

/* --------------------------------------------------------------- the buffers */

static void append(espy_gguf_writer *w, bytes *b, const void *data, size_t n) {
    if (w->out_of_memory || n == 0) return;
    if (n > b->capacity - b->n) {
        size_t capacity = b->capacity * 2 > b->n + n ? b->capacity * 2 : b->n + n + 4096;
        uint8_t *grown = realloc(b->data, capacity);
        if (!grown) {
            w->out_of_memory = 1;
            return;
        }
        b->data = grown;
        b->capacity = capacity;
    }
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void append_number(espy_gguf_writer *w, bytes *b, uint64_t v, int n_bytes) {
    uint8_t p[8];
    for (int i = 0; i < n_bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
    append(w, b, p, (size_t)n_bytes);
}

static void append_string(espy_gguf_writer *w, bytes *b, const char *s, size_t n) {
    append_number(w, b, n, 8);
    append(w, b, s, n);
}

static uint32_t float_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* -------------------------------------------------------------------- keys */

static void begin_key(espy_gguf_writer *w, const char *key, size_t key_bytes, uint32_t type) {
    append_string(w, &w->keys, key, key_bytes);
    append_number(w, &w->keys, type, 4);
    w->n_keys++;
}

static void begin_array(espy_gguf_writer *w, const char *key, uint32_t element, uint64_t n) {
    begin_key(w, key, strlen(key), TYPE_ARRAY);
    append_number(w, &w->keys, element, 4);
    append_number(w, &w->keys, n, 8);
}

void espy_gguf_put_u32(espy_gguf_writer *w, const char *key, uint32_t v) {
    begin_key(w, key, strlen(key), TYPE_U32);
    append_number(w, &w->keys, v, 4);
}

void espy_gguf_put_u64(espy_gguf_writer *w, const char *key, uint64_t v) {
    begin_key(w, key, strlen(key), TYPE_U64);
    append_number(w, &w->keys, v, 8);
}

void espy_gguf_put_f32(espy_gguf_writer *w, const char *key, float v) {
    begin_key(w, key, strlen(key), TYPE_F32);
    append_number(w, &w->keys, float_bits(v), 4);
}

void espy_gguf_put_bool(espy_gguf_writer *w, const char *key, int v) {
    begin_key(w, key, strlen(key), TYPE_BOOL);
    append_number(w, &w->keys, v != 0, 1);
}

void espy_gguf_put_string(espy_gguf_writer *w, const char *key, const char *s) {
    begin_key(w, key, strlen(key), TYPE_STRING);
    append_string(w, &w->keys, s, strlen(s));
}

void espy_gguf_put_i32s(espy_gguf_writer *w, const char *key, const int32_t *v, uint64_t n) {
    begin_array(w, key, TYPE_I32, n);
    for (uint64_t i = 0; i < n; i++) append_number(w, &w->keys, (uint32_t)v[i], 4);
}

void espy_gguf_put_f32s(espy_gguf_writer *w, const char *key, const float *v, uint64_t n) {
    begin_array(w, key, TYPE_F32, n);
    for (uint64_t i = 0; i < n; i++) append_number(w, &w->keys, float_bits(v[i]), 4);
}

void espy_gguf_put_bools(espy_gguf_writer *w, const char *key, const uint8_t *v, uint64_t n) {
    begin_array(w, key, TYPE_BOOL, n);
    for (uint64_t i = 0; i < n; i++) append_number(w, &w->keys, v[i] != 0, 1);
}

void espy_gguf_begin_strings(espy_gguf_writer *w, const char *key, uint64_t n) {
    begin_array(w, key, TYPE_STRING, n);
}

void espy_gguf_add_string(espy_gguf_writer *w, const char *s, size_t n_bytes) {
    append_string(w, &w->keys, s, n_bytes);
}

void espy_gguf_put_meta(espy_gguf_writer *w, const char *key, size_t key_bytes,
                        const espy_meta *value) {
    if (value->type == ESPY_META_ARRAY) {
        begin_key(w, key, key_bytes, TYPE_ARRAY);
        append_number(w, &w->keys, value->raw_type, 4);
        append_number(w, &w->keys, value->n, 8);
    } else {
        begin_key(w, key, key_bytes, value->raw_type);
    }
    append(w, &w->keys, value->raw, (size_t)value->raw_bytes);
}

/* ----------------------------------------------------------------- tensors */

static int64_t padded(int64_t n) {
    return (n + ESPY_GGUF_ALIGNMENT - 1) / ESPY_GGUF_ALIGNMENT * ESPY_GGUF_ALIGNMENT;
}

/* Bytes of a tensor, -1 if GGUF cannot hold it. */
static int64_t measure(espy_dtype dtype, int n_dims, const int64_t *shape) {
    int64_t n = 1;
    int empty = 0;
    if (espy_gguf_type(dtype) < 0 || n_dims < 1 || n_dims > 4) return -1;
    if (shape[n_dims - 1] % espy_dtypes[dtype].block) return -1;
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0) return -1;
        empty |= shape[i] == 0;
    }
    if (empty) return 0; /* whatever the other lengths are */
    for (int i = 0; i < n_dims; i++) {
        if (n > (INT64_MAX >> 10) / shape[i]) return -1;
        n *= shape[i];
    }
    return espy_row_bytes(dtype, n);
}

void espy_gguf_add_tensor(espy_gguf_writer *w, const char *name, espy_dtype dtype, int n_dims,
                          const int64_t *shape) {
    int64_t n_bytes = measure(dtype, n_dims, shape);
    if (n_bytes < 0 || w->offset > (INT64_MAX >> 4) - n_bytes) {
        snprintf(w->unfit, sizeof w->unfit, "%s", name);
        return;
    }
    if (w->n_tensors == w->tensor_capacity) {
        int capacity = w->tensor_capacity * 2 + 256;
        int64_t *grown = realloc(w->sizes, (size_t)capacity * sizeof *grown);
        if (!grown) {
            w->out_of_memory = 1;
            return;
        }
        w->sizes = grown;
        w->tensor_capacity = capacity;
    }
    w->sizes[w->n_tensors++] = n_bytes;
    append_string(w, &w->infos, name, strlen(name));
    append_number(w, &w->infos, (uint64_t)n_dims, 4);
    for (int i = n_dims - 1; i >= 0; i--) append_number(w, &w->infos, (uint64_t)shape[i], 8);
    append_number(w, &w->infos, (uint64_t)espy_gguf_type(dtype), 4);
    append_number(w, &w->infos, (uint64_t)w->offset, 8);
    w->offset += padded(n_bytes);
}

/* -------------------------------------------------------------------- file */

static espy_status failed(const espy_gguf_writer *w, int why, espy_error *err) {
    return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot write: %s", w->path, strerror(why));
}

espy_status espy_gguf_check_free(const char *path, espy_error *err) {
    struct stat st;
    if (lstat(path, &st) != 0) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s: is there already, and stays as it is", path);
}

espy_status espy_gguf_check_output(const char *path, int overwrite, espy_error *err) {
    char *real = NULL;
    espy_status status = overwrite ? ESPY_OK : espy_gguf_check_free(path, err);
    if (!status) status = espy_output_path(&real, path, err);
    free(real);
    return status;
}

/* A name beside the path that no file has. */
static int open_part(espy_gguf_writer *w) {
    size_t n = strlen(w->path) + 16;
    w->part = malloc(n);
    if (!w->part) return ENOMEM;
    for (int i = 1; i < 100; i++) {
        snprintf(w->part, n, i > 1 ? "%s.part%d" : "%s.part", w->path, i);
        int fd = open(w->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) continue;
        w->file = fd < 0 ? NULL : fdopen(fd, "wb");
        if (w->file) return 0;
        int why = errno;
        if (fd >= 0) {
            close(fd);
            unlink(w->part);
        }
        return why;
    }
    return EEXIST;
}

espy_status espy_gguf_create(espy_gguf_writer **out, const char *path, int overwrite,
                             espy_error *err) {
    *out = NULL;
    espy_status status = overwrite ? ESPY_OK : espy_gguf_check_free(path, err);
    if (status) return status;
    espy_gguf_writer *w = calloc(1, sizeof *w);
    if (!w) return espy_out_of_memory(err);
    w->overwrite = overwrite;
    status = espy_output_path(&w->path, path, err);
    int why = status ? 0 : open_part(w);
    if (why == ENOMEM)
        status = espy_out_of_memory(err);
    else if (why)
        status = failed(w, why, err);
    *out = w;
    if (status) espy_gguf_close(out);
    return status;
}

void espy_gguf_close(espy_gguf_writer **writer) {
    espy_gguf_writer *w = writer ? *writer : NULL;
    if (!w) return;
    if (w->file) { /* open_part has made it */
        fclose(w->file);
        if (!w->committed) unlink(w->part);
    }
    free(w->path);
    free(w->part);
    free(w->keys.data);
    free(w->infos.data);
    free(w->sizes);
    free(w);
    *writer = NULL;
}

static int put(espy_gguf_writer *w, const void *data, size_t n) {
    return n == 0 || fwrite(data, 1, n, w->file) == n;
}

static int put_zeros(espy_gguf_writer *w, int64_t n) {
    static const uint8_t zeros[ESPY_GGUF_ALIGNMENT];
    return put(w, zeros, (size_t)n);
}

espy_status espy_gguf_begin_data(espy_gguf_writer *w, espy_error *err) {
    bytes head = { 0 };
    if (w->unfit[0])
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "%s: GGUF cannot hold tensor '%s'", w->path,
                         w->unfit);
    append(w, &head, "GGUF", 4);
    append_number(w, &head, 3, 4);
    append_number(w, &head, (uint64_t)w->n_tensors, 8);
    append_number(w, &head, w->n_keys, 8);
    int64_t n = (int64_t)(head.n + w->keys.n + w->infos.n);
    int written = !w->out_of_memory && put(w, head.data, head.n) &&
                  put(w, w->keys.data, w->keys.n) && put(w, w->infos.data, w->infos.n) &&
                  put_zeros(w, padded(n) - n);
    int why = errno;
    free(head.data);
    if (w->out_of_memory) return espy_out_of_memory(err);
    return written ? ESPY_OK : failed(w, why, err);
}

espy_status espy_gguf_write(espy_gguf_writer *w, const void *data, int64_t n_bytes,
                            espy_error *err) {
    while (w->present < w->n_tensors && w->sizes[w->present] == 0) w->present++;
    if (n_bytes == 0) return ESPY_OK;
    if (w->present >= w->n_tensors || n_bytes > w->sizes[w->present] - w->at)
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "%s: more bytes than the tensors have",
                         w->path);
    if (!put(w, data, (size_t)n_bytes)) return failed(w, errno, err);
    w->at += n_bytes;
    if (w->at < w->sizes[w->present]) return ESPY_OK;
    if (!put_zeros(w, padded(w->at) - w->at)) return failed(w, errno, err);
    w->present++;
    w->at = 0;
    return ESPY_OK;
}

/* Where no file may be replaced, a hard link fails if one is there; not every
 * file system has them. */
static int give_name(const espy_gguf_writer *w) {
    if (w->overwrite) return rename(w->part, w->path);
    if (link(w->part, w->path) == 0) return unlink(w->part);
    if (errno == EEXIST) return -1;
    struct stat st;
    if (lstat(w->path, &st) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(w->part, w->path);
}

espy_status espy_gguf_finish(espy_gguf_writer *w, espy_error *err) {
    espy_status status = espy_gguf_write(w, NULL, 0, err); /* past empty tensors */
    if (!status && w->present < w->n_tensors)
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "%s: tensor %d of %d is not complete", w->path,
                         w->present + 1, w->n_tensors);
    if (fflush(w->file) != 0 || (fsync(fileno(w->file)) != 0 && errno != EINVAL))
        return failed(w, errno, err);
    return status;
}

espy_status espy_gguf_commit(espy_gguf_writer *w, espy_error *err) {
    espy_status status = espy_gguf_finish(w, err);
    if (status) return status;
    if (give_name(w) != 0) {
        int why = errno;
        if (why == EEXIST) status = espy_gguf_check_free(w->path, err);
        return status ? status : failed(w, why, err);
    }
    w->committed = 1;
    return ESPY_OK;
}
