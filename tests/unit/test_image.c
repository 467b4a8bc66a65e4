/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoding: every picture equals the reference's to the byte; broken and
 * foreign files give one sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pictures.h"

/* decoded.tsv: file, alpha, width, height, hash */
static int n_wrong;

static void check_decoded(char *columns[MAX_COLUMNS], int n_columns) {
    assert_int_equal(n_columns, 5);
    espy_alpha alpha = strcmp(columns[1], "drop") == 0 ? ESPY_ALPHA_DROP : ESPY_ALPHA_WHITE;
    espy_image *image = load_picture(columns[0], alpha);
    const int w = espy_image_width(image), h = espy_image_height(image);
    if (w != atoi(columns[2]) || h != atoi(columns[3]) ||
        fnv(espy_image_pixels(image), (size_t)w * (size_t)h * 3) != hash_of(columns[4])) {
        print_error("%s (%s): %dx%d or its pixels differ\n", columns[0], columns[1], w, h);
        n_wrong++;
    }
    espy_image_close(&image);
    assert_null(image);
}

static void decodes_as_the_reference(void **state) {
    (void)state;
    assert_true(walk_table("decoded.tsv", check_decoded) > 100);
    assert_int_equal(n_wrong, 0);
}

/* Decodes an exact copy, so that reading past its end is seen. */
static espy_status decode_copy(const uint8_t *bytes, size_t n, espy_error *err) {
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    espy_image *image = NULL;
    *err = (espy_error){ 0 };
    espy_status status = espy_image_decode(&image, copy, n, ESPY_ALPHA_WHITE, "cut", err);
    free(copy);
    if (status) {
        assert_null(image);
        assert_int_equal(err->code, status);
        assert_memory_equal(err->message, "cut: ", 5);
        assert_true(strlen(err->message) > 15);
    } else {
        assert_non_null(image);
    }
    espy_image_close(&image);
    return status;
}

static void break_picture(char *columns[MAX_COLUMNS], int n_columns) {
    (void)n_columns;
    if (strcmp(columns[1], "white") != 0) return;
    size_t n;
    uint8_t *bytes = read_picture(columns[0], &n);
    espy_error err;
    for (size_t k = 0; k < 16; k++) /* the end marker alone may be missing, not more */
        if (decode_copy(bytes, n * k / 16, &err) == ESPY_OK && n - n * k / 16 > 40)
            fail_msg("%s cut at %zu of %zu bytes decodes", columns[0], n * k / 16, n);
    uint32_t x = 12345;
    for (int k = 0; k < 60; k++) {
        x = x * 1664525u + 1013904223u;
        const size_t at = x % n;
        const uint8_t old = bytes[at];
        bytes[at] ^= (uint8_t)(1u << (x >> 29));
        decode_copy(bytes, n, &err);
        if (k % 3 != 2) bytes[at] = old; /* some damage adds up */
    }
    free(bytes);
}

static void survives_damage(void **state) {
    (void)state;
    assert_true(walk_table("decoded.tsv", break_picture) > 100);
}

static void expect(const char *bytes, size_t n, espy_status status, const char *words) {
    espy_error err;
    if (decode_copy((const uint8_t *)bytes, n, &err) != status || !strstr(err.message, words))
        fail_msg("expected %s: %s", words, err.message);
}

static void names_what_it_cannot_read(void **state) {
    (void)state;
    expect("", 0, ESPY_ERR_FORMAT, "empty");
    expect("hello, world", 12, ESPY_ERR_FORMAT, "not a picture");
    expect("\xFF", 1, ESPY_ERR_FORMAT, "not a picture");
    expect("GIF89a\1\0\1\0", 10, ESPY_ERR_UNSUPPORTED, "a GIF picture; espy reads JPEG, PNG");
    expect("BM\x46\0\0\0", 6, ESPY_ERR_UNSUPPORTED, "a BMP");
    expect("II*\0\x08\0\0\0", 8, ESPY_ERR_UNSUPPORTED, "a TIFF");
    expect("MM\0*\0\0\0\x08", 8, ESPY_ERR_UNSUPPORTED, "a TIFF");
    expect("\0\0\0\x1C"
           "ftypheic",
           12, ESPY_ERR_UNSUPPORTED, "a HEIC");
    expect("\0\0\0\x1C"
           "ftypavif",
           12, ESPY_ERR_UNSUPPORTED, "an AVIF");
    expect("<?xml version='1.0'?><svg/>", 27, ESPY_ERR_UNSUPPORTED, "an SVG");
    espy_image *image = NULL;
    espy_error err;
    assert_int_equal(espy_image_load(&image, "no/such.jpg", ESPY_ALPHA_WHITE, &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "no/such.jpg"));
    assert_null(image);
}

