/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Boxes on things that move, grow, turn, are covered and leave, in made-up pictures
 * where it is known where they are: things with a grain of their own before a ground
 * with another, each pixel with noise.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "box_track.h"
#include "follow.h"

enum { WIDTH = 160, HEIGHT = 90, MAX_THINGS = 8, STEP_US = 100000 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SLOW = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { IS_SLOW = 1 };
#else
enum { IS_SLOW = 0 };
#endif
#else
enum { IS_SLOW = 0 };
#endif

/* ------------------------------------------------------------------ pictures */

typedef struct thing {
    double x, y;          /* the middle, in pixels  */
    double width, height; /* of the ellipse         */
    double angle;
    guint32 grain; /* which; 0: one colour   */
    guint8 color[3];
} thing;

typedef struct world {
    thing things[MAX_THINGS];
    int n_things;
    double pan_x, pan_y; /* of the ground          */
    guint32 ground;      /* its grain; 0: grey     */
    double light;        /* 1: as it is            */
    int noise;           /* up to so many of 255   */
    GRand *by;
    gint64 now_us;
} world;

static double dot(guint32 grain, int x, int y, int channel) {
    guint32 h = grain * 2654435761U + (guint32)x * 374761393U + (guint32)y * 668265263U +
                (guint32)channel * 2246822519U;
    h = (h ^ h >> 13) * 1274126177U;
    return (double)((h ^ h >> 16) & 1023) / 1023;
}

/* Smooth between dots that are one apart. */
static double smooth(guint32 grain, double x, double y, int channel) {
    int ix = (int)floor(x), iy = (int)floor(y);
    double fx = x - ix, fy = y - iy;
    double top = dot(grain, ix, iy, channel) * (1 - fx) + dot(grain, ix + 1, iy, channel) * fx;
    double low =
        dot(grain, ix, iy + 1, channel) * (1 - fx) + dot(grain, ix + 1, iy + 1, channel) * fx;
    return top * (1 - fy) + low * fy;
}

static double grain_at(guint32 grain, double x, double y, int channel) {
    return 0.5 * smooth(grain, x / 16, y / 16, channel) +
           0.3 * smooth(grain, x / 6, y / 6, channel) +
           0.2 * smooth(grain, x / 2.5, y / 2.5, channel);
}

static double color_at(const world *w, double x, double y, int channel) {
    for (int i = w->n_things - 1; i >= 0; i--) {
        const thing *t = &w->things[i];
        double dx = x - t->x, dy = y - t->y;
        double c = cos(t->angle), s = sin(t->angle);
        double u = (dx * c + dy * s) / (t->width / 2), v = (dy * c - dx * s) / (t->height / 2);
        if (u * u + v * v > 1) continue;
        return t->grain ? 255 * grain_at(t->grain, 20 * u, 20 * v, channel) : t->color[channel];
    }
    return w->ground ? 255 * grain_at(w->ground, x + w->pan_x, y + w->pan_y, channel) : 128;
}

static frame *picture_of(const world *w, int width, int height) {
    frame *f = frame_new(width, height, w->now_us);
    for (int i = 0; i < width * height * 4; i++) {
        const int pixel = i / 4, column = pixel % width, row = pixel / width;
        const double x = column, y = row;
        if (i % 4 == 3) {
            f->rgba[i] = 255;
            continue;
        }
        /* At two places in each pixel, so that edges may lie between pixels. */
        double value =
            color_at(w, x + 0.25, y + 0.25, i % 4) + color_at(w, x + 0.75, y + 0.75, i % 4);
        value *= w->light / 2;
        if (w->noise) value += g_rand_int_range(w->by, -w->noise, w->noise + 1);
        f->rgba[i] = (guint8)CLAMP(value, 0, 255);
    }
    return f;
}

static world world_new(int n_things) {
    world w = { .n_things = n_things, .ground = 5, .light = 1, .noise = 4, .now_us = STEP_US };
    w.by = g_rand_new_with_seed(1);
    for (int i = 0; i < n_things; i++)
        w.things[i] = (thing){ .x = 20 + 40 * (i % 4),
                               .y = i < 4 ? 25 : 65,
                               .width = 24,
                               .height = 20,
                               .grain = 100 + (guint32)i };
    return w;
}

static void world_clear(world *w) {
    g_rand_free(w->by);
}

static caption *boxes_of(const world *w) {
    caption *c = caption_new();
    c->finds = c->is_whole = TRUE;
    c->seen_us = w->now_us;
    c->n_boxes = w->n_things;
    c->boxes = g_new0(caption_box, w->n_things);
    for (int i = 0; i < w->n_things; i++) {
        const thing *t = &w->things[i];
        c->boxes[i] = (caption_box){ (t->x - t->width / 2) / WIDTH, (t->y - t->height / 2) / HEIGHT,
                                     (t->x + t->width / 2) / WIDTH, (t->y + t->height / 2) / HEIGHT,
                                     g_strdup_printf("thing %d", i) };
    }
    return c;
}

static void glance(follower *f, world *w) {
    frame *picture = picture_of(w, WIDTH, HEIGHT);
    follower_glance(f, picture);
    frame_free(picture);
    w->now_us += STEP_US;
}

/* The first glance, and its boxes. */
static follower *begin(world *w) {
    follower *f = follower_new();
    caption *c = boxes_of(w);
    glance(f, w);
    follower_set(f, c);
    caption_unref(c);
    return f;
}

static void end(follower *f, world *w) {
    follower_free(f);
    world_clear(w);
}

/* How far a box is from its thing, in pixels; a thousand if it is lost. */
static double apart(const follower *f, const world *w, int i) {
    caption_box b;
    if (!follower_box(f, i, &b)) return 1000;
    assert_true(b.x1 >= 0 && b.y1 >= 0 && b.x2 <= 1 && b.y2 <= 1 && b.x1 <= b.x2 && b.y1 <= b.y2);
    return hypot((b.x1 + b.x2) / 2 * WIDTH - w->things[i].x,
                 (b.y1 + b.y2) / 2 * HEIGHT - w->things[i].y);
}

#define assert_near(most)                                                                          \
    do {                                                                                           \
        for (int thing_ = 0; thing_ < w.n_things; thing_++) {                                      \
            double apart_ = apart(f, &w, thing_);                                                  \
            if (apart_ > (most)) fail_msg("glance %d, thing %d: %g", i, thing_, apart_);           \
        }                                                                                          \
    } while (0)

/* ------------------------------------------------------------------ movement */

static void stays_where_nothing_moves(void **state) {
    (void)state;
    world w = world_new(8);
    w.noise = 10;
    follower *f = begin(&w);
    for (int i = 0; i < 60; i++) {
        glance(f, &w);
        assert_near(0.7);
    }
    caption_box b;
    assert_true(follower_box(f, 3, &b));
    assert_string_equal(b.label, "thing 3");
    assert_in_range((b.x2 - b.x1) * WIDTH, 22, 26); /* and it has not grown */
    end(f, &w);
}

static void follows_what_moves(void **state) {
    (void)state;
    world w = world_new(3);
    w.things[1].y = 55;
    follower *f = begin(&w);
    for (int i = 0; i < 25; i++) {
        w.things[0].x += 2.5;
        w.things[1].y += 0.8;
        w.things[2].x = 122 + 15 * sin(i / 3.0); /* up to 5 pixels a glance */
        w.things[2].y = 50 - 15 * cos(i / 3.0);
        if (i == 0) { /* begin at where the circle begins */
            caption *c = boxes_of(&w);
            glance(f, &w);
            follower_set(f, c);
            caption_unref(c);
            continue;
        }
        glance(f, &w);
        assert_near(1.5);
    }
    end(f, &w);
}

static void follows_with_the_camera(void **state) {
    (void)state;
    world w = world_new(4);
    follower *f = begin(&w);
    for (int i = 0; i < 15; i++) {
        w.pan_x += 2;
        w.pan_y -= 1;
        for (int k = 0; k < 4; k++) {
            w.things[k].x -= 2;
            w.things[k].y += 1;
        }
        glance(f, &w);
        for (int k = 1; k < 4; k++) assert_true(apart(f, &w, k) < 1);
    }
    end(f, &w);
}

static void light_that_changes(void **state) {
    (void)state;
    world w = world_new(8);
    follower *f = begin(&w);
    for (int i = 0; i < 30; i++) {
        w.light = 1 + 0.4 * sin(i / 3.0);
        for (int k = 0; k < 8; k++) w.things[k].x += 0.3;
        glance(f, &w);
        assert_near(1.2);
    }
    end(f, &w);
}

static void does_not_drift(void **state) {
    (void)state;
    world w = world_new(4);
    w.noise = 8;
    follower *f = begin(&w);
    double y = w.things[0].y;
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < 4; k++) w.things[k].y = y + 8 * sin(i / 5.0 + k);
        if (i == 0) {
            caption *c = boxes_of(&w);
            glance(f, &w);
            follower_set(f, c);
            caption_unref(c);
            continue;
        }
        glance(f, &w);
        assert_near(1.2);
    }
    end(f, &w);
}

