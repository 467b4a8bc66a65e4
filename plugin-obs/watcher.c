/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What OBS's threads call. */
#include <string.h>

#include "worker_parts.h"

enum {
    GLANCE_PIXELS = 9216, /* 128 x 72                                             */
    STALE_US = 250000     /* after so long a frame that waits is renewed, while
                             others are at work                                    */
};

static void lock(watcher *v) {
    pthread_mutex_lock(&v->worker->lock);
}

/* The desk looks what there is to do. */
static void unlock_and_wake(watcher *v) {
    pthread_mutex_unlock(&v->worker->lock);
    worker_wake(v->worker);
}

/* --------------------------------------------------------------- under the lock */

watch_state watcher_find_state(const watcher *v) {
    if (!v->settings.is_on) return WATCH_OFF;
    if (v->settings.is_paused) return WATCH_PAUSED;
    if (v->model->state == MODEL_FAILED) return WATCH_FAILED;
    if (v->model->state == MODEL_HELD) return WATCH_HELD;
    if (v->model->state != MODEL_LOADED) return WATCH_LOADING;
    if (v->failure) return WATCH_FAILED;
    return v->worker->at_work == v ? WATCH_WORKING : WATCH_WAITING;
}

gboolean watcher_is_looking(const watcher *v) {
    return v->settings.is_on && !v->settings.is_paused && !v->failure;
}

void watcher_plan(watcher *v) {
    const gboolean is_loaded = v->model->state == MODEL_LOADED;
    v->plan = watch_plan_make(&v->settings, is_loaded ? &v->model->info : NULL);
}

static void free_frame(void *f) {
    frame_free(f);
}

void watcher_drop_frames(watcher *v) {
    g_queue_clear_full(&v->frames, free_frame);
    v->has_gap = TRUE;
}

/* The frames beyond those that may wait, to be freed without the lock. */
static frame *drop_oldest(watcher *v) {
    const guint most = v->plan.is_clip ? (guint)v->plan.n_frames : 1;
    if (v->frames.length <= most) return NULL;
    v->numbers.n_dropped++;
    v->has_gap = TRUE;
    return g_queue_pop_head(&v->frames);
}

/* ------------------------------------------------------------------ new, free */

watcher *watcher_new(worker *w, const watcher_events *events, void *user) {
    watcher *v = g_new0(watcher, 1);
    v->worker = w;
    if (events) v->events = *events;
    v->user = user;
    v->moments = moments_new();
    v->looker = looker_new();
    v->rests = TRUE;
    g_queue_init(&v->frames);
    lock(v);
    v->model = worker_find_model(w, NULL);
    watcher_plan(v);
    g_ptr_array_add(w->watchers, v);
    pthread_mutex_unlock(&w->lock);
    return v;
}

void watcher_free(watcher **watcher_at) {
    watcher *v = *watcher_at;
    if (!v) return;
    worker *w = v->worker;
    pthread_mutex_lock(&w->lock);
    g_ptr_array_remove(w->watchers, v);
    worker_abandon(w, v);
    while (w->telling == v) pthread_cond_wait(&w->told, &w->lock);
    *watcher_at = NULL; /* not before the last event, which may want to ask it */
    g_ptr_array_add(w->leaving, v->looker);
    pthread_mutex_unlock(&w->lock);
    worker_wake(w);
    g_queue_clear_full(&v->frames, free_frame);
    moments_free(v->moments);
    watcher_settings_clear(&v->settings);
    g_free(v->failure);
    g_free(v->last_text);
    g_free(v);
}

/* -------------------------------------------------------------------- settings */

/* Another try, as far as the watcher's own look failed. */
static void forgive(watcher *v) {
    if (v->failure) moments_ask(v->moments);
    g_clear_pointer(&v->failure, g_free);
}

static void change_model(watcher *v) {
    shared_model *model = worker_find_model(v->worker, v->settings.model);
    if (model == v->model) return;
    v->model->is_left = TRUE;
    v->model = model;
    model->is_left = FALSE;
}

