/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The overlay on a source of one colour, drawn by libobs. The overlay's clock is the
 * test's, so that fades stand still while they are looked at.
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <graphics/vec4.h>

#include "obs_stage.h"
#include "overlay.h"

enum { WIDTH = 640, HEIGHT = 360, MAX_COSTS = 100000 };
#define RED 0x80
#define GREEN 0x40
#define BLUE 0x20

/* -------------------------------------------------------------- source */

static struct {
    pthread_mutex_t lock;
    overlay *overlay;
    gint64 clock_us;
    int width, height;          /* atomic                                  */
    gboolean is_linear;         /* OBS blends light, as it does in scenes */
    gint64 costs_ns[MAX_COSTS]; /* of overlay_draw */
    int n_costs;
    guint64 n_ticks;
} scene = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *scene_name(void *unused) {
    (void)unused;
    return "a colour with an overlay";
}

static void *scene_create(obs_data_t *settings, obs_source_t *source) {
    (void)settings;
    return source;
}

static void scene_destroy(void *unused) {
    (void)unused;
}

static uint32_t scene_width(void *unused) {
    (void)unused;
    return (uint32_t)g_atomic_int_get(&scene.width);
}

static uint32_t scene_height(void *unused) {
    (void)unused;
    return (uint32_t)g_atomic_int_get(&scene.height);
}

static void scene_tick(void *unused, float seconds) {
    (void)unused, (void)seconds;
    pthread_mutex_lock(&scene.lock);
    if (scene.overlay) overlay_tick(scene.overlay, scene.clock_us, scene.width, scene.height);
    scene.n_ticks++;
    pthread_mutex_unlock(&scene.lock);
}

