/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker with the built-in model: what it says is true, it keeps up with what is
 * shown, and obeys its settings at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_home.h"
#include "watch_rig.h"

enum { SLOW_MS = 100 }; /* a token, where something is to happen meanwhile */

static frame *example, *house, *red, *blue;
static worker *the_worker;

static int begin(void **state) {
    (void)state;
    rig_reset();
    the_worker = worker_new(NULL);
    return 0;
}

static int end(void **state) {
    (void)state;
    worker_free(&the_worker);
    assert_null(the_worker);
    assert_int_equal(rig_n_opened(), rig_n_closed());
    return 0;
}

/* ------------------------------------------------------------------- captions */

static void says_what_the_library_says(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = rig_settings();
    rig_open(&r, the_worker, example, &s);
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
    const watcher_settings s = rig_settings();
    rig_set_token_ms(10);
    rig_open(&r, the_worker, example, &s);
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

static void works_in_the_time_that_others_leave(void **state) {
    (void)state;
    for (int is_idle = 0; is_idle < 2; is_idle++) {
        rig r;
        const watcher_settings s = rig_settings();
        rig_set_idle(is_idle);
        worker *w = worker_new(NULL);
        rig_open(&r, w, red, &s);
        rig_run(&r, 1);
        assert_int_equal(rig_get_look(-1).is_idle, is_idle);
        rig_close(&r);
        worker_free(&w);
    }
}

static void in_the_language_that_is_asked_for(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    s.language = "de_DE.UTF-8";
    rig_open(&r, the_worker, house, &s);
    rig_run(&r, 1);
    assert_true(rig_says(&r, "Haus"));
    rig_close(&r);
}

static void finds_things_and_says_where(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    s.task = "find";
    s.argument = "cactus";
    rig_open(&r, the_worker, example, &s);
    rig_run(&r, 1);
    const caption *c = rig_whole(&r, 0);
    assert_true(c->finds);
    assert_string_equal(c->text, "cactus");
    assert_int_equal(c->n_boxes, 1);
    const caption_box *b = c->boxes;
    assert_string_equal(b->label, "cactus");
    /* Where it is in the picture, give or take. */
    assert_true(b->x1 < 0.06 && b->x2 > 0.14 && b->x2 < 0.26);
    assert_true(b->y1 > 0.4 && b->y1 < 0.6 && b->y2 > 0.75 && b->y2 < 0.95);
    s.argument = "pizza"; /* there is none */
    watcher_set(r.watcher, &s);
    rig_run(&r, 2);
    c = rig_whole(&r, 1);
    assert_true(c->finds && !c->n_boxes && c->is_news);
    assert_string_equal(c->text, "");
    rig_close(&r);
}

/* To a model of random weights, whose words nobody understands; the built-in one would
 * not understand ours. */
static void the_caption_before_is_told(void **state) {
    (void)state;
    rig r;
    g_autofree char *model = g_build_filename(rig_root(), "tests/data/qwen3_vl/bf16", NULL);
    watcher_settings s = rig_settings();
    s.model = model;
    s.max_tokens = 12;
    s.when = WHEN_ASKED;
    rig_open(&r, the_worker, red, &s);
    for (guint i = 1; i <= 3; i++) {
        s.recalls = i == 2;
        watcher_set(r.watcher, &s);
        watcher_ask(r.watcher);
        rig_run(&r, i);
    }
    const rig_look first = rig_get_look(0), second = rig_get_look(1), third = rig_get_look(2);
    assert_true(*rig_whole(&r, 0)->text);
    assert_string_equal(first.prompt, "Describe this image in one sentence.");
    assert_true(g_str_has_prefix(second.prompt, first.prompt));
    assert_non_null(strstr(second.prompt, rig_whole(&r, 0)->text));
    assert_string_equal(third.prompt, first.prompt);
    s.model = rig_model();
    s.recalls = TRUE;
    watcher_set(r.watcher, &s);
    for (guint i = 4; i <= 5; i++) {
        watcher_ask(r.watcher);
        rig_run(&r, i);
        assert_string_equal(rig_get_look(-1).prompt, first.prompt);
    }
    rig_close(&r);
}

/* --------------------------------------------------------------------- timing */

static void a_new_picture_gets_a_new_caption(void **state) {
    (void)state;
    rig r;
    const watcher_settings s = rig_settings();
    rig_open(&r, the_worker, red, &s);
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
    rig_run_until(&r, WATCH_WAITING);
    watcher_state n = rig_numbers(&r);
    assert_int_equal(n.n_captions, 3);
    assert_int_equal(n.n_same + n.n_dropped, 0);
    assert_true(n.lag_s > 0 && n.caption_s > 0 && n.caption_s <= n.lag_s && n.tokens_per_s > 0);
    assert_string_equal(n.model, "espy-nano");
    assert_true(n.built_in && !n.message);
    watcher_state_clear(&n);
    rig_close(&r);
}

/* And never more of it than the settings allow. */
static void pictures_of_any_size(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    static const int sizes[][2] = { { 1920, 1080 }, { 33, 900 }, { 64, 64 }, { 5, 3 }, { 1, 1 } };
    static const int tokens[] = { 4, 30, 64 };
    guint n = 1;
    rig_open(&r, the_worker, red, &s);
    rig_run(&r, n);
    for (size_t k = 0; k < G_N_ELEMENTS(tokens); k++) {
        s.vision_tokens = tokens[k];
        watcher_set(r.watcher, &s);
        rig_run(&r, ++n);
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            frame *f = rig_disc(sizes[i][0], sizes[i][1], 0x208020, 0);
            r.picture = f;
            rig_run(&r, ++n);
            const rig_look look = rig_get_look(-1);
            assert_true(look.width * look.height <= tokens[k] * 1024);
            /* A long one has at least a token along its shorter side. */
            assert_true(look.n_seen <= MAX(tokens[k], sizes[i][1] / sizes[i][0]));
            assert_true(look.n_seen > 0 || look.n_cached || look.n_reused > look.n_prompt / 2);
            r.picture = red;
            frame_free(f);
        }
    }
    rig_close(&r);
}

