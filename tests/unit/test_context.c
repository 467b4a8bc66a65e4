/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One conversation's state, on a tiny model with random weights: what is reused,
 * what a stop leaves behind, what does not change the numbers. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <espy.h>

static espy_model *model;
static espy_image *photo, *other;

static const espy_sampling greedy;

/* A user turn about a picture, the answer to it, and a second question. */
typedef struct talk {
    const espy_image *image[1];
    espy_part parts[4];
    espy_message messages[3];
    espy_request request;
} talk;

static void make_talk(talk *t, const espy_image *image, int n_turns) {
    *t = (talk){ .image = { image } };
    t->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE, .images = t->image, .n_images = 1 };
    t->parts[1] = (espy_part){ .text = "Describe this image.\n" };
    t->parts[2] = (espy_part){ .text = "A cat on a mat." };
    t->parts[3] = (espy_part){ .text = "What colour is it?" };
    t->messages[0] = (espy_message){ "user", t->parts, 2 };
    t->messages[1] = (espy_message){ "assistant", t->parts + 2, 1 };
    t->messages[2] = (espy_message){ "user", t->parts + 3, 1 };
    t->request = (espy_request){ .messages = t->messages,
                                 .n_messages = n_turns == 2 ? 3 : 1,
                                 .max_tokens = 8,
                                 .sampling = &greedy,
                                 .ignore_eos = 1,
                                 .n_top_logprobs = 5 };
}

static espy_context *open_context(espy_context_params p) {
    espy_context *c;
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_OK);
    return c;
}

static espy_result run(espy_context *c, const espy_request *r) {
    espy_result result;
    espy_error err = { 0 };
    if (espy_generate(c, r, &result, &err)) fail_msg("%s", err.message);
    return result;
}

static double largest_difference(const espy_result *a, const espy_result *b) {
    double most = 0;
    assert_int_equal(a->n_tokens, b->n_tokens);
    for (int i = 0; i < a->n_tokens * a->n_top_logprobs; i++)
        if (a->top_logprobs[i].id == b->top_logprobs[i].id)
            most = fmax(most, fabs(a->top_logprobs[i].logprob - b->top_logprobs[i].logprob));
    return most;
}

static void assert_same_tokens(const espy_result *a, const espy_result *b) {
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->n_tokens * sizeof *a->tokens);
}

static void a_second_turn_reuses_the_first(void **state) {
    (void)state;
    talk first, second;
    make_talk(&first, photo, 1);
    make_talk(&second, photo, 2);
    espy_context *c = open_context((espy_context_params){ .exact = 1 });
    espy_context *fresh = open_context((espy_context_params){ .exact = 1 });
    espy_result a = run(c, &first.request), b = run(c, &second.request);
    espy_result whole = run(fresh, &second.request);
    assert_int_equal(a.n_reused_tokens, 0);
    assert_true(b.n_reused_tokens >= a.n_prompt_tokens); /* the picture with it */
    assert_int_equal(whole.n_reused_tokens, 0);
    assert_same_tokens(&b, &whole);
    assert_true(largest_difference(&b, &whole) < 1e-4);
    espy_result_clear(&a);
    espy_result_clear(&b);
    espy_result_clear(&whole);
    espy_context_close(&c);
    espy_context_close(&fresh);
}

static void another_picture_is_looked_at(void **state) {
    (void)state;
    talk one, two;
    make_talk(&one, photo, 1);
    make_talk(&two, other, 1);
    espy_context *c = open_context((espy_context_params){ .exact = 1 });
    espy_context *fresh = open_context((espy_context_params){ .exact = 1 });
    espy_result a = run(c, &one.request), b = run(c, &two.request);
    espy_result whole = run(fresh, &two.request);
    assert_true(b.n_reused_tokens > 0 && b.n_reused_tokens < 8); /* up to the picture */
    assert_same_tokens(&b, &whole);
    espy_result_clear(&a);
    espy_result_clear(&b);
    espy_result_clear(&whole);
    espy_context_close(&c);
    espy_context_close(&fresh);
}

