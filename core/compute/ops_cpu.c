/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ops on a CPU: splits rows over the pool's threads and calls kernels. The
 * larger ops have files of their own (cpu_linear.c, cpu_experts.c, cpu_attention.c). */
#include "compute/cpu.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_ITEM = 16 };

void *espy_cpu_scratch(espy_run *run, int64_t n_bytes) {
    espy_cpu *cpu = run->backend;
    if (run->status) return NULL;
    void *p = n_bytes >= 0 ? espy_arena_alloc(&cpu->arena, (size_t)n_bytes) : NULL;
    if (!p) run->status = ESPY_ERR_MEMORY;
    return p;
}

static espy_act alloc(espy_run *run, int64_t rows, int64_t cols) {
    espy_act a = { .rows = rows, .cols = cols, .stride = cols };
    if (cols > 0 && rows > INT64_MAX / 8 / cols) {
        run->status = ESPY_ERR_MEMORY;
        return a;
    }
    a.mem = espy_cpu_scratch(run, rows * cols * (int64_t)sizeof(float));
    return a;
}

/* A mark lives in the arena itself, just above what it protects. */
static void *mark(espy_run *run) {
    espy_cpu *cpu = run->backend;
    espy_arena_mark m = espy_arena_get_mark(&cpu->arena);
    espy_arena_mark *kept = espy_cpu_scratch(run, sizeof m);
    if (kept) *kept = m;
    return kept;
}

static void release(espy_run *run, void *kept) {
    espy_cpu *cpu = run->backend;
    if (kept) espy_arena_release(&cpu->arena, *(espy_arena_mark *)kept);
}

static void upload(espy_run *run, espy_act y, const float *x) {
    if (run->status) return;
    for (int64_t i = 0; i < y.rows; i++)
        memcpy(espy_cpu_at(y, i), x + i * y.cols, (size_t)y.cols * sizeof *x);
}

static void download(espy_run *run, float *y, espy_act x) {
    if (run->status) return;
    for (int64_t i = 0; i < x.rows; i++)
        memcpy(y + i * x.cols, espy_cpu_at(x, i), (size_t)x.cols * sizeof *y);
}

/* ------------------------------------------------------- ops row by row */

typedef struct row_op {
    const espy_kernels *k;
    espy_act y, x, up, cosines, sines;
    int has_up;
    int64_t rows;
    espy_norm_kind norm;
    espy_gate gate;
    const float *w, *b;
    float eps;
    int head_dim;
    const espy_weight *table;
    const int32_t *ids;
    const int32_t (*mix_ids)[4];
    const float (*mix_weights)[4];
    float *scratch; /* [n_threads][cols] */
    void (*row)(const struct row_op *op, int64_t i, int thread);
} row_op;

static void run_rows(void *user, int64_t item, int thread) {
    const row_op *op = user;
    int64_t end = (item + 1) * ROWS_PER_ITEM;
    if (end > op->rows) end = op->rows;
    for (int64_t i = item * ROWS_PER_ITEM; i < end; i++) op->row(op, i, thread);
}

