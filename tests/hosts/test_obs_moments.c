/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a picture is to be looked at: what counts as change and what does not, and the
 * moments that follow from it, by a clock of the test's own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "moments.h"

enum { WIDTH = 64, HEIGHT = 36 };
#define S(seconds) ((gint64)((seconds)*1e6))

/* A scene with some structure: bands of colour, brighter to the right. */
static frame *scene(gint64 at_us) {
    frame *f = frame_new(WIDTH, HEIGHT, at_us);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            guint8 *p = f->rgba + (y * WIDTH + x) * 4;
            p[0] = (guint8)(40 + 2 * x);
            p[1] = (guint8)(40 + 3 * y);
            p[2] = (guint8)((x / 8 + y / 8) % 2 ? 60 : 160);
            p[3] = 255;
        }
    return f;
}

static void fill(frame *f, int x0, int y0, int x1, int y1, int r, int g, int b) {
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            guint8 *p = f->rgba + (y * f->width + x) * 4;
            p[0] = (guint8)r;
            p[1] = (guint8)g;
            p[2] = (guint8)b;
        }
}

static void scale(frame *f, double gain, int offset) {
    for (int i = 0; i < f->width * f->height * 4; i++)
        if (i % 4 < 3) f->rgba[i] = (guint8)CLAMP((int)(f->rgba[i] * gain) + offset, 0, 255);
}

static void add_noise(frame *f, int amount, unsigned seed) {
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    for (int i = 0; i < f->width * f->height * 4; i++) {
        const int n = g_rand_int_range(random, -amount, amount + 1);
        if (i % 4 < 3) f->rgba[i] = (guint8)CLAMP(f->rgba[i] + n, 0, 255);
    }
}

static gboolean moments_due(const moments *m, gint64 now_us) {
    return moments_due_at(m) <= now_us;
}

static void glance(moments *m, frame *taken_over) {
    moments_glance(m, taken_over);
    frame_free(taken_over);
}

/* How much the frame differs from the scene. */
static double change_to(frame *taken_over) {
    moments *m = moments_new();
    glance(m, scene(0));
    moments_looked(m, 0);
    glance(m, taken_over);
    const double change = moments_change(m);
    moments_free(m);
    return change;
}

/* ------------------------------------------------------------------ change */

static void nothing_has_changed(void **state) {
    (void)state;
    assert_true(change_to(scene(1)) == 0);
    frame *f = scene(1);
    add_noise(f, 12, 1);
    assert_true(change_to(f) == 0);
}

static void brightness_is_no_change(void **state) {
    (void)state;
    static const struct {
        double gain;
        int offset;
    } exposures[] = { { 1.1, 0 }, { 0.9, 0 }, { 1.2, 0 }, { 1, 15 }, { 1, -15 }, { 0.85, 10 } };
    for (size_t i = 0; i < G_N_ELEMENTS(exposures); i++) {
        frame *f = scene(1);
        scale(f, exposures[i].gain, exposures[i].offset);
        const double change = change_to(f);
        if (change > 0.02) fail_msg("%g %d: %g", exposures[i].gain, exposures[i].offset, change);
    }
}

static void a_cut_to_another_brightness_is_change(void **state) {
    (void)state;
    moments *m = moments_new();
    frame *f = scene(0);
    fill(f, 0, 0, WIDTH, HEIGHT, 0, 0, 0);
    glance(m, f);
    moments_looked(m, 0);
    f = scene(1);
    fill(f, 0, 0, WIDTH, HEIGHT, 255, 255, 255);
    glance(m, f);
    assert_true(moments_change(m) == 1);
    moments_free(m);
}