static void grows_with_its_thing(void **state) {
    (void)state;
    world w = world_new(1);
    w.things[0].x = 80;
    w.things[0].y = 45;
    follower *f = begin(&w);
    for (int i = 0; i < 30; i++) {
        w.things[0].width *= 1.02;
        w.things[0].height *= 1.02;
        glance(f, &w);
        assert_near(1.5);
        caption_box b;
        assert_true(follower_box(f, 0, &b));
        double ratio = (b.x2 - b.x1) * WIDTH / w.things[0].width;
        if (ratio < 0.85 || ratio > 1.15) fail_msg("glance %d: %g of its width", i, ratio);
    }
    end(f, &w);
}

static void turns_with_its_thing(void **state) {
    (void)state;
    world w = world_new(1);
    w.things[0].width = 24;
    w.things[0].height = 24;
    w.things[0].x = 60;
    w.things[0].y = 40;
    follower *f = begin(&w);
    for (int i = 0; i < 40; i++) { /* 115 degrees: nothing like it was */
        w.things[0].angle += 0.05;
        w.things[0].x += 0.8;
        glance(f, &w);
        assert_near(6); /* a quarter of it */
    }
    end(f, &w);
}

static void one_colour(void **state) {
    (void)state;
    world w = world_new(2);
    w.ground = 0;
    w.noise = 3;
    /* One as bright as the ground: only its colour tells. */
    w.things[0] = (thing){ 30, 30, 20, 20, 0, 0, { 220, 90, 130 } };
    w.things[1] = (thing){ 100, 60, 20, 20, 0, 0, { 250, 250, 250 } };
    follower *f = begin(&w);
    for (int i = 0; i < 25; i++) {
        w.things[0].x += 2;
        w.things[1].y -= 1;
        glance(f, &w);
        assert_near(1.2);
    }
    end(f, &w);
}

