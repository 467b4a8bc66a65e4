/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* $XDG_CONFIG_HOME/espy/ holds
 *
 *     gimp.ini           the settings; keys that are not known here stay as they are
 *     gimp-loading.PID   while process PID loads a model: the path of the model
 *     gimp-failure.ini   the model whose loading went wrong last, and why
 *
 * A process keeps a lock on its loading note. The lock ends with the process, however
 * that ends, so a note whose lock is free tells of a crash; one that is locked belongs
 * to a process that is still at it.
 */
#include "settings.h"

#include <errno.h>
#include <espy.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "i18n.h"

#define NOTE_PREFIX "gimp-loading."
static const char group[] = "gimp", failure_group[] = "failure";
enum { MOST_THREADS = 1024, MOST_MB = 1 << 30 };

/* ------------------------------------------------------------------- files */

static char *path_of(const char *name) {
    return g_build_filename(g_get_user_config_dir(), "espy", name, NULL);
}

static void make_folder(void) {
    g_autofree char *folder = path_of(NULL);
    g_mkdir_with_parents(folder, 0700);
}

static GKeyFile *read_file(const char *name) {
    g_autofree char *path = path_of(name);
    GKeyFile *file = g_key_file_new();
    if (g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL)) return file;
    g_key_file_free(file); /* may hold what came before the broken line */
    return g_key_file_new();
}

static gboolean write_file(GKeyFile *file, const char *name, GError **error) {
    g_autofree char *path = path_of(name);
    make_folder();
    return g_key_file_save_to_file(file, path, error); /* atomically */
}

/* Paths that are not UTF-8, which a key file cannot hold, are kept as URIs. */
static char *path_to_text(const char *path) {
    char *uri = g_utf8_validate(path, -1, NULL) ? NULL : g_filename_to_uri(path, NULL, NULL);
    return uri ? uri : g_utf8_make_valid(path, -1);
}

static char *path_from_text(char *text) {
    char *path =
        text && g_str_has_prefix(text, "file://") ? g_filename_from_uri(text, NULL, NULL) : NULL;
    if (!path) return text;
    g_free(text);
    return path;
}

/* ---------------------------------------------------------------- settings */

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
    GKeyFile *file = read_file("gimp.ini");
    settings *s = g_new0(settings, 1);
    s->model = path_from_text(get_string(file, "model", NULL));
    s->n_threads = get_int(file, "threads", MOST_THREADS);
    s->memory_limit_mb = get_int(file, "memory-limit-mb", MOST_MB);
    s->preset = get_string(file, "preset", "caption");
    s->language = get_string(file, "language", NULL);
    s->source = get_string(file, "source", "visible");
    s->question = get_string(file, "question", NULL);
    s->find = get_string(file, "find", NULL);
    g_key_file_free(file);
    static const char *const sources[] = { "visible", "layer", "selection", NULL };
    keep_known(&s->preset, espy_task_find(s->preset) != NULL, "caption");
    keep_known(&s->source, g_strv_contains(sources, s->source), "visible");
    return s;
}

gboolean settings_save(const settings *s, GError **error) {
    GKeyFile *file = read_file("gimp.ini");
    g_autofree char *model = s->model ? path_to_text(s->model) : NULL;
    set_string(file, "model", model);
    g_key_file_set_integer(file, group, "threads", s->n_threads);
    g_key_file_set_integer(file, group, "memory-limit-mb", s->memory_limit_mb);
    set_string(file, "preset", s->preset);
    set_string(file, "language", s->language);
    set_string(file, "source", s->source);
    set_string(file, "question", s->question);
    set_string(file, "find", s->find);
    gboolean ok = write_file(file, "gimp.ini", error);
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
    g_free(s);
}

/* ------------------------------------------------------ the note of a load */

static pthread_mutex_t note_lock = PTHREAD_MUTEX_INITIALIZER;
static int note = -1; /* descriptor of this process's note, locked; -1: none */

static char *own_note(void) {
    g_autofree char *name = g_strdup_printf(NOTE_PREFIX "%ld", (long)getpid());
    return path_of(name);
}

static void cross_out(void) {
    g_autofree char *path = own_note();
    pthread_mutex_lock(&note_lock);
    if (note >= 0) {
        g_unlink(path);
        close(note);
    }
    note = -1;
    pthread_mutex_unlock(&note_lock);
}

/* Without a note, if the folder cannot be written: then a crash goes unnoticed. The
 * text follows the lock: an empty note is one whose writer had not begun. */
void settings_loading(const char *path) {
    g_autofree char *name = own_note();
    cross_out();
    make_folder();
    pthread_mutex_lock(&note_lock);
    note = g_open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const char *text = path ? path : "\n"; /* of the default model */
    if (note >= 0 && (flock(note, LOCK_EX | LOCK_NB) || ftruncate(note, 0) ||
                      write(note, text, strlen(text)) != (ssize_t)strlen(text))) {
        g_unlink(name);
        close(note);
        note = -1;
    }
    pthread_mutex_unlock(&note_lock);
}

void settings_load_stopped(void) {
    cross_out();
}

void settings_loaded(void) {
    cross_out();
    settings_forget_failure();
}

static void write_failure(const char *path, const char *reason) {
    GKeyFile *file = g_key_file_new();
    g_autofree char *text = path ? path_to_text(path) : g_strdup("");
    g_autofree char *valid = g_utf8_make_valid(reason, -1);
    g_key_file_set_string(file, failure_group, "model", text);
    g_key_file_set_string(file, failure_group, "reason", valid);
    write_file(file, "gimp-failure.ini", NULL);
    g_key_file_free(file);
}

void settings_failed(const char *path, const char *reason) {
    write_failure(path, reason);
    cross_out();
}

void settings_forget_failure(void) {
    g_autofree char *path = path_of("gimp-failure.ini");
    g_unlink(path);
}

/* ------------------------------------------------------------ the next start */

/* What a note says if the process that wrote it is no more, else NULL; then the note
 * is taken away. */
static char *read_left_note(const char *path) {
    char *text = NULL;
    int fd = g_open(path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return NULL;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && g_file_get_contents(path, &text, NULL, NULL))
        g_unlink(path);
    close(fd);
    if (text && *text) return text;
    g_free(text);
    return NULL;
}

/* A crash becomes a failure like others. */
static void find_crashes(void) {
    g_autofree char *folder = path_of(NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_prefix(name, NOTE_PREFIX)) continue;
        g_autofree char *path = path_of(name);
        g_autofree char *model = read_left_note(path);
        if (!model) continue;
        write_failure(strcmp(model, "\n") ? model : NULL,
                      _("The program ended while it was loading the model. Perhaps the model "
                        "needs more memory than there is."));
    }
    if (dir) g_dir_close(dir);
}

char *settings_failure(char **path) {
    if (path) *path = NULL;
    find_crashes();
    GKeyFile *file = read_file("gimp-failure.ini");
    char *reason = g_key_file_get_string(file, failure_group, "reason", NULL);
    char *model = g_key_file_get_string(file, failure_group, "model", NULL);
    g_key_file_free(file);
    if (reason && path && model && *model)
        *path = path_from_text(model);
    else
        g_free(model);
    return reason;
}
