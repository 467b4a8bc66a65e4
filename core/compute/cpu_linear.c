/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* y = x W^T + b on a CPU. Outputs are split over threads in panels of 32.
 *
 * Rows that stand alone (generation): matrix times vector, straight from the file's
 * bytes; with 8 bit activations where the dtype has such a kernel and the run is not
 * exact. Several at once read the weights once, and come out as each alone. Many rows (prompt,
 * vision): each panel's weights are expanded to f32 once, packed, and multiplied with all rows; in
 * BF16 where the CPU has it, the weights are not F32 and the run is not exact. */
#include "compute/cpu.h"

typedef struct linear_op {
    const espy_kernels *k;
    espy_act y, x;
    const espy_weight *w;
    const float *bias;
    int64_t row_bytes, scale_per_row;
    const espy_act_q8 *x_q8; /* [rows][cols / 32] */
    const uint16_t *x_bf16;  /* [rows][cols_even] */
    int64_t cols_even;
    float *rows_f32; /* [n_threads][panel][cols] */
    void *panel;     /* [n_threads][cols_even][panel] f32 or bf16 */
} linear_op;

static void add_bias(const linear_op *op, float *y, int64_t first, int64_t n) {
    if (!op->bias) return;
    for (int64_t i = 0; i < n; i++) y[i] += op->bias[first + i];
}

static const uint8_t *weight_row(const linear_op *op, int64_t row) {
    return (const uint8_t *)op->w->tensor.data + row * op->row_bytes;
}

static int64_t panel_cols(const linear_op *op, int64_t first) {
    int64_t left = op->w->rows - first;
    return left < ESPY_PANEL ? left : ESPY_PANEL;
}

/* ------------------------------------------------------------- few rows */

static void few_rows_item(void *user, int64_t item, int thread) {
    (void)thread;
    const linear_op *op = user;
    int64_t first = item * ESPY_PANEL, n = panel_cols(op, first), cols = op->w->cols;
    espy_dtype t = op->w->tensor.dtype;
    const uint8_t *w = weight_row(op, first);
    float *y = espy_cpu_at(op->y, 0) + first;
    int n_m = (int)op->x.rows;
    if (op->x_q8)
        op->k->matvecs_q8[t](y, op->y.stride, w, op->row_bytes, op->x_q8, cols / 32, n_m, cols, n);
    else
        op->k->matvecs[t](y, op->y.stride, w, op->row_bytes, espy_cpu_at(op->x, 0), op->x.stride,
                          n_m, cols, n);
    for (int64_t m = 0; m < n_m; m++) add_bias(op, espy_cpu_at(op->y, m) + first, first, n);
}

static void few_rows(espy_run *run, linear_op *op, int64_t n_items) {
    espy_cpu *cpu = run->backend;
    int64_t cols = op->w->cols;
    if (!run->exact && op->k->matvec_q8[op->w->tensor.dtype] && cols % 32 == 0) {
        espy_act_q8 *q =
            espy_cpu_scratch(run, op->x.rows * (cols / 32) * (int64_t)sizeof(espy_act_q8));
        if (!q) return;
        for (int64_t m = 0; m < op->x.rows; m++)
            op->k->quantize_act(q + m * (cols / 32), espy_cpu_at(op->x, m), cols);
        op->x_q8 = q;
    }
    espy_pool_run(cpu->pool, n_items, few_rows_item, op);
}

/* ------------------------------------------------------------ many rows */

static void expand_row(const linear_op *op, float *y, int64_t row) {
    const espy_tensor *t = &op->w->tensor;
    int64_t n = op->w->cols;
    op->k->to_f32[t->dtype](y, weight_row(op, row), n);
    if (!t->scale) return;
    const float *s = t->scale + row / t->scale_rows * op->scale_per_row;
    for (int64_t i = 0; i < n; i++) y[i] *= s[i / t->scale_cols];
}

