/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Paintings on the GPU, and how they and frames of boxes come onto a source, whatever
 * colours it is drawn in. All of it within graphics.
 */
#ifndef ESPY_OBS_SHEET_H
#define ESPY_OBS_SHEET_H

#include <obs-module.h>

#include "painter.h"

/* A painting's texture, which is used again for others. Zeroed: none. */
typedef struct sheet {
    gs_texture_t *texture;           /* at least as large as the painting            */
    int x, y, width, height;         /* of the painting; width 0: nothing to be seen */
    int source_width, source_height; /* of the source that it was painted for        */
} sheet;

void sheet_put(sheet *s, const painting *p); /* p: NULL for nothing */
void sheet_clear(sheet *s);

typedef struct brush brush;

/* NULL if the graphics cannot be used; the functions below then do nothing. */
brush *brush_new(void);
void brush_free(brush *b);

/* What is drawn between them is in the coordinates that are current, over what is there. */
void brush_begin(brush *b);
void brush_end(brush *b);

/* opacity: 0 to 1. x, y: of the sheet's top left corner; scale_x, scale_y: to its size. */
void brush_sheet(brush *b, const sheet *s, double x, double y, double scale_x, double scale_y,
                 double opacity);
/* The lines of a box, inside of it; width: of the lines. color: 0xRRGGBBAA, straight. */
void brush_box(brush *b, guint32 color, double opacity, double x1, double y1, double x2, double y2,
               double width);

#endif
