/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model at work on a thread of its own, for a host whose interface must never
 * wait. Knows neither GIMP nor GTK.
 *
 *     engine *e = engine_new(&settings);
 *     engine_ask(e, &question, &events, user);     returns at once
 *     ... on_progress, on_text ..., on_shape ..., on_done ...
 *     engine_ask(e, &follow_up, &events, user);    the picture is not looked at again
 *     engine_free(e);
 *
 * All functions are called from one thread, that of the GMainContext that was the
 * default of the thread when the engine was made; its events come there, too, at most
 * some 30 times a second. An event may call any of them, also engine_free; one that
 * runs a main loop of its own keeps further events waiting. The model is loaded for the
 * first question and unloaded after a while without one; the conversation is kept.
 * Loading is noted down as trial.h says.
 */
#ifndef ESPY_GIMP_ENGINE_H
#define ESPY_GIMP_ENGINE_H

#include <espy.h>
#include <glib.h>

typedef struct engine engine;

typedef struct engine_settings {
    const char *model;         /* as espy_model_find takes it; NULL: the default */
    int n_threads;             /* 0: one per core, but one                       */
    gint64 memory_limit_bytes; /* a model that needs more is refused; 0: what the
                                  machine has                                    */
    int idle_s;                /* unload after so many seconds; 0: 300, negative:
                                  never                                          */
} engine_settings;

/* One question. Strings and image are copied or taken over by engine_ask. */
typedef struct engine_question {
    espy_image *image;    /* taken over; a new conversation about it. NULL: a further
                             turn of the conversation                              */
    const char *task;     /* name in espy_task_find: "caption", "alt", "find" ...;
                             NULL: "question"                                      */
    const char *argument; /* of the task: what to find, the question               */
    const char *language; /* of the answer; locale or name, NULL: English          */
} engine_question;

/* Owned by the engine, valid for the call. */
typedef struct engine_answer {
    espy_status status;       /* ESPY_ERR_STOPPED: engine_stop; text holds what came */
    const char *message;      /* a sentence where status is an error, else NULL  */
    const char *text;         /* as espy_task_read has it; "" if there is none   */
    const espy_shape *shapes; /* [n_shapes] of a task that finds places, in pixels of
                                 the image                                       */
    int n_shapes;
    int n_tokens;
    double tokens_per_s; /* of writing                                      */
    int cut;             /* non-zero: the answer was longer than allowed    */
    int n_cached_images; /* pictures of the conversation that cost no vision
                            pass this time                                  */
} engine_answer;

typedef struct engine_events {
    /* phase: "loading", "looking", "reading", "writing", in this order, those that are
     * not needed left out; fraction 0 to 1, or negative if that is unknown. */
    void (*on_progress)(void *user, const char *phase, double fraction);
    /* What came since the last piece, whole characters; a preview, as a sentence may
     * lose its beginning yet: the text of on_done replaces it. */
    void (*on_text)(void *user, const char *piece, double tokens_per_s);
    /* Valid for the call. NULL: those that came were a draft; begin anew. */
    void (*on_shape)(void *user, const espy_shape *shape);
    void (*on_done)(void *user, const engine_answer *answer); /* once, the last event */
} engine_events;

engine *engine_new(const engine_settings *settings);

/* Stops, waits for the thread (a few tenths of a second), frees. No event comes
 * afterwards, on_done neither. NULL is fine. */
void engine_free(engine *e);

/* Begins an answer. events is copied; any of its functions may be NULL. One question
 * at a time: while engine_is_busy this stops the one under way first, whose on_done
 * comes (with ESPY_ERR_STOPPED) before any event of the new one. */
void engine_ask(engine *e, const engine_question *question, const engine_events *events,
                void *user);

/* Asks the answer under way to end; on_done follows within a few tenths of a second. */
void engine_stop(engine *e);

gboolean engine_is_busy(const engine *e);

/* Other settings for the next question; the model is loaded anew if it is another. */
void engine_set(engine *e, const engine_settings *settings);

/* Information about the loaded model; FALSE if none is loaded at the moment. The
 * strings stay until the next engine_ask, engine_set or engine_free. */
gboolean engine_get_info(engine *e, espy_model_info *info);

#endif
