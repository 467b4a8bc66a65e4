/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each thing is known by its look when it was found (first), and by its look when it was
 * seen last (recent). In a glance the first look is searched around where the thing is
 * expected. As long as it is found, no error adds up; a thing that turned, and looks
 * otherwise now, is found by its recent look, which is taken anew only as it has to be.
 */
#include "follow.h"

#include <math.h>
#include <string.h>

#include "look.h"

enum {
    MAX_KEPT = 64,  /* glances                                */
    MISSED_LOST = 2 /* what was missed so often counts as lost */
};
static const gint64 KEPT_US = 30 * G_USEC_PER_SEC, GIVEN_UP_US = 5 * G_USEC_PER_SEC;

typedef struct sighting {
    look look;
    /* From the whole pixel where it was taken to the middle of the thing. */
    double off_x, off_y;
} sighting;

typedef struct thing {
    sighting first, recent;
    double x, y;             /* its middle, in pixels of a glance */
    double width, height;    /* when it was found; 0: a point     */
    double scale;            /* since then                        */
    double speed_x, speed_y; /* pixels a second                  */
    int n_missed;            /* glances since it was seen; 0: it is seen */
    gint64 seen_us;
    gboolean is_given_up;
} thing;

struct follower {
    GQueue glances; /* of frames, the oldest first */
    caption *of;    /* the boxes are in it; or NULL */
    thing *things;  /* [of->n_boxes]                */
    gboolean has_looks;
    gint64 last_us; /* of the glance that was followed last */
};

follower *follower_new(void) {
    follower *f = g_new0(follower, 1);
    g_queue_init(&f->glances);
    return f;
}

static void forget_glances(follower *f) {
    for (frame *glance; (glance = g_queue_pop_head(&f->glances));) frame_free(glance);
}

void follower_free(follower *f) {
    if (!f) return;
    forget_glances(f);
    caption_unref(f->of);
    g_free(f->things);
    g_free(f);
}

/* ------------------------------------------------------------------- search */

typedef struct place {
    int x, y;
    double score;
} place;

/* The best of the places up to radius from (x, y), step apart. Of two that are alike, the
 * nearer. */
static place search(const look *l, const frame *f, const look_grid *g, int x, int y, int radius,
                    int step) {
    place best = { x, y, -1 };
    double most = -1e9;
    for (int dy = -radius; dy <= radius; dy += step)
        for (int dx = -radius; dx <= radius; dx += step) {
            double score = look_score(l, f, g, x + dx, y + dy);
            double valued = score - 0.0002 * (dx * dx + dy * dy);
            if (valued > most) {
                most = valued;
                best = (place){ x + dx, y + dy, score };
            }
        }
    return best;
}

/* Near first; farther, in larger steps, when it is not there. */
static place search_wider(const look *l, const frame *f, const look_grid *g, int x, int y,
                          int radius) {
    enum { NEAR = 3 };
    if (l->is_flat) return (place){ x, y, look_score(l, f, g, x, y) };
    place best = search(l, f, g, x, y, NEAR, 1);
    gboolean at_edge = ABS(best.x - x) == NEAR || ABS(best.y - y) == NEAR;
    if (best.score > 0.85 && !at_edge) return best;
    place wide = search(l, f, g, x, y, radius & ~1, 2);
    if (wide.score < best.score) wide = best;
    return search(l, f, g, wide.x, wide.y, 2, 1);
}

/* Between the pixels: the top of the parabola through three scores. */
static double top_of(double before, double at, double after) {
    double bend = before - 2 * at + after;
    return bend < -1e-9 ? CLAMP((before - after) / (2 * bend), -0.5, 0.5) : 0;
}

/* Tries larger and smaller, by the steps by which a thing comes nearer between glances:
 * the place and the grid where it looks most like itself. */
static void rescale(thing *t, const frame *f, look_grid *g, place *at) {
    static const double steps[] = { 1.05, 1 / 1.05 };
    const double scale = t->scale;
    double most = at->score + 0.01;
    for (int i = 0; i < 2; i++) {
        const double tried = CLAMP(scale * steps[i], 0.4, 2.5);
        const look_grid of_tried = look_grid_of(t->width * tried, t->height * tried);
        const place found = search(&t->first.look, f, &of_tried, at->x, at->y, 1, 1);
        if (found.score <= most) continue;
        most = found.score;
        t->scale = tried;
        *g = of_tried;
        *at = found;
    }
}

/* ------------------------------------------------------------------- things */

