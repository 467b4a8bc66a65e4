/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products of packed rows and one vector, against sums in double over the same
 * weights. Bounds allow a chain of n / 8 roundings: eight or more partial sums.
 *
 *   |error| <= EPS * (n / 8 + 24) * sum |w| |x| */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_test.h"

#define MAX_ROWS 9

typedef struct problem {
    espy_dtype dtype;
    int64_t n, n_rows, stride; /* stride in bytes */
    size_t w_bytes;
    uint8_t *w;
    float *x;       /* [n], or [n_rows] weights of rows */
    espy_act_q8 *a; /* [n / 32] */
    float *row;     /* [n], f32 values of one row */
} problem;

static problem make_problem(const trial *t, espy_dtype dtype, int64_t n, int64_t n_rows, int gap) {
    problem p = { dtype, n, n_rows, espy_row_bytes(dtype, n) + gap };
    int64_t n_x = n > n_rows ? n : n_rows;
    p.w_bytes = n_rows ? (size_t)(p.stride * (n_rows - 1) + espy_row_bytes(dtype, n)) : 0;
    p.w = allocate(p.w_bytes);
    p.x = allocate((size_t)n_x * sizeof(float));
    p.a = allocate((size_t)(n / 32) * sizeof(espy_act_q8));
    p.row = allocate((size_t)n * sizeof(float));
    for (int64_t o = 0; o < n_rows; o++) random_row(p.w + o * p.stride, dtype, n);
    random_floats(p.x, n_x, 2);
    if (n % 32 == 0) t->truth->quantize_act(p.a, p.x, n);
    return p;
}

static void free_problem(problem *p) {
    free(p->w);
    free(p->x);
    free(p->a);
    free(p->row);
}

/* ------------------------------------------------------------------ matvec */

static void expect_matvec(const trial *t, problem *p, double *want, double *bound) {
    for (int64_t o = 0; o < p->n_rows; o++) {
        double sum = 0, size = 0;
        t->truth->to_f32[p->dtype](p->row, p->w + o * p->stride, p->n);
        for (int64_t i = 0; i < p->n; i++) {
            sum += (double)p->row[i] * p->x[i];
            size += fabs((double)p->row[i] * p->x[i]);
        }
        want[o] = sum;
        bound[o] = EPS * ((double)p->n / 8 + 24) * size;
    }
}

static void try_matvec(trial *t, espy_dtype dtype, int64_t n, int64_t n_out, int gap) {
    problem p = make_problem(t, dtype, n, n_out, gap);
    double want[MAX_ROWS], bound[MAX_ROWS];
    float first[MAX_ROWS] = { 0 };
    size_t y_bytes = (size_t)n_out * sizeof(float);
    expect_matvec(t, &p, want, bound);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_in %lld, n_out %lld, gap %d, side %d", (long long)n, (long long)n_out, gap,
                 side);
        const uint8_t *w = place_copy(AREA_A, p.w, p.w_bytes, side);
        const float *x = place_copy(AREA_B, p.x, (size_t)n * sizeof(float), side);
        float *y = place(AREA_OUT, y_bytes, side);
        t->k->matvec[dtype](y, w, p.stride, x, n, n_out);
        expect_near(t, y, want, bound, n_out);
        expect_intact(t, AREA_OUT, y, y_bytes);
        if (side == 0) memcpy(first, y, y_bytes);
        expect_same(t, "another alignment", y, first, y_bytes);
        for (int64_t o = 0; o < n_out; o++)
            t->k->matvec[dtype](y + o, w + o * p.stride, p.stride, x, n, 1);
        expect_same(t, "row by row", y, first, y_bytes);
    }
    free_problem(&p);
}

/* --------------------------------------------------------------- matvec_q8 */

/* Sums of a block with a minimum are differences of two larger ones: the bound
 * takes the largest weight of each 32. */
static void expect_matvec_q8(const trial *t, problem *p, double *want, double *bound) {
    for (int64_t o = 0; o < p->n_rows; o++) {
        double sum = 0, size = 0;
        t->truth->to_f32[p->dtype](p->row, p->w + o * p->stride, p->n);
        for (int64_t b = 0; b < p->n / 32; b++) {
            const float *w = p->row + 32 * b;
            double largest = 0, total = 0;
            for (int i = 0; i < 32; i++) {
                sum += (double)w[i] * p->a[b].d * p->a[b].q[i];
                total += fabs((double)p->a[b].d * p->a[b].q[i]);
                if (fabsf(w[i]) > largest) largest = fabsf(w[i]);
            }
            size += 4 * largest * total;
        }
        want[o] = sum;
        bound[o] = EPS * ((double)p->n / 32 + 8) * size;
    }
}

