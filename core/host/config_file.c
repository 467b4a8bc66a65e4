/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config_file.h"

char *config_path(const char *name) {
    return g_build_filename(g_get_user_config_dir(), "espy", name, NULL);
}

void config_make_folder(void) {
    g_autofree char *folder = config_path(NULL);
    g_mkdir_with_parents(folder, 0700);
}

GKeyFile *config_read(const char *name) {
    g_autofree char *path = config_path(name);
    GKeyFile *file = g_key_file_new();
    if (g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL)) return file;
    g_key_file_free(file); /* may hold what came before the broken line */
    return g_key_file_new();
}

gboolean config_write(GKeyFile *file, const char *name, GError **error) {
    g_autofree char *path = config_path(name);
    config_make_folder();
    return g_key_file_save_to_file(file, path, error); /* atomically */
}

char *config_path_to_text(const char *path) {
    char *uri = g_utf8_validate(path, -1, NULL) ? NULL : g_filename_to_uri(path, NULL, NULL);
    return uri ? uri : g_utf8_make_valid(path, -1);
}

char *config_path_from_text(char *text) {
    char *path =
        text && g_str_has_prefix(text, "file://") ? g_filename_from_uri(text, NULL, NULL) : NULL;
    if (!path) return text;
    g_free(text);
    return path;
}
