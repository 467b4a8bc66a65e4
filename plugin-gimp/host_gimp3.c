/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * host.h for GIMP 3.0 and 3.2; start_gimp3.c registers the procedures.
 */
#include <libgimp/gimp.h>
#include <string.h>

#include "host.h"
#include "host_pixels.h"

#define COMMENT "gimp-comment"

static GimpImage *image_of(host_image image) {
    return image > 0 ? gimp_image_get_by_id(image) : NULL;
}

static GimpLayer *layer_of(host_layer layer) {
    if (layer <= 0 || !gimp_item_id_is_layer(layer)) return NULL;
    return gimp_layer_get_by_id(layer);
}

static host_layer id_of(gpointer item) {
    return item ? gimp_item_get_id(GIMP_ITEM(item)) : 0;
}

/* ------------------------------------------------------------------ looking */

host_image *host_images(int *n) {
    GList *list = gimp_list_images();
    host_image *out = g_new0(host_image, g_list_length(list) + 1);
    *n = 0;
    for (GList *i = list; i; i = i->next) out[(*n)++] = gimp_image_get_id(i->data);
    g_list_free(list);
    return out;
}

gboolean host_image_is_valid(host_image image) {
    return image_of(image) != NULL;
}

char *host_image_name(host_image image) {
    return gimp_image_get_name(image_of(image));
}

void host_image_get_size(host_image image, int *width, int *height) {
    *width = gimp_image_get_width(image_of(image));
    *height = gimp_image_get_height(image_of(image));
}

gboolean host_image_shows(host_image image) {
    GimpLayer **layers = gimp_image_get_layers(image_of(image));
    gboolean shows = FALSE;
    for (int i = 0; layers && layers[i]; i++)
        shows = shows || gimp_item_get_visible(GIMP_ITEM(layers[i]));
    g_free(layers);
    return shows;
}

host_layer host_active_layer(host_image image) {
    GimpLayer **layers = gimp_image_get_selected_layers(image_of(image));
    host_layer first = layers ? id_of(layers[0]) : 0;
    g_free(layers);
    return first;
}

gboolean host_selection(host_image image, host_rect *bounds) {
    gboolean some = FALSE;
    int x1, y1, x2, y2;
    if (!gimp_selection_bounds(image_of(image), &some, &x1, &y1, &x2, &y2) || !some) return FALSE;
    *bounds = (host_rect){ x1, y1, x2 - x1, y2 - y1 };
    return TRUE;
}

gboolean host_layer_is_valid(host_layer layer) {
    return layer_of(layer) != NULL;
}

char *host_layer_name(host_layer layer) {
    return gimp_item_get_name(GIMP_ITEM(layer_of(layer)));
}

host_rect host_layer_rect(host_layer layer) {
    GimpDrawable *d = GIMP_DRAWABLE(layer_of(layer));
    host_rect r = { 0, 0, gimp_drawable_get_width(d), gimp_drawable_get_height(d) };
    gimp_drawable_get_offsets(d, &r.x, &r.y);
    return r;
}

host_layer host_visible_new(host_image image) {
    GimpImage *from = image_of(image);
    return id_of(gimp_layer_new_from_visible(from, from, "visible"));
}

void host_visible_delete(host_layer visible) {
    gimp_item_delete(GIMP_ITEM(layer_of(visible)));
}

guint8 *host_pixels(host_layer layer, host_rect area, int width, int height) {
    GimpLayer *l = layer_of(layer);
    host_rect at = host_layer_rect(layer);
    const host_rect in_layer = { area.x - at.x, area.y - at.y, area.width, area.height };
    GimpLayerMask *mask = gimp_layer_get_apply_mask(l) ? gimp_layer_get_mask(l) : NULL;
    GeglBuffer *pixels = gimp_drawable_get_buffer(GIMP_DRAWABLE(l));
    GeglBuffer *alpha = mask ? gimp_drawable_get_buffer(GIMP_DRAWABLE(mask)) : NULL;
    guint8 *out = pixels_scaled(pixels, alpha, in_layer, width, height);
    g_clear_object(&alpha);
    g_clear_object(&pixels);
    return out;
}

