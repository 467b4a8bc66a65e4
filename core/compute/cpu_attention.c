/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention on a CPU: softmax(q k^T / sqrt(d)) v, per head and tile of queries.
 *
 * A tile's scores are one matrix product with panels of 32 keys, its result one
 * with panels of 32 value columns; both use gemm_f32. A single query reads the
 * cache row by row instead. */
#include "compute/cpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 96, SCORE_BYTES = 8 << 20 };

/* Where a tile finds its keys and values: f32 rows, or rows of a cache. */
typedef struct kv_rows {
    const unsigned char *k, *v;
    int64_t stride_bytes;
    espy_dtype dtype;
} kv_rows;

typedef struct tile_op {
    const espy_kernels *kern;
    espy_act y, q, k, v; /* k, v: without a cache */
    const espy_cache *cache;
    int layer, group; /* query heads per kv head */
    int head_dim, n_heads;
    int64_t step;  /* between heads of q, k and v */
    int64_t first; /* cache position of query row 0 */
    const int64_t *bounds, *key_bounds;
    const int64_t *tiles; /* [n_tiles][2]: block, first query row */
    int64_t tile_rows, max_keys;
    unsigned char *scratch;
    int64_t scratch_bytes; /* per thread */
} tile_op;

static kv_rows rows_of(const tile_op *op, int head, int64_t first_key) {
    if (op->cache) {
        const espy_cache *c = op->cache;
        int kv = head / op->group;
        return (kv_rows){ espy_cache_head(c, op->layer, 0, kv) + first_key * c->row_bytes,
                          espy_cache_head(c, op->layer, 1, kv) + first_key * c->row_bytes,
                          c->row_bytes, c->shape.dtype };
    }
    int64_t at = head * op->step;
    return (kv_rows){ (const unsigned char *)(espy_cpu_at(op->k, first_key) + at),
                      (const unsigned char *)(espy_cpu_at(op->v, first_key) + at),
                      op->k.stride * (int64_t)sizeof(float), ESPY_F32 };
}

/* scores[n_q][n_keys] = q k^T */
static void score_tile(const tile_op *op, float *scores, const float *q, int64_t q_stride, int n_q,
                       const kv_rows *kv, int64_t n_keys, float *rows, float *panel) {
    int d = op->head_dim;
    for (int64_t key = 0; key < n_keys; key += ESPY_PANEL) {
        int n = n_keys - key < ESPY_PANEL ? (int)(n_keys - key) : ESPY_PANEL;
        for (int c = 0; c < n; c++)
            op->kern->to_f32[kv->dtype](rows + (int64_t)c * d, kv->k + (key + c) * kv->stride_bytes,
                                        d);
        op->kern->pack_f32(panel, rows, d, d, n);
        op->kern->gemm_f32(scores + key, n_keys, q, q_stride, panel, d, n_q, n, 0);
    }
}

/* y[n_q][d] = scores v, keys in slices that stay in the cache */
static void value_tile(const tile_op *op, float *y, int64_t y_stride, const float *scores, int n_q,
                       const kv_rows *kv, int64_t n_keys, float *rows, float *panel) {
    enum { SLICE = 256 };
    int d = op->head_dim;
    for (int64_t key = 0; key < n_keys; key += SLICE) {
        int64_t n = n_keys - key < SLICE ? n_keys - key : SLICE;
        for (int64_t j = 0; j < n; j++)
            op->kern->to_f32[kv->dtype](rows + j * d, kv->v + (key + j) * kv->stride_bytes, d);
        for (int c = 0; c < d; c += ESPY_PANEL) {
            int n_cols = d - c < ESPY_PANEL ? d - c : ESPY_PANEL;
            for (int64_t j = 0; j < n; j++) {
                memcpy(panel + j * ESPY_PANEL, rows + j * d + c, (size_t)n_cols * sizeof *rows);
                for (int i = n_cols; i < ESPY_PANEL; i++) panel[j * ESPY_PANEL + i] = 0;
            }
            op->kern->gemm_f32(y + c, y_stride, scores + key, n_keys, panel, n, n_q, n_cols,
                               key > 0);
        }
    }
}