static void each_row(espy_run *run, row_op *op) {
    espy_cpu *cpu = run->backend;
    if (run->status) return;
    op->k = &cpu->k;
    int64_t n_items = (op->rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM;
    espy_pool_run(cpu->pool, n_items, run_rows, op);
}

static void norm_row(const row_op *op, int64_t i, int thread) {
    (void)thread;
    float *y = espy_cpu_at(op->y, i);
    const float *x = espy_cpu_at(op->x, i);
    if (op->norm == ESPY_NORM_RMS)
        op->k->rms_norm(y, x, op->w, op->eps, op->x.cols);
    else
        op->k->layer_norm(y, x, op->w, op->b, op->eps, op->x.cols);
}

static void norm(espy_run *run, espy_act y, espy_act x, espy_norm_kind kind, const espy_weight *w,
                 const espy_weight *b, float eps) {
    row_op op = { .y = y,
                  .x = x,
                  .rows = x.rows,
                  .norm = kind,
                  .w = w->tensor.data,
                  .b = b ? b->tensor.data : NULL,
                  .eps = eps,
                  .row = norm_row };
    each_row(run, &op);
}

static void rope_row(const row_op *op, int64_t i, int thread) {
    (void)thread;
    float *x = espy_cpu_at(op->x, i);
    for (int64_t h = 0; h < op->x.cols; h += op->head_dim)
        op->k->rope(x + h, espy_cpu_at(op->cosines, i), espy_cpu_at(op->sines, i), op->head_dim);
}

static void rope(espy_run *run, espy_act x, int head_dim, espy_act cosines, espy_act sines) {
    row_op op = { .x = x,
                  .rows = x.rows,
                  .head_dim = head_dim,
                  .cosines = cosines,
                  .sines = sines,
                  .row = rope_row };
    each_row(run, &op);
}

static void activate_row(const row_op *op, int64_t i, int thread) {
    (void)thread;
    op->k->activate[op->gate](espy_cpu_at(op->y, i), espy_cpu_at(op->x, i),
                              op->has_up ? espy_cpu_at(op->up, i) : NULL, op->x.cols);
}

static void activate(espy_run *run, espy_act y, espy_act x, espy_gate gate, const espy_act *up) {
    row_op op = { .y = y, .x = x, .rows = x.rows, .gate = gate, .row = activate_row };
    if (up) {
        op.up = *up;
        op.has_up = 1;
    }
    each_row(run, &op);
}

static void add_row(const row_op *op, int64_t i, int thread) {
    (void)thread;
    op->k->add(espy_cpu_at(op->y, i), espy_cpu_at(op->x, i), op->x.cols);
}

static void add(espy_run *run, espy_act y, espy_act x) {
    row_op op = { .y = y, .x = x, .rows = x.rows, .row = add_row };
    each_row(run, &op);
}

static void table_row(const row_op *op, float *y, int64_t row) {
    espy_weight_values(op->k, op->table, y, row, 0, op->table->cols);
}

static void gather_row(const row_op *op, int64_t i, int thread) {
    (void)thread;
    table_row(op, espy_cpu_at(op->y, i), op->ids[i]);
}

static void gather(espy_run *run, espy_act y, const espy_weight *table, const int32_t *ids) {
    row_op op = { .y = y, .rows = y.rows, .table = table, .ids = ids, .row = gather_row };
    each_row(run, &op);
}

static void mix_row(const row_op *op, int64_t i, int thread) {
    int64_t n = op->table->cols;
    float *rows[4], *y = espy_cpu_at(op->y, i);
    const float *w = op->mix_weights[i];
    for (int j = 0; j < 4; j++) {
        rows[j] = op->scratch + ((int64_t)thread * 4 + j) * n;
        table_row(op, rows[j], op->mix_ids[i][j]);
    }
    for (int64_t c = 0; c < n; c++)
        y[c] += ((rows[0][c] * w[0] + rows[1][c] * w[1]) + rows[2][c] * w[2]) + rows[3][c] * w[3];
}

static void gather_mix(espy_run *run, espy_act y, const espy_weight *table, const int32_t (*ids)[4],
                       const float (*weights)[4]) {
    espy_cpu *cpu = run->backend;
    void *m = mark(run);
    row_op op = { .y = y,
                  .rows = y.rows,
                  .table = table,
                  .mix_ids = ids,
                  .mix_weights = weights,
                  .row = mix_row };
    op.scratch = espy_cpu_scratch(run, espy_pool_n_threads(cpu->pool) * 4 * table->cols *
                                           (int64_t)sizeof(float));
    each_row(run, &op);
    release(run, m);
}

/* ------------------------------------------------------------ life cycle */

static const espy_ops cpu_ops = {
    .alloc = alloc,
    .mark = mark,
    .release = release,
    .upload = upload,
    .download = download,
    .linear = espy_cpu_linear,
    .norm = norm,
    .rope = rope,
    .attention = espy_cpu_attention,
    .cross_attention = espy_cpu_cross_attention,
    .cache_store = espy_cpu_cache_store,
    .cache_attention = espy_cpu_cache_attention,
    .activate = activate,
    .add = add,
    .route = espy_cpu_route,
    .spread = espy_cpu_spread,
    .linear_experts = espy_cpu_linear_experts,
    .collect = espy_cpu_collect,
    .gather = gather,
    .gather_mix = gather_mix,
};

espy_status espy_cpu_open(espy_cpu **out, int n_threads, const char *kernels, espy_error *err) {
    *out = NULL;
    espy_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu) return espy_out_of_memory(err);
    espy_status status = ESPY_OK;
    if (espy_kernels_choose(&cpu->k, kernels) != 0)
        status = espy_fail(err, ESPY_ERR_UNSUPPORTED, -1, "kernels '%s' do not run on this CPU",
                           kernels ? kernels : "default");
    else
        status = espy_pool_open(&cpu->pool, n_threads, err);
    if (status) {
        free(cpu);
        return status;
    }
    /* without an instruction for it, BF16 costs accuracy and saves nothing */
    if (strcmp(cpu->k.name, "scalar") == 0) cpu->k.gemm_bf16 = NULL;
    *out = cpu;
    return ESPY_OK;
}

void espy_cpu_close(espy_cpu **cpu) {
    if (!*cpu) return;
    espy_pool_close(&(*cpu)->pool);
    espy_arena_free(&(*cpu)->arena);
    free(*cpu);
    *cpu = NULL;
}

espy_run espy_cpu_run(espy_cpu *cpu, int exact) {
    return (espy_run){ .ops = &cpu_ops, .backend = cpu, .exact = exact };
}

const espy_kernels *espy_cpu_kernels(const espy_cpu *cpu) {
    return &cpu->k;
}

espy_pool *espy_cpu_pool(const espy_cpu *cpu) {
    return cpu->pool;
}
