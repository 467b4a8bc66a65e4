/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder of made-up pictures of mixed sizes, described one at a time and as a batch,
 * in one run and in turn, so that both meet the same machine: pictures per second of CPU
 * time on one thread, or by the clock on several. The answers are compared bit for bit.
 * Then the vision tower alone, for several budgets of a pass.
 *
 *   bench_batch MODEL [PICTURES [TOKENS [THREADS [ROUNDS]]]]     50, 32, 1, 3 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <espy.h>

static struct settings {
    int n, n_tokens, n_threads, n_rounds;
    espy_model *model;
    espy_image **images; /* [n] */
    int64_t n_vision;    /* tokens of all */
} s = { .n = 50, .n_tokens = 32, .n_threads = 1, .n_rounds = 3 };

/* One request, and the tokens of its answer. */
typedef struct question {
    const espy_image *image[1];
    espy_part parts[2];
    espy_message message;
    int32_t *tokens;
    int n_tokens;
} question;

static const espy_sampling greedy;

static double seconds(void) {
    struct timespec t;
    clock_gettime(s.n_threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(espy_status status, const espy_error *err) {
    if (!status) return;
    fprintf(stderr, "%s\n", err->message);
    exit(1);
}

/* From 96 x 96 to 480 x 480 or so, of any shape, all different. */
static void make_pictures(void) {
    uint32_t random = 1;
    espy_error err = { 0 };
    s.images = calloc((size_t)s.n, sizeof *s.images);
    uint8_t *pixels = malloc(3 * 512 * 512);
    if (!s.images || !pixels) exit(1);
    for (int i = 0; i < s.n; i++) {
        int size[2], fitted[2], n;
        for (int k = 0; k < 2; k++) {
            random = random * 1664525U + 1013904223U;
            size[k] = 96 + (int)((random >> 16) % 385);
        }
        for (int at = 0; at < 3 * size[0] * size[1]; at++) {
            random = random * 1664525U + 1013904223U;
            pixels[at] = (uint8_t)(at * (i + 3) / 97 % 192 + (int)(random >> 26));
        }
        check(espy_image_from_pixels(&s.images[i], pixels, size[0], size[1], (ptrdiff_t)size[0] * 3,
                                     3, ESPY_ALPHA_WHITE, &err),
              &err);
        check(espy_fit(s.model, size[0], size[1], 0, 0, &fitted[0], &fitted[1], &n, &err), &err);
        s.n_vision += n;
    }
    free(pixels);
}

static void make_request(question *q, int i, espy_request *r, int n_tokens) {
    q->image[0] = s.images[i];
    q->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE, .images = q->image, .n_images = 1 };
    q->parts[1] = (espy_part){ .text = "Describe this image in one sentence." };
    q->message = (espy_message){ "user", q->parts, 2 };
    *r = (espy_request){ .messages = &q->message,
                         .n_messages = 1,
                         .max_tokens = n_tokens,
                         .sampling = &greedy,
                         .ignore_eos = 1 };
}

static void keep(question *q, const espy_result *r) {
    size_t n = (size_t)r->n_tokens * sizeof *r->tokens;
    free(q->tokens);
    q->tokens = malloc(n + 1);
    if (!q->tokens) exit(1);
    memcpy(q->tokens, r->tokens, n);
    q->n_tokens = r->n_tokens;
}

typedef struct parts {
    double total, vision, prompt, answer; /* seconds; all but the first by the clock */
} parts;

static void add(parts *p, const espy_result *r) {
    p->vision += r->vision_ms / 1e3;
    p->prompt += r->prompt_ms / 1e3;
    p->answer += r->generate_ms / 1e3;
}

static parts one_at_a_time(espy_context *c, question *questions) {
    parts p = { 0 };
    double start = seconds();
    for (int i = 0; i < s.n; i++) {
        espy_request request;
        espy_result r;
        espy_error err = { 0 };
        make_request(&questions[i], i, &request, s.n_tokens);
        check(espy_generate(c, &request, &r, &err), &err);
        keep(&questions[i], &r);
        add(&p, &r);
        espy_result_clear(&r);
    }
    p.total = seconds() - start;
    return p;
}

typedef struct batch_run {
    question *questions;
    parts p;
} batch_run;

static espy_status on_request(void *user, int64_t i, espy_request *request, espy_error *err) {
    (void)err;
    batch_run *b = user;
    make_request(&b->questions[i], (int)i, request, s.n_tokens);
    return ESPY_OK;
}

static int on_result(void *user, int64_t i, espy_status status, const espy_result *r,
                     const espy_error *err) {
    batch_run *b = user;
    check(status, err);
    keep(&b->questions[i], r);
    add(&b->p, r);
    return 0;
}

static parts as_a_batch(espy_context *c, question *questions) {
    batch_run b = { .questions = questions };
    espy_batch batch = { .n = s.n, .on_request = on_request, .on_result = on_result, .user = &b };
    espy_error err = { 0 };
    double start = seconds();
    check(espy_generate_batch(c, &batch, &err), &err);
    b.p.total = seconds() - start;
    return b.p;
}

static espy_context *open_context(int n_lanes, int64_t pass_tokens) {
    espy_context *c;
    espy_error err = { 0 };
    espy_context_params p = { .n_threads = s.n_threads,
                              .n_lanes = n_lanes,
                              .pass_tokens = pass_tokens,
                              .vision_cache_bytes = -1 };
    check(espy_context_open(&c, s.model, &p, &err), &err);
    return c;
}

static void print(const char *name, parts p, parts than) {
    printf("%-14s %8.2f pictures/s  (vision %.2f s, prompt %.2f s, answer %.2f s)  %5.2fx\n", name,
           s.n / p.total, p.vision, p.prompt, p.answer, than.total / p.total);
    (void)fflush(stdout);
}

static int n_different(const question *a, const question *b) {
    int n = 0;
    for (int i = 0; i < s.n; i++)
        n += a[i].n_tokens != b[i].n_tokens ||
             memcmp(a[i].tokens, b[i].tokens, (size_t)a[i].n_tokens * sizeof *a[i].tokens) != 0;
    return n;
}

static void describe_all(question *alone, question *together) {
    static const int lanes[] = { 2, 4, 8 };
    enum { N_LANES = sizeof lanes / sizeof *lanes };
    parts best = { 0 }, best_of[N_LANES] = { 0 };
    int n_wrong = 0;
    for (int round = 0; round < s.n_rounds; round++) {
        espy_context *c = open_context(1, 1);
        parts p = one_at_a_time(c, alone);
        espy_context_close(&c);
        if (!round || p.total < best.total) best = p;
        for (int k = 0; k < N_LANES; k++) {
            c = open_context(lanes[k], 0);
            p = as_a_batch(c, together);
            espy_context_close(&c);
            if (!round || p.total < best_of[k].total) best_of[k] = p;
            n_wrong += n_different(alone, together);
        }
    }
    print("one at a time", best, best);
    for (int k = 0; k < N_LANES; k++) {
        char name[32];
        snprintf(name, sizeof name, "batch of %d", lanes[k]);
        print(name, best_of[k], best);
    }
    printf("%d answers differ\n", n_wrong);
    (void)fflush(stdout);
}

/* When the pictures are looked at. */
static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    double *end = user;
    (void)done, (void)total;
    if (!strcmp(phase, "looking")) *end = seconds();
    return 0;
}

