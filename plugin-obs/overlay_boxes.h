/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The boxes of an overlay, with their labels, where a tracker sees them. Of the graphics
 * thread.
 */
#ifndef ESPY_OBS_OVERLAY_BOXES_H
#define ESPY_OBS_OVERLAY_BOXES_H

#include "box_track.h"
#include "sheet.h"

typedef struct overlay_boxes overlay_boxes;

typedef struct boxes_style {
    const char *font; /* of the labels, as paint_style has it */
    double size;
    guint32 color; /* 0xRRGGBBAA             */
    double width;  /* in parts of the source */
} boxes_style;

overlay_boxes *overlay_boxes_new(void);
void overlay_boxes_free(overlay_boxes *b); /* enters graphics itself */

/* What is to be seen this frame. fading: by how much opacity may change since the last
 * one. is_shown FALSE: they fade out. Enters graphics only for what is to be uploaded. */
void overlay_boxes_tick(overlay_boxes *b, box_track *track, const boxes_style *style,
                        gboolean is_shown, double seconds, double fading, int width, int height);

gboolean overlay_boxes_are_seen(const overlay_boxes *b); /* whether drawing does anything */
void overlay_boxes_draw(const overlay_boxes *b, brush *with);

#endif
