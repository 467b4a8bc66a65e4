/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The films of a request that are given as files: remembered when it is read, watched
 * when it is known for which model. */
#include "request.h"

#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

espy_status cli_request_film_add(cli_reader *in, const char *where, const char *at, espy_part *part,
                                 int max_frames, int all) {
    cli_request *r = in->r;
    if (!strncmp(where, "http://", 7) || !strncmp(where, "https://", 8))
        return cli_request_bad(in, at, "must be a file: nothing is fetched from the network");
    if (!strncmp(where, "file://", 7)) where += 7;
    int whole = where[0] == '/' || !in->folder[0];
    size_t n = strlen(in->folder) + strlen(where) + 2;
    cli_request_film *films = realloc(r->films, (r->n_films + 1) * sizeof *films);
    if (films) r->films = films;
    char *path = films ? malloc(n) : NULL;
    if (!path) return cli_fail(in->err, ESPY_ERR_MEMORY, -1, "%s: out of memory", in->name);
    snprintf(path, n, "%s%s%s", whole ? "" : in->folder, whole ? "" : "/", where);
    films[r->n_films++] =
        (cli_request_film){ .path = path, .part = part, .max_frames = max_frames, .all = all };
    return ESPY_OK;
}

static espy_status watch(const cli_request *r, cli_request_film *f, const espy_model *model,
                         espy_progress_fn progress, void *user, espy_error *err) {
    espy_film *film;
    espy_film_info info;
    const espy_part *part = f->part;
    espy_status status = espy_film_open(&film, f->path, err);
    if (status) return status;
    espy_film_get_info(film, &info);
    const espy_film_params params = {
        .fps = f->all ? info.fps : part->fps,
        .min_frames = part->fps > 0 || f->all ? 1 : 0,
        .max_frames = f->max_frames,
        .min_pixels = part->min_pixels > 0 ? part->min_pixels : r->api.min_pixels,
        .max_pixels = part->max_pixels > 0 ? part->max_pixels : r->api.max_pixels,
        .total_pixels = part->total_pixels,
        .alpha = r->alpha,
        .progress = progress,
        .user = user,
    };
    status = espy_film_read(film, model, &params, &f->frames, err);
    espy_film_close(&film);
    if (status) return status;
    espy_part frames = espy_frames_part(&f->frames); /* what else the part says stays */
    frames.keep = part->keep;
    frames.keep_seed = part->keep_seed;
    frames.drop_same = part->drop_same;
    *f->part = frames;
    return ESPY_OK;
}

espy_status cli_request_watch(cli_request *r, const espy_model *model, espy_progress_fn progress,
                              void *user, espy_error *err) {
    espy_status status = ESPY_OK;
    for (size_t i = 0; i < r->n_films && !status; i++)
        status = watch(r, &r->films[i], model, progress, user, err);
    return status;
}
