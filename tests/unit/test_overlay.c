/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is drawn where, down to the pixels of the PNG. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "overlay.h"

enum { WIDTH = 400, HEIGHT = 300 };

static espy_image *grey_image(int width, int height) {
    espy_image *image;
    size_t n = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = malloc(n);
    assert_non_null(pixels);
    memset(pixels, 128, n);
    assert_int_equal(
        espy_image_from_pixels(&image, pixels, width, height, width * 3, 3, ESPY_ALPHA_WHITE, NULL),
        ESPY_OK);
    free(pixels);
    return image;
}

static const espy_shape samples[] = {
    { .type = ESPY_SHAPE_BOX, .xy = { 100, 100, 300, 200 }, .label = "cup" },
    { .type = ESPY_SHAPE_BOX, .xy = { 0, 0, 400, 300 }, .label = "all" },
    { .type = ESPY_SHAPE_POINT, .xy = { 350, 250 }, .label = "dog" },
    { .type = ESPY_SHAPE_QUAD, .xy = { 20, 200, 60, 210, 55, 260, 15, 250 }, .label = "sign" },
    { .type = ESPY_SHAPE_BOX_3D, .box_3d = { 0, 0, 9, 1, 1, 1 }, .label = "car" },
    { .type = ESPY_SHAPE_SPAN, .time_s = 1, .end_s = 2, .label = "then" },
};
enum { n_samples = sizeof samples / sizeof *samples };

static cli_overlay overlay_of(const espy_image *image, int n) {
    cli_overlay o;
    espy_shapes all = { .shapes = samples, .n_shapes = n };
    cli_overlay_begin(&o, image, &all);
    return o;
}

static void measures(void **state) {
    (void)state;
    static const struct {
        int width, height;
        double line, dot;
    } sizes[] = { { 400, 300, 2, 3 }, { 2000, 1200, 3, 6 }, { 1200, 2000, 3, 6 }, { 8, 8, 2, 3 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        espy_image *image = grey_image(sizes[i].width, sizes[i].height);
        cli_overlay o = overlay_of(image, 0);
        assert_true(o.line == sizes[i].line && o.dot == sizes[i].dot);
        espy_image_close(&image);
    }
}

static void puts_plates(void **state) {
    (void)state;
    espy_image *image = grey_image(WIDTH, HEIGHT);
    cli_overlay o = overlay_of(image, n_samples);
    double x, y;
    /* Above; inside at the top edge; moved left at the right edge. */
    assert_int_equal(cli_overlay_plate(&o, &samples[0], 50, 20, &x, &y), 1);
    assert_true(x == 99 && y == 79);
    assert_int_equal(cli_overlay_plate(&o, &samples[1], 50, 20, &x, &y), 1);
    assert_true(x == 0 && y == 0);
    assert_int_equal(cli_overlay_plate(&o, &samples[2], 80, 20, &x, &y), 1);
    assert_true(x == 320 && y == 226);
    assert_int_equal(cli_overlay_plate(&o, &samples[5], 80, 20, &x, &y), 0);
    for (int i = 0; i < n_samples; i++)
        for (int w = 10; w < 500; w += 70)
            if (cli_overlay_plate(&o, &samples[i], w, 20, &x, &y))
                assert_true(x >= 0 && y >= 0 && (x + w <= WIDTH || x == 0) && y + 20 <= HEIGHT);
    espy_image_close(&image);
}

/* Just before the camera a corner is as far aside as one likes. */
static void keeps_corners_near(void **state) {
    (void)state;
    static const espy_shape close = { .type = ESPY_SHAPE_BOX_3D,
                                      .box_3d = { 9, 9, 0.5000000001, 1, 1, 1 },
                                      .label = "car" };
    espy_image *image = grey_image(WIDTH, HEIGHT);
    cli_overlay o = overlay_of(image, 0);
    cli_line lines[CLI_MOST_LINES];
    int n = cli_overlay_lines(&o, &close, lines);
    assert_int_equal(n, 6);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < lines[i].n; k++)
            assert_true(fabs(lines[i].at[k][0]) < 1e7 && fabs(lines[i].at[k][1]) < 1e7);
    espy_image_close(&image);
}