static void tile_item(void *user, int64_t item, int thread) {
    const tile_op *op = user;
    int head = (int)(item % op->n_heads), d = op->head_dim;
    const int64_t *tile = op->tiles + item / op->n_heads * 2;
    int64_t end = op->bounds[tile[0] + 1], row = tile[1];
    int n_q = (int)(end - row < op->tile_rows ? end - row : op->tile_rows);
    /* with a cache: keys 0 .. position of the tile's last query */
    int64_t first_key = op->cache ? 0 : op->key_bounds[tile[0]];
    int64_t n_keys = op->cache ? op->first + row + n_q : op->key_bounds[tile[0] + 1] - first_key;
    float *scores = (float *)(op->scratch + thread * op->scratch_bytes);
    float *rows = scores + op->tile_rows * op->max_keys;
    float *panel = rows + (int64_t)256 * d;
    kv_rows kv = rows_of(op, head, first_key);
    score_tile(op, scores, espy_cpu_at(op->q, row) + head * op->step, op->q.stride, n_q, &kv,
               n_keys, rows, panel);
    float scale = 1.0F / sqrtf((float)d);
    for (int i = 0; i < n_q; i++) {
        float *s = scores + i * n_keys;
        int64_t seen = op->cache ? op->first + row + i + 1 : n_keys;
        op->kern->softmax(s, scale, seen);
        for (int64_t j = seen; j < n_keys; j++) s[j] = 0;
    }
    value_tile(op, espy_cpu_at(op->y, row) + (int64_t)head * d, op->y.stride, scores, n_q, &kv,
               n_keys, rows, panel);
}

static void run_tiles(espy_run *run, tile_op *op, int n_blocks) {
    espy_cpu *cpu = run->backend;
    int64_t n_tiles = 0;
    op->kern = &cpu->k;
    op->tile_rows = SCORE_BYTES / (int64_t)sizeof(float) / (op->max_keys + 1);
    if (op->tile_rows > TILE) op->tile_rows = TILE;
    if (op->tile_rows < 8) op->tile_rows = 8;
    for (int b = 0; b < n_blocks; b++)
        n_tiles += (op->bounds[b + 1] - op->bounds[b] + op->tile_rows - 1) / op->tile_rows;
    int64_t *tiles = espy_cpu_scratch(run, n_tiles * 2 * (int64_t)sizeof *tiles);
    op->scratch_bytes =
        (int64_t)sizeof(float) * (op->tile_rows * op->max_keys + (int64_t)256 * op->head_dim +
                                  (int64_t)ESPY_PANEL * (op->head_dim > 256 ? op->head_dim : 256));
    op->scratch_bytes = (op->scratch_bytes + 63) & ~(int64_t)63;
    op->scratch = espy_cpu_scratch(run, espy_pool_n_threads(cpu->pool) * op->scratch_bytes);
    if (run->status) return;
    int64_t n = 0;
    for (int b = 0; b < n_blocks; b++)
        for (int64_t row = op->bounds[b]; row < op->bounds[b + 1]; row += op->tile_rows, n++) {
            tiles[n * 2] = b;
            tiles[n * 2 + 1] = row;
        }
    op->tiles = tiles;
    espy_pool_run(cpu->pool, n_tiles * op->n_heads, tile_item, op);
}

void espy_cpu_cross_attention(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v,
                              int head_dim, const int64_t *bounds, const int64_t *key_bounds,
                              int n_blocks) {
    tile_op op = { .y = y,
                   .q = q,
                   .k = k,
                   .v = v,
                   .group = 1,
                   .head_dim = head_dim,
                   .n_heads = (int)(y.cols / head_dim),
                   .bounds = bounds,
                   .key_bounds = key_bounds };
    op.step = q.cols / op.n_heads;
    for (int b = 0; b < n_blocks; b++) {
        int64_t n_keys = key_bounds[b + 1] - key_bounds[b];
        if (n_keys > op.max_keys) op.max_keys = n_keys;
    }
    if (run->status || op.max_keys == 0) return;
    void *m = run->ops->mark(run);
    run_tiles(run, &op, n_blocks);
    run->ops->release(run, m);
}

void espy_cpu_attention(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v, int head_dim,
                        const int64_t *bounds, int n_blocks) {
    espy_cpu_cross_attention(run, y, q, k, v, head_dim, bounds, bounds, n_blocks);
}

/* ------------------------------------------------------------- the cache */

int64_t espy_cache_bytes(const espy_cache_shape *s, int64_t n) {
    int64_t one = espy_row_bytes(s->dtype, s->head_dim) * s->n_layers * 2 * s->n_kv_heads;
    return n > 0 && one > INT64_MAX / n ? INT64_MAX : one * n;
}

espy_status espy_cache_open(espy_cache **out, const espy_cache_shape *shape, espy_error *err) {
    *out = NULL;
    if (shape->head_dim % espy_dtypes[shape->dtype].block)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "a %s cache needs heads of a multiple of %d, this model's have %d",
                         espy_dtypes[shape->dtype].name, espy_dtypes[shape->dtype].block,
                         shape->head_dim);
    espy_cache *c = calloc(1, sizeof *c);
    if (!c) return espy_out_of_memory(err);
    c->shape = *shape;
    c->row_bytes = espy_row_bytes(shape->dtype, shape->head_dim);
    *out = c;
    return ESPY_OK;
}

