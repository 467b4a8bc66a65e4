/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON through cJSON: bytes in, tree out, errors with file, line and offset. */
#include "file/json.h"

#include <string.h>

#include "base/source.h"

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0;
}

static espy_status fail_at(const char *bytes, size_t at, const char *what, const char *name,
                           espy_error *err) {
    long line = 1;
    for (size_t i = 0; i < at; i++) line += bytes[i] == '\n';
    return espy_fail(err, ESPY_ERR_FORMAT, (int64_t)at, "%s: %s in line %ld, at byte %zu", name,
                     what, line, at);
}

espy_status espy_json_parse(cJSON **out, const void *bytes, size_t n_bytes, const char *name,
                            espy_error *err) {
    const char *s = bytes;
    *out = NULL;
    size_t skip = n_bytes >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t first = skip;
    while (first < n_bytes && is_blank(s[first])) first++;
    if (first == n_bytes)
        return espy_fail(err, ESPY_ERR_FORMAT, 0, "%s: empty where JSON is expected", name);

    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(s + skip, n_bytes - skip, &end, 0);
    size_t at = end ? (size_t)(end - s) : first;
    if (!tree) return fail_at(s, at, "JSON breaks off or is not valid", name, err);
    while (at < n_bytes && is_blank(s[at])) at++;
    if (at < n_bytes) {
        cJSON_Delete(tree);
        return fail_at(s, at, "bytes after the end of the JSON", name, err);
    }
    *out = tree;
    return ESPY_OK;
}

espy_status espy_json_load(cJSON **out, const char *path, espy_error *err) {
    espy_source source;
    *out = NULL;
    espy_status status = espy_source_open(&source, path, err);
    if (status) return status;
    status = espy_json_parse(out, source.data, (size_t)source.n_bytes, path, err);
    espy_source_close(&source);
    return status;
}

const cJSON *espy_json_at(const cJSON *root, const char *path) {
    char key[128];
    while (root) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof key) return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        root = cJSON_GetObjectItemCaseSensitive(root, key);
        if (!path[n]) return root;
        path += n + 1;
    }
    return NULL;
}
