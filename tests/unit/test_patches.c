/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a file to pixel_values, and the choice of a clip's frames: equal to the
 * reference's to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "pictures.h"

static const float half[3] = { 0.5f, 0.5f, 0.5f };
static const float clip_mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
static const float clip_std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };

static int n_wrong;

static void cut(const espy_image *image, int h, int w, char *columns[]) {
    const int patch = atoi(columns[1]), rows = atoi(columns[4]), cols = atoi(columns[5]);
    assert_int_equal(h, rows * patch);
    assert_int_equal(w, cols * patch);
    uint8_t *fitted = NULL;
    assert_int_equal(
        espy_resize_bicubic(image->pixels, image->height, image->width, h, w, 0, &fitted, NULL),
        ESPY_OK);
    const size_t n_bytes = (size_t)h * (size_t)w * 3 * 2 * sizeof(float);
    float *values = malloc(n_bytes);
    assert_non_null(values);
    espy_patchify(fitted, fitted, rows, cols, patch, 2, patch == 16 ? half : clip_mean,
                  patch == 16 ? half : clip_std, 0, values);
    if (fnv(values, n_bytes) != hash_of(columns[6])) {
        print_error("%s, patch %d, at most %s pixels: differs\n", columns[0], patch, columns[3]);
        n_wrong++;
    }
    free(values);
    free(fitted);
}

/* pixels.tsv: file, patch, min_pixels, max_pixels, grid rows, grid columns, hash */
static void check_pixels(char *columns[MAX_COLUMNS], int n_columns) {
    assert_int_equal(n_columns, 7);
    espy_image *image = load_picture(columns[0], ESPY_ALPHA_DROP);
    int h = 0, w = 0;
    espy_status status = espy_smart_resize(image->height, image->width, 2 * atoi(columns[1]),
                                           atoll(columns[2]), atoll(columns[3]), 0, &h, &w, NULL);
    if (atoi(columns[4]) == 0)
        assert_int_equal(status, ESPY_ERR_ARGUMENT);
    else
        cut(image, h, w, columns);
    espy_image_close(&image);
}

static void cuts_as_the_reference(void **state) {
    (void)state;
    assert_true(walk_table("pixels.tsv", check_pixels) > 100);
    assert_int_equal(n_wrong, 0);
}

/* Two frames, and raster order: every value says where it came from. */
static void keeps_frames_and_raster_apart(void **state) {
    (void)state;
    enum { PATCH = 2, H = 2, W = 4 };
    uint8_t a[H * PATCH * W * PATCH * 3], b[sizeof a];
    for (size_t i = 0; i < sizeof a; i++) {
        a[i] = (uint8_t)i;
        b[i] = (uint8_t)(i + 100);
    }
    static const float zero[3] = { 0 }, one[3] = { 1, 1, 1 };
    float out[H * W][3][2][PATCH][PATCH];
    for (int merge = 1; merge <= 2; merge++) {
        espy_patchify(a, b, H, W, PATCH, merge, zero, one, 0, &out[0][0][0][0][0]);
        for (int p = 0; p < H * W; p++) {
            const int row = merge == 1 ? p / W : p / 2 % 2;
            const int col = merge == 1 ? p % W : p / 4 * 2 + p % 2;
            for (int c = 0; c < 3; c++)
                for (int f = 0; f < 2; f++)
                    for (int i = 0; i < PATCH * PATCH; i++) {
                        const int y = row * PATCH + i / PATCH, x = col * PATCH + i % PATCH;
                        const int v = (y * W * PATCH + x) * 3 + c + 100 * f;
                        assert_true(out[p][c][f][i / PATCH][i % PATCH] == (float)v / 255.0f);
                    }
        }
    }
}

/* frames.tsv: rule, total, source fps, indices */
static void check_frames(char *columns[MAX_COLUMNS], int n_columns) {
    assert_int_equal(n_columns, 4);
    int indices[256];
    const int total = atoi(columns[1]);
    const double fps = strtod(columns[2], NULL);
    assert_true(total <= 256);
    double fed;
    const int n = espy_sample_frames(total, fps, &(espy_frame_choice){ .rule = atoi(columns[0]) },
                                     indices, &fed);
    char *at = columns[3];
    for (int i = 0; i < n; i++, at += *at == ',')
        if (strtol(at, &at, 10) != indices[i])
            fail_msg("rule %s, %d frames at %s: place %d is %d", columns[0], total, columns[2], i,
                     indices[i]);
    assert_int_equal(*at, 0);
    assert_true(fed == (double)n / total * fps);
}

static void samples_as_the_reference(void **state) {
    (void)state;
    assert_true(walk_table("frames.tsv", check_frames) > 100);
    const espy_frame_choice two = { .rule = 2 }, three = { .rule = 3 };
    int indices[ESPY_MAX_FRAMES];
    double fed;
    assert_int_equal(espy_sample_frames(48, 0, &three, indices, &fed), 4); /* unknown: 24 */
    assert_true(fed == 2);
    assert_int_equal(espy_sample_frames(0, 24, &three, indices, &fed), 0);
    assert_int_equal(espy_sample_frames(1, 24, &two, indices, &fed), 1);
    assert_int_equal(indices[0], 0);
    /* three hours: as many as there may be, the first and the last among them */
    assert_int_equal(espy_sample_frames(3 * 3600 * 24, 24, &three, indices, &fed), 768);
    assert_int_equal(indices[767], 3 * 3600 * 24 - 1);
    assert_int_equal(espy_sample_frames(3 * 3600 * 24, 24, &two, indices, &fed), 768);
    assert_int_equal(indices[767], 3 * 3600 * 24 - 1);
}

static void samples_as_asked(void **state) {
    (void)state;
    int indices[ESPY_MAX_FRAMES];
    double fed;
    espy_frame_choice c = { .rule = 3, .fps = 1 };
    assert_int_equal(espy_sample_frames(240, 24, &c, indices, &fed), 10);
    assert_true(fed == 1);
    c.max_frames = 3; /* less than the usual least number */
    assert_int_equal(espy_sample_frames(240, 24, &c, indices, &fed), 3);
    assert_int_equal(indices[1], 120); /* 119.5, to even */
    c.rule = 2;
    assert_int_equal(espy_sample_frames(240, 24, &c, indices, &fed), 2);
    assert_int_equal(indices[1], 239);
    c.max_frames = 1;
    assert_int_equal(espy_sample_frames(240, 24, &c, indices, &fed), 1);
    c = (espy_frame_choice){ .rule = 3, .fps = 100, .min_frames = 7 };
    assert_int_equal(espy_sample_frames(48, 24, &c, indices, &fed),
                     48); /* no more than there are */
    c.fps = 0.01;
    assert_int_equal(espy_sample_frames(48, 24, &c, indices, &fed), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_as_the_reference),
        cmocka_unit_test(keeps_frames_and_raster_apart),
        cmocka_unit_test(samples_as_the_reference),
        cmocka_unit_test(samples_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
