/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(int ok, const char *what) {
    if (ok) return;
    perror(what);
    abort();
}

void put(bytes *b, const void *p, size_t n) {
    uint8_t *more = realloc(b->at, b->n + n + 1);
    need(more != NULL, "realloc");
    if (n) memcpy(more + b->n, p, n);
    b->at = more;
    b->n += n;
}

static void put_number(bytes *b, uint64_t v, int n) {
    uint8_t p[8];
    for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> (8 * i));
    put(b, p, (size_t)n);
}

void put_u32(bytes *b, uint32_t v) {
    put_number(b, v, 4);
}

void put_u64(bytes *b, uint64_t v) {
    put_number(b, v, 8);
}

void put_string(bytes *b, const char *s) {
    put_u64(b, strlen(s));
    put(b, s, strlen(s));
}

void pad_to(bytes *b, size_t multiple) {
    while (b->n % multiple) put(b, "", 1);
}

void drop(bytes *b) {
    free(b->at);
    *b = (bytes){ 0 };
}

void gguf_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_keys) {
    put(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_keys);
}

void gguf_u32(bytes *b, const char *key, uint32_t v) {
    put_string(b, key);
    put_u32(b, 4);
    put_u32(b, v);
}

void gguf_text(bytes *b, const char *key, const char *v) {
    put_string(b, key);
    put_u32(b, 8);
    put_string(b, v);
}

void gguf_tensor(bytes *b, const char *name, uint32_t type, uint64_t offset, int n_dims, ...) {
    va_list dims;
    put_string(b, name);
    put_u32(b, (uint32_t)n_dims);
    va_start(dims, n_dims);
    for (int i = 0; i < n_dims; i++) put_u64(b, va_arg(dims, uint64_t));
    va_end(dims);
    put_u32(b, type);
    put_u64(b, offset);
}

void safetensors(bytes *b, const char *header, size_t n_data) {
    put_u64(b, strlen(header));
    put(b, header, strlen(header));
    for (size_t i = 0; i < n_data; i++) {
        uint8_t v = (uint8_t)i;
        put(b, &v, 1);
    }
}

void make_folder(char path[64]) {
    const char *tmp = getenv("TMPDIR");
    snprintf(path, 64, "%s/espy-test-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    need(mkdtemp(path) != NULL, path);
}

const char *joined(const char *a, const char *b) {
    static char paths[4][1200];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", a, b);
    return path;
}

void write_file(const char *folder, const char *name, const void *data, size_t n_bytes) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    need(f != NULL, path);
    need(fwrite(data, 1, n_bytes, f) == n_bytes && fclose(f) == 0, path);
}

void remove_folder(const char *path) {
    DIR *dir = opendir(path);
    need(dir != NULL, path);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", path, d->d_name);
        if (d->d_name[0] != '.') unlink(file);
    }
    closedir(dir);
    rmdir(path);
}

void write_built_in(const char *path) {
    /* one key, which is not needed, shrinks by what the name grows */
    static const char old[] = "general.sampling.penalty_repeat\6\0\0\0\0\0\x80?"
                              "\14\0\0\0\0\0\0\0general.name\10\0\0\0\4\0\0\0\0\0\0\0tiny";
    static const char new[] = "general.sampling.penalty_r\6\0\0\0\0\0\x80?"
                              "\14\0\0\0\0\0\0\0general.name\10\0\0\0\11\0\0\0\0\0\0\0espy-nano";
    char from[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(from, sizeof from, "%s/tests/data/qwen3_vl/gguf/one-file-native.gguf",
             root ? root : ".");
    FILE *f = fopen(from, "rb");
    need(f != NULL && fseek(f, 0, SEEK_END) == 0, from);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *all = malloc(n);
    need(all != NULL && fread(all, 1, n, f) == n, from);
    fclose(f);
    char *hit = memmem(all, n, old, sizeof old - 1);
    need(hit != NULL && sizeof old == sizeof new, "general.name");
    memcpy(hit, new, sizeof new - 1);
    hit[-8] = (char)strcspn(new, "\6"); /* length of the key */
    f = fopen(path, "wb");
    need(f != NULL && fwrite(all, 1, n, f) == n && fclose(f) == 0, path);
    free(all);
}