static void many_rows_item(void *user, int64_t item, int thread) {
    const linear_op *op = user;
    int64_t first = item * ESPY_PANEL, cols = op->w->cols;
    int n = (int)panel_cols(op, first);
    float *rows = op->rows_f32 + thread * ESPY_PANEL * cols;
    for (int c = 0; c < n; c++) expand_row(op, rows + c * cols, first + c);
    float *y = espy_cpu_at(op->y, 0) + first;
    if (op->x_bf16) {
        uint16_t *panel = (uint16_t *)op->panel + thread * ESPY_PANEL * op->cols_even;
        op->k->pack_bf16(panel, rows, cols, cols, n);
        op->k->gemm_bf16(y, op->y.stride, op->x_bf16, op->cols_even, panel, cols, (int)op->x.rows,
                         n, 0);
    } else {
        float *panel = (float *)op->panel + thread * ESPY_PANEL * op->cols_even;
        op->k->pack_f32(panel, rows, cols, cols, n);
        op->k->gemm_f32(y, op->y.stride, espy_cpu_at(op->x, 0), op->x.stride, panel, cols,
                        (int)op->x.rows, n, 0);
    }
    for (int64_t m = 0; m < op->x.rows; m++) add_bias(op, espy_cpu_at(op->y, m) + first, first, n);
}

static void to_bf16_item(void *user, int64_t row, int thread) {
    (void)thread;
    const linear_op *op = user;
    uint16_t *y = (uint16_t *)(uintptr_t)op->x_bf16 + row * op->cols_even;
    op->k->from_f32[ESPY_BF16](y, espy_cpu_at(op->x, row), op->x.cols);
    if (op->cols_even != op->x.cols) y[op->x.cols] = 0;
}

static void many_rows(espy_run *run, linear_op *op, int64_t n_items) {
    espy_cpu *cpu = run->backend;
    int64_t n_threads = espy_pool_n_threads(cpu->pool), cols = op->w->cols;
    op->cols_even = (cols + 1) & ~(int64_t)1;
    int bf16 = !run->exact && op->k->gemm_bf16 && op->w->tensor.dtype != ESPY_F32;
    int64_t panel_bytes = op->cols_even * ESPY_PANEL * (bf16 ? 2 : 4);
    op->rows_f32 = espy_cpu_scratch(run, n_threads * ESPY_PANEL * cols * (int64_t)sizeof(float));
    op->panel = espy_cpu_scratch(run, n_threads * panel_bytes);
    if (bf16) op->x_bf16 = espy_cpu_scratch(run, op->x.rows * op->cols_even * 2);
    if (run->status) return;
    if (bf16) espy_pool_run(cpu->pool, op->x.rows, to_bf16_item, op);
    espy_pool_run(cpu->pool, n_items, many_rows_item, op);
}

void espy_cpu_linear(espy_run *run, espy_act y, espy_act x, const espy_weight *w,
                     const espy_weight *b) {
    espy_cpu *cpu = run->backend;
    if (run->status || x.rows == 0) return;
    const espy_tensor *t = &w->tensor;
    linear_op op = { .k = &cpu->k,
                     .y = y,
                     .x = x,
                     .w = w,
                     .bias = b ? b->tensor.data : NULL,
                     .row_bytes = espy_row_bytes(t->dtype, w->cols) };
    if (t->scale) op.scale_per_row = (w->cols + t->scale_cols - 1) / t->scale_cols;
    int64_t n_items = (w->rows + ESPY_PANEL - 1) / ESPY_PANEL;
    void *m = run->ops->mark(run);
    /* Block scales need expanded rows. */
    int few =
        run->rows == ESPY_ROWS_BY_NUMBER ? x.rows <= ESPY_FEW_ROWS : run->rows == ESPY_ROWS_ALONE;
    if (few && cpu->k.matvecs[t->dtype] && !t->scale)
        few_rows(run, &op, n_items);
    else
        many_rows(run, &op, n_items);
    run->ops->release(run, m);
}
