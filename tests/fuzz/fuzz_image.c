/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures, as they are; a PNG also with its checksums set right, since few
 * mutants get past them otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

espy_status fuzz_status;

static espy_status decode(const uint8_t *data, size_t n_bytes, espy_alpha alpha) {
    espy_image *image;
    espy_error err = { 0 };
    espy_status status = espy_image_decode(&image, data, n_bytes, alpha, "input", &err);
    if (status) {
        FUZZ_CHECK(!image && err.code == status && err.message[0]);
        return status;
    }
    int64_t width = espy_image_width(image), height = espy_image_height(image);
    FUZZ_CHECK(width > 0 && height > 0);
    fuzz_touch(espy_image_pixels(image), (size_t)(width * height * 3));
    espy_image_close(&image);
    FUZZ_CHECK(!image);
    return ESPY_OK;
}

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The checksum of PNG and zlib. */
static uint32_t crc32_of(const uint8_t *p, size_t n) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

/* Chunks: u32 length, 4 bytes of type, the data, the checksum of both. */
static void set_checksums(uint8_t *png, size_t n) {
    for (size_t at = 8; at + 12 <= n;) {
        size_t length = big_endian(png + at);
        if (length > n - at - 12) return;
        uint32_t crc = crc32_of(png + at + 4, length + 4);
        for (int i = 0; i < 4; i++) png[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    fuzz_status = decode(data, n_bytes, ESPY_ALPHA_WHITE);
    if (!fuzz_status) decode(data, n_bytes, ESPY_ALPHA_DROP);
    if (n_bytes < 8 || memcmp(data, "\x89PNG\r\n\x1a\n", 8) != 0) return 0;
    uint8_t *right = malloc(n_bytes);
    if (!right) return 0;
    memcpy(right, data, n_bytes);
    set_checksums(right, n_bytes);
    decode(right, n_bytes, ESPY_ALPHA_WHITE);
    free(right);
    return 0;
}
