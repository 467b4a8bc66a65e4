/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filter in libobs, with the built-in model: what it says, what it draws, that it
 * leaves the picture and the program as they were.
 *
 *   test_obs_filter MODULE DATA_FOLDER SOURCE_ROOT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>
#include <cmocka.h>
#include <espy.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <obs.h>

#include "config_home.h"
#include "obs_stage.h"

#define FILTER "espy_captions_filter"
enum { WIDTH = 490, HEIGHT = 335, PATIENCE_MS = 60000 };

static const char *root;
static char *picture, *mirrored, *folder, *sentence, *other_sentence;

/* ------------------------------------------------------------------- captions */

/* What a filter said. */
typedef struct ear {
    GMutex lock;
    GCond said;
    int n;
    char *text, *json;
} ear;

static void heard(void *user, calldata_t *call) {
    ear *e = user;
    g_mutex_lock(&e->lock);
    e->n++;
    g_free(e->text);
    g_free(e->json);
    e->text = g_strdup(calldata_string(call, "text"));
    e->json = g_strdup(calldata_string(call, "json"));
    g_cond_signal(&e->said);
    g_mutex_unlock(&e->lock);
}

static void listen(ear *e, obs_source_t *filter) {
    *e = (ear){ 0 };
    signal_handler_connect(obs_source_get_signal_handler(filter), "espy_caption", heard, e);
}

static void stop_listening(ear *e, obs_source_t *filter) {
    signal_handler_disconnect(obs_source_get_signal_handler(filter), "espy_caption", heard, e);
    g_free(e->text);
    g_free(e->json);
}

/* Until n captions came, or time is over: FALSE. */
static gboolean wait_for(ear *e, int n, int ms) {
    gint64 end = g_get_monotonic_time() + (gint64)ms * 1000;
    gboolean is_in_time = TRUE;
    g_mutex_lock(&e->lock);
    while (e->n < n && is_in_time) is_in_time = g_cond_wait_until(&e->said, &e->lock, end);
    gboolean came = e->n >= n;
    g_mutex_unlock(&e->lock);
    return came;
}

static int count(ear *e) {
    g_mutex_lock(&e->lock);
    int n = e->n;
    g_mutex_unlock(&e->lock);
    return n;
}

/* ---------------------------------------------------------------------- scenes */

/* Takes the settings over. */
static obs_source_t *add_filter(obs_source_t *to, obs_data_t *settings) {
    obs_source_t *filter = obs_source_create(FILTER, "captions", settings, NULL);
    obs_data_release(settings);
    assert_non_null(filter);
    obs_source_filter_add(to, filter);
    return filter;
}

static void take_off(obs_source_t *from, obs_source_t *filter) {
    obs_source_filter_remove(from, filter);
    obs_source_release(filter);
}

static void show(obs_source_t *source) {
    obs_set_output_source(0, source);
}

static void set_file(obs_source_t *image, const char *path) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, "file", path);
    obs_source_update(image, settings);
    obs_data_release(settings);
}

static void set_text(obs_source_t *source, const char *key, const char *value) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, key, value);
    obs_source_update(source, settings);
    obs_data_release(settings);
}

/* Pixels of the canvas that differ clearly between two pictures of it, in these rows. */
static int count_different(const guint8 *a, const guint8 *b, int from_row, int to_row) {
    int n = 0;
    for (int i = from_row * WIDTH; i < to_row * WIDTH; i++) {
        int d = 0;
        for (int k = 0; k < 3; k++) d = MAX(d, abs(a[4 * i + k] - b[4 * i + k]));
        n += d > 8;
    }
    return n;
}

static char *call_get(obs_source_t *filter, const char *what) {
    calldata_t call;
    calldata_init(&call);
    assert_true(proc_handler_call(obs_source_get_proc_handler(filter), "espy_get", &call));
    char *text = g_strdup(calldata_string(&call, what));
    calldata_free(&call);
    return text;
}

/* ----------------------------------------------------------------------- tests */

