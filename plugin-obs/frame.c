/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame.h"

#include <math.h>

frame *frame_new(int width, int height, gint64 seen_us) {
    frame *f = g_new(frame, 1);
    *f = (frame){ g_malloc_n((gsize)width * 4, (gsize)height), width, height, seen_us };
    return f;
}

void frame_free(frame *f) {
    if (!f) return;
    g_free(f->rgba);
    g_free(f);
}

void frame_fit(int width, int height, int64_t max_pixels, int *fitted_width, int *fitted_height) {
    double n = (double)width * height;
    double scale = max_pixels > 0 && n > (double)max_pixels ? sqrt((double)max_pixels / n) : 1;
    int w = MAX(1, (int)(width * scale)), h = MAX(1, (int)(height * scale));
    /* Rounding up of a side to 1 may have made the other too long. */
    if (max_pixels > 0) {
        if (h == 1) w = (int)MIN((int64_t)w, max_pixels);
        if (w == 1) h = (int)MIN((int64_t)h, max_pixels);
    }
    *fitted_width = w;
    *fitted_height = h;
}
