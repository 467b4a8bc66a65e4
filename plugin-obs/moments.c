/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A glance becomes a grid of cells, each with its mean luma Y and colour Cb, Cr. Of two
 * grids the newer one is predicted from the older,
 *
 *     Y' = g Y + o,   Cb' = g Cb,   Cr' = g Cr
 *
 * with g and o medians over all cells, near 1 and 0, since a camera that sets its
 * exposure shows nothing new. Cells that miss their prediction have changed. */
#include "moments.h"

#include <math.h>

enum {
    CELL_PX = 4,        /* edge of a cell, while there are no more than ... */
    MOST_CELLS = 32,    /* ... along a side                                 */
    N_KEPT = 4,         /* glances that wait for a frame as old as they are */
    GLANCE_US = 100000, /* from one to the next                             */
    NEAR_US = 300000,   /* an older glance tells nothing of a frame         */
    LEAST_STEP = 12,    /* between cells of which a slope is made, of 255   */
    LEAST_SLOPES = 8,
    N_BINS = 513 /* odd: the middle is one of them */
};
static const float luma_noise = 8, color_noise = 6; /* of 255 */
static const float most_gain = 1.25F, most_offset = 24;

typedef struct grid {
    int width, height; /* of the glance, in pixels; 0: none */
    int columns, rows;
    gint64 seen_us;
    float cells[MOST_CELLS * MOST_CELLS][3];
} grid;

struct moments {
    watch_when when;
    gint64 interval_us, least_us;
    double threshold;

    grid kept[N_KEPT]; /* the last glances, a ring */
    int last;          /* the newest of them       */
    grid offered;      /* how the picture was when the frame that waits was drawn */
    gboolean has_offered;
    gint64 offered_us; /* when that was */
    grid looked;       /* and the one that was looked at */
    double change;

    gboolean is_asked, has_looked;
    gint64 looked_us;
};

moments *moments_new(void) {
    moments *m = g_new0(moments, 1);
    moments_set(m, WHEN_CHANGED, 0, 0, 0);
    m->change = 1;
    return m;
}

void moments_free(moments *m) {
    g_free(m);
}

static gint64 to_us(double seconds) {
    return seconds > 0 ? (gint64)(MIN(seconds, 1e9) * 1e6) : 0; /* NaN: 0 */
}

void moments_set(moments *m, watch_when when, double interval_s, double least_s, double change) {
    m->when = when;
    m->interval_us = to_us(interval_s);
    if (when == WHEN_INTERVAL) m->interval_us = MAX(m->interval_us, 100000);
    m->least_us = least_s > 0 ? to_us(least_s) : 1000000;
    m->threshold = change > 0 ? MIN(change, 1) : 0.05;
}

/* ------------------------------------------------------------------- cells */

static void add_pixel(float cell[3], const guint8 *p) {
    const float r = p[0], g = p[1], b = p[2];
    cell[0] += 0.299F * r + 0.587F * g + 0.114F * b;
    cell[1] += -0.169F * r - 0.331F * g + 0.5F * b;
    cell[2] += 0.5F * r - 0.419F * g - 0.081F * b;
}

static void measure(grid *out, const frame *f) {
    *out = (grid){ f->width,
                   f->height,
                   CLAMP(f->width / CELL_PX, 1, MOST_CELLS),
                   CLAMP(f->height / CELL_PX, 1, MOST_CELLS),
                   f->seen_us,
                   { { 0 } } };
    for (int row = 0; row < out->rows; row++) {
        const int y0 = row * f->height / out->rows, y1 = (row + 1) * f->height / out->rows;
        for (int column = 0; column < out->columns; column++) {
            const int x0 = column * f->width / out->columns;
            const int x1 = (column + 1) * f->width / out->columns;
            float *cell = out->cells[row * out->columns + column];
            for (int y = y0; y < y1; y++)
                for (int x = x0; x < x1; x++)
                    add_pixel(cell, f->rgba + ((size_t)y * (size_t)f->width + (size_t)x) * 4);
            for (int i = 0; i < 3; i++) cell[i] /= (float)((x1 - x0) * (y1 - y0));
        }
    }
}

/* -------------------------------------------------------------- difference */