static void says_what_is_seen(void **state) {
    (void)state;
    ear e;
    obs_source_t *image = stage_image(picture);
    show(image);
    g_autofree guint8 *bare = stage_picture();
    obs_source_t *filter = add_filter(image, obs_data_create());
    listen(&e, filter);
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    assert_string_equal(e.text, sentence);
    assert_non_null(strstr(e.json, "\"text\""));
    stage_wait_ms(1500); /* painted and faded in */
    stage_look("caption");
    g_autofree guint8 *seen = stage_picture();
    assert_int_equal(count_different(bare, seen, 0, HEIGHT / 2), 0);
    assert_true(count_different(bare, seen, HEIGHT / 2, HEIGHT) > 500);

    gint64 start = g_get_monotonic_time();
    set_file(image, mirrored);
    assert_true(wait_for(&e, 2, PATIENCE_MS));
    printf("a new caption %.2f s after the picture changed\n",
           (double)(g_get_monotonic_time() - start) / 1e6);
    assert_string_equal(e.text, other_sentence);
    g_autofree char *json = call_get(filter, "caption_json");
    g_autofree char *what = call_get(filter, "state_json");
    assert_non_null(strstr(json, "\"text\""));
    assert_non_null(strstr(what, "\"captions\":"));

    /* Taken off, it leaves the picture as it was. */
    set_file(image, picture);
    stop_listening(&e, filter);
    take_off(image, filter);
    stage_wait_ms(500);
    g_autofree guint8 *after = stage_picture();
    assert_int_equal(count_different(bare, after, 0, HEIGHT), 0);
    show(NULL);
    obs_source_release(image);
}

/* Without anything to show, what is drawn is what is drawn without the filter, byte for
 * byte, for opaque and for see-through sources. */
static void changes_nothing_else(void **state) {
    (void)state;
    obs_source_t *image = stage_image(picture);
    show(image);
    stage_wait_ms(300);
    g_autofree guint8 *bare = stage_picture();
    obs_data_t *settings = obs_data_create();
    obs_data_set_bool(settings, "text", false);
    obs_source_t *filter = add_filter(image, settings);
    ear e;
    listen(&e, filter);
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    g_autofree guint8 *seen = stage_picture();
    assert_memory_equal(bare, seen, (size_t)WIDTH * HEIGHT * 4);
    stop_listening(&e, filter);
    take_off(image, filter);
    show(NULL);
    obs_source_release(image);
}

static void disabled_is_silent(void **state) {
    (void)state;
    ear e;
    obs_source_t *image = stage_image(picture);
    obs_source_t *filter = add_filter(image, obs_data_create());
    listen(&e, filter);
    obs_source_set_enabled(filter, false);
    show(image);
    assert_false(wait_for(&e, 1, 1500));
    obs_source_set_enabled(filter, true);
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    /* Nobody sees it: nothing is looked at. */
    show(NULL);
    int n = count(&e);
    set_file(image, mirrored);
    assert_false(wait_for(&e, n + 1, 1500));
    show(image);
    assert_true(wait_for(&e, n + 1, PATIENCE_MS));
    assert_string_equal(e.text, other_sentence);
    stop_listening(&e, filter);
    show(NULL);
    take_off(image, filter);
    obs_source_release(image);
}

/* The picture stays, the question changes: the new one is answered. */
static void answers_other_questions(void **state) {
    (void)state;
    ear e;
    obs_data_t *settings = obs_data_create();
    obs_source_t *image = stage_image(picture);
    obs_data_set_string(settings, "task", "find");
    obs_data_set_string(settings, "argument", "diamond, cactus");
    obs_source_t *filter = add_filter(image, settings);
    listen(&e, filter);
    show(image);
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    assert_non_null(strstr(e.json, "\"boxes\""));
    assert_non_null(strstr(e.json, "\"x1\""));
    stage_wait_ms(1200);
    stage_look("boxes");
    set_text(filter, "task", "caption");
    assert_true(wait_for(&e, 2, PATIENCE_MS));
    assert_string_equal(e.text, sentence);
    stop_listening(&e, filter);
    show(NULL);
    take_off(image, filter);
    obs_source_release(image);
}

