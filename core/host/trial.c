/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trial.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "config_file.h"

static const char group[] = "failure";

/* -------------------------------------------------------------------- note */

static pthread_mutex_t note_lock = PTHREAD_MUTEX_INITIALIZER;
static int note = -1; /* descriptor of this process's note, locked; -1: none */

static char *note_prefix(const char *host) {
    return g_strconcat(host, "-loading.", NULL);
}

static char *own_note(const char *host) {
    g_autofree char *name = g_strdup_printf("%s-loading.%ld", host, (long)getpid());
    return config_path(name);
}

static void cross_out(const char *host) {
    g_autofree char *path = own_note(host);
    pthread_mutex_lock(&note_lock);
    if (note >= 0) {
        g_unlink(path);
        close(note);
    }
    note = -1;
    pthread_mutex_unlock(&note_lock);
}

/* The text follows the lock: an empty note is one whose writer had not begun. */
void trial_begin(const char *host, const char *path) {
    g_autofree char *name = own_note(host);
    cross_out(host);
    config_make_folder();
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

/* ----------------------------------------------------------------- failure */

static char *failure_file(const char *host) {
    return g_strconcat(host, "-failure.ini", NULL);
}

static void write_failure(const char *host, const char *path, const char *reason) {
    g_autofree char *name = failure_file(host);
    g_autofree char *text = path ? config_path_to_text(path) : g_strdup("");
    GKeyFile *file = g_key_file_new();
    g_key_file_set_string(file, group, "model", text);
    if (reason) {
        g_autofree char *valid = g_utf8_make_valid(reason, -1);
        g_key_file_set_string(file, group, "reason", valid);
    }
    config_write(file, name, NULL);
    g_key_file_free(file);
}

void trial_forget(const char *host) {
    g_autofree char *name = failure_file(host);
    g_autofree char *path = config_path(name);
    g_unlink(path);
}

void trial_end(const char *host, const char *path, espy_status status, const char *message) {
    switch (status) {
    case ESPY_ERR_IO:
    case ESPY_ERR_FORMAT:
    case ESPY_ERR_UNSUPPORTED:
    case ESPY_ERR_MISSING:
    case ESPY_ERR_INTERNAL:
        write_failure(host, path, message ? message : espy_status_name(status));
        break;
    default:
        break;
    }
    cross_out(host);
    if (status == ESPY_OK) trial_forget(host);
}

/* ---------------------------------------------------------- the next start */

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
static void find_crashes(const char *host) {
    g_autofree char *folder = config_path(NULL), *prefix = note_prefix(host);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_prefix(name, prefix)) continue;
        g_autofree char *path = config_path(name);
        g_autofree char *model = read_left_note(path);
        if (model) write_failure(host, strcmp(model, "\n") ? model : NULL, NULL);
    }
    if (dir) g_dir_close(dir);
}

gboolean trial_failure(const char *host, char **path, char **reason) {
    g_autofree char *name = failure_file(host);
    find_crashes(host);
    GKeyFile *file = config_read(name);
    char *model = g_key_file_get_string(file, group, "model", NULL);
    g_autofree char *text = g_key_file_get_string(file, group, "reason", NULL);
    const gboolean has_failed = model != NULL;
    g_key_file_free(file);
    if (model && !*model) g_clear_pointer(&model, g_free);
    g_autofree char *failed = config_path_from_text(model);
    if (path) *path = g_steal_pointer(&failed);
    if (reason) *reason = g_steal_pointer(&text);
    return has_failed;
}
