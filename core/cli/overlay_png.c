/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes drawn into the picture, with pango for labels in any script. espy can
 * be built without it. */
#include "overlay.h"

#include "cli.h"

#ifdef ESPY_HAVE_PANGO

#include <errno.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

int cli_overlay_has_png(void) {
    return 1;
}

/* Cairo's pixels are words of 0xXXRRGGBB. */
static cairo_surface_t *copy_picture(const espy_image *image) {
    int w = espy_image_width(image), h = espy_image_height(image);
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    if (cairo_surface_status(surface)) return surface;
    const uint8_t *from = espy_image_pixels(image);
    unsigned char *rows = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    cairo_surface_flush(surface);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, from += 3) {
            uint32_t pixel = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
            memcpy(rows + (size_t)y * stride + 4 * (size_t)x, &pixel, sizeof pixel);
        }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void set_colour(cairo_t *c, cli_colour colour) {
    cairo_set_source_rgb(c, colour.r, colour.g, colour.b);
}

/* First the dark edges, wider by `wider`, then the lines themselves. */
static void draw_lines(cairo_t *c, const cli_overlay *o, const espy_shape *shape, double wider) {
    cli_line lines[CLI_MOST_LINES];
    if (wider > 0)
        cairo_set_source_rgba(c, 0, 0, 0, CLI_EDGE_OPACITY);
    else
        set_colour(c, cli_overlay_colour(shape));
    cairo_set_line_width(c, o->line + wider);
    if (shape->type == ESPY_SHAPE_POINT) {
        cairo_arc(c, shape->xy[0], shape->xy[1], o->dot + wider / 2, 0, 2 * acos(-1));
        cairo_fill(c);
    }
    for (int i = 0, n = cli_overlay_lines(o, shape, lines); i < n; i++) {
        for (int k = 0; k < lines[i].n; k++) cairo_line_to(c, lines[i].at[k][0], lines[i].at[k][1]);
        if (lines[i].closed) cairo_close_path(c);
        cairo_stroke(c);
    }
}

static int draw_label(cairo_t *c, PangoLayout *layout, const cli_overlay *o,
                      const espy_shape *shape) {
    char *label = cli_overlay_label(shape);
    double x, y, pad = o->font / 5;
    int width, height;
    if (!label) return -1;
    pango_layout_set_text(layout, label, -1);
    pango_layout_get_pixel_size(layout, &width, &height);
    cli_colour colour = cli_overlay_colour(shape);
    if (*label && cli_overlay_plate(o, shape, width + 2 * pad, height, &x, &y)) {
        set_colour(c, colour);
        cairo_rectangle(c, x, y, width + 2 * pad, height);
        cairo_fill(c);
        double grey = colour.takes_black ? 0 : 1;
        cairo_set_source_rgb(c, grey, grey, grey);
        cairo_move_to(c, x + pad, y);
        pango_cairo_show_layout(c, layout);
    }
    free(label);
    return 0;
}

/* Labels come last, over all lines. */
static int draw(cairo_t *c, const cli_overlay *o) {
    int failed = 0;
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    for (int i = 0; i < o->n; i++) {
        draw_lines(c, o, &o->shapes[i], o->line * (CLI_EDGE_WIDTH - 1));
        draw_lines(c, o, &o->shapes[i], 0);
    }
    PangoLayout *layout = pango_cairo_create_layout(c);
    PangoFontDescription *font = pango_font_description_from_string("Sans Bold");
    pango_font_description_set_absolute_size(font, o->font * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_single_paragraph_mode(layout, TRUE);
    /* A label is never wider than the picture. */
    pango_layout_set_width(layout, (int)(fmax(o->width - 2 * o->font / 5, 1) * PANGO_SCALE));
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    for (int i = 0; i < o->n && !failed; i++) failed = draw_label(c, layout, o, &o->shapes[i]);
    pango_font_description_free(font);
    g_object_unref(layout);
    return failed;
}

espy_status cli_overlay_png(const cli_overlay *o, const char *path, espy_error *err) {
    char *part = cli_overlay_part(path);
    cairo_surface_t *surface = copy_picture(o->image);
    cairo_t *c = cairo_create(surface);
    int failed = !part || draw(c, o);
    cairo_status_t trouble = cairo_status(c);
    espy_status status = ESPY_OK;
    errno = 0;
    if (!failed && !trouble) trouble = cairo_surface_write_to_png(surface, part);
    if (failed)
        status = cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    else if (trouble)
        status = cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path,
                          errno ? strerror(errno) : cairo_status_to_string(trouble));
    cairo_destroy(c);
    cairo_surface_destroy(surface);
    if (part) status = cli_overlay_finish(status, part, path, err);
    free(part);
    return status;
}

#else

int cli_overlay_has_png(void) {
    return 0;
}

espy_status cli_overlay_png(const cli_overlay *o, const char *path, espy_error *err) {
    (void)o;
    return cli_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                    "%s: this espy was built without pango, which draws labels", path);
}

#endif
