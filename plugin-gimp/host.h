/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the plug-in asks of GIMP, in terms that 2.10 and 3 share: host_gimp2.c and
 * host_gimp3.c implement it, one of them is linked. Images and layers are known by
 * GIMP's own numbers. Main thread alone. Nothing outside these two files and their
 * start-up includes a header of GIMP.
 *
 * Strings that are returned are the caller's (g_free). Functions that add something
 * return 0 or FALSE if GIMP did not.
 */
#ifndef ESPY_GIMP_HOST_H
#define ESPY_GIMP_HOST_H

#include <glib.h>

typedef gint32 host_image; /* 0 and below: none */
typedef gint32 host_layer;

typedef struct host_rect {
    int x, y, width, height; /* pixels of the image */
} host_rect;

typedef enum host_channel_op {
    HOST_REPLACE = 0,
    HOST_ADD,
    HOST_SUBTRACT,
    HOST_INTERSECT
} host_channel_op;

/* The domain of the plug-in's own errors; their code is 0 and their message a
 * sentence for the user. */
#define HOST_ERROR g_quark_from_static_string("espy-gimp")

/* ------------------------------------------------------------------ looking */

/* The open images; g_free. */
host_image *host_images(int *n);
gboolean host_image_is_valid(host_image image);
char *host_image_name(host_image image);
void host_image_get_size(host_image image, int *width, int *height);
/* Whether there is a layer that is not hidden. */
gboolean host_image_shows(host_image image);
/* The layer that is worked on (of several, the topmost), 0 if there is none. A mask
 * stands for its layer. */
host_layer host_active_layer(host_image image);
/* The bounds of the selection, within the image; FALSE if nothing is selected. */
gboolean host_selection(host_image image, host_rect *bounds);

gboolean host_layer_is_valid(host_layer layer);
char *host_layer_name(host_layer layer);
host_rect host_layer_rect(host_layer layer);

/* A layer of what is shown, which is in no image; host_visible_delete. 0 on failure. */
host_layer host_visible_new(host_image image);
void host_visible_delete(host_layer visible);

/* The layer's pixels in area (within its rectangle), scaled to width x height: sRGB
 * u8, straight RGBA, rows width * 4 bytes apart; g_free. Its mask counts, its opacity
 * does not. NULL if that failed. */
guint8 *host_pixels(host_layer layer, host_rect area, int width, int height);

/* Changes when what is shown, or the pixels of the layer (0: none), look different in
 * a thumbnail, or a layer is moved, shown or hidden. */
guint64 host_stamp(host_image image, host_layer layer);

/* --------------------------------------------------------------------- text */

gboolean host_set_comment(host_image image, const char *text);
/* XMP's alt text and description. */
gboolean host_set_alt_text(host_image image, const char *text, GError **error);
gboolean host_set_layer_name(host_layer layer, const char *name);

/* ------------------------------------------------------------------- adding */

/* parent 0: the top of the image, above the others. */
host_layer host_add_group(host_image image, const char *name);
/* Text in the font and colour that are set, its top left corner at x y, lines of
 * size_px. box_px: wrapped to this width; 0: not. 0 if there are no fonts. */
host_layer host_add_text(host_image image, host_layer parent, const char *text, double size_px,
                         int x, int y, int box_px);
/* A layer that has the pixels of source (of host_visible_new) in area. */
host_layer host_add_copy(host_image image, host_layer parent, host_layer source, host_rect area,
                         const char *name);
/* With all that is in it. */
void host_layer_remove(host_image image, host_layer layer);
/* A closed line through x y of n points. */
gboolean host_add_path(host_image image, const char *name, const double *xy, int n);
gboolean host_add_guide(host_image image, gboolean horizontal, int position);
gboolean host_select(host_image image, host_channel_op op, const double *xy, int n);
/* Keeps the selection in a channel, and gives it back: what is selected then is
 * selected in both. The channel is gone afterwards. */
gint32 host_selection_keep(host_image image);
gboolean host_selection_meet(host_image image, gint32 kept);
gboolean host_crop(host_image image, host_rect area);

/* What is done in between is one step to undo. */
void host_undo_begin(host_image image);
void host_undo_end(host_image image);

/* ------------------------------------------------------------------ telling */

void host_progress_begin(const char *text);
void host_progress_set(double fraction);
void host_progress_end(void);
/* Redraws what has changed. */
void host_flush(void);
/* The X11 window that dialogs belong to; 0: unknown. */
guint64 host_parent_window(void);
/* What GIMP's own windows look like: "dark", "gray" or "light" in any case; another
 * name or NULL: as the desktop's. */
char *host_theme(void);

#endif
