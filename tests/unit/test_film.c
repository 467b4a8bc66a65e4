/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Films: containers, codecs, times, turns, and what is wrong with files. Frame k of
 * the films in tests/data/films shows a white square in cell k % 12 of 4 x 3. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/film.h"

enum { MAX_TIMES = 16 };

static espy_model *model;

static const char *path_of(const char *name) {
    static char path[4096];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/films/%s", root ? root : ".", name);
    return path;
}

static espy_film *open_film(const char *name) {
    espy_film *film;
    espy_error err = { 0 };
    if (espy_film_open(&film, path_of(name), &err)) fail_msg("%s", err.message);
    return film;
}

static int brightness(const espy_image *image, int x, int y) {
    const uint8_t *p = espy_image_pixels(image) + (y * espy_image_width(image) + x) * 3;
    return p[0] + p[1] + p[2];
}

/* The cell of the square, of columns x rows; -1: none stands out. */
static int number_of(const espy_image *image, int columns, int rows) {
    int best = 0, most = -1, second = -1;
    for (int i = 0; i < columns * rows; i++) {
        int x = (2 * (i % columns) + 1) * espy_image_width(image) / (2 * columns);
        int y = (2 * (i / columns) + 1) * espy_image_height(image) / (2 * rows);
        int v = brightness(image, x, y);
        if (v > most) {
            second = most;
            most = v;
            best = i;
        } else if (v > second) {
            second = v;
        }
    }
    return most - second > 200 ? best : -1;
}

static void see(espy_film *film, const char *name, const double *times, const int *numbers, int n,
                int width, int height) {
    espy_image *images[MAX_TIMES];
    espy_error err = { 0 };
    const espy_film_wanted wanted = { .times = times, .n = n, .width = width, .height = height };
    if (espy_film_frames(film, &wanted, images, &err)) fail_msg("%s", err.message);
    for (int i = 0; i < n; i++) {
        assert_int_equal(espy_image_width(images[i]), width);
        assert_int_equal(espy_image_height(images[i]), height);
        int number = number_of(images[i], 4, 3);
        if (number != numbers[i])
            fail_msg("%s: at %g s stands %d, not %d", name, times[i], number, numbers[i]);
        espy_image_close(&images[i]);
    }
}

static void reads_all_kinds(void **state) {
    (void)state;
    static const struct {
        const char *name, *codec;
        int n;
        double fps, duration;
    } films[] = {
        { "vp8.webm", "vp8", 12, 8, 1.5 },         { "vp9.webm", "vp9", 12, 8, 1.5 },
        { "h264.mp4", "h264", 12, 8, 1.5 },        { "mpeg4.mp4", "mpeg4", 12, 8, 1.5 },
        { "mpeg4.avi", "mpeg4", 12, 8, 1.5 },      { "h264.mkv", "h264", 12, 8, 1.5 },
        { "mpeg2.ts", "mpeg2video", 12, 25, .48 }, { "numbered.gif", "gif", 12, 10, 1.2 },
        { "one.mp4", "h264", 1, 8, .125 },         { "offset.mkv", "h264", 12, 8, 1.5 },
        { "with-sound.webm", "vp8", 12, 8, 1.5 },
    };
    for (size_t i = 0; i < sizeof films / sizeof *films; i++) {
        espy_film *film = open_film(films[i].name);
        espy_film_info info;
        espy_film_get_info(film, &info);
        if (strcmp(info.codec, films[i].codec) != 0 || info.n_frames != films[i].n ||
            fabs(info.fps - films[i].fps) > 1e-9 || fabs(info.duration_s - films[i].duration) > .02)
            fail_msg("%s: %s, %lld frames, %g a second, %g s", films[i].name, info.codec,
                     (long long)info.n_frames, info.fps, info.duration_s);
        assert_int_equal(info.width_px, 64);
        assert_int_equal(info.height_px, 48);
        /* each frame, at its very time; then some, some of them twice, between times */
        double times[MAX_TIMES];
        int numbers[MAX_TIMES], n = films[i].n;
        for (int k = 0; k < n; k++) times[k] = (numbers[k] = k) / films[i].fps;
        see(film, films[i].name, times, numbers, n, 64, 48);
        for (int k = 0; k < n; k++) times[k] = ((numbers[k] = k / 2) + 0.7) / films[i].fps;
        see(film, films[i].name, times, numbers, n, 32, 32);
        times[0] = 1e6; /* behind the end: the last */
        numbers[0] = n - 1;
        see(film, films[i].name, times, numbers, 1, 64, 48);
        espy_film_close(&film);
        assert_null(film);
    }
}

