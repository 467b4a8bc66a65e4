/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whatever is done at whatever moment: no crash, no event that comes too late, nothing
 * that takes long on the threads of the host, no memory that grows. The random actions
 * are those of a seed: $ESPY_SEED, or 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_home.h"
#include "watch_rig.h"

enum { N_RIGS = 3, N_ACTIONS = 500, STOP_MS = 1000 * SLOWER, N_CAPTIONS = 240 / SLOWER };

static frame *red, *blue, *house;

static int begin(void **state) {
    (void)state;
    rig_reset();
    return 0;
}

static double now_ms(void) {
    return (double)g_get_monotonic_time() / 1e3;
}

/* ------------------------------------------------------------------ at the end */

static void a_watcher_ends_at_any_moment(void **state) {
    (void)state;
    double longest = 0;
    rig_set_token_ms(30);
    worker *w = worker_new(NULL);
    const watcher_settings s = rig_settings();
    for (int i = 0; i < 40; i++) {
        rig r;
        rig_open(&r, w, i % 2 ? red : blue, &s);
        rig_run_ms(&r, 7 * i);
        const double from = now_ms();
        rig_close(&r);
        longest = MAX(longest, now_ms() - from);
    }
    print_message("ending a watcher takes at most %.1f ms\n", longest);
    assert_true(longest < STOP_MS);
    worker_free(&w);
}

static void a_worker_ends_at_any_moment(void **state) {
    (void)state;
    double longest = 0;
    rig_set_token_ms(30);
    const watcher_settings s = rig_settings();
    for (int i = 0; i < 25; i++) {
        rig r;
        worker *w = worker_new(NULL);
        rig_open(&r, w, i % 2 ? red : blue, &s);
        rig_run_ms(&r, 10 * i);
        rig_close(&r);
        const double from = now_ms();
        worker_free(&w);
        longest = MAX(longest, now_ms() - from);
    }
    print_message("ending a worker takes at most %.1f ms\n", longest);
    assert_true(longest < STOP_MS);
    assert_int_equal(rig_n_opened(), rig_n_closed());
}

static void without_anything_to_do(void **state) {
    (void)state;
    worker *w = worker_new(NULL);
    worker_free(&w);
    worker_free(&w);
    w = worker_new(NULL);
    watcher *v = watcher_new(w, NULL, NULL);
    watcher_free(&v);
    watcher_free(&v);
    v = watcher_new(w, NULL, NULL);
    watcher_ask(v);
    watcher_retry(v);
    watcher_offer(v, rig_scale(red, 32, 32));
    assert_int_equal(watcher_wants(v, 0, 100, 100, NULL, NULL), WANTS_NOTHING);
    watcher_free(&v);
    worker_free(&w);
}

/* ---------------------------------------------------------------- random actions */

/* A source that is drawn on a thread of its own, as OBS draws. */
typedef struct source {
    rig *rig; /* NULL: not there; under the lock */
    pthread_mutex_t lock;
    pthread_t thread;
    _Atomic(const frame *) picture;
    atomic_int longest_us;
    atomic_bool ends;
} source;

static void *draw(void *user) {
    source *s = user;
    while (!atomic_load(&s->ends)) {
        pthread_mutex_lock(&s->lock);
        if (s->rig) {
            s->rig->picture = atomic_load(&s->picture);
            const gint64 from_us = g_get_monotonic_time();
            watcher_size size;
            watcher_wants(s->rig->watcher, from_us, 64, 48, &size, &size);
            const int us = (int)(g_get_monotonic_time() - from_us);
            if (us > atomic_load(&s->longest_us)) atomic_store(&s->longest_us, us);
            rig_step(s->rig);
        }
        pthread_mutex_unlock(&s->lock);
        g_usleep(3000);
    }
    return NULL;
}

static watcher_settings random_settings(GRand *g) {
    static const char *const tasks[] = { "caption", "find", "count", "tags", "detailed", "dance" };
    static const char *const languages[] = { NULL, "de", "zh_CN" };
    watcher_settings s = rig_settings();
    s.is_on = g_rand_int_range(g, 0, 6) > 0;
    s.is_paused = g_rand_int_range(g, 0, 6) == 0;
    if (g_rand_int_range(g, 0, 8) == 0) s.model = "/nowhere/model.gguf";
    s.task = tasks[g_rand_int_range(g, 0, G_N_ELEMENTS(tasks))];
    s.argument = g_rand_int_range(g, 0, 8) ? "red circle" : NULL;
    s.language = languages[g_rand_int_range(g, 0, G_N_ELEMENTS(languages))];
    s.vision_tokens = g_rand_int_range(g, 0, 3) * 20;
    s.max_tokens = g_rand_int_range(g, 0, 40);
    s.n_threads = g_rand_int_range(g, 0, 3);
    s.when = (watch_when)g_rand_int_range(g, 0, 3);
    s.interval_s = g_rand_double_range(g, 0, 0.3);
    s.clip_s = g_rand_int_range(g, 0, 3) ? 0 : 4;
    s.clip_fps = g_rand_double_range(g, 0, 2);
    s.drop_same = g_rand_boolean(g);
    s.recalls = g_rand_boolean(g);
    return s;
}

