/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include <math.h>

/* The outermost points lie around the box. */
static double weight_1d(int i) {
    return i == 0 || i == LOOK_SIDE - 1 ? 0.4 : 1;
}

static float weight(int i) {
    return (float)(weight_1d(i % LOOK_SIDE) * weight_1d(i / LOOK_SIDE));
}

static void place_points(int *d, double size) {
    /* A ring of points around the box, 6 pixels in all at least. */
    double reach = MAX(size * LOOK_SIDE / (LOOK_SIDE - 2), 6);
    for (int i = 0; i < LOOK_SIDE; i++)
        d[i] = (int)floor(((i + 0.5) / LOOK_SIDE - 0.5) * reach + 0.5);
}

look_grid look_grid_of(double width, double height) {
    look_grid g;
    place_points(g.dx, width);
    place_points(g.dy, height);
    return g;
}

void look_take(look *l, const frame *f, const look_grid *g, int x, int y) {
    double mean[3] = { 0 }, sum_w = 0;
    for (int i = 0; i < LOOK_POINTS; i++) {
        int px = CLAMP(x + g->dx[i % LOOK_SIDE], 0, f->width - 1);
        int py = CLAMP(y + g->dy[i / LOOK_SIDE], 0, f->height - 1);
        const guint8 *p = f->rgba + ((gsize)py * (gsize)f->width + (gsize)px) * 4;
        for (int c = 0; c < 3; c++) {
            l->values[c * LOOK_POINTS + i] = p[c];
            mean[c] += weight(i) * p[c];
        }
        sum_w += weight(i);
    }
    l->norm = 0;
    for (int i = 0; i < LOOK_VALUES; i++) {
        float w = weight(i % LOOK_POINTS);
        float centred = l->values[i] - (float)(mean[i / LOOK_POINTS] / sum_w);
        l->centred[i] = w * centred;
        l->norm += w * centred * centred;
    }
    /* Less than 3 of 255 around the mean is noise. */
    l->is_flat = l->norm < 3 * 9 * sum_w;
}

/* The weighted sums of the points inside the picture. */
typedef struct sums {
    double w, t[3], p[3], tt, pp, tp, apart;
} sums;

static sums sums_inside(const look *l, const frame *f, const look_grid *g, int x, int y) {
    sums s = { 0 };
    for (int i = 0; i < LOOK_POINTS; i++) {
        int px = x + g->dx[i % LOOK_SIDE], py = y + g->dy[i / LOOK_SIDE];
        if (px < 0 || py < 0 || px >= f->width || py >= f->height) continue;
        const guint8 *p = f->rgba + ((gsize)py * (gsize)f->width + (gsize)px) * 4;
        double w = weight(i);
        s.w += w;
        for (int c = 0; c < 3; c++) {
            double t = l->values[c * LOOK_POINTS + i];
            s.t[c] += w * t;
            s.p[c] += w * p[c];
            s.tt += w * t * t;
            s.pp += w * p[c] * p[c];
            s.tp += w * t * p[c];
            s.apart += w * fabs(t - p[c]);
        }
    }
    return s;
}

static double correlation(double tp, double tt, double pp) {
    return pp > 1e-6 * tt && tt > 0 ? tp / sqrt(tt * pp) : 0;
}

static double score_inside(const look *l, const frame *f, const look_grid *g, int x, int y) {
    sums s = sums_inside(l, f, g, x, y);
    double all = 0;
    for (int i = 0; i < LOOK_POINTS; i++) all += weight(i);
    if (s.w * 2 < all) return 0;
    if (l->is_flat) return 1 - s.apart / (3 * s.w) / 24;
    for (int c = 0; c < 3; c++) {
        s.tp -= s.t[c] * s.p[c] / s.w;
        s.tt -= s.t[c] * s.t[c] / s.w;
        s.pp -= s.p[c] * s.p[c] / s.w;
    }
    return correlation(s.tp, s.tt, s.pp);
}

/* All points inside, which is what nearly all of the time goes into: the means of the
 * thing are known, and cancel out of the product. */
static double score_whole(const look *l, const frame *f, const look_grid *g, int x, int y) {
    static const float ring = 0.4F;
    double total = 0, pp = 0, sum_w = 0, sum[3] = { 0 };
    const float *t = l->centred;
    for (int j = 0; j < LOOK_SIDE; j++) {
        const guint8 *row = f->rgba + (gsize)(y + g->dy[j]) * (gsize)f->width * 4;
        const float w_row = j == 0 || j == LOOK_SIDE - 1 ? ring : 1;
        float row_tp = 0, row_pp = 0, row_p[3] = { 0 }, row_w = 0;
        for (int i = 0; i < LOOK_SIDE; i++, t++) {
            const guint8 *p = row + (gsize)(x + g->dx[i]) * 4;
            const float w = i == 0 || i == LOOK_SIDE - 1 ? ring * w_row : w_row;
            const float r = p[0], gr = p[1], b = p[2];
            row_tp += t[0] * r + t[LOOK_POINTS] * gr + t[2 * LOOK_POINTS] * b;
            row_pp += w * (r * r + gr * gr + b * b);
            row_p[0] += w * r;
            row_p[1] += w * gr;
            row_p[2] += w * b;
            row_w += w;
        }
        total += row_tp;
        pp += row_pp;
        sum_w += row_w;
        for (int c = 0; c < 3; c++) sum[c] += row_p[c];
    }
    for (int c = 0; c < 3; c++) pp -= sum[c] * sum[c] / sum_w;
    return correlation(total, l->norm, pp);
}

double look_score(const look *l, const frame *f, const look_grid *g, int x, int y) {
    gboolean is_inside = x + g->dx[0] >= 0 && x + g->dx[LOOK_SIDE - 1] < f->width &&
                         y + g->dy[0] >= 0 && y + g->dy[LOOK_SIDE - 1] < f->height;
    return is_inside && !l->is_flat ? score_whole(l, f, g, x, y) : score_inside(l, f, g, x, y);
}
