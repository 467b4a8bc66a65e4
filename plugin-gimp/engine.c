/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions go to the engine's thread in a queue, and events come back in another.
 * A question has a serial number; those up to stop_through are to end, so that a
 * stop reaches a question that waits as well as one that is being answered. */
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "engine_session.h"
#include "i18n.h"
#include "thread_priority.h"

enum { DEFAULT_IDLE_S = 300 };

struct engine {
    /* The maker's thread. */
    outbox *events;
    pthread_t thread;
    gboolean has_thread;
    engine_settings settings; /* its string is the engine's */
    guint64 n_asked;          /* also the serial of the last question */
    espy_model_info info;     /* what engine_get_info gave out, with its strings */

    atomic_ullong stop_through;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    GQueue *jobs; /* under the lock, as what follows */
    gboolean ends;
    gboolean has_info;
    espy_model_info loaded; /* its strings are the engine's */

    session session; /* the engine's thread */
};

/* -------------------------------------------------------------- information */

static void info_clear(espy_model_info *info) {
    g_free((char *)info->family);
    g_free((char *)info->name);
    g_free((char *)info->paper);
    g_free((char *)info->weight_types);
    memset(info, 0, sizeof *info);
}

static espy_model_info info_copy(const espy_model_info *info) {
    espy_model_info copy = *info;
    copy.family = g_strdup(info->family);
    copy.name = g_strdup(info->name);
    copy.paper = g_strdup(info->paper);
    copy.weight_types = g_strdup(info->weight_types);
    return copy;
}

/* After loading and unloading. */
static void publish_info(engine *e) {
    espy_model_info info = { 0 };
    if (e->session.model) espy_model_get_info(e->session.model, &info);
    pthread_mutex_lock(&e->lock);
    info_clear(&e->loaded);
    e->loaded = info_copy(&info);
    e->has_info = e->session.model != NULL;
    pthread_mutex_unlock(&e->lock);
}

gboolean engine_get_info(engine *e, espy_model_info *info) {
    pthread_mutex_lock(&e->lock);
    gboolean has_info = e->has_info;
    if (has_info && !e->info.name) e->info = info_copy(&e->loaded);
    pthread_mutex_unlock(&e->lock);
    if (has_info) *info = e->info;
    return has_info;
}

/* ------------------------------------------------------- the engine's thread */

static int is_stopped(void *user, guint64 serial) {
    const engine *e = user;
    return serial <= atomic_load(&e->stop_through);
}

/* The sentence of an error. What went wrong in loading is told so. A path within may
 * be no UTF-8, and a long sentence may end in the middle of a character. */
static char *message_of(espy_status status, const espy_error *err, gboolean was_loading) {
    if (status == ESPY_ERR_STOPPED) return g_strdup(_("Stopped."));
    char *sentence = g_utf8_make_valid(err->message, -1);
    if (!was_loading) return sentence;
    char *message = g_strdup_printf(_("The model cannot be loaded: %s"), sentence);
    g_free(sentence);
    return message;
}

static void answer(engine *e, job *j) {
    espy_error err = { .offset = -1 };
    outcome *out = g_new0(outcome, 1);
    espy_status status = ESPY_ERR_STOPPED;
    gboolean was_loading = FALSE;
    session_begin(&e->session, j);
    if (!is_stopped(e, j->to.serial)) {
        status = session_load(&e->session, j, &err);
        was_loading = status != ESPY_OK;
        publish_info(e);
    }
    if (!was_loading && !status) status = session_answer(&e->session, j, out, &err);
    if (status) out->message = message_of(status, &err, was_loading);
    out->answer.status = status;
    out->answer.message = out->message;
    out->answer.text = out->text ? out->text : "";
    outbox_done(e->events, &j->to, out);
}

/* Under the lock. The next question; NULL: the engine ends, or the time is over.
 * idle_s negative: waits for ever. */