static void change_is_the_part_that_changed(void **state) {
    (void)state;
    frame *f = scene(1);
    fill(f, 0, 0, WIDTH / 2, HEIGHT / 2, 255, 0, 255);
    const double quarter = change_to(f);
    assert_true(quarter > 0.2 && quarter < 0.3); /* the cells at its edges */
    f = scene(1);
    fill(f, 0, 0, 8, 8, 0, 255, 0);
    const double small = change_to(f);
    assert_true(small > 0.02 && small < 0.05);
    f = scene(1);
    fill(f, 0, 0, WIDTH, HEIGHT, 255, 0, 0);
    assert_true(change_to(f) > 0.9);
}

static void colour_alone_is_change(void **state) {
    (void)state;
    moments *m = moments_new();
    frame *f = scene(0);
    fill(f, 0, 0, WIDTH, HEIGHT, 150, 0, 0); /* two of like luma */
    glance(m, f);
    moments_looked(m, 0);
    f = scene(1);
    fill(f, 0, 0, WIDTH, HEIGHT, 0, 76, 0);
    glance(m, f);
    assert_true(moments_change(m) == 1);
    moments_free(m);
}

static void another_size_is_all_of_it(void **state) {
    (void)state;
    assert_true(change_to(frame_new(WIDTH, HEIGHT - 1, 1)) == 1);
    moments *m = moments_new();
    assert_true(moments_change(m) == 1);
    for (int i = 1; i < 70; i += 4) { /* odd ones, and tiny ones */
        frame *f = frame_new(i, 70 - i, i);
        fill(f, 0, 0, f->width, f->height, i, i, i);
        moments_glance(m, f);
        assert_true(moments_change(m) == 1);
        moments_looked(m, i);
        glance(m, f);
        assert_true(moments_change(m) == 0);
    }
    moments_free(m);
}

static void it_adds_up(void **state) {
    (void)state;
    moments *m = moments_new();
    glance(m, scene(0));
    moments_looked(m, 0);
    double last = 0;
    for (int i = 1; i <= 16; i++) { /* a curtain, column by column */
        frame *f = scene(i);
        fill(f, 0, 0, 4 * i, HEIGHT, 255, 0, 255);
        glance(m, f);
        assert_true(moments_change(m) >= last);
        last = moments_change(m);
    }
    assert_true(last > 0.9);
    moments_free(m);
}

/* --------------------------------------------------------------- what was seen */

static frame *other(gint64 at_us) {
    frame *f = scene(at_us);
    fill(f, 8, 8, 40, 30, 255, 0, 255);
    return f;
}

/* The picture changes between the frame and the moment at which a look begins. */
static void a_frame_that_waited_is_as_old_as_it_is(void **state) {
    (void)state;
    moments *m = moments_new();
    glance(m, scene(S(1)));
    moments_offered(m, S(1.05));
    glance(m, other(S(1.1)));
    moments_looked(m, S(2));
    assert_true(moments_change(m) > 0.2);
    assert_true(moments_due(m, S(3.01)));
    /* and the other way round: the glance comes after a frame that is as new */
    glance(m, other(S(3)));
    moments_offered(m, S(3.1));
    glance(m, scene(S(3.1)));
    moments_looked(m, S(3.2));
    assert_true(moments_change(m) == 0);
    moments_free(m);
}

static void of_frames_older_than_all_glances_nothing_is_known(void **state) {
    (void)state;
    moments *m = moments_new();
    for (int i = 0; i < 10; i++) glance(m, scene(S(1 + i)));
    moments_offered(m, S(1.5));
    moments_looked(m, S(11));
    assert_true(moments_change(m) == 1);
    moments_free(m);
}

/* As when a filter that was asked a while ago is to look by itself from now on. */
static void of_frames_newer_than_all_glances_nothing_is_known(void **state) {
    (void)state;
    moments *m = moments_new();
    glance(m, other(S(1)));
    moments_set(m, WHEN_ASKED, 0, 1, 0.05);
    moments_offered(m, S(60)); /* by now it shows something else */
    moments_looked(m, S(60.1));
    moments_set(m, WHEN_CHANGED, 0, 1, 0.05);
    glance(m, other(S(61))); /* as it was before that */
    assert_true(moments_change(m) == 1);
    assert_true(moments_due(m, S(61.2)));
    moments_free(m);
}

