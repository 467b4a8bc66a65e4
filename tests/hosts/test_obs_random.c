/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What users do to filters, in random order and at any moment of an inference: nothing may
 * crash, take longer than a second, or be left over.
 *
 *   test_obs_random MODULE DATA_FOLDER SOURCE_ROOT [ACTIONS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <obs.h>

#include "config_home.h"
#include "obs_stage.h"

#define FILTER "espy_captions_filter"
enum { WIDTH = 640, HEIGHT = 480, N_SOURCES = 4, MOST_FILTERS = 6, MOST_MS = 1000 };

typedef struct play {
    GRand *random;
    char *pictures[2];
    obs_source_t *sources[N_SOURCES]; /* two pictures, a colour, a scene of the first */
    obs_scene_t *scene;
    int n_captions;
} play;

static int pick(play *p, int n) {
    return g_rand_int_range(p->random, 0, n);
}

static obs_source_t *any_source(play *p) {
    return p->sources[pick(p, N_SOURCES)];
}

static void heard(void *user, calldata_t *call) {
    (void)call;
    g_atomic_int_inc(&((play *)user)->n_captions);
}

/* ----------------------------------------------------------------------- filters */

typedef struct choice {
    play *p;
    obs_source_t *filter;
    int n;
} choice;

static void choose(obs_source_t *parent, obs_source_t *filter, void *user) {
    (void)parent;
    choice *c = user;
    c->n++;
    if (pick(c->p, c->n) == 0) c->filter = filter;
}

/* One of a source's filters, with a reference; NULL: it has none. */
static obs_source_t *any_filter(play *p, obs_source_t *source, int *n) {
    choice c = { .p = p };
    obs_source_enum_filters(source, choose, &c);
    if (n) *n = c.n;
    return c.filter ? obs_source_get_ref(c.filter) : NULL;
}

static obs_data_t *any_settings(play *p) {
    static const char *const tasks[] = { "caption", "alt", "find", "count", "question", "none" };
    static const char *const whens[] = { "changed", "interval", "interval", "asked" };
    obs_data_t *s = obs_data_create();
    obs_data_set_string(s, "task", tasks[pick(p, 6)]);
    obs_data_set_string(s, "argument", pick(p, 2) ? "cactus, diamond" : "");
    obs_data_set_string(s, "when", whens[pick(p, 4)]);
    obs_data_set_double(s, "interval", 0.1);
    obs_data_set_double(s, "least", 0.1);
    obs_data_set_int(s, "quality", 64 << pick(p, 4));
    obs_data_set_int(s, "threads", pick(p, 3));
    obs_data_set_bool(s, "clip", pick(p, 4) == 0);
    obs_data_set_bool(s, "recalls", pick(p, 2));
    obs_data_set_bool(s, "by_words", pick(p, 2));
    obs_data_set_double(s, "size", 1 + pick(p, 30));
    obs_data_set_string(s, "language", pick(p, 2) ? "German" : "");
    obs_data_set_string(s, "model_from", pick(p, 10) ? "default" : "name");
    obs_data_set_string(s, "model_name", "no such model");
    return s;
}

/* ----------------------------------------------------------------------- actions */

static void add(play *p) {
    obs_source_t *source = any_source(p);
    int n;
    obs_source_release(any_filter(p, source, &n));
    if (n >= MOST_FILTERS) return;
    obs_data_t *settings = any_settings(p);
    obs_source_t *filter = obs_source_create(FILTER, "captions", settings, NULL);
    signal_handler_connect(obs_source_get_signal_handler(filter), "espy_caption", heard, p);
    obs_source_filter_add(source, filter);
    obs_source_release(filter);
    obs_data_release(settings);
}

static void take_off(play *p) {
    obs_source_t *source = any_source(p), *filter = any_filter(p, source, NULL);
    if (filter) obs_source_filter_remove(source, filter);
    obs_source_release(filter);
}

static void toggle(play *p) {
    obs_source_t *filter = any_filter(p, any_source(p), NULL);
    if (filter) obs_source_set_enabled(filter, !obs_source_enabled(filter));
    obs_source_release(filter);
}

static void duplicate(play *p) {
    obs_source_t *filter = any_filter(p, any_source(p), NULL), *to = any_source(p);
    int n;
    obs_source_release(any_filter(p, to, &n));
    if (filter && n < MOST_FILTERS) {
        obs_source_t *copy = obs_source_duplicate(filter, "copy", true);
        obs_source_filter_add(to, copy);
        obs_source_release(copy);
    }
    obs_source_release(filter);
}

static void change(play *p) {
    obs_source_t *filter = any_filter(p, any_source(p), NULL);
    obs_data_t *settings = any_settings(p);
    if (filter) obs_source_update(filter, settings);
    obs_data_release(settings);
    obs_source_release(filter);
}

static void switch_scene(play *p) {
    obs_set_output_source(0, pick(p, 6) ? any_source(p) : NULL);
}

static void change_picture(play *p) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, "file", p->pictures[pick(p, 2)]);
    obs_source_update(p->sources[pick(p, 2)], settings);
    obs_data_release(settings);
}

