/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two halves. Other threads note what is wanted, under a lock. The graphics thread keeps
 * a copy, which it renews only when it gets the lock at once, and makes it seen: asks for
 * paintings, uploads them, and moves opacities.
 *
 * Each answer has a number. A painting of the answer that is shown takes its place; one
 * of another fades in while the one before fades out.
 */
#include "overlay.h"

#include <pthread.h>

#include "box_track.h"
#include "overlay_boxes.h"
#include "sheet.h"

static const gint64 GLANCE_US = 100000; /* from glance to glance */
static const guint64 SAMPLE = G_MAXUINT64;

/* What is wanted. */
typedef struct wanted {
    guint64 revision;          /* counts changes                                    */
    guint64 looks;             /* counts those that change what a painting looks like */
    overlay_settings settings; /* style.font is owned                      */
    char *text;                /* of the caption; NULL: none                        */
    guint64 answer;            /* its number                                        */
    guint64 n_calls;           /* captions so far: each makes the text stay anew    */
    char *sample;              /* NULL: none                                        */
    double sample_s;
    guint64 n_samples;
    gboolean has_boxes;
} wanted;

/* A text on its way in or out. */
typedef struct layer {
    sheet sheet;
    guint64 answer;
    double opacity;
} layer;

struct overlay {
    pthread_mutex_t lock; /* of the next seven; held for copies alone */
    wanted wanted;
    guint64 text_serial, box_serial; /* of the captions that they are of               */
    gboolean is_whole;               /* the text is                                    */
    gboolean may_find;               /* captions have boxes, or it is not known yet    */
    gint64 glance_us;                /* when the last glance was taken                 */

    box_track *track;
    painter *painter;

    /* Of the graphics thread. */
    wanted seen;
    brush *brush;
    layer now, leaving, coming; /* coming: painted, and on its way to the GPU */
    painting *coming_painting;
    gboolean is_coming;
    overlay_boxes *boxes;
    gint64 tick_us, call_us, sample_until_us;
    int width, height;
    /* What was asked of the painter. */
    guint64 asked_looks, asked_answer;
    int asked_width, asked_height;
};

/* ------------------------------------------------------------------- wanted */

static void wanted_clear(wanted *w) {
    g_free((char *)w->settings.style.font);
    g_free(w->text);
    g_free(w->sample);
    *w = (wanted){ 0 };
}

static wanted wanted_copy(const wanted *w) {
    wanted copy = *w;
    copy.settings.style.font = g_strdup(w->settings.style.font);
    copy.text = g_strdup(w->text);
    copy.sample = g_strdup(w->sample);
    return copy;
}

void overlay_set(overlay *o, const overlay_settings *settings) {
    char *font = g_strdup(settings->style.font);
    pthread_mutex_lock(&o->lock);
    char *before = (char *)o->wanted.settings.style.font;
    o->wanted.settings = *settings;
    o->wanted.settings.style.font = font;
    o->wanted.looks++;
    o->wanted.revision++;
    pthread_mutex_unlock(&o->lock);
    g_free(before);
}

/* Under the lock. Pieces of the same answer follow each other without a fade. */
static void want_text(overlay *o, const caption *c) {
    const char *text = c->text ? c->text : "";
    if (!c->is_whole) {
        if (!o->wanted.settings.by_words || !*text) return;
        /* As far as it says what is shown already, nothing has to change. */
        if (o->is_whole && o->wanted.text && g_str_has_prefix(o->wanted.text, text)) return;
    }
    const gboolean is_same = c->is_whole && !c->is_news && o->is_whole && o->wanted.text && *text;
    if (!is_same && g_strcmp0(o->wanted.text, text)) {
        if (c->serial != o->text_serial || !o->wanted.text) o->wanted.answer++;
        g_free(o->wanted.text);
        o->wanted.text = *text ? g_strdup(text) : NULL;
        o->wanted.looks++;
    }
    o->text_serial = c->serial;
    o->is_whole = c->is_whole;
}

/* Under the lock. Boxes of a piece show only where they replace no whole ones. */
static void want_boxes(overlay *o, caption *c) {
    if (!c->is_whole &&
        (!o->wanted.settings.by_words || (o->wanted.has_boxes && c->serial != o->box_serial)))
        return;
    o->may_find = c->finds || c->n_boxes > 0;
    o->wanted.has_boxes = c->n_boxes > 0;
    o->box_serial = c->serial;
    if (c->n_boxes > 0) box_track_set(o->track, c); /* without: those before fade out */
}