static void times_follow_the_film(void **state) {
    (void)state;
    espy_film *film = open_film("variable.mkv"); /* frame k at k * k / 16 */
    espy_film_info info;
    espy_film_get_info(film, &info);
    assert_int_equal(info.n_frames, 12);
    assert_true(fabs(info.fps - 11 / (121 / 16.0)) < 1e-3);
    static const double times[] = { 0, 0.3, 1, 1.01, 2, 4.5, 6.24, 6.26, 7.5 };
    static const int numbers[] = { 0, 2, 4, 4, 5, 8, 9, 10, 10 };
    see(film, "variable.mkv", times, numbers, 9, 64, 48);
    espy_film_close(&film);

    film = open_film("ntsc.mkv"); /* stamps in whole milliseconds */
    espy_film_get_info(film, &info);
    assert_int_equal(info.n_frames, 48);
    assert_true(info.fps == 24000.0 / 1001);
    double exact[12];
    int expected[12];
    for (int k = 0; k < 12; k++) exact[k] = (3 + 4 * k) / info.fps, expected[k] = (3 + 4 * k) % 12;
    see(film, "ntsc.mkv", exact, expected, 12, 64, 48);
    espy_film_close(&film);
}

/* Three hours, sampled: the key frames are found, and nothing is read in between. */
static void long_films_are_sampled(void **state) {
    (void)state;
    espy_film *film = open_film("hours.mkv");
    espy_film_info info;
    espy_frames frames;
    espy_error err = { 0 };
    espy_film_get_info(film, &info);
    assert_int_equal(info.n_frames, 360);
    assert_true(fabs(info.duration_s - 10800) < 1);
    static const double times[] = { 15, 1200, 1229, 5000, 10799 };
    static const int numbers[] = { 0, 4, 4, 10, 11 };
    see(film, "hours.mkv", times, numbers, 5, 64, 48);
    espy_film_params p = { .max_frames = 9 };
    if (espy_film_read(film, model, &p, &frames, &err)) fail_msg("%s", err.message);
    assert_int_equal(frames.n_images, 9);
    assert_true(frames.times_s[0] == 0 && frames.times_s[8] == 10770);
    assert_int_equal(number_of(frames.images[8], 4, 3), 359 % 12);
    espy_frames_clear(&frames);
    espy_film_close(&film);
}

static void turns_upright(void **state) {
    (void)state;
    /* where the square of frame 1 (second column of the first row) comes to lie */
    static const struct {
        const char *name;
        int width, height, columns, cell;
    } films[] = { { "turned-left.mp4", 48, 64, 3, 6 },
                  { "turned-right.mp4", 48, 64, 3, 5 },
                  { "turned-over.mp4", 64, 48, 4, 10 } };
    for (size_t i = 0; i < sizeof films / sizeof *films; i++) {
        espy_film *film = open_film(films[i].name);
        espy_film_info info;
        espy_image *image;
        espy_film_get_info(film, &info);
        assert_int_equal(info.width_px, films[i].width);
        assert_int_equal(info.height_px, films[i].height);
        const double time = 1 / 8.0;
        const espy_film_wanted wanted = {
            .times = &time, .n = 1, .width = info.width_px, .height = info.height_px
        };
        assert_int_equal(espy_film_frames(film, &wanted, &image, NULL), ESPY_OK);
        assert_int_equal(number_of(image, films[i].columns, 12 / films[i].columns), films[i].cell);
        espy_image_close(&image);
        espy_film_close(&film);
    }
}

