/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/family.h"
#include "model/open.h"

static int ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcasecmp(s + n - m, end) == 0;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int is_mmproj(const char *name) {
    return strcasestr(name, "mmproj") != NULL;
}

/* Later parts of a split file are not models of their own. */
static int is_later_part(const char *name) {
    int part, of, end = 0;
    size_t n = strlen(name);
    if (n < 20) return 0;
    return sscanf(name + n - 20, "-%5d-of-%5d.gguf%n", &part, &of, &end) == 2 && end == 20 &&
           part > 1;
}

static int is_gguf(const char *name, int mmproj) {
    return ends_with(name, ".gguf") && is_mmproj(name) == mmproj && !is_later_part(name);
}

int espy_place_is_gguf(const char *name) {
    return is_gguf(name, 0);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, int n) {
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
}

/* The .gguf names in a folder, sorted; first parts only. -1 without memory. */
static int list_gguf(const char *folder, int mmproj, char ***out) {
    DIR *dir = opendir(folder);
    char **names = NULL;
    int n = 0, failed = 0;
    *out = NULL;
    if (!dir) return 0;
    for (struct dirent *e; !failed && (e = readdir(dir));) {
        if (!is_gguf(e->d_name, mmproj)) continue;
        char **grown = realloc(names, (size_t)(n + 1) * sizeof *grown);
        if (grown) names = grown;
        char *copy = grown ? strdup(e->d_name) : NULL;
        if (copy)
            names[n++] = copy;
        else
            failed = 1;
    }
    closedir(dir);
    if (failed) {
        free_names(names, n);
        return -1;
    }
    if (n) qsort(names, (size_t)n, sizeof *names, by_name);
    *out = names;
    return n;
}

static int has_file(const char *folder, const char *name) {
    char *path = espy_path_join(folder, name);
    int there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static int has_ending(const char *folder, const char *end) {
    DIR *dir = opendir(folder);
    int there = 0;
    if (!dir) return 0;
    for (struct dirent *e; !there && (e = readdir(dir));) there = ends_with(e->d_name, end);
    closedir(dir);
    return there;
}

/* Some folders of GGUF files carry the config.json that they were made from. */
static int has_weights(const char *folder) {
    return has_ending(folder, ".safetensors") || has_ending(folder, ".safetensors.index.json");
}

static int has_gguf(const char *folder) {
    return has_ending(folder, ".gguf");
}

static espy_status find_in_folder(espy_place *out, const char *folder, espy_error *err) {
    if (has_file(folder, "config.json") && (has_weights(folder) || !has_gguf(folder))) {
        out->folder = strdup(folder);
        return out->folder ? ESPY_OK : espy_out_of_memory(err);
    }
    char **names;
    int n = list_gguf(folder, 0, &names);
    espy_status status = ESPY_OK;
    if (n < 0)
        status = espy_out_of_memory(err);
    else if (n == 0)
        status = espy_fail(err, ESPY_ERR_MISSING, -1,
                           "%s: no model here; a folder with config.json and *.safetensors, or a "
                           ".gguf file, is expected",
                           folder);
    else if (n > 1)
        status = espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                           "%s: several models here (%s, %s%s); name one of the files", folder,
                           names[0], names[1], n > 2 ? ", ..." : "");
    else if (!(out->gguf = espy_path_join(folder, names[0])))
        status = espy_out_of_memory(err);
    if (n > 0) free_names(names, n);
    return status;
}

espy_status espy_place_find(espy_place *out, const char *path, espy_error *err) {
    struct stat st;
    *out = (espy_place){ 0 };
    if (stat(path, &st) != 0)
        return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot open: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return find_in_folder(out, path, err);
    if (ends_with(path, ".safetensors") || strcmp(base_name(path), "config.json") == 0 ||
        ends_with(path, ".safetensors.index.json")) {
        char *folder = folder_of(path);
        espy_status status = folder ? find_in_folder(out, folder, err) : espy_out_of_memory(err);
        free(folder);
        return status;
    }
    out->gguf = strdup(path);
    return out->gguf ? ESPY_OK : espy_out_of_memory(err);
}

void espy_place_free(espy_place *place) {
    free(place->folder);
    free(place->gguf);
    *place = (espy_place){ 0 };
}

/* Letters and digits of a name without "mmproj", lower case. */
static void stem(char *out, size_t capacity, const char *name) {
    size_t n = 0;
    for (const char *s = name; *s && n + 1 < capacity;) {
        if (strncasecmp(s, "mmproj", 6) == 0)
            s += 6;
        else if (isalnum((unsigned char)*s))
            out[n++] = (char)tolower((unsigned char)*s++);
        else
            s++;
    }
    out[n] = 0;
}

static size_t common_prefix(const char *a, const char *b) {
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return n;
}

const char *espy_projector_of(const espy_container *c, size_t *n) {
    const espy_meta *type = espy_container_meta(c, "clip.projector_type");
    if (!type) type = espy_container_meta(c, "clip.vision.projector_type");
    if (!type || type->type != ESPY_META_STRING) return NULL;
    *n = type->s_bytes;
    return type->s;
}

/* Whether a file is an mmproj of this width for this architecture, and, unless it is
 * NULL, of this family. */
static int is_suitable(const char *path, int64_t dim, const char *architecture,
                       const espy_family *named) {
    espy_container *c;
    if (espy_container_open(&c, path, NULL)) return 0;
    const espy_meta *width = espy_container_meta(c, "clip.vision.projection_dim");
    size_t n = 0;
    const char *projector = espy_projector_of(c, &n);
    const espy_family *family =
        projector ? espy_family_of_gguf(architecture, projector, n, NULL) : NULL;
    int fits = family && (!named || family == named) && width && width->i == dim;
    espy_container_close(&c);
    return fits;
}

espy_status espy_mmproj_find(char **out, const char *gguf_path, int64_t dim,
                             const char *architecture, const espy_family *named, espy_error *err) {
    *out = NULL;
    char *folder = folder_of(gguf_path), **names = NULL;
    int n = folder ? list_gguf(folder, 1, &names) : -1;
    espy_status status = n < 0 ? espy_out_of_memory(err) : ESPY_OK;
    char model[256], other[256];
    stem(model, sizeof model, base_name(gguf_path));
    size_t best = 0;
    for (int i = 0; i < n && !status; i++) {
        char *path = espy_path_join(folder, names[i]);
        stem(other, sizeof other, names[i]);
        size_t score = common_prefix(model, other) + 1;
        if (!path) {
            status = espy_out_of_memory(err);
        } else if (score > best && is_suitable(path, dim, architecture, named)) {
            best = score;
            free(*out);
            *out = path;
            path = NULL;
        }
        free(path);
    }
    if (!status && n == 1 && !*out) { /* let opening it say what is wrong */
        *out = espy_path_join(folder, names[0]);
        if (!*out) status = espy_out_of_memory(err);
    } else if (!status && n > 1 && !*out) {
        status = espy_fail(err, ESPY_ERR_FORMAT, -1,
                           "%s: none of the %d mmproj files beside it is of its family and its "
                           "width %lld",
                           gguf_path, n, (long long)dim);
    }
    if (n > 0) free_names(names, n);
    free(folder);
    return status;
}