guint64 host_stamp(host_image image, host_layer layer) {
    GimpImage *of = image_of(image);
    int width = 128, height = 128, bpp; /* wanted, then what there is */
    GBytes *seen = layer_of(layer)
                       ? gimp_drawable_get_thumbnail_data(GIMP_DRAWABLE(layer_of(layer)), width,
                                                          height, &width, &height, &bpp)
                       : gimp_image_get_thumbnail_data(of, &width, &height, &bpp);
    guint64 hash = seen ? g_bytes_hash(seen) : 0;
    g_clear_pointer(&seen, g_bytes_unref);
    GimpLayer **layers = gimp_image_get_layers(of);
    for (int i = 0; layers && layers[i]; i++) {
        int x, y;
        gimp_drawable_get_offsets(GIMP_DRAWABLE(layers[i]), &x, &y);
        hash = hash * 31 + (guint64)id_of(layers[i]) * 7 + (guint64)(x * 3 + y * 5) +
               (guint64)gimp_item_get_visible(GIMP_ITEM(layers[i]));
    }
    g_free(layers);
    return hash;
}

/* --------------------------------------------------------------------- text */

gboolean host_set_comment(host_image image, const char *text) {
    GimpParasite *p = gimp_parasite_new(COMMENT, GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                        strlen(text) + 1, text);
    gboolean ok = gimp_image_attach_parasite(image_of(image), p);
    gimp_parasite_free(p);
    return ok;
}

gboolean host_set_alt_text(host_image image, const char *text, GError **error) {
    GimpMetadata *md = gimp_image_get_metadata(image_of(image));
    if (!md) md = gimp_metadata_new();
    gboolean ok = metadata_set_alt_text(GEXIV2_METADATA(md), text, TRUE, error) &&
                  gimp_image_set_metadata(image_of(image), md);
    g_object_unref(md);
    return ok;
}

gboolean host_set_layer_name(host_layer layer, const char *name) {
    return gimp_item_set_name(GIMP_ITEM(layer_of(layer)), name);
}

/* ------------------------------------------------------------------- adding */

static gboolean insert(host_image image, host_layer parent, gpointer layer) {
    if (gimp_image_insert_layer(image_of(image), GIMP_LAYER(layer), layer_of(parent), 0))
        return TRUE;
    gimp_item_delete(GIMP_ITEM(layer));
    return FALSE;
}

host_layer host_add_group(host_image image, const char *name) {
    GimpGroupLayer *group = gimp_group_layer_new(image_of(image), name);
    return group && insert(image, 0, group) ? id_of(group) : 0;
}

host_layer host_add_text(host_image image, host_layer parent, const char *text, double size_px,
                         int x, int y, int box_px) {
    GimpFont *font = gimp_context_get_font();
    GimpTextLayer *made =
        font ? gimp_text_layer_new(image_of(image), text, font, size_px, gimp_unit_pixel()) : NULL;
    if (!made || !insert(image, parent, made)) return 0;
    int lines = (int)(gimp_drawable_get_width(GIMP_DRAWABLE(made)) / MAX(box_px, 1)) + 2;
    if (box_px && gimp_drawable_get_width(GIMP_DRAWABLE(made)) > box_px)
        gimp_text_layer_resize(made, box_px, size_px * 1.4 * lines);
    gimp_layer_set_offsets(GIMP_LAYER(made), x, y);
    return id_of(made);
}

