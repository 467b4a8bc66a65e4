/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output_files.h"

#include <string.h>

#include "recordings.h"

/* Of a recording, or of none. */
typedef struct place {
    caption_file *file; /* NULL: nothing was said yet                     */
    caption *held;      /* until it can be written: the recording pauses */
} place;

struct output_files {
    gboolean writes, is_beside, is_ending;
    caption_format format;
    char *folder;
    double stays_s;
    recordings *recordings; /* each has a place            */
    place lone;             /* the file of no recording    */
    gint64 lone_us;         /* when its time began         */
    caption *last;          /* NULL: none yet              */
    gint64 told_us;         /* when it was said, or said again */
};

/* ---------------------------------------------------------------------- paths */

static char *path_of_lone(const output_files *f) {
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *name = g_date_time_format(now, "Captions %Y-%m-%d %H-%M-%S");
    return g_strconcat(f->folder, "/", name, caption_format_suffix(f->format), NULL);
}

static char *path_beside(const char *film, caption_format format) {
    const char *slash = strrchr(film, '/'), *dot = strrchr(slash ? slash : film, '.');
    int stem = dot ? (int)(dot - film) : (int)strlen(film);
    return g_strdup_printf("%.*s%s", stem, film, caption_format_suffix(format));
}

/* --------------------------------------------------------------------- places */

/* What is no news adds nothing to news that are held. */
static void hold(place *p, caption *c) {
    if (p->held && !c->is_news) return;
    caption_unref(p->held);
    p->held = caption_ref(c);
}

/* How long the last caption stays from now on: a recording may have begun, or have gone
 * on, after it was said. */
static double left_s(const output_files *f, gint64 now_us) {
    return f->stays_s - (double)(now_us - f->told_us) / G_USEC_PER_SEC;
}

static gboolean is_shown(const output_files *f, gint64 now_us) {
    return f->last && *f->last->text && (f->stays_s <= 0 || left_s(f, now_us) > 0);
}

static void write_held(const output_files *f, place *p, double start_s, gint64 now_us) {
    double most_s = f->stays_s > 0 ? left_s(f, now_us) : 0;
    if (f->stays_s <= 0 || most_s > 0) caption_file_add(p->file, p->held, start_s, most_s);
    g_clear_pointer(&p->held, caption_unref);
}

static void end_place(const output_files *f, place *p, double end_s) {
    g_clear_pointer(&p->held, caption_unref);
    if (f->is_ending)
        caption_file_close(&p->file, end_s);
    else
        caption_file_end(&p->file, end_s);
}

/* ----------------------------------------------------------------- recordings */

static void recording_begins(void *user, recording *r) {
    output_files *f = user;
    place *p = g_new0(place, 1);
    if (is_shown(f, g_get_monotonic_time())) hold(p, f->last);
    recording_set_own(r, p);
}

static void recording_ends(void *user, recording *r, double end_s) {
    place *p = recording_get_own(r);
    end_place(user, p, end_s);
    g_free(p);
}

typedef struct stroke {
    const output_files *f;
    gint64 now_us;
    caption *c; /* a new one; NULL: what is held */
} stroke;

static void write_beside(void *user, recording *r) {
    const stroke *s = user;
    place *p = recording_get_own(r);
    double start_s;
    if (s->c) hold(p, s->c);
    if (!p->held || !recording_time(r, p->held->seen_us, &start_s)) return;
    if (!p->file) {
        g_autofree char *path = path_beside(recording_path(r), s->f->format);
        p->file = caption_file_open(path, s->f->format);
    }
    write_held(s->f, p, start_s, s->now_us);
}

static void find_error(void *user, recording *r) {
    const place *p = recording_get_own(r);
    char **error = user;
    if (!*error && p->file) *error = caption_file_error(p->file);
}

/* -------------------------------------------------------------- the interface */

static void write_lone(output_files *f, caption *c, gint64 now_us) {
    if (!f->lone.file) {
        g_autofree char *path = path_of_lone(f);
        f->lone.file = caption_file_open(path, f->format);
        f->lone_us = c->seen_us;
    }
    hold(&f->lone, c);
    write_held(f, &f->lone, (double)(c->seen_us - f->lone_us) / G_USEC_PER_SEC, now_us);
}

void output_files_caption(output_files *f, caption *c, gint64 now_us) {
    f->told_us = now_us;
    if (c->is_news || !f->last || !*f->last->text) {
        caption_unref(f->last);
        f->last = caption_ref(c);
    }
    if (!f->writes) return;
    if (f->is_beside)
        recordings_each(f->recordings, write_beside, &(stroke){ f, now_us, c });
    else
        write_lone(f, c, now_us);
}

void output_files_tick(output_files *f, gint64 now_us) {
    if (!f->writes || !f->is_beside) return;
    recordings_look(f->recordings, now_us);
    recordings_each(f->recordings, write_beside, &(stroke){ f, now_us, NULL });
}

static void end_all(output_files *f) {
    gint64 now_us = g_get_monotonic_time();
    recordings_forget(f->recordings);
    end_place(f, &f->lone, (double)(now_us - f->lone_us) / G_USEC_PER_SEC);
}

void output_files_set(output_files *f, const outputs_settings *s) {
    f->stays_s = s->stays_s;
    if (f->writes == s->writes_file && f->is_beside == s->per_recording && f->format == s->format &&
        !g_strcmp0(f->folder, s->folder))
        return;
    end_all(f);
    g_free(f->folder);
    f->folder = g_strdup(s->folder);
    f->writes = s->writes_file;
    f->is_beside = s->per_recording;
    f->format = s->format;
}

char *output_files_error(const output_files *f) {
    char *error = f->lone.file ? caption_file_error(f->lone.file) : NULL;
    recordings_each(f->recordings, find_error, &error);
    return error;
}

output_files *output_files_new(void) {
    static const recording_events events = { recording_begins, recording_ends };
    output_files *f = g_new0(output_files, 1);
    f->recordings = recordings_new(&events, f);
    return f;
}

void output_files_free(output_files **f) {
    if (!*f) return;
    (*f)->is_ending = TRUE;
    end_all(*f);
    recordings_free(&(*f)->recordings);
    caption_unref((*f)->last);
    g_free((*f)->folder);
    g_clear_pointer(f, g_free);
}
