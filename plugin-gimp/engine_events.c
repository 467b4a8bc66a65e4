/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock is pthread's: checkers of data races see through it, and not through
 * GLib's. Of GLib's main loop the engine's thread uses g_source_set_ready_time alone. */
#include "engine_events.h"

#include <pthread.h>
#include <string.h>

typedef enum event_kind { EVENT_PROGRESS, EVENT_TEXT, EVENT_SHAPE, EVENT_DONE } event_kind;

typedef struct event {
    event_kind kind;
    event_target to;
    const char *phase; /* EVENT_PROGRESS; static                        */
    double number;     /* fraction, or tokens a second                  */
    GString *text;     /* EVENT_TEXT                                    */
    espy_shape *shape; /* EVENT_SHAPE; NULL: what came was a draft      */
    outcome *outcome;  /* EVENT_DONE                                    */
} event;

struct outbox {
    GSource *source;
    pthread_mutex_t lock;
    GQueue *waiting; /* of event, under the lock                              */
    gint64 taken_us; /* when events were taken last, under the lock           */
    guint64 n_done;
    gboolean *closed; /* of the delivery under way, if there is one            */
};

/* --------------------------------------------------------------- ownership */

void outcome_free(outcome *o) {
    if (!o) return;
    espy_shape_reader_close(&o->reader);
    g_free(o->message);
    g_free(o->text);
    g_free(o);
}

static espy_shape *shape_copy(const espy_shape *s) {
    espy_shape *copy = g_memdup2(s, sizeof *s);
    espy_attribute *attributes = g_new(espy_attribute, s->n_attributes);
    for (int i = 0; i < s->n_attributes; i++) {
        attributes[i].name = g_strdup(s->attributes[i].name);
        attributes[i].value = g_strdup(s->attributes[i].value);
    }
    copy->label = g_strdup(s->label);
    copy->attributes = attributes;
    return copy;
}

static void shape_free(espy_shape *s) {
    if (!s) return;
    for (int i = 0; i < s->n_attributes; i++) {
        g_free((char *)s->attributes[i].name);
        g_free((char *)s->attributes[i].value);
    }
    g_free((espy_attribute *)s->attributes);
    g_free((char *)s->label);
    g_free(s);
}

static void event_free(void *data) {
    event *ev = data;
    if (ev->text) g_string_free(ev->text, TRUE);
    shape_free(ev->shape);
    outcome_free(ev->outcome);
    g_free(ev);
}

/* ------------------------------------------------------------------ sending */

/* One of the same kind that waits for the same question, else NULL. */
static event *find_like(const outbox *o, event_kind kind, const event_target *to,
                        const char *phase) {
    for (GList *l = o->waiting->tail; l; l = l->prev) {
        event *ev = l->data;
        if (ev->to.serial == to->serial && ev->kind == kind && !g_strcmp0(ev->phase, phase))
            return ev;
    }
    return NULL;
}

/* Under the lock. The main loop is woken when it may take the next events; the end of
 * an answer need not wait. */
static event *add(outbox *o, event_kind kind, const event_target *to) {
    event *ev = g_new0(event, 1);
    ev->kind = kind;
    ev->to = *to;
    if (g_queue_is_empty(o->waiting) || kind == EVENT_DONE)
        g_source_set_ready_time(o->source,
                                kind == EVENT_DONE ? 0 : o->taken_us + OUTBOX_EVERY_MS * 1000);
    g_queue_push_tail(o->waiting, ev);
    return ev;
}

void outbox_progress(outbox *o, const event_target *to, const char *phase, double fraction) {
    if (!to->events.on_progress) return;
    pthread_mutex_lock(&o->lock);
    event *ev = find_like(o, EVENT_PROGRESS, to, phase);
    if (!ev) ev = add(o, EVENT_PROGRESS, to);
    ev->phase = phase;
    ev->number = fraction;
    pthread_mutex_unlock(&o->lock);
}

void outbox_text(outbox *o, const event_target *to, const char *piece, double tokens_per_s) {
    if (!to->events.on_text || !*piece) return;
    pthread_mutex_lock(&o->lock);
    event *ev = find_like(o, EVENT_TEXT, to, NULL);
    if (!ev) ev = add(o, EVENT_TEXT, to);
    if (!ev->text) ev->text = g_string_new(NULL);
    g_string_append(ev->text, piece);
    ev->number = tokens_per_s;
    pthread_mutex_unlock(&o->lock);
}

void outbox_shape(outbox *o, const event_target *to, const espy_shape *shape) {
    if (!to->events.on_shape) return;
    espy_shape *copy = shape ? shape_copy(shape) : NULL;
    pthread_mutex_lock(&o->lock);
    add(o, EVENT_SHAPE, to)->shape = copy;
    pthread_mutex_unlock(&o->lock);
}

void outbox_done(outbox *o, const event_target *to, outcome *taken_over) {
    pthread_mutex_lock(&o->lock);
    add(o, EVENT_DONE, to)->outcome = taken_over;
    pthread_mutex_unlock(&o->lock);
}

/* ----------------------------------------------------------------- delivery */

static void deliver(outbox *o, const event *ev) {
    const engine_events *to = &ev->to.events;
    switch (ev->kind) {
    case EVENT_PROGRESS:
        to->on_progress(ev->to.user, ev->phase, ev->number);
        break;
    case EVENT_TEXT:
        to->on_text(ev->to.user, ev->text->str, ev->number);
        break;
    case EVENT_SHAPE:
        to->on_shape(ev->to.user, ev->shape);
        break;
    case EVENT_DONE:
        o->n_done++;
        if (to->on_done) to->on_done(ev->to.user, &ev->outcome->answer);
        break;
    }
}

/* An event may close the outbox: from then on nothing of it is touched. */
static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data) {
    (void)callback;
    outbox *o = data;
    gboolean closed = FALSE;
    pthread_mutex_lock(&o->lock);
    GQueue *taken = o->waiting;
    o->waiting = g_queue_new();
    o->taken_us = g_get_monotonic_time();
    g_source_set_ready_time(source, -1);
    pthread_mutex_unlock(&o->lock);
    o->closed = &closed;
    event *ev;
    while (!closed && (ev = g_queue_pop_head(taken))) {
        deliver(o, ev);
        event_free(ev);
    }
    if (!closed) o->closed = NULL;
    g_queue_free_full(taken, event_free);
    return closed ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* The callback is never called; the source needs one to carry its data. */
static gboolean nothing(gpointer data) {
    (void)data;
    return G_SOURCE_CONTINUE;
}

outbox *outbox_open(GMainContext *context) {
    static GSourceFuncs funcs = { .dispatch = dispatch };
    outbox *o = g_new0(outbox, 1);
    pthread_mutex_init(&o->lock, NULL);
    o->waiting = g_queue_new();
    o->source = g_source_new(&funcs, sizeof(GSource));
    g_source_set_name(o->source, "espy engine");
    g_source_set_callback(o->source, nothing, o, NULL);
    g_source_set_ready_time(o->source, -1);
    g_source_attach(o->source, context);
    return o;
}

void outbox_close(outbox *o) {
    if (o->closed) *o->closed = TRUE;
    g_source_destroy(o->source);
    g_source_unref(o->source);
    g_queue_free_full(o->waiting, event_free);
    pthread_mutex_destroy(&o->lock);
    g_free(o);
}

guint64 outbox_n_done(const outbox *o) {
    return o->n_done;
}