static void act(source *s, rig *r, worker *w, GRand *g) {
    static const frame **const pictures[] = { (const frame **)&red, (const frame **)&blue,
                                              (const frame **)&house };
    const watcher_settings settings = random_settings(g);
    switch (g_rand_int_range(g, 0, 8)) {
    case 0: /* removed, or added */
        pthread_mutex_lock(&s->lock);
        if (s->rig) {
            s->rig = NULL;
            rig_close(r);
        } else {
            rig_open(r, w, red, NULL);
            s->rig = r;
        }
        pthread_mutex_unlock(&s->lock);
        break;
    case 1:
        atomic_store(&s->picture, *pictures[g_rand_int_range(g, 0, 3)]);
        break;
    case 2:
        if (s->rig) watcher_ask(r->watcher);
        break;
    case 3:
        if (s->rig) watcher_retry(r->watcher);
        break;
    case 4:
        if (s->rig) watcher_offer(r->watcher, rig_scale(blue, g_rand_int_range(g, 1, 99), 50));
        break;
    default:
        if (s->rig) watcher_set(r->watcher, &settings);
    }
}

static void whatever_is_done(void **state) {
    (void)state;
    const char *seed = g_getenv("ESPY_SEED");
    GRand *g = g_rand_new_with_seed(seed ? (guint32)atoi(seed) : 1);
    double longest = 0;
    int longest_wants_us = 0;
    source sources[N_RIGS] = { 0 };
    rig rigs[N_RIGS] = { 0 };
    const worker_settings ws = { .idle_s = 1 };
    worker *w = worker_new(&ws);
    rig_set_token_ms(2);
    for (int i = 0; i < N_RIGS; i++) {
        atomic_store(&sources[i].picture, red);
        pthread_mutex_init(&sources[i].lock, NULL);
        assert_int_equal(pthread_create(&sources[i].thread, NULL, draw, &sources[i]), 0);
    }
    for (int n = 0; n < N_ACTIONS; n++) {
        const int i = g_rand_int_range(g, 0, N_RIGS);
        const double from = now_ms();
        act(&sources[i], &rigs[i], w, g);
        longest = MAX(longest, now_ms() - from);
        g_usleep((gulong)g_rand_int_range(g, 0, 20000));
    }
    for (int i = 0; i < N_RIGS; i++) {
        atomic_store(&sources[i].ends, true);
        pthread_join(sources[i].thread, NULL);
        longest_wants_us = MAX(longest_wants_us, atomic_load(&sources[i].longest_us));
        if (sources[i].rig) rig_close(&rigs[i]);
        pthread_mutex_destroy(&sources[i].lock);
    }
    const double from = now_ms();
    worker_free(&w);
    print_message("%d looks; an action takes at most %.1f ms, watcher_wants %.2f, the end %.1f\n",
                  rig_n_looks(), longest, longest_wants_us / 1e3, now_ms() - from);
    assert_true(rig_n_looks() >= 5);
    assert_true(longest < STOP_MS);
    assert_int_equal(rig_n_opened(), rig_n_closed());
    g_rand_free(g);
}

/* ---------------------------------------------------------------------- memory */

/* Pages of the process that are in memory, in KiB; 0 where that is not told. */
static long resident_kib(void) {
    long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &size, &resident) != 2) resident = 0;
    if (f) fclose(f);
    return resident * 4;
}

static void memory_is_steady(void **state) {
    (void)state;
    rig r;
    worker *w = worker_new(NULL);
    watcher_settings s = rig_settings();
    s.when = WHEN_INTERVAL;
    s.interval_s = 0.1;
    rig_open(&r, w, red, &s);
    long before = 0;
    for (int i = 0; i < N_CAPTIONS; i++) {
        const guint n = rig_n_whole(&r);
        frame *f = rig_disc(320, 180, (guint32)g_random_int() & 0xffffff, 0xffffff);
        r.picture = f;
        watcher_ask(r.watcher);
        rig_run(&r, n + 1);
        r.picture = red;
        frame_free(f);
        if (i == N_CAPTIONS / 4) before = resident_kib();
    }
    const long grown = resident_kib() - before;
    print_message("%d captions: %ld KiB more\n", N_CAPTIONS - N_CAPTIONS / 4, grown);
    if (SLOWER == 1) assert_true(grown < 2048);
    rig_close(&r);
    worker_free(&w);
}

int main(void) {
    config_home_open();
    red = rig_disc(640, 360, 0xe02020, 0xffffff);
    blue = rig_disc(640, 360, 0x2040e0, 0xffffff);
    house = rig_load("tests/data/nano/000000.jpg");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_anything_to_do, begin),
        cmocka_unit_test_setup(a_watcher_ends_at_any_moment, begin),
        cmocka_unit_test_setup(a_worker_ends_at_any_moment, begin),
        cmocka_unit_test_setup(whatever_is_done, begin),
        cmocka_unit_test_setup(memory_is_steady, begin),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    frame_free(red);
    frame_free(blue);
    frame_free(house);
    config_home_close();
    return failed;
}
