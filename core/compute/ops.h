/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ops say what a model computes: calls on 2-D arrays of f32 activations and on
 * weights as they lie in the file. Model code speaks only these; a backend
 * (the CPU in ops_cpu.c) fills the table.
 *
 * A failing op sets run->status and later ops do nothing, so that a forward
 * pass stays free of checks and its caller asks once at the end. Shapes are the
 * model code's promise, made when the weights were bound. */
#ifndef ESPY_OPS_H
#define ESPY_OPS_H

#include "base/status.h"
#include "base/tensor.h"
#include "base/threads.h"
#include "compute/kernels/kernels.h"

/* Activations: f32 [rows][cols], rows stride values apart, from value at of mem
 * (the backend's handle; on the CPU a float *). */
typedef struct espy_act {
    void *mem;
    int64_t at;
    int64_t rows, cols, stride;
} espy_act;

/* A weight matrix [rows][cols]; vectors (norms, biases) are f32 with rows 1.
 *
 * With stride 0 it lies as said, the weights of an output in a row. Else it lies by
 * inputs, the other way round: cols rows of stride values, of which the first rows
 * are this matrix's; its dtype is a plain one then (blocks of one value). */
typedef struct espy_weight {
    espy_tensor tensor;
    int64_t rows, cols;
    int64_t stride;
} espy_weight;

/* The same matrix of each of a layer's experts: equal sizes, any types. */
typedef struct espy_experts {
    const espy_weight *each; /* [n]; NULL: the layer has none */
    int n;
} espy_experts;

/* Which experts each of n rows goes to, and how much each counts: n * k pairs of
 * row and expert, in the order of experts, within one in that of rows. */
typedef struct espy_routes {
    void *mem; /* the backend's */
    int64_t n;
    int k, n_experts;
} espy_routes;

typedef enum espy_norm_kind { ESPY_NORM_LAYER = 0, ESPY_NORM_RMS } espy_norm_kind;

/* Keys and values of all layers for the tokens on a timeline. */
typedef struct espy_cache espy_cache;

typedef struct espy_ops espy_ops;

/* How linear takes its rows, which decides about their rounding. Either way a row
 * comes out the same bit for bit whatever stands beside it. */
typedef enum espy_rows {
    ESPY_ROWS_BY_NUMBER = 0, /* alone up to ESPY_FEW_ROWS, else as many       */
    ESPY_ROWS_ALONE,         /* each as if it were the only one: generation   */
    ESPY_ROWS_MANY           /* as one of many, were it the only one: pictures,
                                prompts                                       */
} espy_rows;

enum { ESPY_FEW_ROWS = 4 };

/* One computation in progress. */
typedef struct espy_run {
    const espy_ops *ops;
    void *backend;
    espy_rows rows;
    int exact; /* f32 activations throughout; otherwise the backend may round
                  the inputs of linear to BF16 or 8 bit */
    espy_status status;
} espy_run;

struct espy_ops {
    /* Room for activations, until the mark is released. Contents undefined. */
    espy_act (*alloc)(espy_run *run, int64_t rows, int64_t cols);
    void *(*mark)(espy_run *run);
    void (*release)(espy_run *run, void *mark);

    void (*upload)(espy_run *run, espy_act y, const float *x); /* [rows][cols] */
    void (*download)(espy_run *run, float *y, espy_act x);     /* [rows][cols] */

    /* y = x W^T + b. x [n][W.cols], y [n][W.rows]; b may be NULL. */
    void (*linear)(espy_run *run, espy_act y, espy_act x, const espy_weight *w,
                   const espy_weight *b);

    /* Each row of x normalised over its cols; y may be x; b may be NULL. */
    void (*norm)(espy_run *run, espy_act y, espy_act x, espy_norm_kind kind, const espy_weight *w,
                 const espy_weight *b, float eps);

    /* Rotate half in place: x [n][heads * head_dim], angles' cosines and sines
     * [n][head_dim / 2]. */
    void (*rope)(espy_run *run, espy_act x, int head_dim, espy_act cosines, espy_act sines);

    /* y = softmax(q k^T / sqrt(head_dim)) v per head, rows attending only within
     * their block [bounds[i], bounds[i + 1]), i < n_blocks. y [n][heads *
     * head_dim]; heads of q, k and v lie q.cols / heads columns apart, which is
     * head_dim or more. */
    void (*attention)(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v, int head_dim,
                      const int64_t *bounds, int n_blocks);
    /* The same where block i of the queries sees rows [key_bounds[i],
     * key_bounds[i + 1]) of k and v. */
    void (*cross_attention)(espy_run *run, espy_act y, espy_act q, espy_act k, espy_act v,
                            int head_dim, const int64_t *bounds, const int64_t *key_bounds,
                            int n_blocks);