static void at_an_interval(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    s.when = WHEN_INTERVAL;
    s.interval_s = 0.2;
    rig_open(&r, the_worker, red, &s);
    rig_run(&r, 4);
    for (int i = 1; i < 4; i++) {
        const caption *a = rig_whole(&r, i - 1), *b = rig_whole(&r, i);
        assert_true(b->seen_us - a->seen_us > 100000); /* a frame may come a little late */
        assert_false(b->is_news);
        assert_string_equal(a->text, b->text);
    }
    assert_true(rig_whole(&r, 3)->seen_us - rig_whole(&r, 0)->seen_us >= 500000);
    assert_true(rig_whole(&r, 0)->is_news);
    watcher_state n = rig_numbers(&r);
    assert_true(n.n_same >= 3);
    watcher_state_clear(&n);
    rig_close(&r);
}

static void when_asked(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    s.when = WHEN_ASKED;
    rig_open(&r, the_worker, red, &s);
    rig_run_until(&r, WATCH_WAITING);
    rig_run_ms(&r, 200);
    assert_int_equal(rig_n_whole(&r) + r.n_offered, 0);
    watcher_ask(r.watcher);
    rig_run(&r, 1);
    r.picture = blue;
    rig_run_ms(&r, 200);
    assert_int_equal(rig_n_whole(&r), 1);
    watcher_offer(r.watcher, rig_scale(red, 64, 64)); /* before it is asked */
    watcher_ask(r.watcher);
    rig_run(&r, 2);
    assert_true(rig_says(&r, "blue"));
    rig_close(&r);
}

/* While the model is at work, one frame waits, the newest. */
static void the_newest_frame_wins(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    rig_set_token_ms(SLOW_MS);
    rig_open(&r, the_worker, red, &s);
    rig_run_until(&r, WATCH_WORKING);
    watcher_ask(r.watcher); /* so that the next one has not to wait for its time, too */
    for (int i = 0; i < 5; i++) {
        assert_false(rig_step(&r) & WANTS_FRAME);
        watcher_offer(r.watcher, rig_scale(i < 4 ? house : blue, 256, 160));
    }
    watcher_state n = rig_numbers(&r);
    assert_int_equal(n.n_dropped, 4);
    watcher_state_clear(&n);
    rig_set_token_ms(0);
    for (int i = 0; i < 60000 && rig_n_whole(&r) < 2; i++) g_usleep(1000);
    assert_non_null(strstr(rig_whole(&r, 0)->text, "red"));
    assert_non_null(strstr(rig_whole(&r, 1)->text, "blue"));
    g_usleep(200000);
    assert_int_equal(rig_n_whole(&r), 2);
    rig_close(&r);
}

