/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compute/quantize/quantize.h"

enum {
    CHUNK_VALUES = 1 << 20,
    ITEM_VALUES = 1 << 12,
    TURNED_ROWS = 32 /* read at once of a matrix that lies by inputs */
};

espy_status espy_out_weights_add(espy_out_weights *list, const char *name, const espy_tensor *from,
                                 espy_error *err) {
    if (list->n == list->capacity) {
        int capacity = list->capacity * 2 + 256;
        espy_out_weight *grown = realloc(list->items, (size_t)capacity * sizeof *grown);
        if (!grown) return espy_out_of_memory(err);
        list->items = grown;
        list->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy) return espy_out_of_memory(err);
    list->items[list->n++] = (espy_out_weight){ .name = copy, .from = *from, .to = from->dtype };
    return ESPY_OK;
}

espy_status espy_out_weights_add_experts(espy_out_weights *list, const char *name,
                                         const espy_experts *experts, espy_error *err) {
    const espy_weight *w = experts->each;
    espy_tensor all = { .dtype = w->tensor.dtype,
                        .n_dims = 3,
                        .shape = { experts->n, w->rows, w->cols, 1, 1 },
                        .data = w->tensor.data,
                        .n_bytes = experts->n * w->tensor.n_bytes };
    espy_status status = espy_out_weights_add(list, name, &all, err);
    if (!status) list->items[list->n - 1].experts = *experts;
    return status;
}

void espy_out_weights_free(espy_out_weights *list) {
    for (int i = 0; i < list->n; i++) free(list->items[i].name);
    free(list->items);
    *list = (espy_out_weights){ 0 };
}

void espy_out_weights_choose(espy_out_weights *list, const espy_mix_file *file) {
    for (int i = 0; i < list->n; i++) {
        espy_out_weight *t = &list->items[i];
        t->to = espy_mix_choose(file, t->name, t->from.dtype, t->from.n_dims, t->from.shape);
    }
}

static int64_t count(const espy_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

int64_t espy_out_weights_count(const espy_out_weights *list) {
    int64_t n = 0;
    for (int i = 0; i < list->n; i++) n += count(&list->items[i].from);
    return n;
}

/* -------------------------------------------------------------- some rows */

/* Rows first .. first + n - 1 of a tensor; an item is rows_per_item of them. */
typedef struct chunk {
    const espy_kernels *kernels;
    const espy_out_weight *t;
    espy_weight whole; /* where there are no experts */
    int64_t cols, first, n, rows_per_item;
    float *scratch;   /* [n_threads][TURNED_ROWS][cols] */
    uint8_t *out;     /* [n] rows */
    int64_t *bad_row; /* [items] -1: none */
    int64_t *bad_col;
    float *bad_value;
} chunk;

/* The matrix that has a row of the tensor, and which of its own that is. */
static const espy_weight *matrix_of(const chunk *c, int64_t row, int64_t *own) {
    const espy_experts *e = &c->t->experts;
    *own = e->each ? row % e->each->rows : row;
    return e->each ? &e->each[row / e->each->rows] : &c->whole;
}

/* Rows r .. r + n - 1 of a matrix, x [n][cols]. */
static void read_rows(const chunk *c, const espy_weight *w, int64_t r, int64_t n, float *x) {
    float column[TURNED_ROWS];
    for (int64_t i = 0; i < n && !w->stride; i++)
        espy_weight_values(c->kernels, w, x + i * c->cols, r + i, 0, c->cols);
    for (int64_t k = 0; k < c->cols && w->stride; k++) {
        espy_weight_values(c->kernels, w, column, k, r, n);
        for (int64_t i = 0; i < n; i++) x[i * c->cols + k] = column[i];
    }
}

/* The index of a number that cannot be, or -1. x: row r of w, the row-th of all. */
static int64_t write_row(const chunk *c, const espy_weight *w, int64_t r, int64_t row,
                         const float *x) {
    int64_t row_bytes = espy_row_bytes(c->t->to, c->cols);
    uint8_t *out = c->out + (row - c->first) * row_bytes;
    if (w->tensor.dtype != c->t->to || w->stride)
        return espy_quantize_row(c->kernels, c->t->to, out, x, c->cols);
    for (int64_t i = 0; i < c->cols; i++)
        if (!isfinite(x[i])) return i;
    memcpy(out, (const uint8_t *)w->tensor.data + r * row_bytes, (size_t)row_bytes);
    return -1;
}

static void convert_item(void *user, int64_t item, int thread) {
    chunk *c = user;
    float *x = c->scratch + thread * TURNED_ROWS * c->cols;
    int64_t row = c->first + item * c->rows_per_item, end = row + c->rows_per_item, n, r;
    if (end > c->first + c->n) end = c->first + c->n;
    c->bad_row[item] = -1;
    for (; row < end; row += n) {
        const espy_weight *w = matrix_of(c, row, &r);
        n = w->stride ? TURNED_ROWS : 1;
        if (n > end - row) n = end - row;
        if (n > w->rows - r) n = w->rows - r;
        read_rows(c, w, r, n, x);
        for (int64_t i = 0; i < n; i++) {
            int64_t at = write_row(c, w, r + i, row + i, x + i * c->cols);
            if (at < 0) continue;
            c->bad_row[item] = row + i;
            c->bad_col[item] = at;
            c->bad_value[item] = x[i * c->cols + at];
            return;
        }
    }
}

static espy_status complain(const chunk *c, int64_t item, const char *path, espy_error *err) {
    float v = c->bad_value[item];
    const char *name = c->t->name, *type = espy_dtypes[c->t->to].name;
    if (isfinite(v))
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: tensor '%.100s' holds %g in row %lld, column %lld, too large for %s",
                         path, name, (double)v, (long long)c->bad_row[item],
                         (long long)c->bad_col[item], type);
    return espy_fail(err, ESPY_ERR_FORMAT, -1,
                     "%s: tensor '%.100s' holds %s in row %lld, column %lld", path, name,
                     isnan(v) ? "what is not a number" : "an infinity", (long long)c->bad_row[item],
                     (long long)c->bad_col[item]);
}

