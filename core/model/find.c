/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A name N stands for N or N.gguf in the first of
 *
 *     each folder of $ESPY_MODELS
 *     $XDG_DATA_HOME/espy/models        (~/.local/share/espy/models)
 *     each of $XDG_DATA_DIRS, /espy/models
 *     the data folder of the installation, /espy/models
 *     the same beside this library or program, wherever it was moved
 *     core/nano of the build folder, for what is not installed
 */
#include "model/find.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if !defined(__EMSCRIPTEN__) && !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "file/container.h"
#include "model/open.h"

/* ------------------------------------------------------------------- paths */

void espy_paths_free(espy_paths *list) {
    for (int i = 0; i < list->n; i++) free(list->at[i]);
    free(list->at);
    *list = (espy_paths){ 0 };
}

/* Takes path, which is NULL without memory. */
static espy_status add(espy_paths *list, char *path, espy_error *err) {
    char **grown = path ? realloc(list->at, ((size_t)list->n + 1) * sizeof *grown) : NULL;
    if (!grown) {
        free(path);
        return espy_out_of_memory(err);
    }
    list->at = grown;
    list->at[list->n++] = path;
    return ESPY_OK;
}

/* Whether two paths lead to the same file or folder. */
static int same(const char *a, const char *b) {
    struct stat x, y;
    if (!strcmp(a, b)) return 1;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Takes path; drops it if the list leads there already. */
static espy_status add_once(espy_paths *list, char *path, espy_error *err) {
    for (int i = 0; path && i < list->n; i++)
        if (same(list->at[i], path)) {
            free(path);
            return ESPY_OK;
        }
    return add(list, path, err);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a, b, c" as far as it has room. */
static void join_names(char *text, size_t capacity, const espy_paths *list) {
    size_t n = 0;
    *text = 0;
    for (int i = 0; i < list->n && n < capacity; i++)
        n += (size_t)snprintf(text + n, capacity - n, "%s%s", i ? ", " : "", list->at[i]);
}

/* ----------------------------------------------------------------- folders */

/* Adds each part of a colon list, with a tail behind it. */
static espy_status add_each(espy_paths *out, const char *colons, const char *tail,
                            espy_error *err) {
    espy_status status = ESPY_OK;
    while (colons && *colons && !status) {
        size_t n = strcspn(colons, ":"), room = n + strlen(tail) + 1;
        char *path = n ? malloc(room) : NULL;
        if (path) snprintf(path, room, "%.*s%s", (int)n, colons, tail);
        if (n) status = add_once(out, path, err);
        colons += n + (colons[n] == ':');
    }
    return status;
}

/* Adds what is there of the folders around the one that file lies in. */
static espy_status add_around(espy_paths *out, const char *file, espy_error *err) {
    static const char *const places[] = { "../share/espy/models", "../../share/espy/models", "nano",
                                          "../nano", "../core/nano" };
    const char *slash = strrchr(file, '/');
    espy_status status = ESPY_OK;
    for (size_t i = 0; slash && !status && i < sizeof places / sizeof *places; i++) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - file), file, places[i]);
        char *found = realpath(path, NULL);
        if (found && stat(found, &st) == 0 && S_ISDIR(st.st_mode)) /* no editor of that name */
            status = add_once(out, found, err);
        else
            free(found);
    }
    return status;
}

/* Around the library, and around the program if the library is a part of it. */
static espy_status add_beside(espy_paths *out, espy_error *err) {
    espy_status status = ESPY_OK;
#if !defined(__EMSCRIPTEN__) && !defined(_WIN32)
    static const char here;
    Dl_info info;
    if (dladdr(&here, &info) && info.dli_fname) status = add_around(out, info.dli_fname, err);
#endif
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0 || status) return status;
    program[n] = 0;
    return add_around(out, program, err);
}

espy_status espy_find_folders(espy_paths *out, espy_error *err) {
    const char *data_home = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *data_dirs = getenv("XDG_DATA_DIRS");
    if (!data_dirs || !*data_dirs) data_dirs = "/usr/local/share:/usr/share";
    *out = (espy_paths){ 0 };
    espy_status status = add_each(out, getenv("ESPY_MODELS"), "", err);
    if (!status && data_home && *data_home)
        status = add_each(out, data_home, "/espy/models", err);
    else if (!status)
        status = add_each(out, home, "/.local/share/espy/models", err);
    if (!status) status = add_each(out, data_dirs, "/espy/models", err);
    if (!status) status = add_each(out, ESPY_DATADIR, "/espy/models", err);
    if (!status) status = add_beside(out, err);
    if (status) espy_paths_free(out);
    return status;
}

