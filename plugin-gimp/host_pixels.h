/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What both adapters do with GEGL and GExiv2, which are the same for both GIMPs.
 */
#ifndef ESPY_GIMP_HOST_PIXELS_H
#define ESPY_GIMP_HOST_PIXELS_H

#include <gegl.h>
#include <gexiv2/gexiv2.h>

#include "host.h"

/* See host_pixels of host.h; area is in pixels of the buffer. mask may be NULL. */
guint8 *pixels_scaled(GeglBuffer *pixels, GeglBuffer *mask, host_rect area, int width, int height);

/* The pixels of area to the origin of to. */
void pixels_copy(GeglBuffer *from, GeglBuffer *to, host_rect area);

/* as_lists: GIMP hands values on as GExiv2 lists them, as GIMP 3 does. */
gboolean metadata_set_alt_text(GExiv2Metadata *metadata, const char *text, gboolean as_lists,
                               GError **error);

#endif
