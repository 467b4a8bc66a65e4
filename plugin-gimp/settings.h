/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the user chose, kept between calls in $XDG_CONFIG_HOME/espy/gimp.ini; and what a
 * model that did not work, as trial.h remembers it, is told as.
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

    /* What "Repeat Last" does; NULL: nothing was kept in an image yet. */
    char *keep;        /* how the last text was kept, of ways_of_text           */
    char *kept_preset; /* and what had been asked for, a task's name            */
    char *into;        /* what the last finds became, of ways_of_shapes         */
} settings;

/* Defaults where the file is missing or broken; free with settings_free. */
settings *settings_load(void);
/* Written whole under another name and renamed. FALSE if it cannot be written. */
gboolean settings_save(const settings *s, GError **error);
void settings_free(settings *s);

/* What the last load that went wrong was, for the user: a sentence, or NULL if none
 * did. *path (may be NULL) receives the model; both are the caller's, g_free. It stays
 * until settings_forget_failure, or until a model works. */
char *settings_failure(char **path);
void settings_forget_failure(void);

#endif