static gint64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (gint64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void draw_color(void) {
    gs_effect_t *solid = obs_get_base_effect(OBS_EFFECT_SOLID);
    const gboolean is_linear = gs_get_linear_srgb(), was_srgb = gs_framebuffer_srgb_enabled();
    struct vec4 color;
    if (is_linear)
        vec4_from_rgba_srgb(&color, 0xFF000000 | BLUE << 16 | GREEN << 8 | RED);
    else
        vec4_from_rgba(&color, 0xFF000000 | BLUE << 16 | GREEN << 8 | RED);
    gs_enable_framebuffer_srgb(is_linear);
    gs_effect_set_vec4(gs_effect_get_param_by_name(solid, "color"), &color);
    while (scene.width && scene.height && gs_effect_loop(solid, "Solid"))
        gs_draw_sprite(NULL, 0, (uint32_t)scene.width, (uint32_t)scene.height);
    gs_enable_framebuffer_srgb(was_srgb);
}

static void scene_render(void *unused, gs_effect_t *effect) {
    (void)unused, (void)effect;
    pthread_mutex_lock(&scene.lock);
    const gboolean was_linear = gs_set_linear_srgb(scene.is_linear);
    draw_color();
    if (scene.overlay) {
        gint64 start = now_ns();
        overlay_draw(scene.overlay);
        if (scene.n_costs < MAX_COSTS) scene.costs_ns[scene.n_costs++] = now_ns() - start;
    }
    gs_set_linear_srgb(was_linear);
    pthread_mutex_unlock(&scene.lock);
}

static void register_scene(void) {
    struct obs_source_info info = { .id = "espy_scene",
                                    .type = OBS_SOURCE_TYPE_INPUT,
                                    .output_flags =
                                        OBS_SOURCE_VIDEO | OBS_SOURCE_CUSTOM_DRAW | OBS_SOURCE_SRGB,
                                    .get_name = scene_name,
                                    .create = scene_create,
                                    .destroy = scene_destroy,
                                    .get_width = scene_width,
                                    .get_height = scene_height,
                                    .video_tick = scene_tick,
                                    .video_render = scene_render };
    obs_register_source(&info);
}

/* ------------------------------------------------------------------ set */

/* No outline; an opaque black bar behind white letters, at the bottom in the middle. */
static overlay_settings plain(void) {
    return (overlay_settings){ .shows_text = TRUE,
                               .shows_boxes = TRUE,
                               .style = { .size = 0.1,
                                          .color = 0xFFFFFFFF,
                                          .background = 0x000000FF,
                                          .margin = 0.05,
                                          .align = ALIGN_CENTER,
                                          .row = 1 },
                               .box_color = 0x00FF00FF,
                               .box_width = 0.01 };
}

static void advance(double seconds) {
    pthread_mutex_lock(&scene.lock);
    scene.clock_us += (gint64)(seconds * G_USEC_PER_SEC);
    guint64 n = scene.n_ticks;
    pthread_mutex_unlock(&scene.lock);
    /* Two ticks: one may have begun before. */
    for (int i = 0; i < 20000; i++) {
        pthread_mutex_lock(&scene.lock);
        gboolean is_over = scene.n_ticks >= n + 2;
        pthread_mutex_unlock(&scene.lock);
        if (is_over) return;
        stage_wait_ms(1);
    }
    fail_msg("OBS has stopped drawing");
}

static void set_size(int width, int height) {
    pthread_mutex_lock(&scene.lock);
    g_atomic_int_set(&scene.width, width);
    g_atomic_int_set(&scene.height, height);
    pthread_mutex_unlock(&scene.lock);
}

static void set_linear(gboolean is_linear) {
    pthread_mutex_lock(&scene.lock);
    scene.is_linear = is_linear;
    pthread_mutex_unlock(&scene.lock);
}

static void set_overlay(overlay *o) {
    pthread_mutex_lock(&scene.lock);
    scene.overlay = o;
    pthread_mutex_unlock(&scene.lock);
}

static int begin(void **state) {
    overlay *o = overlay_new();
    const overlay_settings s = plain();
    set_size(WIDTH, HEIGHT);
    set_linear(FALSE);
    overlay_set(o, &s);
    *state = o;
    set_overlay(o);
    return 0;
}

static int end(void **state) {
    set_overlay(NULL);
    overlay *o = *state;
    overlay_free(&o);
    assert_null(o);
    return 0;
}

static guint64 serial;

static caption *caption_of(const char *text, gboolean is_whole, gboolean is_news) {
    caption *c = caption_new();
    c->serial = serial;
    c->text = g_strdup(text);
    c->is_whole = is_whole;
    c->is_news = is_news;
    return c;
}

static void say(overlay *o, const char *text, gboolean is_whole, gboolean is_news) {
    caption *c = caption_of(text, is_whole, is_news);
    overlay_caption(o, c);
    caption_unref(c);
    if (is_whole) serial++;
}

/* ------------------------------------------------------------------- look */

typedef struct seen {
    int n; /* pixels that are not the source's colour */
    int n_white;
    int x1, y1, x2, y2; /* where they are */
    guint8 *rgba;
} seen;

static gboolean is_near(const guint8 *p, int red, int green, int blue) {
    return abs(p[0] - red) <= 3 && abs(p[1] - green) <= 3 && abs(p[2] - blue) <= 3;
}

/* What of the canvas is not as without overlay; rgba to be freed. */
static seen look(void) {
    seen s = { .x1 = WIDTH, .y1 = HEIGHT, .rgba = stage_picture() };
    for (int y = 0; y < scene.height; y++)
        for (int x = 0; x < scene.width; x++) {
            const guint8 *p = s.rgba + ((size_t)y * WIDTH + (size_t)x) * 4;
            if (is_near(p, RED, GREEN, BLUE)) continue;
            s.n++;
            s.n_white += is_near(p, 255, 255, 255);
            s.x1 = MIN(s.x1, x);
            s.y1 = MIN(s.y1, y);
            s.x2 = MAX(s.x2, x + 1);
            s.y2 = MAX(s.y2, y + 1);
        }
    return s;
}

static seen look_and_free(void) {
    seen s = look();
    g_clear_pointer(&s.rgba, g_free);
    return s;
}

/* Paintings take their time: looks until there is something, or nothing, to be seen.
 * The clock goes on by step_s at each try. */
static seen wait_until(gboolean is_seen, double step_s) {
    for (int i = 0; i < 1000; i++) {
        seen s = look_and_free();
        if ((s.n > 0) == is_seen) return s;
        advance(step_s);
    }
    fail_msg("after a thousand frames there is %s to be seen", is_seen ? "nothing" : "something");
    return (seen){ 0 };
}

static guint8 *pixel(const seen *s, int x, int y) {
    return s->rgba + ((size_t)y * WIDTH + (size_t)x) * 4;
}

/* The pixels that are of a colour. */
static seen find_color(int red, int green, int blue) {
    seen s = { .x1 = WIDTH, .y1 = HEIGHT };
    g_autofree guint8 *rgba = stage_picture();
    for (int y = 0; y < scene.height; y++)
        for (int x = 0; x < scene.width; x++) {
            if (!is_near(rgba + ((size_t)y * WIDTH + (size_t)x) * 4, red, green, blue)) continue;
            s.n++;
            s.x1 = MIN(s.x1, x);
            s.y1 = MIN(s.y1, y);
            s.x2 = MAX(s.x2, x + 1);
            s.y2 = MAX(s.y2, y + 1);
        }
    return s;
}

/* ------------------------------------------------------------------ tests */

static void nothing_to_be_seen(void **state) {
    overlay *o = *state;
    advance(1);
    assert_int_equal(look_and_free().n, 0);
    say(o, "", TRUE, TRUE);
    say(o, NULL, TRUE, TRUE);
    for (int i = 0; i < 5; i++) advance(1);
    assert_int_equal(look_and_free().n, 0);
}

static void text_is_where_it_belongs(void **state) {
    overlay *o = *state;
    say(o, "A dog runs.", TRUE, TRUE);
    seen s = wait_until(TRUE, 0.01);
    stage_look("overlay-text");
    assert_true(s.n_white > 200 && s.n > 2 * s.n_white);
    /* In the middle, at the bottom, 5 % of the height from it. */
    assert_in_range(s.x1 + s.x2, WIDTH - 2, WIDTH + 2);
    assert_in_range(s.y2, HEIGHT - 19, HEIGHT - 17);
    assert_true(s.y1 > HEIGHT / 2);
}

static void says_the_same_and_nothing_moves(void **state) {
    overlay *o = *state;
    overlay_settings s = plain();
    s.fade_s = 1;
    overlay_set(o, &s);
    say(o, "A dog runs.", TRUE, TRUE);
    wait_until(TRUE, 0.01);
    advance(2);
    seen before = look();
    say(o, "a dog runs", TRUE, FALSE); /* other letters, but no news */
    for (int i = 0; i < 20; i++) {
        advance(0.05);
        seen after = look();
        assert_memory_equal(before.rgba, after.rgba, (size_t)WIDTH * HEIGHT * 4);
        g_free(after.rgba);
    }
    g_free(before.rgba);
}

static double light(double u) {
    u /= 255;
    return u <= 0.04045 ? u / 12.92 : pow((u + 0.055) / 1.055, 2.4);
}

/* How much of the bar is there, from a pixel of it; the colour behind is known. */
static double opacity_at(const guint8 *p, gboolean is_linear) {
    return is_linear ? 1 - light(p[0]) / light(RED) : 1 - p[0] / (double)RED;
}

static void fades(overlay *o, gboolean is_linear) {
    overlay_settings s = plain();
    s.fade_s = 1;
    s.stays_s = 10;
    overlay_set(o, &s);
    say(o, "A dog runs.", TRUE, TRUE);
    wait_until(TRUE, 0.02);
    const int x = WIDTH / 2, y = HEIGHT - 18 - 4; /* of the bar, below the letters */
    seen now = look();
    double start = opacity_at(pixel(&now, x, y), is_linear);
    g_free(now.rgba);
    assert_true(start > 0 && start < 0.3);
    advance(0.4);
    now = look();
    stage_look(is_linear ? "overlay-half-linear" : "overlay-half");
    double middle = opacity_at(pixel(&now, x, y), is_linear);
    g_free(now.rgba);
    if (fabs(middle - start - 0.4) >= 0.03) fail_msg("%g, then %g", start, middle);
    advance(1);
    now = look();
    assert_true(is_near(pixel(&now, x, y), 0, 0, 0));
    g_free(now.rgba);
    /* Ten seconds after the caption it goes. */
    advance(8);
    now = look();
    assert_true(is_near(pixel(&now, x, y), 0, 0, 0));
    g_free(now.rgba);
    advance(0.6); /* now it has been for ten seconds */
    advance(0.1);
    now = look();
    middle = opacity_at(pixel(&now, x, y), is_linear);
    g_free(now.rgba);
    assert_true(middle > 0.05 && middle < 0.95);
    /* The same again: it turns back, and stays anew. */
    say(o, "A dog runs.", TRUE, FALSE);
    advance(1);
    advance(8);
    now = look();
    assert_true(is_near(pixel(&now, x, y), 0, 0, 0));
    g_free(now.rgba);
    advance(4);
    assert_int_equal(look_and_free().n, 0);
    /* And when it had gone. */
    say(o, "A dog runs.", TRUE, FALSE);
    wait_until(TRUE, 0.02);
}

static void fades_encoded(void **state) {
    fades(*state, FALSE);
}

static void fades_linear(void **state) {
    set_linear(TRUE);
    fades(*state, TRUE);
}

static void clears(void **state) {
    overlay *o = *state;
    say(o, "A dog runs.", TRUE, TRUE);
    wait_until(TRUE, 0.01);
    overlay_clear(o);
    advance(0.01);
    assert_int_equal(look_and_free().n, 0);
    say(o, "A dog runs.", TRUE, FALSE);
    wait_until(TRUE, 0.01);
    overlay_settings s = plain();
    s.shows_text = FALSE;
    overlay_set(o, &s);
    wait_until(FALSE, 0.01);
    s.shows_text = TRUE;
    overlay_set(o, &s);
    wait_until(TRUE, 0.01);
    say(o, "", TRUE, TRUE);
    wait_until(FALSE, 0.01);
}

static void wait_for_width(int least, int most) {
    for (int i = 0; i < 1000; i++) {
        seen s = look_and_free();
        if (s.x2 - s.x1 >= least && s.x2 - s.x1 <= most) return;
        advance(0.01);
    }
    fail_msg("the text never was between %d and %d wide", least, most);
}

static void words_as_they_come(void **state) {
    overlay *o = *state;
    overlay_settings s = plain();
    /* Whole captions: pieces are not shown. */
    say(o, "A dog", FALSE, FALSE);
    for (int i = 0; i < 10; i++) advance(0.01);
    assert_int_equal(look_and_free().n, 0);
    s.by_words = TRUE;
    overlay_set(o, &s);
    int width = 0;
    static const char *const pieces[] = { "A", "A dog", "A dog runs", "A dog runs after a cat" };
    for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
        say(o, pieces[i], i == 3, i == 3);
        wait_for_width(width + 10, WIDTH);
        seen now = look_and_free();
        width = now.x2 - now.x1;
    }
    /* The beginning of what is shown does not take it away; what differs does. */
    say(o, "A dog", FALSE, FALSE);
    for (int i = 0; i < 10; i++) advance(0.01);
    seen now = look_and_free();
    assert_int_equal(now.x2 - now.x1, width);
    say(o, "A dog lies", FALSE, FALSE);
    wait_for_width(50, width - 10);
    say(o, "A dog runs after a cat", TRUE, FALSE);
    wait_for_width(width, width);
}

