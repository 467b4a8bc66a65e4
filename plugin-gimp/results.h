/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is kept of an answer, in the image: each function is one undo step. What does
 * not fit (no image, nothing chosen, nothing on the canvas) changes nothing; where GIMP
 * itself refuses half-way, layers are taken back, and the rest by that one step.
 */
#ifndef ESPY_GIMP_RESULTS_H
#define ESPY_GIMP_RESULTS_H

#include <espy.h>
#include <glib.h>

#include "host.h"
#include "picture.h"

/* Text. The alt text goes into XMP's dc:description and IPTC's AltTextAccessibility,
 * which exported JPEG and PNG files carry. */
gboolean results_alt_text(host_image image, const char *text, GError **error);
gboolean results_comment(host_image image, const char *text, GError **error);
gboolean results_layer_name(host_image image, host_layer layer, const char *text, GError **error);
gboolean results_text_layer(host_image image, const picture *p, const char *text, GError **error);

/* Shapes, of the chosen ones alone: chosen is [n_shapes], NULL means all. Shapes that
 * have no place in a picture (spans) are passed over. Their pixels are those of
 * the picture. */
typedef struct results_shapes {
    host_image image;
    const picture *picture;
    const espy_shape *shapes;
    int n_shapes;
    const gboolean *chosen;
} results_shapes;

/* The bounds of a shape in pixels of the image, which may lie beyond its canvas; FALSE
 * if it has no place in a picture. */
gboolean results_bounds(const picture *p, const espy_shape *shape, host_rect *bounds);

gboolean results_selection(const results_shapes *r, host_channel_op op, GError **error);
gboolean results_paths(const results_shapes *r, GError **error);
gboolean results_guides(const results_shapes *r, GError **error);
/* A copy of what is shown in each box, in a layer of its own, in one group. */
gboolean results_layers(const results_shapes *r, GError **error);
/* Crops the image to the bounds of all. */
gboolean results_crop(const results_shapes *r, GError **error);
/* The labels of text lines as text layers where they stand, in one group. */
gboolean results_text_layers(const results_shapes *r, GError **error);

#endif