/* By hotkey alone: nothing before, one caption after. */
static void waits_to_be_asked(void **state) {
    (void)state;
    ear e;
    calldata_t call;
    obs_data_t *settings = obs_data_create();
    obs_source_t *image = stage_image(picture);
    obs_data_set_string(settings, "when", "asked");
    obs_source_t *filter = add_filter(image, settings);
    listen(&e, filter);
    show(image);
    assert_false(wait_for(&e, 1, 2000));
    calldata_init(&call);
    proc_handler_call(obs_source_get_proc_handler(filter), "espy_caption_now", &call);
    calldata_free(&call);
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    assert_false(wait_for(&e, 2, 1500));
    stop_listening(&e, filter);
    show(NULL);
    take_off(image, filter);
    obs_source_release(image);
}

/* Sources of odd sizes, and scenes. */
static void works_on_any_source(void **state) {
    (void)state;
    static const int sizes[][2] = { { 1, 1 },   { 1, 700 },     { 1000, 3 },
                                    { 37, 41 }, { 1920, 1080 }, { 20000, 400 } };
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        ear e;
        obs_source_t *color = stage_color(0x2060A0, sizes[i][0], sizes[i][1]);
        obs_source_t *filter = add_filter(color, obs_data_create());
        listen(&e, filter);
        show(color);
        /* Of the thinnest a model may refuse to say anything. */
        wait_for(&e, 1, sizes[i][0] < 8 || sizes[i][1] < 8 ? 1500 : PATIENCE_MS);
        g_autofree char *what = call_get(filter, "state_json");
        print_message("%d x %d: %s %s\n", sizes[i][0], sizes[i][1], e.text ? e.text : "-", what);
        if (sizes[i][0] >= 8 && sizes[i][1] >= 8) assert_int_equal(count(&e), 1);
        stop_listening(&e, filter);
        show(NULL);
        take_off(color, filter);
        obs_source_release(color);
    }
    ear e;
    obs_source_t *image = stage_image(picture);
    obs_scene_t *scene = obs_scene_create("scene");
    obs_scene_add(scene, image);
    obs_source_t *filter = add_filter(obs_scene_get_source(scene), obs_data_create());
    listen(&e, filter);
    show(obs_scene_get_source(scene));
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    assert_string_equal(e.text, sentence);
    stop_listening(&e, filter);
    show(NULL);
    take_off(obs_scene_get_source(scene), filter);
    stage_remove_scene(scene);
    obs_source_release(image);
}

/* Two filters with one model and two questions. */
static void several_at_once(void **state) {
    (void)state;
    ear a, b;
    obs_data_t *settings = obs_data_create();
    obs_source_t *image = stage_image(picture);
    obs_source_t *first = add_filter(image, obs_data_create());
    obs_data_set_string(settings, "task", "find");
    obs_data_set_string(settings, "argument", "cactus");
    obs_source_t *second = add_filter(image, settings);
    listen(&a, first);
    listen(&b, second);
    show(image);
    assert_true(wait_for(&a, 1, PATIENCE_MS));
    assert_true(wait_for(&b, 1, PATIENCE_MS));
    stage_wait_ms(1000);
    stage_look("two");
    assert_non_null(strstr(b.json, "\"x1\""));
    stop_listening(&a, first);
    stop_listening(&b, second);
    take_off(image, first);
    take_off(image, second);
    show(NULL);
    obs_source_release(image);
}

/* A model that is none: a sentence, no crash, and another model works. */
static void broken_model(void **state) {
    (void)state;
    ear e;
    obs_data_t *settings = obs_data_create();
    obs_source_t *image = stage_image(picture);
    g_autofree char *path = g_build_filename(folder, "broken.gguf", NULL);
    assert_true(g_file_set_contents(path, "GGUF but not really", -1, NULL));
    obs_data_set_string(settings, "model_from", "file");
    obs_data_set_string(settings, "model_file", path);
    obs_source_t *filter = add_filter(image, settings);
    listen(&e, filter);
    show(image);
    assert_false(wait_for(&e, 1, 1500));
    g_autofree char *what = call_get(filter, "state_json");
    assert_non_null(strstr(what, "\"failed\""));
    assert_non_null(strstr(what, "broken.gguf"));
    set_text(filter, "model_from", "default");
    assert_true(wait_for(&e, 1, PATIENCE_MS));
    stop_listening(&e, filter);
    show(NULL);
    take_off(image, filter);
    obs_source_release(image);
}

