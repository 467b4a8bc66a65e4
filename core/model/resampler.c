/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen-VL's adapter (arXiv:2308.12966, section 2.1): one layer of attention in which
 * n_queries learned queries look at all patches of a picture.
 *
 *     kv = LN(Wkv x)                                          [n_patches][E]
 *     K = Wk (kv + positions) + bk,  V = Wv kv + bv
 *     Q = Wq (LN(query) + positions) + bq                     [n_queries][E], once
 *     y = LN(Wo softmax(Q K^T / sqrt(128)) V + bo) proj       [n_queries][E]
 *
 * Positions stand with queries and keys, not with values; those of the keys are the
 * queries' table resized. */
#include <math.h>
#include <stdlib.h>

#include "model/model.h"

enum { HEAD_DIM = 128 };

static void linear(espy_run *run, espy_act y, espy_act x, const espy_linear *l) {
    run->ops->linear(run, y, x, &l->w, l->b.tensor.data ? &l->b : NULL);
}

static void norm(espy_run *run, espy_act y, espy_act x, const espy_norm_weights *w, float eps) {
    run->ops->norm(run, y, x, ESPY_NORM_LAYER, &w->w, &w->b, eps);
}

/* -------------------------------------------------------------------- load */

/* The table of a checkpoint that has none: sines and cosines of the column, then of
 * the row. [side * side][dim] */
static float *sine_table(int side, int64_t dim) {
    int64_t n = dim / 4;
    float *table = malloc((size_t)side * (size_t)side * (size_t)dim * sizeof *table);
    for (int64_t cell = 0; table && cell < (int64_t)side * side; cell++) {
        int64_t column = cell % side, row = cell / side;
        const double at[2] = { (double)column, (double)row };
        for (int k = 0; k < 2; k++)
            for (int64_t i = 0; i < n; i++) {
                double angle = at[k] * pow(10000, -(double)i / (double)n);
                table[cell * dim + (2 * k) * n + i] = (float)sin(angle);
                table[cell * dim + (2 * k + 1) * n + i] = (float)cos(angle);
            }
    }
    return table;
}

/* Q for the learned queries, [n][E]; NULL without memory. */
static float *attention_queries(const espy_resampler *r, const float *query, const float *table,
                                float eps) {
    int64_t n = r->query.rows, dim = r->query.cols;
    float *out = malloc((size_t)(n * dim) * sizeof *out);
    espy_cpu *cpu = NULL;
    if (!out || espy_cpu_open(&cpu, 1, NULL, NULL)) {
        free(out);
        return NULL;
    }
    espy_run run = espy_cpu_run(cpu, 1);
    espy_act x = run.ops->alloc(&run, n, dim), at = run.ops->alloc(&run, n, dim);
    run.ops->upload(&run, x, query);
    run.ops->upload(&run, at, table);
    norm(&run, x, x, &r->query_norm, eps);
    run.ops->add(&run, x, at);
    linear(&run, at, x, &r->q);
    run.ops->download(&run, out, at);
    espy_cpu_close(&cpu);
    if (!run.status) return out;
    free(out);
    return NULL;
}

espy_status espy_resampler_finish(espy_weights *w, const espy_config *config, int64_t n_patches,
                                  espy_error *err) {
    espy_resampler *r = &w->resampler;
    int side = (int)lround(sqrt((double)config->vision.n_queries));
    int to = (int)lround(sqrt((double)n_patches));
    int64_t dim = config->text.dim;
    float *table =
        r->positions.tensor.data ? espy_weights_values(&r->positions) : sine_table(side, dim);
    float *query = espy_weights_values(&r->query), *queries = NULL, *keys = NULL;
    if (table && query) queries = attention_queries(r, query, table, config->vision.eps);
    if (table) keys = espy_table_resize(table, side, dim, to);
    free(query);
    free(table);
    espy_status status = espy_weights_set(w, &r->query, queries, (int64_t)side * side, dim, err);
    if (status)
        free(keys);
    else
        status = espy_weights_set(w, &r->positions, keys, (int64_t)to * to, dim, err);
    return status ? status : espy_weights_transpose(w, &r->proj, err);
}

/* ----------------------------------------------------------------- forward */

void espy_resampler_forward(espy_run *run, const espy_model *model, espy_act x,
                            const int64_t *bounds, int n_pictures, const espy_vision_out *out) {
    const espy_ops *ops = run->ops;
    const espy_resampler *r = &model->weights.resampler;
    int64_t dim = model->config.text.dim, n_queries = r->query.rows;
    float eps = model->config.vision.eps;
    for (int i = 0; i < n_pictures && !run->status; i++) {
        int64_t n = bounds[i + 1] - bounds[i], rows[] = { 0, n_queries }, key_rows[] = { 0, n };
        void *mark = ops->mark(run);
        espy_act patches = espy_act_rows(x, bounds[i], n);
        espy_act v = ops->alloc(run, n, dim), k = ops->alloc(run, n, dim);
        espy_act kv = ops->alloc(run, n, dim), q = ops->alloc(run, n_queries, dim);
        espy_act y = ops->alloc(run, n_queries, dim);
        if (r->kv.w.tensor.data) {
            linear(run, kv, patches, &r->kv);
            patches = kv;
        }
        norm(run, kv, patches, &r->kv_norm, eps);
        linear(run, v, kv, &r->v);
        ops->upload(run, k, r->positions.tensor.data);
        ops->add(run, kv, k);
        linear(run, k, kv, &r->k);
        ops->upload(run, q, r->query.tensor.data);
        ops->cross_attention(run, y, q, k, v, HEAD_DIM, rows, key_rows, 1);
        linear(run, q, y, &r->out);
        norm(run, q, q, &r->norm, eps);
        ops->linear(run, y, q, &r->proj, NULL);
        ops->download(run, out[i].tokens, y);
        ops->release(run, mark);
    }
}