    /* Store keys and values [n][kv_heads * head_dim] of tokens from position
     * first on; then let queries [n][heads * head_dim] of the same tokens attend
     * to everything up to themselves. Query head h uses kv head
     * h / (heads / kv_heads). */
    void (*cache_store)(espy_run *run, espy_cache *cache, int layer, int64_t first, espy_act k,
                        espy_act v);
    void (*cache_attention)(espy_run *run, espy_act y, espy_act q, const espy_cache *cache,
                            int layer, int64_t first);

    /* y = gate(x), times up if given (same shape). y may be x or up. */
    void (*activate)(espy_run *run, espy_act y, espy_act x, espy_gate gate, const espy_act *up);

    void (*add)(espy_run *run, espy_act y, espy_act x); /* y += x */

    /* y[i] = table[ids[i]]; ids [y.rows], each in [0, table.rows). */
    void (*gather)(espy_run *run, espy_act y, const espy_weight *table, const int32_t *ids);

    /* For each row of logits [n][n_experts]: the k experts with the largest (the
     * first of equals) and their probabilities by softmax over all, divided by their
     * sum. Memory as by alloc. 1 <= k <= n_experts. */
    espy_routes (*route)(espy_run *run, espy_act logits, int k);

    /* A row for each pair: y [n * k][cols] from x [n][cols]. */
    void (*spread)(espy_run *run, espy_act y, espy_act x, const espy_routes *routes);

    /* y = x W^T, row by row with the matrix of the pair's expert. x [n * k][W.cols],
     * y [n * k][W.rows]. Reads the chosen experts' weights only. */
    void (*linear_experts)(espy_run *run, espy_act y, espy_act x, const espy_experts *w,
                           const espy_routes *routes);

    /* y[i] += sum over the pairs of row i of probability * x[pair]. x [n * k][cols],
     * y [n][cols]. */
    void (*collect)(espy_run *run, espy_act y, espy_act x, const espy_routes *routes);

    /* y[i] += sum over j < 4 of weights[i][j] * table[ids[i][j]]. */
    void (*gather_mix)(espy_run *run, espy_act y, const espy_weight *table, const int32_t (*ids)[4],
                       const float (*weights)[4]);
};

/* ----------------------------------------------------------------- the CPU */

typedef struct espy_cpu espy_cpu;

/* n_threads 0: one per core; kernels NULL: the best. Errors ESPY_ERR_ARGUMENT,
 * ESPY_ERR_UNSUPPORTED (kernels that this CPU lacks), ESPY_ERR_MEMORY. */
espy_status espy_cpu_open(espy_cpu **out, int n_threads, const char *kernels, espy_error *err);
void espy_cpu_close(espy_cpu **cpu);

/* y = values i .. i + n - 1 of row r of a weight as it lies, in f32, block scales
 * applied; i and n are whole blocks of its dtype. */
void espy_weight_values(const espy_kernels *k, const espy_weight *w, float *y, int64_t r, int64_t i,
                        int64_t n);

/* A fresh run on it. One run at a time. */
espy_run espy_cpu_run(espy_cpu *cpu, int exact);

const espy_kernels *espy_cpu_kernels(const espy_cpu *cpu);
espy_pool *espy_cpu_pool(const espy_cpu *cpu);

/* ------------------------------------------------------------------- cache */

typedef struct espy_cache_shape {
    int n_layers, n_kv_heads, head_dim;
    espy_dtype dtype; /* F32, F16 or Q8_0 */
} espy_cache_shape;

/* Bytes for n tokens; INT64_MAX when they are more. */
int64_t espy_cache_bytes(const espy_cache_shape *shape, int64_t n);

/* head_dim is a multiple of the dtype's block. Holds no tokens until reserved. */
espy_status espy_cache_open(espy_cache **out, const espy_cache_shape *shape, espy_error *err);

/* Makes room for n tokens or some more, keeping the first n_keep; cheap when
 * there is room. Errors ESPY_ERR_MEMORY, with nothing changed. */
espy_status espy_cache_reserve(espy_cache *cache, int64_t n, int64_t n_keep, espy_error *err);
void espy_cache_close(espy_cache **cache);

/* -------------------------------------------------------------- small help */

/* Rows [first, first + n) of a. */
static inline espy_act espy_act_rows(espy_act a, int64_t first, int64_t n) {
    a.at += first * a.stride;
    a.rows = n;
    return a;
}

/* Columns [first, first + n) of a. */
static inline espy_act espy_act_cols(espy_act a, int64_t first, int64_t n) {
    a.at += first;
    a.cols = n;
    return a;
}

/* The same values with another row length; a has no gaps between rows. */
static inline espy_act espy_act_shape(espy_act a, int64_t rows, int64_t cols) {
    a.rows = rows;
    a.cols = a.stride = cols;
    return a;
}

#endif
