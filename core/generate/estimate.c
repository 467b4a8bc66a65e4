/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a request will take: the multiply-adds that it needs, over the speed
 * at which this context does them. The speed is measured once, and quickly: some
 * rows of the model's own matrices, with the context's kernels on one thread, in its
 * CPU time, so that it is that of a machine which does nothing else. Several threads
 * are as many times as fast; for single rows, which wait for memory, their root.
 * What is small even at a cautious speed is told by that, and nothing is measured. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "generate/context.h"
#include "generate/prepare.h"
#include "model/windows.h"

enum {
    PATCHES = 128,
    TOKENS = 64,
    PART = 1 << 18, /* weights, the least that a single row is multiplied with */
    DEFAULT_MAX_TOKENS = 512
};

#define ROWS_MS 1.5 /* for each speed of many rows ... */
#define ROW_MS 5.0  /* ... and for that of single ones, which wait for memory */
#define SMALL_MS 1000.0

/* Of plain kernels on one core. */
static const espy_speed cautious = { 1e6, 1e6, 1e6, 1e6 };

/* Of this thread's CPU time; where there is no such clock, of any. */
static double now_ms(void) {
    struct timespec t;
#ifdef CLOCK_THREAD_CPUTIME_ID
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
#endif
        clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* -------------------------------------------------------------------- work */

static double size_of(const espy_linear *l) {
    return (double)l->w.rows * (double)l->w.cols;
}

static double merger_size(const espy_merger *m) {
    return size_of(&m->fc1) + size_of(&m->fc2);
}

/* Multiply-adds of the linear layers for one patch. */
static double patch_work(const espy_model *m) {
    const espy_vision_config *v = &m->config.vision;
    double layers = size_of(&m->weights.patch), mergers = merger_size(&m->weights.merger);
    for (int i = 0; i < v->n_layers; i++) {
        const espy_vision_layer *l = &m->weights.vision[i];
        layers += size_of(&l->qkv) + size_of(&l->q) + size_of(&l->k) + size_of(&l->v);
        layers += size_of(&l->out) + size_of(&l->gate) + size_of(&l->fc1) + size_of(&l->fc2);
    }
    for (int k = 0; k < v->n_taps; k++) mergers += merger_size(&m->weights.taps[k]);
    return layers + mergers / (v->merge * v->merge);
}

/* ... of attention for n patches, to all of them or within whole windows. */
static double vision_attention(const espy_vision_config *v, double n) {
    int edge = v->window_px / v->merge / v->patch * v->merge;
    double window = (double)edge * edge, keys = 0;
    for (int i = 0; i < v->n_layers; i++)
        keys += espy_layer_has_windows(v, i) ? fmin(window, n) : n;
    return 2 * n * keys * v->dim;
}

/* ... of what joins n patches by queries, its attention with them. */
static double resampler_work(const espy_model *m, double n) {
    const espy_resampler *r = &m->weights.resampler;
    double n_queries = m->config.vision.n_queries;
    return n * (size_of(&r->kv) + size_of(&r->k) + size_of(&r->v)) +
           n_queries * (size_of(&r->out) + (double)r->proj.rows * (double)r->proj.cols) +
           2 * n_queries * n * m->config.text.dim;
}

/* The router and the chosen experts of a layer, for one token. */
static double experts_work(const espy_text_config *t, const espy_text_layer *l) {
    if (!l->router.tensor.data) return 0;
    return (double)t->dim * (t->n_experts + 3.0 * t->n_active * t->expert_dim);
}

/* ... for one token, without the output matrix. */
static double token_work(const espy_model *m) {
    double work = 0;
    for (int i = 0; i < m->config.text.n_layers; i++) {
        const espy_text_layer *l = &m->weights.text[i];
        work += size_of(&l->q) + size_of(&l->k) + size_of(&l->v) + size_of(&l->out);
        work += size_of(&l->gate) + size_of(&l->up) + size_of(&l->down);
        work += experts_work(&m->config.text, l);
    }
    return work;
}

/* Attention of n tokens from position first on. */
static double token_attention(const espy_model *m, int64_t first, int64_t n) {
    const espy_text_config *t = &m->config.text;
    double width = 2.0 * t->n_heads * t->head_dim * t->n_layers;
    return width * ((double)n * (double)first + 0.5 * (double)n * (double)n);
}

/* ------------------------------------------------------------------- speed */

/* One thing to measure. */
typedef struct measured {
    const espy_model *model;
    espy_run *run;
    const espy_weight *w; /* of many rows */
    espy_act act[4];      /* attention: q, k, v, y; else x, y */
} measured;

/* Multiply-adds per ms of a pass, which returns its multiply-adds and does more for
 * a larger size: twice as much each time until it can be measured, or until the time
 * is over. The first run of a size meets cold memory. */
static double speed_of(const measured *m, double (*pass)(const measured *m, int64_t size),
                       double ms) {
    double begin = now_ms(), best = 0, work = 0;
    for (int64_t size = 1; size < 1 << 30 && best < ms / 3 && now_ms() - begin < ms; size *= 2)
        for (int i = 0; i < 3; i++) {
            double start = now_ms();
            work = pass(m, size);
            double took = now_ms() - start;
            if (i < 2 || took < best) best = took;
        }
    return work / (best > 1e-3 ? best : 1e-3);
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static double attention_pass(const measured *m, int64_t size) {
    const espy_vision_config *v = &m->model->config.vision;
    const int64_t n = least(16 * size, PATCHES), bounds[] = { 0, n };
    espy_act a[4];
    for (int i = 0; i < 4; i++) {
        a[i] = m->act[i];
        a[i].rows = n;
    }
    m->run->ops->attention(m->run, a[3], a[0], a[1], a[2], v->head_dim, bounds, 1);
    return 2.0 * (double)n * (double)n * v->dim;
}

/* The first rows of w alone, for all rows of x. */
static double multiply(const measured *m, const espy_weight *w, int64_t rows) {
    espy_weight part = *w;
    espy_act y = m->act[1];
    y.cols = part.rows = least(rows, w->rows);
    m->run->ops->linear(m->run, y, m->act[0], &part, NULL);
    return (double)m->act[0].rows * (double)part.rows * (double)part.cols;
}

static double rows_pass(const measured *m, int64_t size) {
    return multiply(m, m->w, ESPY_PANEL * size);
}

/* Two matrices of a layer with inputs of the model's width: of its MLP, or, as not all
 * experts shall be read for this, of its attention. */
static void parts_of(const espy_model *model, int layer, const espy_weight *parts[2]) {
    const espy_text_layer *l = &model->weights.text[layer];
    int experts = model->config.text.n_experts > 0;
    parts[0] = experts ? &l->q.w : &l->gate.w;
    parts[1] = experts ? &l->k.w : &l->up.w;
}

static double row_pass(const measured *m, int64_t size) {
    double work = 0, most = (double)size * PART;
    for (int i = 0; i < m->model->config.text.n_layers; i++) {
        const espy_weight *parts[2];
        parts_of(m->model, i, parts);
        for (int k = 0; k < 2 && work < most; k++)
            work += multiply(m, parts[k], 1 + (int64_t)((most - work) / (double)parts[k]->cols));
    }
    return work;
}

/* Room, with numbers in it as large as activations are. */
static espy_act alloc(espy_run *run, int64_t rows, int64_t cols) {
    espy_act x = run->ops->alloc(run, rows, cols);
    float *values = run->status ? NULL : malloc((size_t)(rows * cols) * sizeof *values);
    if (!values) run->status = ESPY_ERR_MEMORY;
    for (int64_t i = 0; values && i < rows * cols; i++) values[i] = (float)(i * 7 % 31 - 15) / 16;
    if (values) run->ops->upload(run, x, values);
    free(values);
    return x;
}

static double attention_speed(measured *m) {
    void *mark = m->run->ops->mark(m->run);
    for (int i = 0; i < 4; i++) m->act[i] = alloc(m->run, PATCHES, m->model->config.vision.dim);
    double speed = speed_of(m, attention_pass, ROWS_MS);
    m->run->ops->release(m->run, mark);
    return speed;
}

/* Of n rows with w, or of one with all layers. */
static double linear_speed(measured *m, const espy_weight *w, int64_t n) {
    void *mark = m->run->ops->mark(m->run);
    m->w = w;
    m->act[0] = alloc(m->run, n, w->cols);
    m->act[1] = m->run->ops->alloc(m->run, n, w->rows);
    double speed = n > 1 ? speed_of(m, rows_pass, ROWS_MS) : speed_of(m, row_pass, ROW_MS);
    m->run->ops->release(m->run, mark);
    return speed;
}

/* Rows that a matrix is multiplied with in a prompt: of experts each gets a part. */
static int64_t tokens_at_once(const espy_text_config *t) {
    int64_t n = t->n_experts ? (int64_t)ESPY_CHUNK * t->n_active / t->n_experts : TOKENS;
    return n < 2 ? 2 : least(n, TOKENS);
}

static espy_status measure(espy_context *c, espy_error *err) {
    espy_cpu *one;
    espy_status status = espy_cpu_open(&one, 1, espy_cpu_kernels(c->cpu)->name, err);
    if (status) return status;
    espy_run run = espy_cpu_run(one, c->exact);
    measured m = { .model = c->model, .run = &run };
    const espy_weights *w = &c->model->weights;
    const espy_weight *parts[2];
    parts_of(c->model, 0, parts);
    double n = espy_pool_n_threads(espy_cpu_pool(c->cpu));
    espy_speed speed = { .attention = n * attention_speed(&m),
                         .vision = n * linear_speed(&m, &w->vision[0].fc1.w, PATCHES),
                         .prompt =
                             n * linear_speed(&m, parts[0], tokens_at_once(&c->model->config.text)),
                         .answer = sqrt(n) * linear_speed(&m, parts[0], 1) };
    espy_cpu_close(&one);
    if (run.status == ESPY_ERR_MEMORY) return espy_out_of_memory(err);
    if (!run.status) c->speed = speed;
    return run.status;
}

/* ---------------------------------------------------------------- estimate */

static double vision_ms(const espy_context *c, const espy_speed *s, const espy_prepared *p,
                        int64_t reused) {
    const espy_vision_config *v = &c->model->config.vision;
    double ms = 0, work = patch_work(c->model);
    for (int i = 0; i < p->n_pictures; i++) {
        const espy_picture *picture = &p->pictures[i];
        if (picture->first < reused || espy_seen_has(&c->seen, picture->key)) continue;
        double n = (double)espy_grid_patches(picture->grid, v->merge);
        ms += n * work / s->vision + vision_attention(v, n) / s->attention;
        ms += resampler_work(c->model, n) / s->vision;
    }
    return ms;
}

static void estimate(const espy_context *c, const espy_speed *s, const espy_prepared *p,
                     int max_tokens, espy_time_estimate *out) {
    const espy_model *m = c->model;
    int64_t n = p->timeline.n, reused = espy_timeline_common(&c->lane.timeline, &p->timeline);
    if (reused >= n) reused = n - 1;
    if (max_tokens <= 0) max_tokens = DEFAULT_MAX_TOKENS;
    if (max_tokens > c->limit - n) max_tokens = c->limit > n ? (int)(c->limit - n) : 0;
    double work = token_work(m), head = (double)m->weights.output.rows * m->config.text.dim;
    *out = (espy_time_estimate){
        .vision_ms = vision_ms(c, s, p, reused),
        .prompt_ms = (double)(n - reused) * work / s->prompt + head / s->answer +
                     token_attention(m, reused, n - reused) / s->attention,
        .token_ms = (work + head) / s->answer + token_attention(m, n, 1) / s->attention,
        .answer_ms = max_tokens * (work + head) / s->answer +
                     token_attention(m, n, max_tokens) / s->attention,
        .max_tokens = max_tokens,
    };
}

espy_status espy_estimate_time(espy_context *c, const espy_request *request,
                               espy_time_estimate *out, espy_error *err) {
    espy_prepared prepared;
    if (!c || !request || !out)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "context, request or result is missing");
    *out = (espy_time_estimate){ 0 };
    espy_status status = espy_prepare(&prepared, c->model, request, err);
    if (status) return status;
    if (!(c->speed.answer > 0)) {
        estimate(c, &cautious, &prepared, request->max_tokens, out);
        if (out->vision_ms + out->prompt_ms + out->answer_ms >= SMALL_MS) status = measure(c, err);
    }
    if (status)
        *out = (espy_time_estimate){ 0 };
    else if (c->speed.answer > 0)
        estimate(c, &c->speed, &prepared, request->max_tokens, out);
    espy_prepared_free(&prepared);
    return status;
}
