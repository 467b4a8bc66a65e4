/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a film to the frames that a model is shown: by the family's rule, at the size
 * to which they will be fitted, so that no larger ones lie in memory. */
#include <stdlib.h>

#include "image/film.h"
#include "model/model.h"

#define UNKNOWN_FPS 24.0

static const espy_film_params usual;

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

/* Room, and which of n_total frames at fps: indices [ESPY_MAX_FRAMES]. */
static espy_status choose(espy_frames *out, int *indices, int64_t n_total, double fps,
                          const espy_model *m, const espy_film_params *p, espy_error *err) {
    if (!m) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no model was given");
    if (!m->chat->video_pad)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "this model takes no films; give single frames as pictures");
    espy_status status = check(p, err);
    if (status) return status;
    *out = (espy_frames){ .min_pixels = p->min_pixels,
                          .max_pixels = p->max_pixels,
                          .total_pixels = p->total_pixels,
                          .images = calloc(ESPY_MAX_FRAMES, sizeof *out->images),
                          .times_s = calloc(ESPY_MAX_FRAMES, sizeof *out->times_s) };
    if (!out->images || !out->times_s) return espy_out_of_memory(err);
    if (!(fps > 0)) fps = UNKNOWN_FPS;
    const espy_frame_choice c = { m->family->video.sampling, p->fps, p->min_frames, p->max_frames };
    out->n_images = espy_sample_frames((int)n_total, fps, &c, indices, &out->fps);
    for (int i = 0; i < out->n_images; i++) out->times_s[i] = indices[i] / fps;
    return ESPY_OK;
}

static espy_status fit(const espy_frames *frames, const espy_model *m, int full_height,
                       int full_width, int *height, int *width, espy_error *err) {
    const espy_clip_limits limits = { frames->min_pixels, frames->max_pixels,
                                      frames->total_pixels };
    return espy_model_fit_clip(m, full_height, full_width, frames->n_images, &limits, height, width,
                               err);
}

espy_status espy_film_read(espy_film *film, const espy_model *m, const espy_film_params *params,
                           espy_frames *out, espy_error *err) {
    const espy_film_params *p = params ? params : &usual;
    int indices[ESPY_MAX_FRAMES];
    espy_film_info info;
    if (!out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the frames was given");
    *out = (espy_frames){ 0 };
    if (!film) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no film was given");
    espy_film_get_info(film, &info);
    espy_status status = choose(out, indices, info.n_frames, info.fps, m, p, err);
    espy_film_wanted wanted = { .times = out->times_s,
                                .n = out->n_images,
                                .alpha = p->alpha,
                                .progress = p->progress,
                                .user = p->user };
    if (!status)
        status = fit(out, m, info.height_px, info.width_px, &wanted.height, &wanted.width, err);
    if (!status) status = espy_film_frames(film, &wanted, out->images, err);
    if (status) espy_frames_clear(out);
    return status;
}

/* One file, reduced to height x width; the first one decides what that is. */
static espy_status load_frame(espy_frames *out, int i, const char *path, const espy_model *m,
                              espy_alpha alpha, int full[2], int fitted[2], espy_error *err) {
    espy_image *image;
    espy_status status = espy_image_load(&image, path, alpha, err);
    if (status) return status;
    out->images[i] = image;
    if (i == 0) {
        full[0] = image->height;
        full[1] = image->width;
        status = fit(out, m, full[0], full[1], &fitted[0], &fitted[1], err);
        if (status) return status;
    }
    if (image->height != full[0] || image->width != full[1])
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "%s has %dx%d pixels, the first frame %dx%d; all must have one size", path,
                         image->width, image->height, full[1], full[0]);
    uint8_t *pixels;
    status =
        espy_resize_bicubic(image->pixels, full[0], full[1], fitted[0], fitted[1], 0, &pixels, err);
    if (status) return status;
    free(image->pixels);
    *image = (espy_image){ fitted[1], fitted[0], pixels, full[1], full[0] };
    return ESPY_OK;
}

espy_status espy_frames_load(const char *const *paths, int n_paths, double rate,
                             const espy_model *m, const espy_film_params *params, espy_frames *out,
                             espy_error *err) {
    const espy_film_params *p = params ? params : &usual;
    int indices[ESPY_MAX_FRAMES], full[2] = { 0 }, fitted[2] = { 0 };
    if (!out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the frames was given");
    *out = (espy_frames){ 0 };
    if (!paths || n_paths < 1)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a film without frames");
    if (!(rate == 0 || (rate >= 1e-3 && rate <= 1e3)))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "frames at %g a second; 0.001 to 1000 are possible", rate);
    espy_status status = choose(out, indices, n_paths, rate, m, p, err);
    for (int i = 0; i < out->n_images && !status; i++) {
        if (p->progress && p->progress(p->user, "watching", i, out->n_images))
            status = espy_fail(err, ESPY_ERR_STOPPED, -1, "stopped while watching");
        else
            status = load_frame(out, i, paths[indices[i]], m, p->alpha, full, fitted, err);
    }
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
