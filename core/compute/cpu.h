/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the CPU backend share. */
#ifndef ESPY_COMPUTE_CPU_H
#define ESPY_COMPUTE_CPU_H

#include "base/arena.h"
#include "compute/ops.h"

struct espy_cpu {
    espy_kernels k;
    espy_pool *pool;
    espy_arena arena;
};

/* [layer][k, v][kv_head][capacity][head_dim] of dtype. */
struct espy_cache {
    espy_cache_shape shape;
    int64_t capacity, row_bytes;
    unsigned char *data;
};

static inline float *espy_cpu_at(espy_act a, int64_t row) {
    return (float *)a.mem + a.at + row * a.stride;
}

/* Room from the arena; marks the run as failed when there is none. */
void *espy_cpu_scratch(espy_run *run, int64_t n_bytes);

/* First row of keys (v 0) or values (v 1) of a head. */
static inline unsigned char *espy_cache_head(const espy_cache *c, int layer, int v, int head) {
    int64_t at = ((int64_t)layer * 2 + v) * c->shape.n_kv_heads + head;
    return c->data + at * c->capacity * c->row_bytes;
}

/* Rows first .. first + n - 1 of x and y, n > 0, and the matrix for them. */
typedef struct espy_row_group {
    int64_t first, n;
    const espy_weight *w;
} espy_row_group;

/* y = x W^T + b, each group of rows with its own matrix of the same size. */
void espy_cpu_linear_groups(espy_run *run, espy_act y, espy_act x, const espy_row_group *groups,
                            int n_groups, const espy_weight *b);

void espy_cpu_linear(espy_run *run, espy_act y, espy_act x, const espy_weight *w,
                     const espy_weight *b);
espy_routes espy_cpu_route(espy_run *run, espy_act logits, int k);
void espy_cpu_spread(espy_run *run, espy_act y, espy_act x, const espy_routes *routes);
void espy_cpu_linear_experts(espy_run *run, espy_act y, espy_act x, const espy_experts *w,
                             const espy_routes *routes);
void espy_cpu_collect(espy_run *run, espy_act y, espy_act x, const espy_routes *routes);
void espy_cpu_attention(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v, int head_dim,
                        const int64_t *bounds, int n_blocks);
void espy_cpu_cross_attention(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v,
                              int head_dim, const int64_t *bounds, const int64_t *key_bounds,
                              int n_blocks);
void espy_cpu_cache_store(espy_run *run, espy_cache *cache, int layer, int64_t first, espy_act k,
                          espy_act v);
void espy_cpu_cache_attention(espy_run *run, espy_act y, espy_act q, const espy_cache *cache,
                              int layer, int64_t first);

#endif
