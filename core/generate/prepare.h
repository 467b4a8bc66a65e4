/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a request to what the model reads: tokens with positions, and the
 * pictures that fill the vision places. */
#ifndef ESPY_GENERATE_PREPARE_H
#define ESPY_GENERATE_PREPARE_H

#include "generate/clip.h"
#include "generate/seen.h"
#include "text/chat.h"

/* What the vision tower looks at by itself: a picture on the prompt, or one temporal
 * patch of a clip. */
typedef struct espy_picture {
    const espy_image *image, *second; /* borrowed; the frames of a patch, else the same */
    int clip;                         /* of the prepared clips; -1: a picture */
    int height, width;                /* fitted, pixels */
    espy_grid grid;
    int32_t *cells;   /* the grid's, if some are dropped; owned */
    int64_t first, n; /* tokens on the timeline */
    espy_picture_key key;
    float *patches;  /* kept for traces only, owned,
                        [h * w][3 * temporal * p * p] */
    espy_seen *seen; /* held; NULL until it was looked at */
} espy_picture;

typedef struct espy_prepared {
    espy_prompt prompt;
    espy_timeline timeline;
    espy_picture *pictures; /* [n_pictures] in order */
    int n_pictures;
    espy_clip *clips; /* [n_clips] in order */
    int n_clips;
} espy_prepared;

/* Renders, fits and tokenises; computes nothing. Zeroed on failure; free with
 * espy_prepared_free. Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MISSING (a special token),
 * ESPY_ERR_MEMORY. */
espy_status espy_prepare(espy_prepared *out, const espy_model *model, const espy_request *request,
                         espy_error *err);
void espy_prepared_free(espy_prepared *p);

/* Resizes the picture and cuts it: patches [patches of grid][3 * temporal * p * p]. */
espy_status espy_picture_cut(const espy_picture *p, const espy_model *model, float *patches,
                             espy_error *err);

#endif
