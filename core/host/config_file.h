/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files in $XDG_CONFIG_HOME/espy/, where hosts keep what is the user's. Any thread.
 */
#ifndef ESPY_HOST_CONFIG_FILE_H
#define ESPY_HOST_CONFIG_FILE_H

#include <glib.h>

/* What is returned is the caller's. */
char *config_path(const char *name); /* NULL: the folder */
void config_make_folder(void);
/* An empty one where the file is missing or broken. */
GKeyFile *config_read(const char *name);
/* Written whole under another name and renamed. FALSE if it cannot be written. */
gboolean config_write(GKeyFile *file, const char *name, GError **error);

/* Paths that are not UTF-8, which a key file cannot hold, are kept as URIs. from_text
 * takes its text over, which may be NULL. */
char *config_path_to_text(const char *path);
char *config_path_from_text(char *text);

#endif
