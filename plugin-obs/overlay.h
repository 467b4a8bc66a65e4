/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is drawn over the source: the caption, and boxes with labels that follow their
 * things. Text is painted elsewhere (painter.h); the graphics thread uploads and draws.
 */
#ifndef ESPY_OBS_OVERLAY_H
#define ESPY_OBS_OVERLAY_H

#include "caption.h"
#include "frame.h"
#include "painter.h"

typedef struct overlay overlay;

typedef struct overlay_settings {
    gboolean shows_text, shows_boxes;
    gboolean by_words; /* pieces are shown as they come; FALSE: captions whole */
    paint_style style; /* of the caption                                       */
    double fade_s;     /* in and out; 0: none                                  */
    double stays_s;    /* after the last caption (of news or not); 0: for ever */
    guint32 box_color; /* 0xRRGGBBAA; labels stand on it                       */
    double box_width;  /* of the lines, in parts of the source's height        */
} overlay_settings;

overlay *overlay_new(void);
void overlay_free(overlay **o); /* enters graphics itself; nulls the pointer */

/* Any thread, none of them waits for graphics. */
void overlay_set(overlay *o, const overlay_settings *settings); /* copied */
void overlay_caption(overlay *o, caption *c);
void overlay_glance(overlay *o, const frame *glance); /* for boxes that follow */
void overlay_clear(overlay *o);
void overlay_sample(overlay *o, const char *text, double seconds); /* to see a style by */

/* Whether glances are of use now. */
gboolean overlay_wants_glance(const overlay *o);

/* The graphics thread: in video_tick, which enters graphics only if something is to be
 * uploaded; and in video_render, after the source, in its coordinates. */
void overlay_tick(overlay *o, gint64 now_us, int width, int height);
void overlay_draw(overlay *o);

#endif