static unsigned char *allocate(const espy_cache_shape *shape, int64_t n) {
    int64_t n_bytes = espy_cache_bytes(shape, n);
    return n_bytes < INT64_MAX ? malloc((size_t)n_bytes) : NULL;
}

espy_status espy_cache_reserve(espy_cache *c, int64_t n, int64_t n_keep, espy_error *err) {
    if (n <= c->capacity) return ESPY_OK;
    int64_t exact = n;
    if (n < c->capacity + c->capacity / 2) n = c->capacity + c->capacity / 2;
    unsigned char *data = allocate(&c->shape, n);
    if (!data && n > exact) data = allocate(&c->shape, n = exact);
    if (!data)
        return espy_fail(err, ESPY_ERR_MEMORY, -1,
                         "no memory for a context of %lld tokens (%lld MB of cache)", (long long)n,
                         (long long)(espy_cache_bytes(&c->shape, n) >> 20));
    int64_t n_heads = (int64_t)c->shape.n_layers * 2 * c->shape.n_kv_heads;
    for (int64_t h = 0; h < n_heads && n_keep > 0; h++)
        memcpy(data + h * n * c->row_bytes, c->data + h * c->capacity * c->row_bytes,
               (size_t)(n_keep * c->row_bytes));
    free(c->data);
    c->data = data;
    c->capacity = n;
    return ESPY_OK;
}

void espy_cache_close(espy_cache **cache) {
    if (!*cache) return;
    free((*cache)->data);
    free(*cache);
    *cache = NULL;
}

void espy_cpu_cache_store(espy_run *run, espy_cache *c, int layer, int64_t first, espy_act k,
                          espy_act v) {
    espy_cpu *cpu = run->backend;
    if (run->status) return;
    espy_dtype t = c->shape.dtype;
    int d = c->shape.head_dim;
    for (int head = 0; head < c->shape.n_kv_heads; head++)
        for (int64_t i = 0; i < k.rows; i++)
            for (int is_v = 0; is_v < 2; is_v++) {
                const float *x = espy_cpu_at(is_v ? v : k, i) + (int64_t)head * d;
                unsigned char *to =
                    espy_cache_head(c, layer, is_v, head) + (first + i) * c->row_bytes;
                if (t == ESPY_F32)
                    memcpy(to, x, (size_t)d * sizeof *x);
                else
                    cpu->k.from_f32[t](to, x, d);
            }
}

typedef struct single_op {
    const espy_kernels *kern;
    espy_act y, q;
    const espy_cache *cache;
    int layer, group;
    int64_t n_keys;
    float *scores; /* [n_threads][n_keys] */
} single_op;

static void single_item(void *user, int64_t head, int thread) {
    const single_op *op = user;
    const espy_cache *c = op->cache;
    int d = c->shape.head_dim, kv = (int)head / op->group;
    float *scores = op->scores + thread * op->n_keys;
    float *y = espy_cpu_at(op->y, 0) + head * d;
    op->kern->matvec[c->shape.dtype](scores, espy_cache_head(c, op->layer, 0, kv), c->row_bytes,
                                     espy_cpu_at(op->q, 0) + head * d, d, op->n_keys);
    op->kern->softmax(scores, 1.0F / sqrtf((float)d), op->n_keys);
    memset(y, 0, (size_t)d * sizeof *y);
    op->kern->vecmat[c->shape.dtype](y, espy_cache_head(c, op->layer, 1, kv), c->row_bytes, scores,
                                     d, op->n_keys);
}

void espy_cpu_cache_attention(espy_run *run, espy_act y, espy_act q, const espy_cache *cache,
                              int layer, int64_t first) {
    espy_cpu *cpu = run->backend;
    if (run->status || q.rows == 0) return;
    int d = cache->shape.head_dim;
    int n_heads = (int)(q.cols / d), group = n_heads / cache->shape.n_kv_heads;
    void *m = run->ops->mark(run);
    if (q.rows == 1) {
        single_op op = { .kern = &cpu->k,
                         .y = y,
                         .q = q,
                         .cache = cache,
                         .layer = layer,
                         .group = group,
                         .n_keys = first + 1 };
        op.scores = espy_cpu_scratch(run, espy_pool_n_threads(cpu->pool) * op.n_keys *
                                              (int64_t)sizeof(float));
        if (op.scores) espy_pool_run(cpu->pool, n_heads, single_item, &op);
    } else {
        int64_t bounds[2] = { 0, q.rows };
        tile_op op = { .y = y,
                       .q = q,
                       .cache = cache,
                       .layer = layer,
                       .group = group,
                       .head_dim = d,
                       .n_heads = n_heads,
                       .step = d,
                       .first = first,
                       .bounds = bounds,
                       .max_keys = first + q.rows };
        run_tiles(run, &op, 1);
    }
    run->ops->release(run, m);
}
