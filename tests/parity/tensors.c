/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *read_whole(const char *path, int64_t *n_bytes) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *bytes = NULL;
    size_t n = 0, room = 0, got;
    do {
        if (n + 4096 > room) {
            room = room ? room * 2 : 65536;
            char *more = realloc(bytes, room);
            if (!more) break;
            bytes = more;
        }
        got = fread(bytes + n, 1, room - n - 1, f);
        n += got;
    } while (got);
    fclose(f);
    if (bytes) bytes[n] = '\0';
    if (n_bytes) *n_bytes = (int64_t)n;
    return bytes;
}

int tensors_open(tensors *t, const char *path) {
    memset(t, 0, sizeof *t);
    t->bytes = read_whole(path, &t->n_bytes);
    if (!t->bytes || t->n_bytes < 8) return -1;
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | (uint8_t)t->bytes[i];
    if (length > (uint64_t)t->n_bytes - 8) return -1;
    t->data_at = 8 + (int64_t)length;
    t->header = cJSON_ParseWithLength(t->bytes + 8, (size_t)length);
    return t->header ? 0 : -1;
}

void tensors_close(tensors *t) {
    cJSON_Delete(t->header);
    free(t->bytes);
    memset(t, 0, sizeof *t);
}

view tensors_find(const tensors *t, const char *name, const char *dtype) {
    view v = { 0 };
    const cJSON *entry = cJSON_GetObjectItemCaseSensitive(t->header, name);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsString(type) || strcmp(type->valuestring, dtype) != 0) return v;
    if (cJSON_GetArraySize(shape) > 8 || cJSON_GetArraySize(at) != 2) return v;
    v.n = 1;
    for (const cJSON *d = shape->child; d; d = d->next)
        v.n *= v.shape[v.n_dims++] = (int64_t)d->valuedouble;
    int64_t begin = (int64_t)at->child->valuedouble, end = (int64_t)at->child->next->valuedouble;
    if (begin < 0 || end - begin != v.n * 4 || end > t->n_bytes - t->data_at) return v;
    v.data = t->bytes + t->data_at + begin;
    return v;
}