/* ------------------------------------------------------------------- losing */

static gboolean is_seen(const follower *f, int i) {
    caption_box b;
    return follower_box(f, i, &b);
}

static void covered_and_back(void **state) {
    (void)state;
    world w = world_new(2);
    w.things[0].x = 50;
    w.things[0].y = 45;
    w.things[1].x = 140;
    w.n_things = 1;
    follower *f = begin(&w);
    for (int i = 0; i < 5; i++) glance(f, &w);
    w.n_things = 2; /* a larger one, in front */
    w.things[1] = (thing){ 50, 45, 60, 60, 0, 77, { 0 } };
    for (int i = 0; i < 3; i++) glance(f, &w);
    assert_false(is_seen(f, 0));
    for (int i = 0; i < 10; i++) glance(f, &w);
    assert_false(is_seen(f, 0));
    w.n_things = 1;
    w.things[0].x = 54; /* has moved a little meanwhile */
    for (int i = 0; i < 2; i++) glance(f, &w);
    assert_true(apart(f, &w, 0) < 1);
    /* Away for too long: whatever is there then, is another. */
    w.n_things = 2;
    for (int i = 0; i < 80; i++) glance(f, &w);
    w.n_things = 1;
    for (int i = 0; i < 5; i++) glance(f, &w);
    assert_false(is_seen(f, 0));
    end(f, &w);
}