static void try_matvec_q8(trial *t, espy_dtype dtype, int64_t n, int64_t n_out, int gap) {
    problem p = make_problem(t, dtype, n, n_out, gap);
    double want[MAX_ROWS], bound[MAX_ROWS];
    float first[MAX_ROWS] = { 0 };
    size_t y_bytes = (size_t)n_out * sizeof(float);
    if (n) memset(p.a[0].q, 127, 32), p.a[0].sum = 32 * 127; /* the largest sums */
    expect_matvec_q8(t, &p, want, bound);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_in %lld, n_out %lld, gap %d, side %d", (long long)n, (long long)n_out, gap,
                 side);
        const uint8_t *w = place_copy(AREA_A, p.w, p.w_bytes, side);
        const espy_act_q8 *a =
            place_copy(AREA_B, p.a, (size_t)(n / 32) * sizeof(espy_act_q8), side);
        float *y = place(AREA_OUT, y_bytes, side);
        t->k->matvec_q8[dtype](y, w, p.stride, a, n, n_out);
        expect_near(t, y, want, bound, n_out);
        expect_intact(t, AREA_OUT, y, y_bytes);
        if (side == 0) memcpy(first, y, y_bytes);
        expect_same(t, "another alignment", y, first, y_bytes);
        for (int64_t o = 0; o < n_out; o++)
            t->k->matvec_q8[dtype](y + o, w + o * p.stride, p.stride, a, n, 1);
        expect_same(t, "row by row", y, first, y_bytes);
    }
    free_problem(&p);
}

/* ----------------------------------------------------------------- matvecs */

#define MAX_VECTORS 11

/* Several vectors at once give the bits of each alone. */
static void try_matvecs(trial *t, espy_dtype dtype, int64_t n, int64_t n_out, int n_m) {
    enum { Y_GAP = 3 };
    problem p = make_problem(t, dtype, n, n_out, n_m % 2 ? 5 : 0);
    int64_t x_stride = n + n_m % 3, y_stride = n_out + Y_GAP, a_stride = n / 32 + n_m % 2;
    size_t x_bytes = (size_t)(x_stride * (n_m - 1) + n) * sizeof(float);
    size_t a_bytes = (size_t)(a_stride * (n_m - 1) + n / 32) * sizeof(espy_act_q8);
    size_t y_bytes = (size_t)(y_stride * (n_m - 1) + n_out) * sizeof(float);
    float *all = allocate(x_bytes), *want = allocate(y_bytes);
    espy_act_q8 *all_q8 = allocate(a_bytes);
    random_floats(all, (int64_t)(x_bytes / sizeof *all), 2);
    for (int64_t i = 0; n % 32 == 0 && i < (int64_t)(a_bytes / sizeof *all_q8); i++) {
        float block[32];
        random_floats(block, 32, 2);
        t->truth->quantize_act(all_q8 + i, block, 32);
    }
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n_in %lld, n_out %lld, %d vectors, side %d", (long long)n, (long long)n_out,
                 n_m, side);
        const uint8_t *w = place_copy(AREA_A, p.w, p.w_bytes, side);
        for (int q8 = 0; q8 < (t->k->matvecs_q8[dtype] && n % 32 == 0 ? 2 : 1); q8++) {
            const void *x = q8 ? place_copy(AREA_B, all_q8, a_bytes, side)
                               : place_copy(AREA_B, all, x_bytes, side);
            float *y = place(AREA_OUT, y_bytes, side);
            memset(y, 0, y_bytes);
            memset(want, 0, y_bytes);
            for (int m = 0; m < n_m; m++)
                if (q8)
                    t->k->matvec_q8[dtype](want + m * y_stride, w, p.stride,
                                           (const espy_act_q8 *)x + m * a_stride, n, n_out);
                else
                    t->k->matvec[dtype](want + m * y_stride, w, p.stride,
                                        (const float *)x + m * x_stride, n, n_out);
            if (q8)
                t->k->matvecs_q8[dtype](y, y_stride, w, p.stride, x, a_stride, n_m, n, n_out);
            else
                t->k->matvecs[dtype](y, y_stride, w, p.stride, x, x_stride, n_m, n, n_out);
            expect_same(t, q8 ? "vectors together, 8 bit" : "vectors together", y, want, y_bytes);
            expect_intact(t, AREA_OUT, y, y_bytes);
        }
    }
    free(all);
    free(want);
    free(all_q8);
    free_problem(&p);
}

