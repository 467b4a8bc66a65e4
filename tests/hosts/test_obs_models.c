/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Models of the worker: loaded when they are needed, shared, unloaded when they are not;
 * one that does not work is told of, and not tried again unasked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "config_home.h"
#include "trial.h"
#include "watch_rig.h"

static frame *red, *blue;

static int begin(void **state) {
    (void)state;
    rig_reset();
    trial_forget("obs");
    return 0;
}

static worker *open_worker(void) {
    static const worker_settings settings = { .idle_s = 1 };
    return worker_new(&settings);
}

/* --------------------------------------------------------------- when, and how often */

static void loaded_when_the_first_needs_it(void **state) {
    (void)state;
    rig a, b;
    worker *w = open_worker();
    watcher_settings s = rig_settings();
    s.is_on = FALSE;
    rig_open(&a, w, red, &s);
    s.is_on = s.is_paused = TRUE;
    rig_open(&b, w, blue, &s);
    rig_run_ms(&a, 100);
    rig_run_ms(&b, 100);
    assert_int_equal(rig_n_opened(), 0);
    assert_int_equal(rig_state(&a), WATCH_OFF);
    assert_int_equal(rig_state(&b), WATCH_PAUSED);
    s.is_paused = FALSE;
    watcher_set(a.watcher, &s);
    watcher_set(b.watcher, &s);
    rig_run(&a, 1);
    rig_run(&b, 1);
    assert_true(rig_says(&a, "red circle") && rig_says(&b, "blue circle"));
    assert_int_equal(rig_n_opened(), 1);
    rig_close(&a);
    rig_close(&b);
    worker_free(&w);
    assert_int_equal(rig_n_closed(), 1);
}

static void wait_for_closed(rig *r, int n) {
    for (int i = 0; i < 60000 && rig_n_closed() < n; i++) rig_run_ms(r, 10);
    assert_int_equal(rig_n_closed(), n);
}

static void unloaded_after_a_while_without_use(void **state) {
    (void)state;
    rig r;
    worker *w = open_worker();
    watcher_settings s = rig_settings();
    rig_open(&r, w, red, &s);
    rig_run(&r, 1);
    s.is_paused = TRUE; /* keeps it */
    watcher_set(r.watcher, &s);
    rig_run_ms(&r, 1500);
    assert_int_equal(rig_n_closed(), 0);
    s.is_on = FALSE;
    watcher_set(r.watcher, &s);
    const gint64 off_us = g_get_monotonic_time();
    wait_for_closed(&r, 1);
    assert_true(g_get_monotonic_time() - off_us >= 900000);
    watcher_state n = rig_numbers(&r);
    assert_null(n.model);
    watcher_state_clear(&n);
    s.is_on = TRUE;
    s.is_paused = FALSE;
    watcher_set(r.watcher, &s);
    r.picture = blue;
    rig_run(&r, 2);
    assert_int_equal(rig_n_opened(), 2);
    rig_close(&r); /* also when the last watcher has gone */
    for (int i = 0; i < 6000 && rig_n_closed() < 2; i++) g_usleep(10000);
    assert_int_equal(rig_n_closed(), 2);
    worker_free(&w);
}

static void two_models_at_a_time(void **state) {
    (void)state;
    rig a, b;
    worker *w = open_worker();
    g_autofree char *tiny = g_build_filename(rig_root(), "tests/data/qwen_vl/bf16", NULL);
    watcher_settings s = rig_settings();
    rig_open(&a, w, red, &s);
    s.model = tiny;
    s.max_tokens = 8;
    rig_open(&b, w, red, &s);
    rig_run(&a, 1);
    rig_run(&b, 1);
    assert_true(rig_says(&a, "red circle"));
    assert_int_equal(rig_n_opened(), 2);
    watcher_state n = rig_numbers(&b);
    assert_false(n.built_in);
    watcher_state_clear(&n);
    /* One that is not chosen any more goes at once. */
    s.model = rig_model();
    s.max_tokens = 0;
    watcher_set(b.watcher, &s);
    rig_run(&b, 2);
    assert_true(rig_says(&b, "red circle"));
    assert_int_equal(rig_n_closed(), 1);
    assert_int_equal(rig_n_opened(), 2);
    rig_close(&a);
    rig_close(&b);
    worker_free(&w);
}