static void treats_alpha_as_pictures(void **state) {
    (void)state;
    const double time = 0;
    for (int drop = 0; drop < 2; drop++) {
        espy_film *film = open_film("clear.mov");
        espy_image *image;
        const espy_film_wanted wanted = { .times = &time,
                                          .n = 1,
                                          .width = 64,
                                          .height = 48,
                                          .alpha = drop ? ESPY_ALPHA_DROP : ESPY_ALPHA_WHITE };
        assert_int_equal(espy_film_frames(film, &wanted, &image, NULL), ESPY_OK);
        assert_int_equal(brightness(image, 8, 8), 255); /* red */
        assert_int_equal(brightness(image, 40, 40), drop ? 255 : 3 * 255);
        espy_image_close(&image);
        espy_film_close(&film);
    }
}

/* What is read equals what the same frames give when they are given as pictures. */
static void frames_come_fitted(void **state) {
    (void)state;
    espy_film *film = open_film("h264.mp4");
    espy_frames frames;
    espy_error err = { 0 };
    const espy_film_params p = { .fps = 6, .total_pixels = 30000 };
    if (espy_film_read(film, model, &p, &frames, &err)) fail_msg("%s", err.message);
    assert_int_equal(frames.n_images, 9); /* of 12 */
    assert_true(frames.fps == 6);
    int w, h;
    assert_int_equal(espy_fit_clip(model, 64, 48, 9, 0, 0, 30000, &w, &h, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_image_width(frames.images[0]), w);
    assert_int_equal(espy_image_height(frames.images[0]), h);
    static const int indices[] = { 0, 1, 3, 4, 6, 7, 8, 10, 11 }; /* round half to even */
    for (int i = 0; i < 9; i++) {
        assert_true(frames.times_s[i] == indices[i] / 8.0);
        assert_int_equal(number_of(frames.images[i], 4, 3), indices[i]);
    }
    /* they stand for the film: shapes are in its pixels */
    espy_shape_params shapes;
    assert_int_equal(espy_shape_params_for(model, frames.images[0], 0, 0, &shapes, NULL), ESPY_OK);
    assert_true(shapes.width_px == 64 && shapes.height_px == 48);
    assert_true(shapes.fitted_width_px == w && shapes.fitted_height_px == h && h != 48);
    espy_part part = espy_frames_part(&frames);
    const espy_message message = { "user", &part, 1 };
    const espy_request request = { .messages = &message, .n_messages = 1, .max_tokens = 1 };
    espy_context *c;
    espy_result r;
    assert_int_equal(espy_context_open(&c, model, NULL, NULL), ESPY_OK);
    if (espy_generate(c, &request, &r, &err)) fail_msg("%s", err.message);
    assert_int_equal(r.video_grid_thw[0][0], 5);
    assert_int_equal(r.video_grid_thw[0][1], h / 16);
    assert_int_equal(r.video_grid_thw[0][2], w / 16);
    assert_true(r.video_times_s[4] == 11 / 8.0);
    espy_result_clear(&r);
    espy_context_close(&c);
    espy_frames_clear(&frames);
    espy_film_close(&film);
}

typedef struct watcher {
    int calls, stop_at;
} watcher;

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    watcher *w = user;
    assert_string_equal(phase, "watching");
    assert_true(done >= 0 && done <= total && total > 0);
    return ++w->calls == w->stop_at;
}

static void stops_when_asked(void **state) {
    (void)state;
    espy_film *film = open_film("vp8.webm");
    for (int stop_at = 0; stop_at < 4; stop_at++) {
        watcher w = { .stop_at = stop_at };
        espy_frames frames;
        const espy_film_params p = { .progress = on_progress, .user = &w };
        espy_status status = espy_film_read(film, model, &p, &frames, NULL);
        assert_int_equal(status, stop_at ? ESPY_ERR_STOPPED : ESPY_OK);
        assert_true(w.calls >= (stop_at ? stop_at : 4));
        if (stop_at) assert_null(frames.images);
        espy_frames_clear(&frames);
    }
    espy_film_close(&film);
}

