/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a question is about: a picture, or the frames of a film. Files are told apart
 * by their first bytes, broken ones by their names. */
#include "cli.h"

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    cli_session *s = user;
    return cli_progress_step(&s->progress, phase, done, total);
}

espy_film_params cli_film_params(cli_session *s, const espy_request *limits) {
    const cli_options *o = s->o;
    return (espy_film_params){
        .fps = o->fps > 0 ? o->fps : 0,
        .max_frames = o->frames > 0 ? o->frames : 0,
        .min_frames = o->fps > 0 ? 1 : 0, /* who asks for few gets few */
        .min_pixels = limits->min_pixels,
        .max_pixels = limits->max_pixels,
        .total_pixels = o->total_pixels > 0 ? o->total_pixels : 0,
        .alpha = o->alpha,
        .progress = on_progress,
        .user = s,
    };
}

static espy_status watch(cli_medium *out, cli_session *s, espy_film *film,
                         const espy_request *limits, espy_error *err) {
    const espy_film_params params = cli_film_params(s, limits);
    espy_film_info info;
    espy_film_get_info(film, &info);
    espy_status status = espy_film_read(film, s->model, &params, &out->frames, err);
    cli_progress_clear(&s->progress);
    out->is_film = 1;
    if (!status && s->o->verbose)
        cli_say("film: %s, %s, %dx%d, %.2f s, %.3f frames a second; %d frame%s looked at",
                info.format, info.codec, info.width_px, info.height_px, info.duration_s, info.fps,
                out->frames.n_images, out->frames.n_images == 1 ? " is" : "s are");
    return status;
}

espy_status cli_medium_load(cli_medium *out, cli_session *s, const char *path,
                            const espy_request *limits, espy_error *err) {
    *out = (cli_medium){ 0 };
    if (!cli_is_film(path)) return cli_picture_load(&out->image, path, s->o->alpha, err);
    espy_film *film;
    espy_status status = cli_film_open(&film, path, err);
    if (status) return status;
    status = watch(out, s, film, limits, err);
    espy_film_close(&film);
    return status;
}

espy_status cli_medium_join(cli_medium *out, cli_session *s, const cli_list *files,
                            const espy_request *limits, espy_error *err) {
    const espy_film_params params = cli_film_params(s, limits);
    *out = (cli_medium){ .is_film = 1 };
    espy_status status = espy_frames_load((const char *const *)files->items, files->n, s->o->rate,
                                          s->model, &params, &out->frames, err);
    cli_progress_clear(&s->progress);
    return status;
}

void cli_medium_close(cli_medium *m) {
    espy_image_close(&m->image);
    espy_frames_clear(&m->frames);
}

espy_part cli_medium_part(const cli_medium *m) {
    if (m->is_film) return espy_frames_part(&m->frames);
    return (espy_part){ .type = ESPY_PART_IMAGE,
                        .images = (const espy_image *const *)&m->image,
                        .n_images = 1 };
}
