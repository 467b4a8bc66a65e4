/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the user chose, kept between calls in $XDG_CONFIG_HOME/espy/gimp.ini, and
 * the memory of a load that ended badly: the process that loads a model may be
 * killed by it, so the path is noted down before and crossed out afterwards. The
 * next start finds the note and tells instead of loading again.
 */
#ifndef ESPY_GIMP_SETTINGS_H
#define ESPY_GIMP_SETTINGS_H

#include <glib.h>

typedef struct settings {
    char *model;         /* NULL: the default                                     */
    int n_threads;       /* 0: the engine's choice                                */
    int memory_limit_mb; /* 0: none but the machine's                             */
    char *preset;        /* of the describe dialog, a task's name                 */
    char *language;      /* NULL: that of the user's locale                       */
    char *source;        /* "visible", "layer", "selection"                       */
    char *question;      /* the last one                                          */
    char *find;          /* what was looked for last                              */
} settings;

/* Defaults where the file is missing or broken; free with settings_free. */
settings *settings_load(void);
/* Written whole under another name and renamed. FALSE if it cannot be written. */
gboolean settings_save(const settings *s, GError **error);
void settings_free(settings *s);

/* Around the loading of a model, from any thread, one load of a process at a time;
 * path NULL is the default model. What goes wrong and is cheap to find out anew, such
 * as too little memory, ends with settings_load_stopped as a stop by the user does. */
void settings_loading(const char *path);
void settings_loaded(void);
void settings_load_stopped(void);
/* The reason stays until settings_forget_failure or until a load succeeds. */
void settings_failed(const char *path, const char *reason);
/* What the last load that went wrong was, for the user: a sentence, or NULL if none
 * did. *path (may be NULL) receives the model; both are the caller's, g_free. */
char *settings_failure(char **path);
void settings_forget_failure(void);

#endif
