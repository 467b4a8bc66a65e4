/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes as SVG. The picture is inside, upright and without loss, as a PNG: the
 * file can be moved and needs no other. A viewer's font is not known here, so
 * textLength makes each label as wide as its plate. */
#include "overlay.h"

#include "cli.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_base64(FILE *f, const unsigned char *bytes, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned x = (unsigned)bytes[i] << 16;
        if (i + 1 < n) x |= (unsigned)bytes[i + 1] << 8;
        if (i + 2 < n) x |= bytes[i + 2];
        char four[4] = { digits[x >> 18], digits[x >> 12 & 63], digits[x >> 6 & 63],
                         digits[x & 63] };
        if (i + 1 >= n) four[2] = '=';
        if (i + 2 >= n) four[3] = '=';
        fwrite(four, 1, 4, f);
    }
}

static espy_status put_picture(FILE *f, const espy_image *image, espy_error *err) {
    png_image png = { .version = PNG_IMAGE_VERSION,
                      .width = (png_uint_32)espy_image_width(image),
                      .height = (png_uint_32)espy_image_height(image),
                      .format = PNG_FORMAT_RGB };
    const uint8_t *pixels = espy_image_pixels(image);
    png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(png);
    unsigned char *bytes = malloc(n);
    if (!bytes || !png_image_write_to_memory(&png, bytes, &n, 0, pixels, 0, NULL)) {
        free(bytes);
        return cli_fail(err, ESPY_ERR_MEMORY, -1, "the picture does not fit into an SVG: %.60s",
                        bytes ? png.message : "out of memory");
    }
    fprintf(f, "<image width=\"%d\" height=\"%d\" href=\"data:image/png;base64,",
            espy_image_width(image), espy_image_height(image));
    put_base64(f, bytes, n);
    fputs("\"/>\n", f);
    free(bytes);
    return ESPY_OK;
}

static void put_escaped(FILE *f, const char *s) {
    for (; *s; s++) {
        if (*s == '<' || *s == '&' || *s == '>' || *s == '"')
            fprintf(f, "&#%d;", *s);
        else
            fputc(*s, f);
    }
}

/* Three hundredths of a pixel are enough, in any locale. */
static void put_number(FILE *f, double x) {
    long hundredths = (long)(x * 100 + (x < 0 ? -0.5 : 0.5));
    long rest = hundredths < 0 ? -hundredths : hundredths;
    fprintf(f, "%s%ld.%02ld", hundredths < 0 ? "-" : "", rest / 100, rest % 100);
}

static void put_attribute(FILE *f, const char *name, double x) {
    fprintf(f, " %s=\"", name);
    put_number(f, x);
    fputc('"', f);
}

static const char *colour_name(cli_colour c, char text[8]) {
    snprintf(text, 8, "#%02x%02x%02x", (unsigned)(c.r * 255), (unsigned)(c.g * 255),
             (unsigned)(c.b * 255));
    return text;
}

static void put_lines(FILE *f, const cli_overlay *o, const espy_shape *shape, double wider) {
    cli_line lines[CLI_MOST_LINES];
    char colour[8];
    colour_name(wider > 0 ? (cli_colour){ 0 } : cli_overlay_colour(shape), colour);
    if (shape->type == ESPY_SHAPE_POINT) {
        fprintf(f, "<circle fill=\"%s\"", colour);
        put_attribute(f, "cx", shape->xy[0]);
        put_attribute(f, "cy", shape->xy[1]);
        put_attribute(f, "r", o->dot + wider / 2);
        fputs("/>\n", f);
    }
    for (int i = 0, n = cli_overlay_lines(o, shape, lines); i < n; i++) {
        fprintf(f, "<%s stroke=\"%s\" points=\"", lines[i].closed ? "polygon" : "polyline", colour);
        for (int k = 0; k < lines[i].n; k++) {
            if (k) fputc(' ', f);
            put_number(f, lines[i].at[k][0]);
            fputc(',', f);
            put_number(f, lines[i].at[k][1]);
        }
        fputs("\"/>\n", f);
    }
}

/* Letters are some 0.56 of the font's size wide, those of East Asia all of it. */
static double text_width(const char *s, double font) {
    double sum = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c & 0xC0) != 0x80) sum += c >= 0xE3 ? 1 : 0.56;
    }
    return sum * font;
}

static int put_label(FILE *f, const cli_overlay *o, const espy_shape *shape) {
    char *label = cli_overlay_label(shape), colour[8];
    double x, y, pad = o->font / 5;
    if (!label) return -1;
    double text = text_width(label, o->font), height = o->font * 1.3;
    cli_colour c = cli_overlay_colour(shape);
    if (*label && cli_overlay_plate(o, shape, text + 2 * pad, height, &x, &y)) {
        fprintf(f, "<rect fill=\"%s\"", colour_name(c, colour));
        put_attribute(f, "x", x);
        put_attribute(f, "y", y);
        put_attribute(f, "width", text + 2 * pad);
        put_attribute(f, "height", height);
        fprintf(f, "/>\n<text fill=\"%s\"", c.takes_black ? "#000" : "#fff");
        put_attribute(f, "x", x + pad);
        put_attribute(f, "y", y + o->font);
        put_attribute(f, "textLength", text);
        fputs(" lengthAdjust=\"spacingAndGlyphs\">", f);
        put_escaped(f, label);
        fputs("</text>\n", f);
    }
    free(label);
    return 0;
}

static espy_status put_svg(FILE *f, const cli_overlay *o, espy_error *err) {
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\">\n",
            (int)o->width, (int)o->height, (int)o->width, (int)o->height);
    espy_status status = put_picture(f, o->image, err);
    if (status) return status;
    double wider = o->line * (CLI_EDGE_WIDTH - 1);
    for (int edges = 1; edges >= 0; edges--) {
        fputs("<g fill=\"none\" stroke-linejoin=\"round\"", f);
        put_attribute(f, "stroke-width", o->line + edges * wider);
        put_attribute(f, "opacity", edges ? CLI_EDGE_OPACITY : 1);
        fputs(">\n", f);
        for (int i = 0; i < o->n; i++) put_lines(f, o, &o->shapes[i], edges * wider);
        fputs("</g>\n", f);
    }
    fputs("<g font-family=\"sans-serif\"", f);
    put_attribute(f, "font-size", o->font);
    fputs(">\n", f);
    for (int i = 0; i < o->n; i++)
        if (put_label(f, o, &o->shapes[i]))
            return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    fputs("</g>\n</svg>\n", f);
    return ESPY_OK;
}

espy_status cli_overlay_svg(const cli_overlay *o, const char *path, espy_error *err) {
    char *part = cli_overlay_part(path);
    FILE *f = part ? fopen(part, "wb") : NULL;
    espy_status status = ESPY_OK;
    if (!f) {
        status = part ? cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno))
                      : cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
        free(part);
        return status;
    }
    status = put_svg(f, o, err);
    int failed = ferror(f);
    if ((fclose(f) || failed) && !status)
        status = cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno));
    status = cli_overlay_finish(status, part, path, err);
    free(part);
    return status;
}