static look_grid grid_of(const thing *t) {
    return look_grid_of(t->width * t->scale, t->height * t->scale);
}

static void sight(sighting *s, const thing *t, const frame *f) {
    look_grid g = grid_of(t);
    int x = (int)floor(t->x + 0.5), y = (int)floor(t->y + 0.5);
    look_take(&s->look, f, &g, x, y);
    s->off_x = t->x - x;
    s->off_y = t->y - y;
}

/* Moves the thing to where it was found. */
static void move_to(thing *t, const sighting *s, const frame *f, const look_grid *g, place at,
                    double seconds) {
    double x = at.x + s->off_x, y = at.y + s->off_y;
    if (!s->look.is_flat) {
        const look *l = &s->look;
        x += top_of(look_score(l, f, g, at.x - 1, at.y), at.score,
                    look_score(l, f, g, at.x + 1, at.y));
        y += top_of(look_score(l, f, g, at.x, at.y - 1), at.score,
                    look_score(l, f, g, at.x, at.y + 1));
    }
    if (t->n_missed == 0 && seconds > 0) {
        t->speed_x += 0.5 * ((x - t->x) / seconds - t->speed_x);
        t->speed_y += 0.5 * ((y - t->y) / seconds - t->speed_y);
    }
    t->x = x;
    t->y = y;
    t->n_missed = 0;
    t->seen_us = f->seen_us;
}

static void miss(thing *t, const frame *f, double score) {
    t->n_missed += score < 0.3 ? MISSED_LOST : 1;
    t->speed_x = t->speed_y = 0;
    if (f->seen_us - t->seen_us < GIVEN_UP_US) return;
    t->n_missed = MAX(t->n_missed, MISSED_LOST);
    t->is_given_up = TRUE;
}

/* Of the box, the part that is in the picture. */
static double part_inside(const thing *t, const frame *f) {
    double w = MAX(t->width * t->scale, 1), h = MAX(t->height * t->scale, 1);
    double inside_w = MIN(t->x + w / 2, f->width) - MAX(t->x - w / 2, 0);
    double inside_h = MIN(t->y + h / 2, f->height) - MAX(t->y - h / 2, 0);
    return MAX(inside_w, 0) * MAX(inside_h, 0) / (w * h);
}

static void follow(thing *t, const frame *f, double seconds) {
    if (t->is_given_up) return;
    look_grid g = grid_of(t);
    double ahead_x = t->speed_x * seconds, ahead_y = t->speed_y * seconds;
    int radius = 6 + (int)MIN(hypot(ahead_x, ahead_y), 4) + MIN(2 * t->n_missed, 6) +
                 (int)(8 * MAX(0, seconds - 0.1));
    /* A thing that was lost has to look more like itself. */
    double least = t->n_missed >= MISSED_LOST ? 0.8 : 0.7;
    int x = (int)floor(t->x - t->first.off_x + ahead_x + 0.5);
    int y = (int)floor(t->y - t->first.off_y + ahead_y + 0.5);
    place at = search_wider(&t->first.look, f, &g, x, y, radius);
    if (at.score >= least) {
        if (!t->first.look.is_flat) rescale(t, f, &g, &at);
        move_to(t, &t->first, f, &g, at, seconds);
        if (at.score < 0.95) sight(&t->recent, t, f);
    } else {
        double first_score = at.score;
        x = (int)floor(t->x - t->recent.off_x + ahead_x + 0.5);
        y = (int)floor(t->y - t->recent.off_y + ahead_y + 0.5);
        at = search_wider(&t->recent.look, f, &g, x, y, radius);
        if (at.score < least + 0.05) {
            miss(t, f, MAX(first_score, at.score));
            return;
        }
        move_to(t, &t->recent, f, &g, at, seconds);
        if (at.score < 0.9) sight(&t->recent, t, f);
    }
    if (part_inside(t, f) < 0.4) t->n_missed = MISSED_LOST;
}

/* ------------------------------------------------------------------ glances */

/* Of the picture; a NaN is 0. */
static double within(double part) {
    return part > 0 ? MIN(part, 1) : 0;
}

static caption_box box_within(const caption_box *b) {
    return (caption_box){ within(b->x1), within(b->y1), within(b->x2), within(b->y2), b->label };
}

