/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pictures that are new to a context, through the vision tower: packed into
 * passes, each of which either ends with all of its pictures or leaves nothing. */
#include <stdlib.h>
#include <string.h>

#include "generate/job.h"
#include "generate/pack.h"

typedef struct item {
    espy_job *job;
    espy_picture *picture;
    const espy_picture *twin; /* the same one, which comes earlier; or NULL */
} item;

/* Pictures of one pass. */
typedef struct pass {
    espy_context *context;
    espy_picture **pictures;
    espy_grid *grids;
    espy_vision_out *out;
    int n;
    int64_t n_patches;
    float *patches; /* [n_patches][values] */
} pass;

static int64_t values_of_patch(const espy_model *m) {
    const espy_vision_config *v = &m->config.vision;
    return (int64_t)3 * v->temporal * v->patch * v->patch;
}

/* ----------------------------------------------------------------- one pass */

static int has_trace(const espy_job *j) {
    return j->request->trace_path != NULL;
}

static void add(pass *p, espy_picture *picture) {
    p->pictures[p->n] = picture;
    p->grids[p->n++] = picture->grid;
    p->n_patches += espy_grid_patches(picture->grid, p->context->model->config.vision.merge);
}

/* Room for what goes in and comes out, and the pictures cut into patches. */
static espy_status cut(pass *p, int keep_patches, espy_error *err) {
    const espy_model *m = p->context->model;
    int64_t n_values = values_of_patch(m), at = 0;
    p->patches = malloc((size_t)(p->n_patches * n_values) * sizeof *p->patches + 1);
    if (!p->patches) return ESPY_ERR_MEMORY;
    for (int i = 0; i < p->n; i++) {
        espy_picture *picture = p->pictures[i];
        int64_t n = espy_grid_patches(picture->grid, m->config.vision.merge) * n_values;
        picture->seen = espy_seen_new(m, picture->key, picture->n);
        if (!picture->seen) return ESPY_ERR_MEMORY;
        espy_status status = espy_picture_cut(picture, m, p->patches + at, err);
        if (status) return status;
        p->out[i].tokens = picture->seen->tokens;
        memcpy(p->out[i].taps, picture->seen->taps, sizeof p->out[i].taps);
        if (keep_patches) {
            picture->patches = malloc((size_t)n * sizeof *picture->patches);
            if (!picture->patches) return ESPY_ERR_MEMORY;
            memcpy(picture->patches, p->patches + at, (size_t)n * sizeof *picture->patches);
        }
        at += n;
    }
    return ESPY_OK;
}

static espy_status run_pass(pass *p, espy_work *work, int keep_patches, espy_error *err) {
    espy_context *c = p->context;
    work->step = 0;
    for (int i = 0; i < p->n; i++) work->step += p->pictures[i]->n;
    espy_status status = cut(p, keep_patches, err);
    if (!status) {
        espy_run run = espy_cpu_run(c->cpu, c->exact);
        espy_vision_forward(&run, c->model, p->patches, p->grids, p->n, p->out, espy_work_report,
                            work);
        status = run.status;
    }
    free(p->patches);
    p->patches = NULL;
    status = espy_work_pass(work, status, err);
    for (int i = 0; i < p->n; i++) {
        espy_picture *picture = p->pictures[i];
        if (!status) {
            espy_seen_keep(&c->seen, picture->seen);
        } else { /* its numbers are not sound */
            espy_seen_release(picture->seen);
            picture->seen = NULL;
        }
    }
    return status;
}

/* ---------------------------------------------------------------- all passes */

/* What is left to look at: neither on the lane nor in the cache; what comes twice
 * is marked. */
static int gather(espy_job *const *jobs, int n_jobs, item *items) {
    int n = 0;
    for (int i = 0; i < n_jobs; i++) {
        espy_job *j = jobs[i];
        for (int k = 0; k < j->prepared.n_pictures; k++) {
            espy_picture *picture = &j->prepared.pictures[k];
            if (picture->first < j->reused) continue;
            const espy_picture *twin = NULL;
            if (!has_trace(j)) { /* which shows every stage */
                picture->seen = espy_seen_find(&j->context->seen, picture->key);
                for (int t = 0; t < n && !picture->seen && !twin; t++)
                    if (!items[t].twin && espy_same_picture(items[t].picture->key, picture->key))
                        twin = items[t].picture;
                if (picture->seen || twin) j->result->n_cached_images++;
            }
            if (!picture->seen) items[n++] = (item){ j, picture, twin };
        }
    }
    return n;
}

static espy_status run_passes(espy_context *c, item *items, int n, espy_work *work,
                              espy_error *err) {
    size_t room = (size_t)n + 1;
    int64_t *sizes = calloc(2 * room, sizeof *sizes);
    int *pass_of = calloc(room, sizeof *pass_of);
    pass p = { .context = c,
               .pictures = calloc(room, sizeof *p.pictures),
               .grids = calloc(room, sizeof *p.grids),
               .out = calloc(room, sizeof *p.out) };
    espy_status status = ESPY_OK;
    if (!sizes || !pass_of || !p.pictures || !p.grids || !p.out) status = espy_out_of_memory(err);
    for (int i = 0; i < n && !status; i++) sizes[i] = items[i].picture->n;
    int n_passes = status ? 0 : espy_pack(sizes, n, c->pass_tokens, pass_of, sizes + room);
    for (int k = 0; k < n_passes && !status; k++) {
        p.n = 0;
        p.n_patches = 0;
        for (int i = 0; i < n; i++)
            if (pass_of[i] == k) add(&p, items[i].picture);
        status = run_pass(&p, work, has_trace(items[0].job), err);
    }
    free(sizes);
    free(pass_of);
    free(p.pictures);
    free(p.grids);
    free(p.out);
    return status;
}

/* Twins to the end, in order, so that the rest can be packed. */
static int sort_twins_out(item *items, int n, item *twins) {
    int n_first = 0, n_twins = 0;
    for (int i = 0; i < n; i++)
        if (items[i].twin)
            twins[n_twins++] = items[i];
        else
            items[n_first++] = items[i];
    return n_first;
}

static void share_time(espy_job *const *jobs, int n_jobs, double ms, int64_t total,
                       const item *items, int n) {
    if (n_jobs == 1)
        jobs[0]->result->vision_ms = ms;
    else
        for (int i = 0; i < n; i++)
            items[i].job->result->vision_ms +=
                ms * (double)items[i].picture->n / (double)(total ? total : 1);
}

espy_status espy_jobs_look(espy_job *const *jobs, int n_jobs, espy_work *work, espy_error *err) {
    double start = espy_now_ms();
    size_t n_pictures = 0;
    int64_t total = 0;
    for (int i = 0; i < n_jobs; i++) n_pictures += (size_t)jobs[i]->prepared.n_pictures;
    item *items = calloc(2 * n_pictures + 1, sizeof *items), *twins = items + n_pictures;
    if (!items) return espy_out_of_memory(err);
    int n_all = gather(jobs, n_jobs, items), n = sort_twins_out(items, n_all, twins);
    for (int i = 0; i < n; i++) total += items[i].picture->n;
    espy_work_begin(work, "looking", total);
    espy_status status = n ? run_passes(jobs[0]->context, items, n, work, err) : ESPY_OK;
    for (int i = 0; i < n_all - n && !status; i++) {
        twins[i].picture->seen = twins[i].twin->seen;
        twins[i].picture->seen->n_holders++;
    }
    share_time(jobs, n_jobs, espy_now_ms() - start, total, items, n);
    free(items);
    return status;
}