/* ------------------------------------------------------------------ what goes wrong */

static void assert_message(rig *r, watch_state state, const char *part) {
    rig_run_until(r, state);
    watcher_state s = rig_numbers(r);
    if (part) {
        assert_non_null(s.message);
        assert_non_null(strstr(s.message, part));
        assert_true(g_utf8_validate(s.message, -1, NULL));
    } else {
        assert_null(s.message);
    }
    assert_int_equal(rig_step(r), WANTS_NOTHING);
    watcher_state_clear(&s);
}

static void a_broken_model_is_not_tried_again_unasked(void **state) {
    (void)state;
    rig a, b;
    g_autofree char *bytes = NULL, *path = g_strdup(config_home_path("broken.gguf"));
    gsize n;
    assert_true(g_file_get_contents(rig_model(), &bytes, &n, NULL));
    assert_true(g_file_set_contents(path, bytes, 100000, NULL));
    watcher_settings s = rig_settings();
    s.model = path;

    worker *w = open_worker();
    rig_open(&a, w, red, &s);
    rig_open(&b, w, red, &s);
    assert_message(&a, WATCH_FAILED, "broken.gguf");
    assert_message(&b, WATCH_FAILED, "broken.gguf");
    rig_close(&b);
    s.is_on = FALSE; /* hidden, and shown again */
    watcher_set(a.watcher, &s);
    s.is_on = TRUE;
    watcher_set(a.watcher, &s);
    assert_int_equal(rig_state(&a), WATCH_FAILED);
    s.interval_s = 5; /* other settings try anew */
    watcher_set(a.watcher, &s);
    assert_int_equal(rig_state(&a), WATCH_LOADING);
    assert_message(&a, WATCH_FAILED, "broken.gguf");
    s.model = rig_model(); /* the worker goes on with another */
    watcher_set(a.watcher, &s);
    watcher_state state_now = rig_numbers(&a);
    assert_null(state_now.message);
    watcher_state_clear(&state_now);
    rig_close(&a);
    worker_free(&w);

    w = open_worker(); /* the next run asks */
    s.model = path;
    rig_open(&a, w, red, &s);
    assert_message(&a, WATCH_HELD, "broken.gguf");
    s.interval_s = 6;
    watcher_set(a.watcher, &s);
    assert_message(&a, WATCH_HELD, "broken.gguf");
    watcher_retry(a.watcher);
    assert_message(&a, WATCH_FAILED, "broken.gguf");
    assert_true(g_file_set_contents(path, bytes, (gssize)n, NULL)); /* repaired */
    watcher_retry(a.watcher);
    rig_run(&a, 1);
    assert_true(rig_says(&a, "red circle"));
    rig_close(&a);
    worker_free(&w);

    w = open_worker(); /* and all is forgotten */
    rig_open(&a, w, blue, &s);
    rig_run(&a, 1);
    rig_close(&a);
    worker_free(&w);
}

/* As if a process before this one had been ended while it tried this model. */
static void a_model_that_ended_the_process_is_held(void **state) {
    (void)state;
    rig r;
    g_autofree char *note = g_strdup(config_home_path("obs-loading.1"));
    g_mkdir_with_parents(config_home_path(NULL), 0700);
    assert_true(g_file_set_contents(note, rig_model(), -1, NULL));
    worker *w = open_worker();
    const watcher_settings s = rig_settings();
    rig_open(&r, w, red, &s);
    assert_message(&r, WATCH_HELD, NULL);
    assert_int_equal(rig_n_opened(), 0);
    watcher_retry(r.watcher);
    rig_run(&r, 1);
    assert_true(rig_says(&r, "red circle"));
    assert_false(trial_failure("obs", NULL, NULL));
    assert_int_equal(config_home_count("obs-loading."), 0);
    rig_close(&r);
    worker_free(&w);
}

