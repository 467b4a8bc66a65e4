/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompts into their lanes: pieces of several prompts share a pass. Passes are as long
 * as those of one prompt alone, and a piece is never so short that its rows would be
 * rounded otherwise than those of its neighbours. */
#include <stdlib.h>

#include "generate/job.h"

/* One pass. */
typedef struct pass {
    espy_segment *segments; /* [n_jobs] */
    espy_job **jobs;        /* whose they are */
    int n;
    int64_t n_tokens;
    int few; /* none of the pieces is longer than ESPY_FEW_ROWS, or all are */
} pass;

static int64_t left_of(const espy_job *j) {
    return j->prepared.timeline.n - j->lane->timeline.n;
}

static int is_few(int64_t n) {
    return n <= ESPY_FEW_ROWS;
}

/* The next piece of a prompt, of at most room tokens; 0: none fits. */
static int64_t piece(int64_t left, int64_t room) {
    if (left <= room) return left;
    int64_t n = is_few(left - room) ? left - ESPY_FEW_ROWS - 1 : room;
    return is_few(n) ? 0 : n;
}

/* Vision rows of each job, all in one block; n_rows are those before each job. */
static espy_vision_rows *rows_of(espy_job *const *jobs, int n_jobs, int *first_row) {
    size_t n = 0;
    for (int i = 0; i < n_jobs; i++) n += (size_t)jobs[i]->prepared.n_pictures;
    espy_vision_rows *rows = calloc(n + 1, sizeof *rows);
    int at = 0;
    for (int i = 0; i < n_jobs && rows; i++) {
        first_row[i] = at;
        for (int k = 0; k < jobs[i]->prepared.n_pictures; k++) {
            const espy_picture *picture = &jobs[i]->prepared.pictures[k];
            const espy_seen *seen = picture->seen;
            if (!seen) continue; /* on the timeline already */
            rows[at] = (espy_vision_rows){ picture->first, picture->n, seen->tokens, { 0 } };
            for (int t = 0; t < ESPY_MAX_TAPS; t++) rows[at].taps[t] = seen->taps[t];
            at++;
        }
        first_row[i + 1] = at;
    }
    return rows;
}

static void fill(pass *p, espy_job *const *jobs, int n_jobs, const espy_vision_rows *rows,
                 const int *first_row) {
    p->n = 0;
    p->n_tokens = 0;
    for (int i = 0; i < n_jobs; i++) {
        espy_job *j = jobs[i];
        const espy_timeline *prompt = &j->prepared.timeline;
        int64_t left = left_of(j), n = left ? piece(left, ESPY_CHUNK - p->n_tokens) : 0;
        if (!n || (p->n && is_few(n) != p->few)) continue;
        p->few = is_few(n);
        p->jobs[p->n] = j;
        p->segments[p->n++] = (espy_segment){ .cache = j->lane->cache,
                                              .first = j->lane->timeline.n,
                                              .n = n,
                                              .ids = prompt->ids,
                                              .positions = &prompt->positions,
                                              .rows = rows + first_row[i],
                                              .n_rows = first_row[i + 1] - first_row[i],
                                              .logits = n == left ? j->lane->logits : NULL };
        p->n_tokens += n;
    }
}

/* Moves the prompt's next tokens to the timeline. */
static void append(espy_timeline *line, const espy_timeline *from, int64_t n) {
    for (int64_t i = line->n; i < line->n + n; i++) {
        line->ids[i] = from->ids[i];
        line->keys[i] = from->keys[i];
        line->after[i] = from->after[i];
        for (int axis = 0; axis < 3; axis++)
            line->positions.at[axis][i] = from->positions.at[axis][i];
    }
    line->n = line->positions.n = line->n + n;
    line->positions.next = from->after[line->n - 1];
    line->positions.theta = from->positions.theta;
}

static espy_status run_pass(const pass *p, espy_context *c, espy_work *work, espy_error *err) {
    double start = espy_now_ms();
    espy_run run = espy_cpu_run(c->cpu, c->exact);
    work->step = p->n_tokens;
    espy_decoder_forward(&run, c->model, p->segments, p->n, espy_work_report, work);
    espy_status status = espy_work_pass(work, run.status, err);
    double ms = espy_now_ms() - start;
    for (int i = 0; i < p->n; i++) {
        espy_job *j = p->jobs[i];
        if (!status) append(&j->lane->timeline, &j->prepared.timeline, p->segments[i].n);
        j->result->prompt_ms += ms * (double)p->segments[i].n / (double)p->n_tokens;
    }
    return status;
}

espy_status espy_jobs_read(espy_job *const *jobs, int n_jobs, espy_work *work, espy_error *err) {
    size_t room = (size_t)n_jobs + 1;
    int *first_row = calloc(room, sizeof *first_row);
    espy_vision_rows *rows = first_row ? rows_of(jobs, n_jobs, first_row) : NULL;
    pass p = { .segments = calloc(room, sizeof *p.segments), .jobs = calloc(room, sizeof *p.jobs) };
    espy_status status = rows && p.segments && p.jobs ? ESPY_OK : espy_out_of_memory(err);
    int64_t total = 0;
    for (int i = 0; i < n_jobs; i++) total += left_of(jobs[i]);
    espy_work_begin(work, "reading", total);
    while (work->done < total && !status) {
        fill(&p, jobs, n_jobs, rows, first_row);
        status = run_pass(&p, jobs[0]->context, work, err);
    }
    free(first_row);
    free(rows);
    free(p.segments);
    free(p.jobs);
    return status;
}
