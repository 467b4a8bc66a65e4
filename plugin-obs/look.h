/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a thing looks: its colours at a grid of points, and how far a place of another
 * picture looks like it.
 *
 *     score = sum w t' p' / sqrt(sum w t'^2 * sum w p'^2)
 *
 * t', p': of the thing and the place, less the mean of their channel; w: the weight of a
 * point. This is the normalised cross-correlation: light that grows brighter or dimmer
 * changes nothing.
 */
#ifndef ESPY_OBS_LOOK_H
#define ESPY_OBS_LOOK_H

#include "frame.h"

enum { LOOK_SIDE = 12, LOOK_POINTS = LOOK_SIDE * LOOK_SIDE, LOOK_VALUES = 3 * LOOK_POINTS };

/* The points, in pixels from the centre. They cover a box and a little around it, which
 * counts less: a thing of one colour is known by its edge. */
typedef struct look_grid {
    int dx[LOOK_SIDE], dy[LOOK_SIDE];
} look_grid;

look_grid look_grid_of(double width, double height); /* of the box, in pixels */

typedef struct look {
    float values[LOOK_VALUES];  /* [channel][point], 0 to 255             */
    float centred[LOOK_VALUES]; /* times weight, less the channel's mean */
    double norm;                /* sum w t'^2                             */
    gboolean is_flat;           /* nothing to know it by, but its colour  */
} look;

/* The picture at a centre; what is outside of it looks as its edge. */
void look_take(look *l, const frame *f, const look_grid *g, int x, int y);

/* How far the picture at a centre looks like it: 1 the same, 0 or less not at all. Points
 * outside the picture are left out; 0 if these are more than half. Of a flat look, how
 * near the colours are. */
double look_score(const look *l, const frame *f, const look_grid *g, int x, int y);

#endif
