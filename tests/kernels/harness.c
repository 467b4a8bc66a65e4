/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel_test.h"

#define AREA_BYTES ((size_t)1 << 20)
#define MARGIN 512
#define MAX_REPORTS 5 /* per slot */

static uint8_t *areas[N_AREAS];
static trial *current;

void set_slot(trial *t, const char *name, const char *variant) {
    snprintf(t->slot, sizeof(t->slot), "%s%s%s", name, variant ? " " : "", variant ? variant : "");
    t->size[0] = 0;
    t->n_failures = 0;
}

void set_size(trial *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(t->size, sizeof(t->size), fmt, args);
    va_end(args);
}

static int n_failed;

void fail(trial *t, const char *fmt, ...) {
    va_list args;
    n_failed++;
    if (t->n_failures++ >= MAX_REPORTS) return;
    printf("FAIL %s: %s [%s]: ", t->k->name, t->slot, t->size);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

int n_failures_of_all(void) {
    return n_failed;
}

void *allocate(size_t n_bytes) {
    void *p = calloc(1, n_bytes ? n_bytes : 1);
    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

/* ------------------------------------------------------------------ memory */

static void on_fault(int signal_number) {
    char line[256];
    (void)signal_number;
    int n = snprintf(line, sizeof(line), "FAIL %s: %s [%s]: touches memory outside its range\n",
                     current->k->name, current->slot, current->size);
    if (write(STDOUT_FILENO, line, (size_t)n) < 0) _exit(3);
    _exit(1);
}

void open_areas(trial *t) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = { .sa_handler = on_fault };
    for (int i = 0; i < N_AREAS && !areas[i]; i++) {
        uint8_t *p =
            mmap(NULL, AREA_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED || mprotect(p + page, AREA_BYTES, PROT_READ | PROT_WRITE)) {
            perror("mmap");
            exit(2);
        }
        areas[i] = p + page;
    }
    current = t;
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void *place(int area, size_t n_bytes, int side) {
    uint8_t *first = areas[area], *p;
    if (n_bytes + MARGIN > AREA_BYTES) {
        fprintf(stderr, "area too small for %zu bytes\n", n_bytes);
        exit(2);
    }
    p = side == AT_START ? first : first + AREA_BYTES - n_bytes;
    if (side == AT_START)
        memset(p, PATTERN, n_bytes + MARGIN);
    else
        memset(p - MARGIN, PATTERN, n_bytes + MARGIN);
    return p;
}

void *place_copy(int area, const void *data, size_t n_bytes, int side) {
    void *p = place(area, n_bytes, side);
    if (n_bytes) memcpy(p, data, n_bytes);
    return p;
}

void expect_intact(trial *t, int area, const void *p, size_t n_bytes) {
    const uint8_t *first = p, *edge = areas[area];
    const uint8_t *margin = first == edge ? first + n_bytes : first - MARGIN;
    for (int i = 0; i < MARGIN; i++)
        if (margin[i] != PATTERN) {
            fail(t, "writes %s its output", first == edge ? "behind" : "before");
            return;
        }
}

/* ----------------------------------------------------------------- compare */

void expect_near(trial *t, const float *got, const double *want, const double *bound, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double error = fabs((double)got[i] - want[i]);
        if (error <= bound[i] || (isnan(got[i]) && isnan(want[i])) || got[i] == want[i]) continue;
        fail(t, "value %lld is %.9g, not %.9g: error %.3g, at most %.3g", (long long)i,
             (double)got[i], want[i], error, bound[i]);
        return;
    }
}

void expect_same(trial *t, const char *what, const void *got, const void *want, size_t n_bytes) {
    const uint8_t *a = got, *b = want;
    for (size_t i = 0; i < n_bytes; i++)
        if (a[i] != b[i]) {
            fail(t, "%s: differs at byte %zu", what, i);
            return;
        }
}

/* ------------------------------------------------------------------ random */

static uint64_t state = 0x9e3779b97f4a7c15;

uint32_t random_u32(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)(state * 0x2545f4914f6cdd1d >> 32);
}

float random_float(void) {
    return (float)(int32_t)(random_u32() & ~255u) * 0x1p-31f;
}

void random_floats(float *x, int64_t n, float scale) {
    for (int64_t i = 0; i < n; i++) x[i] = scale * random_float();
}

/* Bytes at which a block holds F16 scales; -1: none. */
static const int scales_at[ESPY_N_DTYPES][2] = {
    [ESPY_Q4_0] = { 0, -1 },    [ESPY_Q4_1] = { 0, 2 },    [ESPY_Q5_0] = { 0, -1 },
    [ESPY_Q5_1] = { 0, 2 },     [ESPY_Q8_0] = { 0, -1 },   [ESPY_Q2_K] = { 80, 82 },
    [ESPY_Q3_K] = { 108, -1 },  [ESPY_Q4_K] = { 0, 2 },    [ESPY_Q5_K] = { 0, 2 },
    [ESPY_Q6_K] = { 208, -1 },  [ESPY_IQ4_NL] = { 0, -1 }, [ESPY_IQ4_XS] = { 0, -1 },
    [ESPY_IQ2_XXS] = { 0, -1 }, [ESPY_IQ2_XS] = { 0, -1 }, [ESPY_IQ2_S] = { 0, -1 },
    [ESPY_IQ3_XXS] = { 0, -1 }, [ESPY_IQ3_S] = { 0, -1 },  [ESPY_MXFP4] = { -1, -1 },
};

static uint16_t random_scale(void) { /* 2^-11 .. 2^-4 and either sign */
    return (uint16_t)((random_u32() & 0x83ff) | (4 + random_u32() % 7) << 10);
}

static void random_block(uint8_t *b, espy_dtype dtype) {
    for (int i = 0; i < espy_dtypes[dtype].block_bytes; i++) b[i] = (uint8_t)random_u32();
    for (int i = 0; i < 2; i++) {
        uint16_t d = random_scale();
        if (scales_at[dtype][i] >= 0) memcpy(b + scales_at[dtype][i], &d, sizeof(d));
    }
    if (dtype == ESPY_MXFP4) b[0] = (uint8_t)(120 + random_u32() % 8);
}

void random_row(void *w, espy_dtype dtype, int64_t n) {
    uint8_t *p = w;
    for (int64_t i = 0; i < n; i += espy_dtypes[dtype].block, p += espy_dtypes[dtype].block_bytes) {
        float f = random_float();
        uint16_t half = random_scale();
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        if (dtype == ESPY_F32)
            memcpy(p, &f, sizeof(f));
        else if (dtype == ESPY_F16)
            memcpy(p, &half, sizeof(half));
        else if (dtype == ESPY_BF16)
            memcpy(p, (uint16_t[1]){ (uint16_t)(bits >> 16) }, 2);
        else if (dtype == ESPY_F8_E4M3)
            p[0] = (uint8_t)(random_u32() % 127 | (random_u32() & 128));
        else
            random_block(p, dtype);
    }
}

int64_t size_at(int i, int block) {
    static const int more[] = { 96,  100, 127, 128, 129, 191,  255,  256,
                                257, 300, 511, 512, 515, 1000, 1024, 2051 };
    static const int blocks[] = { 6, 7, 8, 9, 15, 16, 17, 24 };
    if (block == 1) return i <= 70 ? i : i - 71 < 16 ? more[i - 71] : -1;
    return i <= 5 ? i * block : i - 6 < 8 ? (int64_t)blocks[i - 6] * block : -1;
}
