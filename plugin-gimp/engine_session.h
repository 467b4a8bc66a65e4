/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the engine's thread has: a model, a context, and a conversation about one
 * picture. Of one thread.
 */
#ifndef ESPY_GIMP_ENGINE_SESSION_H
#define ESPY_GIMP_ENGINE_SESSION_H

#include "engine_events.h"

/* One question with what it owns. */
typedef struct job {
    event_target to;
    espy_image *image;
    char *task, *argument, *language;
    char *model; /* the settings when it was asked */
    int n_threads, idle_s;
    gint64 memory_limit_bytes;
} job;

void job_free(job *j);

typedef struct session {
    outbox *events;
    int (*is_stopped)(void *user, guint64 serial); /* whether a question is to end */
    void *user;

    espy_model *model;
    espy_context *context;
    char *model_name; /* as in the job that it was loaded for */
    int n_threads;
    gint64 memory_limit_bytes;
    gboolean is_noted; /* in the settings, while the model has not shown that it works */
    gboolean has_worked;

    espy_image *image;
    GPtrArray *turns;               /* what was asked, what was answered, and so on */
    int64_t min_pixels, max_pixels; /* of the picture, in all of the conversation */
} session;

/* A picture is taken over and begins a new conversation, whatever comes of it. */
void session_begin(session *s, job *j);
/* Loads the model of the job unless it is the one that is there. */
espy_status session_load(session *s, const job *j, espy_error *err);
/* Opens a context, unless one is open, once the memory for this request has been found
 * to be there. */
espy_status session_reserve(session *s, const espy_request *request, espy_error *err);
/* The model works, or the reason why it does not. */
void session_settle(session *s, espy_status status, const espy_error *err);
/* The conversation stays. */
void session_unload(session *s);
void session_clear(session *s);

/* Answers, after session_begin and session_load. The conversation grows by what was
 * asked and what came of an answer. */
espy_status session_answer(session *s, const job *j, outcome *out, espy_error *err);

#endif
