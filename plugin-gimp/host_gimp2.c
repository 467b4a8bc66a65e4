/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * host.h for GIMP 2.10; start_gimp2.c registers the procedures.
 */
#include <gexiv2/gexiv2.h>
#include <libgimp/gimp.h>
#include <string.h>

#include "host.h"
#include "host_pixels.h"

#define COMMENT "gimp-comment"

/* 0 for GIMP's -1. */
static gint32 id_of(gint32 id) {
    return MAX(id, 0);
}

/* ------------------------------------------------------------------ looking */

host_image *host_images(int *n) {
    return gimp_image_list(n);
}

gboolean host_image_is_valid(host_image image) {
    return image > 0 && gimp_image_is_valid(image);
}

char *host_image_name(host_image image) {
    return gimp_image_get_name(image);
}

void host_image_get_size(host_image image, int *width, int *height) {
    *width = gimp_image_width(image);
    *height = gimp_image_height(image);
}

gboolean host_image_shows(host_image image) {
    int n = 0;
    gint *layers = gimp_image_get_layers(image, &n);
    gboolean shows = FALSE;
    for (int i = 0; i < n; i++) shows = shows || gimp_item_get_visible(layers[i]);
    g_free(layers);
    return shows;
}

host_layer host_active_layer(host_image image) {
    return id_of(gimp_image_get_active_layer(image));
}

gboolean host_selection(host_image image, host_rect *bounds) {
    gboolean some = FALSE;
    int x1, y1, x2, y2;
    if (!gimp_selection_bounds(image, &some, &x1, &y1, &x2, &y2) || !some) return FALSE;
    *bounds = (host_rect){ x1, y1, x2 - x1, y2 - y1 };
    return TRUE;
}

gboolean host_layer_is_valid(host_layer layer) {
    return layer > 0 && gimp_item_is_valid(layer) && gimp_item_is_layer(layer);
}

char *host_layer_name(host_layer layer) {
    return gimp_item_get_name(layer);
}

host_rect host_layer_rect(host_layer layer) {
    host_rect r = { 0, 0, gimp_drawable_width(layer), gimp_drawable_height(layer) };
    gimp_drawable_offsets(layer, &r.x, &r.y);
    return r;
}

host_layer host_visible_new(host_image image) {
    return id_of(gimp_layer_new_from_visible(image, image, "visible"));
}

void host_visible_delete(host_layer visible) {
    gimp_item_delete(visible);
}

/* Names the image's profile, which GIMP 2.10 leaves out of the pixels' format. */
static void set_profile(GeglBuffer *pixels, gint32 image) {
    GimpColorProfile *profile = gimp_image_get_color_profile(image);
    const Babl *space =
        profile
            ? gimp_color_profile_get_space(profile, GIMP_COLOR_RENDERING_INTENT_PERCEPTUAL, NULL)
            : NULL;
    const Babl *format = gegl_buffer_get_format(pixels);
    if (space && !babl_format_is_palette(format))
        gegl_buffer_set_format(pixels,
                               babl_format_with_space(babl_format_get_encoding(format), space));
    g_clear_object(&profile);
}

guint8 *host_pixels(host_layer layer, host_rect area, int width, int height) {
    host_rect at = host_layer_rect(layer);
    const host_rect in_layer = { area.x - at.x, area.y - at.y, area.width, area.height };
    gint32 mask = gimp_layer_get_apply_mask(layer) ? gimp_layer_get_mask(layer) : -1;
    GeglBuffer *pixels = gimp_drawable_get_buffer(layer);
    GeglBuffer *alpha = mask > 0 ? gimp_drawable_get_buffer(mask) : NULL;
    set_profile(pixels, gimp_item_get_image(layer));
    guint8 *out = pixels_scaled(pixels, alpha, in_layer, width, height);
    g_clear_object(&alpha);
    g_clear_object(&pixels);
    return out;
}

guint64 host_stamp(host_image image, host_layer layer) {
    int width = 128, height = 128, bpp = 0, n = 0;
    guchar *seen = host_layer_is_valid(layer)
                       ? gimp_drawable_get_thumbnail_data(layer, &width, &height, &bpp)
                       : gimp_image_get_thumbnail_data(image, &width, &height, &bpp);
    guint64 hash = 5381;
    for (gsize i = 0; seen && i < (gsize)width * (gsize)height * (gsize)bpp; i++)
        hash = hash * 33 + seen[i];
    g_free(seen);
    gint *layers = gimp_image_get_layers(image, &n);
    for (int i = 0; i < n; i++) {
        int x, y;
        gimp_drawable_offsets(layers[i], &x, &y);
        hash = hash * 31 + (guint64)layers[i] * 7 + (guint64)(x * 3 + y * 5) +
               (guint64)gimp_item_get_visible(layers[i]);
    }
    g_free(layers);
    return hash;
}

/* --------------------------------------------------------------------- text */

gboolean host_set_comment(host_image image, const char *text) {
    GimpParasite *p = gimp_parasite_new(COMMENT, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                        (guint32)strlen(text) + 1, text);
    gboolean ok = gimp_image_attach_parasite(image, p);
    gimp_parasite_free(p);
    return ok;
}

