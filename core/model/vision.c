/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vision tower:
 *
 *     x = patches W + b + positions                      [n][dim]
 *     per layer:  x += Wo attention(norm1 x);  x += mlp(norm2 x)
 *     mlp:        fc2 act(fc1 x), or with a gate fc2 (act(gate x) * fc1 x)
 *     tap k:      merger over norm(4 patches joined)     [n / 4][text dim]
 *     tokens:     merger over 4 joined norm(patch)       [n / 4][text dim]
 *                 or resampler.c
 *
 * In a tower with windows the patches stand in their order (windows.h) from the
 * first to the last layer. */
#include <stdlib.h>

#include "model/model.h"
#include "model/windows.h"

/* Rows of the MLP computed at once: bounds its memory. */
enum { MLP_ROWS = 2048 };

typedef struct pass {
    espy_run *run;
    const espy_model *model;
    const espy_ops *ops;
    int64_t n;
    int64_t *bounds; /* [n_grids + 1] */
    int n_grids;
    espy_windows windows;
    const espy_vision_out *out; /* [n_grids] */
    espy_act x, normed, cosines, sines;
} pass;

static void linear(const pass *p, espy_act y, espy_act x, const espy_linear *l) {
    p->ops->linear(p->run, y, x, &l->w, l->b.tensor.data ? &l->b : NULL);
}

static void norm(const pass *p, espy_act y, espy_act x, const espy_norm_weights *w) {
    p->ops->norm(p->run, y, x, p->model->family->vision.norm, &w->w,
                 w->b.tensor.data ? &w->b : NULL, p->model->config.vision.eps);
}

/* Of q | k | v, or of [heads][q, k, v][head_dim], whose heads lie apart. */
static espy_act part_of(const pass *p, espy_act qkv, int part) {
    const espy_vision_config *c = &p->model->config.vision;
    if (!p->model->family->vision.per_head)
        return espy_act_cols(qkv, (int64_t)part * c->dim, c->dim);
    qkv.at += (int64_t)part * c->head_dim;
    return qkv;
}

static void attend(const pass *p, int layer) {
    const espy_vision_layer *l = &p->model->weights.vision[layer];
    const espy_vision_config *c = &p->model->config.vision;
    void *mark = p->ops->mark(p->run);
    espy_act qkv = p->ops->alloc(p->run, p->n, (int64_t)3 * c->dim);
    espy_act y = p->ops->alloc(p->run, p->n, c->dim);
    norm(p, p->normed, p->x, &l->norm1);
    espy_act q = part_of(p, qkv, 0), k = part_of(p, qkv, 1), v = part_of(p, qkv, 2);
    if (l->qkv.w.tensor.data) {
        linear(p, qkv, p->normed, &l->qkv);
    } else {
        linear(p, q, p->normed, &l->q);
        linear(p, k, p->normed, &l->k);
        linear(p, v, p->normed, &l->v);
    }
    if (!p->model->family->vision.no_rope) {
        p->ops->rope(p->run, q, c->head_dim, p->cosines, p->sines);
        p->ops->rope(p->run, k, c->head_dim, p->cosines, p->sines);
    }
    if (espy_layer_has_windows(c, layer))
        p->ops->attention(p->run, y, q, k, v, c->head_dim, p->windows.bounds, p->windows.n);
    else
        p->ops->attention(p->run, y, q, k, v, c->head_dim, p->bounds, p->n_grids);
    linear(p, p->normed, y, &l->out);
    p->ops->add(p->run, p->x, p->normed);
    p->ops->release(p->run, mark);
}

static void feed_forward(const pass *p, int layer) {
    const espy_vision_layer *l = &p->model->weights.vision[layer];
    const espy_vision_config *c = &p->model->config.vision;
    int gated = l->gate.w.tensor.data != NULL;
    norm(p, p->normed, p->x, &l->norm2);
    for (int64_t row = 0; row < p->n; row += MLP_ROWS) {
        int64_t n = p->n - row < MLP_ROWS ? p->n - row : MLP_ROWS;
        void *mark = p->ops->mark(p->run);
        espy_act h = p->ops->alloc(p->run, n, c->ffn_dim);
        espy_act gate = gated ? p->ops->alloc(p->run, n, c->ffn_dim) : h;
        espy_act y = p->ops->alloc(p->run, n, c->dim);
        linear(p, h, espy_act_rows(p->normed, row, n), &l->fc1);
        if (gated) linear(p, gate, espy_act_rows(p->normed, row, n), &l->gate);
        p->ops->activate(p->run, h, gate, p->model->family->vision.mlp, gated ? &h : NULL);
        linear(p, y, h, &l->fc2);
        p->ops->add(p->run, espy_act_rows(p->x, row, n), y);
        p->ops->release(p->run, mark);
    }
}

/* Rows of the grids' order to those of the tower; per_cell of them to a cell. */
static void upload(const pass *p, espy_act y, const float *x, int per_cell) {
    int64_t cell;
    for (int64_t at = 0, n; at < p->windows.n_cells; at += n) {
        n = espy_windows_run(&p->windows, at, &cell);
        p->ops->upload(p->run, espy_act_rows(y, at * per_cell, n * per_cell),
                       x + cell * per_cell * y.cols);
    }
}

/* Each grid's rows of x [n / merge^2][text dim], in its own order again, to where its tap
 * goes; tap -1: its tokens. A grid's cells stay among themselves. */
static void hand_out(const pass *p, espy_act x, int tap) {
    int64_t per_cell = p->n / x.rows, cell;
    for (int i = 0; i < p->n_grids; i++) {
        int64_t first = p->bounds[i] / per_cell, end = p->bounds[i + 1] / per_cell;
        float *to = tap < 0 ? p->out[i].tokens : p->out[i].taps[tap];
        for (int64_t at = first, n; at < end; at += n) {
            n = espy_windows_run(&p->windows, at, &cell);
            if (n > end - at) n = end - at;
            p->ops->download(p->run, to + (cell - first) * x.cols, espy_act_rows(x, at, n));
        }
    }
}

