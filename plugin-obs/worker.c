/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The desk: gives the mill its next job, and tells watchers what came of the last one. */
#include "worker.h"

#include <stdbool.h>
#include <time.h>

#include "worker_parts.h"

enum { DEFAULT_IDLE_S = 60 };

void worker_wake(worker *w) {
    sem_post(&w->wake);
}

/* ------------------------------------------------------------------- models */

shared_model *worker_find_model(worker *w, const char *name) {
    for (guint i = 0; i < w->models->len; i++) {
        shared_model *model = w->models->pdata[i];
        if (!g_strcmp0(model->milled->name, name)) return model;
    }
    shared_model *model = g_new0(shared_model, 1);
    model->milled = mill_model_new(name);
    g_ptr_array_add(w->models, model);
    return model;
}

static void free_model(void *data) {
    shared_model *model = data;
    mill_model_free(model->milled);
    g_free(model->message);
    g_free(model->title);
    g_free(model);
}

/* For all watchers of it. */
static void set_model(worker *w, shared_model *model, model_state state, const char *message) {
    model->state = state;
    g_free(model->message);
    model->message = g_strdup(message);
    model->loaded = 0;
    for (guint i = 0; i < w->watchers->len; i++) {
        watcher *v = w->watchers->pdata[i];
        if (v->model != model) continue;
        watcher_plan(v);
        v->has_news = TRUE;
    }
}

typedef enum use { USE_NONE, USE_OFF, USE_PAUSED, USE_LOOKING } use;

/* What the watchers of a model are at: the most of it. */
static use use_of(const worker *w, const shared_model *model) {
    use most = USE_NONE;
    for (guint i = 0; i < w->watchers->len; i++) {
        const watcher *v = w->watchers->pdata[i];
        if (v->model != model) continue;
        const use this = !v->settings.is_on      ? USE_OFF
                         : v->settings.is_paused ? USE_PAUSED
                                                 : USE_LOOKING;
        most = MAX(most, this);
    }
    return most;
}

/* --------------------------------------------------------------- the next job */

/* NULL: none. In *until: when there might be one, if nothing happens before. */
static job *close_or_rest(worker *w) {
    if (w->leaving->len) return job_new(JOB_CLOSE, NULL, g_ptr_array_steal_index(w->leaving, 0));
    for (guint i = 0; i < w->watchers->len; i++) {
        watcher *v = w->watchers->pdata[i];
        if (v->settings.is_on || v->rests) continue;
        v->rests = TRUE;
        return job_new(JOB_REST, NULL, v->looker);
    }
    return NULL;
}

static job *load_or_unload(worker *w, gint64 now_us, gint64 *until_us) {
    for (guint i = 0; i < w->models->len; i++) {
        shared_model *model = w->models->pdata[i];
        const use now = use_of(w, model);
        if (now >= USE_PAUSED || model->is_used) model->used_us = now_us;
        model->is_used = now >= USE_PAUSED;
        if (model->state == MODEL_NONE && now == USE_LOOKING) {
            job *j = job_new(JOB_LOAD, model->milled, NULL);
            j->user = model;
            j->retries = model->retries;
            set_model(w, model, MODEL_LOADING, NULL);
            return j;
        }
        if (model->state != MODEL_LOADED || now >= USE_PAUSED) continue;
        const gint64 end_us = model->used_us + w->idle_us;
        if (now_us >= end_us || (model->is_left && now == USE_NONE)) {
            set_model(w, model, MODEL_NONE, NULL);
            return job_new(JOB_UNLOAD, model->milled, NULL);
        }
        *until_us = MIN(*until_us, end_us);
    }
    return NULL;
}

static job *look(worker *w, watcher *v, gint64 now_us) {
    job *j = job_new(JOB_LOOK, v->model->milled, v->looker);
    j->settings = watcher_settings_copy(&v->settings);
    for (frame *f; (f = g_queue_pop_head(&v->frames));) g_ptr_array_add(j->frames, f);
    j->begins_anew = v->has_gap;
    j->previous = g_strdup(v->last_text);
    j->serial = ++v->serial;
    v->has_gap = v->rests = FALSE;
    v->has_news = TRUE;
    moments_looked(v->moments, now_us);
    w->at_work = v;
    g_ptr_array_remove(w->watchers, v); /* its next turn comes after all others' */
    g_ptr_array_add(w->watchers, v);
    return j;
}

static job *next_look(worker *w, gint64 now_us, gint64 *until_us) {
    for (guint i = 0; i < w->watchers->len; i++) {
        watcher *v = w->watchers->pdata[i];
        if (!watcher_is_looking(v) || v->model->state != MODEL_LOADED || !v->frames.length)
            continue;
        const gint64 due_us = moments_due_at(v->moments);
        if (due_us <= now_us) return look(w, v, now_us);
        *until_us = MIN(*until_us, due_us);
    }
    return NULL;
}

/* Nobody needs what is being loaded. */
static void stop_useless_load(worker *w) {
    if (w->job->kind == JOB_LOAD && use_of(w, w->job->user) < USE_PAUSED)
        atomic_store(&w->job->stop, true);
}

static void give_next(worker *w, gint64 *until_us) {
    const gint64 now_us = g_get_monotonic_time();
    if (w->job) {
        stop_useless_load(w);
        return;
    }
    job *j = close_or_rest(w);
    if (!j) j = load_or_unload(w, now_us, until_us);
    if (!j) j = next_look(w, now_us, until_us);
    if (!j) return;
    w->job = j;
    mill_give(w->mill, j);
}

/* ---------------------------------------------------------------------- tell */