static void samples(void **state) {
    overlay *o = *state;
    overlay_settings s = plain();
    s.shows_text = FALSE; /* also then */
    overlay_set(o, &s);
    overlay_sample(o, "Sample", 5);
    wait_until(TRUE, 0.001);
    advance(5.1);
    advance(0.01);
    assert_int_equal(look_and_free().n, 0);
    s.shows_text = TRUE;
    overlay_set(o, &s);
    say(o, "A", TRUE, TRUE);
    wait_for_width(10, 80);
    overlay_sample(o, "Sample text, long", 5);
    wait_for_width(200, WIDTH);
    say(o, "B", TRUE, TRUE); /* ends it */
    wait_for_width(10, 80);
}

static void sizes_that_change(void **state) {
    overlay *o = *state;
    say(o, "A dog runs.", TRUE, TRUE);
    seen before = wait_until(TRUE, 0.01);
    set_size(WIDTH / 2, HEIGHT / 2);
    advance(0.01);
    seen s = look_and_free(); /* scaled at once, painted later */
    assert_in_range(s.y2, HEIGHT / 2 - 11, HEIGHT / 2 - 7);
    for (int i = 0; i < 20; i++) advance(0.01);
    s = look_and_free();
    assert_in_range(s.y2, HEIGHT / 2 - 11, HEIGHT / 2 - 7);
    assert_in_range(s.x2 - s.x1, (before.x2 - before.x1) / 2 - 4, (before.x2 - before.x1) / 2 + 4);
    for (int i = 0; i < 4; i++) {
        set_size(i & 1, i >> 1);
        advance(0.01);
    }
    set_size(WIDTH, HEIGHT);
    wait_for_width(before.x2 - before.x1, before.x2 - before.x1);
}

