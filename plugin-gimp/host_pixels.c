/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GEGL scales and converts colour (of any profile, depth and model) in one go.
 */
#include "host_pixels.h"

#include <string.h>

/* The area, scaled; n_channels bytes a pixel. */
static void read_scaled(GeglBuffer *buffer, host_rect area, int width, int height,
                        const Babl *format, guint8 *out, int n_channels) {
    const GeglRectangle whole = { area.x, area.y, area.width, area.height };
    const GeglRectangle scaled = { 0, 0, width, height };
    if (width == area.width && height == area.height) {
        gegl_buffer_get(buffer, &whole, 1, format, out, width * n_channels, GEGL_ABYSS_NONE);
        return;
    }
    /* Scaled rectangles count from the buffer's origin, in whole pixels. */
    GeglBuffer *part = g_object_ref(buffer);
    if (area.x || area.y) {
        const GeglRectangle there = { 0, 0, area.width, area.height };
        g_object_unref(part);
        part = gegl_buffer_new(&there, gegl_buffer_get_format(buffer));
        gegl_buffer_copy(buffer, &whole, GEGL_ABYSS_NONE, part, &there);
    }
    double scale = MAX((double)width / area.width, (double)height / area.height);
    gegl_buffer_get(part, &scaled, scale, format, out, width * n_channels,
                    (GeglAbyssPolicy)(GEGL_ABYSS_CLAMP | GEGL_BUFFER_FILTER_BOX));
    g_object_unref(part);
}

guint8 *pixels_scaled(GeglBuffer *pixels, GeglBuffer *mask, host_rect area, int width, int height) {
    gsize n = (gsize)width * (gsize)height;
    guint8 *rgba = g_try_malloc(n * 4), *coverage = mask ? g_try_malloc(n) : NULL;
    gboolean ok = rgba && (coverage || !mask);
    if (ok) read_scaled(pixels, area, width, height, babl_format("R'G'B'A u8"), rgba, 4);
    if (ok && mask) read_scaled(mask, area, width, height, babl_format("Y u8"), coverage, 1);
    for (gsize i = 0; ok && mask && i < n; i++)
        rgba[4 * i + 3] = (guint8)((rgba[4 * i + 3] * coverage[i] + 127) / 255);
    g_free(coverage);
    if (ok) return rgba;
    g_free(rgba);
    return NULL;
}

void pixels_copy(GeglBuffer *from, GeglBuffer *to, host_rect area) {
    const GeglRectangle in = { area.x, area.y, area.width, area.height };
    const GeglRectangle out = { 0, 0, area.width, area.height };
    gegl_buffer_copy(from, &in, GEGL_ABYSS_NONE, to, &out);
}

/* ----------------------------------------------------------------- metadata */

#define ALT_TEXT "Xmp.iptc.AltTextAccessibility"
#define DESCRIPTION "Xmp.dc.description"
#define LANGUAGE "lang=\"x-default\" "

/* exiv2 writes the language into the value of tags that it knows to have languages,
 * and older versions do not know that of the alt text. */
static gboolean has_languages(const char *tag) {
    const char *type = gexiv2_metadata_try_get_tag_type(tag, NULL);
    return !g_strcmp0(type, "LangAlt");
}

/* GIMP 3 hands metadata on as lists of values, and some versions of GExiv2 (0.14.3 with
 * GIMP 3.0) end a value that has languages at its first comma. */
static gboolean ends_at_comma(GExiv2Metadata *metadata, const char *tag, const char *text) {
    char **values = gexiv2_metadata_try_get_tag_multiple(metadata, tag, NULL);
    gboolean cut = values && values[0] && !g_str_has_suffix(values[0], text);
    g_strfreev(values);
    return cut;
}

/* "a, b" as "a; b"; a comma in a number as the low quotation mark that looks like it. */
static char *without_commas(const char *text) {
    GString *out = g_string_new(text);
    g_string_replace(out, ", ", "; ", 0);
    g_string_replace(out, ",\n", ";\n", 0);
    g_string_replace(out, ",", "\xE2\x80\x9A", 0);
    return g_string_free(out, FALSE);
}

static gboolean set_value(GExiv2Metadata *metadata, const char *tag, const char *text,
                          GError **error) {
    char *value = g_strconcat(has_languages(tag) ? LANGUAGE : "", text, NULL);
    gboolean ok = gexiv2_metadata_try_set_tag_string(metadata, tag, value, error);
    g_free(value);
    return ok;
}

static gboolean set_text(GExiv2Metadata *metadata, const char *tag, const char *text,
                         gboolean as_lists, GError **error) {
    if (!set_value(metadata, tag, text, error)) return FALSE;
    if (!as_lists || !ends_at_comma(metadata, tag, text)) return TRUE;
    char *other = without_commas(text);
    gboolean ok = set_value(metadata, tag, other, error);
    g_free(other);
    return ok;
}

gboolean metadata_set_alt_text(GExiv2Metadata *metadata, const char *text, gboolean as_lists,
                               GError **error) {
    return set_text(metadata, ALT_TEXT, text, as_lists, error) &&
           set_text(metadata, DESCRIPTION, text, as_lists, error);
}
