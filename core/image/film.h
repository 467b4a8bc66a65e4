/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Films through FFmpeg's libraries, which may be left out of a build.
 *
 *     file, mapped -> film_open.c -> packets -> film_frames.c -> decoded frames
 *                  -> film_pixels.c -> u8 RGB, upright, reduced
 *
 * Only the frames that are asked for are kept, each already as small as it is
 * needed: the memory does not grow with the film. */
#ifndef ESPY_IMAGE_FILM_H
#define ESPY_IMAGE_FILM_H

#include "image/image.h"

/* What to read. Times are seconds from the first frame, and do not fall. */
typedef struct espy_film_wanted {
    const double *times;
    int n;
    int width, height; /* to which frames are reduced, or enlarged */
    espy_alpha alpha;
    espy_progress_fn progress; /* phase "watching"; may be NULL */
    void *user;
} espy_film_wanted;

/* For each time the frame that is shown then: the last one that begins at or before it
 * (the first one where there is none). images [n] are the caller's; NULL on failure.
 * Errors ESPY_ERR_FORMAT (no frame can be decoded), ESPY_ERR_UNSUPPORTED,
 * ESPY_ERR_STOPPED, ESPY_ERR_MEMORY. film_frames.c */
espy_status espy_film_frames(espy_film *film, const espy_film_wanted *wanted, espy_image **images,
                             espy_error *err);

#endif