static void snapshots_come_back(void **state) {
    (void)state;
    talk t;
    make_talk(&t, photo, 1);
    espy_context *c = open_context((espy_context_params){ .exact = 1 });
    espy_result a = run(c, &t.request);
    int64_t n = espy_context_length(c);
    espy_snapshot *snapshot;
    assert_int_equal(espy_context_snapshot(c, &snapshot, NULL), ESPY_OK);
    talk second;
    make_talk(&second, photo, 2);
    espy_result b = run(c, &second.request);
    assert_true(espy_context_length(c) > n);
    espy_error err = { 0 };
    /* the second turn's answer replaced the first answer's tokens */
    assert_int_equal(espy_context_restore(c, snapshot, &err), ESPY_ERR_ARGUMENT);
    espy_snapshot_close(&snapshot);
    assert_null(snapshot);

    assert_int_equal(espy_context_rewind(c, a.n_prompt_tokens, NULL), ESPY_OK);
    assert_int_equal(espy_context_snapshot(c, &snapshot, NULL), ESPY_OK);
    espy_result again = run(c, &t.request);
    assert_int_equal(again.n_reused_tokens, a.n_prompt_tokens - 1);
    assert_same_tokens(&a, &again);
    assert_int_equal(espy_context_restore(c, snapshot, NULL), ESPY_OK);
    assert_int_equal(espy_context_length(c), a.n_prompt_tokens);
    espy_snapshot_close(&snapshot);
    espy_result_clear(&a);
    espy_result_clear(&b);
    espy_result_clear(&again);
    espy_context_close(&c);
}

static void rewinding_too_far_is_refused(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_context *c = open_context((espy_context_params){ 0 });
    assert_int_equal(espy_context_rewind(c, 1, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_context_rewind(c, -1, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_context_rewind(c, 0, &err), ESPY_OK);
    espy_context_close(&c);
}

static void a_full_context_is_said_beforehand(void **state) {
    (void)state;
    talk t;
    make_talk(&t, photo, 1);
    espy_context *wide = open_context((espy_context_params){ 0 });
    espy_result r = run(wide, &t.request);
    int n = r.n_prompt_tokens;
    espy_result_clear(&r);
    espy_context_close(&wide);

    espy_error err = { 0 };
    espy_context *c = open_context((espy_context_params){ .n_context = n });
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_FULL);
    char number[16];
    snprintf(number, sizeof number, "%d", n);
    assert_non_null(strstr(err.message, number));
    assert_int_equal(espy_context_length(c), 0);
    assert_null(r.text);
    espy_context_close(&c);

    c = open_context((espy_context_params){ .n_context = n + 3 });
    r = run(c, &t.request);
    assert_int_equal(r.n_tokens, 3);
    assert_int_equal(r.finish, ESPY_FINISH_LENGTH);
    espy_result_clear(&r);
    espy_context_close(&c);
}

typedef struct stopper {
    const char *phase;
    int calls;
} stopper;

static int stop_in_phase(void *user, const char *phase, int64_t done, int64_t total) {
    stopper *s = user;
    assert_true(done >= 0 && done <= total);
    s->calls++;
    return strcmp(phase, s->phase) == 0 && done * 2 >= total;
}

static void progress_can_stop_and_go_on(void **state) {
    (void)state;
    talk t;
    make_talk(&t, photo, 1);
    espy_context *c = open_context((espy_context_params){ .exact = 1 });
    espy_context *fresh = open_context((espy_context_params){ .exact = 1 });
    espy_result whole = run(fresh, &t.request), r;
    static const char *const phases[] = { "looking", "reading" };
    for (int i = 0; i < 2; i++) {
        stopper s = { .phase = phases[i] };
        espy_error err = { 0 };
        t.request.on_progress = stop_in_phase;
        t.request.user = &s;
        assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_STOPPED);
        assert_non_null(strstr(err.message, phases[i]));
        assert_true(s.calls > 0);
        espy_result_clear(&r);
    }
    t.request.on_progress = NULL;
    r = run(c, &t.request);
    assert_same_tokens(&r, &whole);
    espy_result_clear(&r);
    espy_result_clear(&whole);
    espy_context_close(&c);
    espy_context_close(&fresh);
}

static int stop_at_nothing(void *user, const char *phase, int64_t done, int64_t total) {
    (void)phase;
    (void)total;
    ++*(int *)user;
    return done == 0;
}

/* Reports between layers have something done; only the poll within the first
 * layer, which takes far longer than its interval here, comes with nothing. */
