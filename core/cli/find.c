/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy find: where things are, in films also when. Each shape is written as soon as the model has
 * named it; files with the picture follow when its answer is whole. With
 * --answer the answer comes from a file, and no model is needed. */
#include "cli.h"
#include "overlay.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct job {
    cli_session *session;
    const cli_options *o;
    espy_task_request ask, film_ask;
    const char *label; /* of shapes without one; NULL: none */
    cli_list files;    /* the pictures */
    cli_list written;  /* names of files that were written */
    int into_folders;  /* --draw and --svg name folders */
    int headings, n_answers;
} job;

/* One answer while it comes. */
typedef struct search {
    job *job;
    const char *path;        /* of the picture or film */
    int width_px, height_px; /* of it */
    const espy_image *image; /* NULL: a film */
    const char *heading;
    espy_shape_reader *reader;
    espy_status status;
    espy_error *err;
} search;

/* ------------------------------------------------------------------- lines */

static void begin_text(search *in) {
    if (in->heading) printf("%s== %s ==\n", in->job->n_answers ? "\n" : "", in->heading);
    if (in->heading) in->job->n_answers++;
    in->heading = NULL;
}

static int on_shape(void *user, const espy_shape *shape) {
    search *in = user;
    if (in->job->o->json) return 0;
    cli_progress_clear(&in->job->session->progress);
    if (!shape) {
        cli_say("%s: the model went on thinking; what stands above was a draft", in->path);
        return 0;
    }
    begin_text(in);
    cli_shape_print(shape);
    return 0;
}

/* -------------------------------------------------------------------- JSON */

static int print_json(const job *j, const search *in, const espy_shapes *all,
                      const espy_result *result) {
    static const espy_reading none = { 0 };
    const char *text = result->text ? result->text : "";
    cJSON *o = cli_json_short(&in->path, 1, text, &none, result, j->session->load_ms);
    int failed = !o || cli_shapes_add(o, all);
    if (o) {
        cJSON_AddNumberToObject(o, "width", in->width_px);
        cJSON_AddNumberToObject(o, "height", in->height_px);
    }
    if (failed)
        cli_say("out of memory");
    else
        failed = cli_json_line(o);
    cJSON_Delete(o);
    return failed ? CLI_FAILED : CLI_OK;
}

/* ------------------------------------------------------------------- files */

/* DIR/NAME.png for a/NAME.jpg; NAME-2.png if that name was given already. */
static char *name_in_folder(job *j, const char *folder, const char *path, const char *ending) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (!strcmp(path, "-")) base = "stdin";
    const char *dot = strrchr(base, '.');
    size_t n_base = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    size_t n = strlen(folder) + n_base + strlen(ending) + 20;
    char *name = malloc(n);
    for (int k = 1; name; k++) {
        char number[16] = "";
        if (k > 1) snprintf(number, sizeof number, "-%d", k);
        snprintf(name, n, "%s/%.*s%s%s", folder, (int)n_base, base, number, ending);
        int taken = 0;
        for (int i = 0; i < j->written.n; i++) taken |= !strcmp(j->written.items[i], name);
        if (!taken) break;
    }
    return name;
}