/* ----------------------------------------------------------------- moments */

static void by_change(void **state) {
    (void)state;
    moments *m = moments_new();
    moments_set(m, WHEN_CHANGED, 0, 2, 0.1);
    assert_true(moments_due(m, S(10))); /* the first one */
    assert_true(moments_wants_glance(m, S(10)));
    glance(m, scene(S(10)));
    assert_false(moments_wants_glance(m, S(10.05)));
    assert_true(moments_wants_glance(m, S(10.11)));
    moments_looked(m, S(10));
    assert_false(moments_due(m, S(1000)));
    glance(m, other(S(11)));
    assert_false(moments_due(m, S(11))); /* too early */
    assert_false(moments_wants_glance(m, S(11.5)));
    assert_true(moments_wants_glance(m, S(11.9)));
    assert_true(moments_due(m, S(12)));
    glance(m, scene(S(12.1))); /* as it was */
    assert_false(moments_due(m, S(12.1)));
    moments_set(m, WHEN_CHANGED, 30, 2, 0.1);
    assert_false(moments_due(m, S(39.9)));
    assert_true(moments_due(m, S(40)));
    moments_free(m);
}

static void by_interval(void **state) {
    (void)state;
    moments *m = moments_new();
    moments_set(m, WHEN_INTERVAL, 5, 0, 0);
    assert_true(moments_due(m, S(1)));
    assert_false(moments_wants_glance(m, S(1)));
    moments_looked(m, S(1));
    assert_false(moments_due(m, S(5.9)));
    assert_true(moments_due(m, S(6)));
    moments_set(m, WHEN_INTERVAL, 0, 0, 0); /* no busy loop */
    assert_false(moments_due(m, S(1.09)));
    assert_true(moments_due(m, S(1.1)));
    moments_free(m);
}

static void when_asked(void **state) {
    (void)state;
    moments *m = moments_new();
    moments_set(m, WHEN_ASKED, 5, 1, 0.05);
    glance(m, scene(S(1)));
    assert_false(moments_due(m, S(1)));
    moments_ask(m);
    assert_true(moments_due(m, S(1)));
    moments_looked(m, S(1));
    assert_false(moments_due(m, S(100)));
    moments_set(m, WHEN_CHANGED, 0, 50, 0.05);
    moments_ask(m); /* whatever the timing says */
    assert_true(moments_due(m, S(1.1)));
    moments_free(m);
}

static void numbers_out_of_range(void **state) {
    (void)state;
    static const double odd[] = { -1, 0, 1e300, -1e300, (double)INFINITY, (double)NAN };
    moments *m = moments_new();
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        for (int when = WHEN_CHANGED; when <= WHEN_ASKED; when++) {
            moments_set(m, (watch_when)when, odd[i], odd[i], odd[i]);
            moments_looked(m, S(1));
            assert_false(moments_due(m, S(1.05)));
        }
    }
    moments_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_changed),
        cmocka_unit_test(brightness_is_no_change),
        cmocka_unit_test(a_cut_to_another_brightness_is_change),
        cmocka_unit_test(change_is_the_part_that_changed),
        cmocka_unit_test(colour_alone_is_change),
        cmocka_unit_test(another_size_is_all_of_it),
        cmocka_unit_test(it_adds_up),
        cmocka_unit_test(a_frame_that_waited_is_as_old_as_it_is),
        cmocka_unit_test(of_frames_older_than_all_glances_nothing_is_known),
        cmocka_unit_test(of_frames_newer_than_all_glances_nothing_is_known),
        cmocka_unit_test(by_change),
        cmocka_unit_test(by_interval),
        cmocka_unit_test(when_asked),
        cmocka_unit_test(numbers_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
