/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target without a fuzzer:
 *
 *     fuzz_gguf [--rounds N] FILE|FOLDER...
 *         every file as it is, then N inputs made from them by mutation. The
 *         same N gives the same inputs everywhere.
 *     fuzz_gguf --fail-allocations FILE...
 *         each file, which must be good, once for every allocation that reading
 *         it takes, with that one failing: the target must say that it failed. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "failing_alloc.h"
#include "fuzz.h"

typedef struct input {
    char *name;
    uint8_t *bytes;
    size_t n;
    int good;
} input;

typedef struct corpus {
    input *at;
    size_t n;
} corpus;

static void stop(const char *what, const char *name) {
    fprintf(stderr, "%s: %s\n", name, what);
    exit(2);
}

static void *must(void *p) {
    if (!p) stop("out of memory", "replay");
    return p;
}

/* ----------------------------------------------------------------- reading */

static void add_file(corpus *c, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) stop("cannot open", path);
    input in = { .name = must(strdup(path)) };
    uint8_t block[65536];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) {
        in.bytes = must(realloc(in.bytes, in.n + n));
        memcpy(in.bytes + in.n, block, n);
        in.n += n;
    }
    if (ferror(f)) stop("cannot read", path);
    fclose(f);
    c->at = must(realloc(c->at, (c->n + 1) * sizeof *c->at));
    c->at[c->n++] = in;
}

static void add_path(corpus *c, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) stop("is not there", path);
    if (!S_ISDIR(st.st_mode)) {
        add_file(c, path);
        return;
    }
    DIR *dir = opendir(path);
    if (!dir) stop("cannot open", path);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, d->d_name);
        if (d->d_name[0] != '.') add_file(c, file);
    }
    closedir(dir);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const input *)a)->name, ((const input *)b)->name);
}

static void free_corpus(corpus *c) {
    for (size_t i = 0; i < c->n; i++) {
        free(c->at[i].name);
        free(c->at[i].bytes);
    }
    free(c->at);
}

/* The target gets an allocation of just this size. */
static void run(const uint8_t *bytes, size_t n) {
    uint8_t *exact = must(malloc(n ? n : 1));
    if (n) memcpy(exact, bytes, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

/* ---------------------------------------------------------------- mutation */

static uint64_t random_state = 0x9E3779B97F4A7C15u;

/* xorshift64*; uniform enough for n far below 2^32. */
static size_t below(size_t n) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return n ? (size_t)((random_state * 0x2545F4914F6CDD1Du) >> 33) % n : 0;
}

static void put_interesting(uint8_t *p, size_t room) {
    static const uint64_t values[] = { 0,          1,          2,          9,
                                       31,         255,        0x7FFF,     0xFFFF,
                                       0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
                                       INT64_MAX,  1ull << 63, UINT64_MAX, UINT64_MAX / 8 };
    static const size_t widths[] = { 1, 2, 4, 8 };
    uint64_t v = values[below(sizeof values / sizeof *values)];
    size_t width = widths[below(4)];
    for (size_t i = 0; i < width && i < room; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* Overwrites, inserts or cuts out a stretch; b has room for twice its bytes. */
static size_t change(uint8_t *b, size_t n, const input *other) {
    size_t at = below(n);
    switch (below(7)) {
    case 0:
        if (n) b[at] ^= (uint8_t)(1 << below(8));
        return n;
    case 1:
        if (n) b[at] = (uint8_t)below(256);
        return n;
    case 2:
        put_interesting(b + at, n - at);
        return n;
    case 3:
        return at; /* cut off */
    case 4: {      /* cut out */
        size_t gone = 1 + below(16);
        if (gone > n - at) gone = n - at;
        memmove(b + at, b + at + gone, n - at - gone);
        return n - gone;
    }
    case 5: { /* double a stretch */
        size_t more = below(32);
        if (more > n - at) more = n - at;
        memmove(b + at + more, b + at, n - at);
        return n + more;
    }
    default: { /* a stretch of another file */
        size_t from = below(other->n), more = below(64);
        if (more > other->n - from) more = other->n - from;
        if (more > n - at) more = n - at;
        if (more) memcpy(b + at, other->bytes + from, more);
        return n;
    }
    }
}

/* Mostly of a good file: a mutant of a broken one tends to fail where it did. */
static void mutate(const corpus *c) {
    const input *in = &c->at[below(c->n)];
    for (int i = 0; i < 16 && !in->good; i++) in = &c->at[below(c->n)];
    int steps = 1 + (int)below(4);
    uint8_t *b = must(malloc(in->n + 32 * (size_t)steps + 1));
    if (in->n) memcpy(b, in->bytes, in->n);
    size_t n = in->n;
    for (int i = 0; i < steps; i++) n = change(b, n, &c->at[below(c->n)]);
    run(b, n);
    free(b);
}

/* ------------------------------------------------------------- allocations */

static void fail_each_allocation(const input *in) {
    cJSON_InitHooks(&(cJSON_Hooks){ malloc, free }); /* our malloc, not the library's */
    long n = 0, k = 0;
    do {
        failing_alloc_set(k);
        LLVMFuzzerTestOneInput(in->bytes, in->n);
        if (k == 0) n = failing_alloc_count();
        failing_alloc_set(0);
        if (k == 0 && (fuzz_status || !n)) stop("is not a good file, or needs no memory", in->name);
        if (k > 0 && !fuzz_status) {
            fprintf(stderr, "allocation %ld failed unseen\n", k);
            exit(1);
        }
    } while (k++ < n);
    printf("%s: %ld allocations, each failed once\n", in->name, n);
}

int main(int argc, char **argv) {
    corpus c = { 0 };
    long rounds = 0;
    int allocations = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--fail-allocations") == 0)
            allocations = 1;
        else
            add_path(&c, argv[i]);
    }
    if (!c.n) stop("no input given", argv[0]);
    qsort(c.at, c.n, sizeof *c.at, by_name);
    if (allocations) {
        for (size_t i = 0; i < c.n; i++) fail_each_allocation(&c.at[i]);
    } else {
        long good = 0;
        for (size_t i = 0; i < c.n; i++) {
            run(c.at[i].bytes, c.at[i].n);
            c.at[i].good = fuzz_status == ESPY_OK;
            good += c.at[i].good;
        }
        long good_mutants = 0;
        for (long i = 0; i < rounds; i++) {
            mutate(&c);
            good_mutants += fuzz_status == ESPY_OK;
        }
        printf("%zu files, of which %ld good; %ld mutants, of which %ld good\n", c.n, good, rounds,
               good_mutants);
        if (rounds && !good) stop("not one good file to mutate", argv[0]);
    }
    free_corpus(&c);
    return 0;
}