/* While a model has not shown that it works, there is a note, but only while it is at
 * work: a process may end at any other time for reasons of its own. */
static void noted_down_until_it_has_worked(void **state) {
    (void)state;
    rig r;
    worker *w = open_worker();
    watcher_settings s = rig_settings();
    s.when = WHEN_ASKED;
    rig_open(&r, w, red, &s);
    rig_run_until(&r, WATCH_WAITING);
    assert_int_equal(rig_n_opened(), 1);
    assert_int_equal(config_home_count("obs-loading."), 0);
    trial_end("obs", "another", ESPY_ERR_FORMAT, "of another process");
    watcher_ask(r.watcher);
    rig_run(&r, 1);
    assert_false(trial_failure("obs", NULL, NULL)); /* it has worked */
    trial_end("obs", "another", ESPY_ERR_FORMAT, "of another process");
    watcher_ask(r.watcher);
    rig_run(&r, 2);
    assert_true(trial_failure("obs", NULL, NULL)); /* nothing was noted any more */
    rig_close(&r);
    worker_free(&w);
}

static void questions_that_cannot_be_asked(void **state) {
    (void)state;
    rig r;
    worker *w = open_worker();
    watcher_settings s = rig_settings();
    static const struct {
        const char *task, *argument, *part;
    } bad[] = { { "find", NULL, "what to find" },
                { "dance", NULL, "dance" },
                { "question", " ", "question" },
                { "events", NULL, "films" } };
    rig_open(&r, w, red, &s);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        s.task = bad[i].task;
        s.argument = bad[i].argument;
        watcher_set(r.watcher, &s);
        assert_message(&r, WATCH_FAILED, bad[i].part);
    }
    assert_false(trial_failure("obs", NULL, NULL)); /* which says nothing about the model */
    s.task = "caption";
    watcher_set(r.watcher, &s);
    rig_run(&r, 1);
    assert_true(rig_says(&r, "red circle"));
    rig_close(&r);
    worker_free(&w);
}

static void a_picture_that_is_too_long(void **state) {
    (void)state;
    rig r;
    worker *w = open_worker();
    const watcher_settings s = rig_settings();
    frame *bar = rig_disc(2500, 10, 0, 0xffffff);
    rig_open(&r, w, bar, &s);
    assert_message(&r, WATCH_FAILED, "too long");
    r.picture = red; /* another size is another try */
    rig_run(&r, 1);
    assert_true(rig_says(&r, "red circle"));
    rig_close(&r);
    worker_free(&w);
    frame_free(bar);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    rig r;
    worker *w = open_worker();
    const watcher_settings s = rig_settings();
    rig_set_free_memory(1 << 20);
    rig_open(&r, w, red, &s);
    assert_message(&r, WATCH_FAILED, "espy-nano");
    assert_message(&r, WATCH_FAILED, "1.0\xc2\xa0MiB");
    assert_false(trial_failure("obs", NULL, NULL));
    rig_set_free_memory(0);
    watcher_retry(r.watcher);
    rig_run(&r, 1);
    rig_close(&r);
    worker_free(&w);
}

int main(void) {
    config_home_open();
    red = rig_disc(640, 360, 0xe02020, 0xffffff);
    blue = rig_disc(640, 360, 0x2040e0, 0xffffff);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(loaded_when_the_first_needs_it, begin),
        cmocka_unit_test_setup(unloaded_after_a_while_without_use, begin),
        cmocka_unit_test_setup(two_models_at_a_time, begin),
        cmocka_unit_test_setup(a_broken_model_is_not_tried_again_unasked, begin),
        cmocka_unit_test_setup(a_model_that_ended_the_process_is_held, begin),
        cmocka_unit_test_setup(noted_down_until_it_has_worked, begin),
        cmocka_unit_test_setup(questions_that_cannot_be_asked, begin),
        cmocka_unit_test_setup(a_picture_that_is_too_long, begin),
        cmocka_unit_test_setup(without_memory_it_says_so, begin),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    frame_free(red);
    frame_free(blue);
    config_home_close();
    return failed;
}