void test_matvec(trial *t) {
    static const int rows[] = { 1, 2, 3, 0, 4, 5, 8, 9 };
    for (int d = 0; d < ESPY_N_DTYPES; d++)
        for (int i = 0; t->k->matvec[d] && size_at(i, espy_dtypes[d].block) >= 0; i++) {
            int64_t n = size_at(i, espy_dtypes[d].block);
            set_slot(t, "matvec", espy_dtypes[d].name);
            for (int r = 0; r < 8; r++) try_matvec(t, (espy_dtype)d, n, rows[r], r % 2 ? 0 : 5);
            set_slot(t, "matvecs", espy_dtypes[d].name);
            for (int m = 1; m <= MAX_VECTORS; m++) try_matvecs(t, (espy_dtype)d, n, rows[m % 8], m);
            set_slot(t, "matvec_q8", espy_dtypes[d].name);
            if (!t->k->matvec_q8[d]) continue;
            for (int r = 0; r < 8; r++) try_matvec_q8(t, (espy_dtype)d, n, rows[r], r % 2 ? 0 : 5);
        }
}

/* ------------------------------------------------------------------ vecmat */

static void try_vecmat(trial *t, espy_dtype dtype, int64_t n, int64_t n_rows, int gap) {
    problem p = make_problem(t, dtype, n, n_rows, gap);
    size_t y_bytes = (size_t)n * sizeof(float);
    float *start = allocate(y_bytes), *first = allocate(y_bytes);
    double *want = allocate(2 * y_bytes), *bound = allocate(2 * y_bytes);
    random_floats(start, n, 1);
    for (int64_t i = 0; i < n; i++) {
        want[i] = start[i];
        bound[i] = fabsf(start[i]);
    }
    for (int64_t j = 0; j < n_rows; j++) {
        t->truth->to_f32[dtype](p.row, p.w + j * p.stride, n);
        for (int64_t i = 0; i < n; i++) {
            want[i] += (double)p.x[j] * p.row[i];
            bound[i] += fabs((double)p.x[j] * p.row[i]);
        }
    }
    for (int64_t i = 0; i < n; i++) bound[i] *= EPS * (double)(n_rows + 2);
    for (int side = 0; side < N_SIDES; side++) {
        set_size(t, "n %lld, n_rows %lld, gap %d, side %d", (long long)n, (long long)n_rows, gap,
                 side);
        const uint8_t *w = place_copy(AREA_A, p.w, p.w_bytes, side);
        const float *x = place_copy(AREA_B, p.x, (size_t)n_rows * sizeof(float), side);
        float *y = place_copy(AREA_OUT, start, y_bytes, side);
        t->k->vecmat[dtype](y, w, p.stride, x, n, n_rows);
        expect_near(t, y, want, bound, n);
        expect_intact(t, AREA_OUT, y, y_bytes);
        if (side == 0 && n) memcpy(first, y, y_bytes);
        expect_same(t, "another alignment", y, first, y_bytes);
    }
    free(start);
    free(first);
    free(want);
    free(bound);
    free_problem(&p);
}

void test_vecmat(trial *t) {
    static const int rows[] = { 1, 2, 3, 0, 4, 5, 16, 67 };
    static const int lengths[] = { 511, 512, 513, 527, 4095, 4096, 4097, 4192, 8257 };
    for (int d = 0; d < ESPY_N_DTYPES; d++) {
        if (!t->k->vecmat[d]) continue;
        set_slot(t, "vecmat", espy_dtypes[d].name);
        for (int i = 0; size_at(i, espy_dtypes[d].block) >= 0; i++)
            for (int r = 0; r < 8; r++)
                try_vecmat(t, (espy_dtype)d, size_at(i, espy_dtypes[d].block), rows[r],
                           r % 2 ? 0 : 5);
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            if (lengths[i] % espy_dtypes[d].block == 0)
                try_vecmat(t, (espy_dtype)d, lengths[i], i % 2 ? 7 : 20, i % 3 ? 0 : 5);
    }
}
