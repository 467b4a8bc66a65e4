/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of an image that is looked at, at a size that models can use, and the
 * way back from its pixels to those of the image.
 */
#ifndef ESPY_GIMP_PICTURE_H
#define ESPY_GIMP_PICTURE_H

#include <espy.h>
#include <glib.h>

#include "host.h"

typedef enum picture_source {
    PICTURE_VISIBLE = 0, /* all of the image, as it is shown                      */
    PICTURE_LAYER,       /* a layer alone, with its mask, where it is             */
    PICTURE_SELECTION    /* what is shown, within the bounds of the selection     */
} picture_source;

/* "visible", "layer", "selection"; -1 for another name. */
int picture_source_find(const char *name);
const char *picture_source_name(picture_source source);

typedef struct picture {
    espy_image *image; /* sRGB, at most PICTURE_MOST_PX pixels; transparent is white */
    host_rect area;    /* of the image, in its pixels                              */
    int width, height; /* of image, in its pixels                                  */
} picture;

enum { PICTURE_MOST_PX = 4 << 20 };

/* layer is looked at only with PICTURE_LAYER. FALSE with a sentence in error (no
 * selection, an empty layer, an image that is gone, memory). */
gboolean picture_take(picture *out, host_image image, host_layer layer, picture_source source,
                      GError **error);
void picture_clear(picture *p);

/* Something that changes when pixels, size, selection or layers do; for "the image
 * has changed". Cheap next to looking at it. */
guint64 picture_stamp(host_image image, host_layer layer, picture_source source);

/* A point of the picture, in its pixels, in those of the image. */
void picture_to_image(const picture *p, double x, double y, double *image_x, double *image_y);

/* A box x1 y1 x2 y2 of the picture as whole pixels of the image: what is touched by
 * it, at least one pixel, within the area. */
host_rect picture_box_to_image(const picture *p, const double xy[4]);

#endif
