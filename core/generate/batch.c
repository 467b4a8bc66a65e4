/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers to many requests. Several are open at a time, each on a lane of its own:
 * whenever half of the lanes are free, the next requests are begun together (their
 * pictures packed, their prompts read in common passes); then all write, a token each
 * per step. Results wait in a ring until their turn comes.
 *
 *     told <= ... open, or done and waiting ... < begun <= n
 */
#include <stdlib.h>
#include <string.h>

#include "generate/job.h"

/* Requests that are open for each lane: an answer of any length holds up no more. */
enum { OPEN_PER_LANE = 4 };

/* One open request. */
typedef struct entry {
    espy_request request;
    espy_result result;
    espy_job job;
    espy_status status;
    espy_error err;
    int done;
} entry;

typedef struct batch {
    const espy_batch *b;
    espy_context *context;
    espy_work work;
    espy_lane *lanes; /* [n_lanes] */
    entry **on_lane;  /* [n_lanes] who writes there; NULL: free */
    espy_job **jobs;  /* [n_lanes] a list, for calls */
    entry *ring;      /* [n_ring] request i is at i % n_ring */
    entry *waiting;   /* prepared, but there is no room for it yet; or NULL */
    int n_lanes;
    int64_t n_ring, begun, told;
    int stopped;
} batch;

static entry *entry_at(const batch *t, int64_t i) {
    return &t->ring[i % t->n_ring];
}

static int n_free(const batch *t) {
    int n = 0;
    for (int i = 0; i < t->n_lanes; i++) n += !t->on_lane[i];
    return n;
}

/* What the next request may find on the lane: tokens that were read as a prompt's are,
 * not those of the answer, nor of a prompt that was as short as an answer's pieces. */
static void forget_answer(espy_job *j) {
    int64_t n = j->prepared.timeline.n;
    if (j->lane) espy_timeline_rewind(&j->lane->timeline, n > ESPY_FEW_ROWS ? n : 0);
}

/* The memory of a large one is not kept for the next. */
static void end(batch *t, entry *e, espy_status status) {
    int64_t n_tokens = espy_job_tokens(&e->job);
    forget_answer(&e->job);
    e->status = espy_job_end(&e->job, status, &e->err);
    e->done = 1;
    for (int i = 0; i < t->n_lanes; i++) {
        if (t->on_lane[i] != e) continue;
        t->on_lane[i] = NULL;
        if (n_tokens > ESPY_BATCH_TOKENS / t->n_lanes) espy_lane_close(&t->lanes[i]);
    }
}

/* What went wrong for several at once. */
static void end_jobs(batch *t, espy_job *const *jobs, int n, espy_status status,
                     const espy_error *err) {
    for (int i = 0; i < t->n_lanes; i++)
        for (int k = 0; k < n && t->on_lane[i]; k++)
            if (&t->on_lane[i]->job == jobs[k]) {
                t->on_lane[i]->err = *err;
                end(t, t->on_lane[i], status);
            }
    if (status == ESPY_ERR_STOPPED) t->stopped = 1;
}

/* --------------------------------------------------------------------- begin */

/* The next request, prepared; NULL: there is none. Those that fail end at once. */
static entry *next(batch *t) {
    if (t->waiting) return t->waiting;
    while (t->begun < t->b->n && t->begun - t->told < t->n_ring) {
        int64_t i = t->begun++;
        entry *e = entry_at(t, i);
        *e = (entry){ .err = { .offset = -1 } };
        e->job = (espy_job){
            .context = t->context, .request = &e->request, .result = &e->result, .alike = 1
        };
        espy_status status = t->b->on_request(t->b->user, i, &e->request, &e->err);
        if (!status && e->request.trace_path)
            status = espy_fail(&e->err, ESPY_ERR_ARGUMENT, -1, "a batch writes no traces");
        if (!status) status = espy_job_prepare(&e->job, &e->err);
        if (!status) return e;
        end(t, e, status);
    }
    return NULL;
}

/* Whether there is memory for it beside the others; for one alone always. */
static int fits(const batch *t, const entry *e) {
    int64_t n = 0;
    for (int i = 0; i < t->n_lanes; i++)
        if (t->on_lane[i]) n += espy_job_tokens(&t->on_lane[i]->job);
    return !n || n + espy_job_tokens(&e->job) <= ESPY_BATCH_TOKENS;
}

static void begin(batch *t, entry *e, int lane) {
    espy_context *c = t->context;
    espy_status status = ESPY_OK;
    t->on_lane[lane] = e;
    e->job.lane = &t->lanes[lane];
    if (!e->job.lane->cache)
        status =
            espy_lane_open(e->job.lane, &c->cache_shape, c->model->config.text.n_vocab, &e->err);
    if (!status) status = espy_job_begin(&e->job, &e->err);
    if (status) end(t, e, status);
}

/* Begins as many requests as there are free lanes, and brings them to where they
 * write. */
