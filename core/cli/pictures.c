/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Picture files: folders are opened one level deep, "-" is standard input. */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

int cli_list_add(cli_list *list, const char *s) {
    char *copy = strdup(s);
    char **grown = copy ? realloc(list->items, ((size_t)list->n + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(copy);
        return -1;
    }
    list->items = grown;
    list->items[list->n++] = copy;
    return 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cli_list_sort(cli_list *list) {
    if (list->n > 1) qsort(list->items, (size_t)list->n, sizeof *list->items, compare);
}

void cli_list_free(cli_list *list) {
    for (int i = 0; i < list->n; i++) free(list->items[i]);
    free(list->items);
    *list = (cli_list){ 0 };
}

static int ends_in(const char *name, const char *const *tails) {
    const char *dot = strrchr(name, '.');
    for (; dot && dot != name && *tails; tails++)
        if (!strcasecmp(dot, *tails)) return name[0] != '.';
    return 0;
}

/* An espy that cannot read films says so instead of what is wrong with none. */
static int reads_films(void) {
    espy_film *film;
    espy_status status = espy_film_open_memory(&film, NULL, 0, NULL, NULL);
    espy_film_close(&film);
    return status != ESPY_ERR_UNSUPPORTED;
}

static int is_named_film(const char *name) {
    static const char *const films[] = { ".mp4", ".m4v", ".mov", ".mkv",  ".webm",
                                         ".avi", ".gif", ".mpg", ".mpeg", ".m2ts",
                                         ".ts",  ".flv", ".ogv", ".wmv",  NULL };
    return ends_in(name, films);
}

int cli_is_film(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!strcmp(path, "-")) {
        espy_error unreadable; /* told when it is loaded */
        const char *bytes;
        size_t n_bytes;
        return !cli_stdin(&bytes, &n_bytes, &unreadable) && espy_is_film(bytes, n_bytes);
    }
    return espy_is_film_file(path) || is_named_film(slash ? slash + 1 : path);
}

/* Whether a file in a folder is to be looked at. */
static int is_picture(const char *name) {
    static const char *const pictures[] = {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", NULL
    };
    return ends_in(name, pictures) || (is_named_film(name) && reads_films());
}

static espy_status add_folder(cli_list *files, const char *path, espy_error *err) {
    cli_list found = { 0 };
    espy_status status = ESPY_OK;
    DIR *dir = opendir(path);
    if (!dir) return cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno));
    for (struct dirent *e; !status && (e = readdir(dir));) {
        size_t n = strlen(path) + strlen(e->d_name) + 2;
        char *name = is_picture(e->d_name) ? malloc(n) : NULL;
        if (!name && !is_picture(e->d_name)) continue;
        if (name)
            snprintf(name, n, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", e->d_name);
        if (!name || cli_list_add(&found, name))
            status = cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
        free(name);
    }
    closedir(dir);
    cli_list_sort(&found);
    for (int i = 0; !status && i < found.n; i++)
        if (cli_list_add(files, found.items[i]))
            status = cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    if (!status && !found.n)
        status = cli_fail(err, ESPY_ERR_MISSING, -1,
                          "%s: a folder without pictures (JPEG, PNG or WebP) or films", path);
    cli_list_free(&found);
    return status;
}

espy_status cli_pictures_add(cli_list *files, const char *path, espy_error *err) {
    struct stat st;
    if (strcmp(path, "-") != 0) {
        if (stat(path, &st)) return cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno));
        if (S_ISDIR(st.st_mode)) return add_folder(files, path, err);
    }
    return cli_list_add(files, path) ? cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory")
                                     : ESPY_OK;
}

/* Reads f to its end. NULL without memory, or beyond 2 GB. */
static char *read_all(FILE *f, size_t *n_bytes) {
    size_t n = 0, capacity = 1 << 16, got;
    char *buffer = malloc(capacity);
    while (buffer && (got = fread(buffer + n, 1, capacity - n - 1, f)) > 0) {
        n += got;
        if (capacity - n > 1) continue;
        capacity *= 2;
        char *grown = capacity < (size_t)1 << 31 ? realloc(buffer, capacity) : NULL;
        if (!grown) free(buffer);
        buffer = grown;
    }
    if (buffer) buffer[n] = 0;
    *n_bytes = n;
    return buffer;
}

espy_status cli_read_file(const char *path, char **bytes, size_t *n_bytes, espy_error *err) {
    int from_stdin = !strcmp(path, "-");
    const char *name = from_stdin ? "standard input" : path;
    FILE *f = from_stdin ? stdin : fopen(path, "rb");
    if (!f) return cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", name, strerror(errno));
    errno = 0;
    char *buffer = read_all(f, n_bytes);
    espy_status status = ESPY_OK;
    if (!buffer)
        status = cli_fail(err, ESPY_ERR_MEMORY, -1, "%s: too large", name);
    else if (ferror(f))
        status = cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", name, strerror(errno));
    if (!from_stdin) fclose(f);
    if (status)
        free(buffer);
    else
        *bytes = buffer;
    return status;
}

espy_status cli_stdin(const char **bytes, size_t *n_bytes, espy_error *err) {
    static char *held;
    static size_t n_held;
    espy_status status = held ? ESPY_OK : cli_read_file("-", &held, &n_held, err);
    *bytes = held;
    *n_bytes = n_held;
    return status;
}

espy_status cli_picture_load(espy_image **out, const char *path, espy_alpha alpha,
                             espy_error *err) {
    const char *bytes;
    size_t n_bytes;
    if (strcmp(path, "-") != 0) return espy_image_load(out, path, alpha, err);
    espy_status status = cli_stdin(&bytes, &n_bytes, err);
    if (status) return status;
    return espy_image_decode(out, bytes, n_bytes, alpha, "standard input", err);
}

espy_status cli_film_open(espy_film **out, const char *path, espy_error *err) {
    const char *bytes;
    size_t n_bytes;
    if (strcmp(path, "-") != 0) return espy_film_open(out, path, err);
    espy_status status = cli_stdin(&bytes, &n_bytes, err);
    if (status) return status;
    return espy_film_open_memory(out, bytes, n_bytes, "standard input", err);
}
