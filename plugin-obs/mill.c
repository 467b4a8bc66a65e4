/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mill.h"

#include <pthread.h>
#include <stdbool.h>

#include "thread_priority.h"
#include "trial.h"

struct mill {
    char *notes;
    pthread_t thread;
    gboolean has_thread;
    sem_t *wake;

    sem_t go; /* posted when there is a job, and at the end */
    _Atomic(job *) given, at_work;
    atomic_bool ends;
    _Atomic(report *) reports; /* newest first */

    /* The mill's thread: what was known of failures when it first asked. */
    gboolean has_asked, has_failed;
    char *failed_model, *failed_reason;
};

/* ------------------------------------------------------------------ reports */

void report_free(report *r) {
    caption_unref(r->piece);
    g_free(r);
}

void mill_report(mill *m, job *j, report_kind kind, double fraction, caption *piece) {
    report *r = g_new(report, 1);
    *r = (report){ atomic_load(&m->reports), kind, j, fraction, piece };
    while (!atomic_compare_exchange_weak(&m->reports, &r->next, r)) continue;
    sem_post(m->wake);
}

report *mill_take(mill *m) {
    report *newest = atomic_exchange(&m->reports, NULL), *oldest = NULL;
    while (newest) {
        report *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* --------------------------------------------------------------------- jobs */

static void free_frame(void *f) {
    frame_free(f);
}

job *job_new(job_kind kind, mill_model *model, looker *l) {
    job *j = g_new0(job, 1);
    j->kind = kind;
    j->model = model;
    j->looker = l;
    j->frames = g_ptr_array_new_with_free_func(free_frame);
    atomic_init(&j->stop, false);
    return j;
}

void job_free(job *j) {
    if (!j) return;
    watcher_settings_clear(&j->settings);
    g_ptr_array_unref(j->frames);
    g_free(j->previous);
    g_free(j->message);
    caption_unref(j->caption);
    g_free(j);
}

/* --------------------------------------------------------- models and lookers */

mill_model *mill_model_new(const char *name) {
    mill_model *model = g_new0(mill_model, 1);
    model->name = g_strdup(name);
    model->users = g_ptr_array_new();
    return model;
}

void mill_model_unload(mill_model *model) {
    while (model->users->len) looker_rest(model->users->pdata[0]);
    espy_model_close(&model->model);
    model->has_worked = FALSE;
}

void mill_model_free(mill_model *model) {
    mill_model_unload(model);
    g_ptr_array_unref(model->users);
    g_free(model->name);
    g_free(model);
}

looker *looker_new(void) {
    looker *l = g_new0(looker, 1);
    watch_clip_open(&l->clip);
    return l;
}

void looker_rest(looker *l) {
    if (l->model) g_ptr_array_remove(l->model->users, l);
    l->model = NULL;
    espy_context_close(&l->context);
    watch_clip_empty(&l->clip);
}

void looker_free(looker *l) {
    looker_rest(l);
    watch_clip_close(&l->clip);
    g_free(l);
}

/* --------------------------------------------------------------------- load */

/* Whether it failed in an earlier run; then what the job says of it. */
static gboolean is_held(mill *m, job *j) {
    if (!m->has_asked) m->has_failed = trial_failure(m->notes, &m->failed_model, &m->failed_reason);
    m->has_asked = TRUE;
    if (!m->has_failed || g_strcmp0(m->failed_model, j->model->name)) return FALSE;
    if (j->retries) {
        m->has_failed = FALSE;
        return FALSE;
    }
    j->message = g_strdup(m->failed_reason);
    return TRUE;
}

typedef struct loading {
    mill *m;
    job *j;
    int percent;
} loading;

static int on_loading(void *user, const char *phase, int64_t done, int64_t total) {
    loading *l = user;
    const int percent = (int)(100 * (double)done / (double)total);
    (void)phase;
    if (percent != l->percent) mill_report(l->m, l->j, REPORT_PROGRESS, percent / 100.0, NULL);
    l->percent = percent;
    return atomic_load(&l->j->stop);
}

static espy_status load(mill *m, job *j, espy_error *err) {
    mill_model *model = j->model;
    char *path;
    loading l = { m, j, -1 };
    const espy_model_params params = { .progress = on_loading, .user = &l };
    j->is_held = is_held(m, j);
    if (j->is_held || model->model) return ESPY_OK;
    trial_begin(m->notes, model->name);
    espy_status status = espy_model_find(model->name, &path, err);
    if (!status) status = espy_model_open(&model->model, path, &params, err);
    espy_free(path);
    if (!status) espy_model_get_info(model->model, &model->info);
    /* Whether it works is seen when it looks, which may be much later. */
    trial_end(m->notes, model->name, status ? status : ESPY_ERR_STOPPED, err->message);
    return status;
}

/* ------------------------------------------------------------------- thread */

static void do_job(mill *m, job *j) {
    espy_error err = { .offset = -1 };
    switch (j->kind) {
    case JOB_LOAD:
        j->status = load(m, j, &err);
        break;
    case JOB_UNLOAD:
        mill_model_unload(j->model);
        break;
    case JOB_LOOK:
        j->status = mill_look(m, j, &err);
        break;
    case JOB_REST:
        looker_rest(j->looker);
        break;
    case JOB_CLOSE:
        looker_free(j->looker);
    }
    if (j->status) j->message = g_utf8_make_valid(err.message, -1);
}

static void wait_for(sem_t *s) {
    while (sem_wait(s)) continue; /* a signal came */
}

static void *work(void *user) {
    mill *m = user;
    thread_be_idle();
    for (;;) {
        wait_for(&m->go);
        job *j = atomic_exchange(&m->given, NULL);
        if (atomic_load(&m->ends)) return NULL;
        if (!j) continue;
        do_job(m, j);
        j->is_done = TRUE;
        atomic_store(&m->at_work, NULL);
        mill_report(m, j, REPORT_DONE, 1, NULL);
    }
}

mill *mill_new(const char *notes, sem_t *wake) {
    mill *m = g_new0(mill, 1);
    m->notes = g_strdup(notes);
    m->wake = wake;
    sem_init(&m->go, 0, 0);
    m->has_thread = pthread_create(&m->thread, NULL, work, m) == 0;
    return m;
}

void mill_free(mill **mill_at) {
    mill *m = *mill_at;
    *mill_at = NULL;
    if (!m) return;
    job *j = atomic_load(&m->at_work);
    if (j) atomic_store(&j->stop, true);
    atomic_store(&m->ends, true);
    sem_post(&m->go);
    if (m->has_thread) pthread_join(m->thread, NULL);
    for (report *r = mill_take(m), *next; r; r = next) {
        next = r->next;
        report_free(r);
    }
    sem_destroy(&m->go);
    g_free(m->failed_model);
    g_free(m->failed_reason);
    g_free(m->notes);
    g_free(m);
}

/* A machine that gives no thread has other troubles; the job is told so. */
static void refuse(mill *m, job *j) {
    j->status = ESPY_ERR_MEMORY;
    j->message = g_strdup("No thread could be started to work on this.");
    mill_report(m, j, REPORT_DONE, 1, NULL);
}

void mill_give(mill *m, job *j) {
    if (!m->has_thread) {
        refuse(m, j);
        return;
    }
    atomic_store(&m->at_work, j);
    atomic_store(&m->given, j);
    sem_post(&m->go);
}

const char *mill_notes(const mill *m) {
    return m->notes;
}
