/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_host.h"

#include <string.h>

fake_host fake;

void fake_reset(int width, int height) {
    g_free(fake.text);
    fake = (fake_host){ .width = width, .height = height, .shows = TRUE };
    fake.layer = (host_rect){ 0, 0, width, height };
}

static gboolean change(void) {
    if (fake.undo_depth != 1) fake.changed_alone = TRUE;
    return ++fake.n_changes != fake.refuse_at;
}

host_image *host_images(int *n) {
    host_image *list = g_new(host_image, 1);
    list[0] = FAKE_IMAGE;
    *n = 1;
    return list;
}

gboolean host_image_is_valid(host_image image) {
    return image == FAKE_IMAGE;
}

char *host_image_name(host_image image) {
    return g_strdup_printf("image %d", image);
}

void host_image_get_size(host_image image, int *width, int *height) {
    (void)image;
    *width = fake.width;
    *height = fake.height;
}

gboolean host_image_shows(host_image image) {
    (void)image;
    return fake.shows;
}

host_layer host_active_layer(host_image image) {
    (void)image;
    return FAKE_LAYER;
}

gboolean host_selection(host_image image, host_rect *bounds) {
    (void)image;
    if (fake.has_selection) *bounds = fake.selection;
    return fake.has_selection;
}

gboolean host_layer_is_valid(host_layer layer) {
    return layer == FAKE_LAYER;
}

char *host_layer_name(host_layer layer) {
    return g_strdup_printf("layer %d", layer);
}

host_rect host_layer_rect(host_layer layer) {
    (void)layer;
    return fake.layer;
}

host_layer host_visible_new(host_image image) {
    (void)image;
    fake.n_visible++;
    return 100;
}

void host_visible_delete(host_layer visible) {
    if (visible == 100) fake.n_visible--;
}

/* Half transparent red: over white, pink. */
guint8 *host_pixels(host_layer layer, host_rect area, int width, int height) {
    (void)layer;
    fake.asked = area;
    if (fake.refuses_pixels) return NULL;
    static const guint8 pixel[4] = { 0xFF, 0, 0, 0x80 };
    guint8 *out = g_malloc((gsize)width * (gsize)height * 4);
    for (gsize i = 0; i < (gsize)width * (gsize)height; i++)
        memcpy(out + 4 * i, pixel, sizeof pixel);
    return out;
}

guint64 host_stamp(host_image image, host_layer layer) {
    return (guint64)image * 1000 + (guint64)layer;
}

static gboolean set_text(const char *text) {
    if (!change()) return FALSE;
    g_free(fake.text);
    fake.text = g_strdup(text);
    return TRUE;
}

gboolean host_set_comment(host_image image, const char *text) {
    (void)image;
    return set_text(text);
}

gboolean host_set_alt_text(host_image image, const char *text, GError **error) {
    (void)image;
    if (set_text(text)) return TRUE;
    g_set_error_literal(error, HOST_ERROR, 0, "refused");
    return FALSE;
}

gboolean host_set_layer_name(host_layer layer, const char *name) {
    (void)layer;
    return set_text(name);
}

static host_layer add_layer(void) {
    if (!change()) return 0;
    return 200 + ++fake.n_layers;
}

host_layer host_add_group(host_image image, const char *name) {
    (void)image;
    (void)name;
    return add_layer();
}

host_layer host_add_text(host_image image, host_layer parent, const char *text, double size_px,
                         int x, int y, int box_px) {
    (void)image;
    (void)parent;
    (void)text;
    (void)box_px;
    if (size_px < 1) return 0;
    if (fake.n_layers < 64) fake.copies[fake.n_layers] = (host_rect){ x, y, 0, 0 };
    return add_layer();
}

host_layer host_add_copy(host_image image, host_layer parent, host_layer source, host_rect area,
                         const char *name) {
    (void)image;
    (void)parent;
    (void)source;
    (void)name;
    if (fake.n_layers < 64) fake.copies[fake.n_layers] = area;
    return add_layer();
}

void host_layer_remove(host_image image, host_layer layer) {
    (void)image;
    (void)layer;
    fake.n_layers = 0; /* the group, with all in it */
}

gboolean host_add_path(host_image image, const char *name, const double *xy, int n) {
    (void)image;
    (void)name;
    (void)xy;
    (void)n;
    fake.n_paths++;
    return change();
}

gboolean host_add_guide(host_image image, gboolean horizontal, int position) {
    (void)image;
    if (position < 0 || position > (horizontal ? fake.height : fake.width)) return FALSE;
    fake.n_guides++;
    return change();
}

gboolean host_select(host_image image, host_channel_op op, const double *xy, int n) {
    (void)image;
    (void)xy;
    (void)n;
    if (fake.n_selects < 64) fake.ops[fake.n_selects++] = op;
    return change();
}

gint32 host_selection_keep(host_image image) {
    (void)image;
    if (!change()) return 0;
    fake.n_kept++;
    return 300;
}

gboolean host_selection_meet(host_image image, gint32 kept) {
    (void)image;
    if (kept == 300) fake.n_kept--;
    return change();
}

gboolean host_crop(host_image image, host_rect area) {
    (void)image;
    fake.crop = area;
    return change();
}

void host_undo_begin(host_image image) {
    (void)image;
    fake.undo_depth++;
    fake.n_undo_groups++;
}

void host_undo_end(host_image image) {
    (void)image;
    fake.undo_depth--;
}

void host_progress_begin(const char *text) {
    (void)text;
}

void host_progress_set(double fraction) {
    (void)fraction;
}

void host_progress_end(void) {
}

void host_flush(void) {
}

guint64 host_parent_window(void) {
    return 0;
}
