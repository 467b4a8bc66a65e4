/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The limits between which pictures are fitted. */
#include "image/image.h"
#include "model/model.h"

espy_status espy_model_fit(const espy_model *m, int height, int width, int64_t min_pixels,
                           int64_t max_pixels, int *fitted_height, int *fitted_width,
                           espy_error *err) {
    int64_t least = min_pixels > 0 ? min_pixels : m->config.image.min_pixels;
    int64_t most = max_pixels > 0 ? max_pixels : m->config.image.max_pixels;
    if (least > most && max_pixels > 0)
        least = most;
    else if (least > most)
        most = least;
    return espy_smart_resize(height, width, m->config.vision.patch * m->config.vision.merge, least,
                             most, 0, fitted_height, fitted_width, err);
}