/* A header that promises far more pixels than the file holds. */
static void refuses_bombs(void **state) {
    (void)state;
    size_t n;
    espy_error err;
    uint8_t *bytes = read_picture("progressive.jpg", &n);
    for (size_t i = 0; i + 9 < n; i++)
        if (bytes[i] == 0xFF && bytes[i + 1] == 0xC2) memset(bytes + i + 5, 0xF0, 4);
    assert_int_equal(decode_copy(bytes, n, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "61680x61680"));
    free(bytes);

    /* 2147483647 x 2147483647, 8 bit RGB; the checksum of IHDR is to be filled in. */
    static const char png[] = "\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF"
                              "\x08\x02\0\0\0????\0\0\0\0IDAT\x35\xAF\x06\x1E";
    uint8_t whole[sizeof png];
    memcpy(whole, png, sizeof png);
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 12; i < 29; i++) {
        crc ^= whole[i];
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    for (int i = 0; i < 4; i++) whole[29 + i] = (uint8_t)(~crc >> (24 - 8 * i));
    assert_int_equal(decode_copy(whole, sizeof whole - 1, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "2147483647x2147483647"));
}

/* A frame said to be far larger: decoded at an eighth. Its end marker comes early, after which
 * the decoder goes on in grey, as the reference's does. */
static void scales_huge_jpegs(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_picture("photo-420.jpg", &n);
    for (size_t i = 0; i + 9 < n; i++)
        if (bytes[i] == 0xFF && bytes[i + 1] == 0xC0) memset(bytes + i + 5, 0xF0, 4);
    espy_image *image = NULL;
    espy_error err = { 0 };
    if (espy_image_decode(&image, bytes, n, ESPY_ALPHA_WHITE, "huge", &err))
        fail_msg("%s", err.message);
    assert_int_equal(espy_image_width(image), 7710);
    assert_int_equal(espy_image_height(image), 7710);
    espy_image_close(&image);
    free(bytes);
}

static void takes_pixels(void **state) {
    (void)state;
    static const uint8_t rgba[2][12] = { { 10, 20, 30, 255, 200, 100, 0, 128, 9, 9, 9, 9 },
                                         { 0, 0, 0, 0, 255, 255, 255, 77, 9, 9, 9, 9 } };
    espy_image *image;
    espy_error err;
    assert_int_equal(espy_image_from_pixels(&image, rgba[0], 2, 2, 12, 4, ESPY_ALPHA_WHITE, &err),
                     ESPY_OK);
    static const uint8_t white[] = { 10, 20, 30, 227, 177, 127, 255, 255, 255, 255, 255, 255 };
    assert_memory_equal(espy_image_pixels(image), white, sizeof white);
    espy_image_close(&image);
    assert_int_equal(espy_image_from_pixels(&image, rgba[0], 2, 2, 12, 4, ESPY_ALPHA_DROP, &err),
                     ESPY_OK);
    static const uint8_t dropped[] = { 10, 20, 30, 200, 100, 0, 0, 0, 0, 255, 255, 255 };
    assert_memory_equal(espy_image_pixels(image), dropped, sizeof dropped);
    espy_image_close(&image);
    assert_int_equal(espy_image_from_pixels(&image, rgba[0], 4, 2, 12, 3, ESPY_ALPHA_WHITE, &err),
                     ESPY_OK);
    assert_memory_equal(espy_image_pixels(image), rgba, 24);
    espy_image_close(&image);

    static const struct {
        int w, h;
        ptrdiff_t stride;
        int channels;
        const char *words;
    } bad[] = {
        { 0, 2, 12, 3, "empty" },
        { 2, -1, 12, 3, "empty" },
        { 2, 2, 12, 2, "2 channels" },
        { 4, 2, 11, 3, "too short" },
        { 2, 2, -12, 3, "too short" },
        { 2147483647, 2, 12, 4, "too short" },
        { 100000, 100000, 400000, 4, "at most" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        image = (espy_image *)&err;
        assert_int_equal(espy_image_from_pixels(&image, rgba[0], bad[i].w, bad[i].h, bad[i].stride,
                                                bad[i].channels, ESPY_ALPHA_WHITE, &err),
                         ESPY_ERR_ARGUMENT);
        assert_non_null(strstr(err.message, bad[i].words));
        assert_null(image);
    }
    assert_int_equal(espy_image_from_pixels(&image, NULL, 1, 1, 3, 3, ESPY_ALPHA_WHITE, NULL),
                     ESPY_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_reference),  cmocka_unit_test(survives_damage),
        cmocka_unit_test(names_what_it_cannot_read), cmocka_unit_test(refuses_bombs),
        cmocka_unit_test(scales_huge_jpegs),         cmocka_unit_test(takes_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
