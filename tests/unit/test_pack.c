/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of different sizes in one pass: how passes are filled, and that each picture
 * comes out bit for bit as it does alone, on every kernel level, with any number of
 * threads, fast and exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generate/context.h"
#include "generate/pack.h"

/* ------------------------------------------------------------------- filling */

static void check_passes(int64_t budget, int n, const int64_t *sizes, const int *want) {
    int pass_of[8], most = 0;
    int64_t room[8];
    int n_passes = espy_pack(sizes, n, budget, pass_of, room);
    for (int i = 0; i < n; i++) {
        assert_int_equal(pass_of[i], want[i]);
        if (want[i] >= most) most = want[i] + 1;
    }
    assert_int_equal(n_passes, most);
}

static void passes_are_filled_first_fit(void **state) {
    (void)state;
    static const int64_t mixed[] = { 6, 5, 4, 3, 2, 1 }, large[] = { 11, 3, 30, 7, 10 };
    static const int64_t ones[] = { 1, 1, 1 };
    check_passes(10, 6, mixed, (int[]){ 0, 1, 0, 1, 1, 2 });
    check_passes(10, 5, large, (int[]){ 0, 1, 2, 1, 3 }); /* too large: alone */
    check_passes(1, 3, ones, (int[]){ 0, 1, 2 });
    check_passes(INT64_MAX, 6, mixed, (int[]){ 0, 0, 0, 0, 0, 0 });
    assert_int_equal(espy_pack(mixed, 0, 10, NULL, NULL), 0);
}

/* --------------------------------------------------------------- bit by bit */

/* In patches: the smallest, long ones, some whose rows fill no tile. */
static const espy_grid grids[] = { { 2, 2 }, { 6, 4 }, { 2, 14 }, { 4, 2 }, { 10, 8 }, { 2, 2 } };
enum { N = sizeof grids / sizeof *grids };

static espy_model *open_model(const char *name) {
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    espy_model *m;
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/tests/data/%s", root ? root : ".", name);
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    return m;
}

static int64_t cells(const espy_model *m, espy_grid g) {
    return (int64_t)g.h * g.w / (m->config.vision.merge * m->config.vision.merge);
}

/* Tokens and taps of all grids, one block; at [N + 1] are the places of each. */
typedef struct looked {
    float *values;
    int64_t n, at[N + 1];
    espy_vision_out out[N];
} looked;

static looked make_room(const espy_model *m) {
    looked l = { 0 };
    int64_t dim = m->config.text.dim, n_arrays = 1 + m->config.vision.n_taps;
    for (int i = 0; i < N; i++) l.at[i + 1] = l.at[i] + cells(m, grids[i]) * dim * n_arrays;
    l.n = l.at[N];
    l.values = calloc((size_t)l.n, sizeof *l.values);
    assert_non_null(l.values);
    for (int i = 0; i < N; i++) {
        l.out[i].tokens = l.values + l.at[i];
        for (int k = 0; k < m->config.vision.n_taps; k++)
            l.out[i].taps[k] = l.values + l.at[i] + (k + 1) * cells(m, grids[i]) * dim;
    }
    return l;
}

/* In passes of n_together grids. */
static looked look(const espy_model *m, const char *kernels, int n_threads, int exact,
                   int n_together) {
    const espy_vision_config *v = &m->config.vision;
    int64_t n_values = (int64_t)3 * v->temporal * v->patch * v->patch, n = 0;
    looked l = make_room(m);
    espy_cpu *cpu;
    assert_int_equal(espy_cpu_open(&cpu, n_threads, kernels, NULL), ESPY_OK);
    for (int i = 0; i < N; i++) n += (int64_t)grids[i].h * grids[i].w;
    float *patches = malloc((size_t)(n * n_values) * sizeof *patches), *at = patches;
    assert_non_null(patches);
    uint32_t random = 1;
    for (int64_t i = 0; i < n * n_values; i++) {
        random = random * 1664525U + 1013904223U;
        patches[i] = (float)(random >> 8) / (float)(1 << 23) - 1;
    }
    for (int i = 0; i < N; i += n_together) {
        int last = i + n_together < N ? i + n_together : N;
        espy_run run = espy_cpu_run(cpu, exact);
        espy_vision_forward(&run, m, at, grids + i, last - i, l.out + i, NULL, NULL);
        assert_int_equal(run.status, ESPY_OK);
        for (int k = i; k < last; k++) at += (int64_t)grids[k].h * grids[k].w * n_values;
    }
    free(patches);
    espy_cpu_close(&cpu);
    return l;
}

