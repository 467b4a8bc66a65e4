/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What worker.c, the desk, and watcher.c share.
 *
 * The desk is a thread of usual priority that decides and tells; models work on the
 * mill's. All here is under the worker's lock, which no thread of low priority ever
 * takes, and under which nothing slow is done: so OBS's threads may.
 */
#ifndef ESPY_OBS_WORKER_PARTS_H
#define ESPY_OBS_WORKER_PARTS_H

#include <pthread.h>
#include <semaphore.h>

#include "mill.h"
#include "moments.h"
#include "worker.h"

typedef enum model_state {
    MODEL_NONE = 0,
    MODEL_LOADING,
    MODEL_LOADED,
    MODEL_FAILED,
    MODEL_HELD
} model_state;

/* A model by its name in the settings; kept until the worker ends, loaded or not. */
typedef struct shared_model {
    mill_model *milled;
    model_state state;
    char *message; /* FAILED, HELD */
    double loaded; /* LOADING      */
    gboolean retries;
    espy_model_info info; /* LOADED; its strings are not to be used, but ...  */
    char *title;          /* ... the model's own name                          */
    gboolean is_left;     /* settings went from it to another                  */
    gint64 used_us;       /* when an enabled watcher had it last               */
    gboolean is_used;     /* one has it                                        */
} shared_model;

struct watcher {
    worker *worker;
    watcher_events events;
    void *user;
    watcher_settings settings; /* its own */
    gboolean is_set;           /* before, there are no events: watcher_new may not have returned */
    shared_model *model;
    watch_plan plan; /* by settings and model */
    moments *moments;
    looker *looker; /* the mill's */
    gboolean rests; /* the looker has given up its memory, or never had any */

    GQueue frames;     /* that wait: one, or those that are new to the clip */
    gint64 offered_us; /* when the last one was drawn                       */
    gboolean has_gap;  /* frames were dropped that belong into the clip     */
    watcher_size size; /* of a look, as watcher_wants last said             */
    watcher_size failed_size;
    char *failure; /* why the last look failed, until something changes */

    guint64 serial;
    char *last_text; /* of the last whole caption that answers what is asked; NULL: none */
    watcher_state numbers;
    gboolean has_news; /* for on_state */
};

struct worker {
    char *notes;
    gint64 idle_us;
    mill *mill;
    pthread_t desk;
    gboolean has_desk;
    sem_t wake; /* of the desk: something has changed */

    pthread_mutex_t lock;
    pthread_cond_t told;
    GPtrArray *watchers; /* the one whose turn is next comes first */
    GPtrArray *models;   /* of shared_model                        */
    GPtrArray *leaving;  /* of looker, to be closed                */
    job *job;            /* at the mill; NULL: none                */
    watcher *at_work;    /* whose job that is; NULL: nobody waits for what comes of it */
    watcher *telling;    /* whose event is being called            */
    gboolean ends;
};

shared_model *worker_find_model(worker *w, const char *name);
/* What was under way for the watcher is of no use any more: it is stopped. */
void worker_abandon(worker *w, const watcher *v);
void worker_wake(worker *w);

/* Whether it is to look at all, once its model is there. */
gboolean watcher_is_looking(const watcher *v);
/* The numbers that depend on settings and model. */
void watcher_plan(watcher *v);
void watcher_drop_frames(watcher *v);
watch_state watcher_find_state(const watcher *v);

#endif