/* A picture of noise with a thing of other noise at x, y. */
static frame *glance_of(int x, int y, gint64 seen_us) {
    frame *f = frame_new(160, 90, seen_us);
    GRand *noise = g_rand_new_with_seed(7);
    for (int i = 0; i < 160 * 90; i++) {
        guint8 v = (guint8)g_rand_int_range(noise, 90, 110);
        memset(f->rgba + i * 4, v, 4);
    }
    for (int dy = 0; dy < 20; dy++)
        for (int dx = 0; dx < 20; dx++) {
            guint8 *p = f->rgba + ((y + dy) * 160 + x + dx) * 4;
            p[0] = (guint8)(dx * 12);
            p[1] = (guint8)(dy * 12);
            p[2] = (dx / 5 + dy / 5) & 1 ? 255 : 0;
        }
    g_rand_free(noise);
    return f;
}

static void glance(overlay *o, int x, int y, gint64 seen_us) {
    frame *f = glance_of(x, y, seen_us);
    overlay_glance(o, f);
    frame_free(f);
}

/* Until the right bottom corner is there; above its box is the label. */
static void wait_for_box(int x2, int y2) {
    seen s = { 0 };
    for (int i = 0; i < 1000; i++) {
        s = find_color(0, 255, 0);
        if (s.n && abs(s.x2 - x2) <= 5 && abs(s.y2 - y2) <= 5) return;
        advance(0.05);
    }
    fail_msg("no box with its corner at %d, %d; there is one at %d, %d", x2, y2, s.x2, s.y2);
}

