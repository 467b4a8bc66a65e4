/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture of the source, read back from the GPU. Knows no OBS type.
 */
#ifndef ESPY_OBS_FRAME_H
#define ESPY_OBS_FRAME_H

#include <glib.h>

typedef struct frame {
    guint8 *rgba; /* [height][width][4], sRGB, alpha to be ignored; rows width * 4 apart */
    int width, height;
    gint64 seen_us; /* g_get_monotonic_time when it was drawn */
} frame;

/* Pixels are not initialised. Ends the process when memory is out, as GLib does. */
frame *frame_new(int width, int height, gint64 seen_us);
void frame_free(frame *f); /* NULL is fine */

/* The largest size of at most max_pixels pixels, not above width x height, with the same
 * shape but for rounding, and at least 1 x 1. max_pixels <= 0: the size itself. */
void frame_fit(int width, int height, int64_t max_pixels, int *fitted_width, int *fitted_height);

#endif
