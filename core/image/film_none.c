/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instead of the other film_*.c in a build without FFmpeg's libraries. */
#include "image/film.h"

static espy_status refuse(espy_film **out, const char *name, espy_error *err) {
    *out = NULL;
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                     "%s: this espy was built without FFmpeg's libraries, which read films; give "
                     "the frames as pictures",
                     name ? name : "film");
}

espy_status espy_film_open(espy_film **out, const char *path, espy_error *err) {
    return refuse(out, path, err);
}

espy_status espy_film_open_memory(espy_film **out, const void *bytes, size_t n_bytes,
                                  const char *name, espy_error *err) {
    (void)bytes, (void)n_bytes;
    return refuse(out, name, err);
}

void espy_film_close(espy_film **film) {
    if (film) *film = NULL;
}

void espy_film_get_info(const espy_film *film, espy_film_info *info) {
    (void)film;
    *info = (espy_film_info){ 0 };
}

espy_status espy_film_frames(espy_film *film, const espy_film_wanted *wanted, espy_image **images,
                             espy_error *err) {
    (void)film, (void)wanted, (void)images;
    return espy_fail(err, ESPY_ERR_INTERNAL, -1, "no film can be open");
}