static void boxes_follow(void **state) {
    overlay *o = *state;
    overlay_settings s = plain();
    s.shows_text = FALSE;
    s.box_color = 0x00FF00FF;
    overlay_set(o, &s);
    assert_true(overlay_wants_glance(o));
    /* Seen at 40, 40; by the time of the answer it is at 60, 50. */
    glance(o, 40, 40, 1000000);
    for (int i = 1; i <= 5; i++) {
        glance(o, 40 + 4 * i, 40 + 2 * i, 1000000 + 100000 * i);
        stage_wait_ms(5);
    }
    caption *c = caption_of("a thing", TRUE, TRUE);
    c->finds = TRUE;
    c->n_boxes = 1;
    c->boxes = g_new0(caption_box, 1);
    c->boxes[0] = (caption_box){ 40 / 160.0, 40 / 90.0, 60 / 160.0, 60 / 90.0, g_strdup("it") };
    c->seen_us = 1000000;
    overlay_caption(o, c);
    wait_for_box(80 * 4, 70 * 4);
    for (int i = 0; i < 20; i++) advance(0.05);
    stage_look("overlay-box");
    /* The label stands above the box: its ground is green, too. */
    seen box = find_color(0, 255, 0);
    assert_in_range(box.x1, 60 * 4 - 5, 60 * 4 + 5);
    assert_in_range(box.x2, 80 * 4 - 5, 80 * 4 + 5);
    assert_in_range(box.y2, 70 * 4 - 5, 70 * 4 + 5);
    assert_true(box.y1 < 50 * 4 - 10);
    assert_true(find_color(0, 0, 0).n > 20); /* letters */
    /* It goes on, and so does the box. */
    for (int i = 0; i < 5; i++) {
        glance(o, 60 + 5 * i, 50 - 4 * i, 2000000 + 100000 * i);
        stage_wait_ms(20);
    }
    wait_for_box(100 * 4, 54 * 4);
    /* Covered: it is not shown any more. */
    for (int i = 0; i < 4; i++) {
        frame *f = frame_new(160, 90, 3000000 + 100000 * i);
        memset(f->rgba, 100, (size_t)160 * 90 * 4);
        overlay_glance(o, f);
        frame_free(f);
        stage_wait_ms(20);
    }
    wait_until(FALSE, 0.05);
    for (int i = 0; i < 2; i++) { /* and there it is again */
        glance(o, 80, 34, 4000000 + 100000 * i);
        stage_wait_ms(20);
    }
    wait_for_box(100 * 4, 54 * 4);
    s.shows_boxes = FALSE;
    overlay_set(o, &s);
    wait_until(FALSE, 0.05);
    assert_false(overlay_wants_glance(o));
    s.shows_boxes = TRUE;
    overlay_set(o, &s);
    wait_until(TRUE, 0.05);
    say(o, "no thing", TRUE, TRUE); /* without boxes */
    wait_until(FALSE, 0.05);
    assert_false(overlay_wants_glance(o));
    caption_unref(c);
}

