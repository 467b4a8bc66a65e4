/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fitting: the filter equals the reference's to the byte; target sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "pictures.h"

/* As make_images.py draws it; the caller frees. */
static uint8_t *draw_noise(const char *source, int *w, int *h) {
    char *end;
    *w = (int)strtol(source, &end, 10);
    *h = (int)strtol(end + 1, &end, 10);
    uint32_t x = (uint32_t)strtoul(end + 1, NULL, 10);
    const size_t n = (size_t)*w * (size_t)*h * 3;
    uint8_t *out = malloc(n);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        out[i] = (uint8_t)(x >> 24);
    }
    return out;
}

static int n_wrong;

static void check(const char *source, const uint8_t *in, int h, int w, char *columns[]) {
    const int out_w = atoi(columns[1]), out_h = atoi(columns[2]);
    for (int k = 0; k < 2; k++) {
        uint8_t *out = NULL;
        assert_int_equal(espy_resize_bicubic(in, h, w, out_h, out_w, k ? 22 : 0, &out, NULL),
                         ESPY_OK);
        if (fnv(out, (size_t)out_w * (size_t)out_h * 3) != hash_of(columns[3 + k])) {
            print_error("%s to %dx%d, filter %d differs\n", source, out_w, out_h, k);
            n_wrong++;
        }
        free(out);
    }
}

/* resized.tsv: source, width, height, hash as torchvision, hash as Pillow */
static void check_resized(char *columns[MAX_COLUMNS], int n_columns) {
    assert_int_equal(n_columns, 5);
    if (strncmp(columns[0], "noise:", 6) == 0) {
        int w, h;
        uint8_t *in = draw_noise(columns[0] + 6, &w, &h);
        check(columns[0], in, h, w, columns);
        free(in);
        return;
    }
    espy_image *image = load_picture(columns[0], ESPY_ALPHA_DROP);
    check(columns[0], image->pixels, image->height, image->width, columns);
    espy_image_close(&image);
}

static void resizes_as_the_reference(void **state) {
    (void)state;
    assert_true(walk_table("resized.tsv", check_resized) > 50);
    assert_int_equal(n_wrong, 0);
}

/* sizes.tsv: height, width, factor, frames, min_pixels, max_pixels, fitted height, width */
static void check_size(char *columns[MAX_COLUMNS], int n_columns) {
    assert_int_equal(n_columns, 8);
    int h = 0, w = 0;
    espy_error err = { 0 };
    if (espy_smart_resize(atoi(columns[0]), atoi(columns[1]), atoi(columns[2]), atoll(columns[4]),
                          atoll(columns[5]), atoi(columns[3]), &h, &w, &err))
        fail_msg("%s", err.message);
    if (h == atoi(columns[6]) && w == atoi(columns[7])) return;
    print_error("%sx%s, %s frames, at most %s: %dx%d\n", columns[1], columns[0], columns[3],
                columns[5], w, h);
    n_wrong++;
}

static void finds_the_target_size(void **state) {
    (void)state;
    n_wrong = 0;
    assert_true(walk_table("sizes.tsv", check_size) > 400);
    assert_int_equal(n_wrong, 0);
}

static void refuses_sizes(void **state) {
    (void)state;
    static const struct {
        int h, w, factor, n_frames;
        int64_t min, max;
        const char *words;
    } cases[] = {
        { 30, 30000, 32, 0, 65536, 16777216, "30000x30 pixels is too long" },
        { 201, 1, 32, 0, 65536, 16777216, "too long" },
        { 0, 5, 32, 0, 65536, 16777216, "5x0" },
        { 5, 5, 0, 0, 65536, 16777216, "multiples of 0" },
        { 31, 64, 32, 2, 4096, 25165824, "too small" },
        { 60000, 60000, 32, 0, 4096, INT64_MAX, "too large" },
        { 10, 10, 32, 0, 4096, 0, "between" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int h = -7, w = -7;
        espy_error err = { 0 };
        assert_int_equal(espy_smart_resize(cases[i].h, cases[i].w, cases[i].factor, cases[i].min,
                                           cases[i].max, cases[i].n_frames, &h, &w, &err),
                         ESPY_ERR_ARGUMENT);
        if (!strstr(err.message, cases[i].words)) fail_msg("%zu: %s", i, err.message);
        assert_int_equal(h, -7);
        assert_int_equal(w, -7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_as_the_reference),
        cmocka_unit_test(finds_the_target_size),
        cmocka_unit_test(refuses_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
