/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times every slot of every target on one thread: best of several runs, as
 * GB/s (bytes read and written) or GFLOP/s, and as a multiple of scalar.
 *
 *   bench_kernels [SLOT [TARGET]]     SLOT: the beginning of a name, such as "gemm" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel_test.h"

#define N_IN 4096           /* values of a row */
#define W_BYTES (64 << 20)  /* weights of a matvec: beyond any cache */
#define N_VALUES (64 << 10) /* of what works from L2 */
#define N_M 240             /* rows of a product */
#define N_K 1024
#define N_VECTORS 8 /* that a matrix is multiplied with at once */
#define RUN_SECONDS 0.05
#define N_RUNS 4

static struct buffers {
    uint8_t *w; /* [W_BYTES] */
    float *x, *y, *z;
    uint16_t *xh, *ph;
    espy_act_q8 *a;
} b;

typedef struct bench {
    const espy_kernels *k;
    int variant; /* dtype or gate */
} bench;

/* One call's work: returns bytes or operations; 0 if the slot is empty. */
typedef double (*work_fn)(const bench *c);

static double to_f32(const bench *c) {
    c->k->to_f32[c->variant](b.y, b.w, N_VALUES);
    return (double)espy_row_bytes((espy_dtype)c->variant, N_VALUES) + 4.0 * N_VALUES;
}

static double from_f32(const bench *c) {
    if (!c->k->from_f32[c->variant]) return 0;
    c->k->from_f32[c->variant](b.xh, b.x, N_VALUES);
    return (double)espy_row_bytes((espy_dtype)c->variant, N_VALUES) + 4.0 * N_VALUES;
}

static double quantize_act(const bench *c) {
    c->k->quantize_act(b.a, b.x, N_VALUES);
    return N_VALUES * (4 + 40.0 / 32);
}

static double matvec(const bench *c) {
    int64_t row = espy_row_bytes((espy_dtype)c->variant, N_IN), n_out = W_BYTES / row;
    if (!c->k->matvec[c->variant]) return 0;
    c->k->matvec[c->variant](b.y, b.w, row, b.x, N_IN, n_out);
    return (double)(n_out * row);
}

static double matvec_q8(const bench *c) {
    int64_t row = espy_row_bytes((espy_dtype)c->variant, N_IN), n_out = W_BYTES / row;
    if (!c->k->matvec_q8[c->variant]) return 0;
    c->k->matvec_q8[c->variant](b.y, b.w, row, b.a, N_IN, n_out);
    return (double)(n_out * row);
}

/* As a generation of N_VECTORS answers at once calls it: a panel's rows at a time.
 * Counts what as many single vectors would read. */
static double matvecs(const bench *c) {
    int64_t row = espy_row_bytes((espy_dtype)c->variant, N_IN), n_out = W_BYTES / row;
    if (!c->k->matvecs[c->variant]) return 0;
    for (int64_t o = 0; o + ESPY_PANEL <= n_out; o += ESPY_PANEL)
        c->k->matvecs[c->variant](b.y, ESPY_PANEL, b.w + o * row, row, b.x, N_IN, N_VECTORS, N_IN,
                                  ESPY_PANEL);
    return (double)(n_out / ESPY_PANEL * ESPY_PANEL * row) * N_VECTORS;
}

static double matvecs_q8(const bench *c) {
    int64_t row = espy_row_bytes((espy_dtype)c->variant, N_IN), n_out = W_BYTES / row;
    if (!c->k->matvecs_q8[c->variant]) return 0;
    for (int64_t o = 0; o + ESPY_PANEL <= n_out; o += ESPY_PANEL)
        c->k->matvecs_q8[c->variant](b.y, ESPY_PANEL, b.w + o * row, row, b.a, N_IN / 32, N_VECTORS,
                                     N_IN, ESPY_PANEL);
    return (double)(n_out / ESPY_PANEL * ESPY_PANEL * row) * N_VECTORS;
}

static double vecmat(const bench *c) {
    int64_t row = espy_row_bytes((espy_dtype)c->variant, 128);
    if (!c->k->vecmat[c->variant]) return 0;
    c->k->vecmat[c->variant](b.y, b.w, row, b.x, 128, 1024);
    return 1024.0 * (double)row;
}

static double pack_f32(const bench *c) {
    c->k->pack_f32(b.y, b.x, N_K, N_K, ESPY_PANEL);
    return 8.0 * N_K * ESPY_PANEL;
}

static double gemm_f32(const bench *c) {
    c->k->gemm_f32(b.y, ESPY_PANEL, b.x, N_K, b.z, N_K, N_M, ESPY_PANEL, 0);
    return 2.0 * N_M * N_K * ESPY_PANEL;
}

static double pack_bf16(const bench *c) {
    if (!c->k->pack_bf16) return 0;
    c->k->pack_bf16(b.ph, b.x, N_K, N_K, ESPY_PANEL);
    return 6.0 * N_K * ESPY_PANEL;
}

static double gemm_bf16(const bench *c) {
    if (!c->k->gemm_bf16) return 0;
    c->k->gemm_bf16(b.y, ESPY_PANEL, b.xh, N_K, b.ph, N_K, N_M, ESPY_PANEL, 0);
    return 2.0 * N_M * N_K * ESPY_PANEL;
}

static double layer_norm(const bench *c) {
    c->k->layer_norm(b.y, b.x, b.z, b.z, 1e-6f, 2048);
    return 16.0 * 2048;
}

static double rms_norm(const bench *c) {
    c->k->rms_norm(b.y, b.x, b.z, 1e-6f, 2048);
    return 12.0 * 2048;
}

