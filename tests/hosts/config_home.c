/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config_home.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>

static char *home;

void config_home_open(void) {
    home = g_dir_make_tmp("espy settings XXXXXX", NULL); /* blanks are usual */
    if (!home) abort();
    g_setenv("XDG_CONFIG_HOME", home, TRUE);
}

const char *config_home_path(const char *name) {
    static char *path;
    g_free(path);
    path = g_build_filename(home, "espy", name, NULL);
    return path;
}

int config_home_count(const char *prefix) {
    GDir *dir = g_dir_open(config_home_path(NULL), 0, NULL);
    const char *name;
    int n = 0;
    while (dir && (name = g_dir_read_name(dir))) n += g_str_has_prefix(name, prefix);
    if (dir) g_dir_close(dir);
    return n;
}

void config_home_close(void) {
    g_autofree char *folder = g_strdup(config_home_path(NULL));
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) g_remove(config_home_path(name));
    if (dir) g_dir_close(dir);
    g_rmdir(folder);
    g_rmdir(home);
    g_free(home);
}
