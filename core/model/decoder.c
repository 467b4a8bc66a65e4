/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language model:
 *
 *     x = embedding[ids], vision rows in their places        [n][dim]
 *     per layer:  q, k, v = norm x;  q, k normed per head, rotated
 *                 x += Wo attention(q, cache);  x += down(silu(gate) * up),
 *                 or the same of the experts that the layer's router chooses
 *                 x[vision rows] += tap of this layer
 *     logits = output (norm x[last])                         [n_vocab]
 *
 * n tokens of several timelines may stand back to back; only the cache, the
 * positions and the vision rows are each timeline's own.
 */
#include <stdlib.h>

#include "model/model.h"

typedef struct pass {
    espy_run *run;
    const espy_ops *ops;
    const espy_model *model;
    const espy_segment *segments;
    int n_segments;
    int64_t n; /* tokens of all */
    espy_act x, normed, cosines, sines;
    espy_act q_cosines, q_sines; /* the same, but for log-n attention */
} pass;

static void linear(const pass *p, espy_act y, espy_act x, const espy_linear *l) {
    p->ops->linear(p->run, y, x, &l->w, l->b.tensor.data ? &l->b : NULL);
}

static void rms_norm(const pass *p, espy_act y, espy_act x, const espy_norm_weights *w) {
    p->ops->norm(p->run, y, x, ESPY_NORM_RMS, &w->w, NULL, (float)p->model->config.text.eps);
}

static void norm_heads(const pass *p, espy_act x, const espy_norm_weights *w) {
    if (!w->w.tensor.data) return;
    int64_t d = p->model->config.text.head_dim;
    espy_act heads = espy_act_shape(x, x.rows * x.cols / d, d);
    rms_norm(p, heads, heads, w);
}

/* Rows of a that are segment i's; *at: its first row, moved on to the next one's. */
static espy_act rows_of(const pass *p, espy_act a, int i, int64_t *at) {
    espy_act rows = espy_act_rows(a, *at, p->segments[i].n);
    *at += rows.rows;
    return rows;
}

/* Each segment's tokens attend to its own timeline. */
static void attend_caches(const pass *p, espy_act y, espy_act q, espy_act k, espy_act v,
                          int layer) {
    int64_t at = 0;
    for (int i = 0; i < p->n_segments; i++) {
        const espy_segment *s = &p->segments[i];
        espy_act own_y = espy_act_rows(y, at, s->n), own_q = espy_act_rows(q, at, s->n);
        espy_act own_k = espy_act_rows(k, at, s->n), own_v = espy_act_rows(v, at, s->n);
        p->ops->cache_store(p->run, s->cache, layer, s->first, own_k, own_v);
        p->ops->cache_attention(p->run, own_y, own_q, s->cache, layer, s->first);
        at += s->n;
    }
}

static void attend(const pass *p, const espy_text_layer *l, int layer) {
    const espy_text_config *c = &p->model->config.text;
    void *mark = p->ops->mark(p->run);
    espy_act q = p->ops->alloc(p->run, p->n, l->q.w.rows);
    espy_act k = p->ops->alloc(p->run, p->n, l->k.w.rows);
    espy_act v = p->ops->alloc(p->run, p->n, l->v.w.rows);
    espy_act y = p->ops->alloc(p->run, p->n, l->q.w.rows);
    rms_norm(p, p->normed, p->x, &l->attn_norm);
    linear(p, q, p->normed, &l->q);
    linear(p, k, p->normed, &l->k);
    linear(p, v, p->normed, &l->v);
    norm_heads(p, q, &l->q_norm);
    norm_heads(p, k, &l->k_norm);
    p->ops->rope(p->run, q, c->head_dim, p->q_cosines, p->q_sines);
    p->ops->rope(p->run, k, c->head_dim, p->cosines, p->sines);
    attend_caches(p, y, q, k, v, layer);
    linear(p, p->normed, y, &l->out);
    p->ops->add(p->run, p->x, p->normed);
    p->ops->release(p->run, mark);
}

static void mlp(const pass *p, const espy_text_layer *l) {
    void *mark = p->ops->mark(p->run);
    espy_act gate = p->ops->alloc(p->run, p->n, l->gate.w.rows);
    espy_act up = p->ops->alloc(p->run, p->n, l->up.w.rows);
    linear(p, gate, p->normed, &l->gate);
    linear(p, up, p->normed, &l->up);
    p->ops->activate(p->run, gate, gate, ESPY_SILU, &up);
    linear(p, p->normed, gate, &l->down);
    p->ops->add(p->run, p->x, p->normed);
    p->ops->release(p->run, mark);
}