/* ---------------------------------------------------- settings during inference */

static void what_is_under_way_goes_on(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    rig_set_token_ms(SLOW_MS);
    rig_open(&r, the_worker, red, &s);
    rig_run_until(&r, WATCH_WORKING);
    s.when = WHEN_ASKED;
    s.max_tokens = 100;
    s.n_threads = 2;
    watcher_set(r.watcher, &s);
    assert_int_equal(rig_state(&r), WATCH_WORKING);
    rig_set_token_ms(0);
    rig_run(&r, 1);
    assert_int_equal(rig_n_looks(), 1);
    assert_int_equal(rig_whole(&r, 0)->serial, 1);
    watcher_ask(r.watcher); /* with as many threads */
    rig_run(&r, 2);
    assert_string_equal(rig_whole(&r, 0)->text, rig_whole(&r, 1)->text);
    rig_close(&r);
}

typedef void change_fn(watcher_settings *s);

static void other_question(watcher_settings *s) {
    s->task = "find";
    s->argument = "red circle";
}
static void other_language(watcher_settings *s) {
    s->language = "de";
}
static void other_size(watcher_settings *s) {
    s->vision_tokens = 30;
}

/* A caption under way answers what nobody asks any more: it ends, and the newest picture
 * is looked at, whatever the timing says. */
static void what_is_of_no_use_ends(void **state) {
    (void)state;
    static change_fn *const changes[] = { other_question, other_language, other_size };
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        rig r;
        rig_set_token_ms(SLOW_MS);
        watcher_settings s = rig_settings();
        const int n_looks = rig_n_looks();
        s.when = WHEN_INTERVAL;
        s.interval_s = 1000;
        rig_open(&r, the_worker, red, &s);
        rig_run_until(&r, WATCH_WORKING);
        while (!rig_n_pieces(&r)) rig_run_ms(&r, 10);
        r.picture = blue;
        changes[i](&s);
        watcher_set(r.watcher, &s);
        rig_set_token_ms(0);
        rig_run(&r, 1);
        assert_int_equal(rig_n_looks(), n_looks + 2);
        assert_int_equal(rig_whole(&r, 0)->serial, 2);
        assert_true(rig_whole(&r, 0)->is_news);
        if (changes[i] == other_language) assert_true(rig_says(&r, "blau"));
        if (changes[i] == other_question) assert_true(rig_whole(&r, 0)->finds);
        if (changes[i] == other_size)
            assert_true(rig_get_look(-1).width * rig_get_look(-1).height <= 30 * 1024);
        rig_close(&r);
    }
}

static void paused_and_off_mean_no_work(void **state) {
    (void)state;
    for (int is_off = 0; is_off < 2; is_off++) {
        rig r;
        watcher_settings s = rig_settings();
        rig_set_token_ms(SLOW_MS);
        rig_open(&r, the_worker, red, &s);
        rig_run_until(&r, WATCH_WORKING);
        s.is_on = !is_off;
        s.is_paused = !is_off;
        watcher_set(r.watcher, &s);
        assert_int_equal(rig_state(&r), is_off ? WATCH_OFF : WATCH_PAUSED);
        rig_set_token_ms(0);
        const guint64 n_offered = r.n_offered;
        watcher_ask(r.watcher);
        watcher_offer(r.watcher, rig_scale(red, 64, 64));
        r.picture = blue;
        rig_run_ms(&r, 300);
        assert_int_equal(rig_step(&r), WANTS_NOTHING);
        assert_int_equal(rig_n_whole(&r), 0);
        assert_int_equal(r.n_offered, n_offered);
        s.is_on = TRUE;
        s.is_paused = FALSE;
        watcher_set(r.watcher, &s);
        rig_run(&r, 1);
        assert_true(rig_says(&r, "blue circle"));
        rig_close(&r);
    }
    assert_int_equal(rig_n_opened(), 1); /* the model stayed */
}

