/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The limits between which pictures are fitted. */
#include "image/image.h"
#include "model/model.h"

#define MOST_PIXELS 16777216 /* of any model; time and memory grow faster than pixels */

static espy_status check_limit(const espy_model *m, const char *name, int64_t n, espy_error *err) {
    int64_t most = m->config.image.max_pixels;
    if (most < MOST_PIXELS) most = MOST_PIXELS;
    if (n <= most) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s %lld is more than %lld, the most that can be",
                     name, (long long)n, (long long)most);
}

espy_status espy_model_fit(const espy_model *m, int height, int width, int64_t min_pixels,
                           int64_t max_pixels, int *fitted_height, int *fitted_width,
                           espy_error *err) {
    espy_status status = check_limit(m, "min_pixels", min_pixels, err);
    if (!status) status = check_limit(m, "max_pixels", max_pixels, err);
    if (status) return status;
    int64_t least = min_pixels > 0 ? min_pixels : m->config.image.min_pixels;
    int64_t most = max_pixels > 0 ? max_pixels : m->config.image.max_pixels;
    if (least > most && max_pixels > 0)
        least = most;
    else if (least > most)
        most = least;
    return espy_smart_resize(height, width, m->config.vision.patch * m->config.vision.merge, least,
                             most, 0, fitted_height, fitted_width, err);
}