/* Logits of the router in f32 throughout: rounded ones would choose others. */
static espy_routes route(const pass *p, const espy_text_layer *l) {
    const espy_text_config *c = &p->model->config.text;
    espy_act logits = p->ops->alloc(p->run, p->n, c->n_experts);
    int exact = p->run->exact;
    p->run->exact = 1;
    p->ops->linear(p->run, logits, p->normed, &l->router, NULL);
    p->run->exact = exact;
    return p->ops->route(p->run, logits, c->n_active);
}

static void experts(const pass *p, const espy_text_layer *l) {
    const espy_text_config *c = &p->model->config.text;
    int64_t n_pairs = p->n * c->n_active;
    void *mark = p->ops->mark(p->run);
    espy_routes routes = route(p, l);
    espy_act x = p->ops->alloc(p->run, n_pairs, c->dim);
    espy_act gate = p->ops->alloc(p->run, n_pairs, c->expert_dim);
    espy_act up = p->ops->alloc(p->run, n_pairs, c->expert_dim);
    p->ops->spread(p->run, x, p->normed, &routes);
    p->ops->linear_experts(p->run, gate, x, &l->expert_gate, &routes);
    p->ops->linear_experts(p->run, up, x, &l->expert_up, &routes);
    p->ops->activate(p->run, gate, gate, ESPY_SILU, &up);
    p->ops->linear_experts(p->run, x, gate, &l->expert_down, &routes);
    p->ops->collect(p->run, p->x, x, &routes);
    p->ops->release(p->run, mark);
}

static void feed_forward(const pass *p, const espy_text_layer *l) {
    rms_norm(p, p->normed, p->x, &l->ffn_norm);
    if (l->router.tensor.data)
        experts(p, l);
    else
        mlp(p, l);
}

/* The part of r that lies in segment s, whose rows of x these are: narrows them to
 * it and returns where it starts in r; -1: there is none. */
static int64_t overlap(const espy_segment *s, const espy_vision_rows *r, espy_act *x) {
    int64_t begin = r->first > s->first ? r->first : s->first;
    int64_t end = r->first + r->n < s->first + s->n ? r->first + r->n : s->first + s->n;
    if (begin >= end) return -1;
    *x = espy_act_rows(*x, begin - s->first, end - begin);
    return begin - r->first;
}

static void add_rows(const pass *p, espy_act x, const float *values) {
    void *mark = p->ops->mark(p->run);
    espy_act y = p->ops->alloc(p->run, x.rows, x.cols);
    p->ops->upload(p->run, y, values);
    p->ops->add(p->run, x, y);
    p->ops->release(p->run, mark);
}

/* Vision tokens replace embeddings (tap -1); those of a tap are added. */
static void place_vision(const pass *p, int tap) {
    int64_t next = 0;
    for (int i = 0; i < p->n_segments; i++) {
        const espy_segment *s = &p->segments[i];
        espy_act own = rows_of(p, p->x, i, &next);
        for (int r = 0; r < s->n_rows; r++) {
            espy_act x = own;
            int64_t at = overlap(s, &s->rows[r], &x);
            if (at < 0) continue;
            if (tap < 0)
                p->ops->upload(p->run, x, s->rows[r].tokens + at * x.cols);
            else
                add_rows(p, x, s->rows[r].taps[tap] + at * x.cols);
        }
    }
}

/* Angles [2][n][head_dim / 2] for queries: log-n attention scales a query, so its
 * rotation may do it. */
static void upload_scaled(pass *p, float *angles) {
    const espy_text_config *c = &p->model->config.text;
    int64_t half = c->head_dim / 2, n = p->n * half;
    float *cosines = angles, *sines = angles + n;
    p->q_cosines = p->ops->alloc(p->run, p->n, half);
    p->q_sines = p->ops->alloc(p->run, p->n, half);
    for (int i = 0; i < p->n_segments; i++) {
        const espy_segment *s = &p->segments[i];
        for (int64_t k = s->first; k < s->first + s->n; k++) {
            float scale = espy_logn_scale(c, s->positions->at[0][k]);
            for (int64_t j = 0; j < half; j++) {
                *cosines++ *= scale;
                *sines++ *= scale;
            }
        }
    }
    p->ops->upload(p->run, p->q_cosines, angles);
    p->ops->upload(p->run, p->q_sines, angles + n);
}

