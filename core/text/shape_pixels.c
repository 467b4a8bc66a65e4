/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From numbers to shapes on the picture. The family says what the numbers mean,
 * never their size:
 *
 *     per mille (box_scale 1000)   X = x * W / 1000    range 1000
 *     pixels of the fitted picture X = x * W / Wr      range Wr (Hr for y)
 *
 * A number may lie up to 5 % of the range, in fitted pixels also up to one cell
 * of 28, outside; it is moved to the border then. Beyond that the model meant
 * something else, and the shape is refused. */
#include <math.h>
#include <string.h>

#include "text/shapes.h"

#define CELL_PX 28 /* of vision tokens, in the families that answer in pixels */
#define PI 3.14159265358979323846

/* One number to pixels; returns what is wrong with it, or NULL. */
static const char *to_pixels(double x, double range, double slack, double size, double *out,
                             unsigned *flags) {
    if (!isfinite(x)) return "a number is not finite";
    if (x < -slack) return "a number lies far below 0";
    if (x > range + slack) return "a number lies far beyond the picture";
    if (x < 0 || x > range) *flags |= ESPY_SHAPE_CLAMPED;
    *out = (x < 0 ? 0 : x > range ? range : x) * size / range;
    return NULL;
}

/* Some fine-tunes answer in parts of 1: each has a point, none exceeds 1. */
static int is_unit(const espy_draft *d) {
    for (int i = 0; i < d->n; i++)
        if (!d->numbers[i].has_point || !(d->numbers[i].value >= 0 && d->numbers[i].value <= 1))
            return 0;
    return 1;
}

static const char *all_to_pixels(const espy_shape_params *p, const espy_draft *d,
                                 espy_shape *shape) {
    double size[2] = { p->width_px, p->height_px };
    double range[2] = { p->box_scale ? p->box_scale : p->fitted_width_px,
                        p->box_scale ? p->box_scale : p->fitted_height_px };
    int unit = is_unit(d);
    if (unit) shape->flags |= ESPY_SHAPE_FROM_UNIT;
    for (int i = 0; i < d->n; i++) {
        double most = unit ? 1 : range[i & 1], slack = most * 0.05;
        if (!p->box_scale && !unit && slack < CELL_PX) slack = CELL_PX;
        const char *wrong =
            to_pixels(d->numbers[i].value, most, slack, size[i & 1], &shape->xy[i], &shape->flags);
        if (wrong) return wrong;
    }
    return NULL;
}

static void put_in_order(double *a, double *b, unsigned *flags) {
    if (*a <= *b) return;
    double c = *a;
    *a = *b;
    *b = c;
    *flags |= ESPY_SHAPE_SWAPPED;
}

/* From a to a + 1, moved inside the picture. */
static void one_pixel(double *a, double *b, double size, unsigned *flags) {
    if (*a > size - 1) *a = size > 1 ? size - 1 : 0;
    *b = *a + 1;
    *flags |= ESPY_SHAPE_ONE_PIXEL;
}

static int says_nothing(espy_view label) {
    static const char *const words[] = { "",      "object", "objects", "image", "picture",
                                         "photo", "scene",  "none",    "null",  "nothing",
                                         "n/a",   "item",   "region",  "whole", "background" };
    if (!label.at) return 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (espy_view_is(espy_view_trim(label, ""), words[i])) return 1;
    return 0;
}

static const char *place_box(const espy_shape_params *p, const espy_draft *d, espy_shape *s) {
    double *b = s->xy;
    int flat = d->numbers[0].value == d->numbers[2].value;
    int level = d->numbers[1].value == d->numbers[3].value;
    put_in_order(&b[0], &b[2], &s->flags);
    put_in_order(&b[1], &b[3], &s->flags);
    if (flat && level) return "the box is a single point";
    if (flat) one_pixel(&b[0], &b[2], p->width_px, &s->flags);
    if (level) one_pixel(&b[1], &b[3], p->height_px, &s->flags);
    if (!(b[2] > b[0]) || !(b[3] > b[1])) return "the box has no area inside the picture";
    if (b[2] - b[0] >= 0.99 * p->width_px && b[3] - b[1] >= 0.99 * p->height_px &&
        says_nothing(d->label))
        s->flags |= ESPY_SHAPE_WHOLE;
    return NULL;
}