/* With threads up to that many. */
static void check_model(const char *name, int most_threads) {
    espy_model *m = open_model(name);
    for (int t = 0; t < espy_n_targets; t++)
        for (int exact = 0; exact < 2 && espy_kernels_available(t); exact++) {
            const char *kernels = espy_targets[t].name;
            looked alone = look(m, kernels, 1, exact, 1);
            for (int n_threads = 1; n_threads <= most_threads; n_threads++)
                for (int together = 1; together <= N; together += 2 * n_threads - 1) {
                    looked l = look(m, kernels, n_threads, exact, together);
                    if (memcmp(l.values, alone.values, (size_t)l.n * sizeof *l.values) != 0)
                        fail_msg("%s, %s, exact %d, %d threads, %d together: differs", name,
                                 kernels, exact, n_threads, together);
                    free(l.values);
                }
            for (int64_t i = 1; i < alone.n; i++) /* they are numbers, and not one for all */
                if (!(alone.values[i] > -1e6F && alone.values[i] < 1e6F)) fail_msg("%s", name);
            assert_memory_not_equal(alone.values, alone.values + alone.at[N - 1],
                                    (size_t)m->config.text.dim * sizeof(float));
            free(alone.values);
        }
    espy_model_close(&m);
}

static void packed_pictures_equal_single_ones(void **state) {
    (void)state;
    static const char *const names[] = { "qwen3_vl/micro",
                                         "qwen3_vl/bf16",
                                         "qwen3_vl/f32",
                                         "qwen3_vl/f16",
                                         "qwen3_vl/fp8",
                                         "qwen3_vl/gguf/q8_0",
                                         "qwen3_vl/gguf/micro-bf16.gguf",
                                         "qwen2_vl/bf16",
                                         "qwen2_5_vl/bf16" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_model(names[i], i ? 1 : 3);
}

/* -------------------------------------------------------------- by requests */

enum { N_PICTURES = 5 };

static const espy_sampling greedy;

typedef struct question {
    espy_image *images[N_PICTURES];
    const espy_image *at[N_PICTURES];
    espy_part parts[N_PICTURES + 1];
    espy_message message;
    espy_request request;
    int n_looks, stop_at;
    int64_t last; /* progress */
} question;

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    question *q = user;
    assert_true(done >= 0 && done <= total && total > 0);
    if (strcmp(phase, "looking") != 0) return 0;
    assert_true(done >= q->last);
    q->last = done;
    return ++q->n_looks == q->stop_at;
}

/* Four sizes; the last picture is the second one again. */
static void make_question(question *q) {
    static const int sizes[N_PICTURES][2] = { { 70, 64 }, { 130, 96 }, { 64, 32 }, { 200, 60 } };
    *q = (question){ 0 };
    for (int k = 0; k + 1 < N_PICTURES; k++) {
        int w = sizes[k][0], h = sizes[k][1];
        uint8_t *pixels = malloc((size_t)w * (size_t)h * 3);
        assert_non_null(pixels);
        for (int i = 0; i < w * h * 3; i++) pixels[i] = (uint8_t)(i * (k + 3) / 7);
        assert_int_equal(espy_image_from_pixels(&q->images[k], pixels, w, h, (ptrdiff_t)w * 3, 3,
                                                ESPY_ALPHA_WHITE, NULL),
                         ESPY_OK);
        free(pixels);
        q->at[k] = q->images[k];
    }
    q->at[N_PICTURES - 1] = q->at[1];
    for (int k = 0; k < N_PICTURES; k++)
        q->parts[k] = (espy_part){ .type = ESPY_PART_IMAGE, .images = &q->at[k], .n_images = 1 };
    q->parts[N_PICTURES] = (espy_part){ .text = "What is this?" };
    q->message = (espy_message){ "user", q->parts, N_PICTURES + 1 };
    q->request = (espy_request){ .messages = &q->message,
                                 .n_messages = 1,
                                 .max_tokens = 4,
                                 .sampling = &greedy,
                                 .ignore_eos = 1,
                                 .min_pixels = 1024,
                                 .on_progress = on_progress,
                                 .user = q };
}

