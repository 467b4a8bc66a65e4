/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where lines and labels go. */
#include "overlay.h"

#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHARACTERS = 60, FAR_PX = 1 << 20 };

void cli_overlay_begin(cli_overlay *o, const espy_image *image, const espy_shapes *shapes) {
    double w = espy_image_width(image), h = espy_image_height(image), least = fmin(w, h);
    *o = (cli_overlay){ .image = image,
                        .shapes = shapes->shapes,
                        .n = shapes->n_shapes,
                        .width = w,
                        .height = h,
                        .line = fmax(2, least / 400),
                        .dot = fmax(3, least / 200),
                        .font = fmax(13, least / 40) };
}

/* ------------------------------------------------------------------ colour */

/* FNV-1a over what the class is: not the text of a line, nor the number of an
 * object without a name. */
static uint32_t hash_class(const espy_shape *shape) {
    const char *s = shape->type == ESPY_SHAPE_TEXT         ? "text"
                    : shape->flags & ESPY_SHAPE_UNLABELLED ? "object"
                                                           : shape->label;
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (uint32_t)tolower((unsigned char)*s)) * 16777619u;
    h = (h ^ h >> 16) * 0x7FEB352Du; /* like names shall differ too */
    h = (h ^ h >> 15) * 0x846CA68Bu;
    return h ^ h >> 16;
}

/* Bright, in two steps of saturation; hue in sixths. */
cli_colour cli_overlay_colour(const espy_shape *shape) {
    uint32_t h = hash_class(shape);
    double hue = (double)(h >> 8 & 0xFFFF) / 65536 * 6, depth = h & 1 ? 0.9 : 0.7;
    double rgb[3];
    for (int i = 0; i < 3; i++) {
        double at = fmod(hue + 5 - 2 * i + 6, 6);
        double down = fmin(fmin(at, 4 - at), 1);
        rgb[i] = 1 - depth * fmax(down, 0);
    }
    double light = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    return (cli_colour){ rgb[0], rgb[1], rgb[2], light > 0.5 };
}

/* ------------------------------------------------------------------- lines */

static double within(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* Half a line's width from the border, so that it is seen whole. */
static void put(const cli_overlay *o, double x, double y, double *at) {
    double half = o->line / 2;
    at[0] = within(x, half, fmax(o->width - half, half));
    at[1] = within(y, half, fmax(o->height - half, half));
}

/* Two faces and the four edges between them. */
static int lines_3d(const cli_overlay *o, const espy_shape *shape, cli_line *lines) {
    static const int rings[2][4] = { { 0, 1, 3, 2 }, { 4, 5, 7, 6 } };
    double corners[8][2];
    if (!espy_shape_project(shape, (int)o->width, (int)o->height, corners)) return 0;
    for (int i = 0; i < 16; i++) /* just before the camera they are as far as one likes */
        corners[i / 2][i % 2] = within(corners[i / 2][i % 2], -FAR_PX, FAR_PX);
    for (int k = 0; k < 2; k++) {
        lines[k] = (cli_line){ .n = 4, .closed = 1 };
        for (int i = 0; i < 4; i++) memcpy(lines[k].at[i], corners[rings[k][i]], sizeof corners[0]);
    }
    for (int i = 0; i < 4; i++) {
        lines[2 + i] = (cli_line){ .n = 2 };
        memcpy(lines[2 + i].at[0], corners[i], sizeof corners[0]);
        memcpy(lines[2 + i].at[1], corners[4 + i], sizeof corners[0]);
    }
    return 6;
}

int cli_overlay_lines(const cli_overlay *o, const espy_shape *shape, cli_line *lines) {
    const double *p = shape->xy;
    if (shape->type == ESPY_SHAPE_BOX_3D) return lines_3d(o, shape, lines);
    if (shape->type == ESPY_SHAPE_POINT || shape->type == ESPY_SHAPE_SPAN) return 0;
    lines[0] = (cli_line){ .n = 4, .closed = 1 };
    for (int i = 0; i < 4; i++)
        if (shape->type == ESPY_SHAPE_QUAD)
            put(o, p[2 * i], p[2 * i + 1], lines[0].at[i]);
        else
            put(o, p[i == 1 || i == 2 ? 2 : 0], p[i > 1 ? 3 : 1], lines[0].at[i]);
    return 1;
}

/* ------------------------------------------------------------------ labels */

char *cli_overlay_label(const espy_shape *shape) {
    char *text = cli_valid_utf8(shape->label);
    if (!text) return NULL;
    int n = 0;
    for (char *s = text; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F) *s = ' ';
        if (((unsigned char)*s & 0xC0) == 0x80) continue;
        if (n++ < MOST_CHARACTERS) continue;
        if (strlen(s) < 3) break; /* three dots take three bytes */
        memcpy(s, "\xE2\x80\xA6", 3);
        s[3] = 0;
        break;
    }
    return text;
}

/* The smallest upright box around a shape. */
static int bounds(const cli_overlay *o, const espy_shape *shape, double *box) {
    cli_line lines[CLI_MOST_LINES];
    int n = cli_overlay_lines(o, shape, lines);
    if (shape->type == ESPY_SHAPE_POINT) {
        for (int i = 0; i < 4; i++) box[i] = shape->xy[i & 1] + (i < 2 ? -o->dot : o->dot);
        return 1;
    }
    if (!n) return 0;
    for (int i = 0; i < 4; i++) box[i] = lines[0].at[0][i & 1];
    for (int k = 0; k < n; k++)
        for (int i = 0; i < lines[k].n; i++) {
            const double *at = lines[k].at[i];
            box[0] = fmin(box[0], at[0]), box[1] = fmin(box[1], at[1]);
            box[2] = fmax(box[2], at[0]), box[3] = fmax(box[3], at[1]);
        }
    return 1;
}

int cli_overlay_plate(const cli_overlay *o, const espy_shape *shape, double width, double height,
                      double *x, double *y) {
    double box[4], half = o->line / 2;
    if (!bounds(o, shape, box)) return 0;
    *x = within(box[0] - half, 0, fmax(o->width - width, 0));
    *y = box[1] - half - height;
    if (*y < 0) *y = box[1] - half;
    *y = within(*y, 0, fmax(o->height - height, 0));
    return 1;
}

/* ------------------------------------------------------------------- files */

char *cli_overlay_part(const char *path) {
    size_t n = strlen(path) + 6;
    char *part = malloc(n);
    if (part) snprintf(part, n, "%s.part", path);
    return part;
}

espy_status cli_overlay_finish(espy_status status, const char *part, const char *path,
                               espy_error *err) {
    if (!status && rename(part, path))
        status = cli_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno));
    if (status) remove(part);
    return status;
}