static void a_stop_is_heard_within_a_layer(void **state) {
    (void)state;
    talk t;
    int calls = 0;
    espy_result r;
    espy_error err = { 0 };
    make_talk(&t, photo, 1);
    t.request.min_pixels = t.request.max_pixels = 4 << 20;
    t.request.on_progress = stop_at_nothing;
    t.request.user = &calls;
    espy_context *c = open_context((espy_context_params){ .n_threads = 1, .n_context = 8192 });
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_STOPPED);
    assert_int_equal(calls, 1);
    assert_int_equal(espy_context_length(c), 0);
    espy_result_clear(&r);
    make_talk(&t, photo, 1);
    r = run(c, &t.request); /* the context goes on */
    assert_int_equal(r.n_tokens, 8);
    espy_result_clear(&r);
    espy_context_close(&c);
}

static int stop_text(void *user, const char *piece, size_t n_bytes) {
    (void)piece;
    (void)n_bytes;
    return ++*(int *)user == 2;
}

static void text_can_be_stopped(void **state) {
    (void)state;
    talk t;
    int n = 0;
    make_talk(&t, photo, 1);
    t.request.on_text = stop_text;
    t.request.user = &n;
    t.request.max_tokens = 50;
    espy_context *c = open_context((espy_context_params){ 0 });
    espy_result r = run(c, &t.request);
    assert_int_equal(n, 2);
    assert_int_equal(r.finish, ESPY_FINISH_CALLBACK);
    assert_true(r.n_tokens < 50 && r.text && r.text[0]);
    espy_result_clear(&r);
    espy_context_close(&c);
}

static void threads_do_not_change_a_bit(void **state) {
    (void)state;
    talk t;
    make_talk(&t, photo, 2);
    for (int exact = 0; exact < 2; exact++) {
        espy_result first = { 0 };
        for (int n = 1; n <= 5; n += 2) {
            espy_context *c = open_context((espy_context_params){ .n_threads = n, .exact = exact });
            espy_result r = run(c, &t.request);
            if (n == 1)
                first = r;
            else
                assert_memory_equal(r.top_logprobs, first.top_logprobs,
                                    (size_t)(8 * 5) * sizeof *r.top_logprobs);
            if (n > 1) espy_result_clear(&r);
            espy_context_close(&c);
        }
        espy_result_clear(&first);
    }
}

static void caches_agree(void **state) {
    (void)state;
    talk t;
    make_talk(&t, photo, 2);
    t.request.max_tokens = 1;
    static const struct {
        espy_cache_type type;
        double bound;
    } cases[] = { { ESPY_CACHE_F32, 1e-6 }, { ESPY_CACHE_F16, 0.05 }, { ESPY_CACHE_Q8_0, 0.3 } };
    espy_result first = { 0 };
    for (size_t i = 0; i < 3; i++) {
        espy_context *c = open_context((espy_context_params){ .cache_type = cases[i].type });
        espy_result r = run(c, &t.request);
        if (i == 0) first = r;
        double d = largest_difference(&first, &r);
        if (d > cases[i].bound) fail_msg("cache type %d differs by %g", (int)cases[i].type, d);
        if (i) espy_result_clear(&r);
        espy_context_close(&c);
    }
    espy_result_clear(&first);
}

static void bad_parameters_are_refused(void **state) {
    (void)state;
    espy_context *c;
    espy_error err = { 0 };
    espy_context_params p = { .kernels = "abacus" };
    assert_int_equal(espy_context_open(&c, model, &p, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "abacus"));
    assert_null(c);
    p = (espy_context_params){ .n_threads = -1 };
    assert_int_equal(espy_context_open(&c, model, &p, &err), ESPY_ERR_ARGUMENT);
    p = (espy_context_params){ .n_context = -5 };
    assert_int_equal(espy_context_open(&c, model, &p, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_context_open(&c, NULL, NULL, &err), ESPY_ERR_ARGUMENT);

    c = open_context((espy_context_params){ 0 });
    espy_result r;
    espy_request none = { 0 };
    assert_int_equal(espy_generate(c, &none, &r, &err), ESPY_ERR_ARGUMENT);
    talk t;
    make_talk(&t, photo, 1);
    t.messages[0].role = "wizard";
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "wizard"));
    make_talk(&t, photo, 1);
    t.request.n_top_logprobs = 21;
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_ARGUMENT);
    make_talk(&t, photo, 1);
    t.parts[0].n_images = 0;
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_ARGUMENT);
    make_talk(&t, photo, 1);
    t.parts[0].type = ESPY_PART_VIDEO;
    t.parts[0].n_images = 0;
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_ARGUMENT);
    t.parts[0].n_images = 1;
    t.parts[0].fps = -1;
    assert_int_equal(espy_generate(c, &t.request, &r, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "-1 frames a second"));
    make_talk(&t, photo, 1);
    espy_request mixed = { .prompt = "<|video_pad|>",
                           .prompt_parts = t.parts,
                           .n_prompt_parts = 1 };
    assert_int_equal(espy_generate(c, &mixed, &r, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "for a film, but a picture"));
    espy_request extra = { .prompt = "no places", .prompt_parts = t.parts, .n_prompt_parts = 1 };
    assert_int_equal(espy_generate(c, &extra, &r, &err), ESPY_ERR_ARGUMENT);
    espy_context_close(&c);
}

