/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A follower at work on the thread of the chores (chore.h), for threads that must not
 * wait for it. Knows no OBS type. Functions are of any thread.
 */
#ifndef ESPY_OBS_BOX_TRACK_H
#define ESPY_OBS_BOX_TRACK_H

#include "caption.h"
#include "frame.h"

typedef struct box_track box_track;

enum { BOX_TRACK_MAX = 16 }; /* boxes of a caption that are followed, the first ones */

/* Where the boxes of a caption are now. */
typedef struct box_places {
    caption *of; /* a reference; NULL: no boxes */
    int n;
    double x1[BOX_TRACK_MAX], y1[BOX_TRACK_MAX], x2[BOX_TRACK_MAX], y2[BOX_TRACK_MAX];
    gboolean is_found[BOX_TRACK_MAX];
} box_places;

box_track *box_track_new(void);
/* Waits for what is under way, some milliseconds; nulls the pointer; NULL in it is fine. */
void box_track_free(box_track **t);

void box_track_set(box_track *t, caption *c); /* NULL: none */
/* Copied. Never waits: dropped if that would be needed. */
void box_track_glance(box_track *t, const frame *glance);

/* TRUE if there are other places than those taken last: in *out, the caller's reference.
 * Never waits: FALSE if that would be needed. */
gboolean box_track_take(box_track *t, box_places *out);

#endif
