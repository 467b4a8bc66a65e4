/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions become text on the caller's thread, and the text bytes of a file on the
 * writer's, one write for all that has come since the last one. A write that fails is
 * taken back, so that the file stays whole. */
#include "caption_file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cue.h"

enum { MOST_NAMES = 9999, MOST_PENDING = 4 << 20 /* bytes */, PATIENCE_S = 1 };

struct caption_file {
    gboolean is_owned, is_done; /* freed when nobody has it, and the writer is through */
    caption_format format;
    char *path, *error;
    /* What is not written yet. */
    caption *last; /* whose end is not known; NULL: none */
    double start_s, until_s;
    int n_cues;
    GString *pending;
    gboolean has_work, is_ended;
    /* The writer's alone. */
    int fd; /* -1: not made yet     */
    off_t size;
};

/* The lock is of all files; it is never held while a disk works. */
static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* there is work; a file is done */
    GList *files;
    gboolean runs;
} writer = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void prepare(void) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void free_if_unused(caption_file *f) {
    if (f->is_owned || !f->is_done) return;
    caption_unref(f->last);
    g_string_free(f->pending, TRUE);
    g_free(f->path);
    g_free(f->error);
    g_free(f);
}

/* ------------------------------------------------------------ the writer's thread */

static const char *advice(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "Free some space, or choose another folder.";
    case EACCES:
    case EPERM:
    case EROFS:
        return "Choose a folder that you may write to.";
    default:
        return "Choose another folder.";
    }
}

static char *sentence(const char *path, int error) {
    g_autofree char *name = g_filename_display_name(path);
    return g_strdup_printf("Captions cannot be written to '%s': %s. %s", name, g_strerror(error),
                           advice(error));
}

static char *numbered(const char *path, int n) {
    if (n == 1) return g_strdup(path);
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    size_t stem = dot ? (size_t)(dot - path) : strlen(path);
    return g_strdup_printf("%.*s (%d)%s", (int)stem, path, n, path + stem);
}

/* 0, or what went wrong. */
static int make(caption_file *f) {
    g_autofree char *folder = g_path_get_dirname(f->path);
    if (g_mkdir_with_parents(folder, 0777)) return errno;
    for (int n = 1; n <= MOST_NAMES; n++) {
        g_autofree char *name = numbered(f->path, n);
        f->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST) return errno;
        if (f->fd < 0) continue;
        pthread_mutex_lock(&writer.lock);
        g_free(f->path);
        f->path = g_steal_pointer(&name);
        pthread_mutex_unlock(&writer.lock);
        return 0;
    }
    return EEXIST;
}

static int append(caption_file *f, const GString *text) {
    int error = f->fd < 0 ? make(f) : 0;
    for (size_t n = 0; !error && n < text->len;) {
        ssize_t now = pwrite(f->fd, text->str + n, text->len - n, f->size + (off_t)n);
        if (now > 0)
            n += (size_t)now;
        else if (!now || errno != EINTR)
            error = now ? errno : EIO;
    }
    if (!error)
        f->size += (off_t)text->len;
    else if (f->fd >= 0 && ftruncate(f->fd, f->size))
        error = errno;
    return error;
}

/* Locked, but while it writes. */
static void serve(caption_file *f) {
    GString *text = f->pending;
    gboolean ends = f->is_ended;
    f->pending = g_string_new(NULL);
    f->has_work = FALSE;
    pthread_mutex_unlock(&writer.lock);
    int error = append(f, text);
    if (ends && f->fd >= 0 && close(f->fd) && !error) error = errno;
    char *told = error ? sentence(f->path, error) : NULL;
    pthread_mutex_lock(&writer.lock);

    if (error) g_string_prepend_len(f->pending, text->str, (gssize)text->len);
    g_string_free(text, TRUE);
    g_free(f->error);
    f->error = told;
    if (!ends) return;
    f->is_done = TRUE;
    writer.files = g_list_remove(writer.files, f);
    free_if_unused(f);
    pthread_cond_broadcast(&writer.changed);
}

static void *write_files(void *unused) {
    (void)unused;
    pthread_mutex_lock(&writer.lock);
    while (writer.files) {
        GList *at = writer.files;
        while (at && !((caption_file *)at->data)->has_work) at = at->next;
        if (at)
            serve(at->data);
        else
            pthread_cond_wait(&writer.changed, &writer.lock);
    }
    writer.runs = FALSE;
    pthread_mutex_unlock(&writer.lock);
    return NULL;
}