void overlay_caption(overlay *o, caption *c) {
    pthread_mutex_lock(&o->lock);
    want_text(o, c);
    want_boxes(o, c);
    if (c->is_whole || o->wanted.settings.by_words) {
        o->wanted.n_calls++;
        if (o->wanted.text) g_clear_pointer(&o->wanted.sample, g_free);
    }
    o->wanted.revision++;
    pthread_mutex_unlock(&o->lock);
}

void overlay_clear(overlay *o) {
    pthread_mutex_lock(&o->lock);
    g_clear_pointer(&o->wanted.text, g_free);
    g_clear_pointer(&o->wanted.sample, g_free);
    o->is_whole = FALSE;
    o->wanted.has_boxes = FALSE;
    o->wanted.revision++;
    pthread_mutex_unlock(&o->lock);
}

void overlay_sample(overlay *o, const char *text, double seconds) {
    pthread_mutex_lock(&o->lock);
    g_free(o->wanted.sample);
    o->wanted.sample = g_strdup(text);
    o->wanted.sample_s = seconds;
    o->wanted.looks++;
    o->wanted.n_samples++;
    o->wanted.revision++;
    pthread_mutex_unlock(&o->lock);
}

/* ------------------------------------------------------------------ glances */

/* Both may be called where nothing may be waited for. */
void overlay_glance(overlay *o, const frame *glance) {
    if (pthread_mutex_trylock(&o->lock)) return;
    o->glance_us = glance->seen_us;
    pthread_mutex_unlock(&o->lock);
    box_track_glance(o->track, glance);
}

gboolean overlay_wants_glance(const overlay *of) {
    overlay *o = (overlay *)of; /* for its lock */
    if (pthread_mutex_trylock(&o->lock)) return FALSE;
    gboolean wants = o->wanted.settings.shows_boxes && o->may_find &&
                     g_get_monotonic_time() - o->glance_us >= GLANCE_US;
    pthread_mutex_unlock(&o->lock);
    return wants;
}

/* --------------------------------------------------------------------- tick */

static void renew(overlay *o, gint64 now_us) {
    wanted before = o->seen;
    if (pthread_mutex_trylock(&o->lock)) return; /* the next frame will do */
    const gboolean is_other = o->wanted.revision != before.revision;
    if (is_other) o->seen = wanted_copy(&o->wanted);
    pthread_mutex_unlock(&o->lock);
    if (!is_other) return;
    if (o->seen.n_calls != before.n_calls) o->call_us = now_us;
    if (o->seen.n_samples != before.n_samples)
        o->sample_until_us = now_us + (gint64)(o->seen.sample_s * G_USEC_PER_SEC);
    wanted_clear(&before);
}

static void ask(overlay *o, const char *text, guint64 answer) {
    if (o->asked_looks == o->seen.looks && o->asked_answer == answer &&
        o->asked_width == o->width && o->asked_height == o->height)
        return;
    o->asked_looks = o->seen.looks;
    o->asked_answer = answer;
    o->asked_width = o->width;
    o->asked_height = o->height;
    painter_ask(o->painter, &o->seen.settings.style, text, o->width, o->height, answer);
}

/* The one that has come takes its place: that of its answer, or beside the one before. */
static void arrive(overlay *o) {
    const layer come = o->coming;
    if (come.answer == o->now.answer) {
        o->coming.sheet = o->now.sheet;
        o->now.sheet = come.sheet;
    } else {
        o->coming.sheet = o->leaving.sheet;
        o->leaving = o->now;
        o->now = (layer){ .sheet = come.sheet, .answer = come.answer };
    }
    o->is_coming = FALSE;
    g_clear_pointer(&o->coming_painting, painting_free);
}