/* ------------------------------------------------------------------ models */

/* folder/name or folder/name.gguf; NULL if neither is there. */
static char *look_in(const char *folder, const char *name) {
    static const char *const tails[] = { "", ".gguf" };
    size_t n = strlen(folder) + strlen(name) + 8;
    char *path = malloc(n);
    for (int i = 0; path && i < 2; i++) {
        snprintf(path, n, "%s/%s%s", folder, name, tails[i]);
        if (access(path, R_OK) == 0) return path;
    }
    free(path);
    return NULL;
}

static char *look_everywhere(const espy_paths *folders, const char *name) {
    char *path = NULL;
    for (int i = 0; i < folders->n && !path; i++) path = look_in(folders->at[i], name);
    return path;
}

static int is_built_in(const char *name) {
    size_t n = strlen(ESPY_BUILT_IN);
    return !strncmp(name, ESPY_BUILT_IN, n) && (!name[n] || !strcmp(name + n, ".gguf"));
}

/* Whether an entry of a folder is a model. */
static int is_model(const char *path, const char *name) {
    struct stat st;
    espy_place place;
    if (stat(path, &st)) return 0;
    if (!S_ISDIR(st.st_mode)) return espy_place_is_gguf(name);
    int found = !espy_place_find(&place, path, NULL);
    espy_place_free(&place);
    return found;
}

/* Adds the models in a folder, the built-in one apart. */
static espy_status add_models(espy_paths *out, const char *folder, espy_error *err) {
    DIR *dir = opendir(folder);
    espy_status status = ESPY_OK;
    if (!dir) return ESPY_OK;
    for (struct dirent *e; !status && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || is_built_in(e->d_name)) continue;
        char *path = espy_path_join(folder, e->d_name);
        if (path && !is_model(path, e->d_name))
            free(path);
        else
            status = add_once(out, path, err);
    }
    closedir(dir);
    return status;
}

static espy_status nothing_installed(const espy_paths *folders, espy_error *err) {
    char places[400];
    join_names(places, sizeof places, folders);
    return espy_fail(err, ESPY_ERR_MISSING, -1,
                     "no model: none was named, $ESPY_MODEL is not set, and none is installed in "
                     "%s",
                     places);
}

espy_status espy_find_named(const espy_paths *folders, const char *name, char **path,
                            espy_error *err) {
    char places[400];
    *path = look_everywhere(folders, name);
    if (*path) return ESPY_OK;
    join_names(places, sizeof places, folders);
    return espy_fail(err, ESPY_ERR_MISSING, -1,
                     "no model '%.60s': no such path, and no such name in %s", name, places);
}

espy_status espy_find_default(const espy_paths *folders, char **path, espy_error *err) {
    espy_paths found = { 0 };
    char names[400];
    espy_status status = ESPY_OK;
    *path = NULL;
    for (int i = 0; i < folders->n && !status; i++)
        status = add_models(&found, folders->at[i], err);
    if (found.n > 1) qsort(found.at, (size_t)found.n, sizeof *found.at, by_name);
    join_names(names, sizeof names, &found);
    if (!status && found.n > 1)
        status = espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                           "which model? Name one, or set $ESPY_MODEL: %s", names);
    if (!status && found.n == 1) {
        *path = found.at[0];
        found.n = 0;
    } else if (!status) {
        *path = look_everywhere(folders, ESPY_BUILT_IN);
        if (!*path) status = nothing_installed(folders, err);
    }
    espy_paths_free(&found);
    return status;
}

espy_status espy_model_find(const char *name, char **path, espy_error *err) {
    espy_paths folders;
    if (!path) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the path was given");
    *path = NULL;
    if (!name) name = getenv("ESPY_MODEL");
    if (name && *name && (access(name, F_OK) == 0 || strchr(name, '/'))) {
        *path = strdup(name); /* a missing path is told when it is opened */
        return *path ? ESPY_OK : espy_out_of_memory(err);
    }
    espy_status status = espy_find_folders(&folders, err);
    if (status) return status;
    status = name && *name ? espy_find_named(&folders, name, path, err)
                           : espy_find_default(&folders, path, err);
    espy_paths_free(&folders);
    return status;
}