/* A picture that was given is never written over. */
static int is_a_picture(const job *j, const char *path) {
    struct stat out, in;
    if (stat(path, &out)) return 0;
    for (int i = 0; i < j->files.n; i++)
        if (!stat(j->files.items[i], &in) && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return 1;
    return 0;
}

typedef espy_status (*write_fn)(const cli_overlay *o, const char *path, espy_error *err);

static espy_status write_file(job *j, const cli_overlay *overlay, const char *path,
                              const char *given, const char *ending, write_fn write,
                              espy_error *err) {
    if (!given) return ESPY_OK;
    char *name = j->into_folders ? name_in_folder(j, given, path, ending) : strdup(given);
    if (!name || cli_list_add(&j->written, name)) {
        free(name);
        return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    }
    espy_status status = ESPY_OK;
    char *real = NULL;
    if (is_a_picture(j, name))
        status = cli_fail(err, ESPY_ERR_IO, -1, "%s: one of the pictures; not written over", name);
    else
        status = espy_output_path(&real, name, err);
    if (!status) status = write(overlay, real, err);
    if (!status && j->o->verbose) cli_say("wrote %s", name);
    espy_free(real);
    free(name);
    return status;
}

static espy_status write_files(job *j, const char *path, const espy_image *image,
                               const espy_shapes *all, espy_error *err) {
    cli_overlay overlay;
    cli_overlay_begin(&overlay, image, all);
    espy_status status = write_file(j, &overlay, path, j->o->draw, ".png", cli_overlay_png, err);
    if (!status) status = write_file(j, &overlay, path, j->o->svg, ".svg", cli_overlay_svg, err);
    return status;
}

/* ----------------------------------------------------------------- answers */

/* The first line of an answer that is prose. */
static void say_nothing_found(const char *path, const espy_shapes *all, const char *answer) {
    while (*answer == ' ' || *answer == '\n') answer++;
    int n = (int)strcspn(answer, "\n");
    if (all->has_payload || !n)
        cli_say("%s: nothing found", path);
    else
        cli_say("%s: nothing found; the answer was: %.*s", path, n < 300 ? n : 300, answer);
}

/* What the lines do not tell. */
static int say_outcome(const job *j, const char *path, const espy_shapes *all,
                       const espy_result *r) {
    int empty = !all->n_shapes;
    if (all->n_rejected && !j->o->quiet)
        cli_say("%s: %d of the answer's shapes cannot be; the first: %s", path, all->n_rejected,
                all->reason);
    if (all->status == ESPY_SHAPES_LOOP && !j->o->quiet)
        cli_say("%s: the answer would not have ended; it was stopped", path);
    if (all->status == ESPY_SHAPES_TRUNCATED && (empty || !j->o->quiet))
        cli_say("%s: the answer broke off%s%s", path, empty ? " before anything was found" : "",
                r->finish == ESPY_FINISH_LENGTH ? "; --max-tokens allows for more" : "");
    if (all->status == ESPY_SHAPES_NONE && !j->o->quiet)
        say_nothing_found(path, all, r->text ? r->text : "");
    return empty && all->status == ESPY_SHAPES_TRUNCATED ? CLI_FAILED : CLI_OK;
}

static int finish(job *j, search *in, const espy_result *result) {
    espy_error err = { .offset = -1 };
    espy_shapes all;
    if (espy_shape_reader_end(in->reader, result->finish, &all, &err))
        return cli_session_report(j->session, in->path, &err);
    int code = CLI_OK;
    if (j->o->json)
        code = print_json(j, in, &all, result);
    else
        begin_text(in);
    if (j->o->verbose && result->text) cli_say("%s: answer: %s", in->path, result->text);
    if (!cli_interrupted()) {
        int outcome = say_outcome(j, in->path, &all, result);
        if (!code) code = outcome;
    }
    if (j->session->model) cli_session_timings(j->session, result);
    if (in->image && write_files(j, in->path, in->image, &all, &err))
        code = cli_report(in->path, &err);
    return cli_interrupted() ? CLI_INTERRUPTED : code;
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    search *in = user;
    espy_shape_guard guard = ESPY_GUARD_NONE;
    in->status = espy_shape_reader_push(in->reader, piece, n_bytes, &guard, in->err);
    return in->status || guard || cli_interrupted();
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    search *in = user;
    return cli_progress_step(&in->job->session->progress, phase, done, total);
}

static int ask(job *j, search *in, espy_error *err) {
    const cli_options *o = j->o;
    espy_result result = { 0 };
    espy_sampling sampling;
    int film = cli_is_film(in->path);
    espy_task_request *asked = film ? &j->film_ask : &j->ask;
    espy_part parts[] = { { 0 }, { .type = ESPY_PART_TEXT, .text = asked->prompt } };
    espy_part system = { .type = ESPY_PART_TEXT, .text = o->system };
    espy_message messages[] = { { "system", &system, 1 }, { "user", parts, 2 } };
    espy_request request = cli_session_request(j->session, asked, &sampling);
    request.messages = o->system ? messages : messages + 1;
    request.n_messages = o->system ? 2 : 1;
    request.on_text = on_text;
    request.on_progress = on_progress;
    request.user = in;
    espy_shape_params params;
    cli_medium medium;
    espy_status status = cli_medium_load(&medium, j->session, in->path, &request, err);
    parts[0] = cli_medium_part(&medium);
    if (!status)
        status = espy_shape_params_for(j->session->model,
                                       medium.is_film ? medium.frames.images[0] : medium.image,
                                       request.min_pixels, request.max_pixels, &params, err);
    if (status) {
        cli_medium_close(&medium);
        return cli_session_report(j->session, in->path, err);
    }
    in->width_px = params.width_px;
    in->height_px = params.height_px;
    in->image = medium.image;
    params.default_label = j->label;
    params.on_shape = on_shape;
    params.user = in;
    status = espy_shape_reader_open(&in->reader, &params, err);
    if (!status)
        status = cli_session_reserve(j->session, cli_session_count(j->session, &request), err);
    if (!status) {
        cli_session_limits(j->session, 1);
        cli_session_expect(j->session, &request, j->files.n);
    }
    if (!status) status = espy_generate(j->session->context, &request, &result, err);
    if (!status) status = in->status;
    cli_progress_clear(&j->session->progress);
    int code = status ? cli_session_report(j->session, in->path, err) : finish(j, in, &result);
    espy_result_clear(&result);
    cli_medium_close(&medium);
    return code;
}

/* The size of the picture or film. */
static espy_status measure(job *j, search *in, espy_image **image, espy_error *err) {
    espy_film *film;
    espy_film_info info;
    espy_status status;
    if (!cli_is_film(in->path)) {
        status = cli_picture_load(image, in->path, j->o->alpha, err);
        if (status) return status;
        in->image = *image;
        in->width_px = espy_image_width(*image);
        in->height_px = espy_image_height(*image);
        return ESPY_OK;
    }
    status = cli_film_open(&film, in->path, err);
    if (status) return status;
    espy_film_get_info(film, &info);
    in->width_px = info.width_px;
    in->height_px = info.height_px;
    espy_film_close(&film);
    return ESPY_OK;
}

/* An answer from a file: per mille, or pixels of the size that --fitted names. */
static int read_stored(job *j, search *in, espy_error *err) {
    espy_image *image = NULL;
    const cli_options *o = j->o;
    espy_result result = { .finish = ESPY_FINISH_STOP };
    espy_status status = measure(j, in, &image, err);
    if (status) return cli_session_report(j->session, in->path, err);
    espy_shape_params params = { .box_scale = o->fitted ? 0 : 1000,
                                 .width_px = in->width_px,
                                 .height_px = in->height_px,
                                 .fitted_width_px = o->fitted_width_px,
                                 .fitted_height_px = o->fitted_height_px,
                                 .default_label = j->label,
                                 .on_shape = on_shape,
                                 .user = in };
    status = cli_read_file(o->answer, &result.text, &result.text_bytes, err);
    if (!status) status = espy_shape_reader_open(&in->reader, &params, err);
    if (!status)
        status = espy_shape_reader_push(in->reader, result.text, result.text_bytes, NULL, err);
    int code = status ? cli_session_report(j->session, in->path, err) : finish(j, in, &result);
    free(result.text);
    espy_image_close(&image);
    return code;
}

#define NOT_DRAWN "a film; --draw and --svg are for pictures"

static int is_drawn(const job *j) {
    return j->o->draw || j->o->svg;
}

static int find_in(job *j, const char *path) {
    espy_error err = { .offset = -1 };
    if (is_drawn(j) && cli_is_film(path)) { /* the pictures beside it are */
        cli_fail(&err, ESPY_ERR_ARGUMENT, -1, NOT_DRAWN);
        return cli_session_report(j->session, path, &err);
    }
    search in = { .job = j, .path = path, .err = &err };
    if (j->headings && !j->o->json) in.heading = path;
    int code = j->o->answer ? read_stored(j, &in, &err) : ask(j, &in, &err);
    espy_shape_reader_close(&in.reader);
    return code;
}

/* ----------------------------------------------------------------- command */

static int is_folder(const char *path) {
    struct stat st;
    return path && !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Pictures of a folder, or several, go into folders. */
static int prepare_target(const job *j, const char *path) {
    espy_error err = { .offset = -1 };
    if (!path) return CLI_OK;
    if (!j->into_folders && is_a_picture(j, path)) {
        cli_say("%s: one of the pictures; not written over", path);
        return CLI_FAILED;
    }
    if (!j->into_folders) return cli_output_check(path, &err) ? cli_report(NULL, &err) : CLI_OK;
    if (is_folder(path) && access(path, W_OK | X_OK) == 0) return CLI_OK;
    if (!is_folder(path) && mkdir(path, 0777) == 0) return CLI_OK;
    if (errno == EEXIST)
        cli_say("%s: for several pictures this must be a folder", path);
    else
        cli_say("%s: %s", path, strerror(errno));
    return CLI_FAILED;
}

static int check(const job *j) {
    const cli_options *o = j->o;
    if (o->draw && !cli_overlay_has_png()) {
        cli_say("--draw: this espy was built without pango, which draws labels; --svg works");
        return CLI_FAILED;
    }
    int n_films = 0;
    for (int i = 0; i < j->files.n && is_drawn(j); i++) n_films += cli_is_film(j->files.items[i]);
    if (n_films && n_films == j->files.n) {
        cli_say("%s: " NOT_DRAWN, j->files.items[0]);
        return CLI_USAGE;
    }
    if (o->answer && !strcmp(o->answer, "-") && j->files.n && !strcmp(j->files.items[0], "-")) {
        cli_say("--answer and the picture cannot both be standard input");
        return CLI_USAGE;
    }
    if (o->answer && j->files.n > 1) {
        cli_say("--answer is about one picture, not %d", j->files.n);
        return CLI_USAGE;
    }
    if (o->fitted && !o->answer) {
        cli_say("--fitted only goes with --answer");
        return CLI_USAGE;
    }
    int code = prepare_target(j, o->draw);
    return code ? code : prepare_target(j, o->svg);
}

static int open_model(job *j) {
    espy_error err = { .offset = -1 };
    if (j->o->answer) return CLI_OK;
    int code = cli_session_open(j->session, j->o, NULL);
    if (code) return code;
    const espy_task *task = espy_task_find("find");
    if (espy_task_prepare(&j->ask, j->session->model, task, j->o->args[0], NULL, &err) ||
        espy_task_prepare_film(&j->film_ask, j->session->model, task, j->o->args[0], NULL, &err))
        return cli_session_report(j->session, NULL, &err);
    if (j->o->verbose) cli_say("prompt: %s", j->ask.prompt);
    return CLI_OK;
}

static int find_all(job *j) {
    int worst = CLI_OK;
    for (int i = 0; i < j->files.n; i++) {
        int code = find_in(j, j->files.items[i]);
        if (code == CLI_INTERRUPTED) return code;
        if (code) worst = code;
    }
    return worst;
}

static int run(const cli_options *o) {
    cli_session session = { .o = o };
    job j = { .session = &session, .o = o };
    espy_error err = { .offset = -1 };
    int code = CLI_OK;
    if (!strchr(o->args[0], ',')) j.label = o->args[0];
    for (int i = 1; i < o->n_args; i++)
        if (cli_pictures_add(&j.files, o->args[i], &err))
            code = cli_session_report(&session, o->args[i], &err);
    j.headings = o->n_args > 2 || j.files.n > 1 ||
                 (j.files.n == 1 && strcmp(j.files.items[0], o->args[1]) != 0);
    j.into_folders = j.headings || is_folder(o->draw) || is_folder(o->svg);
    int found = j.files.n ? check(&j) : code;
    if (!found && j.files.n) found = open_model(&j);
    if (!found && j.files.n) found = find_all(&j);
    espy_task_request_clear(&j.ask);
    espy_task_request_clear(&j.film_ask);
    if (session.model) cli_session_close(&session);
    cli_list_free(&j.files);
    cli_list_free(&j.written);
    return found ? found : code;
}

const cli_command cli_find = {
    .name = "find",
    .arguments = "THINGS IMAGE...",
    .summary = "find where things are in each picture or film",
    .examples = "  espy find \"red cup, dog\" kitchen.jpg\n"
                "  espy find --json \"the ball\" game.mp4\n"
                "  espy find --draw found.png face group.jpg\n"
                "  espy find --json --svg overlays \"car, bus\" street-*.jpg\n"
                "  espy find --answer answer.txt --draw found.png cup kitchen.jpg\n",
    .groups = CLI_FIND | CLI_ANSWER | CLI_JSON | CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 2,
    .max_args = -1,
    .run = run,
};