void watcher_set(watcher *v, const watcher_settings *settings) {
    watcher_settings s = watcher_settings_copy(settings);
    lock(v);
    const watcher_settings old = v->settings;
    const gboolean is_equal = watcher_settings_equal(&old, &s);
    const gboolean asks_same = watcher_settings_ask_same(&old, &s);
    const gboolean is_looking = s.is_on && !s.is_paused;
    const gboolean was_looking = old.is_on && !old.is_paused;
    v->settings = s;
    v->is_set = TRUE;
    change_model(v);
    watcher_plan(v);
    moments_set(v->moments, s.when, s.interval_s, s.least_s, s.change);
    if (!asks_same || !is_looking) {
        if (v->worker->at_work == v) moments_ask(v->moments); /* what it saw is lost */
        worker_abandon(v->worker, v);
    }
    if (!is_looking || g_strcmp0(old.model, s.model) || old.vision_tokens != s.vision_tokens)
        watcher_drop_frames(v); /* too old, or of another size */
    const gboolean begins_anew = !asks_same || (s.is_on && !old.is_on);
    if (begins_anew) g_clear_pointer(&v->last_text, g_free);
    if (begins_anew && s.when != WHEN_ASKED) moments_ask(v->moments);
    if (!is_equal && v->model->state == MODEL_FAILED) v->model->state = MODEL_NONE;
    if (!is_equal || is_looking != was_looking) {
        forgive(v);
        v->has_news = TRUE;
    }
    unlock_and_wake(v);
    watcher_settings_clear((watcher_settings *)&old);
}

void watcher_ask(watcher *v) {
    const gint64 now_us = g_get_monotonic_time();
    lock(v);
    if (v->settings.is_on && !v->settings.is_paused) {
        /* One that waits for its time was drawn before this. */
        if (!v->plan.is_clip && moments_due_at(v->moments) > now_us) watcher_drop_frames(v);
        moments_ask(v->moments);
    }
    unlock_and_wake(v);
}

void watcher_retry(watcher *v) {
    lock(v);
    if (v->model->state == MODEL_FAILED || v->model->state == MODEL_HELD) {
        v->model->state = MODEL_NONE;
        v->model->retries = TRUE;
    }
    forgive(v);
    v->has_news = TRUE;
    unlock_and_wake(v);
}

/* -------------------------------------------------------------------- pictures */

/* Whether the worker could begin soon with a frame, or the clip is to grow. */
static gboolean wants_frame(const watcher *v, gint64 now_us) {
    const worker *w = v->worker;
    if (v->plan.is_clip) return now_us - v->offered_us >= v->plan.frame_us;
    if (moments_due_at(v->moments) > now_us || w->at_work == v) return FALSE;
    if (!v->frames.length) return TRUE;
    return w->job && now_us - v->offered_us >= STALE_US;
}

int watcher_wants(watcher *v, gint64 now_us, int width, int height, watcher_size *glance,
                  watcher_size *look) {
    watcher_size size;
    int wants = WANTS_NOTHING;
    lock(v);
    frame_fit(width, height, v->plan.max_pixels, &size.width, &size.height);
    if (v->failure &&
        (size.width != v->failed_size.width || size.height != v->failed_size.height)) {
        forgive(v); /* the picture itself may have been the reason */
        v->has_news = TRUE;
        worker_wake(v->worker);
    }
    v->size = size;
    if (watcher_is_looking(v) && v->model->state != MODEL_FAILED && v->model->state != MODEL_HELD) {
        if (moments_wants_glance(v->moments, now_us)) wants |= WANTS_GLANCE;
        if (v->model->state == MODEL_LOADED && wants_frame(v, now_us)) wants |= WANTS_FRAME;
        /* Change is counted from the picture that is looked at. */
        if ((wants & WANTS_FRAME) && v->settings.when == WHEN_CHANGED) wants |= WANTS_GLANCE;
    }
    pthread_mutex_unlock(&v->worker->lock);
    if (glance) frame_fit(width, height, GLANCE_PIXELS, &glance->width, &glance->height);
    if (look) *look = size;
    return wants;
}

void watcher_glance(watcher *v, const frame *f) {
    lock(v);
    moments_glance(v->moments, f);
    const gboolean wakes = v->frames.length > 0;
    pthread_mutex_unlock(&v->worker->lock);
    if (wakes) worker_wake(v->worker);
}

void watcher_offer(watcher *v, frame *f) {
    frame *dropped = f;
    lock(v);
    if (watcher_is_looking(v)) {
        g_queue_push_tail(&v->frames, f);
        v->offered_us = f->seen_us;
        moments_offered(v->moments, f->seen_us);
        dropped = drop_oldest(v);
    }
    unlock_and_wake(v);
    frame_free(dropped);
}

/* ----------------------------------------------------------------------- state */

void watcher_get_state(watcher *v, watcher_state *out) {
    lock(v);
    const shared_model *model = v->model;
    *out = v->numbers;
    out->state = watcher_find_state(v);
    out->loaded = model->loaded;
    if (out->state == WATCH_FAILED || out->state == WATCH_HELD)
        out->message = g_strdup(model->state == MODEL_LOADED ? v->failure : model->message);
    if (model->state == MODEL_LOADED) {
        out->model = g_strdup(model->title);
        out->built_in = model->info.built_in != 0;
    }
    pthread_mutex_unlock(&v->worker->lock);
}

void watcher_state_clear(watcher_state *s) {
    g_free(s->message);
    g_free(s->model);
    memset(s, 0, sizeof *s);
}