static void admit(batch *t) {
    espy_error err = { .offset = -1 };
    int n = 0;
    for (int i = 0; i < t->n_lanes; i++) {
        if (t->on_lane[i]) continue;
        t->waiting = next(t);
        if (!t->waiting || !fits(t, t->waiting)) break;
        begin(t, t->waiting, i);
        t->waiting = NULL;
        if (t->on_lane[i]) t->jobs[n++] = &t->on_lane[i]->job;
    }
    if (!n) return;
    espy_pool *pool = espy_cpu_pool(t->context->cpu);
    espy_work_watch(&t->work, pool);
    espy_status status = espy_jobs_look(t->jobs, n, &t->work, &err);
    if (!status) status = espy_jobs_read(t->jobs, n, &t->work, &err);
    espy_work_watch(NULL, pool);
    if (status) {
        end_jobs(t, t->jobs, n, status, &err);
        return;
    }
    for (int i = 0; i < n; i++) {
        status = espy_job_write(t->jobs[i], &err);
        if (status) end_jobs(t, t->jobs + i, 1, status, &err);
    }
}

/* --------------------------------------------------------------------- write */

/* A token for each. */
static void write(batch *t) {
    espy_error err = { .offset = -1 };
    int n = 0;
    double start = espy_now_ms();
    for (int i = 0; i < t->n_lanes; i++) {
        entry *e = t->on_lane[i];
        if (!e) continue;
        espy_status status = espy_job_sample(&e->job, &e->err);
        if (!status && !e->job.ended) {
            t->jobs[n++] = &e->job;
            continue;
        }
        end(t, e, status ? status : espy_job_finish(&e->job, &e->err));
    }
    espy_status status = n ? espy_jobs_step(t->jobs, n, &err) : ESPY_OK;
    double ms = espy_now_ms() - start;
    for (int i = 0; i < n; i++) t->jobs[i]->result->generate_ms += ms / n;
    if (status) end_jobs(t, t->jobs, n, status, &err);
}

/* ---------------------------------------------------------------------- tell */

static int tell_one(batch *t) {
    int64_t i = t->told++;
    entry *e = entry_at(t, i);
    int stop = t->b->on_result(t->b->user, i, e->status, &e->result, &e->err);
    espy_result_clear(&e->result);
    return stop;
}

static void tell(batch *t) {
    while (!t->stopped && t->told < t->begun && entry_at(t, t->told)->done)
        t->stopped = tell_one(t);
    if (t->stopped) return;
    espy_work_begin(&t->work, "answering", t->b->n);
    t->stopped = espy_work_ask(&t->work, t->told);
}

/* What is still open when the batch was stopped. */
static void abandon(batch *t) {
    for (int64_t i = t->told; i < t->begun; i++) {
        entry *e = entry_at(t, i);
        if (e->done) continue;
        espy_fail(&e->err, ESPY_ERR_STOPPED, -1, "stopped while answering");
        end(t, e, ESPY_ERR_STOPPED);
    }
    while (t->told < t->begun) tell_one(t);
}

static espy_status make_lists(batch *t, espy_error *err) {
    size_t n = (size_t)t->n_lanes;
    t->n_ring = (int64_t)t->n_lanes * OPEN_PER_LANE;
    t->lanes = calloc(n, sizeof *t->lanes);
    t->on_lane = calloc(n, sizeof *t->on_lane);
    t->jobs = calloc(n, sizeof *t->jobs);
    t->ring = calloc((size_t)t->n_ring, sizeof *t->ring);
    return t->lanes && t->on_lane && t->jobs && t->ring ? ESPY_OK : espy_out_of_memory(err);
}

static void close_lanes(batch *t) {
    for (int i = 0; t->lanes && i < t->n_lanes; i++) espy_lane_close(&t->lanes[i]);
    free(t->lanes);
    free(t->on_lane);
    free(t->jobs);
    free(t->ring);
}

espy_status espy_generate_batch(espy_context *context, const espy_batch *b, espy_error *err) {
    if (!context || !b || !b->on_request || !b->on_result)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "context, batch or one of its calls is missing");
    if (b->n < 0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a batch of %lld requests is not possible",
                         (long long)b->n);
    batch t = { .b = b,
                .context = context,
                .work = { .on_progress = b->on_progress, .user = b->user },
                .n_lanes = context->n_lanes };
    if (b->n < t.n_lanes) t.n_lanes = b->n > 0 ? (int)b->n : 1;
    espy_status status = make_lists(&t, err);
    while (!status && !t.stopped && t.told < b->n) {
        if (2 * n_free(&t) >= t.n_lanes) admit(&t);
        if (!t.stopped) write(&t);
        tell(&t);
    }
    if (t.stopped) {
        status = espy_fail(err, ESPY_ERR_STOPPED, -1, "stopped after %lld of %lld requests",
                           (long long)t.told, (long long)b->n);
        abandon(&t);
    }
    close_lanes(&t);
    return status;
}
