/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events on their way from the engine's thread to that of its maker. They wait in
 * a queue, where text joins text and progress replaces progress, until the maker's
 * main loop takes all of them, at most every OUTBOX_EVERY_MS.
 */
#ifndef ESPY_GIMP_ENGINE_EVENTS_H
#define ESPY_GIMP_ENGINE_EVENTS_H

#include "engine.h"

enum { OUTBOX_EVERY_MS = 33 };

typedef struct outbox outbox;

/* What an answer consists of, with what it owns. */
typedef struct outcome {
    engine_answer answer; /* points into the rest */
    char *message, *text;
    espy_shape_reader *reader;
} outcome;

void outcome_free(outcome *o);

/* Where the events of one question go. */
typedef struct event_target {
    guint64 serial; /* of the question */
    engine_events events;
    void *user;
} event_target;

/* The maker's thread. outbox_n_done is the number of questions whose on_done was called
 * or is being called. Closing may happen within an event; nothing is delivered
 * afterwards. The engine's thread must have ended by then. */
outbox *outbox_open(GMainContext *context);
void outbox_close(outbox *o);
guint64 outbox_n_done(const outbox *o);

/* The engine's thread. */
void outbox_progress(outbox *o, const event_target *to, const char *phase, double fraction);
void outbox_text(outbox *o, const event_target *to, const char *piece, double tokens_per_s);
void outbox_shape(outbox *o, const event_target *to, const espy_shape *shape);
void outbox_done(outbox *o, const event_target *to, outcome *taken_over);

#endif