/* Every setting that has a default is on the page, which tells what is going on, and may
 * outlive its filter. */
static void has_a_page(void **state) {
    (void)state;
    obs_properties_t *page = obs_get_source_properties(FILTER);
    assert_non_null(obs_properties_get(page, "task"));
    obs_properties_destroy(page);
    obs_source_t *image = stage_image(picture), *filter = add_filter(image, obs_data_create());
    page = obs_source_properties(filter);
    obs_data_t *defaults = obs_get_source_defaults(FILTER);
    int n = 0;
    for (obs_data_item_t *item = obs_data_first(defaults); item; obs_data_item_next(&item), n++)
        if (!obs_properties_get(page, obs_data_item_get_name(item)))
            fail_msg("the page lacks '%s'", obs_data_item_get_name(item));
    assert_true(n > 20);
    obs_property_t *told = obs_properties_get(page, "state");
    assert_true(strlen(obs_property_description(told)) > 3);
    show(image);
    stage_wait_ms(1500);
    assert_true(obs_property_button_clicked(obs_properties_get(page, "Refresh"), filter));
    assert_non_null(strstr(obs_property_description(told), "espy-nano"));
    show(NULL);
    take_off(image, filter);
    stage_wait_ms(300);
    obs_property_button_clicked(obs_properties_get(page, "CaptionNow"), NULL);
    obs_properties_destroy(page);
    obs_data_release(defaults);
    obs_source_release(image);
}

/* ------------------------------------------------------------------------ set-up */

/* The picture from right to left. */
static void write_mirrored(void) {
    cairo_surface_t *from = cairo_image_surface_create_from_png(picture);
    cairo_surface_t *to = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_t *cr = cairo_create(to);
    cairo_translate(cr, WIDTH, 0);
    cairo_scale(cr, -1, 1);
    cairo_set_source_surface(cr, from, 0, 0);
    cairo_paint(cr);
    cairo_destroy(cr);
    assert_int_equal(cairo_surface_write_to_png(to, mirrored), CAIRO_STATUS_SUCCESS);
    cairo_surface_destroy(to);
    cairo_surface_destroy(from);
}

/* What the library says. */
static char *describe(const char *path) {
    espy_error err;
    char *text;
    if (espy_describe(NULL, path, NULL, &text, &err)) fail_msg("%s", err.message);
    char *copy = g_strdup(text);
    espy_free(text);
    return copy;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_seen),  cmocka_unit_test(changes_nothing_else),
        cmocka_unit_test(disabled_is_silent), cmocka_unit_test(answers_other_questions),
        cmocka_unit_test(waits_to_be_asked),  cmocka_unit_test(works_on_any_source),
        cmocka_unit_test(several_at_once),    cmocka_unit_test(broken_model),
        cmocka_unit_test(has_a_page),
    };
    if (argc < 4) return 2;
    config_home_open();
    root = argv[3];
    folder = g_dir_make_tmp("espy-obs-XXXXXX", NULL);
    picture = g_build_filename(root, "core", "nano", "example.png", NULL);
    mirrored = g_build_filename(folder, "mirrored.png", NULL);
    write_mirrored();
    sentence = describe(picture);
    other_sentence = describe(mirrored);
    stage_open(WIDTH, HEIGHT, 30);
    stage_load("image-source");
    stage_load("text-freetype2");
    stage_load_file(argv[1], argv[2]);
    stage_loaded();
    int failed = cmocka_run_group_tests_name("filter", tests, NULL, NULL);
    gint64 start = g_get_monotonic_time();
    long left = stage_close();
    double close_s = (double)(g_get_monotonic_time() - start) / 1e6;
    if (left) printf("%ld allocations of OBS are left\n", left);
    printf("closed in %.2f s\n", close_s);
    config_home_close();
    return failed || left;
}