static void change_size(play *p) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_int(settings, "width", 1 + pick(p, 2000));
    obs_data_set_int(settings, "height", 1 + pick(p, 2000));
    obs_source_update(p->sources[2], settings);
    obs_data_release(settings);
}

static void open_page(play *p) {
    obs_source_t *filter = any_filter(p, any_source(p), NULL);
    if (filter) obs_properties_destroy(obs_source_properties(filter));
    obs_source_release(filter);
}

static void call(play *p) {
    static const char *const names[] = { "espy_caption_now", "espy_clear", "espy_get",
                                         "espy_pause" };
    obs_source_t *filter = any_filter(p, any_source(p), NULL);
    calldata_t data;
    calldata_init(&data);
    calldata_set_bool(&data, "paused", pick(p, 2));
    if (filter) proc_handler_call(obs_source_get_proc_handler(filter), names[pick(p, 4)], &data);
    calldata_free(&data);
    obs_source_release(filter);
}

static void rename_it(play *p) {
    obs_source_t *filter = any_filter(p, any_source(p), NULL);
    g_autofree char *name = g_strdup_printf("captions %d", pick(p, 1000));
    if (filter) obs_source_set_name(filter, name);
    obs_source_release(filter);
}

static void copy_all(play *p) {
    int from = pick(p, N_SOURCES), to = pick(p, N_SOURCES), n;
    obs_source_release(any_filter(p, p->sources[to], &n));
    if (from != to && n == 0) obs_source_copy_filters(p->sources[to], p->sources[from]);
}

static const struct {
    const char *name;
    void (*act)(play *p);
} actions[] = {
    { "add", add },
    { "take off", take_off },
    { "toggle", toggle },
    { "add", add },
    { "duplicate", duplicate },
    { "change settings", change },
    { "page", open_page },
    { "switch scene", switch_scene },
    { "change picture", change_picture },
    { "call", call },
    { "change size", change_size },
    { "rename", rename_it },
    { "take off", take_off },
    { "copy filters", copy_all },
};

/* -------------------------------------------------------------------------- main */

static gint64 now_us(void) {
    return g_get_monotonic_time();
}

/* 1 if an action took too long. */
static int act(play *p, int i) {
    int k = pick(p, G_N_ELEMENTS(actions));
    gint64 start = now_us();
    actions[k].act(p);
    gint64 ms = (now_us() - start) / 1000;
    if (ms <= MOST_MS) return 0;
    printf("action %d, %s, took %d ms\n", i, actions[k].name, (int)ms);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int n_actions = argc > 4 ? atoi(argv[4]) : 500, n_slow = 0;
    guint32 seed = argc > 5 ? (guint32)atoi(argv[5]) : 1;
    play p = { .random = g_rand_new_with_seed(seed) };
    config_home_open();
    p.pictures[0] = g_build_filename(argv[3], "core", "nano", "example.png", NULL);
    p.pictures[1] = g_build_filename(argv[3], "plugin-gimp", "find.png", NULL);
    stage_open(WIDTH, HEIGHT, 60);
    stage_load("image-source");
    stage_load_file(argv[1], argv[2]);
    stage_loaded();
    p.sources[0] = stage_image(p.pictures[0]);
    p.sources[1] = stage_image(p.pictures[1]);
    p.sources[2] = stage_color(0x336699, WIDTH, HEIGHT);
    p.scene = obs_scene_create("scene");
    obs_scene_add(p.scene, p.sources[0]);
    p.sources[3] = obs_scene_get_source(p.scene);
    add(&p);
    switch_scene(&p);
    for (int i = 0; i < n_actions; i++) {
        n_slow += act(&p, i);
        /* Long enough for an inference now and then. */
        stage_wait_ms(pick(&p, 10) ? pick(&p, 60) : pick(&p, 600));
    }
    /* The end in the middle of the work; what is still shown outlives the module. */
    obs_set_output_source(0, p.sources[0]);
    add(&p);
    stage_wait_ms(200);
    stage_remove_scene(p.scene);
    for (int i = 0; i < 3; i++) obs_source_release(p.sources[i]);
    gint64 start = now_us();
    long left = stage_close();
    int close_ms = (int)((now_us() - start) / 1000);
    printf("seed %u: %d actions, %d captions, %d slow; closed in %d ms, %ld allocations left\n",
           seed, n_actions, g_atomic_int_get(&p.n_captions), n_slow, close_ms, left);
    g_rand_free(p.random);
    g_free(p.pictures[0]);
    g_free(p.pictures[1]);
    config_home_close();
    return n_slow || left || close_ms > 2 * MOST_MS || !p.n_captions;
}
