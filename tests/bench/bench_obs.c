/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filter costs a stream: frames that OBS was late with, and the time of the
 * filter's callbacks, without and with it in turn, in one run.
 *
 *   bench_obs MODULE DATA_FOLDER SOURCE_ROOT [SECONDS [ROUNDS [SETTINGS]]]
 *
 * SETTINGS is JSON of the filter's settings, over those of the worst case: a look every
 * 0.1 s, on all cores. Under a virtual display OBS draws on the CPU, too: the same cores.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>
#include <obs.h>
#include <util/platform.h>

#include "config_home.h"
#include "obs_stage.h"

#define FILTER "espy_captions_filter"
enum { WIDTH = 640, HEIGHT = 480, FPS = 60, MOST_CALLS = 1 << 20 };

/* ------------------------------------------------------------------------ timing */

/* Times of one callback, in us: by the clock, and of the CPU alone. */
typedef struct times {
    int n;
    float us[MOST_CALLS], cpu_us[MOST_CALLS];
} times;

typedef struct moment {
    guint64 clock_ns, cpu_ns;
} moment;

static times ticks, renders;
static struct obs_source_info original;

static moment now(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (moment){ os_gettime_ns(), (guint64)cpu.tv_sec * 1000000000 + (guint64)cpu.tv_nsec };
}

static void note(times *t, moment start) {
    moment end = now();
    if (t->n == MOST_CALLS) return;
    t->us[t->n] = (float)(end.clock_ns - start.clock_ns) / 1e3F;
    t->cpu_us[t->n++] = (float)(end.cpu_ns - start.cpu_ns) / 1e3F;
}

static void timed_tick(void *data, float seconds) {
    moment start = now();
    original.video_tick(data, seconds);
    note(&ticks, start);
}

static void timed_render(void *data, gs_effect_t *effect) {
    moment start = now();
    original.video_render(data, effect);
    note(&renders, start);
}

/* Takes the place of OBS's function for modules that are loaded into this program. */
__attribute__((visibility("default"))) void
obs_register_source_s(const struct obs_source_info *info, size_t size) {
    void (*real)(const struct obs_source_info *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "obs_register_source_s");
    struct obs_source_info timed = { 0 };
    memcpy(&timed, info, MIN(size, sizeof timed));
    if (!strcmp(info->id, FILTER)) {
        original = timed;
        timed.video_tick = timed_tick;
        timed.video_render = timed_render;
    }
    real(&timed, size);
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, const char *of, float *us, int n) {
    qsort(us, (size_t)n, sizeof *us, by_size);
    printf("%-14s %-5s us: median %.0f, 95th percentile %.0f, 99th %.0f, most %.0f\n", name, of,
           us[n / 2], us[(int)(n * .95)], us[(int)(n * .99)], us[n - 1]);
}

static void report(const char *name, times *t) {
    if (!t->n) return;
    print_times(name, "clock", t->us, t->n);
    print_times(name, "CPU", t->cpu_us, t->n);
}

/* ------------------------------------------------------------------------- rounds */

typedef struct lateness {
    guint32 n_frames, n_lagged, n_skipped;
} lateness;

static lateness so_far(void) {
    return (lateness){ obs_get_total_frames(), obs_get_lagged_frames(),
                       video_output_get_skipped_frames(obs_get_video()) };
}

static int n_captions;

static void heard(void *unused, calldata_t *call) {
    (void)unused, (void)call;
    g_atomic_int_inc(&n_captions);
}

/* The picture moves, so that there is always something new. */
static lateness run(double seconds, obs_sceneitem_t *item) {
    lateness a = so_far(), b;
    for (int i = 0; i < seconds * 20; i++) {
        struct vec2 at = { .x = (float)(i % 100), .y = (float)(i % 60) };
        obs_sceneitem_set_pos(item, &at);
        stage_wait_ms(50);
    }
    b = so_far();
    return (lateness){ b.n_frames - a.n_frames, b.n_lagged - a.n_lagged,
                       b.n_skipped - a.n_skipped };
}

/* What the filter says of its work. */
static void print_state(obs_source_t *filter) {
    calldata_t call;
    calldata_init(&call);
    proc_handler_call(obs_source_get_proc_handler(filter), "espy_get", &call);
    printf("state %s\n", calldata_string(&call, "state_json"));
    calldata_free(&call);
}

static void add(lateness *sum, lateness l) {
    sum->n_frames += l.n_frames;
    sum->n_lagged += l.n_lagged;
    sum->n_skipped += l.n_skipped;
}

static void print(const char *name, lateness l) {
    printf("%-14s %6u frames, lagged %.2f %%, skipped %.2f %%\n", name, l.n_frames,
           100.0 * l.n_lagged / l.n_frames, 100.0 * l.n_skipped / l.n_frames);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    double seconds = argc > 4 ? atof(argv[4]) : 20;
    int rounds = argc > 5 ? atoi(argv[5]) : 2;
    lateness without = { 0 }, with = { 0 };
    config_home_open();
    stage_open(WIDTH, HEIGHT, FPS);
    stage_load("image-source");
    stage_load_file(argv[1], argv[2]);
    stage_loaded();
    g_autofree char *picture = g_build_filename(argv[3], "core", "nano", "example.png", NULL);
    obs_source_t *image = stage_image(picture);
    obs_scene_t *scene = obs_scene_create("scene");
    obs_sceneitem_t *item = obs_scene_add(scene, image);
    obs_data_t *settings = obs_data_create_from_json("{\"when\":\"interval\",\"interval\":0.1}");
    obs_data_t *other = obs_data_create_from_json(argc > 6 ? argv[6] : "{}");
    obs_data_set_int(settings, "threads", (long long)g_get_num_processors());
    obs_data_apply(settings, other);
    obs_data_release(other);
    obs_set_output_source(0, obs_scene_get_source(scene));
    stage_wait_ms(2000);
    for (int i = 0; i < rounds; i++) {
        add(&without, run(seconds, item));
        obs_source_t *filter = obs_source_create(FILTER, "captions", settings, NULL);
        signal_handler_connect(obs_source_get_signal_handler(filter), "espy_caption", heard, NULL);
        obs_source_filter_add(obs_scene_get_source(scene), filter);
        stage_wait_ms(1000); /* the model is loaded */
        ticks.n = renders.n = 0;
        add(&with, run(seconds, item));
        print_state(filter);
        obs_source_filter_remove(obs_scene_get_source(scene), filter);
        obs_source_release(filter);
        stage_wait_ms(500);
    }
    obs_set_output_source(0, NULL);
    stage_remove_scene(scene);
    obs_source_release(image);
    obs_data_release(settings);
    print("without", without);
    print("with", with);
    report("video_tick", &ticks);
    report("video_render", &renders);
    printf("%d captions that were news\n", g_atomic_int_get(&n_captions));
    stage_close();
    config_home_close();
    return 0;
}
