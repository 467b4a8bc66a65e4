/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Paintings on the GPU, and how they and frames of boxes come onto a source, whatever
 * colours it is drawn in. All of it within graphics.
 */
#ifndef ESPY_OBS_SHEET_H
#define ESPY_OBS_SHEET_H

#include <obs-module.h>

#include "painter.h"

/* A painting in textures, which are used again for others: strips of it, each small enough
 * that putting it there delays no frame. Zeroed: none. */
typedef struct sheet {
    gs_texture_t **strips; /* [n_strips], from the top; of rows + 2 rows         */
    int n_strips, strip_width, rows;
    int n_put;                       /* strips of the painting that are there    */
    int x, y, width, height;         /* of the painting; 0: nothing to be seen   */
    int source_width, source_height; /* of the source that it was painted for    */
} sheet;

void sheet_begin(sheet *s, const painting *p); /* p: NULL for nothing */
/* Puts up to n_most strips of that painting: some 500 kB each. TRUE: all are there. */
gboolean sheet_put(sheet *s, const painting *p, int n_most);
void sheet_clear(sheet *s);

typedef struct brush brush;

/* NULL if the graphics cannot be used; the functions below then do nothing. */
brush *brush_new(void);
void brush_free(brush *b);

/* What is drawn between them is in the coordinates that are current, over what is there. */
void brush_begin(brush *b);
void brush_end(brush *b);

typedef struct brush_area {
    double x1, y1, x2, y2;
} brush_area;

/* A call to the GPU for each strip, and one for all bars: it costs more than what is in it. */
enum { BRUSH_MOST = 80 }; /* pieces, or bars, at once; the first ones are drawn */

typedef struct brush_piece {
    brush_area from; /* pixels of the sheet */
    brush_area to;
    double opacity; /* 0 to 1 */
} brush_piece;

void brush_pieces(brush *b, const sheet *s, const brush_piece *pieces, int n);

typedef struct brush_bar {
    brush_area at;
    guint32 color; /* 0xRRGGBBAA, straight alpha */
    double opacity;
} brush_bar;

void brush_bars(brush *b, const brush_bar *bars, int n);

#endif
