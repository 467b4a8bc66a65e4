/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The host scales, so that a picture of any size costs PICTURE_MOST_PX here. The way
 * back is that of the two rectangles, for each axis:
 *
 *     x of the image = area.x + x of the picture * area.width / width
 */
#include "picture.h"

#include <math.h>
#include <string.h>

#include "i18n.h"

static const char *const SOURCE_NAMES[] = { "visible", "layer", "selection" };

int picture_source_find(const char *name) {
    for (int i = 0; name && i < (int)G_N_ELEMENTS(SOURCE_NAMES); i++)
        if (!strcmp(name, SOURCE_NAMES[i])) return i;
    return -1;
}

const char *picture_source_name(picture_source source) {
    return SOURCE_NAMES[source];
}

/* What of the image is to be looked at. */
static gboolean find_area(host_rect *area, host_image image, host_layer layer,
                          picture_source source, GError **error) {
    *area = (host_rect){ 0 };
    if (!host_image_is_valid(image)) {
        g_set_error_literal(error, HOST_ERROR, 0, _("There is no image; please open one first."));
        return FALSE;
    }
    if (source == PICTURE_LAYER) {
        if (!host_layer_is_valid(layer)) {
            g_set_error_literal(error, HOST_ERROR, 0,
                                _("There is no layer to look at; please choose one."));
            return FALSE;
        }
        *area = host_layer_rect(layer);
    } else if (!host_image_shows(image)) {
        g_set_error_literal(error, HOST_ERROR, 0,
                            _("Nothing of the image is shown: it has no visible layer."));
        return FALSE;
    } else if (source == PICTURE_SELECTION) {
        if (!host_selection(image, area)) {
            g_set_error_literal(
                error, HOST_ERROR, 0,
                _("Nothing is selected; please select a part of the image, or look at all of it."));
            return FALSE;
        }
    } else {
        host_image_get_size(image, &area->width, &area->height);
    }
    if (area->width > 0 && area->height > 0) return TRUE;
    g_set_error_literal(error, HOST_ERROR, 0, _("There are no pixels to look at."));
    return FALSE;
}

/* At most PICTURE_MOST_PX, at least one pixel each way; never larger than it is. */
static void fit(picture *p) {
    double pixels = (double)p->area.width * p->area.height;
    double scale = pixels > PICTURE_MOST_PX ? sqrt(PICTURE_MOST_PX / pixels) : 1;
    p->width = MAX((int)(p->area.width * scale), 1);
    p->height = MAX((int)(p->area.height * scale), 1);
    /* Where one side is that one pixel, the other may still be too long. */
    p->width = MIN(p->width, PICTURE_MOST_PX / p->height);
    p->height = MIN(p->height, PICTURE_MOST_PX / p->width);
}

gboolean picture_take(picture *out, host_image image, host_layer layer, picture_source source,
                      GError **error) {
    picture p = { 0 };
    if (!find_area(&p.area, image, layer, source, error)) return FALSE;
    fit(&p);
    host_layer visible = source == PICTURE_LAYER ? 0 : host_visible_new(image);
    host_layer looked_at = source == PICTURE_LAYER ? layer : visible;
    guint8 *rgba = looked_at > 0 ? host_pixels(looked_at, p.area, p.width, p.height) : NULL;
    if (visible > 0) host_visible_delete(visible);
    if (!rgba) {
        g_set_error_literal(error, HOST_ERROR, 0, _("GIMP did not hand over the pixels."));
        return FALSE;
    }
    espy_error err;
    espy_status status = espy_image_from_pixels(&p.image, rgba, p.width, p.height,
                                                (ptrdiff_t)p.width * 4, 4, ESPY_ALPHA_WHITE, &err);
    g_free(rgba);
    if (status) {
        g_set_error_literal(error, HOST_ERROR, 0, err.message);
        return FALSE;
    }
    *out = p;
    return TRUE;
}

void picture_clear(picture *p) {
    espy_image_close(&p->image);
    *p = (picture){ 0 };
}

/* FNV-1a, of whole numbers. */
static guint64 mix(guint64 hash, gint64 value) {
    for (int i = 0; i < 8; i++) hash = (hash ^ (value >> 8 * i & 0xFF)) * 0x100000001B3U;
    return hash;
}

guint64 picture_stamp(host_image image, host_layer layer, picture_source source) {
    guint64 hash = mix(0xCBF29CE484222325U, source);
    if (!host_image_is_valid(image)) return hash;
    int width, height;
    host_image_get_size(image, &width, &height);
    hash = mix(mix(mix(hash, image), width), height);
    host_rect selected = { 0 };
    if (source == PICTURE_SELECTION && host_selection(image, &selected))
        hash = mix(mix(mix(mix(hash, selected.x), selected.y), selected.width), selected.height);
    if (source != PICTURE_LAYER || !host_layer_is_valid(layer)) layer = 0;
    return mix(mix(hash, layer), (gint64)host_stamp(image, layer));
}

void picture_to_image(const picture *p, double x, double y, double *image_x, double *image_y) {
    *image_x = p->area.x + x * p->area.width / p->width;
    *image_y = p->area.y + y * p->area.height / p->height;
}

/* From the pixel that holds low to the one before high, of n from start on. */
static void to_pixels(double low, double high, int start, int n, int *first, int *length) {
    /* What rounding alone adds is no pixel more. */
    const double slack = 1e-6;
    double from = floor(low - start + slack), to = ceil(high - start - slack);
    from = CLAMP(from, 0, n - 1);
    to = CLAMP(to, from + 1, n);
    *first = start + (int)from;
    *length = (int)(to - from);
}

host_rect picture_box_to_image(const picture *p, const double xy[4]) {
    double x1, y1, x2, y2;
    picture_to_image(p, xy[0], xy[1], &x1, &y1);
    picture_to_image(p, xy[2], xy[3], &x2, &y2);
    host_rect box;
    to_pixels(x1, x2, p->area.x, p->area.width, &box.x, &box.width);
    to_pixels(y1, y2, p->area.y, p->area.height, &box.y, &box.height);
    return box;
}