/* -------------------------------------------------------------- one tensor */

static espy_status write_chunks(chunk *c, int64_t rows, int64_t rows_per_chunk,
                                espy_gguf_writer *writer, espy_pool *pool, espy_out_progress *p,
                                const char *path, espy_error *err) {
    for (c->first = 0; c->first < rows; c->first += c->n) {
        c->n = rows - c->first < rows_per_chunk ? rows - c->first : rows_per_chunk;
        int64_t n_items = (c->n + c->rows_per_item - 1) / c->rows_per_item;
        espy_pool_run(pool, n_items, convert_item, c);
        for (int64_t i = 0; i < n_items; i++)
            if (c->bad_row[i] >= 0) return complain(c, i, path, err);
        espy_status status =
            espy_gguf_write(writer, c->out, c->n * espy_row_bytes(c->t->to, c->cols), err);
        if (status) return status;
        p->done += c->n * c->cols;
        if (p->fn && p->fn(p->user, "writing", p->done, p->total))
            return espy_fail(err, ESPY_ERR_STOPPED, -1, "writing was stopped");
    }
    return ESPY_OK;
}

static espy_status write_tensor(const espy_kernels *kernels, const espy_out_weight *t,
                                espy_gguf_writer *writer, espy_pool *pool,
                                espy_out_progress *progress, const char *path, espy_error *err) {
    int64_t n = count(&t->from), cols = t->from.n_dims ? t->from.shape[t->from.n_dims - 1] : 1;
    if (n == 0) return ESPY_OK;
    int64_t rows = n / cols, per_chunk = CHUNK_VALUES / cols, per_item = ITEM_VALUES / cols;
    if (per_item < 1) per_item = 1;
    if (t->experts.each && t->experts.each->stride && per_item < TURNED_ROWS)
        per_item = TURNED_ROWS;
    if (per_chunk < per_item) per_chunk = per_item;
    if (per_chunk > rows) per_chunk = rows;
    int64_t n_items = (per_chunk + per_item - 1) / per_item;
    int64_t n_rows = (int64_t)TURNED_ROWS * espy_pool_n_threads(pool);
    if (cols > INT64_MAX / 8 / n_rows) return espy_out_of_memory(err);
    chunk c = { .kernels = kernels,
                .t = t,
                .whole = { .tensor = t->from, .rows = rows, .cols = cols },
                .cols = cols,
                .rows_per_item = per_item };
    c.scratch = malloc((size_t)(cols * n_rows) * sizeof *c.scratch);
    c.out = malloc((size_t)(per_chunk * espy_row_bytes(t->to, cols)));
    c.bad_row = malloc((size_t)n_items * sizeof *c.bad_row);
    c.bad_col = malloc((size_t)n_items * sizeof *c.bad_col);
    c.bad_value = malloc((size_t)n_items * sizeof *c.bad_value);
    espy_status status;
    if (!c.scratch || !c.out || !c.bad_row || !c.bad_col || !c.bad_value)
        status = espy_out_of_memory(err);
    else
        status = write_chunks(&c, rows, per_chunk, writer, pool, progress, path, err);
    free(c.scratch);
    free(c.out);
    free(c.bad_row);
    free(c.bad_col);
    free(c.bad_value);
    return status;
}

espy_status espy_out_weights_write(const espy_out_weights *list, espy_gguf_writer *writer,
                                   espy_pool *pool, espy_out_progress *progress, const char *path,
                                   espy_error *err) {
    static const int64_t one = 1;
    espy_kernels kernels;
    espy_kernels_choose(&kernels, NULL);
    for (int i = 0; i < list->n; i++) {
        const espy_tensor *t = &list->items[i].from;
        espy_gguf_add_tensor(writer, list->items[i].name, list->items[i].to,
                             t->n_dims ? t->n_dims : 1, t->n_dims ? t->shape : &one);
    }
    espy_status status = espy_gguf_begin_data(writer, err);
    for (int i = 0; i < list->n && !status; i++)
        status = write_tensor(&kernels, &list->items[i], writer, pool, progress, path, err);
    return status;
}
