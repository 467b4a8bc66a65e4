/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A widget that shows the picture that is looked at, as large as there is room, with
 * shapes over it.
 */
#ifndef ESPY_GIMP_PREVIEW_H
#define ESPY_GIMP_PREVIEW_H

#include <gtk/gtk.h>

#include "shape_list.h"

G_DECLARE_FINAL_TYPE(Preview, preview, ESPY, PREVIEW, GtkWidget)

Preview *preview_new(void);

/* NULL shows nothing. The pixels are copied; shapes are forgotten. */
void preview_set_picture(Preview *p, const espy_image *image);

void preview_clear_shapes(Preview *p);
void preview_add_shape(Preview *p, const espy_shape *shape); /* drawn as chosen */
/* Shape i, in the order of adding; what is not chosen is drawn faintly. */
void preview_choose(Preview *p, int i, gboolean chosen);

/* A colour for shape i, that of its box here; for lists beside. */
GdkRGBA preview_color(int i);

#endif
