/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = x W^T + b on a CPU, for one matrix or for groups of rows with one each.
 * Outputs are split over threads in panels of 32.
 *
 * Rows that stand alone (generation): matrix times vector, straight from the file's
 * bytes; with 8 bit activations where the dtype has such a kernel and the run is not
 * exact. Several at once read the weights once, and come out as each alone. Many rows
 * (prompt, vision): each panel's weights are expanded to f32 once, packed, and
 * multiplied with all rows; in BF16 where the CPU has it, the weights are not F32 and
 * the run is not exact.
 *
 * A matrix that lies by inputs is read in the order of its bytes, many outputs at
 * a time: y += x[i] * row i. Its rows are a panel's already. */
#include "compute/cpu.h"

#include <string.h>

enum { WIDTH_BY_INPUT = 4 * ESPY_PANEL, ITEMS_PER_THREAD = 4 };

typedef struct linear_op {
    const espy_kernels *k;
    espy_act y, x;
    const espy_row_group *groups;
    int64_t rows, cols; /* of every matrix */
    const float *bias;
    int exact;
    espy_rows taken;
    int64_t width, n_slices; /* outputs of an item, items of a group */
    espy_act_q8 *x_q8;       /* [x.rows][cols / 32], of the groups that use it */
    uint16_t *x_bf16;        /* [x.rows][cols_even], likewise */
    int64_t cols_even;
    float *rows_f32; /* [n_threads][panel][cols], or [cols][panel] */
    void *panel;     /* [n_threads][cols_even][panel] f32 or bf16 */
} linear_op;

static void add_bias(const linear_op *op, float *y, int64_t first, int64_t n) {
    if (!op->bias) return;
    for (int64_t i = 0; i < n; i++) y[i] += op->bias[first + i];
}

