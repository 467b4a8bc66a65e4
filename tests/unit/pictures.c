/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void path_of(char *path, size_t capacity, const char *name) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, capacity, "%s/tests/data/images/%s", root ? root : ".", name);
}

int walk_table(const char *name, void (*fn)(char *columns[MAX_COLUMNS], int n_columns)) {
    char path[4096], line[8192];
    path_of(path, sizeof path, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int n_rows = 0;
    for (; fgets(line, sizeof line, f); n_rows++) {
        char *columns[MAX_COLUMNS] = { 0 }, *rest = NULL;
        int n = 0;
        for (char *s = strtok_r(line, "\t\n", &rest); s && n < MAX_COLUMNS;
             s = strtok_r(NULL, "\t\n", &rest))
            columns[n++] = s;
        fn(columns, n);
    }
    fclose(f);
    return n_rows;
}

uint64_t fnv(const void *data, size_t n_bytes) {
    const uint8_t *p = data;
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n_bytes; i++) h = (h ^ p[i]) * 0x100000001B3u;
    return h;
}

uint64_t hash_of(const char *column) {
    return strtoull(column, NULL, 16);
}

uint8_t *read_picture(const char *name, size_t *n_bytes) {
    char path[4096];
    path_of(path, sizeof path, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long n = ftell(f);
    assert_true(n > 0);
    rewind(f);
    uint8_t *bytes = malloc((size_t)n);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)n, f), n);
    fclose(f);
    *n_bytes = (size_t)n;
    return bytes;
}

espy_image *load_picture(const char *name, espy_alpha alpha) {
    char path[4096];
    path_of(path, sizeof path, name);
    espy_error err = { 0 };
    espy_image *image = NULL;
    if (espy_image_load(&image, path, alpha, &err)) fail_msg("%s", err.message);
    return image;
}