static void colours_by_label(void **state) {
    (void)state;
    espy_shape a = samples[0], b = samples[0];
    b.xy[0] = 1;
    b.label = "CUP";
    cli_colour x = cli_overlay_colour(&a), y = cli_overlay_colour(&b);
    assert_true(x.r == y.r && x.g == y.g && x.b == y.b);
    b.label = "dog";
    y = cli_overlay_colour(&b);
    assert_true(fabs(x.r - y.r) + fabs(x.g - y.g) + fabs(x.b - y.b) > 0.1);
    /* Numbers of nameless objects, and texts, do not count. */
    a.flags = b.flags = ESPY_SHAPE_UNLABELLED;
    x = cli_overlay_colour(&a);
    y = cli_overlay_colour(&b);
    assert_true(x.r == y.r && x.g == y.g && x.b == y.b);
    for (int i = 0; i < 2000; i++) {
        char label[20];
        snprintf(label, sizeof label, "%d", i);
        b = (espy_shape){ .label = label };
        y = cli_overlay_colour(&b);
        double light = 0.299 * y.r + 0.587 * y.g + 0.114 * y.b;
        assert_true(y.r >= 0 && y.r <= 1 && y.g >= 0 && y.g <= 1 && y.b >= 0 && y.b <= 1);
        assert_true(y.takes_black ? light > 0.45 : light < 0.55);
        assert_true(fmax(y.r, fmax(y.g, y.b)) > 0.95); /* bright */
    }
}

static void shortens_labels(void **state) {
    (void)state;
    char text[201] = "";
    for (int i = 0; i < 200; i++) text[i] = i & 1 ? '\xA4' : '\xC3';
    espy_shape shape = { .label = text };
    char *label = cli_overlay_label(&shape);
    assert_int_equal(strlen(label), 60 * 2 + 3);
    assert_string_equal(label + 120, "\xE2\x80\xA6");
    free(label);
    shape.label = "a\nb\tc\x1B[31m";
    label = cli_overlay_label(&shape);
    assert_string_equal(label, "a b c [31m");
    free(label);
}

static int is_near(const uint8_t *p, cli_colour c) {
    return abs(p[0] - (int)(c.r * 255)) < 4 && abs(p[1] - (int)(c.g * 255)) < 4 &&
           abs(p[2] - (int)(c.b * 255)) < 4;
}

static void draws_pixels(void **state) {
    (void)state;
    char path[] = "/tmp/espy-overlay-XXXXXX";
    espy_error err;
    espy_image *image = grey_image(WIDTH, HEIGHT), *drawn;
    cli_overlay o = overlay_of(image, n_samples);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (!cli_overlay_has_png()) {
        assert_int_equal(cli_overlay_png(&o, path, &err), ESPY_ERR_UNSUPPORTED);
        remove(path);
        espy_image_close(&image);
        skip();
    }
    assert_int_equal(cli_overlay_png(&o, path, &err), ESPY_OK);
    assert_int_equal(espy_image_load(&drawn, path, ESPY_ALPHA_WHITE, &err), ESPY_OK);
    remove(path);
    assert_int_equal(espy_image_width(drawn), WIDTH);
    assert_int_equal(espy_image_height(drawn), HEIGHT);
    const uint8_t *p = espy_image_pixels(drawn);
#define AT(x, y) (p + 3 * ((size_t)(y)*WIDTH + (size_t)(x)))
    cli_colour cup = cli_overlay_colour(&samples[0]), dog = cli_overlay_colour(&samples[2]);
    assert_true(is_near(AT(200, 199), cup) && is_near(AT(200, 200), cup)); /* 2 wide */
    assert_true(is_near(AT(299, 150), cup) && is_near(AT(300, 150), cup));
    assert_true(is_near(AT(350, 250), dog) && is_near(AT(351, 250), dog));
    assert_int_equal(AT(354, 245 + 20)[0], 128);                   /* away from the disc */
    assert_true(AT(250, 150)[0] == 128 && AT(250, 150)[1] == 128); /* inside the box */
    assert_true(AT(200, 202)[0] < 128 || AT(200, 201)[0] < 128);   /* its dark edge */
    /* The plate above: its colour at the left, letters in it. */
    int n_other = 0;
    assert_true(is_near(AT(100, 95), cup));
    for (int x = 100; x < 125; x++) n_other += !is_near(AT(x, 90), cup);
    assert_in_range(n_other, 4, 24);
#undef AT
    espy_image_close(&drawn);
    espy_image_close(&image);
}

static void reports_files(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_image *image = grey_image(8, 8);
    cli_overlay o = overlay_of(image, n_samples);
    assert_int_equal(cli_overlay_svg(&o, "/nowhere/x.svg", &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/x.svg"));
    if (cli_overlay_has_png())
        assert_int_equal(cli_overlay_png(&o, "/nowhere/x.png", &err), ESPY_ERR_IO);
    espy_image_close(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures),           cmocka_unit_test(puts_plates),
        cmocka_unit_test(colours_by_label),   cmocka_unit_test(shortens_labels),
        cmocka_unit_test(keeps_corners_near), cmocka_unit_test(draws_pixels),
        cmocka_unit_test(reports_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
