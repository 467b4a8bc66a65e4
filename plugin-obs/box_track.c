/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "box_track.h"

#include <pthread.h>
#include <string.h>

#include "chore.h"
#include "follow.h"

enum { MAX_WAITING = 8 }; /* glances; older ones are dropped */

struct box_track {
    chore *chore;
    /* Of the chore alone. */
    follower *follower;
    caption *followed;

    pthread_mutex_t lock; /* of what is below; held for the exchange of pointers alone */
    GQueue glances;
    caption *next;
    gboolean has_next;
    box_places places;
    gboolean has_places;
};

/* The places are the caller's. */
static box_places places_now(const box_track *t) {
    box_places p = { 0 };
    if (!t->followed) return p;
    p.of = caption_ref(t->followed);
    p.n = MIN(t->followed->n_boxes, BOX_TRACK_MAX);
    for (int i = 0; i < p.n; i++) {
        caption_box b = t->followed->boxes[i];
        p.is_found[i] = follower_box(t->follower, i, &b);
        p.x1[i] = b.x1;
        p.y1[i] = b.y1;
        p.x2[i] = b.x2;
        p.y2[i] = b.y2;
    }
    return p;
}

static void run(void *user) {
    box_track *t = user;
    pthread_mutex_lock(&t->lock);
    GQueue glances = t->glances;
    g_queue_init(&t->glances);
    const gboolean has_next = t->has_next;
    caption *next = g_steal_pointer(&t->next);
    t->has_next = FALSE;
    pthread_mutex_unlock(&t->lock);

    const gboolean is_new = has_next || (t->followed && glances.length > 0);
    for (frame *f; (f = g_queue_pop_head(&glances)); frame_free(f)) follower_glance(t->follower, f);
    if (has_next) {
        caption_unref(t->followed);
        t->followed = next;
        follower_set(t->follower, next);
    }
    if (!is_new) return;

    box_places places = places_now(t);
    pthread_mutex_lock(&t->lock);
    caption *before = t->places.of;
    t->places = places;
    t->has_places = TRUE;
    pthread_mutex_unlock(&t->lock);
    caption_unref(before);
}

box_track *box_track_new(void) {
    box_track *t = g_new0(box_track, 1);
    pthread_mutex_init(&t->lock, NULL);
    g_queue_init(&t->glances);
    t->follower = follower_new();
    t->chore = chore_new(run, t);
    return t;
}

void box_track_free(box_track **pointer) {
    box_track *t = *pointer;
    *pointer = NULL;
    if (!t) return;
    chore_free(&t->chore);
    follower_free(t->follower);
    for (frame *f; (f = g_queue_pop_head(&t->glances));) frame_free(f);
    caption_unref(t->followed);
    caption_unref(t->next);
    caption_unref(t->places.of);
    pthread_mutex_destroy(&t->lock);
    g_free(t);
}

void box_track_set(box_track *t, caption *c) {
    pthread_mutex_lock(&t->lock);
    caption *before = t->next;
    t->next = c ? caption_ref(c) : NULL;
    t->has_next = TRUE;
    pthread_mutex_unlock(&t->lock);
    caption_unref(before);
    chore_ask(t->chore);
}

void box_track_glance(box_track *t, const frame *glance) {
    frame *copy = frame_new(glance->width, glance->height, glance->seen_us), *over = NULL;
    memcpy(copy->rgba, glance->rgba, (gsize)copy->width * (gsize)copy->height * 4);
    if (pthread_mutex_trylock(&t->lock)) {
        frame_free(copy);
        return;
    }
    g_queue_push_tail(&t->glances, copy);
    if (t->glances.length > MAX_WAITING) over = g_queue_pop_head(&t->glances);
    pthread_mutex_unlock(&t->lock);
    frame_free(over);
    chore_ask(t->chore);
}

gboolean box_track_take(box_track *t, box_places *out) {
    if (pthread_mutex_trylock(&t->lock)) return FALSE;
    const gboolean has_places = t->has_places;
    if (has_places) {
        *out = t->places;
        t->places = (box_places){ 0 };
        t->has_places = FALSE;
    }
    pthread_mutex_unlock(&t->lock);
    return has_places;
}