/* Within [least, most], to a part of it in N_BINS: sorting would take longer than all else. */
static float median(const float *values, int n, float least, float most) {
    int counts[N_BINS] = { 0 }, bin = 0;
    for (int i = 0; i < n; i++) {
        const float at = (values[i] - least) / (most - least) * (N_BINS - 1) + 0.5F;
        counts[(int)CLAMP(at, 0, N_BINS - 1)]++;
    }
    for (int n_below = counts[0]; 2 * n_below < n; n_below += counts[bin]) bin++;
    return least + (most - least) * (float)bin / (N_BINS - 1);
}

/* g: the median of the slopes between cells some way apart, of those that differ enough. */
static float find_gain(const grid *was, const grid *is) {
    const int n = is->columns * is->rows, right = is->columns / 4;
    const int apart[2] = { right, is->rows / 4 * is->columns };
    float slopes[2 * MOST_CELLS * MOST_CELLS];
    int n_slopes = 0;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; apart[k] && i + apart[k] < n; i++) {
            const int j = i + apart[k];
            const float step = was->cells[j][0] - was->cells[i][0];
            if (k == 0 && i % is->columns + right >= is->columns) continue;
            if (fabsf(step) >= LEAST_STEP)
                slopes[n_slopes++] = (is->cells[j][0] - is->cells[i][0]) / step;
        }
    }
    if (n_slopes < LEAST_SLOPES) return 1;
    return median(slopes, n_slopes, 2 - most_gain, most_gain);
}

static float find_offset(const grid *was, const grid *is, float gain) {
    const int n = is->columns * is->rows;
    float values[MOST_CELLS * MOST_CELLS];
    for (int i = 0; i < n; i++) values[i] = is->cells[i][0] - gain * was->cells[i][0];
    return median(values, n, -most_offset, most_offset);
}

static double difference(const grid *was, const grid *is) {
    const int n = is->columns * is->rows;
    int n_changed = 0;
    if (!is->width || was->width != is->width || was->height != is->height) return 1;
    const float gain = find_gain(was, is), offset = find_offset(was, is, gain);
    for (int i = 0; i < n; i++) {
        const float *a = was->cells[i], *b = is->cells[i];
        const float luma = CLAMP(gain * a[0] + offset, 0, 255);
        n_changed += fabsf(b[0] - luma) > luma_noise || fabsf(b[1] - gain * a[1]) > color_noise ||
                     fabsf(b[2] - gain * a[2]) > color_noise;
    }
    return (double)n_changed / n;
}

void moments_glance(moments *m, const frame *f) {
    if (f->width < 1 || f->height < 1) return;
    m->last = (m->last + 1) % N_KEPT;
    measure(&m->kept[m->last], f);
    if (m->has_offered && f->seen_us <= m->offered_us) m->offered = m->kept[m->last];
    m->change = difference(&m->looked, &m->kept[m->last]);
}

double moments_change(const moments *m) {
    return m->change;
}

/* ----------------------------------------------------------------- moments */

void moments_ask(moments *m) {
    m->is_asked = TRUE;
}

void moments_offered(moments *m, gint64 seen_us) {
    m->has_offered = TRUE;
    m->offered_us = seen_us;
    m->offered.width = 0;
    for (int i = 0; i < N_KEPT; i++) {
        const grid *g = &m->kept[i];
        if (g->width && g->seen_us <= seen_us && seen_us - g->seen_us <= NEAR_US &&
            (!m->offered.width || g->seen_us > m->offered.seen_us))
            m->offered = *g;
    }
}

void moments_looked(moments *m, gint64 now_us) {
    m->looked = m->has_offered ? m->offered : m->kept[m->last];
    m->has_offered = FALSE;
    m->change = difference(&m->looked, &m->kept[m->last]);
    m->is_asked = FALSE;
    m->has_looked = TRUE;
    m->looked_us = now_us;
}

gint64 moments_due_at(const moments *m) {
    gint64 at_us = G_MAXINT64;
    if (m->is_asked) return G_MININT64;
    if (m->when == WHEN_ASKED) return G_MAXINT64;
    if (!m->has_looked) return G_MININT64;
    if (m->interval_us) at_us = m->looked_us + m->interval_us;
    if (m->when == WHEN_CHANGED && m->change >= m->threshold)
        at_us = MIN(at_us, m->looked_us + m->least_us);
    return at_us;
}

gboolean moments_wants_glance(const moments *m, gint64 now_us) {
    const grid *last = &m->kept[m->last];
    if (m->when != WHEN_CHANGED || (last->width && now_us - last->seen_us < GLANCE_US))
        return FALSE;
    return !m->has_looked || now_us - m->looked_us >= m->least_us - 2 * GLANCE_US;
}