static void leaves_the_picture(void **state) {
    (void)state;
    static const int ways[4][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 } };
    for (int k = 0; k < 4; k++) {
        world w = world_new(1);
        w.things[0].x = 80;
        w.things[0].y = 45;
        follower *f = begin(&w);
        gboolean was_cut = FALSE;
        for (int i = 0; i < 45; i++) {
            w.things[0].x += 2.5 * ways[k][0];
            w.things[0].y += 2.5 * ways[k][1];
            glance(f, &w);
            caption_box b;
            if (follower_box(f, 0, &b)) {
                was_cut |= b.x1 == 0 || b.y1 == 0 || b.x2 == 1 || b.y2 == 1;
                assert_true(b.x1 >= 0 && b.y1 >= 0 && b.x2 <= 1 && b.y2 <= 1);
            }
        }
        assert_true(was_cut);
        assert_false(is_seen(f, 0));
        end(f, &w);
    }
}

static void another_scene(void **state) {
    (void)state;
    world w = world_new(8);
    follower *f = begin(&w);
    for (int i = 0; i < 3; i++) glance(f, &w);
    for (int k = 0; k < 8; k++) assert_true(is_seen(f, k));
    w.ground = 999;
    w.n_things = 0;
    glance(f, &w);
    glance(f, &w);
    for (int k = 0; k < 8; k++) assert_false(is_seen(f, k));
    end(f, &w);
}

/* ----------------------------------------------------------------- catching up */

static void catches_up(void **state) {
    (void)state;
    const int n_glances[] = { 1, 10, 60, 150 };
    for (int k = 0; k < 4; k++) {
        world w = world_new(3);
        follower *f = follower_new();
        for (int i = 0; i < 5; i++) glance(f, &w);
        caption *c = boxes_of(&w); /* an answer that takes its time */
        double speed = k == 3 ? 0.2 : 0.5;
        for (int i = 0; i < n_glances[k]; i++) {
            glance(f, &w);
            for (int t = 0; t < 3; t++) w.things[t].x += speed;
        }
        for (int t = 0; t < 3; t++) w.things[t].x -= speed; /* as in the last glance */
        follower_set(f, c);
        int i = n_glances[k];
        assert_near(k == 3 ? 3 : 1.5);
        caption_unref(c);
        end(f, &w);
    }
}

static void without_a_glance(void **state) {
    (void)state;
    world w = world_new(2);
    follower *f = follower_new();
    caption *c = boxes_of(&w);
    follower_set(f, c);
    int i = 0;
    assert_near(1e-6); /* where it was told */
    for (; i < 10; i++) {
        glance(f, &w);
        assert_near(1);
        w.things[0].x += 2;
    }
    follower_set(f, NULL);
    assert_false(is_seen(f, 0));
    glance(f, &w);
    assert_false(is_seen(f, 0));
    caption_unref(c);
    end(f, &w);
}

/* ------------------------------------------------------------------ nonsense */