static job *wait_for_job(engine *e, int idle_s) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += idle_s;
    int rc = 0;
    while (!e->ends && g_queue_is_empty(e->jobs) && !rc)
        rc = idle_s < 0 ? pthread_cond_wait(&e->wake, &e->lock)
                        : pthread_cond_timedwait(&e->wake, &e->lock, &until);
    return e->ends ? NULL : g_queue_pop_head(e->jobs);
}

static void *work(void *user) {
    engine *e = user;
    int idle_s = -1;
    thread_be_nice();
    pthread_mutex_lock(&e->lock);
    while (!e->ends) {
        job *j = wait_for_job(e, e->session.model ? idle_s : -1);
        pthread_mutex_unlock(&e->lock);
        if (j) {
            idle_s = j->idle_s ? j->idle_s : DEFAULT_IDLE_S;
            answer(e, j);
            job_free(j);
        } else {
            session_unload(&e->session);
            publish_info(e);
        }
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    session_clear(&e->session);
    return NULL;
}

/* -------------------------------------------------------- the maker's thread */

engine *engine_new(const engine_settings *settings) {
    pthread_condattr_t monotonic;
    engine *e = g_new0(engine, 1);
    GMainContext *context = g_main_context_ref_thread_default();
    e->events = outbox_open(context);
    g_main_context_unref(context);
    e->jobs = g_queue_new();
    e->session = (session){ .events = e->events, .is_stopped = is_stopped, .user = e };
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    engine_set(e, settings);
    return e;
}

void engine_set(engine *e, const engine_settings *settings) {
    char *model = g_strdup(settings ? settings->model : NULL);
    g_free((char *)e->settings.model);
    e->settings = settings ? *settings : (engine_settings){ 0 };
    e->settings.model = model;
    info_clear(&e->info);
}

static void free_job(void *data) {
    job_free(data);
}

void engine_free(engine *e) {
    if (!e) return;
    if (e->has_thread) {
        atomic_store(&e->stop_through, ULLONG_MAX);
        pthread_mutex_lock(&e->lock);
        e->ends = TRUE;
        pthread_cond_signal(&e->wake);
        pthread_mutex_unlock(&e->lock);
        pthread_join(e->thread, NULL);
    }
    outbox_close(e->events);
    g_queue_free_full(e->jobs, free_job);
    info_clear(&e->info);
    info_clear(&e->loaded);
    g_free((char *)e->settings.model);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    g_free(e);
}

void engine_stop(engine *e) {
    atomic_store(&e->stop_through, e->n_asked);
}

gboolean engine_is_busy(const engine *e) {
    return outbox_n_done(e->events) < e->n_asked;
}

static job *make_job(engine *e, const engine_question *q, const engine_events *events, void *user) {
    job *j = g_new0(job, 1);
    j->to = (event_target){ .serial = ++e->n_asked, .events = *events, .user = user };
    j->image = q->image;
    j->task = g_strdup(q->task);
    j->argument = g_strdup(q->argument);
    j->language = g_strdup(q->language);
    j->model = g_strdup(e->settings.model);
    j->n_threads = e->settings.n_threads;
    j->idle_s = e->settings.idle_s;
    j->memory_limit_bytes = e->settings.memory_limit_bytes;
    return j;
}

/* A machine that gives no thread has other troubles; the question is told so. */
static void refuse(engine *e, job *j) {
    outcome *out = g_new0(outcome, 1);
    out->message = g_strdup(_("No thread could be started to work on this."));
    out->answer = (engine_answer){ .status = ESPY_ERR_MEMORY, .message = out->message, .text = "" };
    outbox_done(e->events, &j->to, out);
    job_free(j);
}

void engine_ask(engine *e, const engine_question *question, const engine_events *events,
                void *user) {
    engine_stop(e);
    info_clear(&e->info);
    job *j = make_job(e, question, events, user);
    if (!e->has_thread) e->has_thread = pthread_create(&e->thread, NULL, work, e) == 0;
    if (!e->has_thread) {
        refuse(e, j);
        return;
    }
    pthread_mutex_lock(&e->lock);
    g_queue_push_tail(e->jobs, j);
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}