/* White of a screen is 300 nits: in scRGB 3.75, in the extended range 1. */
static void high_dynamic_range(void **state) {
    overlay *o = *state;
    overlay_settings s = plain();
    s.style.background = 0xFFFFFFFF;
    overlay_set(o, &s);
    say(o, "A dog runs.", TRUE, TRUE);
    seen at = wait_until(TRUE, 0.01);
    obs_set_video_levels(300, 1000);
    for (int is_scrgb = 0; is_scrgb < 2; is_scrgb++) {
        float value = 0, behind = -1;
        uint8_t *pixels;
        uint32_t stride;
        obs_enter_graphics();
        gs_texrender_t *drawn = gs_texrender_create(GS_RGBA16F, GS_ZS_NONE);
        gs_stagesurf_t *memory = gs_stagesurface_create(WIDTH, HEIGHT, GS_RGBA16F);
        assert_true(gs_texrender_begin_with_color_space(
            drawn, WIDTH, HEIGHT, is_scrgb ? GS_CS_709_SCRGB : GS_CS_709_EXTENDED));
        struct vec4 black = { 0 };
        gs_clear(GS_CLEAR_COLOR, &black, 0, 0);
        gs_ortho(0, WIDTH, 0, HEIGHT, -100, 100);
        overlay_draw(o);
        gs_texrender_end(drawn);
        gs_stage_texture(memory, gs_texrender_get_texture(drawn));
        if (gs_stagesurface_map(memory, &pixels, &stride)) {
            /* Halves: sign, 5 bits of exponent, 10 of fraction. */
            const guint16 *row = (const guint16 *)(pixels + (size_t)(at.y1 + at.y2) / 2 * stride);
            guint16 bits = row[(at.x1 + 3) * 4];
            value = ldexpf(1 + (float)(bits & 1023) / 1024, (bits >> 10 & 31) - 15);
            behind = row[3 * 4];
            gs_stagesurface_unmap(memory);
        }
        gs_stagesurface_destroy(memory);
        gs_texrender_destroy(drawn);
        obs_leave_graphics();
        assert_true(fabsf(value - (is_scrgb ? 3.75F : 1)) < 0.01F);
        assert_true(behind == 0);
    }
}

/* Everything at once, from several threads, as fast as it goes. */
static gpointer hurry(gpointer user) {
    overlay *o = user;
    overlay_settings s = plain();
    GRand *by = g_rand_new_with_seed(1);
    for (int i = 0; i < 300; i++) {
        s.style.size = g_rand_double_range(by, 0.01, 0.2);
        s.by_words = i & 1;
        s.style.n_lines = g_rand_int_range(by, 1, 5);
        overlay_set(o, &s);
        caption *c = caption_of("Many words that are said in a hurry by one who runs", i & 2, TRUE);
        c->serial = (guint64)i / 4;
        c->finds = TRUE;
        c->n_boxes = i % 24;
        c->boxes = g_new0(caption_box, c->n_boxes);
        for (int k = 0; k < c->n_boxes; k++)
            c->boxes[k] = (caption_box){ k / 24.0, 0.1, (k + 1) / 24.0, 0.5,
                                         g_strdup_printf("thing %d", (i + k) % 30) };
        overlay_caption(o, c);
        caption_unref(c);
        if (i % 7 == 0) overlay_clear(o);
        if (i % 11 == 0) overlay_sample(o, "A sample", 0.1);
        glance(o, i % 100, 20, g_get_monotonic_time());
        overlay_wants_glance(o);
        g_usleep(1000);
    }
    g_rand_free(by);
    return NULL;
}

