/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker with the built-in model: what it says is true, it keeps up with what is
 * shown, and does nothing that nobody asked for. */
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

static frame *example, *house, *red, *blue;
static worker *the_worker;

static int begin(void **state) {
    (void)state;
    g_remove(config_home_path("obs-failure.ini"));
    the_worker = worker_new(NULL);
    return 0;
}

static int end(void **state) {
    (void)state;
    worker_free(&the_worker);
    assert_null(the_worker);
    return 0;
}

static watcher_settings settings(void) {
    return (watcher_settings){ .is_on = TRUE, .model = rig_model(), .least_s = 0.01 };
}

static void open(rig *r, const frame *picture, const watcher_settings *s) {
    rig_open(r, the_worker, picture);
    watcher_set(r->watcher, s);
}

static watcher_state state_of(rig *r) {
    watcher_state s;
    watcher_get_state(r->watcher, &s);
    return s;
}

/* ------------------------------------------------------------------- captions */

static void says_what_the_library_says(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = settings();
    open(&r, example, &s);
    rig_run(&r, 1);
    const caption *c = rig_whole(&r, 0);
    int w, h;
    frame_fit(example->width, example->height, 65536, &w, &h); /* what espy-nano sees */
    assert_int_equal(r.widest, w * h);
    frame *f = rig_scale(example, w, h);
    g_autofree char *expected = rig_library_says(f, &s);
    assert_string_equal(c->text, expected);
    assert_non_null(strstr(c->text, "cactus")); /* and it is true */
    assert_non_null(strstr(c->text, "yellow diamond"));
    assert_true(c->is_news && !c->finds && !c->n_boxes && c->n_tokens > 10 && c->tokens_per_s > 0);
    frame_free(f);
    rig_close(&r);
}

static void words_come_as_they_are_written(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = settings();
    open(&r, example, &s);
    rig_run(&r, 1);
    const caption *c = rig_whole(&r, 0);
    assert_true(r.pieces->len > 3);
    size_t last = 0;
    for (guint i = 0; i < r.pieces->len; i++) {
        const caption *piece = r.pieces->pdata[i];
        assert_true(piece->serial == c->serial && !piece->is_whole);
        assert_true(strlen(piece->text) >= last);
        assert_true(g_str_has_prefix(c->text, piece->text));
        last = strlen(piece->text);
    }
    rig_close(&r);
}

static void a_new_picture_gets_a_new_caption(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = settings();
    open(&r, red, &s);
    rig_run(&r, 1);
    assert_true(rig_says(&r, "red circle"));
    rig_run_ms(&r, 300); /* nothing changes: nothing is said */
    assert_int_equal(rig_n_whole(&r), 1);
    r.picture = blue;
    rig_run(&r, 2);
    assert_true(rig_says(&r, "blue circle"));
    r.picture = house;
    rig_run(&r, 3);
    assert_true(rig_says(&r, "house"));
    watcher_state n = state_of(&r);
    assert_int_equal(n.state, WATCH_WAITING);
    assert_int_equal(n.n_captions, 3);
    assert_int_equal(n.n_same, 0);
    assert_true(n.lag_s > 0 && n.caption_s > 0 && n.caption_s <= n.lag_s && n.tokens_per_s > 0);
    assert_string_equal(n.model, "espy-nano");
    assert_true(n.built_in && !n.message);
    watcher_state_clear(&n);
    rig_close(&r);
}

int main(void) {
    config_home_open();
    example = rig_load("core/nano/example.png");
    house = rig_load("tests/data/nano/000000.jpg");
    red = rig_disc(640, 360, 0xe02020, 0xffffff);
    blue = rig_disc(640, 360, 0x2040e0, 0xffffff);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_the_library_says, begin, end),
        cmocka_unit_test_setup_teardown(words_come_as_they_are_written, begin, end),
        cmocka_unit_test_setup_teardown(a_new_picture_gets_a_new_caption, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    frame_free(example);
    frame_free(house);
    frame_free(red);
    frame_free(blue);
    config_home_close();
    return failed;
}
