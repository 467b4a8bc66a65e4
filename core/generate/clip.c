/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MODELS.md sections 4 (times) and 5.5 (frames, sizes): with the frames' times t,
 *
 *     patch i:  frames 2i and 2i + 1 (an odd last one twice)
 *     time i:   (t[2i] + t[2i + 1]) / 2
 */
#include "generate/clip.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "image/image.h"

#define UNKNOWN_FPS 24.0
#define LEAST_FPS 1e-3
#define MOST_FPS 1e4
#define MOST_SECONDS 1e7

static espy_status check_rate(double fps, espy_error *err) {
    if (fps == 0 || (fps >= LEAST_FPS && fps <= MOST_FPS)) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                     "a film has %g frames a second; 0 (unknown) and %g to %g are possible", fps,
                     LEAST_FPS, MOST_FPS);
}

static espy_status check_times(const espy_part *part, espy_error *err) {
    double last = 0;
    for (int i = 0; part->times_s && i < part->n_images; i++) {
        double t = part->times_s[i];
        if (!(t >= last && t <= MOST_SECONDS))
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                             "frame %d of a film is at %g seconds; times are from 0 to %g and do "
                             "not fall",
                             i, t, MOST_SECONDS);
        last = t;
    }
    return ESPY_OK;
}

static espy_status check(const espy_part *part, espy_error *err) {
    if (part->n_images < 1 || !part->images)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a film without frames");
    for (int i = 0; i < part->n_images; i++) {
        const espy_image *image = part->images[i], *first = part->images[0];
        if (!image)
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "frame %d of a film is missing", i);
        if (image->width != first->width || image->height != first->height)
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                             "frame %d of a film has %dx%d pixels, the first one %dx%d; all must "
                             "have one size",
                             i, image->width, image->height, first->width, first->height);
    }
    espy_status status = check_rate(part->fps, err);
    return status ? status : check_times(part, err);
}

/* The rate of the part's frames, from their times if need be; 0: unknown. */
static double rate_of(const espy_part *part) {
    int n = part->n_images;
    if (part->fps > 0 || !part->times_s || n < 2) return part->fps;
    double span = part->times_s[n - 1] - part->times_s[0];
    double fps = span > 0 ? (n - 1) / span : 0;
    return fps > MOST_FPS ? MOST_FPS : fps > 0 && fps < LEAST_FPS ? LEAST_FPS : fps;
}

/* Fills frames, n_frames and seconds_per_patch. */
static void choose(espy_clip *out, const espy_model *m, const espy_part *part) {
    double fed = rate_of(part);
    out->n_frames = part->n_images;
    for (int i = 0; i < part->n_images; i++) out->frames[i] = i;
    if (part->do_sample_frames) {
        const espy_frame_choice c = { .rule = m->family->video.sampling };
        out->n_frames = espy_sample_frames(part->n_images, fed, &c, out->frames, &fed);
    }
    out->seconds_per_patch = fed > 0 ? m->config.vision.temporal / fed : 1;
}

static double time_of(const espy_part *part, int frame) {
    if (part->times_s) return part->times_s[frame];
    return frame / (part->fps > 0 ? part->fps : UNKNOWN_FPS);
}

static espy_status fit(espy_clip *out, const espy_model *m, const espy_part *part,
                       int64_t min_pixels, int64_t max_pixels, espy_error *err) {
    const espy_image *image = part->images[0];
    const espy_clip_limits limits = { part->min_pixels > 0 ? part->min_pixels : min_pixels,
                                      part->max_pixels > 0 ? part->max_pixels : max_pixels,
                                      part->total_pixels };
    int height = image->full_height ? image->full_height : image->height;
    int width = image->full_width ? image->full_width : image->width;
    if (m->config.vision.tokens_per_second * out->seconds_per_patch * out->n > INT_MAX / 4.0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a film of %g seconds is too long",
                         out->seconds_per_patch * out->n);
    return espy_model_fit_clip(m, height, width, out->n_frames, &limits, &out->height, &out->width,
                               err);
}

espy_status espy_clip_plan(espy_clip *out, const espy_model *m, const espy_part *part,
                           int64_t min_pixels, int64_t max_pixels, espy_error *err) {
    *out = (espy_clip){ 0 };
    espy_status status = check(part, err);
    if (status) return status;
    size_t room = part->n_images > ESPY_MAX_FRAMES ? (size_t)part->n_images : ESPY_MAX_FRAMES;
    out->frames = calloc(room, sizeof *out->frames);
    out->times = calloc(room, sizeof *out->times);
    if (!out->frames || !out->times) {
        status = espy_out_of_memory(err);
    } else {
        choose(out, m, part);
        out->n = (out->n_frames + 1) / 2;
        for (int i = 0; i < out->n; i++) {
            int a = 2 * i, b = a + 1 < out->n_frames ? a + 1 : a;
            out->times[i] = (time_of(part, out->frames[a]) + time_of(part, out->frames[b])) / 2;
        }
        status = fit(out, m, part, min_pixels, max_pixels, err);
    }
    if (status) espy_clip_free(out);
    return status;
}

void espy_clip_free(espy_clip *clip) {
    free(clip->frames);
    free(clip->times);
    *clip = (espy_clip){ 0 };
}