static double rope(const bench *c) {
    for (int i = 0; i < 16; i++) c->k->rope(b.y + (ptrdiff_t)i * 128, b.z, b.z + 64, 128);
    return 16 * 12.0 * 128;
}

static double softmax(const bench *c) {
    memcpy(b.y, b.x, 1024 * sizeof(float));
    c->k->softmax(b.y, 1, 1024);
    return 8.0 * 1024;
}

static double activate(const bench *c) {
    c->k->activate[c->variant](b.y, b.x, b.z, 4096);
    return 12.0 * 4096;
}

static double add(const bench *c) {
    memset(b.y, 0, 4096 * sizeof(float));
    c->k->add(b.y, b.x, 4096);
    return 16.0 * 4096; /* and the zeros */
}

enum { NO_VARIANT, DTYPES, GATES };
static const struct slot {
    const char *name;
    work_fn work;
    int variants;
    const char *unit;
} slots[] = {
    { "to_f32", to_f32, DTYPES, "GB/s" },
    { "from_f32", from_f32, DTYPES, "GB/s" },
    { "quantize_act", quantize_act, 0, "GB/s" },
    { "matvec", matvec, DTYPES, "GB/s" },
    { "matvec_q8", matvec_q8, DTYPES, "GB/s" },
    { "matvecs", matvecs, DTYPES, "GB/s" },
    { "matvecs_q8", matvecs_q8, DTYPES, "GB/s" },
    { "vecmat", vecmat, DTYPES, "GB/s" },
    { "pack_f32", pack_f32, 0, "GB/s" },
    { "gemm_f32", gemm_f32, 0, "GFLOP/s" },
    { "pack_bf16", pack_bf16, 0, "GB/s" },
    { "gemm_bf16", gemm_bf16, 0, "GFLOP/s" },
    { "layer_norm", layer_norm, 0, "GB/s" },
    { "rms_norm", rms_norm, 0, "GB/s" },
    { "rope", rope, 0, "GB/s" },
    { "softmax", softmax, 0, "GB/s" },
    { "activate", activate, GATES, "GB/s" },
    { "add", add, 0, "GB/s" },
};

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Work per second, in units of 10^9. */
static double rate_of(work_fn work, const bench *c) {
    double best = 0;
    for (int i = 0; i < N_RUNS; i++) {
        double done = 0, start = seconds(), spent = 0;
        while (spent < RUN_SECONDS) {
            double one = work(c);
            if (one == 0) return 0;
            done += one;
            spent = seconds() - start;
        }
        if (done / spent > best) best = done / spent;
    }
    return best * 1e-9;
}

static void fill_weights(espy_dtype dtype) {
    size_t row = (size_t)espy_row_bytes(dtype, N_IN);
    random_row(b.w, dtype, N_IN);
    for (size_t at = row; at + row <= W_BYTES; at += row) memcpy(b.w + at, b.w, row);
}

static void bench_slot(const struct slot *slot, int variant, const char *target) {
    static const char *gates[] = { "gelu_tanh", "gelu_erf", "gelu_quick", "silu" };
    const char *name = slot->variants == DTYPES  ? espy_dtypes[variant].name
                       : slot->variants == GATES ? gates[variant]
                                                 : "";
    double scalar = 0;
    if (slot->variants == DTYPES) fill_weights((espy_dtype)variant);
    for (int i = 0; i < espy_n_targets; i++) {
        espy_kernels k;
        if (i > 0 && target && strcmp(target, espy_targets[i].name) != 0) continue;
        if (!espy_kernels_available(i) || espy_kernels_choose(&k, espy_targets[i].name)) continue;
        bench c = { &k, variant };
        double rate = rate_of(slot->work, &c);
        if (i == 0) scalar = rate;
        if (rate > 0)
            printf("%-12s %-10s %-8s %8.2f %-8s %6.1fx\n", slot->name, name, k.name, rate,
                   slot->unit, scalar > 0 ? rate / scalar : 1);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv) {
    size_t n = (size_t)N_M * N_K + N_VALUES, most_rows = W_BYTES / 1024;
    espy_kernels k;
    b.w = allocate(W_BYTES);
    b.x = allocate(n * sizeof(float));
    b.y = allocate((n > most_rows ? n : most_rows) * sizeof(float));
    b.z = allocate(n * sizeof(float));
    b.xh = allocate(n * sizeof(uint16_t));
    b.ph = allocate(n * sizeof(uint16_t));
    b.a = allocate(N_VALUES / 32 * sizeof(espy_act_q8));
    random_floats(b.x, (int64_t)n, 2);
    random_floats(b.z, (int64_t)n, 1);
    if (espy_kernels_choose(&k, "scalar")) return 1;
    k.quantize_act(b.a, b.x, N_VALUES);
    k.from_f32[ESPY_BF16](b.xh, b.x, (int64_t)n);
    k.from_f32[ESPY_BF16](b.ph, b.z, (int64_t)n);
    for (size_t s = 0; s < sizeof(slots) / sizeof(slots[0]); s++) {
        int n_variants = slots[s].variants == DTYPES  ? ESPY_N_DTYPES
                         : slots[s].variants == GATES ? ESPY_N_GATES
                                                      : 1;
        if (argc > 1 && strncmp(argv[1], slots[s].name, strlen(argv[1])) != 0) continue;
        for (int v = 0; v < n_variants; v++) bench_slot(&slots[s], v, argc > 2 ? argv[2] : NULL);
    }
    return 0;
}
