/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A picture is fitted below a number of pixels, of any shape, and keeps its shape. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"

static void fits(void **state) {
    (void)state;
    static const int sides[] = { 1, 2, 3, 31, 32, 333, 1080, 1920, 16384 };
    static const int64_t limits[] = { 1, 2, 100, 9216, 65536, 262144, (int64_t)1 << 40 };
    for (size_t i = 0; i < G_N_ELEMENTS(sides); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(sides); j++)
            for (size_t k = 0; k < G_N_ELEMENTS(limits); k++) {
                const int width = sides[i], height = sides[j];
                int w = 0, h = 0;
                frame_fit(width, height, limits[k], &w, &h);
                assert_true(w >= 1 && h >= 1 && w <= width && h <= height);
                assert_true((int64_t)w * h <= limits[k]);
                if ((int64_t)width * height <= limits[k]) assert_true(w == width && h == height);
                /* Of the same shape, but for a pixel of rounding. */
                if (w > 1 && h > 1)
                    assert_true(fabs((double)width / height * h - w) <= 1 + (double)width / height);
            }
}

static void as_large_as_can_be(void **state) {
    (void)state;
    int w, h;
    frame_fit(1920, 1080, 262144, &w, &h);
    assert_true((w + 2) * (h + 2) > 262144);
    frame_fit(1920, 1080, 0, &w, &h);
    assert_true(w == 1920 && h == 1080);
    frame_fit(1920, 1080, -1, &w, &h);
    assert_true(w == 1920 && h == 1080);
}

static void pixels_are_its_own(void **state) {
    (void)state;
    frame *f = frame_new(3, 2, 42);
    assert_true(f->width == 3 && f->height == 2 && f->seen_us == 42);
    memset(f->rgba, 7, (size_t)3 * 2 * 4);
    frame_free(f);
    frame_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits),
        cmocka_unit_test(as_large_as_can_be),
        cmocka_unit_test(pixels_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