static void free_question(question *q) {
    for (int k = 0; k < N_PICTURES; k++) espy_image_close(&q->images[k]);
}

static espy_context *open_context(const espy_model *m, int64_t pass_tokens) {
    espy_context *c;
    espy_context_params p = { .n_threads = 1, .pass_tokens = pass_tokens };
    assert_int_equal(espy_context_open(&c, m, &p, NULL), ESPY_OK);
    return c;
}

static int n_seen(const espy_context *c) {
    int n = 0;
    for (const espy_seen *s = c->seen.first; s; s = s->next) n++;
    return n;
}

static void a_request_is_packed(void **state) {
    (void)state;
    espy_model *m = open_model("qwen3_vl/bf16");
    question q;
    espy_result one, r;
    make_question(&q);
    espy_context *alone = open_context(m, 1);
    assert_int_equal(espy_generate(alone, &q.request, &one, NULL), ESPY_OK);
    int n_alone = q.n_looks;
    assert_int_equal(one.n_cached_images, 1); /* the one that comes again */
    assert_int_equal(n_seen(alone), N_PICTURES - 1);
    for (int64_t budget = 2; budget < 40; budget += 9) {
        espy_context *c = open_context(m, budget < 30 ? budget : 0);
        q.n_looks = 0;
        q.last = 0;
        assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
        assert_memory_equal(c->lane.logits, alone->lane.logits,
                            (size_t)m->config.text.n_vocab * sizeof *c->lane.logits);
        assert_int_equal(r.n_tokens, one.n_tokens);
        assert_memory_equal(r.tokens, one.tokens, (size_t)r.n_tokens * sizeof *r.tokens);
        assert_int_equal(n_seen(c), N_PICTURES - 1);
        if (budget > 30) assert_true(q.n_looks < n_alone); /* one pass instead of four */
        espy_result_clear(&r);
        espy_context_close(&c);
    }
    espy_result_clear(&one);
    espy_context_close(&alone);
    free_question(&q);
    espy_model_close(&m);
}

/* Stopped anywhere: only whole passes are kept, and a later answer is as ever. */
static void a_stopped_pass_leaves_nothing(void **state) {
    (void)state;
    enum { BUDGET = 20 }; /* two passes */
    espy_model *m = open_model("qwen3_vl/micro");
    question q;
    espy_result r;
    make_question(&q);
    espy_context *fresh = open_context(m, BUDGET);
    assert_int_equal(espy_generate(fresh, &q.request, &r, NULL), ESPY_OK);
    espy_result_clear(&r);
    int n_looks = q.n_looks, n_kept = 0;
    for (int stop = 1; stop <= n_looks; stop++) {
        espy_context *c = open_context(m, BUDGET);
        q.n_looks = 0;
        q.last = 0;
        q.stop_at = stop;
        assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_ERR_STOPPED);
        espy_result_clear(&r);
        int n = n_seen(c);
        assert_true(n < N_PICTURES - 1 && n >= n_kept);
        n_kept = n;
        q.stop_at = 0;
        q.last = 0;
        assert_int_equal(espy_generate(c, &q.request, &r, NULL), ESPY_OK);
        assert_int_equal(r.n_cached_images, n + 1);
        assert_memory_equal(c->lane.logits, fresh->lane.logits,
                            (size_t)m->config.text.n_vocab * sizeof *c->lane.logits);
        espy_result_clear(&r);
        espy_context_close(&c);
    }
    assert_true(n_kept > 0); /* the first pass, after a stop in the second */
    espy_context_close(&fresh);
    free_question(&q);
    espy_model_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_are_filled_first_fit),
        cmocka_unit_test(packed_pictures_equal_single_ones),
        cmocka_unit_test(a_request_is_packed),
        cmocka_unit_test(a_stopped_pass_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
