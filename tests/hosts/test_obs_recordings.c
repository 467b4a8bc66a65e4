/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions beside and within recordings that OBS makes of a wall which changes its colour:
 * each begins in the file when its colour comes in the film, over pauses and from one
 * film to the next; and the film has closed captions of the same texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <math.h>

#include "film.h"
#include "outputs_stage.h"

enum { BLACK = 0, RED = 0xff0000, BLUE = 0x0000ff, GREEN = 0x00ff00 };

/* Of a time in the file to that in the film; what is in the making when a recording stops
 * does not always come into the film. */
static const double tolerance_s = 0.4, tolerance_of_end_s = 1;

static char *folder;

/* ------------------------------------------------------------------ the recording */

typedef struct recorder {
    obs_encoder_t *video, *audio;
    obs_output_t *output;
} recorder;

static gboolean has_frames(const void *output) {
    return obs_output_get_total_frames(output) > 5;
}

static gboolean is_over(const void *output) {
    return !obs_output_active(output);
}

static void start(recorder *r) {
    obs_output_set_video_encoder(r->output, r->video);
    obs_output_set_audio_encoder(r->output, r->audio, 0);
    assert_true(obs_output_start(r->output));
    assert_true(outputs_stage_await(has_frames, r->output));
}

static obs_output_t *make_output(const char *id, const char *path, gboolean splits) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, "path", path);
    obs_data_set_bool(settings, "split_file", splits);
    obs_data_set_string(settings, "directory", folder);
    obs_data_set_string(settings, "format", "next");
    obs_data_set_string(settings, "extension", strrchr(path, '.') + 1);
    obs_output_t *output = obs_output_create(id, "recording", settings, NULL);
    obs_data_release(settings);
    return output;
}

static recorder make_recorder(const char *id, const char *path, gboolean splits) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_int(settings, "keyint_sec", 1);
    obs_data_set_string(settings, "preset", "ultrafast");
    recorder r = { obs_video_encoder_create("obs_x264", "video", settings, NULL),
                   obs_audio_encoder_create("ffmpeg_aac", "audio", NULL, 0, NULL),
                   make_output(id, path, splits) };
    obs_encoder_set_video(r.video, obs_get_video());
    obs_encoder_set_audio(r.audio, obs_get_audio());
    obs_data_release(settings);
    return r;
}

static recorder start_recorder(const char *path, gboolean splits) {
    recorder r = make_recorder("ffmpeg_muxer", path, splits);
    start(&r);
    return r;
}

/* Another one of the same packets. */
static recorder start_beside(const recorder *first, const char *path) {
    recorder r = { obs_encoder_get_ref(first->video), obs_encoder_get_ref(first->audio),
                   make_output("ffmpeg_muxer", path, FALSE) };
    start(&r);
    return r;
}

/* FFmpeg encodes by itself there, as advanced users have it. */
static recorder start_by_ffmpeg(const char *path) {
    recorder r = { NULL, NULL, NULL };
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, "url", path);
    obs_data_set_string(settings, "format_name", "matroska");
    obs_data_set_string(settings, "video_encoder", "libx264");
    obs_data_set_int(settings, "video_encoder_id", 27); /* H.264 */
    obs_data_set_int(settings, "video_bitrate", 1000);
    obs_data_set_string(settings, "audio_encoder", "aac");
    obs_data_set_int(settings, "audio_encoder_id", 0x15002); /* AAC */
    obs_data_set_int(settings, "audio_bitrate", 64);
    obs_data_set_int(settings, "gop_size", WALL_FPS);
    obs_data_set_int(settings, "scale_width", WALL_WIDTH);
    obs_data_set_int(settings, "scale_height", WALL_HEIGHT);
    r.output = obs_output_create("ffmpeg_output", "recording", settings, NULL);
    obs_output_set_media(r.output, obs_get_video(), obs_get_audio());
    obs_output_set_mixers(r.output, 1);
    assert_true(obs_output_start(r.output));
    assert_true(outputs_stage_await(has_frames, r.output));
    obs_data_release(settings);
    return r;
}

static void stop_recorder(recorder *r) {
    obs_output_stop(r->output);
    assert_true(outputs_stage_await(is_over, r->output));
    obs_output_release(r->output);
    obs_encoder_release(r->video);
    obs_encoder_release(r->audio);
}