static void estimates_hold_what_is_taken(void **state) {
    (void)state;
    espy_memory_estimate small, large;
    espy_context_params p = { .n_context = 1000, .cache_type = ESPY_CACHE_F32 };
    assert_int_equal(espy_estimate_memory(model, &p, 64 * 64, &small, NULL), ESPY_OK);
    /* 4 layers, keys and values, 2 heads of 32 */
    assert_int_equal(small.cache_bytes, 1000 * 4 * 2 * 2 * 32 * 4);
    assert_int_equal(espy_estimate_memory(model, &p, 1 << 20, &large, NULL), ESPY_OK);
    assert_true(large.activation_bytes > small.activation_bytes);
    assert_int_equal(large.pass_bytes, small.pass_bytes);
    p.pass_tokens = 4; /* of 32x32 pixels each */
    assert_int_equal(espy_estimate_memory(model, &p, 64 * 64, &small, NULL), ESPY_OK);
    assert_int_equal(small.pass_bytes, small.activation_bytes);
    p.pass_tokens = 1024;
    assert_int_equal(espy_estimate_memory(model, &p, 64 * 64, &small, NULL), ESPY_OK);
    assert_int_equal(small.pass_bytes, large.activation_bytes);
    p.pass_tokens = -1;
    assert_int_equal(espy_estimate_memory(model, &p, 0, &small, NULL), ESPY_ERR_ARGUMENT);
    assert_true(small.weights_bytes > 0);
}

static void *talk_alone(void *result) {
    talk t;
    make_talk(&t, photo, 2);
    espy_context *c = open_context((espy_context_params){ .n_threads = 2 });
    *(espy_result *)result = run(c, &t.request);
    espy_context_close(&c);
    return NULL;
}

static void contexts_share_a_model(void **state) {
    (void)state;
    pthread_t threads[3];
    espy_result results[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, talk_alone, &results[i]), 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 1; i < 3; i++) assert_same_tokens(&results[0], &results[i]);
    for (int i = 0; i < 3; i++) espy_result_clear(&results[i]);
}

static espy_image *paint(int width, int height, int tint) {
    static uint8_t pixels[200 * 200 * 3];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                pixels[(y * width + x) * 3 + c] = (uint8_t)(x * 2 + y * (c + 1) + tint * c);
    espy_image *image;
    assert_int_equal(
        espy_image_from_pixels(&image, pixels, width, height, width * 3, 3, ESPY_ALPHA_WHITE, NULL),
        ESPY_OK);
    return image;
}

static int open_all(void **state) {
    (void)state;
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    espy_error err = { 0 };
    if (espy_model_open(&model, path, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    photo = paint(150, 100, 0);
    other = paint(150, 100, 40);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    espy_image_close(&photo);
    espy_image_close(&other);
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_turn_reuses_the_first),
        cmocka_unit_test(another_picture_is_looked_at),
        cmocka_unit_test(snapshots_come_back),
        cmocka_unit_test(rewinding_too_far_is_refused),
        cmocka_unit_test(a_full_context_is_said_beforehand),
        cmocka_unit_test(progress_can_stop_and_go_on),
        cmocka_unit_test(a_stop_is_heard_within_a_layer),
        cmocka_unit_test(text_can_be_stopped),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(caches_agree),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(estimates_hold_what_is_taken),
        cmocka_unit_test(contexts_share_a_model),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