/* A single token's angles need no memory of their own. */
static void upload_angles(pass *p) {
    float small[ESPY_MAX_HEAD_DIM], *angles = small;
    const espy_text_config *c = &p->model->config.text;
    int64_t half = c->head_dim / 2, at = 0;
    size_t n = (size_t)(p->n * half);
    int scaled = 0;
    if (2 * n > ESPY_MAX_HEAD_DIM) angles = malloc(2 * n * sizeof *angles);
    if (!angles) {
        p->run->status = ESPY_ERR_MEMORY;
        return;
    }
    for (int i = 0; i < p->n_segments; i++) {
        const espy_segment *s = &p->segments[i];
        float *cosines = angles + at * half;
        espy_mrope_angles(p->model, s->positions, s->first, s->n, cosines, cosines + n);
        scaled |= espy_logn_applies(c, s->positions->at[0][s->first + s->n - 1]);
        at += s->n;
    }
    p->ops->upload(p->run, p->cosines, angles);
    p->ops->upload(p->run, p->sines, angles + n);
    if (scaled) upload_scaled(p, angles);
    if (angles != small) free(angles);
}

static void embed(pass *p) {
    int64_t at = 0;
    upload_angles(p);
    for (int i = 0; i < p->n_segments; i++) {
        const espy_segment *s = &p->segments[i];
        p->ops->gather(p->run, rows_of(p, p->x, i, &at), &p->model->weights.embedding,
                       s->ids + s->first);
    }
    place_vision(p, -1);
}

/* Of the last token of each segment that wants them, all in one product. */
static void write_logits(const pass *p) {
    const espy_weights *w = &p->model->weights;
    int64_t n = 0, end = 0;
    for (int i = 0; i < p->n_segments; i++) n += p->segments[i].logits != NULL;
    if (!n) return;
    espy_act last = p->ops->alloc(p->run, n, p->x.cols);
    espy_act y = p->ops->alloc(p->run, n, w->output.rows);
    n = 0;
    for (int i = 0; i < p->n_segments; i++) {
        end += p->segments[i].n;
        if (p->segments[i].logits)
            rms_norm(p, espy_act_rows(last, n++, 1), espy_act_rows(p->x, end - 1, 1), &w->norm);
    }
    p->run->rows = ESPY_ROWS_ALONE;
    p->ops->linear(p->run, y, last, &w->output, NULL);
    n = 0;
    for (int i = 0; i < p->n_segments; i++)
        if (p->segments[i].logits)
            p->ops->download(p->run, p->segments[i].logits, espy_act_rows(y, n++, 1));
}

void espy_decoder_forward(espy_run *run, const espy_model *model, const espy_segment *segments,
                          int n_segments, espy_layer_fn on_layer, void *user) {
    const espy_text_config *c = &model->config.text;
    const espy_rows rows = run->rows;
    pass p = {
        .run = run, .ops = run->ops, .model = model, .segments = segments, .n_segments = n_segments
    };
    for (int i = 0; i < n_segments; i++) p.n += segments[i].n;
    run->rows = segments[0].n > ESPY_FEW_ROWS ? ESPY_ROWS_MANY : ESPY_ROWS_ALONE;
    void *mark = p.ops->mark(run);
    p.x = p.ops->alloc(run, p.n, c->dim);
    p.normed = p.ops->alloc(run, p.n, c->dim);
    p.cosines = p.ops->alloc(run, p.n, c->head_dim / 2);
    p.sines = p.ops->alloc(run, p.n, c->head_dim / 2);
    p.q_cosines = p.cosines;
    p.q_sines = p.sines;
    embed(&p);
    for (int i = 0; i < c->n_layers && !run->status; i++) {
        attend(&p, &model->weights.text[i], i);
        feed_forward(&p, &model->weights.text[i]);
        if (i < c->n_taps) place_vision(&p, i);
        if (on_layer && on_layer(user, i + 1, c->n_layers)) run->status = ESPY_ERR_STOPPED;
    }
    write_logits(&p);
    p.ops->release(run, mark);
    run->rows = rows;
}