/* ------------------------------------------------------- the callers' side, locked */

static void wake(caption_file *f) {
    pthread_t thread;
    f->has_work = TRUE;
    if (!writer.runs) {
        int error = pthread_create(&thread, NULL, write_files, NULL);
        writer.runs = !error;
        if (!error) pthread_detach(thread);
        if (error && !f->error) f->error = sentence(f->path, error);
    }
    pthread_cond_broadcast(&writer.changed);
}

/* What a disk refuses for hours is not kept for ever. */
static void put(caption_file *f, const caption *c, double end_s) {
    if (f->pending->len > MOST_PENDING) return;
    g_autofree char *text = cue_format(c, f->format, f->n_cues + 1, f->start_s, end_s);
    if (!text) return;
    f->n_cues++;
    g_string_append(f->pending, text);
}

static void end_last(caption_file *f, double end_s) {
    if (f->last && f->format != FORMAT_TEXT) put(f, f->last, MIN(end_s, f->until_s));
    caption_unref(f->last);
    f->last = NULL;
}

static gboolean lengthens(const caption_file *f, const caption *c, double start_s) {
    return f->last && f->last->text && *f->last->text && !c->is_news && start_s <= f->until_s;
}

static void end(caption_file *f, double end_s) {
    end_last(f, isfinite(end_s) ? MAX(end_s, f->start_s) : f->start_s);
    f->is_ended = TRUE;
    wake(f);
    if (writer.runs) return;
    f->is_done = TRUE; /* there is no thread to be had */
    writer.files = g_list_remove(writer.files, f);
}

static void disown(caption_file **f) {
    (*f)->is_owned = FALSE;
    free_if_unused(*f);
    *f = NULL;
}

/* ------------------------------------------------------------------- the interface */

const char *caption_format_suffix(caption_format format) {
    static const char *const suffixes[] = { ".srt", ".vtt", ".txt", ".jsonl" };
    return suffixes[(unsigned)format < G_N_ELEMENTS(suffixes) ? format : FORMAT_SRT];
}

caption_file *caption_file_open(const char *path, caption_format format) {
    caption_file *f = g_new(caption_file, 1);
    *f = (caption_file){ .is_owned = TRUE,
                         .format = format,
                         .path = g_strdup(path),
                         .pending = g_string_new(cue_header(format)),
                         .fd = -1 };
    pthread_once(&writer.once, prepare);
    pthread_mutex_lock(&writer.lock);
    writer.files = g_list_append(writer.files, f);
    wake(f);
    pthread_mutex_unlock(&writer.lock);
    return f;
}

void caption_file_add(caption_file *f, caption *c, double start_s, double most_s) {
    pthread_mutex_lock(&writer.lock);
    start_s = isfinite(start_s) ? MAX(start_s, f->start_s) : f->start_s;
    double until_s = most_s > 0 ? start_s + most_s : INFINITY;
    if (lengthens(f, c, start_s)) {
        f->until_s = MAX(f->until_s, until_s);
    } else {
        end_last(f, start_s);
        f->last = caption_ref(c);
        f->start_s = start_s;
        f->until_s = until_s;
        if (f->format == FORMAT_TEXT) put(f, c, until_s);
    }
    wake(f);
    pthread_mutex_unlock(&writer.lock);
}

void caption_file_end(caption_file **f, double end_s) {
    if (!*f) return;
    pthread_mutex_lock(&writer.lock);
    end(*f, end_s);
    disown(f);
    pthread_mutex_unlock(&writer.lock);
}

void caption_file_close(caption_file **f, double end_s) {
    struct timespec until;
    int rc = 0;
    if (!*f) return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&writer.lock);
    end(*f, end_s);
    while (!(*f)->is_done && !rc)
        rc = pthread_cond_timedwait(&writer.changed, &writer.lock, &until);
    disown(f);
    pthread_mutex_unlock(&writer.lock);
}

char *caption_file_error(caption_file *f) {
    pthread_mutex_lock(&writer.lock);
    char *error = g_strdup(f->error);
    pthread_mutex_unlock(&writer.lock);
    return error;
}

char *caption_file_path(caption_file *f) {
    pthread_mutex_lock(&writer.lock);
    char *path = g_strdup(f->path);
    pthread_mutex_unlock(&writer.lock);
    return path;
}