/* Twice the area between the corners. */
static double area_of_quad(const double *q) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        int k = (i + 1) % 4;
        sum += q[2 * i] * q[2 * k + 1] - q[2 * k] * q[2 * i + 1];
    }
    return fabs(sum);
}

/* Angles come in half turns: value x 180 is degrees. */
static const char *place_box_3d(const espy_draft *d, espy_shape *s) {
    for (int i = 0; i < 9; i++) {
        double x = d->numbers[i].value;
        if (!isfinite(x)) return "a number is not finite";
        s->box_3d[i] = i < 6 ? x : x * 180;
    }
    if (!(s->box_3d[3] > 0 && s->box_3d[4] > 0 && s->box_3d[5] > 0))
        return "a size is not positive";
    return NULL;
}

static const char *place_span(espy_shape *s) {
    if (!isfinite(s->time_s) || !isfinite(s->end_s)) return "a time is not finite";
    if (s->time_s < 0) return "a time lies before the beginning";
    put_in_order(&s->time_s, &s->end_s, &s->flags);
    return NULL;
}

const char *espy_shape_place(const espy_shape_params *p, const espy_draft *d, espy_shape *s) {
    *s = (espy_shape){
        .type = d->type, .flags = d->flags, .time_s = d->time_s, .end_s = d->end_s, .count = 1
    };
    if (d->type == ESPY_SHAPE_SPAN) return place_span(s);
    if (d->type == ESPY_SHAPE_BOX_3D) return place_box_3d(d, s);
    if (p->width_px < 1) return "there is no picture for it";
    const char *wrong = all_to_pixels(p, d, s);
    if (wrong || d->type == ESPY_SHAPE_POINT) return wrong;
    if (d->type != ESPY_SHAPE_QUAD) return place_box(p, d, s);
    return area_of_quad(s->xy) > 0 ? NULL : "the four corners enclose nothing";
}

/* Half the size in the direction that bit i of the corner says, turned by
 * pitch, yaw and roll, one after the other. */
static void turn(double v[3], double pitch, double yaw, double roll) {
    double x = v[0], y = v[1], z = v[2], t;
    t = y * cos(pitch) - z * sin(pitch);
    z = y * sin(pitch) + z * cos(pitch);
    y = t;
    t = x * cos(yaw) + z * sin(yaw);
    z = z * cos(yaw) - x * sin(yaw);
    x = t;
    v[0] = x * cos(roll) - y * sin(roll);
    v[1] = x * sin(roll) + y * cos(roll);
    v[2] = z;
}

int espy_shape_project(const espy_shape *shape, int width, int height, double corners[8][2]) {
    const double *b = shape->box_3d;
    double zoom = 0.5 / tan(PI / 6); /* 60 degrees along a side of length 1 */
    if (shape->type != ESPY_SHAPE_BOX_3D) return 0;
    for (int i = 0; i < 8; i++) {
        double v[3];
        for (int k = 0; k < 3; k++) v[k] = (i >> (2 - k) & 1 ? 0.5 : -0.5) * b[3 + k];
        turn(v, b[6] * PI / 180, b[7] * PI / 180, b[8] * PI / 180);
        double z = v[2] + b[2];
        if (!(z > 0)) return 0;
        corners[i][0] = width * (0.5 + zoom * (v[0] + b[0]) / z);
        corners[i][1] = height * (0.5 + zoom * (v[1] + b[1]) / z);
        if (!isfinite(corners[i][0]) || !isfinite(corners[i][1])) return 0;
    }
    return 1;
}
