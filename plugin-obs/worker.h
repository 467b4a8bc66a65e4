/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model at work for any number of video sources. Knows no OBS type.
 *
 *     worker *w = worker_new(NULL);
 *     watcher *v = watcher_new(w, &events, user);
 *     watcher_set(v, &settings);
 *     each frame:
 *         wants = watcher_wants(v, now, width, height, &size);
 *         if (wants & WANTS_GLANCE) watcher_glance(v, small picture);
 *         if (wants & WANTS_FRAME)  watcher_offer(v, picture of that size);
 *     ... on_caption ...
 *     watcher_free(&v);
 *     worker_free(&w);
 *
 * Lag is bounded: a watcher has one place for a frame that waits, and a newer one takes
 * it. Watchers with a frame are served in turn. Those of one model share it; each has a
 * context of its own, so that what its prompts have in common is computed once. A model
 * is loaded when the first enabled watcher needs it, and unloaded when none has for a
 * while.
 *
 * Models work on a thread that runs in the time that others leave, with its helpers, see
 * thread_be_idle: rendering takes the CPU from it at once. No other thread ever waits for
 * that one, but worker_free. Events are called on a second thread, of usual priority, so
 * that they may lock what rendering locks.
 */
#ifndef ESPY_OBS_WORKER_H
#define ESPY_OBS_WORKER_H

#include "caption.h"
#include "frame.h"

typedef struct worker worker;
typedef struct watcher watcher;

typedef struct worker_settings {
    const char *notes; /* name under which a load is noted down, see trial.h; NULL: "obs" */
    int idle_s;        /* unload after so many seconds without an enabled watcher; 0: 60  */
} worker_settings;

worker *worker_new(const worker_settings *settings); /* NULL: the defaults */
/* After all watchers. Stops what is under way, unloads: some tenths of a second, longer
 * only where other programs take all of the CPUs. Nulls the pointer; NULL in it is fine. */
void worker_free(worker **w);

/* When to caption. */
typedef enum watch_when {
    WHEN_CHANGED = 0, /* the picture has changed enough, or every interval_s if that is > 0 */
    WHEN_INTERVAL,    /* every interval_s                                               */
    WHEN_ASKED        /* by watcher_ask alone                                           */
} watch_when;

typedef struct watcher_settings {
    gboolean is_on;       /* FALSE: no work, no memory; a model may be unloaded. TRUE again:
                             a new beginning, whose first caption is news            */
    gboolean is_paused;   /* keeps what is loaded, and does not look                    */
    const char *model;    /* as espy_model_find takes it; NULL: the default             */
    const char *task;     /* a task's name; NULL: "caption"                             */
    const char *argument; /* of the task: the question, what to find                    */
    const char *language; /* locale or name; NULL: English                              */
    int vision_tokens;    /* at most, of a picture, or of each frame of a clip; 0: 256  */
    int max_tokens;       /* of the answer; 0: the task's                               */
    int n_threads;        /* 0: half of the cores, 1 to 4                               */
    watch_when when;
    double interval_s;  /* WHEN_INTERVAL: from start to start; at least 0.1           */
    double least_s;     /* WHEN_CHANGED: at least so long from start to start; 0: 1    */
    double change;      /* how much has to change, 0 to 1, see moments.h; 0: 0.05      */
    double clip_s;      /* > 0: the last so many seconds are looked at as one clip, for
                           models that take films; others get the newest picture       */
    double clip_fps;    /* its frames a second, up to 2; 0: 2                          */
    gboolean drop_same; /* clip: what is unchanged is dropped, faster and coarser      */
    gboolean recalls;   /* the caption before is told to the model; without effect on the
                           built-in one, which does not understand it                  */
} watcher_settings;

/* Called on the worker's thread of usual priority, one at a time, never within a call of
 * the watcher's functions. They may call any function but watcher_free, worker_free. Members may be
 * NULL. */
typedef struct watcher_events {
    /* What was written so far (is_whole FALSE; about once a token), then the whole
     * caption. Take a reference to keep it. A piece that was stopped has no whole. */
    void (*on_caption)(void *user, caption *c);
    void (*on_state)(void *user); /* watcher_get_state says something else now        */
} watcher_events;

/* It is off, and there are no events, until watcher_set. */
watcher *watcher_new(worker *w, const watcher_events *events, void *user);

/* Stops what is under way, without waiting for it, but for the end of an event that is
 * being called; none comes afterwards. Nulls the pointer; NULL in it is fine. */
void watcher_free(watcher **v);

/* Other settings, copied. What is under way goes on, and its caption is delivered, unless
 * model, question, language or size are others now, or it is switched off or paused:
 * then it ends without one, and the newest picture is looked at anew. */
void watcher_set(watcher *v, const watcher_settings *settings);

/* What the watcher would like to see of a source of this size now: a set of WANTS_.
 * Cheap, never waits. */
enum { WANTS_NOTHING = 0, WANTS_GLANCE = 1, WANTS_FRAME = 2 };
typedef struct watcher_size {
    int width, height;
} watcher_size;
/* glance, look: receive the sizes of the two; NULL pointers are fine. A glance is for
 * seeing change and for following boxes: some thousand pixels, up to 10 a second. */
int watcher_wants(watcher *v, gint64 now_us, int width, int height, watcher_size *glance,
                  watcher_size *look);

/* A small picture; borrowed. Cheap (some tens of microseconds), never waits. */
void watcher_glance(watcher *v, const frame *f);

/* A picture to look at; taken over, replaces one that waits. Any thread. */
void watcher_offer(watcher *v, frame *f);

/* The next frame is looked at whatever the timing says (a paused or disabled watcher
 * stays so). */
void watcher_ask(watcher *v);

/* Loads a model that had failed, or had ended its process, before. */
void watcher_retry(watcher *v);

typedef enum watch_state {
    WATCH_OFF = 0,
    WATCH_PAUSED,
    WATCH_LOADING,
    WATCH_WAITING, /* for a moment to look, or a frame          */
    WATCH_WORKING,
    WATCH_FAILED, /* message; tried again when settings change, or by watcher_retry */
    WATCH_HELD    /* as above, in an earlier run: not tried before watcher_retry    */
} watch_state;

typedef struct watcher_state {
    watch_state state;
    char *message; /* a sentence of FAILED; of HELD too, NULL there: the process ended */
    char *model;   /* the loaded model's name, NULL: none                  */
    gboolean built_in;
    double loaded; /* LOADING: 0 to 1                                      */
    guint64 n_captions, n_same, n_dropped; /* whole ones; of these no news; frames that
                                              were replaced by newer ones             */
    double lag_s;     /* of the last whole caption, from the picture to its end; 0: none */
    double caption_s; /* how long the model worked on it                            */
    double tokens_per_s;
} watcher_state;

void watcher_get_state(watcher *v, watcher_state *out); /* watcher_state_clear it */
void watcher_state_clear(watcher_state *s);

#endif
