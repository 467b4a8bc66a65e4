/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes over a picture: where lines and labels go (overlay.c), as SVG
 * (overlay_svg.c) and as PNG (overlay_png.c). Sizes are in pixels of the
 * picture. Lines are max(2, min(W, H) / 400) wide, points discs of radius
 * max(3, min(W, H) / 200); both have a dark edge, to be seen on any ground. */
#ifndef ESPY_CLI_OVERLAY_H
#define ESPY_CLI_OVERLAY_H

#include <espy.h>

typedef struct cli_overlay {
    const espy_image *image;
    const espy_shape *shapes; /* [n] */
    int n;
    double width, height;
    double line, dot, font;
} cli_overlay;

void cli_overlay_begin(cli_overlay *o, const espy_image *image, const espy_shapes *shapes);

/* 0..1. A label has the same colour in every picture; text is drawn on it in
 * black or white, whichever can be read. */
typedef struct cli_colour {
    double r, g, b;
    int takes_black;
} cli_colour;

cli_colour cli_overlay_colour(const espy_shape *shape);

#define CLI_EDGE_WIDTH 1.8   /* of the dark edge, in widths of the line */
#define CLI_EDGE_OPACITY 0.5 /* it is black */

typedef struct cli_line {
    double at[4][2];
    int n;      /* points */
    int closed; /* the last is joined to the first */
} cli_line;

enum { CLI_MOST_LINES = 6 };

/* The lines of a shape, drawn inside the picture; how many. A point has none,
 * and neither has a span, or a 3-D box that is not wholly before the camera. */
int cli_overlay_lines(const cli_overlay *o, const espy_shape *shape, cli_line *lines);

/* What stands on the plate: one line of at most 60 characters, valid UTF-8, no
 * control characters. Owned by the caller (free); NULL without memory. */
char *cli_overlay_label(const espy_shape *shape);

/* The left top corner of a plate of that size: above the shape, or inside where
 * it would leave the picture. Returns 0 for a shape that has no place. */
int cli_overlay_plate(const cli_overlay *o, const espy_shape *shape, double width, double height,
                      double *x, double *y);

/* Write a file, complete or not at all.
 * Errors ESPY_ERR_IO, ESPY_ERR_MEMORY; of PNG ESPY_ERR_UNSUPPORTED if espy was
 * built without pango. */
espy_status cli_overlay_svg(const cli_overlay *o, const char *path, espy_error *err);
espy_status cli_overlay_png(const cli_overlay *o, const char *path, espy_error *err);
int cli_overlay_has_png(void);

/* The name under which a file is written until it is complete; owned by the
 * caller (free). */
char *cli_overlay_part(const char *path);

/* Gives it its name, or removes it if status is a failure. Returns status, or
 * what went wrong. */
espy_status cli_overlay_finish(espy_status status, const char *part, const char *path,
                               espy_error *err);

#endif