/* ----------------------------------------------------------------- what is said */

/* A model takes a while to say it. */
static void show_and_say(guint32 rgb, const char *text) {
    gint64 seen_us = outputs_stage_paint(rgb);
    stage_wait_ms(300);
    outputs_stage_say(text, seen_us);
}

typedef struct cue {
    double start_s, end_s;
    char *text;
} cue;

static double seconds(const char *clock) {
    int h, min, s, ms;
    assert_int_equal(sscanf(clock, "%d:%d:%d,%d", &h, &min, &s, &ms), 4);
    return h * 3600 + min * 60 + s + ms / 1e3;
}

static GArray *read_cues(const char *path) {
    GArray *cues = g_array_new(FALSE, FALSE, sizeof(cue));
    g_autofree char *srt = NULL;
    assert_true(g_file_get_contents(path, &srt, NULL, NULL));
    g_auto(GStrv) blocks = g_strsplit(srt, "\n\n", -1);
    for (char **block = blocks; **block; block++) {
        g_auto(GStrv) lines = g_strsplit(*block, "\n", 3);
        cue c = { seconds(lines[1]), seconds(strstr(lines[1], "--> ") + 4), g_strdup(lines[2]) };
        g_array_append_val(cues, c);
    }
    return cues;
}

static void free_cues(GArray *cues) {
    for (guint i = 0; i < cues->len; i++) g_free(g_array_index(cues, cue, i).text);
    g_array_free(cues, TRUE);
}

typedef struct expectation {
    const char *text;
    guint32 rgb;
} expectation;

static void assert_near(const char *what, double a, double b, double most_s) {
    if (a < 0 || b < 0 || fabs(a - b) > most_s) fail_msg("%s: %g, but %g", what, a, b);
}

/* The first of them holds from the film's begin on. */
static void assert_cues(const char *srt, const film *f, const expectation *expected, guint n) {
    GArray *cues = read_cues(srt);
    assert_int_equal(cues->len, n);
    for (guint i = 0; i < n; i++) {
        const cue *c = &g_array_index(cues, cue, i);
        assert_string_equal(c->text, expected[i].text);
        assert_near(c->text, c->start_s, i ? film_first(f, expected[i].rgb) : 0, tolerance_s);
        if (i + 1 < n)
            assert_true(c->end_s == g_array_index(cues, cue, i + 1).start_s);
        else
            assert_near("the end", c->end_s, film_end(f), tolerance_of_end_s);
    }
    free_cues(cues);
}

static void assert_screen(const film *f, const char *const *shown) {
    guint n = 0;
    for (; *shown; shown++, n++) {
        assert_true(n < f->captions->len);
        assert_string_equal(g_array_index(f->captions, film_caption, n).text, *shown);
    }
    assert_int_equal(f->captions->len, n);
}

static film *read_film(const char *path) {
    film *f = film_read(path);
    assert_non_null(f);
    assert_true(f->n_frames > WALL_FPS);
    return f;
}

/* -------------------------------------------------------------------------- tests */

static void captions_follow_the_film_over_a_pause(void **state) {
    (void)state;
    g_autofree char *mkv = g_build_filename(folder, "a film.mkv", NULL);
    g_autofree char *srt = g_build_filename(folder, "a film.srt", NULL);
    outputs_stage_renew(
        &(outputs_settings){ .closed_captions = TRUE, .writes_file = TRUE, .per_recording = TRUE });
    show_and_say(BLACK, "A black wall.");
    stage_wait_ms(500);
    assert_false(g_file_test(srt, G_FILE_TEST_EXISTS));

    recorder r = start_recorder(mkv, FALSE);
    stage_wait_ms(1500);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(2000);
    assert_true(obs_output_pause(r.output, true));
    stage_wait_ms(700);
    show_and_say(GREEN, "A green wall."); /* which is not recorded */
    stage_wait_ms(700);
    show_and_say(BLUE, "A blue wall.");
    stage_wait_ms(700);
    assert_true(obs_output_pause(r.output, false));
    stage_wait_ms(2000);
    show_and_say(GREEN, "A green wall, now.");
    stage_wait_ms(2000);
    stop_recorder(&r);
    outputs_stage_end(); /* which waits until all is written */

    film *f = read_film(mkv);
    const expectation expected[] = { { "A black wall.", BLACK },
                                     { "A red wall.", RED },
                                     { "A blue wall.", BLUE },
                                     { "A green wall, now.", GREEN } };
    assert_true(film_first(f, BLUE) < film_first(f, GREEN));
    assert_cues(srt, f, expected, G_N_ELEMENTS(expected));
    assert_screen(f, (const char *const[]){ "A black wall.", "A red wall.", "A blue wall.",
                                            "A green wall, now.", NULL });
    film_free(f);
}

