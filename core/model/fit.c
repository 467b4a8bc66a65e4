/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The limits between which pictures, and the frames of clips, are fitted. */
#include <math.h>

#include "image/image.h"
#include "model/model.h"

#define MOST_CLIP_PIXELS ((int64_t)1 << 32)
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
    if (m->config.vision.image_size > 0) {
        *fitted_height = *fitted_width = m->config.vision.image_size;
        return height > 0 && width > 0
                   ? ESPY_OK
                   : espy_fail(err, ESPY_ERR_ARGUMENT, -1, "cannot fit a picture of %dx%d pixels",
                               width, height);
    }
    int64_t least = min_pixels > 0 ? min_pixels : m->config.image.min_pixels;
    int64_t most = max_pixels > 0 ? max_pixels : m->config.image.max_pixels;
    if (least > most && max_pixels > 0)
        least = most;
    else if (least > most)
        most = least;
    return espy_smart_resize(height, width, m->config.vision.patch * m->config.vision.merge, least,
                             most, 0, fitted_height, fitted_width, err);
}

static double token_pixels(const espy_model *m) {
    double side = m->config.vision.patch * m->config.vision.merge;
    return side * side;
}

espy_film_limits espy_model_film_limits(const espy_model *m) {
    const espy_video_traits *t = &m->family->video;
    const espy_video_config *v = &m->config.video;
    double token = token_pixels(m);
    if (t->whole) /* a model of small pictures was not taught larger frames */
        return (espy_film_limits){ .frame_max = m->built_in ? m->config.image.max_pixels : 0,
                                   .film_min = v->min_pixels,
                                   .film_max = v->max_pixels };
    double most = fmin(t->most_tokens * token, (double)v->max_pixels);
    double least = fmin(fmax(t->least_tokens * token, (double)v->min_pixels), most);
    double all = t->total_tokens * token * m->config.vision.temporal;
    return (espy_film_limits){ (int64_t)least, (int64_t)most, .film_max = (int64_t)all };
}

/* Qwen3-VL: limits of all frames together, the last one doubled if they are odd. */
static void limits_of_all(const espy_model *m, double n, const espy_clip_limits *given,
                          double *least, double *most) {
    const espy_film_limits l = espy_model_film_limits(m);
    *least = given->min_pixels > 0 ? n * (double)given->min_pixels : (double)l.film_min;
    *most = given->total_pixels > 0 ? (double)given->total_pixels : (double)l.film_max;
    if (given->max_pixels > 0) *most = fmin(*most, n * (double)given->max_pixels);
    if (l.frame_max > 0) *most = fmin(*most, n * (double)l.frame_max);
}

/* Qwen2-VL and Qwen2.5-VL: limits of one frame, which many frames lower; within
 * those of the model's files. */
static void limits_of_each(const espy_model *m, int n, const espy_clip_limits *given, double *least,
                           double *most) {
    const espy_film_limits l = espy_model_film_limits(m);
    double total = given->total_pixels > 0 ? (double)given->total_pixels * m->config.vision.temporal
                                           : (double)l.film_max;
    *least = (double)(given->min_pixels > 0 ? given->min_pixels : l.frame_min);
    *most = fmax(fmin((double)l.frame_max, total / n), floor(*least * 1.05));
    if (given->max_pixels > 0) *most = fmin(*most, (double)given->max_pixels);
    *most = fmin(*most, (double)m->config.video.max_pixels);
}

espy_status espy_model_fit_clip(const espy_model *m, int height, int width, int n_frames,
                                const espy_clip_limits *given, int *fitted_height,
                                int *fitted_width, espy_error *err) {
    double least, most;
    int whole = m->family->video.whole, factor = m->config.vision.patch * m->config.vision.merge;
    espy_status status = check_limit(m, "min_pixels", given->min_pixels, err);
    if (!status) status = check_limit(m, "max_pixels", given->max_pixels, err);
    if (status) return status;
    if (given->total_pixels > MOST_CLIP_PIXELS)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "total_pixels %lld is more than %lld, the most that can be",
                         (long long)given->total_pixels, (long long)MOST_CLIP_PIXELS);
    if (whole)
        limits_of_all(m, n_frames + n_frames % 2, given, &least, &most);
    else
        limits_of_each(m, n_frames, given, &least, &most);
    if (least > most) least = most;
    return espy_smart_resize(height, width, factor, (int64_t)least, (int64_t)fmax(most, 1),
                             whole ? n_frames : 0, fitted_height, fitted_width, err);
}

int64_t espy_model_tokens(const espy_model *m, int fitted_height, int fitted_width) {
    const espy_vision_config *v = &m->config.vision;
    int side = v->patch * v->merge;
    return v->n_queries ? v->n_queries : (int64_t)(fitted_height / side) * (fitted_width / side);
}
