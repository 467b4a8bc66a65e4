/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/work.h"

#include <time.h>

double espy_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void espy_work_begin(espy_work *w, const char *phase, int64_t total) {
    w->phase = phase;
    w->total = total;
    w->done = w->step = w->at = 0;
}

static int ask(espy_work *w) {
    w->asked_ms = espy_now_ms();
    if (w->on_progress && !w->stopped)
        w->stopped = w->on_progress(w->user, w->phase, w->at, w->total) != 0;
    return w->stopped;
}

int espy_work_report(void *work, int done, int total) {
    espy_work *w = work;
    w->at = w->done + w->step * done / total;
    return ask(w);
}

static int poll(void *work) {
    enum { EVERY_MS = 50 };
    espy_work *w = work;
    return w->stopped || (espy_now_ms() - w->asked_ms >= EVERY_MS && ask(w));
}

int espy_work_ask(espy_work *w, int64_t done) {
    w->at = w->done = done;
    return poll(w);
}

void espy_work_watch(espy_work *work, espy_pool *pool) {
    espy_pool_set_poll(pool, work ? poll : NULL, work);
}

espy_status espy_work_pass(espy_work *w, espy_status status, espy_error *err) {
    if (!status && w->stopped) status = ESPY_ERR_STOPPED; /* after the last layer */
    if (status == ESPY_ERR_STOPPED) return espy_fail(err, status, -1, "stopped while %s", w->phase);
    if (status == ESPY_ERR_MEMORY)
        return espy_fail(err, status, -1, "out of memory while %s", w->phase);
    if (!status) w->done += w->step;
    return status;
}
