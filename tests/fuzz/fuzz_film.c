/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Films: opened from memory, and some of their frames decoded. FFmpeg's libraries
 * read the bytes; what is tried here is how espy uses them, and what it makes of
 * sizes, times and orders that no encoder would write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "image/film.h"

espy_status fuzz_status;

/* Broken times may lead far; a person would stop too. */
static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    int *calls = user;
    FUZZ_CHECK(strcmp(phase, "watching") == 0 && done >= 0 && done <= total && total > 0);
    return ++*calls > 200;
}

static espy_status watch(espy_film *film) {
    espy_film_info info;
    espy_film_get_info(film, &info);
    FUZZ_CHECK(info.width_px > 0 && info.height_px > 0 && info.n_frames > 0);
    FUZZ_CHECK(info.fps >= 0 && info.fps <= 1000 && info.duration_s >= 0);
    FUZZ_CHECK(info.format && info.codec);
    const double times[] = { 0, 0.3, info.duration_s / 2 + 0.3, info.duration_s + 1 };
    int calls = 0;
    const espy_film_wanted wanted = {
        .times = times, .n = 4, .width = 32, .height = 32, .progress = on_progress, .user = &calls
    };
    espy_image *images[4];
    espy_error err = { 0 };
    espy_status status = espy_film_frames(film, &wanted, images, &err);
    for (int i = 0; i < 4; i++) {
        FUZZ_CHECK(!images[i] == !!status);
        if (images[i]) fuzz_touch(espy_image_pixels(images[i]), 32L * 32 * 3);
        espy_image_close(&images[i]);
    }
    FUZZ_CHECK(!status || (err.code == status && err.message[0]));
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    espy_film *film;
    espy_error err = { 0 };
    espy_is_film(data, n_bytes);
    fuzz_status = espy_film_open_memory(&film, data, n_bytes, "input", &err);
    if (fuzz_status) {
        FUZZ_CHECK(!film && err.code == fuzz_status && err.message[0]);
        return 0;
    }
    fuzz_status = watch(film);
    espy_film_close(&film);
    FUZZ_CHECK(!film);
    return 0;
}