/* Tap -1 are the tokens. Of a tap the norm sees the joined patches, else each. */
static void merge(const pass *p, const espy_merger *m, int tap) {
    const espy_vision_config *c = &p->model->config.vision;
    int64_t cell = (int64_t)c->merge * c->merge, n = p->n / cell, dim = c->dim * cell;
    void *mark = p->ops->mark(p->run);
    espy_act joined = espy_act_shape(p->normed, n, dim);
    if (tap >= 0)
        norm(p, joined, espy_act_shape(p->x, n, dim), &m->norm);
    else
        norm(p, p->normed, p->x, &m->norm);
    espy_act h = p->ops->alloc(p->run, n, dim);
    espy_act y = p->ops->alloc(p->run, n, p->model->config.text.dim);
    linear(p, h, joined, &m->fc1);
    p->ops->activate(p->run, h, h, p->model->family->vision.merger_mlp, NULL);
    linear(p, y, h, &m->fc2);
    hand_out(p, y, tap);
    p->ops->release(p->run, mark);
}

static void add_positions(const pass *p, const int32_t (*ids)[4], const float (*mix)[4]) {
    const espy_vision_config *c = &p->model->config.vision;
    int64_t per_cell = (int64_t)c->merge * c->merge, cell;
    for (int64_t at = 0, n; at < p->windows.n_cells; at += n) {
        n = espy_windows_run(&p->windows, at, &cell);
        p->ops->gather_mix(p->run, espy_act_rows(p->x, at * per_cell, n * per_cell),
                           &p->model->weights.positions, ids + cell * per_cell,
                           mix + cell * per_cell);
    }
}

/* Patch embedding plus the learned table, normed if need be; fills the rope angles. */
static void embed(pass *p, const float *patches, const espy_grid *grids) {
    const espy_weights *w = &p->model->weights;
    const espy_vision_config *c = &p->model->config.vision;
    int64_t n = p->n, half = c->head_dim / 2;
    int per_cell = c->merge * c->merge;
    float *cosines = malloc((size_t)(n * half) * sizeof *cosines);
    float *sines = malloc((size_t)(n * half) * sizeof *sines);
    int32_t(*ids)[4] = malloc((size_t)n * sizeof *ids);
    float(*mix)[4] = malloc((size_t)n * sizeof *mix);
    if (!cosines || !sines || !ids || !mix) {
        p->run->status = ESPY_ERR_MEMORY;
        goto done;
    }
    for (int i = 0; i < p->n_grids; i++) {
        int64_t at = p->bounds[i];
        espy_rope_2d_angles(c, grids[i], cosines + at * half, sines + at * half);
        if (c->n_positions) espy_position_table_mix(c, grids[i], ids + at, mix + at);
    }
    upload(p, p->cosines, cosines, per_cell);
    upload(p, p->sines, sines, per_cell);

    void *mark = p->ops->mark(p->run);
    espy_act in = p->ops->alloc(p->run, n, w->patch.w.cols);
    upload(p, in, patches, per_cell);
    linear(p, p->x, in, &w->patch);
    p->ops->release(p->run, mark);
    if (c->n_positions) add_positions(p, (const int32_t(*)[4])ids, (const float(*)[4])mix);
    if (w->pre_norm.w.tensor.data) norm(p, p->x, p->x, &w->pre_norm);
done:
    free(cosines);
    free(sines);
    free(ids);
    free(mix);
}

void espy_vision_forward(espy_run *run, const espy_model *model, const float *patches,
                         const espy_grid *grids, int n_grids, const espy_vision_out *out,
                         espy_layer_fn on_layer, void *user) {
    const espy_vision_config *c = &model->config.vision;
    const espy_rows rows = run->rows;
    pass p = { .run = run, .model = model, .ops = run->ops, .n_grids = n_grids, .out = out };
    p.bounds = malloc(((size_t)n_grids + 1) * sizeof *p.bounds);
    if (!p.bounds || espy_windows_make(&p.windows, c, grids, n_grids)) {
        run->status = ESPY_ERR_MEMORY;
        free(p.bounds);
        return;
    }
    p.bounds[0] = 0;
    for (int i = 0; i < n_grids; i++)
        p.bounds[i + 1] = p.bounds[i] + espy_grid_patches(grids[i], c->merge);
    p.n = p.bounds[n_grids];

    run->rows = ESPY_ROWS_MANY; /* a small picture as one beside others */
    void *mark = run->ops->mark(run);
    p.x = run->ops->alloc(run, p.n, c->dim);
    p.normed = run->ops->alloc(run, p.n, c->dim);
    p.cosines = run->ops->alloc(run, p.n, c->head_dim / 2);
    p.sines = run->ops->alloc(run, p.n, c->head_dim / 2);
    embed(&p, patches, grids);
    int tap = 0;
    for (int i = 0; i < c->n_layers && !run->status; i++) {
        attend(&p, i);
        feed_forward(&p, i);
        if (tap < c->n_taps && c->taps[tap] == i) {
            merge(&p, &model->weights.taps[tap], tap);
            tap++;
        }
        if (on_layer && on_layer(user, i + 1, c->n_layers)) run->status = ESPY_ERR_STOPPED;
    }
    if (c->n_queries)
        espy_resampler_forward(run, model, p.x, p.bounds, n_grids, out);
    else
        merge(&p, &model->weights.merger, -1);
    run->ops->release(run, mark);
    run->rows = rows;
    espy_windows_free(&p.windows);
    free(p.bounds);
}
