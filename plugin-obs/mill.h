/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The thread on which models work, of the lowest priority. It takes one job at a time,
 * reports, and shares no lock with anybody: the scheduler may leave it for long wherever
 * it is, and a thread that waited for it would be late as well.
 *
 * Jobs are given, and reports taken, by one thread, the worker's desk.
 */
#ifndef ESPY_OBS_MILL_H
#define ESPY_OBS_MILL_H

#include <espy.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "caption.h"
#include "watch_clip.h"
#include "watch_plan.h"

typedef struct mill mill;

/* A model as the mill has it. */
typedef struct mill_model {
    char *name; /* as in watcher_settings; never changes */
    espy_model *model;
    espy_model_info info;
    gboolean has_worked;
    GPtrArray *users; /* of looker: those with a context of it */
} mill_model;

mill_model *mill_model_new(const char *name);

/* What is kept for the looks of one watcher. */
typedef struct looker {
    mill_model *model; /* whose context is open; NULL: none is */
    espy_context *context;
    int n_threads;
    int64_t vision_cache_bytes;
    watch_clip clip;
} looker;

looker *looker_new(void);

typedef enum job_kind {
    JOB_LOAD,
    JOB_UNLOAD,
    JOB_LOOK,
    JOB_REST, /* the looker gives up its memory */
    JOB_CLOSE /* the looker is freed            */
} job_kind;

typedef struct job {
    job_kind kind;
    mill_model *model;
    looker *looker;
    gboolean retries; /* LOAD: even if it failed in an earlier run */

    /* LOOK. What is told to the model, and the pictures, oldest first. */
    watcher_settings settings; /* owned */
    GPtrArray *frames;         /* of frame, owned; one, or those that are new to the clip */
    gboolean begins_anew;      /* frames between the clip and these are missing           */
    char *previous;            /* what was said before, NULL: nothing; owned              */
    guint64 serial;

    atomic_bool stop; /* of any thread */

    /* What came of it. */
    gboolean is_done;
    espy_status status;
    char *message;    /* a sentence of an error; owned       */
    gboolean is_held; /* LOAD: it failed in an earlier run; message NULL: by a crash */
    caption *caption; /* LOOK: whole; one reference of it is the job's              */
    double caption_s; /* how long the look took                                     */

    void *user; /* of the desk */
} job;

job *job_new(job_kind kind, mill_model *model, looker *l);
void job_free(job *j);

typedef enum report_kind { REPORT_PROGRESS, REPORT_PIECE, REPORT_DONE } report_kind;

typedef struct report {
    struct report *next;
    report_kind kind;
    job *job;
    double fraction; /* PROGRESS: of loading, 0 to 1 */
    caption *piece;  /* PIECE: one reference         */
} report;

void report_free(report *r); /* not its job */

/* notes: the host's name in trial.h. wake is posted after each report. */
mill *mill_new(const char *notes, sem_t *wake);
/* Stops the job under way and waits for its end. Jobs that were not taken as done are the
 * caller's still. NULL in it is fine. */
void mill_free(mill **m);

/* While none is under way. It comes back with REPORT_DONE. */
void mill_give(mill *m, job *j);
/* The reports since the last call, oldest first, each with the next; NULL: none. */
report *mill_take(mill *m);

/* On the mill's thread, or when it has ended. */
void looker_rest(looker *l);
void looker_free(looker *l);
void mill_model_unload(mill_model *model);
void mill_model_free(mill_model *model);

/* Within the mill. */
void mill_report(mill *m, job *j, report_kind kind, double fraction, caption *piece);
const char *mill_notes(const mill *m);
espy_status mill_look(mill *m, job *j, espy_error *err);

#endif