static void in_a_hurry(void **state) {
    GThread *threads[2];
    for (int i = 0; i < 2; i++) threads[i] = g_thread_new("hurry", hurry, *state);
    for (int i = 0; i < 30; i++) advance(0.1);
    for (int i = 0; i < 2; i++) g_thread_join(threads[i]);
    /* Freed while much of it is still to be painted. */
    for (int i = 0; i < 50; i++) {
        overlay *o = overlay_new();
        const overlay_settings s = plain();
        overlay_set(o, &s);
        say(o, "A dog runs.", TRUE, TRUE);
        overlay_tick(o, 1, WIDTH, HEIGHT);
        glance(o, 1, 1, i);
        overlay_free(&o);
    }
}

static int compare(const void *a, const void *b) {
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

static void print_costs(const char *of) {
    const int n = scene.n_costs, median = n / 2, slow = n * 99 / 100;
    qsort(scene.costs_ns, (size_t)n, sizeof scene.costs_ns[0], compare);
    printf("overlay_draw, %s: %d frames, median %.3f ms, 99 of 100 below %.3f ms\n", of, n,
           (double)scene.costs_ns[median] / 1e6, (double)scene.costs_ns[slow] / 1e6);
}

/* What it costs to draw is told, not judged: the machine may be busy. */
static void cost_of_drawing(void **state) {
    overlay *o = *state;
    say(o, "A dog runs over a meadow, and a boy in a red shirt runs after it.", TRUE, TRUE);
    wait_until(TRUE, 0.01);
    pthread_mutex_lock(&scene.lock);
    scene.n_costs = 0;
    pthread_mutex_unlock(&scene.lock);
    for (int i = 0; i < 60; i++) advance(0.01);
    pthread_mutex_lock(&scene.lock);
    print_costs("text");
    scene.n_costs = 0;
    pthread_mutex_unlock(&scene.lock);
    caption *c = caption_of("eight things", TRUE, TRUE);
    c->n_boxes = 8;
    c->boxes = g_new0(caption_box, 8);
    for (int k = 0; k < 8; k++)
        c->boxes[k] = (caption_box){ k / 8.0, 0.2, (k + 1) / 8.0, 0.6, g_strdup_printf("%d", k) };
    overlay_caption(o, c);
    caption_unref(c);
    for (int i = 0; i < 60; i++) advance(0.01);
    stage_look("overlay-eight-boxes");
    pthread_mutex_lock(&scene.lock);
    print_costs("text and 8 boxes");
    assert_true(scene.n_costs > 50);
    pthread_mutex_unlock(&scene.lock);
}

static int n_errors; /* of OBS; atomic */

static void count_errors(int level, const char *format, va_list args, void *unused) {
    (void)unused;
    if (level > LOG_WARNING) return;
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    if (level <= LOG_ERROR) g_atomic_int_inc(&n_errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(nothing_to_be_seen),
        TEST(text_is_where_it_belongs),
        TEST(says_the_same_and_nothing_moves),
        TEST(fades_encoded),
        TEST(fades_linear),
        TEST(clears),
        TEST(words_as_they_come),
        TEST(samples),
        TEST(sizes_that_change),
        TEST(boxes_follow),
        TEST(high_dynamic_range),
        TEST(cost_of_drawing),
        TEST(in_a_hurry),
    };
    stage_open(WIDTH, HEIGHT, 60);
    base_set_log_handler(count_errors, NULL);
    stage_loaded();
    register_scene();
    scene.clock_us = 1000000;
    set_size(WIDTH, HEIGHT);
    obs_source_t *source = obs_source_create("espy_scene", "scene", NULL, NULL);
    obs_set_output_source(0, source);
    int n_failed = cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
    obs_set_output_source(0, NULL);
    obs_source_release(source);
    long n_left = stage_close();
    printf("allocations of OBS that are left: %ld; errors: %d\n", n_left, n_errors);
    return n_failed || n_left || n_errors;
}
