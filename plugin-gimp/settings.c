/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $XDG_CONFIG_HOME/espy/gimp.ini; keys that are not known here stay as they are. */
#include "settings.h"

#include <espy.h>

#include "config_file.h"
#include "i18n.h"
#include "trial.h"
#include "ways.h"

static const char host[] = "gimp", group[] = "gimp", file_name[] = "gimp.ini";
enum { MOST_THREADS = 1024, MOST_MB = 1 << 30 };

/* An empty string is none. */
static char *get_string(GKeyFile *file, const char *key, const char *otherwise) {
    char *s = g_key_file_get_string(file, group, key, NULL);
    if (s && *s) return s;
    g_free(s);
    return g_strdup(otherwise);
}

static int get_int(GKeyFile *file, const char *key, int most) {
    return CLAMP(g_key_file_get_integer(file, group, key, NULL), 0, most);
}

static void set_string(GKeyFile *file, const char *key, const char *value) {
    g_key_file_set_string(file, group, key, value ? value : "");
}

static void keep_known(char **name, gboolean known, const char *otherwise) {
    if (known) return;
    g_free(*name);
    *name = g_strdup(otherwise);
}

settings *settings_load(void) {
    GKeyFile *file = config_read(file_name);
    settings *s = g_new0(settings, 1);
    s->model = config_path_from_text(get_string(file, "model", NULL));
    s->n_threads = get_int(file, "threads", MOST_THREADS);
    s->memory_limit_mb = get_int(file, "memory-limit-mb", MOST_MB);
    s->preset = get_string(file, "preset", "caption");
    s->language = get_string(file, "language", NULL);
    s->source = get_string(file, "source", "visible");
    s->question = get_string(file, "question", NULL);
    s->find = get_string(file, "find", NULL);
    s->keep = get_string(file, "keep", NULL);
    s->kept_preset = get_string(file, "kept-preset", NULL);
    s->into = get_string(file, "into", NULL);
    g_key_file_free(file);
    static const char *const sources[] = { "visible", "layer", "selection", NULL };
    keep_known(&s->preset, espy_task_find(s->preset) != NULL, "caption");
    keep_known(&s->source, g_strv_contains(sources, s->source), "visible");
    keep_known(&s->keep, s->keep && g_strv_contains(ways_of_text, s->keep), NULL);
    keep_known(&s->kept_preset, s->kept_preset && espy_task_find(s->kept_preset), NULL);
    keep_known(&s->into, s->into && g_strv_contains(ways_of_shapes, s->into), NULL);
    return s;
}

gboolean settings_save(const settings *s, GError **error) {
    GKeyFile *file = config_read(file_name);
    g_autofree char *model = s->model ? config_path_to_text(s->model) : NULL;
    set_string(file, "model", model);
    g_key_file_set_integer(file, group, "threads", s->n_threads);
    g_key_file_set_integer(file, group, "memory-limit-mb", s->memory_limit_mb);
    set_string(file, "preset", s->preset);
    set_string(file, "language", s->language);
    set_string(file, "source", s->source);
    set_string(file, "question", s->question);
    set_string(file, "find", s->find);
    set_string(file, "keep", s->keep);
    set_string(file, "kept-preset", s->kept_preset);
    set_string(file, "into", s->into);
    gboolean ok = config_write(file, file_name, error);
    g_key_file_free(file);
    return ok;
}

void settings_free(settings *s) {
    if (!s) return;
    g_free(s->model);
    g_free(s->preset);
    g_free(s->language);
    g_free(s->source);
    g_free(s->question);
    g_free(s->find);
    g_free(s->keep);
    g_free(s->kept_preset);
    g_free(s->into);
    g_free(s);
}

/* ----------------------------------------------------------------- failure */

void settings_forget_failure(void) {
    trial_forget(host);
}

char *settings_failure(char **path) {
    char *reason = NULL;
    if (!trial_failure(host, path, &reason)) return NULL;
    if (reason) return reason;
    return g_strdup(_("The program ended while it was loading the model. Perhaps the model "
                      "needs more memory than there is."));
}
