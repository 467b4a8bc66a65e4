/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The layout is that of safetensors.c; the header is padded with blanks so that
 * the data begins at a multiple of 8. */
#include "file/safetensors_write.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* F32 and I32 alike. 0 for a shape that cannot be. */
static int measure(const espy_out_tensor *t, int64_t *n_bytes) {
    int64_t n = 4;
    if (t->n_dims < 0 || t->n_dims > ESPY_MAX_DIMS) return 0;
    for (int i = 0; i < t->n_dims; i++) {
        if (t->shape[i] < 0 || (t->shape[i] > 0 && n > (INT64_MAX >> 10) / t->shape[i])) return 0;
        n *= t->shape[i];
    }
    *n_bytes = n;
    return 1;
}

static int add_numbers(cJSON *object, const char *key, const int64_t *values, int n) {
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int i = 0; array && i < n; i++)
        if (!cJSON_AddItemToArray(array, cJSON_CreateNumber((double)values[i]))) return 0;
    return array != NULL;
}

static int add_entry(cJSON *header, const espy_out_tensor *t, const int64_t offsets[2]) {
    cJSON *entry = cJSON_AddObjectToObject(header, t->name);
    return entry && cJSON_AddStringToObject(entry, "dtype", t->is_int ? "I32" : "F32") &&
           add_numbers(entry, "shape", t->shape, t->n_dims) &&
           add_numbers(entry, "data_offsets", offsets, 2);
}

/* The header's text, malloc'd by cJSON. */
static espy_status make_header(const char *path, const espy_out_tensor *tensors, int n, char **out,
                               espy_error *err) {
    cJSON *header = cJSON_CreateObject();
    espy_status status = header ? ESPY_OK : espy_out_of_memory(err);
    int64_t at = 0;
    for (int i = 0; i < n && !status; i++) {
        int64_t n_bytes = 0;
        if (!measure(&tensors[i], &n_bytes) || at > (INT64_MAX >> 10) - n_bytes)
            status = espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s: tensor '%.200s' has a bad shape",
                               path, tensors[i].name);
        else if (!add_entry(header, &tensors[i], (int64_t[2]){ at, at + n_bytes }))
            status = espy_out_of_memory(err);
        at += n_bytes;
    }
    if (!status) {
        *out = cJSON_PrintUnformatted(header);
        if (!*out) status = espy_out_of_memory(err);
    }
    cJSON_Delete(header);
    return status;
}

static int put(FILE *f, const void *data, size_t n_bytes) {
    return n_bytes == 0 || fwrite(data, 1, n_bytes, f) == n_bytes;
}

static int put_all(FILE *f, const char *header, const espy_out_tensor *tensors, int n) {
    size_t n_header = strlen(header), padding = (8 - n_header % 8) % 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)(n_header + padding) >> (8 * i));
    if (!put(f, length, 8) || !put(f, header, n_header) || !put(f, "        ", padding)) return 0;
    for (int i = 0; i < n; i++) {
        int64_t n_bytes = 0;
        if (!measure(&tensors[i], &n_bytes) || !put(f, tensors[i].data, (size_t)n_bytes)) return 0;
    }
    return 1;
}

static espy_status write_file(const char *path, const char *part, const char *header,
                              const espy_out_tensor *tensors, int n, espy_error *err) {
    FILE *f = fopen(part, "wb");
    if (!f) return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot write: %s", part, strerror(errno));
    int written = put_all(f, header, tensors, n);
    int why = errno;
    if (fclose(f) != 0 && written) {
        written = 0;
        why = errno;
    }
    if (written && rename(part, path) == 0) return ESPY_OK;
    if (written) why = errno;
    remove(part);
    return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot write: %s", path, strerror(why));
}

espy_status espy_safetensors_write(const char *path, const espy_out_tensor *tensors, int n,
                                   espy_error *err) {
    char *header = NULL, *real = NULL, *part = NULL;
    espy_status status = make_header(path, tensors, n, &header, err);
    if (status) return status;
    status = espy_output_path(&real, path, err);
    size_t n_part = status ? 0 : strlen(real) + sizeof ".part";
    if (!status) part = malloc(n_part);
    if (part) {
        snprintf(part, n_part, "%s.part", real);
        status = write_file(real, part, header, tensors, n, err);
    } else if (!status) {
        status = espy_out_of_memory(err);
    }
    free(part);
    free(real);
    cJSON_free(header);
    return status;
}