static void set_things(follower *f, const frame *glance) {
    for (int i = 0; i < f->of->n_boxes; i++) {
        const caption_box box = box_within(&f->of->boxes[i]), *b = &box;
        double w = glance->width, h = glance->height;
        f->things[i] = (thing){ .x = (b->x1 + b->x2) / 2 * w,
                                .y = (b->y1 + b->y2) / 2 * h,
                                .width = fabs(b->x2 - b->x1) * w,
                                .height = fabs(b->y2 - b->y1) * h,
                                .scale = 1,
                                .seen_us = glance->seen_us };
        thing *t = &f->things[i];
        sight(&t->first, t, glance);
        t->recent = t->first;
    }
    f->has_looks = TRUE;
    f->last_us = glance->seen_us;
}

static void follow_all(follower *f, const frame *glance) {
    double seconds = CLAMP((double)(glance->seen_us - f->last_us) / G_USEC_PER_SEC, 0, 1);
    for (int i = 0; i < f->of->n_boxes; i++) follow(&f->things[i], glance, seconds);
    f->last_us = glance->seen_us;
}

/* The glance that was taken nearest to a time; NULL if there is none. */
static GList *nearest(follower *f, gint64 seen_us) {
    GList *best = NULL;
    gint64 least = G_MAXINT64;
    for (GList *l = f->glances.head; l; l = l->next) {
        gint64 apart = ABS(((frame *)l->data)->seen_us - seen_us);
        if (apart >= least) continue;
        least = apart;
        best = l;
    }
    return best;
}

void follower_set(follower *f, const caption *c) {
    caption_unref(f->of);
    g_free(f->things);
    f->of = c && c->n_boxes > 0 ? caption_ref((caption *)c) : NULL;
    f->things = f->of ? g_new0(thing, f->of->n_boxes) : NULL;
    f->has_looks = FALSE;
    if (!f->of) return;
    GList *at = nearest(f, c->seen_us);
    if (!at) return;
    set_things(f, at->data);
    for (GList *l = at->next; l; l = l->next) follow_all(f, l->data);
}

static gint64 time_of(const GList *l) {
    return ((frame *)l->data)->seen_us;
}

/* Makes room: too old ones go, and of the others the one that leaves the smallest gap for
 * its age. So there are the fewer the farther back, and no part of the time is without. */
static void thin_out(follower *f, gint64 now_us) {
    while (f->glances.length > 1 && now_us - time_of(f->glances.head) > KEPT_US)
        frame_free(g_queue_pop_head(&f->glances));
    if (f->glances.length <= MAX_KEPT) return;
    GList *least = f->glances.head->next;
    double least_gap = INFINITY;
    for (GList *l = f->glances.head->next; l->next; l = l->next) {
        double gap = (double)(time_of(l->next) - time_of(l->prev));
        double gap_for_age = gap / (double)(now_us - time_of(l) + G_USEC_PER_SEC);
        if (gap_for_age >= least_gap) continue;
        least_gap = gap_for_age;
        least = l;
    }
    frame_free(least->data);
    g_queue_delete_link(&f->glances, least);
}

void follower_glance(follower *f, const frame *glance) {
    const frame *before = g_queue_peek_tail(&f->glances);
    if (glance->width < 1 || glance->height < 1) return;
    if (before && (before->width != glance->width || before->height != glance->height)) {
        /* Another picture: what was known of the things does not hold in it. */
        forget_glances(f);
        if (f->has_looks)
            for (int i = 0; i < f->of->n_boxes; i++) {
                f->things[i].n_missed = MISSED_LOST;
                f->things[i].is_given_up = TRUE;
            }
    }
    frame *copy = frame_new(glance->width, glance->height, glance->seen_us);
    memcpy(copy->rgba, glance->rgba, (gsize)copy->width * (gsize)copy->height * 4);
    g_queue_push_tail(&f->glances, copy);
    thin_out(f, glance->seen_us);
    if (!f->of) return;
    if (f->has_looks)
        follow_all(f, copy);
    else
        set_things(f, copy);
}

gboolean follower_box(const follower *f, int i, caption_box *out) {
    if (!f->of || i < 0 || i >= f->of->n_boxes) return FALSE;
    *out = f->of->boxes[i];
    const frame *glance = f->glances.tail ? f->glances.tail->data : NULL;
    if (f->has_looks && glance) {
        const thing *t = &f->things[i];
        double w = t->width * t->scale / 2, h = t->height * t->scale / 2;
        *out = (caption_box){ (t->x - w) / glance->width, (t->y - h) / glance->height,
                              (t->x + w) / glance->width, (t->y + h) / glance->height, out->label };
    }
    *out = box_within(out);
    return !f->has_looks || f->things[i].n_missed < MISSED_LOST;
}
