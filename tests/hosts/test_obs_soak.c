/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many captions in a row, of a picture that keeps changing: memory is no more at the end
 * than when all was warm.
 *
 *   test_obs_soak MODULE DATA_FOLDER SOURCE_ROOT [CAPTIONS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <obs.h>
#include <util/bmem.h>

#include "config_home.h"
#include "obs_stage.h"

#define FILTER "espy_captions_filter"
enum { WIDTH = 640, HEIGHT = 480, PATIENCE_S = 60, MOST_MORE_KB = 4096 };

static long resident_kb(void) {
    g_autofree char *text = NULL;
    long pages = 0;
    if (g_file_get_contents("/proc/self/statm", &text, NULL, NULL)) {
        char *second = strchr(text, ' ');
        pages = second ? strtol(second, NULL, 10) : 0;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Of those that are whole, whether they were news or not. */
static long long count_captions(obs_source_t *filter) {
    calldata_t call;
    calldata_init(&call);
    proc_handler_call(obs_source_get_proc_handler(filter), "espy_get", &call);
    obs_data_t *state = obs_data_create_from_json(calldata_string(&call, "state_json"));
    long long n = obs_data_get_int(state, "captions");
    obs_data_release(state);
    calldata_free(&call);
    return n;
}

/* Until there are n; FALSE if none comes for a minute. */
static gboolean wait_for(obs_source_t *filter, obs_sceneitem_t *item, long long n) {
    long long last = -1, now = 0;
    gint64 since = g_get_monotonic_time();
    for (int i = 0; (now = count_captions(filter)) < n; i++) {
        struct vec2 at = { .x = (float)(i % 150), .y = (float)(i % 140) };
        obs_sceneitem_set_pos(item, &at);
        if (now != last) since = g_get_monotonic_time();
        last = now;
        if (g_get_monotonic_time() - since > (gint64)PATIENCE_S * G_USEC_PER_SEC) return FALSE;
        stage_wait_ms(20);
    }
    return TRUE;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int n = argc > 4 ? atoi(argv[4]) : 200;
    config_home_open();
    stage_open(WIDTH, HEIGHT, 60);
    stage_load("image-source");
    stage_load_file(argv[1], argv[2]);
    stage_loaded();
    g_autofree char *picture = g_build_filename(argv[3], "core", "nano", "example.png", NULL);
    obs_source_t *image = stage_image(picture);
    obs_scene_t *scene = obs_scene_create("scene");
    obs_sceneitem_t *item = obs_scene_add(scene, image);
    obs_data_t *settings = obs_data_create_from_json("{\"when\":\"interval\",\"interval\":0.1}");
    obs_source_t *filter = obs_source_create(FILTER, "captions", settings, NULL);
    obs_data_release(settings);
    obs_source_filter_add(obs_scene_get_source(scene), filter);
    obs_set_output_source(0, obs_scene_get_source(scene));
    gint64 start = g_get_monotonic_time();
    gboolean came = wait_for(filter, item, n / 4);
    long warm_kb = resident_kb(), warm_allocs = bnum_allocs();
    came = came && wait_for(filter, item, n);
    long more_kb = resident_kb() - warm_kb, more_allocs = bnum_allocs() - warm_allocs;
    printf("%lld captions in %.0f s; from a quarter of them to the end %+ld KiB of %ld resident, "
           "%+ld allocations of OBS\n",
           count_captions(filter), (double)(g_get_monotonic_time() - start) / 1e6, more_kb, warm_kb,
           more_allocs);
    obs_set_output_source(0, NULL);
    obs_source_filter_remove(obs_scene_get_source(scene), filter);
    obs_source_release(filter);
    stage_remove_scene(scene);
    obs_source_release(image);
    long left = stage_close();
    if (left) printf("%ld allocations left\n", left);
    config_home_close();
    return !came || left || more_kb > MOST_MORE_KB || labs(more_allocs) > 200;
}