/* A painting goes to the GPU a part each frame, and the next one when it is there. */
static void take(overlay *o) {
    enum { STRIPS_A_FRAME = 2 };
    const gboolean begins =
        !o->is_coming && painter_take(o->painter, &o->coming_painting, &o->coming.answer);
    if (!begins && !o->is_coming) return;
    o->is_coming = TRUE;
    obs_enter_graphics();
    if (begins) sheet_begin(&o->coming.sheet, o->coming_painting);
    const gboolean is_there = sheet_put(&o->coming.sheet, o->coming_painting, STRIPS_A_FRAME);
    obs_leave_graphics();
    if (is_there) arrive(o);
}

static void fade(layer *l, double target, double step) {
    l->opacity += CLAMP(target - l->opacity, -step, step);
}

void overlay_tick(overlay *o, gint64 now_us, int width, int height) {
    const double seconds =
        o->tick_us ? CLAMP((double)(now_us - o->tick_us) / G_USEC_PER_SEC, 0, 1) : 0;
    o->tick_us = now_us;
    o->width = width;
    o->height = height;
    renew(o, now_us);
    const overlay_settings *s = &o->seen.settings;
    const gboolean stays =
        s->stays_s <= 0 || (double)(now_us - o->call_us) < s->stays_s * G_USEC_PER_SEC;
    const gboolean is_sample = o->seen.sample && now_us < o->sample_until_us;
    const char *text = is_sample ? o->seen.sample : o->seen.text;
    const guint64 answer = is_sample ? SAMPLE : o->seen.answer;
    const gboolean is_shown = text && (is_sample || (s->shows_text && stays));
    const double step = s->fade_s > 0 ? seconds / s->fade_s : 1;

    if (is_shown && width > 0 && height > 0) ask(o, text, answer);
    take(o);
    /* One that waits for its painting lets the one before stay as it is. */
    if (!is_shown || o->now.answer == answer) fade(&o->now, is_shown, step);
    fade(&o->leaving, 0, step);
    if (!is_shown && o->now.opacity <= 0) o->now.answer = o->asked_answer = 0;

    const boxes_style style = { s->style.font, s->style.size, s->box_color, s->box_width };
    overlay_boxes_tick(o->boxes, o->track, &style, s->shows_boxes && o->seen.has_boxes && stays,
                       seconds, step, width, height);
}

/* --------------------------------------------------------------------- draw */

static void draw_layer(const overlay *o, const layer *l) {
    const sheet *s = &l->sheet;
    if (l->opacity <= 0 || s->width <= 0) return;
    /* Of a source that has just changed its size, until it is painted anew. */
    const double scale_x = (double)o->width / s->source_width;
    const double scale_y = (double)o->height / s->source_height;
    const brush_piece whole = { { 0, 0, s->width, s->height },
                                { s->x * scale_x, s->y * scale_y, (s->x + s->width) * scale_x,
                                  (s->y + s->height) * scale_y },
                                l->opacity };
    brush_pieces(o->brush, s, &whole, 1);
}

void overlay_draw(overlay *o) {
    if (o->width <= 0 || o->height <= 0) return;
    if (o->now.opacity <= 0 && o->leaving.opacity <= 0 && !overlay_boxes_are_seen(o->boxes)) return;
    brush_begin(o->brush);
    overlay_boxes_draw(o->boxes, o->brush);
    draw_layer(o, &o->leaving);
    draw_layer(o, &o->now);
    brush_end(o->brush);
}

/* --------------------------------------------------------------------- life */

overlay *overlay_new(void) {
    overlay *o = g_new0(overlay, 1);
    pthread_mutex_init(&o->lock, NULL);
    o->may_find = TRUE;
    o->track = box_track_new();
    o->painter = painter_new();
    o->boxes = overlay_boxes_new();
    obs_enter_graphics();
    o->brush = brush_new();
    obs_leave_graphics();
    return o;
}

void overlay_free(overlay **pointer) {
    overlay *o = *pointer;
    *pointer = NULL;
    if (!o) return;
    box_track_free(&o->track);
    painter_free(&o->painter);
    overlay_boxes_free(o->boxes);
    obs_enter_graphics();
    sheet_clear(&o->now.sheet);
    sheet_clear(&o->leaving.sheet);
    sheet_clear(&o->coming.sheet);
    brush_free(o->brush);
    obs_leave_graphics();
    painting_free(o->coming_painting);
    wanted_clear(&o->wanted);
    wanted_clear(&o->seen);
    pthread_mutex_destroy(&o->lock);
    g_free(o);
}
