/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text becomes pixels, with Pango and Cairo, on a thread of its own. Knows no OBS type.
 */
#ifndef ESPY_OBS_PAINTER_H
#define ESPY_OBS_PAINTER_H

#include <glib.h>

typedef enum paint_align { ALIGN_START = 0, ALIGN_CENTER, ALIGN_END } paint_align;

/* Sizes are parts of the source's height, so that a style looks alike on all sizes. */
typedef struct paint_style {
    const char *font; /* a Pango description without size, "Sans Bold"; NULL: "Sans"  */
    double size;      /* of a line's em; 0: 0.045                                     */
    guint32 color;    /* 0xRRGGBBAA, straight alpha                                   */
    guint32 outline_color;
    double outline;     /* width, in em; 0: none                                        */
    guint32 background; /* behind the lines, with rounded corners                       */
    double margin;      /* to the source's edges                                        */
    double width;       /* of the text at most, in parts of the source's width; 0: 0.9  */
    int n_lines;        /* at most; 0: 2                                                */
    paint_align align;  /* of the lines among each other; START of right-to-left text is
                           at the right                                                 */
    int column, row;    /* place in the source: -1 left or top, 0 middle, 1 right, bottom */
    gboolean keeps_end; /* too long: the last lines are shown; FALSE: the first, and an
                           ellipsis                                                     */
} paint_style;

typedef struct painting {
    guint8 *bgra; /* [height][width][4], premultiplied sRGB; rows width * 4 apart */
    int width, height;
    int x, y; /* of its top left corner in the source, in its pixels */
    int source_width, source_height;
} painting;

void painting_free(painting *p); /* NULL is fine */

/* At once, on the calling thread. text is UTF-8 (made valid if it is not); NULL if nothing
 * is to be seen, and on sources of more than 32767 pixels a side. The painting is no larger than
 * what is seen, and within the source. */
painting *paint(const paint_style *style, const char *text, int source_width, int source_height);

/* On the thread of the chores (chore.h). Functions of a painter are of any thread, and
 * never wait for painting, but painter_free for one that is under way: some
 * milliseconds. */
typedef struct painter painter;

painter *painter_new(void);
void painter_free(painter **p); /* nulls the pointer; NULL in it is fine */

/* Copied; replaces one that waits. serial comes back with the painting. */
void painter_ask(painter *p, const paint_style *style, const char *text, int source_width,
                 int source_height, guint64 serial);

/* The newest painting, if there is one that was not taken yet: TRUE, and *out is the
 * caller's (NULL: there is nothing to be seen). */
gboolean painter_take(painter *p, painting **out, guint64 *serial);

#endif
