/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long work in phases, as progress callbacks hear of it and may stop it. */
#ifndef ESPY_GENERATE_WORK_H
#define ESPY_GENERATE_WORK_H

#include "base/status.h"
#include "base/threads.h"

typedef struct espy_work {
    espy_progress_fn on_progress; /* may be NULL */
    void *user;
    const char *phase;
    int64_t done, total; /* of the phase, in tokens                    */
    int64_t step, at;    /* the pass in progress; what was told last   */
    double asked_ms;     /* when on_progress was last called           */
    int stopped;
} espy_work;

/* Milliseconds of a clock that only goes forward. */
double espy_now_ms(void);

void espy_work_begin(espy_work *w, const char *phase, int64_t total);

/* For espy_layer_fn: tells how far the pass of w->step tokens is. */
int espy_work_report(void *work, int done, int total);

/* While a pool's threads work: asks from time to time, as a layer of a large picture
 * takes seconds. work NULL ends it. */
void espy_work_watch(espy_work *work, espy_pool *pool);

/* Tells that a phase without passes has come to done, if nothing was told lately.
 * Non-zero: it is to stop. */
int espy_work_ask(espy_work *w, int64_t done);

/* Ends a pass that came to status: counts its tokens, or says in err what stopped it. */
espy_status espy_work_pass(espy_work *w, espy_status status, espy_error *err);

#endif
