/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guards against answers without end. Where many things are crowded a model may
 * list the same ones over and over, or march across the picture in equal steps.
 * Objects are compared as they came, before anything is rejected or merged. */
#include <math.h>
#include <string.h>

#include "text/shapes.h"

enum { RUN = 8, MOST_STEPS = 30, MOST_OF_A_LABEL = 200 };

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001B3u;
    return h;
}

static uint64_t hash_number(uint64_t h, double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    h = (h ^ bits ^ bits >> 32) * 0x100000001B3u;
    return h ^ h >> 29;
}

static uint64_t hash_label(const espy_draft *d) {
    uint64_t h = 0xCBF29CE484222325u;
    return d->label.at ? hash_bytes(h, d->label.at, d->label.n) : h ^ 1;
}

static uint64_t hash_object(const espy_draft *d, uint64_t h) {
    h = hash_number(h, d->type);
    h = hash_number(hash_number(h, d->time_s), d->end_s);
    for (int i = 0; i < d->n; i++) h = hash_number(h, d->numbers[i].value);
    return h;
}

/* Whether the last RUN objects came before, in this order. */
static int repeats(const espy_guard *g) {
    if (g->n_seen <= RUN) return 0;
    const uint64_t *last = g->seen + g->n_seen - RUN;
    for (const uint64_t *p = g->seen; p < last; p++)
        if (!memcmp(p, last, RUN * sizeof *p)) return 1;
    return 0;
}

/* How often this label has come now. */
static int count_label(espy_guard *g, uint64_t hash) {
    for (int i = 0; i < g->n_labels; i++)
        if (g->labels[i].hash == hash) return ++g->labels[i].n;
    if (g->n_labels < ESPY_SHAPES_MAX)
        g->labels[g->n_labels++] = (struct espy_guard_label){ hash, 1 };
    return 1;
}

/* Lines of text stand at equal distances in earnest. */
static int marches(espy_guard *g, const espy_draft *d, uint64_t label) {
    double step[4] = { 0 };
    int same = 1, moves = 0, follows = g->has_last;
    if (d->n != 4 || (d->type == ESPY_SHAPE_TEXT && label != g->last_label)) {
        g->has_last = g->has_step = g->n_steps = 0;
        if (d->n != 4) return 0;
        follows = 0;
    }
    for (int i = 0; i < 4; i++) {
        double x = d->numbers[i].value;
        step[i] = x - g->last[i];
        moves |= step[i] != 0;
        same &= fabs(step[i] - g->step[i]) <= 1e-6 * (1 + fabs(x));
        g->last[i] = x;
    }
    same = same && follows && g->has_step && moves;
    memcpy(g->step, step, sizeof step);
    g->has_step = follows;
    g->has_last = 1;
    g->last_label = label;
    g->n_steps = same ? g->n_steps + 1 : follows && moves;
    return g->n_steps > MOST_STEPS;
}

espy_shape_guard espy_guard_step(espy_guard *g, const espy_draft *d) {
    uint64_t label = hash_label(d);
    if (g->n_seen == 4 * ESPY_SHAPES_MAX) return ESPY_GUARD_FULL;
    g->seen[g->n_seen++] = hash_object(d, label);
    if (repeats(g)) return ESPY_GUARD_LOOP;
    /* In a film one thing may rest, move evenly, and be in every frame. */
    if (d->flags & ESPY_SHAPE_TIMED) return ESPY_GUARD_NONE;
    int marching = marches(g, d, label);
    return count_label(g, label) > MOST_OF_A_LABEL || marching ? ESPY_GUARD_LOOP : ESPY_GUARD_NONE;
}
