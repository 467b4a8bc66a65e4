/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last seconds as one clip: it keeps its beginning as long as it can, so that looks
 * share what they have in common. Frames come by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_home.h"
#include "watch_rig.h"

enum { WIDTH = 128, HEIGHT = 96, FRAME_MS = 500 };

static worker *the_worker;
static gint64 clock_us;

static int begin(void **state) {
    (void)state;
    rig_reset();
    the_worker = worker_new(NULL);
    clock_us = g_get_monotonic_time() - (gint64)3600 * 1000000;
    return 0;
}

static int end(void **state) {
    (void)state;
    worker_free(&the_worker);
    return 0;
}

/* Three seconds, two frames a second: at most six. */
static watcher_settings clip_settings(void) {
    watcher_settings s = rig_settings();
    s.when = WHEN_ASKED;
    s.clip_s = 3;
    return s;
}

static void open_clip(rig *r, const watcher_settings *s) {
    static frame *first;
    if (!first) first = rig_disc(WIDTH, HEIGHT, 0, 0xffffff);
    rig_open(r, the_worker, first, s);
    rig_run_until(r, WATCH_WAITING);
}

/* Frame i, unlike all others. */
static void offer(rig *r, int i, int width, int height) {
    frame *f = rig_disc(width, height, 0x204020u + (guint32)i * 0x050b17u, 0xf0f0f0u - (guint32)i);
    f->seen_us = clock_us;
    clock_us += FRAME_MS * 1000;
    watcher_offer(r->watcher, f);
}

/* A look at what there is. */
static rig_look look(rig *r) {
    const guint n = rig_n_whole(r);
    watcher_ask(r->watcher);
    for (int i = 0; i < 60000 && rig_n_whole(r) == n; i++) g_usleep(1000);
    assert_int_equal(rig_n_whole(r), n + 1);
    assert_true(*rig_whole(r, -1)->text);
    return rig_get_look(-1);
}

static rig_look offer_two_and_look(rig *r, int i) {
    offer(r, i, WIDTH, HEIGHT);
    offer(r, i + 1, WIDTH, HEIGHT);
    return look(r);
}

static void it_grows_and_looks_at_what_is_new(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = clip_settings();
    open_clip(&r, &s);
    const rig_look a = offer_two_and_look(&r, 0), b = offer_two_and_look(&r, 2),
                   c = offer_two_and_look(&r, 4), d = offer_two_and_look(&r, 6);
    assert_int_equal(a.n_frames, 2);
    assert_int_equal(b.n_frames, 4);
    assert_int_equal(c.n_frames, 6);
    for (int i = 0; i < 6; i++) assert_true(c.times_s[i] == i * FRAME_MS / 1e3);
    /* One pair a time goes through the vision tower, all before it is on the timeline. */
    assert_true(a.n_seen > 0);
    assert_int_equal(b.n_seen, a.n_seen);
    assert_int_equal(c.n_seen, a.n_seen);
    assert_true(b.n_reused > a.n_reused && b.n_reused >= a.n_seen);
    assert_true(c.n_reused >= b.n_reused + a.n_seen);
    /* It is full: the older half goes, what is left is known still. */
    assert_int_equal(d.n_frames, 4);
    assert_true(d.times_s[0] == 0 && d.times_s[3] == 3 * FRAME_MS / 1e3);
    assert_int_equal(d.n_seen, a.n_seen);
    assert_int_equal(d.n_cached, 1);
    assert_int_equal(rig_whole(&r, -1)->seen_us, clock_us - FRAME_MS * 1000);
    rig_close(&r);
}

static void an_odd_frame_makes_a_pair_with_itself(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = clip_settings();
    open_clip(&r, &s);
    offer(&r, 0, WIDTH, HEIGHT);
    const rig_look a = look(&r);
    assert_int_equal(a.n_frames, 2);
    assert_true(a.times_s[0] == 0 && a.times_s[1] == 0);
    offer(&r, 1, WIDTH, HEIGHT);
    offer(&r, 2, WIDTH, HEIGHT);
    const rig_look b = look(&r);
    assert_int_equal(b.n_frames, 4);
    assert_true(b.times_s[1] == 0.5 && b.times_s[2] == 1 && b.times_s[3] == 1);
    rig_close(&r);
}