static void odd_boxes(void **state) {
    (void)state;
    const double odd[][4] = { { NAN, NAN, NAN, NAN },  { 0, 0, 0, 0 },
                              { 1, 1, 1, 1 },          { 0, 0, 1, 1 },
                              { 0.9, 0.9, 0.1, 0.1 },  { -5, -5, 5, 5 },
                              { 1e300, 0, -1e300, 1 }, { INFINITY, 0, 1, -INFINITY },
                              { 0.5, 0.5, 0.5, 0.5 },  { 0, 0.5, 1, 0.5 },
                              { 0.999, 0, 1, 0.001 },  { 2, 2, 3, 3 } };
    caption *c = caption_new();
    c->n_boxes = G_N_ELEMENTS(odd);
    c->boxes = g_new0(caption_box, c->n_boxes);
    for (int i = 0; i < c->n_boxes; i++)
        c->boxes[i] = (caption_box){ odd[i][0], odd[i][1], odd[i][2], odd[i][3], NULL };
    const int sizes[][2] = { { 160, 90 }, { 1, 1 }, { 1, 200 }, { 200, 1 }, { 3, 2 } };
    for (size_t k = 0; k < G_N_ELEMENTS(sizes); k++) {
        follower *f = follower_new();
        world w = world_new(8);
        follower_set(f, c);
        for (int i = 0; i < 6; i++) {
            frame *picture = picture_of(&w, sizes[k][0], sizes[k][1]);
            follower_glance(f, picture);
            frame_free(picture);
            for (int t = 0; t < 8; t++) w.things[t].x += 3;
            for (int b = -1; b <= c->n_boxes; b++) {
                caption_box out;
                if (!follower_box(f, b, &out)) continue;
                assert_true(out.x1 >= 0 && out.x1 <= 1 && out.y1 >= 0 && out.y1 <= 1);
                assert_true(out.x2 >= 0 && out.x2 <= 1 && out.y2 >= 0 && out.y2 <= 1);
            }
            w.now_us += STEP_US;
            if (i == 3) follower_set(f, c);
        }
        assert_false(is_seen(f, c->n_boxes));
        assert_false(is_seen(f, -1));
        end(f, &w);
    }
    caption_unref(c);
}

static void another_size(void **state) {
    (void)state;
    world w = world_new(3);
    follower *f = begin(&w);
    glance(f, &w);
    frame *other = picture_of(&w, 90, 160);
    follower_glance(f, other);
    assert_false(is_seen(f, 0));
    frame_free(other);
    glance(f, &w); /* and back */
    assert_false(is_seen(f, 0));
    caption *c = boxes_of(&w);
    glance(f, &w);
    follower_set(f, c);
    glance(f, &w);
    assert_true(is_seen(f, 0));
    caption_unref(c);
    caption *none = caption_new();
    follower_set(f, none);
    assert_false(is_seen(f, 0));
    caption_unref(none);
    end(f, &w);
}

/* --------------------------------------------------------------------- cost */

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Of the processor, not of the clock, so that a busy machine says the same; and with
 * room for a slow one. At 10 glances a second, 10 ms would be a tenth of a core. */
static void what_it_costs(void **state) {
    (void)state;
    world w = world_new(8);
    follower *f = begin(&w);
    double quiet = 0, lost = 0, most = 0;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 8; k++) w.things[k].x += 0.4;
        if (i == 20) w.ground = 999, w.n_things = 0; /* all are searched for, in vain */
        frame *picture = picture_of(&w, WIDTH, HEIGHT);
        double start = cpu_ms();
        follower_glance(f, picture);
        double spent = cpu_ms() - start;
        *(i < 20 ? &quiet : &lost) += spent / 20;
        most = MAX(most, spent);
        frame_free(picture);
        w.now_us += STEP_US;
    }
    print_message("a glance at 8 boxes: %.2f ms, %.2f ms while all are lost, %.2f ms at most\n",
                  quiet, lost, most);
    if (!IS_SLOW) assert_true(quiet < 5 && lost < 20);
    end(f, &w);
}

/* ------------------------------------------------------------------ threads */