/* Where a weight begins: row r, value i as the bytes lie. */
static const uint8_t *weight_at(const espy_weight *w, int64_t r, int64_t i) {
    int64_t n = w->stride ? w->stride : w->cols;
    return (const uint8_t *)w->tensor.data + r * espy_row_bytes(w->tensor.dtype, n) +
           espy_row_bytes(w->tensor.dtype, i);
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Which way a group goes. Block scales need expanded rows. */
static int is_few(const linear_op *op, const espy_row_group *g) {
    const espy_tensor *t = &g->w->tensor;
    int few =
        op->taken == ESPY_ROWS_BY_NUMBER ? g->n <= ESPY_FEW_ROWS : op->taken == ESPY_ROWS_ALONE;
    return few && !t->scale &&
           (g->w->stride ? op->k->vecmat[t->dtype] != NULL : op->k->matvecs[t->dtype] != NULL);
}

static int has_q8(const linear_op *op, const espy_row_group *g) {
    return is_few(op, g) && !op->exact && !g->w->stride && op->cols % 32 == 0 &&
           op->k->matvecs_q8[g->w->tensor.dtype];
}

static int has_bf16(const linear_op *op, const espy_row_group *g) {
    return !is_few(op, g) && !op->exact && op->k->gemm_bf16 && g->w->tensor.dtype != ESPY_F32;
}

/* ------------------------------------------------------------- few rows */

static void few_rows(const linear_op *op, const espy_row_group *g, int64_t first, int64_t n) {
    const espy_weight *w = g->w;
    espy_dtype t = w->tensor.dtype;
    int64_t stride = espy_row_bytes(t, w->stride ? w->stride : w->cols), per_row = op->cols / 32;
    float *y = espy_cpu_at(op->y, g->first) + first;
    const float *x = espy_cpu_at(op->x, g->first);
    for (int64_t m = 0; m < g->n && w->stride; m++) {
        memset(y + m * op->y.stride, 0, (size_t)n * sizeof *y);
        op->k->vecmat[t](y + m * op->y.stride, weight_at(w, 0, first), stride, x + m * op->x.stride,
                         n, op->cols);
    }
    if (has_q8(op, g))
        op->k->matvecs_q8[t](y, op->y.stride, weight_at(w, first, 0), stride,
                             op->x_q8 + g->first * per_row, per_row, (int)g->n, op->cols, n);
    else if (!w->stride)
        op->k->matvecs[t](y, op->y.stride, weight_at(w, first, 0), stride, x, op->x.stride,
                          (int)g->n, op->cols, n);
    for (int64_t m = 0; m < g->n; m++) add_bias(op, y + m * op->y.stride, first, n);
}

/* ------------------------------------------------------------ many rows */

void espy_weight_values(const espy_kernels *k, const espy_weight *w, float *y, int64_t r, int64_t i,
                        int64_t n) {
    const espy_tensor *t = &w->tensor;
    k->to_f32[t->dtype](y, weight_at(w, r, i), n);
    if (!t->scale) return;
    int64_t length = w->stride ? w->stride : w->cols;
    const float *s = t->scale + r / t->scale_rows * ((length + t->scale_cols - 1) / t->scale_cols);
    for (int64_t c = 0; c < n; c++) y[c] *= s[(i + c) / t->scale_cols];
}

/* Outputs first .. first + n - 1 as an f32 panel, or as a BF16 one. */
static void *make_panel(const linear_op *op, const espy_weight *w, int64_t first, int n, int bf16,
                        int thread) {
    float *rows = op->rows_f32 + thread * ESPY_PANEL * op->cols;
    float *panel = (float *)op->panel + thread * ESPY_PANEL * op->cols_even;
    if (w->stride) {
        float *to = bf16 ? rows : panel;
        for (int64_t k = 0; k < op->cols; k++, to += ESPY_PANEL) {
            espy_weight_values(op->k, w, to, k, first, n);
            for (int c = n; c < ESPY_PANEL; c++) to[c] = 0;
        }
        if (bf16) op->k->panel_bf16((uint16_t *)panel, rows, op->cols);
        return panel;
    }
    for (int c = 0; c < n; c++)
        espy_weight_values(op->k, w, rows + c * op->cols, first + c, 0, op->cols);
    if (bf16)
        op->k->pack_bf16((uint16_t *)panel, rows, op->cols, op->cols, n);
    else
        op->k->pack_f32(panel, rows, op->cols, op->cols, n);
    return panel;
}

static void many_rows(const linear_op *op, const espy_row_group *g, int64_t first, int n,
                      int thread) {
    int bf16 = has_bf16(op, g);
    const void *panel = make_panel(op, g->w, first, n, bf16, thread);
    float *y = espy_cpu_at(op->y, g->first) + first;
    if (bf16)
        op->k->gemm_bf16(y, op->y.stride, op->x_bf16 + g->first * op->cols_even, op->cols_even,
                         panel, op->cols, (int)g->n, n, 0);
    else
        op->k->gemm_f32(y, op->y.stride, espy_cpu_at(op->x, g->first), op->x.stride, panel,
                        op->cols, (int)g->n, n, 0);
    for (int64_t m = 0; m < g->n; m++, y += op->y.stride) add_bias(op, y, first, n);
}

/* ----------------------------------------------------------------- both */

static void linear_item(void *user, int64_t item, int thread) {
    const linear_op *op = user;
    const espy_row_group *g = &op->groups[item / op->n_slices];
    int64_t first = item % op->n_slices * op->width, end = least(first + op->width, op->rows);
    if (is_few(op, g)) {
        few_rows(op, g, first, end - first);
        return;
    }
    for (; first < end; first += ESPY_PANEL)
        many_rows(op, g, first, (int)least(ESPY_PANEL, end - first), thread);
}

static void to_bf16_item(void *user, int64_t row, int thread) {
    (void)thread;
    const linear_op *op = user;
    uint16_t *y = op->x_bf16 + row * op->cols_even;
    op->k->from_f32[ESPY_BF16](y, espy_cpu_at(op->x, row), op->cols);
    if (op->cols_even != op->cols) y[op->cols] = 0;
}

/* Inputs in the forms that the groups ask for, and scratch. */
static void prepare(espy_run *run, linear_op *op, int n_groups) {
    espy_cpu *cpu = run->backend;
    int64_t n_threads = espy_pool_n_threads(cpu->pool), per_row = op->cols / 32;
    int many = 0, bf16 = 0, q8 = 0;
    for (int i = 0; i < n_groups; i++) {
        many |= !is_few(op, &op->groups[i]);
        bf16 |= has_bf16(op, &op->groups[i]);
        q8 |= has_q8(op, &op->groups[i]);
    }
    int64_t panel_bytes = n_threads * ESPY_PANEL * op->cols_even * (int64_t)sizeof(float);
    if (many) op->rows_f32 = espy_cpu_scratch(run, panel_bytes);
    if (many) op->panel = espy_cpu_scratch(run, panel_bytes);
    if (bf16) op->x_bf16 = espy_cpu_scratch(run, op->x.rows * op->cols_even * 2);
    if (q8) op->x_q8 = espy_cpu_scratch(run, op->x.rows * per_row * (int64_t)sizeof *op->x_q8);
    if (run->status) return;
    if (bf16) espy_pool_run(cpu->pool, op->x.rows, to_bf16_item, op);
    for (int i = 0; i < n_groups && q8; i++) {
        const espy_row_group *g = &op->groups[i];
        for (int64_t m = g->first; has_q8(op, g) && m < g->first + g->n; m++)
            op->k->quantize_act(op->x_q8 + m * per_row, espy_cpu_at(op->x, m), op->cols);
    }
}

/* Results do not depend on it. Bytes by input want long runs: whole rows where that
 * leaves work for all threads. */
static int64_t choose_width(const linear_op *op, int n_groups, int n_threads) {
    if (!op->groups[0].w->stride) return ESPY_PANEL;
    if (!is_few(op, &op->groups[0])) return WIDTH_BY_INPUT;
    int64_t panels = (op->rows + ESPY_PANEL - 1) / ESPY_PANEL;
    int64_t share = n_threads == 1 ? panels : panels * n_groups / (n_threads * ITEMS_PER_THREAD);
    return (share < 4 ? 4 : least(share, panels)) * ESPY_PANEL;
}

void espy_cpu_linear_groups(espy_run *run, espy_act y, espy_act x, const espy_row_group *groups,
                            int n_groups, const espy_weight *b) {
    espy_cpu *cpu = run->backend;
    if (run->status || n_groups == 0) return;
    linear_op op = { .k = &cpu->k,
                     .y = y,
                     .x = x,
                     .groups = groups,
                     .rows = groups->w->rows,
                     .cols = groups->w->cols,
                     .bias = b ? b->tensor.data : NULL,
                     .exact = run->exact,
                     .taken = run->rows,
                     .cols_even = (groups->w->cols + 1) & ~(int64_t)1 };
    op.width = choose_width(&op, n_groups, espy_pool_n_threads(cpu->pool));
    op.n_slices = (op.rows + op.width - 1) / op.width;
    void *m = run->ops->mark(run);
    prepare(run, &op, n_groups);
    if (!run->status) espy_pool_run(cpu->pool, n_groups * op.n_slices, linear_item, &op);
    run->ops->release(run, m);
}

void espy_cpu_linear(espy_run *run, espy_act y, espy_act x, const espy_weight *w,
                     const espy_weight *b) {
    espy_row_group all = { 0, x.rows, w };
    espy_cpu_linear_groups(run, y, x, &all, x.rows > 0, b);
}