static void what_does_not_continue_it_begins_it_anew(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = clip_settings();
    open_clip(&r, &s);
    offer_two_and_look(&r, 0);
    offer(&r, 2, HEIGHT, WIDTH); /* another size */
    rig_look l = look(&r);
    assert_int_equal(l.n_frames, 2);
    assert_int_equal(l.width, HEIGHT);
    offer(&r, 3, HEIGHT, WIDTH);
    assert_int_equal(look(&r).n_frames, 2);
    clock_us += 100 * 1000000; /* nothing came for long */
    l = offer_two_and_look(&r, 4);
    assert_int_equal(l.n_frames, 2);
    for (int i = 6; i < 30; i++) offer(&r, i, WIDTH, HEIGHT); /* nothing was looked at for long */
    l = look(&r);
    assert_true(l.n_frames >= 2 && l.n_frames <= 6);
    assert_true(l.times_s[0] == 0 && l.times_s[l.n_frames - 1] == (l.n_frames - 1) * 0.5);
    watcher_state n = rig_numbers(&r);
    assert_int_equal(n.n_dropped, 24 - 6);
    watcher_state_clear(&n);
    rig_close(&r);
}

static void not_for_all_models_and_questions(void **state) {
    (void)state;
    rig r;
    watcher_settings s = clip_settings();
    open_clip(&r, &s);
    s.drop_same = TRUE;
    watcher_set(r.watcher, &s);
    rig_look l = offer_two_and_look(&r, 0);
    assert_true(l.n_frames == 2 && l.drop_same);
    assert_non_null(strstr(l.prompt, "video"));
    s.task = "text"; /* needs all of it */
    watcher_set(r.watcher, &s);
    l = offer_two_and_look(&r, 2);
    assert_true(l.n_frames == 4 && !l.drop_same); /* and the clip is kept */
    s.task = "find";                              /* where things are now */
    s.argument = "red circle";
    watcher_set(r.watcher, &s);
    offer(&r, 4, WIDTH, HEIGHT);
    const guint n = rig_n_whole(&r);
    watcher_ask(r.watcher);
    offer(&r, 5, WIDTH, HEIGHT);
    for (int i = 0; i < 60000 && rig_n_whole(&r) == n; i++) g_usleep(1000);
    l = rig_get_look(-1);
    assert_true(l.n_frames == 0 && !l.drop_same);
    rig_close(&r);
}

static void models_without_films_see_the_newest_picture(void **state) {
    (void)state;
    rig r;
    g_autofree char *model = g_build_filename(rig_root(), "tests/data/qwen_vl/bf16", NULL);
    watcher_settings s = clip_settings();
    s.model = model;
    s.max_tokens = 4;
    open_clip(&r, &s);
    watcher_ask(r.watcher);
    offer(&r, 0, WIDTH, HEIGHT);
    for (int i = 0; i < 60000 && !rig_n_looks(); i++) g_usleep(1000);
    assert_int_equal(rig_get_look(0).n_frames, 0);
    assert_int_equal(rig_get_look(0).width, WIDTH);
    rig_close(&r);
}

/* Frames are wanted at their rate, whether the model is at work or not. */
static void frames_are_wanted_at_their_rate(void **state) {
    (void)state;
    rig r;
    watcher_settings s = clip_settings();
    open_clip(&r, &s);
    rig_set_token_ms(20);
    watcher_ask(r.watcher);
    const guint64 n_before = r.n_offered;
    const gint64 from_us = g_get_monotonic_time();
    rig_run_ms(&r, 2200);
    const double seconds = (double)(g_get_monotonic_time() - from_us) / 1e6;
    assert_true(r.n_offered - n_before >= 2);
    assert_true((double)(r.n_offered - n_before) <= 2 * seconds + 1);
    rig_close(&r);
}

int main(void) {
    config_home_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_grows_and_looks_at_what_is_new, begin, end),
        cmocka_unit_test_setup_teardown(an_odd_frame_makes_a_pair_with_itself, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_continue_it_begins_it_anew, begin, end),
        cmocka_unit_test_setup_teardown(not_for_all_models_and_questions, begin, end),
        cmocka_unit_test_setup_teardown(models_without_films_see_the_newest_picture, begin, end),
        cmocka_unit_test_setup_teardown(frames_are_wanted_at_their_rate, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_home_close();
    return failed;
}