static void wait_for_places(box_track *t, const caption *of, box_places *out) {
    for (int i = 0; i < 20000; i++) {
        if (box_track_take(t, out)) {
            if (out->of == of) return;
            caption_unref(out->of);
        }
        g_usleep(1000);
    }
    fail_msg("no places came");
}

static void tracked_elsewhere(void **state) {
    (void)state;
    world w = world_new(8);
    box_track *t = box_track_new();
    box_places p;
    assert_false(box_track_take(t, &p));
    caption *c = boxes_of(&w), *other = boxes_of(&w);
    box_track_set(t, c);
    wait_for_places(t, c, &p);
    assert_int_equal(p.n, 8);
    assert_true(p.is_found[7] && p.x1[7] == c->boxes[7].x1 && p.y2[7] == c->boxes[7].y2);
    caption_unref(p.of);
    double seen = 0;
    for (int i = 0; i < 20; i++) {
        frame *picture = picture_of(&w, WIDTH, HEIGHT);
        box_track_glance(t, picture);
        frame_free(picture);
        w.now_us += STEP_US;
        for (int k = 0; k < 8; k++) w.things[k].x += 0.5;
        wait_for_places(t, c, &p); /* each glance tells where they are */
        seen = (p.x1[0] + p.x2[0]) / 2 * WIDTH;
        caption_unref(p.of);
    }
    assert_true(fabs(seen - (w.things[0].x - 0.5)) < 1);
    box_track_set(t, c);
    box_track_set(t, other); /* the newest counts */
    wait_for_places(t, other, &p);
    caption_unref(p.of);
    box_track_set(t, NULL);
    wait_for_places(t, NULL, &p);
    assert_int_equal(p.n, 0);
    caption_unref(c);
    caption_unref(other);
    box_track_free(&t);
    assert_null(t);
    box_track_free(&t);
    world_clear(&w);
}

typedef struct hurry_on {
    box_track *track;
    const frame *picture;
    caption *caption;
} hurry_on;

static gpointer hurry(gpointer user) {
    const hurry_on *h = user;
    for (int i = 0; i < 300; i++) {
        box_track_glance(h->track, h->picture);
        if (i % 10 == 0) box_track_set(h->track, i % 50 ? h->caption : NULL);
        box_places p;
        if (box_track_take(h->track, &p)) caption_unref(p.of);
    }
    return NULL;
}

static void tracked_in_a_hurry(void **state) {
    (void)state;
    world w = world_new(8);
    frame *picture = picture_of(&w, WIDTH, HEIGHT);
    caption *c = boxes_of(&w);
    for (int k = 0; k < 5; k++) {
        hurry_on h = { box_track_new(), picture, c };
        GThread *threads[3];
        for (int i = 0; i < 3; i++) threads[i] = g_thread_new("hurry", hurry, &h);
        for (int i = 0; i < 3; i++) g_thread_join(threads[i]);
        box_track_free(&h.track); /* with much still to be done */
    }
    assert_int_equal(g_atomic_int_get(&c->refs), 1);
    caption_unref(c);
    frame_free(picture);
    world_clear(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_where_nothing_moves),
        cmocka_unit_test(follows_what_moves),
        cmocka_unit_test(follows_with_the_camera),
        cmocka_unit_test(light_that_changes),
        cmocka_unit_test(does_not_drift),
        cmocka_unit_test(grows_with_its_thing),
        cmocka_unit_test(turns_with_its_thing),
        cmocka_unit_test(one_colour),
        cmocka_unit_test(covered_and_back),
        cmocka_unit_test(leaves_the_picture),
        cmocka_unit_test(another_scene),
        cmocka_unit_test(catches_up),
        cmocka_unit_test(without_a_glance),
        cmocka_unit_test(odd_boxes),
        cmocka_unit_test(another_size),
        cmocka_unit_test(what_it_costs),
        cmocka_unit_test(tracked_elsewhere),
        cmocka_unit_test(tracked_in_a_hurry),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