static gboolean split_is_done(const void *path) {
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void split(const char *id, const char *kind) {
    g_autofree char *stem = g_build_filename(folder, id, NULL);
    g_autofree char *path = g_strconcat(stem, kind, NULL), *srt = g_strconcat(stem, ".srt", NULL);
    g_autofree char *next_stem = g_build_filename(folder, "next", NULL);
    g_autofree char *next_path = g_strconcat(next_stem, kind, NULL);
    g_autofree char *next_srt = g_strconcat(next_stem, ".srt", NULL);
    calldata_t call = { 0 };
    outputs_stage_renew(&(outputs_settings){ .writes_file = TRUE, .per_recording = TRUE });
    show_and_say(BLACK, "A black wall.");
    recorder r = make_recorder(id, path, TRUE);
    start(&r);
    stage_wait_ms(1000);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(1000);
    proc_handler_call(obs_output_get_proc_handler(r.output), "split_file", &call);
    assert_true(calldata_bool(&call, "split_file_enabled"));
    calldata_free(&call);
    assert_true(outputs_stage_await(split_is_done, next_path));
    stage_wait_ms(1000);
    show_and_say(BLUE, "A blue wall.");
    stage_wait_ms(1000);
    stop_recorder(&r);
    outputs_stage_end();

    film *f = read_film(path), *next = read_film(next_path);
    const expectation expected[] = { { "A black wall.", BLACK }, { "A red wall.", RED } };
    const expectation then[] = { { "A red wall.", RED }, { "A blue wall.", BLUE } };
    assert_true(film_first(f, BLUE) < 0);
    assert_true(film_first(next, BLACK) < 0);
    assert_cues(srt, f, expected, 2);
    assert_cues(next_srt, next, then, 2);
    assert_screen(f, (const char *const[]){ NULL }); /* nobody wished any */
    film_free(f);
    film_free(next);
    g_remove(next_path);
    g_remove(next_srt);
}

static void the_next_film_has_its_own_file(void **state) {
    (void)state;
    split("ffmpeg_muxer", ".mkv");
}

/* OBS 30.2 and later. */
static void so_it_has_if_obs_writes_mp4(void **state) {
    (void)state;
    if (!obs_get_output_flags("mp4_output")) skip();
    split("mp4_output", ".mp4");
}

/* A filter that comes when a recording has run for long, and goes before its end. */
static void a_filter_may_come_late_and_leave_early(void **state) {
    (void)state;
    g_autofree char *mkv = g_build_filename(folder, "late.mkv", NULL);
    g_autofree char *srt = g_build_filename(folder, "late.srt", NULL);
    outputs_stage_paint(BLACK);
    recorder r = start_recorder(mkv, FALSE);
    stage_wait_ms(2000);
    outputs_stage_renew(&(outputs_settings){
        .closed_captions = TRUE, .stays_s = 1, .writes_file = TRUE, .per_recording = TRUE });
    stage_wait_ms(500);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(2500); /* one second of which it is shown */
    show_and_say(BLUE, "A blue wall.");
    stage_wait_ms(700);
    outputs_stage_end();
    stage_wait_ms(2000);
    stop_recorder(&r);

    film *f = read_film(mkv);
    GArray *cues = read_cues(srt);
    const cue *red = &g_array_index(cues, cue, 0), *blue = &g_array_index(cues, cue, 1);
    assert_int_equal(cues->len, 2);
    assert_near("red", red->start_s, film_first(f, RED), tolerance_s);
    assert_near("what it stays", red->end_s - red->start_s, 1, 0.1);
    assert_near("blue", blue->start_s, film_first(f, BLUE), tolerance_s);
    assert_true(blue->end_s > blue->start_s && blue->end_s < film_end(f) - 1);
    free_cues(cues);
    assert_screen(f, (const char *const[]){ "A red wall.", "", "A blue wall.", "", NULL });
    film_free(f);
}

static void recordings_at_a_time_have_a_file_each(void **state) {
    (void)state;
    g_autofree char *mkv = g_build_filename(folder, "first.mkv", NULL);
    g_autofree char *srt = g_build_filename(folder, "first.srt", NULL);
    g_autofree char *second_mkv = g_build_filename(folder, "second.mkv", NULL);
    g_autofree char *second_srt = g_build_filename(folder, "second.srt", NULL);
    outputs_stage_renew(&(outputs_settings){ .writes_file = TRUE, .per_recording = TRUE });
    show_and_say(BLACK, "A black wall.");
    recorder first = start_recorder(mkv, FALSE);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(1300);
    recorder second = start_beside(&first, second_mkv);
    stage_wait_ms(1000);
    show_and_say(BLUE, "A blue wall.");
    stage_wait_ms(1500);
    stop_recorder(&second);
    stop_recorder(&first);
    outputs_stage_end();

    film *f = read_film(mkv), *g = read_film(second_mkv);
    const expectation expected[] = { { "A black wall.", BLACK },
                                     { "A red wall.", RED },
                                     { "A blue wall.", BLUE } };
    assert_cues(srt, f, expected, 3);
    assert_cues(second_srt, g, expected + 1, 2);
    film_free(f);
    film_free(g);
}

/* As a stream may have it: captions are not ahead of their pictures. */
static void captions_wait_for_a_delayed_output(void **state) {
    (void)state;
    g_autofree char *mkv = g_build_filename(folder, "delayed.mkv", NULL);
    outputs_stage_renew(&(outputs_settings){ .closed_captions = TRUE });
    outputs_stage_paint(BLACK);
    recorder r = make_recorder("ffmpeg_muxer", mkv, FALSE);
    obs_output_set_delay(r.output, 2, 0);
    start(&r);
    stage_wait_ms(500);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(4000);
    stop_recorder(&r);
    outputs_stage_end();
    outputs_forget_vendor();

    film *f = read_film(mkv);
    assert_screen(f, (const char *const[]){ "A red wall.", NULL });
    double red_s = film_first(f, RED), told_s = g_array_index(f->captions, film_caption, 0).time_s;
    assert_near("the caption", told_s, red_s, 1);
    film_free(f);
}

static void ffmpeg_itself_may_record(void **state) {
    (void)state;
    g_autofree char *mkv = g_build_filename(folder, "raw.mkv", NULL);
    g_autofree char *srt = g_build_filename(folder, "raw.srt", NULL);
    outputs_stage_renew(
        &(outputs_settings){ .closed_captions = TRUE, .writes_file = TRUE, .per_recording = TRUE });
    show_and_say(BLACK, "A black wall.");
    recorder r = start_by_ffmpeg(mkv);
    stage_wait_ms(1000);
    show_and_say(RED, "A red wall.");
    stage_wait_ms(1000);
    assert_true(obs_output_pause(r.output, true));
    stage_wait_ms(1000);
    assert_true(obs_output_pause(r.output, false));
    stage_wait_ms(1000);
    show_and_say(BLUE, "A blue wall.");
    stage_wait_ms(1000);
    stop_recorder(&r);
    outputs_stage_end();

    film *f = read_film(mkv);
    const expectation expected[] = { { "A black wall.", BLACK },
                                     { "A red wall.", RED },
                                     { "A blue wall.", BLUE } };
    assert_cues(srt, f, expected, 3);
    assert_screen(f, (const char *const[]){ NULL }); /* OBS has none for it */
    film_free(f);
}

static int open_stage(void **state) {
    (void)state;
    folder = g_dir_make_tmp("espy-recordings-XXXXXX", NULL);
    outputs_stage_open((const char *const[]){ "obs-ffmpeg", "obs-outputs", "obs-x264", NULL });
    return !folder;
}

static int close_stage(void **state) {
    (void)state;
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_free(folder);
    outputs_stage_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_follow_the_film_over_a_pause),
        cmocka_unit_test(the_next_film_has_its_own_file),
        cmocka_unit_test(so_it_has_if_obs_writes_mp4),
        cmocka_unit_test(a_filter_may_come_late_and_leave_early),
        cmocka_unit_test(recordings_at_a_time_have_a_file_each),
        cmocka_unit_test(captions_wait_for_a_delayed_output),
        cmocka_unit_test(ffmpeg_itself_may_record),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