/* Between two times far apart the nearest key frame is sought: few packets are read. */
static void seeks_to_key_frames(void **state) {
    (void)state;
    espy_film *film = open_film("hours.mkv");
    watcher w = { .stop_at = 0 };
    static const double times[] = { 0, 10700 }; /* frame 356; 320 is the last key */
    const espy_film_wanted wanted = {
        .times = times, .n = 2, .width = 64, .height = 48, .progress = on_progress, .user = &w
    };
    espy_image *images[2];
    assert_int_equal(espy_film_frames(film, &wanted, images, NULL), ESPY_OK);
    assert_int_equal(number_of(images[1], 4, 3), 356 % 12);
    assert_true(w.calls <= 2 + 4); /* one each, and one for 16 packets */
    for (int i = 0; i < 2; i++) espy_image_close(&images[i]);
    espy_film_close(&film);
}

static void damaged_films_give_what_they_have(void **state) {
    (void)state;
    static const char *const names[] = { "broken.mkv", "cut.webm" };
    for (size_t i = 0; i < 2; i++) {
        espy_film *film = open_film(names[i]);
        espy_image *images[2];
        static const double times[] = { 0, 0.25 };
        const espy_film_wanted wanted = { .times = times, .n = 2, .width = 64, .height = 48 };
        assert_int_equal(espy_film_frames(film, &wanted, images, NULL), ESPY_OK);
        assert_int_equal(number_of(images[0], 4, 3), 0);
        assert_int_equal(number_of(images[1], 4, 3), 2);
        for (int k = 0; k < 2; k++) espy_image_close(&images[k]);
        espy_frames frames; /* all of it: the frames that are gone do not stop it */
        assert_int_equal(espy_film_read(film, model, NULL, &frames, NULL), ESPY_OK);
        assert_true(frames.n_images >= 3);
        espy_frames_clear(&frames);
        espy_film_close(&film);
    }
}

static void refuse(const char *name, espy_status status, const char *word) {
    espy_film *film;
    espy_error err = { 0 };
    assert_int_equal(espy_film_open(&film, path_of(name), &err), status);
    assert_null(film);
    if (!strstr(err.message, word) || !strstr(err.message, name))
        fail_msg("'%s' lacks '%s' or '%s'", err.message, name, word);
}

static void refuses_other_files(void **state) {
    (void)state;
    refuse("empty.mp4", ESPY_ERR_FORMAT, "empty, not a film");
    refuse("sound.webm", ESPY_ERR_FORMAT, "holds sound, no moving pictures");
    refuse("none.mp4", ESPY_ERR_IO, "No such file");
    refuse("../images/large.jpg", ESPY_ERR_FORMAT, "not a film that espy can read");
    refuse("../../unit/test_film.c", ESPY_ERR_FORMAT, "not a film that espy can read");
    espy_film *film = NULL;
    assert_int_equal(espy_film_open(&film, NULL, NULL), ESPY_ERR_ARGUMENT);
    /* a list of files would open others */
    static const char list[] = "ffconcat version 1.0\nfile 'vp8.webm'\n";
    assert_int_equal(espy_film_open_memory(&film, list, sizeof list - 1, "list", NULL),
                     ESPY_ERR_FORMAT);
    espy_film_close(&film);

    film = open_film("vp8.webm");
    espy_frames frames;
    espy_error err = { 0 };
    espy_film_params p = { .max_frames = 769 };
    assert_int_equal(espy_film_read(film, model, &p, &frames, &err), ESPY_ERR_ARGUMENT);
    p = (espy_film_params){ .fps = -1 };
    assert_int_equal(espy_film_read(film, model, &p, &frames, &err), ESPY_ERR_ARGUMENT);
    p = (espy_film_params){ .max_pixels = INT64_MAX };
    assert_int_equal(espy_film_read(film, model, &p, &frames, &err), ESPY_ERR_ARGUMENT);
    assert_null(frames.images);
    espy_film_close(&film);
}

static int open_model(void **state) {
    (void)state;
    char path[4096];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    return espy_model_open(&model, path, NULL, NULL) ? -1 : 0;
}

static int close_model(void **state) {
    (void)state;
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_kinds),
        cmocka_unit_test(times_follow_the_film),
        cmocka_unit_test(long_films_are_sampled),
        cmocka_unit_test(turns_upright),
        cmocka_unit_test(treats_alpha_as_pictures),
        cmocka_unit_test(frames_come_fitted),
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(seeks_to_key_frames),
        cmocka_unit_test(damaged_films_give_what_they_have),
        cmocka_unit_test(refuses_other_files),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
