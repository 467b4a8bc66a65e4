/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "outputs_stage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static obs_source_t *wall, *filter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static outputs *current; /* locked, as all below */
static guint32 wanted_rgb, drawn_rgb;
static gint64 drawn_us;

/* --------------------------------------------------------------------- the wall */

static const char *name_of_it(void *unused) {
    (void)unused;
    return "part of a test";
}

static void *create(obs_data_t *settings, obs_source_t *source) {
    (void)settings;
    return source;
}

static void destroy(void *data) {
    (void)data;
}

static uint32_t width(void *data) {
    (void)data;
    return WALL_WIDTH;
}

static uint32_t height(void *data) {
    (void)data;
    return WALL_HEIGHT;
}

static void draw_wall(void *data, gs_effect_t *unused) {
    (void)data, (void)unused;
    struct vec4 color;
    gs_effect_t *solid = obs_get_base_effect(OBS_EFFECT_SOLID);
    pthread_mutex_lock(&lock);
    if (drawn_rgb != wanted_rgb || !drawn_us) drawn_us = g_get_monotonic_time();
    drawn_rgb = wanted_rgb;
    vec4_from_rgba(&color, GUINT32_SWAP_LE_BE(drawn_rgb << 8) | 0xFF000000);
    pthread_mutex_unlock(&lock);
    gs_effect_set_vec4(gs_effect_get_param_by_name(solid, "color"), &color);
    while (gs_effect_loop(solid, "Solid")) gs_draw_sprite(NULL, 0, WALL_WIDTH, WALL_HEIGHT);
}

static gboolean is_drawn(const void *rgb) {
    return drawn_us && drawn_rgb == *(const guint32 *)rgb;
}

gint64 outputs_stage_paint(guint32 rgb) {
    pthread_mutex_lock(&lock);
    wanted_rgb = rgb;
    pthread_mutex_unlock(&lock);
    if (!outputs_stage_await(is_drawn, &rgb)) abort();
    return drawn_us;
}

/* ------------------------------------------------------------------- the filter */

static void tick(void *data, float seconds) {
    (void)data, (void)seconds;
    pthread_mutex_lock(&lock);
    if (current) outputs_tick(current, g_get_monotonic_time());
    pthread_mutex_unlock(&lock);
}

static void draw_nothing(void *source, gs_effect_t *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    if (current) outputs_name_source(current, obs_source_get_name(obs_filter_get_parent(source)));
    pthread_mutex_unlock(&lock);
    obs_source_skip_video_filter(source);
}

static void make_wall_and_filter(void) {
    static struct obs_source_info wall_info = { .id = "test_wall",
                                                .type = OBS_SOURCE_TYPE_INPUT,
                                                .output_flags =
                                                    OBS_SOURCE_VIDEO | OBS_SOURCE_CUSTOM_DRAW,
                                                .get_name = name_of_it,
                                                .create = create,
                                                .destroy = destroy,
                                                .get_width = width,
                                                .get_height = height,
                                                .video_render = draw_wall };
    static struct obs_source_info filter_info = { .id = "espy_captions_filter",
                                                  .type = OBS_SOURCE_TYPE_FILTER,
                                                  .output_flags = OBS_SOURCE_VIDEO,
                                                  .get_name = name_of_it,
                                                  .create = create,
                                                  .destroy = destroy,
                                                  .video_tick = tick,
                                                  .video_render = draw_nothing };
    obs_register_source(&wall_info);
    obs_register_source(&filter_info);
    wall = obs_source_create("test_wall", "Wall", NULL, NULL);
    filter = obs_source_create("espy_captions_filter", "Captions", NULL, NULL);
    obs_source_filter_add(wall, filter);
    obs_set_output_source(0, wall);
}

obs_source_t *outputs_stage_filter(void) {
    return filter;
}

static outputs *replace(outputs *by) {
    pthread_mutex_lock(&lock);
    outputs *before = current;
    current = by;
    pthread_mutex_unlock(&lock);
    outputs_free(&before);
    return by;
}

outputs *outputs_stage_renew(const outputs_settings *settings) {
    outputs *o = replace(outputs_new(filter));
    outputs_set(o, settings);
    return o;
}

void outputs_stage_end(void) {
    replace(NULL);
}

/* -------------------------------------------------------------------- the rest */

void outputs_stage_open(const char *const *modules) {
    stage_open(WALL_WIDTH, WALL_HEIGHT, WALL_FPS);
    for (; *modules; modules++) stage_load(*modules);
    stage_loaded();
    make_wall_and_filter();
}

void outputs_stage_close(void) {
    outputs_stage_end();
    obs_set_output_source(0, NULL);
    obs_source_filter_remove(wall, filter);
    obs_source_release(filter);
    obs_source_release(wall);
    long n = stage_close();
    if (!n) return;
    fprintf(stderr, "outputs_stage: %ld allocations are left\n", n);
    exit(1);
}

caption *outputs_stage_caption(const char *text, gint64 seen_us) {
    caption *c = caption_new();
    c->text = g_strdup(text);
    c->is_whole = c->is_news = TRUE;
    c->seen_us = seen_us;
    c->done_us = g_get_monotonic_time();
    return c;
}

void outputs_stage_say(const char *text, gint64 seen_us) {
    caption *c = outputs_stage_caption(text, seen_us);
    outputs_caption(current, c);
    caption_unref(c);
}

static gboolean check(gboolean (*is_so)(const void *), const void *what) {
    pthread_mutex_lock(&lock);
    gboolean is = is_so(what);
    pthread_mutex_unlock(&lock);
    return is;
}

gboolean outputs_stage_await(gboolean (*is_so)(const void *), const void *what) {
    for (int ms = 0; ms < 30000; ms += 5) {
        if (check(is_so, what)) return TRUE;
        stage_wait_ms(5);
    }
    return check(is_so, what);
}
