/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a film to the frames that a model is shown: by the family's rule, at the size
 * to which they will be fitted, so that no larger ones lie in memory. */
#include <stdlib.h>

#include "image/film.h"
#include "model/model.h"

#define UNKNOWN_FPS 24.0

static espy_status check(const espy_film_params *p, espy_error *err) {
    if (p->fps == 0 || (p->fps >= 1e-3 && p->fps <= 1e3)) {
        if (p->max_frames < 0 || p->max_frames > ESPY_MAX_FRAMES || p->min_frames < 0 ||
            p->min_frames > ESPY_MAX_FRAMES)
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                             "%d to %d frames of a film were asked for; 1 to %d are possible",
                             p->min_frames, p->max_frames, ESPY_MAX_FRAMES);
        return ESPY_OK;
    }
    return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                     "%g frames a second were asked for; 0.001 to 1000 are possible", p->fps);
}

/* Their times and number; the rate that this makes. */
static void choose(espy_frames *out, const espy_film_info *info, const espy_model *m,
                   const espy_film_params *p) {
    int indices[ESPY_MAX_FRAMES];
    double fps = info->fps > 0 ? info->fps : UNKNOWN_FPS;
    const espy_frame_choice c = { m->family->video.sampling, p->fps, p->min_frames, p->max_frames };
    out->n_images = espy_sample_frames((int)info->n_frames, fps, &c, indices, &out->fps);
    for (int i = 0; i < out->n_images; i++) out->times_s[i] = indices[i] / fps;
}

espy_status espy_film_read(espy_film *film, const espy_model *m, const espy_film_params *params,
                           espy_frames *out, espy_error *err) {
    static const espy_film_params usual;
    const espy_film_params *p = params ? params : &usual;
    espy_film_info info;
    if (!out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the frames was given");
    *out = (espy_frames){ 0 };
    if (!film || !m) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no film or no model was given");
    if (!m->chat->video_pad)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "this model takes no films; give single frames as pictures");
    espy_status status = check(p, err);
    if (status) return status;
    espy_film_get_info(film, &info);
    *out = (espy_frames){ .min_pixels = p->min_pixels,
                          .max_pixels = p->max_pixels,
                          .total_pixels = p->total_pixels,
                          .images = calloc(ESPY_MAX_FRAMES, sizeof *out->images),
                          .times_s = calloc(ESPY_MAX_FRAMES, sizeof *out->times_s) };
    if (!out->images || !out->times_s) {
        espy_frames_clear(out);
        return espy_out_of_memory(err);
    }
    choose(out, &info, m, p);
    const espy_clip_limits limits = { p->min_pixels, p->max_pixels, p->total_pixels };
    espy_film_wanted wanted = { .times = out->times_s,
                                .n = out->n_images,
                                .alpha = p->alpha,
                                .progress = p->progress,
                                .user = p->user };
    status = espy_model_fit_clip(m, info.height_px, info.width_px, wanted.n, &limits,
                                 &wanted.height, &wanted.width, err);
    if (!status) status = espy_film_frames(film, &wanted, out->images, err);
    if (status) espy_frames_clear(out);
    return status;
}

void espy_frames_clear(espy_frames *frames) {
    if (!frames) return;
    for (int i = 0; frames->images && i < frames->n_images; i++)
        espy_image_close(&frames->images[i]);
    free(frames->images);
    free(frames->times_s);
    *frames = (espy_frames){ 0 };
}

espy_part espy_frames_part(const espy_frames *frames) {
    return (espy_part){ .type = ESPY_PART_VIDEO,
                        .images = (const espy_image *const *)frames->images,
                        .n_images = frames->n_images,
                        .fps = frames->fps,
                        .times_s = frames->times_s,
                        .min_pixels = frames->min_pixels,
                        .max_pixels = frames->max_pixels,
                        .total_pixels = frames->total_pixels };
}