gboolean host_set_alt_text(host_image image, const char *text, GError **error) {
    GimpMetadata *md = gimp_image_get_metadata(image);
    if (!md) md = gimp_metadata_new();
    gboolean ok = metadata_set_alt_text(GEXIV2_METADATA(md), text, FALSE, error) &&
                  gimp_image_set_metadata(image, md);
    g_object_unref(md);
    return ok;
}

gboolean host_set_layer_name(host_layer layer, const char *name) {
    return gimp_item_set_name(layer, name);
}

/* ------------------------------------------------------------------- adding */

static host_layer insert(host_image image, host_layer parent, gint32 layer) {
    if (layer <= 0 || gimp_image_insert_layer(image, layer, parent, 0)) return id_of(layer);
    gimp_item_delete(layer);
    return 0;
}

host_layer host_add_group(host_image image, const char *name) {
    host_layer group = insert(image, 0, gimp_layer_group_new(image));
    if (group) gimp_item_set_name(group, name);
    return group;
}

host_layer host_add_text(host_image image, host_layer parent, const char *text, double size_px,
                         int x, int y, int box_px) {
    char *font = gimp_context_get_font();
    gint32 made =
        font && font[0] ? gimp_text_layer_new(image, text, font, size_px, GIMP_UNIT_PIXEL) : -1;
    g_free(font);
    made = insert(image, parent, made);
    if (!made) return 0;
    int width = gimp_drawable_width(made), lines = width / MAX(box_px, 1) + 2;
    if (box_px && width > box_px) gimp_text_layer_resize(made, box_px, size_px * 1.4 * lines);
    gimp_layer_set_offsets(made, x, y);
    return made;
}

host_layer host_add_copy(host_image image, host_layer parent, host_layer source, host_rect area,
                         const char *name) {
    gint32 made =
        gimp_layer_new(image, name, area.width, area.height, gimp_drawable_type_with_alpha(source),
                       100, GIMP_LAYER_MODE_NORMAL);
    made = insert(image, parent, made);
    if (!made) return 0;
    gimp_layer_set_offsets(made, area.x, area.y);
    GeglBuffer *in = gimp_drawable_get_buffer(source);
    GeglBuffer *out = gimp_drawable_get_buffer(made);
    pixels_copy(in, out, area);
    g_object_unref(in);
    g_object_unref(out); /* hands the pixels over */
    gimp_drawable_update(made, 0, 0, area.width, area.height);
    return made;
}

void host_layer_remove(host_image image, host_layer layer) {
    gimp_image_remove_layer(image, layer);
}

gboolean host_add_path(host_image image, const char *name, const double *xy, int n) {
    gint32 path = gimp_vectors_new(image, name);
    if (path <= 0 || !gimp_image_insert_vectors(image, path, 0, 0)) return FALSE;
    int stroke = gimp_vectors_bezier_stroke_new_moveto(path, xy[0], xy[1]);
    for (int i = 1; i < n; i++)
        gimp_vectors_bezier_stroke_lineto(path, stroke, xy[2 * i], xy[2 * i + 1]);
    return gimp_vectors_stroke_close(path, stroke) && gimp_item_set_visible(path, TRUE);
}

gboolean host_add_guide(host_image image, gboolean horizontal, int position) {
    return (horizontal ? gimp_image_add_hguide(image, position)
                       : gimp_image_add_vguide(image, position)) > 0;
}

gboolean host_select(host_image image, host_channel_op op, const double *xy, int n) {
    static const GimpChannelOps ops[] = { GIMP_CHANNEL_OP_REPLACE, GIMP_CHANNEL_OP_ADD,
                                          GIMP_CHANNEL_OP_SUBTRACT, GIMP_CHANNEL_OP_INTERSECT };
    gimp_context_push();
    gimp_context_set_feather(FALSE);
    gimp_context_set_antialias(TRUE);
    gboolean ok = gimp_image_select_polygon(image, ops[op], n * 2, xy);
    gimp_context_pop();
    return ok;
}

gint32 host_selection_keep(host_image image) {
    gint32 layer = gimp_image_get_active_layer(image);
    gint32 kept = id_of(gimp_selection_save(image));
    /* The new channel has taken its place. */
    if (layer > 0) gimp_image_set_active_layer(image, layer);
    return kept;
}

gboolean host_selection_meet(host_image image, gint32 kept) {
    gboolean ok = gimp_image_select_item(image, GIMP_CHANNEL_OP_INTERSECT, kept);
    return gimp_image_remove_channel(image, kept) && ok;
}

gboolean host_crop(host_image image, host_rect area) {
    return gimp_image_crop(image, area.width, area.height, area.x, area.y);
}

void host_undo_begin(host_image image) {
    gimp_image_undo_group_start(image);
}

void host_undo_end(host_image image) {
    gimp_image_undo_group_end(image);
}

/* ------------------------------------------------------------------ telling */

guint64 host_parent_window(void) {
    return (guint32)gimp_progress_get_window_handle();
}

char *host_theme(void) {
    return gimp_gimprc_query("theme");
}
