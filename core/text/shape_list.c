/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shapes that an answer has given so far. Each owns one block with its
 * attributes and strings. A shape that is there already (same type, label and
 * time, and an overlap above 0.95) is only counted. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/shapes.h"

#define SAME_OVERLAP 0.95

void espy_shapes_reject(espy_shape_reader *r, const char *fmt, ...) {
    if (!r->n_rejected++) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(r->reason, sizeof r->reason, fmt, args);
        va_end(args);
        /* It may quote the answer. */
        for (char *s = r->reason; *s; s++)
            if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7E) *s = '?';
    }
    r->n_in_tag++;
}

/* -------------------------------------------------------------- duplicates */

static double overlap(const double *a, const double *b) {
    double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    if (w <= 0 || h <= 0) return 0;
    double of_a = (a[2] - a[0]) * (a[3] - a[1]), of_b = (b[2] - b[0]) * (b[3] - b[1]);
    return w * h / (of_a + of_b - w * h);
}

static int same_place(const espy_shape *a, const espy_shape *b) {
    if (a->type == ESPY_SHAPE_BOX || a->type == ESPY_SHAPE_TEXT)
        return overlap(a->xy, b->xy) > SAME_OVERLAP;
    for (int i = 0; i < 8; i++)
        if (a->xy[i] != b->xy[i]) return 0;
    for (int i = 0; i < 9; i++)
        if (a->box_3d[i] != b->box_3d[i]) return 0;
    return 1;
}

/* The label as it would be kept, against a kept one. */
static int same_label(const char *kept, espy_view label) {
    size_t n = strlen(kept);
    return n == label.n && !memcmp(kept, label.at, n);
}

static espy_shape *find_same(espy_kept *kept, const espy_shape *shape, espy_view label) {
    int unlabelled = (shape->flags & ESPY_SHAPE_UNLABELLED) != 0;
    for (int i = 0; i < kept->n; i++) {
        espy_shape *old = &kept->shapes[i];
        if (old->type != shape->type || old->time_s != shape->time_s ||
            old->end_s != shape->end_s || ((old->flags ^ shape->flags) & ESPY_SHAPE_TIMED))
            continue;
        if (unlabelled ? !(old->flags & ESPY_SHAPE_UNLABELLED)
                       : (old->flags & ESPY_SHAPE_UNLABELLED) || !same_label(old->label, label))
            continue;
        if (same_place(old, shape)) return old;
    }
    return NULL;
}

/* ----------------------------------------------------------------- keeping */

static void no_memory(espy_shape_reader *r) {
    r->failed = 1;
}

static char *put(char **at, espy_view v) {
    char *s = *at;
    size_t n = espy_shape_repair(s, v);
    s[n] = 0;
    *at += n + 1;
    return s;
}

/* A block of attributes, label and strings behind one another. */
static void *copy_strings(espy_shape_reader *r, const espy_draft *d, espy_view label,
                          espy_shape *shape) {
    size_t n =
        sizeof(espy_attribute) * (size_t)d->n_attributes + espy_shape_repair(NULL, label) + 1;
    for (int i = 0; i < d->n_attributes; i++)
        n += espy_shape_repair(NULL, d->attributes[i].name) +
             espy_shape_repair(NULL, d->attributes[i].value) + 2;
    if (n > ESPY_SHAPE_STRINGS - r->kept.n_bytes) {
        r->guard = ESPY_GUARD_FULL;
        return NULL;
    }
    espy_attribute *block = malloc(n);
    if (!block) return no_memory(r), NULL;
    char *at = (char *)(block + d->n_attributes);
    shape->label = put(&at, label);
    for (int i = 0; i < d->n_attributes; i++) {
        block[i].name = put(&at, d->attributes[i].name);
        block[i].value = put(&at, d->attributes[i].value);
    }
    shape->attributes = d->n_attributes ? block : NULL;
    shape->n_attributes = d->n_attributes;
    r->kept.n_bytes += n;
    return block;
}

static int grow(espy_kept *kept) {
    if (kept->n < kept->capacity) return 0;
    int capacity = kept->capacity ? 2 * kept->capacity : 16;
    espy_shape *shapes = realloc(kept->shapes, (size_t)capacity * sizeof *shapes);
    if (shapes) kept->shapes = shapes;
    void **blocks = shapes ? realloc(kept->blocks, (size_t)capacity * sizeof *blocks) : NULL;
    if (!blocks) return -1;
    kept->blocks = blocks;
    kept->capacity = capacity;
    return 0;
}

static void keep(espy_shape_reader *r, const espy_draft *d, espy_view label, espy_shape *shape) {
    espy_kept *kept = &r->kept;
    if (kept->n == ESPY_SHAPES_MAX) {
        r->guard = ESPY_GUARD_FULL;
        return;
    }
    if (grow(kept)) {
        no_memory(r);
        return;
    }
    void *block = copy_strings(r, d, label, shape);
    if (!block) return;
    kept->blocks[kept->n] = block;
    kept->shapes[kept->n++] = *shape;
    if (r->params.on_shape && r->params.on_shape(r->params.user, shape))
        r->guard = ESPY_GUARD_CALLBACK;
}

static void describe_numbers(const espy_draft *d, char *out, size_t n_out) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < d->n && n < n_out; i++)
        n += (size_t)snprintf(out + n, n_out - n, "%s%g", i ? ", " : "", d->numbers[i].value);
}

void espy_shapes_add(espy_shape_reader *r, const espy_draft *draft) {
    espy_shape shape;
    char text[160];
    if (r->failed || r->guard > ESPY_GUARD_CLOSED) return;
    r->has_payload = 1;
    r->n_in_tag++;
    espy_shape_guard guard = espy_guard_step(r->loops, draft);
    if (guard) {
        r->guard = guard;
        return;
    }
    const char *wrong = espy_shape_place(&r->params, draft, &shape);
    if (wrong) {
        describe_numbers(draft, text, sizeof text);
        espy_shapes_reject(r, "%s [%s]: %s", espy_shape_type_name(draft->type), text, wrong);
        return;
    }
    espy_view label = draft->label;
    if (!label.at) {
        shape.flags |= ESPY_SHAPE_UNLABELLED;
        snprintf(text, sizeof text, "object %d", r->kept.n_unlabelled + 1);
        const char *words = r->params.default_label ? r->params.default_label : text;
        label = (espy_view){ words, strlen(words) };
    }
    espy_shape *same = find_same(&r->kept, &shape, label);
    if (same) {
        same->count++;
        return;
    }
    if (shape.flags & ESPY_SHAPE_UNLABELLED) r->kept.n_unlabelled++;
    keep(r, draft, label, &shape);
}

void espy_kept_clear(espy_kept *kept) {
    for (int i = 0; i < kept->n; i++) free(kept->blocks[i]);
    free(kept->blocks);
    free(kept->shapes);
    *kept = (espy_kept){ 0 };
}