/* Without the lock while the event is called. */
static void tell(worker *w, watcher *v, caption *c) {
    const watcher_events events = v->events;
    void *user = v->user;
    w->telling = v;
    pthread_mutex_unlock(&w->lock);
    if (c && events.on_caption) events.on_caption(user, c);
    if (!c && events.on_state) events.on_state(user);
    pthread_mutex_lock(&w->lock);
    w->telling = NULL;
    pthread_cond_broadcast(&w->told);
}

static void tell_states(worker *w) {
    for (guint i = 0; i < w->watchers->len; i++) {
        watcher *v = w->watchers->pdata[i];
        if (!v->has_news || !v->is_set) continue;
        v->has_news = FALSE;
        tell(w, v, NULL);
        i = G_MAXUINT; /* others may have come and gone: from the beginning */
    }
}

/* A load that was stopped was needed by nobody; whoever needs it now begins anew. */
static void end_load(worker *w, const job *j) {
    shared_model *model = j->user;
    model->retries = FALSE;
    if (j->status == ESPY_ERR_STOPPED) {
        set_model(w, model, MODEL_NONE, NULL);
    } else if (j->status || j->is_held) {
        set_model(w, model, j->is_held ? MODEL_HELD : MODEL_FAILED, j->message);
    } else {
        model->info = model->milled->info;
        g_free(model->title);
        model->title = g_utf8_make_valid(model->info.name, -1);
        model->is_left = FALSE;
        set_model(w, model, MODEL_LOADED, NULL);
    }
}

static void count(watcher *v, const job *j) {
    const caption *c = j->caption;
    watcher_state *n = &v->numbers;
    n->n_captions++;
    n->n_same += !c->is_news;
    n->lag_s = (double)(c->done_us - c->seen_us) / 1e6;
    n->caption_s = j->caption_s;
    n->tokens_per_s = c->tokens_per_s;
    g_free(v->last_text);
    v->last_text = g_strdup(c->text);
}

static void end_look(worker *w, const job *j) {
    watcher *v = w->at_work;
    w->at_work = NULL;
    if (!v) return;
    v->has_news = TRUE;
    if (j->status) {
        v->failure = g_strdup(j->message);
        v->failed_size = v->size;
        watcher_drop_frames(v);
    } else {
        count(v, j);
        tell(w, v, j->caption);
    }
}

static void end_job(worker *w) {
    job *j = w->job;
    w->job = NULL;
    if (j->kind == JOB_LOAD) end_load(w, j);
    if (j->kind == JOB_LOOK) end_look(w, j);
    job_free(j);
}

static void take_report(worker *w, const report *r) {
    /* A newer piece, or the whole, has come since. */
    const gboolean is_old = r->next && r->next->kind != REPORT_PROGRESS;
    shared_model *model = r->job->user;
    switch (r->kind) {
    case REPORT_PROGRESS:
        model->loaded = r->fraction;
        for (guint i = 0; i < w->watchers->len; i++) {
            watcher *v = w->watchers->pdata[i];
            if (v->model == model) v->has_news = TRUE;
        }
        break;
    case REPORT_PIECE:
        if (w->at_work && !is_old) tell(w, w->at_work, r->piece);
        break;
    case REPORT_DONE:
        end_job(w);
    }
}

static void take_reports(worker *w) {
    for (report *r = mill_take(w->mill), *next; r; r = next) {
        take_report(w, r);
        next = r->next;
        report_free(r);
    }
}

/* ---------------------------------------------------------------------- desk */

static void wait_until(worker *w, gint64 until_us) {
    const struct timespec until = { until_us / 1000000, until_us % 1000000 * 1000 };
    if (until_us == G_MAXINT64)
        sem_wait(&w->wake);
    else
        sem_clockwait(&w->wake, CLOCK_MONOTONIC, &until);
}

static void *work(void *user) {
    worker *w = user;
    pthread_mutex_lock(&w->lock);
    while (!w->ends) {
        gint64 until_us = G_MAXINT64;
        take_reports(w);
        give_next(w, &until_us);
        tell_states(w);
        pthread_mutex_unlock(&w->lock);
        wait_until(w, until_us);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void worker_abandon(worker *w, const watcher *v) {
    if (w->at_work != v) return;
    w->at_work = NULL;
    atomic_store(&w->job->stop, true);
}

/* ------------------------------------------------------------------ begin, end */

worker *worker_new(const worker_settings *settings) {
    worker *w = g_new0(worker, 1);
    const int idle_s = settings && settings->idle_s > 0 ? settings->idle_s : DEFAULT_IDLE_S;
    w->idle_us = (gint64)idle_s * 1000000;
    w->notes = g_strdup(settings && settings->notes ? settings->notes : "obs");
    sem_init(&w->wake, 0, 0);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->told, NULL);
    w->watchers = g_ptr_array_new();
    w->models = g_ptr_array_new_with_free_func(free_model);
    w->leaving = g_ptr_array_new();
    w->mill = mill_new(w->notes, &w->wake);
    w->has_desk = pthread_create(&w->desk, NULL, work, w) == 0;
    return w;
}

void worker_free(worker **worker_at) {
    worker *w = *worker_at;
    *worker_at = NULL;
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->ends = TRUE;
    pthread_mutex_unlock(&w->lock);
    worker_wake(w);
    if (w->has_desk) pthread_join(w->desk, NULL);
    mill_free(&w->mill);
    if (w->job && w->job->kind == JOB_CLOSE && !w->job->is_done) looker_free(w->job->looker);
    job_free(w->job);
    for (guint i = 0; i < w->leaving->len; i++) looker_free(w->leaving->pdata[i]);
    g_ptr_array_unref(w->leaving);
    g_ptr_array_unref(w->watchers);
    g_ptr_array_unref(w->models);
    pthread_cond_destroy(&w->told);
    pthread_mutex_destroy(&w->lock);
    sem_destroy(&w->wake);
    g_free(w->notes);
    g_free(w);
}
