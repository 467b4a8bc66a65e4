/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * When a picture is to be looked at: how far it differs from the one that was looked at
 * last, and how long ago that was. Knows neither model nor OBS. Of one thread at a time.
 */
#ifndef ESPY_OBS_MOMENTS_H
#define ESPY_OBS_MOMENTS_H

#include "frame.h"
#include "worker.h"

/* How much of the picture differs, 0 to 1: the part of it (in a grid of cells, by luma and
 * colour) that changed by more than noise, after a change of overall brightness is taken
 * out. Deterministic; sizes that differ: 1. */
typedef struct moments moments;

moments *moments_new(void);
void moments_free(moments *m);

void moments_set(moments *m, watch_when when, double interval_s, double least_s, double change);

/* A glance at the source. */
void moments_glance(moments *m, const frame *f);
/* The difference between the last glance and the picture that was looked at: the glance
 * that was current when the frame of the last moments_offered was drawn, without one that
 * of moments_looked; 1 if there was none. */
double moments_change(const moments *m);

/* From when on to look, as things are now: G_MAXINT64 if nothing speaks for it, or a time
 * that may have passed. */
gint64 moments_due_at(const moments *m);
/* Whether a glance would serve moments_due_at; at most some 10 times a second. */
gboolean moments_wants_glance(const moments *m, gint64 now_us);
void moments_ask(moments *m);                     /* due at once                       */
void moments_offered(moments *m, gint64 seen_us); /* a frame waits to be looked at     */
void moments_looked(moments *m, gint64 now_us);   /* a look has begun, at this frame   */

#endif
