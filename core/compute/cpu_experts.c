/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Experts on a CPU. Routing sorts the pairs of row and expert by expert:
 *
 *     logits [n][E] -> chosen, weight [n][k] -> begin [E + 1], row [n * k]
 *
 * so that an expert's rows lie together and its matrices are products like any
 * other (cpu_linear.c); those of experts that no row goes to are never touched. */
#include "compute/cpu.h"

#include <math.h>
#include <string.h>

typedef struct cpu_routes {
    int32_t *chosen; /* [n][k] experts, the likeliest first */
    float *weight;   /* [n][k] */
    int64_t *pair;   /* [n][k] where each pair lies in the order of experts */
    int64_t *row;    /* [n * k] of each pair in that order */
    int64_t *begin;  /* [n_experts + 1] first pair of each expert */
} cpu_routes;

/* --------------------------------------------------------------- routing */

typedef struct route_op {
    espy_act logits;
    const cpu_routes *r;
    int k;
} route_op;

/* The k largest of n, in order; of equals the first. Comparisons with NaN are
 * false, so any numbers give k different ids. */
static void choose_largest(int32_t *chosen, int k, const float *x, int32_t n) {
    int found = 0;
    for (int32_t e = 0; e < n; e++) {
        int at = found;
        while (at > 0 && x[e] > x[chosen[at - 1]]) at--;
        if (at == k) continue;
        if (found < k) found++;
        for (int i = found - 1; i > at; i--) chosen[i] = chosen[i - 1];
        chosen[at] = e;
    }
}

static void route_row(void *user, int64_t row, int thread) {
    (void)thread;
    const route_op *op = user;
    const float *x = espy_cpu_at(op->logits, row);
    int32_t *chosen = op->r->chosen + row * op->k;
    float *weight = op->r->weight + row * op->k;
    choose_largest(chosen, op->k, x, (int32_t)op->logits.cols);
    float max = x[chosen[0]], sum = 0;
    for (int j = 0; j < op->k; j++) weight[j] = expf(x[chosen[j]] - max);
    /* of the whole softmax only their ratios are left */
    for (int j = 0; j < op->k; j++) sum += weight[j];
    for (int j = 0; j < op->k; j++) weight[j] /= sum;
}

/* Counting sort of the pairs. */
static void sort_pairs(const cpu_routes *r, int64_t n_pairs, int k, int n_experts) {
    memset(r->begin, 0, ((size_t)n_experts + 1) * sizeof *r->begin);
    for (int64_t i = 0; i < n_pairs; i++) r->begin[r->chosen[i] + 1]++;
    for (int e = 0; e < n_experts; e++) r->begin[e + 1] += r->begin[e];
    for (int64_t i = 0; i < n_pairs; i++) {
        int64_t at = r->begin[r->chosen[i]]++; /* the ends, until they are moved back */
        r->pair[i] = at;
        r->row[at] = i / k;
    }
    for (int e = n_experts; e > 0; e--) r->begin[e] = r->begin[e - 1];
    r->begin[0] = 0;
}

espy_routes espy_cpu_route(espy_run *run, espy_act logits, int k) {
    espy_cpu *cpu = run->backend;
    espy_routes routes = { .n = logits.rows, .k = k, .n_experts = (int)logits.cols };
    int64_t n_pairs = logits.rows * k;
    cpu_routes *r = espy_cpu_scratch(run, (int64_t)sizeof *r);
    if (!r) return routes;
    r->chosen = espy_cpu_scratch(run, n_pairs * (int64_t)sizeof *r->chosen);
    r->weight = espy_cpu_scratch(run, n_pairs * (int64_t)sizeof *r->weight);
    r->pair = espy_cpu_scratch(run, n_pairs * (int64_t)sizeof *r->pair);
    r->row = espy_cpu_scratch(run, n_pairs * (int64_t)sizeof *r->row);
    r->begin = espy_cpu_scratch(run, (logits.cols + 1) * (int64_t)sizeof *r->begin);
    if (run->status) return routes;
    /* a stopped pool leaves rows out; the passes behind must find ids there */
    memset(r->chosen, 0, (size_t)n_pairs * sizeof *r->chosen);
    memset(r->weight, 0, (size_t)n_pairs * sizeof *r->weight);
    route_op op = { logits, r, k };
    espy_pool_run(cpu->pool, logits.rows, route_row, &op);
    sort_pairs(r, n_pairs, k, routes.n_experts);
    routes.mem = r;
    return routes;
}

/* -------------------------------------------------- rows there and back */

typedef struct pairs_op {
    const espy_kernels *kern;
    espy_act y, x;
    const cpu_routes *r;
    int k;
} pairs_op;

static void spread_pair(void *user, int64_t pair, int thread) {
    (void)thread;
    const pairs_op *op = user;
    memcpy(espy_cpu_at(op->y, pair), espy_cpu_at(op->x, op->r->row[pair]),
           (size_t)op->x.cols * sizeof(float));
}

void espy_cpu_spread(espy_run *run, espy_act y, espy_act x, const espy_routes *routes) {
    espy_cpu *cpu = run->backend;
    pairs_op op = { &cpu->k, y, x, routes->mem, routes->k };
    if (!run->status) espy_pool_run(cpu->pool, routes->n * routes->k, spread_pair, &op);
}

static void collect_row(void *user, int64_t row, int thread) {
    (void)thread;
    const pairs_op *op = user;
    float *y = espy_cpu_at(op->y, row);
    for (int64_t i = row * op->k; i < (row + 1) * op->k; i++)
        op->kern->vecmat[ESPY_F32](y, espy_cpu_at(op->x, op->r->pair[i]), 0, op->r->weight + i,
                                   op->y.cols, 1);
}

void espy_cpu_collect(espy_run *run, espy_act y, espy_act x, const espy_routes *routes) {
    espy_cpu *cpu = run->backend;
    pairs_op op = { &cpu->k, y, x, routes->mem, routes->k };
    if (!run->status) espy_pool_run(cpu->pool, routes->n, collect_row, &op);
}

/* -------------------------------------------------------------- matrices */

void espy_cpu_linear_experts(espy_run *run, espy_act y, espy_act x, const espy_experts *w,
                             const espy_routes *routes) {
    if (run->status) return;
    const cpu_routes *r = routes->mem;
    int n_groups = 0;
    void *m = run->ops->mark(run);
    espy_row_group *groups = espy_cpu_scratch(run, w->n * (int64_t)sizeof *groups);
    for (int e = 0; groups && e < w->n; e++) {
        int64_t n = r->begin[e + 1] - r->begin[e];
        if (n > 0) groups[n_groups++] = (espy_row_group){ r->begin[e], n, &w->each[e] };
    }
    espy_cpu_linear_groups(run, y, x, groups, n_groups, NULL);
    run->ops->release(run, m);
}
