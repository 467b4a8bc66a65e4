/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The recordings that run, found among the outputs of OBS, since only its window knows
 * which of them are its recordings. Streams and replay buffers are none. All functions
 * are of the thread that ticks, or of the last user.
 */
#ifndef ESPY_OBS_RECORDINGS_H
#define ESPY_OBS_RECORDINGS_H

#include <glib.h>

typedef struct recordings recordings;
typedef struct recording recording;

/* Called in recordings_look, recordings_forget, and recordings_free. A recording that
 * goes on in another file ends, and begins with that. */
typedef struct recording_events {
    void (*begins)(void *user, recording *r);
    void (*ends)(void *user, recording *r, double end_s); /* in the file's time */
} recording_events;

recordings *recordings_new(const recording_events *events, void *user); /* events: kept */
void recordings_free(recordings **r); /* all end; nulls the pointer, NULL in it is fine */

/* Looks around, some 10 times a second at most. Waits for nothing. */
void recordings_look(recordings *r, gint64 now_us);
/* All end; those that run begin anew when they are looked for again. */
void recordings_forget(recordings *r);

void recordings_each(recordings *r, void (*call)(void *user, recording *r), void *user);

const char *recording_path(const recording *r); /* of the file that is written now */

/* Where in that file a picture is that was drawn at seen_us (g_get_monotonic_time); 0 if
 * before. FALSE: it is in none, the recording pauses. Good to some tenths of a second,
 * while a stream with the same encoder ran before, to the delay of the encoder. */
gboolean recording_time(const recording *r, gint64 seen_us, double *time_s);

/* A pointer of the user's, NULL at first. */
void *recording_get_own(const recording *r);
void recording_set_own(recording *r, void *own);

#endif