host_layer host_add_copy(host_image image, host_layer parent, host_layer source, host_rect area,
                         const char *name) {
    GimpDrawable *from = GIMP_DRAWABLE(layer_of(source));
    GimpLayer *made =
        gimp_layer_new(image_of(image), name, area.width, area.height,
                       gimp_drawable_type_with_alpha(from), 100, GIMP_LAYER_MODE_NORMAL);
    if (!made || !insert(image, parent, made)) return 0;
    gimp_layer_set_offsets(made, area.x, area.y);
    GeglBuffer *in = gimp_drawable_get_buffer(from);
    GeglBuffer *out = gimp_drawable_get_buffer(GIMP_DRAWABLE(made));
    pixels_copy(in, out, area);
    g_object_unref(in);
    g_object_unref(out); /* hands the pixels over */
    gimp_drawable_update(GIMP_DRAWABLE(made), 0, 0, area.width, area.height);
    return id_of(made);
}

void host_layer_remove(host_image image, host_layer layer) {
    gimp_image_remove_layer(image_of(image), layer_of(layer));
}

gboolean host_add_path(host_image image, const char *name, const double *xy, int n) {
    GimpPath *path = gimp_path_new(image_of(image), name);
    if (!path || !gimp_image_insert_path(image_of(image), path, NULL, 0)) return FALSE;
    int stroke = gimp_path_bezier_stroke_new_moveto(path, xy[0], xy[1]);
    for (int i = 1; i < n; i++)
        gimp_path_bezier_stroke_lineto(path, stroke, xy[2 * i], xy[2 * i + 1]);
    return gimp_path_stroke_close(path, stroke) && gimp_item_set_visible(GIMP_ITEM(path), TRUE);
}

gboolean host_add_guide(host_image image, gboolean horizontal, int position) {
    GimpImage *in = image_of(image);
    return (horizontal ? gimp_image_add_hguide(in, position)
                       : gimp_image_add_vguide(in, position)) != 0;
}

gboolean host_select(host_image image, host_channel_op op, const double *xy, int n) {
    static const GimpChannelOps ops[] = { GIMP_CHANNEL_OP_REPLACE, GIMP_CHANNEL_OP_ADD,
                                          GIMP_CHANNEL_OP_SUBTRACT, GIMP_CHANNEL_OP_INTERSECT };
    gimp_context_push();
    gimp_context_set_feather(FALSE);
    gimp_context_set_antialias(TRUE);
    gboolean ok = gimp_image_select_polygon(image_of(image), ops[op], (gsize)n * 2, xy);
    gimp_context_pop();
    return ok;
}

gint32 host_selection_keep(host_image image) {
    GimpLayer **layers = gimp_image_get_selected_layers(image_of(image));
    gint32 kept = id_of(gimp_selection_save(image_of(image)));
    /* The new channel has taken their place. */
    if (layers) gimp_image_set_selected_layers(image_of(image), (const GimpLayer **)layers);
    g_free(layers);
    return kept;
}

gboolean host_selection_meet(host_image image, gint32 kept) {
    GimpChannel *channel = gimp_channel_get_by_id(kept);
    gboolean ok =
        gimp_image_select_item(image_of(image), GIMP_CHANNEL_OP_INTERSECT, GIMP_ITEM(channel));
    return gimp_image_remove_channel(image_of(image), channel) && ok;
}

gboolean host_crop(host_image image, host_rect area) {
    return gimp_image_crop(image_of(image), area.width, area.height, area.x, area.y);
}

void host_undo_begin(host_image image) {
    gimp_image_undo_group_start(image_of(image));
}

void host_undo_end(host_image image) {
    gimp_image_undo_group_end(image_of(image));
}

/* ------------------------------------------------------------------ telling */

guint64 host_parent_window(void) {
    GBytes *handle = gimp_progress_get_window_handle();
    guint64 id = 0;
    gsize n = 0;
    const void *bytes = handle ? g_bytes_get_data(handle, &n) : NULL;
    /* Of Wayland it is a name instead, longer or shorter. */
    if (n == sizeof id) memcpy(&id, bytes, n);
    g_clear_pointer(&handle, g_bytes_unref);
    return id;
}

char *host_theme(void) {
    return gimp_gimprc_query("theme-color-scheme");
}
