/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is looked at of an image, and the way back from its pixels.
 */
#include "picture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "fake_host.h"

#include <cmocka.h>

static picture take(picture_source source) {
    picture p = { 0 };
    GError *error = NULL;
    assert_true(picture_take(&p, FAKE_IMAGE, FAKE_LAYER, source, &error));
    assert_null(error);
    assert_int_equal(fake.n_visible, 0);
    return p;
}

static void check_rect(host_rect r, int x, int y, int width, int height) {
    assert_int_equal(r.x, x);
    assert_int_equal(r.y, y);
    assert_int_equal(r.width, width);
    assert_int_equal(r.height, height);
}

static void names_of_sources(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(picture_source_find(picture_source_name(i)), i);
    assert_int_equal(picture_source_find("moon"), -1);
    assert_int_equal(picture_source_find(NULL), -1);
}

static void areas_of_sources(void **state) {
    (void)state;
    fake_reset(300, 200);
    fake.layer = (host_rect){ -20, 30, 50, 60 };
    fake.has_selection = TRUE;
    fake.selection = (host_rect){ 10, 20, 30, 40 };
    picture p = take(PICTURE_VISIBLE);
    check_rect(p.area, 0, 0, 300, 200);
    picture_clear(&p);
    p = take(PICTURE_LAYER);
    check_rect(p.area, -20, 30, 50, 60);
    picture_clear(&p);
    p = take(PICTURE_SELECTION);
    check_rect(p.area, 10, 20, 30, 40);
    check_rect(fake.asked, 10, 20, 30, 40);
    assert_int_equal(espy_image_width(p.image), 30);
    assert_int_equal(espy_image_height(p.image), 40);
    /* Half of red over white. */
    const uint8_t *pixel = espy_image_pixels(p.image);
    assert_int_equal(pixel[0], 255);
    assert_in_range(pixel[1], 126, 128);
    picture_clear(&p);
    assert_null(p.image);
}

static void what_cannot_be_looked_at(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        static const picture_source sources[] = { PICTURE_VISIBLE,   PICTURE_LAYER,
                                                  PICTURE_SELECTION, PICTURE_VISIBLE,
                                                  PICTURE_VISIBLE,   PICTURE_SELECTION };
        fake_reset(30, 20);
        fake.shows = i != 3;
        fake.refuses_pixels = i == 4;
        fake.has_selection = i == 5; /* of no size */
        picture p = { 0 };
        GError *error = NULL;
        assert_false(picture_take(&p, i == 0 ? 1 : FAKE_IMAGE, i == 1 ? 99 : FAKE_LAYER, sources[i],
                                  &error));
        assert_non_null(error);
        assert_true(g_str_has_suffix(error->message, "."));
        assert_null(p.image);
        assert_int_equal(fake.n_visible, 0);
        g_error_free(error);
    }
}

static void sizes_are_limited(void **state) {
    (void)state;
    static const int sides[][2] = { { 1, 1 },           { 2048, 2048 },  { 2049, 2048 },
                                    { 262144, 262144 }, { 524288, 1 },   { 1, 524288 },
                                    { 524288, 8 },      { 30000, 20000 } };
    for (int i = 0; i < (int)G_N_ELEMENTS(sides); i++) {
        fake_reset(sides[i][0], sides[i][1]);
        picture p = take(PICTURE_VISIBLE);
        double pixels = (double)p.width * p.height;
        assert_true(p.width >= 1 && p.height >= 1 && pixels <= PICTURE_MOST_PX);
        assert_true(p.width <= sides[i][0] && p.height <= sides[i][1]);
        if ((double)sides[i][0] * sides[i][1] <= PICTURE_MOST_PX)
            assert_true(p.width == sides[i][0] && p.height == sides[i][1]);
        else
            assert_true(pixels > 0.9 * PICTURE_MOST_PX);
        picture_clear(&p);
    }
}

static void boxes_at_borders(void **state) {
    (void)state;
    picture p = { NULL, { 100, 50, 400, 200 }, 200, 100 };
    check_rect(picture_box_to_image(&p, (double[]){ 0, 0, 200, 100 }), 100, 50, 400, 200);
    check_rect(picture_box_to_image(&p, (double[]){ 10, 10, 20, 30 }), 120, 70, 20, 40);
    check_rect(picture_box_to_image(&p, (double[]){ 10.1, 10.1, 10.2, 10.2 }), 120, 70, 1, 1);
    check_rect(picture_box_to_image(&p, (double[]){ 200, 100, 200, 100 }), 499, 249, 1, 1);
    check_rect(picture_box_to_image(&p, (double[]){ 0, 0, 0, 0 }), 100, 50, 1, 1);
    check_rect(picture_box_to_image(&p, (double[]){ -9, -9, 900, 900 }), 100, 50, 400, 200);
    /* Thirds, which no double holds, add no pixel. */
    picture thirds = { NULL, { 0, 0, 100, 100 }, 300, 300 };
    check_rect(picture_box_to_image(&thirds, (double[]){ 33, 66, 99, 198 }), 11, 22, 22, 44);
}

/* Any whole box of the image, looked at at full size or smaller, comes back around
 * itself, and no further than a pixel of the picture is wide. */
static void boxes_come_back(void **state) {
    (void)state;
    srand(5);
    for (int i = 0; i < 20000; i++) {
        picture p = { 0 };
        p.area = (host_rect){ rand() % 4000 - 2000, rand() % 4000 - 2000, 1 + rand() % 9000,
                              1 + rand() % 9000 };
        double scale = i % 2 ? 1 : 1.0 / (1 + rand() % 9);
        p.width = MAX((int)(p.area.width * scale), 1);
        p.height = MAX((int)(p.area.height * scale), 1);
        int x1 = rand() % p.area.width, y1 = rand() % p.area.height;
        int x2 = x1 + 1 + rand() % (p.area.width - x1), y2 = y1 + 1 + rand() % (p.area.height - y1);
        double kx = (double)p.width / p.area.width, ky = (double)p.height / p.area.height;
        host_rect b = picture_box_to_image(&p, (double[]){ x1 * kx, y1 * ky, x2 * kx, y2 * ky });
        check_rect(b, p.area.x + x1, p.area.y + y1, x2 - x1, y2 - y1);
        double x, y;
        picture_to_image(&p, x1 * kx, y1 * ky, &x, &y);
        assert_true(fabs(x - p.area.x - x1) < 1e-6 && fabs(y - p.area.y - y1) < 1e-6);
    }
}

static void stamps_change(void **state) {
    (void)state;
    fake_reset(300, 200);
    guint64 first = picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_SELECTION);
    assert_true(first == picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_SELECTION));
    fake.has_selection = TRUE;
    fake.selection = (host_rect){ 10, 20, 30, 40 };
    guint64 selected = picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_SELECTION);
    fake.selection.x++;
    guint64 moved = picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_SELECTION);
    fake.width++;
    guint64 wider = picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_SELECTION);
    assert_true(first != selected && selected != moved && moved != wider);
    assert_true(picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_LAYER) !=
                picture_stamp(FAKE_IMAGE, FAKE_LAYER, PICTURE_VISIBLE));
    picture_stamp(1, 1, PICTURE_LAYER); /* of an image that is gone */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_sources),
        cmocka_unit_test(areas_of_sources),
        cmocka_unit_test(what_cannot_be_looked_at),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(boxes_at_borders),
        cmocka_unit_test(boxes_come_back),
        cmocka_unit_test(stamps_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