/* Who switches it on sees nothing yet: the first caption is news, though the picture is
 * the same. */
static void switched_on_again_it_looks_again(void **state) {
    (void)state;
    rig r;
    watcher_settings s = rig_settings();
    rig_open(&r, the_worker, red, &s);
    rig_run(&r, 1);
    s.is_paused = TRUE;
    watcher_set(r.watcher, &s);
    rig_run_ms(&r, 50);
    s.is_paused = FALSE; /* what was said is said still */
    watcher_set(r.watcher, &s);
    rig_run_ms(&r, 300);
    assert_int_equal(rig_n_whole(&r), 1);
    s.is_on = FALSE;
    watcher_set(r.watcher, &s);
    rig_run_ms(&r, 50);
    s.is_on = TRUE;
    watcher_set(r.watcher, &s);
    rig_run(&r, 2);
    assert_true(rig_whole(&r, 1)->is_news);
    s.is_paused = TRUE; /* another question meanwhile */
    watcher_set(r.watcher, &s);
    s.language = "de";
    watcher_set(r.watcher, &s);
    s.is_paused = FALSE;
    watcher_set(r.watcher, &s);
    rig_run(&r, 3);
    assert_true(rig_says(&r, "Kreis") && rig_whole(&r, 2)->is_news);
    rig_close(&r);
}

/* --------------------------------------------------------------- several of them */

static void watchers_take_turns(void **state) {
    (void)state;
    rig rigs[3];
    const frame *pictures[] = { red, blue, house };
    watcher_settings s = rig_settings();
    s.when = WHEN_INTERVAL;
    s.interval_s = 0.1;
    rig_set_token_ms(5); /* more than there is time for */
    for (int i = 0; i < 3; i++) rig_open(&rigs[i], the_worker, pictures[i], &s);
    while (rig_n_whole(&rigs[0]) < 5 || rig_n_whole(&rigs[1]) < 5 || rig_n_whole(&rigs[2]) < 5) {
        for (int i = 0; i < 3; i++) {
            rig_step(&rigs[i]);
            /* None is left behind. */
            assert_true(rig_n_whole(&rigs[i]) <=
                        2 + MIN(rig_n_whole(&rigs[(i + 1) % 3]), rig_n_whole(&rigs[(i + 2) % 3])));
        }
        g_usleep(2000);
    }
    assert_true(rig_says(&rigs[0], "red circle"));
    assert_true(rig_says(&rigs[1], "blue circle"));
    assert_true(rig_says(&rigs[2], "house"));
    assert_int_equal(rig_n_opened(), 1); /* and share the model */
    for (int i = 0; i < 3; i++) rig_close(&rigs[i]);
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
        cmocka_unit_test_setup_teardown(works_in_the_time_that_others_leave, begin, end),
        cmocka_unit_test_setup_teardown(in_the_language_that_is_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(finds_things_and_says_where, begin, end),
        cmocka_unit_test_setup_teardown(the_caption_before_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_new_picture_gets_a_new_caption, begin, end),
        cmocka_unit_test_setup_teardown(pictures_of_any_size, begin, end),
        cmocka_unit_test_setup_teardown(at_an_interval, begin, end),
        cmocka_unit_test_setup_teardown(when_asked, begin, end),
        cmocka_unit_test_setup_teardown(the_newest_frame_wins, begin, end),
        cmocka_unit_test_setup_teardown(what_is_under_way_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(what_is_of_no_use_ends, begin, end),
        cmocka_unit_test_setup_teardown(paused_and_off_mean_no_work, begin, end),
        cmocka_unit_test_setup_teardown(switched_on_again_it_looks_again, begin, end),
        cmocka_unit_test_setup_teardown(watchers_take_turns, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    frame_free(example);
    frame_free(house);
    frame_free(red);
    frame_free(blue);
    config_home_close();
    return failed;
}
