/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A film as the model sees it: the frames that are shown, in pairs, each pair a
 * temporal patch with its time. */
#ifndef ESPY_GENERATE_CLIP_H
#define ESPY_GENERATE_CLIP_H

#include "model/model.h"

typedef struct espy_clip {
    int *frames;       /* [n_frames] which of the part's images, in order; owned */
    double *times;     /* [n] of the patches, in seconds: the middle of their frames; owned */
    int n_frames, n;   /* frames that are shown; temporal patches */
    int height, width; /* fitted, pixels */
    double seconds_per_patch;
    int first; /* of the prepared pictures, its patches are first .. first + n - 1 */
} espy_clip;

/* Chooses the frames and fits them; computes no pixels. min_pixels and max_pixels
 * hold where the part has none. *out is empty on failure; free with espy_clip_free.
 * Errors ESPY_ERR_ARGUMENT (no frames, of different sizes, times that fall, a rate that
 * cannot be), ESPY_ERR_MEMORY. */
espy_status espy_clip_plan(espy_clip *out, const espy_model *model, const espy_part *part,
                           int64_t min_pixels, int64_t max_pixels, espy_error *err);
void espy_clip_free(espy_clip *clip);

#endif
