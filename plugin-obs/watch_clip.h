/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The last seconds as one clip. A model sees frames in pairs, and what the next look has
 * in common with this one from the beginning on is not computed again. So the clip keeps
 * its beginning and grows, until it is as long as it may be; then its older half goes, in
 * whole pairs, whose vision tokens are known to the context. Of one thread.
 */
#ifndef ESPY_OBS_WATCH_CLIP_H
#define ESPY_OBS_WATCH_CLIP_H

#include <espy.h>

#include "watch_plan.h"

typedef struct watch_clip {
    GPtrArray *images; /* of espy_image, which it owns; all of one size */
    GArray *seen_us;   /* gint64                                        */
} watch_clip;

void watch_clip_open(watch_clip *c);
void watch_clip_close(watch_clip *c);
void watch_clip_empty(watch_clip *c);

/* Appends a frame. One of another size, or that comes much later than the one before,
 * begins anew. Errors those of espy_image_from_pixels; the clip is as before then. */
espy_status watch_clip_add(watch_clip *c, const frame *f, const watch_plan *plan, espy_error *err);

/* The part of a message; images and times are the caller's, g_free, the images
 * themselves stay the clip's. The last of an odd number comes twice. */
espy_part watch_clip_part(const watch_clip *c, const watch_plan *plan, const espy_image ***images,
                          double **times_s);

#endif
