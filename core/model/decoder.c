/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language model:
 *
 *     x = embedding[ids], vision rows in their places        [n][dim]
 *     per layer:  q, k, v = norm x;  q, k normed per head, rotated
 *                 x += Wo attention(q, cache);  x += down(silu(gate) * up)
 *                 x[vision rows] += tap of this layer
 *     logits = output (norm x[last])                         [n_vocab]
 */
#include <stdlib.h>

#include "model/model.h"

typedef struct pass {
    espy_run *run;
    const espy_ops *ops;
    const espy_model *model;
    espy_cache *cache;
    int64_t first, n;
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
    p->ops->cache_store(p->run, p->cache, layer, p->first, k, v);
    p->ops->cache_attention(p->run, y, q, p->cache, layer, p->first);
    linear(p, p->normed, y, &l->out);
    p->ops->add(p->run, p->x, p->normed);
    p->ops->release(p->run, mark);
}

static void feed_forward(const pass *p, const espy_text_layer *l) {
    void *mark = p->ops->mark(p->run);
    espy_act gate = p->ops->alloc(p->run, p->n, l->gate.w.rows);
    espy_act up = p->ops->alloc(p->run, p->n, l->up.w.rows);
    rms_norm(p, p->normed, p->x, &l->ffn_norm);
    linear(p, gate, p->normed, &l->gate);
    linear(p, up, p->normed, &l->up);
    p->ops->activate(p->run, gate, gate, ESPY_SILU, &up);
    linear(p, p->normed, gate, &l->down);
    p->ops->add(p->run, p->x, p->normed);
    p->ops->release(p->run, mark);
}

/* The part of rows that lies in this pass: rows of x, and where it starts in r. */
static int64_t overlap(const pass *p, const espy_vision_rows *r, espy_act *x) {
    int64_t begin = r->first > p->first ? r->first : p->first;
    int64_t end = r->first + r->n < p->first + p->n ? r->first + r->n : p->first + p->n;
    if (begin >= end) return -1;
    *x = espy_act_rows(p->x, begin - p->first, end - begin);
    return begin - r->first;
}

static void place_vision(const pass *p, const espy_vision_rows *rows, int n_rows) {
    espy_act x;
    for (int i = 0; i < n_rows; i++) {
        int64_t at = overlap(p, &rows[i], &x);
        if (at >= 0) p->ops->upload(p->run, x, rows[i].tokens + at * x.cols);
    }
}

static void add_tap(const pass *p, const espy_vision_rows *rows, int n_rows, int tap) {
    espy_act x;
    for (int i = 0; i < n_rows; i++) {
        int64_t at = overlap(p, &rows[i], &x);
        if (at < 0) continue;
        void *mark = p->ops->mark(p->run);
        espy_act y = p->ops->alloc(p->run, x.rows, x.cols);
        p->ops->upload(p->run, y, rows[i].taps[tap] + at * x.cols);
        p->ops->add(p->run, x, y);
        p->ops->release(p->run, mark);
    }
}

/* Angles [2][n][head_dim / 2] for queries: log-n attention scales a query, so its
 * rotation may do it. */
static void upload_scaled(pass *p, const espy_positions *positions, float *angles) {
    const espy_text_config *c = &p->model->config.text;
    int64_t half = c->head_dim / 2, n = p->n * half;
    p->q_cosines = p->ops->alloc(p->run, p->n, half);
    p->q_sines = p->ops->alloc(p->run, p->n, half);
    for (int64_t i = 0; i < p->n; i++) {
        float scale = espy_logn_scale(c, positions->at[0][p->first + i]);
        for (int64_t j = i * half; j < (i + 1) * half; j++) {
            angles[j] *= scale;
            angles[n + j] *= scale;
        }
    }
    p->ops->upload(p->run, p->q_cosines, angles);
    p->ops->upload(p->run, p->q_sines, angles + n);
}

/* A single token's angles need no memory of their own. */
static void upload_angles(pass *p, const espy_positions *positions) {
    float small[ESPY_MAX_HEAD_DIM], *angles = small;
    size_t n = (size_t)(p->n * (p->model->config.text.head_dim / 2));
    if (2 * n > ESPY_MAX_HEAD_DIM) angles = malloc(2 * n * sizeof *angles);
    if (!angles) {
        p->run->status = ESPY_ERR_MEMORY;
        return;
    }
    espy_mrope_angles(p->model, positions, p->first, p->n, angles, angles + n);
    p->ops->upload(p->run, p->cosines, angles);
    p->ops->upload(p->run, p->sines, angles + n);
    if (espy_logn_applies(&p->model->config.text, positions->at[0][p->first + p->n - 1]))
        upload_scaled(p, positions, angles);
    if (angles != small) free(angles);
}

void espy_decoder_forward(espy_run *run, const espy_model *model, espy_cache *cache, int64_t first,
                          int64_t n, const int32_t *ids, const espy_positions *positions,
                          const espy_vision_rows *rows, int n_rows, float *logits,
                          espy_layer_fn on_layer, void *user) {
    const espy_text_config *c = &model->config.text;
    const espy_weights *w = &model->weights;
    pass p = {
        .run = run, .ops = run->ops, .model = model, .cache = cache, .first = first, .n = n
    };
    void *mark = p.ops->mark(run);
    p.x = p.ops->alloc(run, n, c->dim);
    p.normed = p.ops->alloc(run, n, c->dim);
    p.cosines = p.ops->alloc(run, n, c->head_dim / 2);
    p.sines = p.ops->alloc(run, n, c->head_dim / 2);
    p.q_cosines = p.cosines;
    p.q_sines = p.sines;
    upload_angles(&p, positions);
    p.ops->gather(run, p.x, &w->embedding, ids + first);
    place_vision(&p, rows, n_rows);
    for (int i = 0; i < c->n_layers && !run->status; i++) {
        attend(&p, &w->text[i], i);
        feed_forward(&p, &w->text[i]);
        if (i < c->n_taps) add_tap(&p, rows, n_rows, i);
        if (on_layer && on_layer(user, i + 1, c->n_layers)) run->status = ESPY_ERR_STOPPED;
    }
    if (logits) {
        espy_act last = espy_act_rows(p.x, n - 1, 1);
        espy_act y = p.ops->alloc(run, 1, w->output.rows);
        rms_norm(&p, last, last, &w->norm);
        p.ops->linear(run, y, last, &w->output, NULL);
        p.ops->download(run, logits, y);
    }
    p.ops->release(run, mark);
}
