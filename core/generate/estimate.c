/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a request will take: the multiply-adds that it needs, over the speed
 * at which this context does them. The speed is measured once, with the passes of
 * the model cut down to one layer, its own weights, and the context's threads and
 * kernels; only what answers are made of, single rows, runs over more weights
 * than a CPU keeps near. */
#include <stdlib.h>
#include <time.h>

#include "generate/context.h"
#include "generate/prepare.h"

enum {
    GRID = 16, /* patches a side of the measured picture, or up to the next merged cell */
    TOKENS = 64,
    PASSES = 3, /* the first warms up, the best of the others counts */
    SINGLE_BYTES = 512 << 20,
    DEFAULT_MAX_TOKENS = 512
};

static double now_ms(void) {
    struct timespec t;
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
        layers += size_of(&l->out) + size_of(&l->fc1) + size_of(&l->fc2);
    }
    for (int k = 0; k < v->n_taps; k++) mergers += merger_size(&m->weights.taps[k]);
    return layers + mergers / (v->merge * v->merge);
}

/* ... for one token, without the output matrix. */
static double token_work(const espy_model *m) {
    double work = 0;
    for (int i = 0; i < m->config.text.n_layers; i++) {
        const espy_text_layer *l = &m->weights.text[i];
        work += size_of(&l->q) + size_of(&l->k) + size_of(&l->v) + size_of(&l->out);
        work += size_of(&l->gate) + size_of(&l->up) + size_of(&l->down);
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
    espy_context *context;
    const espy_model *model; /* of one layer */
    espy_run *run;
    espy_act act[4]; /* attention: q, k, v, y; single rows: x, y */
    float *patches, *tokens;
    espy_grid grid;
    espy_timeline line;
    espy_cache *cache;
} measured;

/* Multiply-adds per ms of something that returns its multiply-adds. */
static double speed_of(measured *m, double (*pass)(measured *m)) {
    double best = 0;
    for (int i = 0; i < PASSES && !m->run->status; i++) {
        double start = now_ms(), work = pass(m), ms = now_ms() - start;
        double speed = work / (ms > 1e-3 ? ms : 1e-3);
        if (i > 0 && speed > best) best = speed;
    }
    return best;
}

static double attention_pass(measured *m) {
    const espy_vision_config *v = &m->model->config.vision;
    const int64_t n = m->act[0].rows, bounds[] = { 0, n };
    m->run->ops->attention(m->run, m->act[3], m->act[0], m->act[1], m->act[2], v->head_dim, bounds,
                           1);
    return 2.0 * (double)n * (double)n * v->dim;
}

static double vision_pass(measured *m) {
    espy_vision_forward(m->run, m->model, m->patches, &m->grid, 1, m->tokens, NULL, NULL, NULL);
    return (double)m->grid.h * m->grid.w * patch_work(m->model);
}

static double prompt_pass(measured *m) {
    espy_decoder_forward(m->run, m->model, m->cache, 0, m->line.n, m->line.ids, &m->line.positions,
                         NULL, 0, NULL, NULL, NULL);
    return (double)m->line.n * token_work(m->model);
}

static double single_rows_pass(measured *m) {
    const espy_model *all = m->context->model;
    double work = 0;
    int64_t bytes = 0;
    for (int i = 0; i < all->config.text.n_layers && bytes < SINGLE_BYTES; i++) {
        const espy_linear *parts[] = { &all->weights.text[i].gate, &all->weights.text[i].up };
        for (int k = 0; k < 2; k++) {
            m->run->ops->linear(m->run, m->act[1], m->act[0], &parts[k]->w, NULL);
            bytes += parts[k]->w.tensor.n_bytes;
            work += size_of(parts[k]);
        }
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

static void measure_vision(measured *m, espy_speed *speed) {
    const espy_vision_config *v = &m->model->config.vision;
    int side = (GRID + v->merge - 1) / v->merge * v->merge;
    size_t n = (size_t)side * (size_t)side;
    void *mark = m->run->ops->mark(m->run);
    for (int i = 0; i < 4; i++) m->act[i] = alloc(m->run, (int64_t)n, v->dim);
    speed->attention = speed_of(m, attention_pass);
    m->run->ops->release(m->run, mark);
    m->grid = (espy_grid){ side, side };
    m->patches = calloc(n, (size_t)(3 * v->temporal * v->patch * v->patch) * sizeof(float));
    m->tokens = malloc(n * (size_t)m->model->config.text.dim * sizeof(float));
    if (!m->patches || !m->tokens) m->run->status = ESPY_ERR_MEMORY;
    speed->vision = speed_of(m, vision_pass);
    free(m->patches);
    free(m->tokens);
}

static void measure_text(measured *m, espy_speed *speed) {
    const espy_text_config *t = &m->model->config.text;
    static const int32_t ids[TOKENS]; /* which ones does not matter */
    espy_cache_shape shape = m->context->cache_shape;
    shape.n_layers = 1;
    if (espy_timeline_reserve(&m->line, TOKENS, NULL) || espy_cache_open(&m->cache, &shape, NULL) ||
        espy_cache_reserve(m->cache, TOKENS, 0, NULL))
        m->run->status = ESPY_ERR_MEMORY;
    else
        espy_timeline_text(&m->line, ids, TOKENS);
    speed->prompt = speed_of(m, prompt_pass);
    espy_timeline_free(&m->line);
    espy_cache_close(&m->cache);
    void *mark = m->run->ops->mark(m->run);
    m->act[0] = alloc(m->run, 1, t->dim);
    m->act[1] = alloc(m->run, 1, t->ffn_dim);
    speed->answer = speed_of(m, single_rows_pass);
    m->run->ops->release(m->run, mark);
}

static espy_status measure(espy_context *c, espy_error *err) {
    if (c->speed.answer > 0) return ESPY_OK;
    espy_model one = *c->model;
    one.config.vision.n_layers = one.config.text.n_layers = 1;
    one.config.vision.n_taps = one.config.text.n_taps = 0;
    espy_run run = espy_cpu_run(c->cpu, c->exact);
    measured m = { .context = c, .model = &one, .run = &run };
    espy_speed speed = { 0 };
    measure_vision(&m, &speed);
    measure_text(&m, &speed);
    if (run.status == ESPY_ERR_MEMORY) return espy_out_of_memory(err);
    if (!run.status) c->speed = speed;
    return run.status;
}

/* ---------------------------------------------------------------- estimate */

static double vision_ms(const espy_context *c, const espy_prepared *p, int64_t reused) {
    const espy_vision_config *v = &c->model->config.vision;
    double ms = 0, work = patch_work(c->model);
    for (int i = 0; i < p->n_pictures; i++) {
        const espy_picture *picture = &p->pictures[i];
        if (picture->first < reused || espy_seen_has(&c->seen, picture->key)) continue;
        double n = (double)picture->grid.h * picture->grid.w;
        ms += n * work / c->speed.vision + 2 * n * n * v->dim * v->n_layers / c->speed.attention;
    }
    return ms;
}

static void estimate(const espy_context *c, const espy_prepared *p, int max_tokens,
                     espy_time_estimate *out) {
    const espy_model *m = c->model;
    const espy_speed *s = &c->speed;
    int64_t n = p->timeline.n, reused = espy_timeline_common(&c->timeline, &p->timeline);
    if (reused >= n) reused = n - 1;
    if (max_tokens <= 0) max_tokens = DEFAULT_MAX_TOKENS;
    if (max_tokens > c->limit - n) max_tokens = c->limit > n ? (int)(c->limit - n) : 0;
    double work = token_work(m), head = (double)m->weights.output.rows * m->config.text.dim;
    *out = (espy_time_estimate){
        .vision_ms = vision_ms(c, p, reused),
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
    status = measure(c, err);
    if (!status) estimate(c, &prepared, request->max_tokens, out);
    espy_prepared_free(&prepared);
    return status;
}
