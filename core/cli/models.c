/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where models live. A name N stands for N or N.gguf in the first of
 *
 *     each folder of $ESPY_MODELS
 *     $XDG_DATA_HOME/espy/models        (~/.local/share/espy/models)
 *     each of $XDG_DATA_DIRS, /espy/models
 *     the data folder of the installation, /espy/models
 *
 * Without a name: $ESPY_MODEL, else "espy-nano", else the only one there is.
 */
#include "cli.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_NAME "espy-nano"

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

static int add_once(cli_list *list, const char *s) {
    for (int i = 0; i < list->n; i++)
        if (!strcmp(list->items[i], s)) return 0;
    return cli_list_add(list, s);
}

/* Adds each part of a colon list, with a tail behind it. */
static int add_folders(cli_list *list, const char *colons, const char *tail) {
    char path[4096];
    while (colons && *colons) {
        size_t n = strcspn(colons, ":");
        if (n && n < sizeof path - strlen(tail)) {
            memcpy(path, colons, n);
            snprintf(path + n, sizeof path - n, "%s", tail);
            if (add_once(list, path)) return -1;
        }
        colons += n + (colons[n] == ':');
    }
    return 0;
}

static int search_folders(cli_list *list) {
    const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *data_dirs = getenv("XDG_DATA_DIRS");
    int failed = add_folders(list, getenv("ESPY_MODELS"), "");
    if (data_home && *data_home)
        failed |= add_folders(list, data_home, "/espy/models");
    else
        failed |= add_folders(list, home, "/.local/share/espy/models");
    failed |= add_folders(list, data_dirs && *data_dirs ? data_dirs : "/usr/local/share:/usr/share",
                          "/espy/models");
    return failed | add_folders(list, ESPY_DATADIR, "/espy/models");
}

static int ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

static char *join(const char *folder, const char *name, const char *tail) {
    size_t n = strlen(folder) + strlen(name) + strlen(tail) + 2;
    char *path = malloc(n);
    if (path) snprintf(path, n, "%s/%s%s", folder, name, tail);
    return path;
}

/* folder/name or folder/name.gguf if it is there, else NULL. */
static char *look_in(const char *folder, const char *name) {
    static const char *const tails[] = { "", ".gguf" };
    for (int i = 0; i < 2; i++) {
        char *path = join(folder, name, tails[i]);
        if (path && access(path, R_OK) == 0) return path;
        free(path);
    }
    return NULL;
}

static int is_model(const char *path) {
    const char *base = strrchr(path, '/');
    if (ends_with(path, ".gguf")) return !strstr(base ? base : path, "mmproj");
    char *config = join(path, "config.json", "");
    int found = config && access(config, R_OK) == 0;
    free(config);
    DIR *dir = found ? NULL : opendir(path);
    if (!dir) return found;
    for (struct dirent *e; !found && (e = readdir(dir));) found = ends_with(e->d_name, ".gguf");
    closedir(dir);
    return found;
}

static void list_models(const char *folder, cli_list *found) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *e; (e = readdir(dir));) {
        char *path = e->d_name[0] == '.' ? NULL : join(folder, e->d_name, "");
        if (path && is_model(path)) cli_list_add(found, path);
        free(path);
    }
    closedir(dir);
}

static void append(char *text, size_t capacity, const cli_list *list) {
    for (int i = 0; i < list->n; i++) {
        size_t n = strlen(text);
        snprintf(text + n, capacity - n, "%s%s", i ? ", " : "", list->items[i]);
    }
}

static espy_status not_found(const char *name, const cli_list *folders, espy_error *err) {
    char places[400] = "";
    append(places, sizeof places, folders);
    if (name)
        return cli_fail(err, ESPY_ERR_MISSING, -1,
                        "no model '%.60s': no such path, and no such name in %s", name, places);
    return cli_fail(err, ESPY_ERR_MISSING, -1,
                    "no model: give one with --model or $ESPY_MODEL; none is installed in %s",
                    places);
}

static char *look_everywhere(const char *name, const cli_list *folders) {
    for (int i = 0; i < folders->n; i++) {
        char *path = look_in(folders->items[i], name);
        if (path) return path;
    }
    return NULL;
}

static espy_status find_default(const cli_list *folders, char **path, espy_error *err) {
    cli_list found = { 0 };
    char names[400] = "";
    espy_status status = ESPY_OK;
    *path = look_everywhere(DEFAULT_NAME, folders);
    if (*path) return ESPY_OK;
    for (int i = 0; i < folders->n; i++) list_models(folders->items[i], &found);
    cli_list_sort(&found);
    if (found.n == 1) {
        *path = found.items[0];
        found.n = 0;
    } else if (found.n == 0) {
        status = not_found(NULL, folders, err);
    } else {
        append(names, sizeof names, &found);
        status = cli_fail(err, ESPY_ERR_MISSING, -1,
                          "which model? Choose one with --model or $ESPY_MODEL: %s", names);
    }
    cli_list_free(&found);
    return status;
}

espy_status cli_model_find(const char *given, char **path, espy_error *err) {
    cli_list folders = { 0 };
    const char *name = given ? given : getenv("ESPY_MODEL");
    espy_status status = ESPY_OK;
    *path = NULL;
    if (name && !*name) name = NULL;
    if (search_folders(&folders)) {
        status = cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    } else if (!name) {
        status = find_default(&folders, path, err);
    } else if (access(name, F_OK) == 0 || strchr(name, '/')) {
        *path = strdup(name); /* a missing path is the library's to report */
        if (!*path) status = cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    } else {
        *path = look_everywhere(name, &folders);
        if (!*path) status = not_found(name, &folders, err);
    }
    cli_list_free(&folders);
    return status;
}
