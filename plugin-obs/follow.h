/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Boxes that stay on their things between two answers: each is followed from glance to
 * glance by matching its pixels nearby. Knows neither model nor OBS. Of one thread at a
 * time.
 */
#ifndef ESPY_OBS_FOLLOW_H
#define ESPY_OBS_FOLLOW_H

#include "caption.h"
#include "frame.h"

typedef struct follower follower;

follower *follower_new(void);
void follower_free(follower *f);

/* New boxes, which were true of the picture seen at seen_us; glances since then, of which
 * the last few seconds are kept, are caught up with. NULL: none. */
void follower_set(follower *f, const caption *c);

/* The next glance, copied. */
void follower_glance(follower *f, const frame *glance);

/* Box i of the caption as it is now; FALSE if it is lost (covered, gone, out of the
 * picture). */
gboolean follower_box(const follower *f, int i, caption_box *out); /* label borrowed */

#endif