/* All pictures in one request, of which nothing but the vision time counts, in ms. */
static double look(int64_t pass_tokens) {
    double best = 0, end = 0;
    question q = { 0 };
    espy_part *all = calloc((size_t)s.n + 1, sizeof *all);
    if (!all) exit(1);
    for (int i = 0; i < s.n; i++)
        all[i] = (espy_part){ .type = ESPY_PART_IMAGE,
                              .images = (const espy_image *const *)&s.images[i],
                              .n_images = 1 };
    q.message = (espy_message){ "user", all, s.n };
    for (int round = 0; round < s.n_rounds; round++) {
        espy_context *c = open_context(1, pass_tokens);
        espy_request r = { .messages = &q.message,
                           .n_messages = 1,
                           .max_tokens = 1,
                           .on_progress = on_progress,
                           .user = &end };
        espy_result result;
        espy_error err = { 0 };
        double start = seconds();
        check(espy_generate(c, &r, &result, &err), &err);
        if (!round || end - start < best) best = end - start;
        espy_result_clear(&result);
        espy_context_close(&c);
    }
    free(all);
    return 1e3 * best;
}

static void look_at_all(void) {
    double alone = 0;
    for (int64_t budget = 1; budget <= 4096; budget *= budget == 1 ? 128 : 2) {
        double ms = look(budget);
        if (budget == 1) alone = ms;
        printf("vision, passes of %4lld tokens  %8.2f ms  %5.2fx\n", (long long)budget, ms,
               alone / ms);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv) {
    espy_error err = { 0 };
    if (argc < 2) {
        fprintf(stderr, "usage: bench_batch MODEL [PICTURES [TOKENS [THREADS [ROUNDS]]]]\n");
        return 2;
    }
    int *const numbers[] = { &s.n, &s.n_tokens, &s.n_threads, &s.n_rounds };
    for (int i = 0; i < 4 && i + 2 < argc; i++) *numbers[i] = atoi(argv[i + 2]);
    for (int i = 0; i < 4; i++)
        if (*numbers[i] < 1) return 2;
    check(espy_model_open(&s.model, argv[1], NULL, &err), &err);
    make_pictures();
    printf("%d pictures, %.0f vision tokens each, %d tokens of answer, %d threads\n", s.n,
           (double)s.n_vision / s.n, s.n_tokens, s.n_threads);
    question *alone = calloc((size_t)s.n, sizeof *alone);
    question *together = calloc((size_t)s.n, sizeof *together);
    if (!alone || !together) return 1;
    describe_all(alone, together);
    look_at_all();
    for (int i = 0; i < s.n; i++) {
        espy_image_close(&s.images[i]);
        free(alone[i].tokens);
        free(together[i].tokens);
    }
    free(alone);
    free(together);
    free(s.images);
    espy_model_close(&s.model);
    return 0;
}
