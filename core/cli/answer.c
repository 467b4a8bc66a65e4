/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe, ask and count: the same task on each picture, or on all of them at
 * once. About several, some are answered at a time, and told in order. The text of a
 * single answer streams; JSON, and answers of which a part is meant, wait for the end.
 * A picture that fails is reported, and the next one is looked at. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    cli_session *session;
    const cli_options *o;
    const espy_task *task;
    espy_task_request ask, film_ask; /* about pictures, about films */
    int headings;                    /* "== path ==" before each answer */
    int n_answers;                   /* under headings so far */
} job;

/* What one answer has streamed so far. */
typedef struct stream {
    job *job;
    const espy_task_request *ask;
    const char *heading; /* still to be written; NULL: none */
    int hold;            /* nothing is written before the end */
    char *text;          /* so far, if it is to be read */
    size_t n_text, n_written;
    char last; /* character that was written last */
} stream;

static espy_answer_kind kind(const job *j) {
    return j->task->answer;
}

/* Whether what is written differs from what the model says. */
static int is_read(const job *j) {
    return kind(j) != ESPY_ANSWER_TEXT && kind(j) != ESPY_ANSWER_SHAPES;
}

/* Once, before the first text: a picture that fails leaves no heading. */
static void begin_text(stream *out) {
    if (out->heading) printf("%s== %s ==\n", out->job->n_answers ? "\n" : "", out->heading);
    if (out->heading) out->job->n_answers++;
    out->heading = NULL;
}

static void write_piece(stream *out, const char *text, size_t n_bytes) {
    if (!n_bytes) return;
    begin_text(out);
    cli_write(text, n_bytes);
    out->last = text[n_bytes - 1];
}

/* A document is written as far as it is read. Non-zero without memory. */
static int write_read(stream *out) {
    espy_reading reading;
    if (espy_task_read(out->ask, out->text, &reading, NULL)) return 1;
    size_t n = strlen(reading.text);
    if (n > out->n_written) {
        write_piece(out, reading.text + out->n_written, n - out->n_written);
        out->n_written = n;
    }
    espy_reading_clear(&reading);
    return 0;
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    stream *out = user;
    if (!n_bytes) return cli_interrupted();
    cli_progress_clear(&out->job->session->progress);
    if (!out->hold && !is_read(out->job)) {
        write_piece(out, piece, n_bytes);
        return cli_interrupted();
    }
    char *grown = realloc(out->text, out->n_text + n_bytes + 1);
    if (!grown) return 1;
    memcpy(grown + out->n_text, piece, n_bytes);
    out->text = grown;
    out->n_text += n_bytes;
    grown[out->n_text] = 0;
    if (!out->hold && write_read(out)) return 1;
    return cli_interrupted() || espy_task_ended(out->ask, grown);
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    stream *out = user;
    return cli_progress_step(&out->job->session->progress, phase, done, total);
}

/* The events of a film: lines, or in JSON if there are any. Non-zero without memory. */
static int add_shapes(const job *j, const espy_result *r, cJSON *object) {
    const espy_shape_params params = { .box_scale = 1000, .thinks = j->film_ask.thinks };
    espy_shape_reader *reader = NULL;
    espy_shapes all;
    const char *answer = r->text ? r->text : "";
    int failed = espy_shape_reader_open(&reader, &params, NULL) ||
                 espy_shape_reader_push(reader, answer, strlen(answer), NULL, NULL) ||
                 espy_shape_reader_end(reader, r->finish, &all, NULL);
    if (!failed && object && (all.n_shapes || kind(j) == ESPY_ANSWER_SHAPES))
        failed = cli_shapes_add(object, &all);
    for (int i = 0; !failed && !object && i < all.n_shapes; i++) cli_shape_print(&all.shapes[i]);
    if (!failed && !object && !all.n_shapes && !j->o->quiet)
        cli_say("no events were found; the answer was: %.300s", answer);
    espy_shape_reader_close(&reader);
    return failed;
}

static int write_json(const job *j, const char *const *labels, int n, const char *text,
                      const espy_reading *reading, const espy_result *r) {
    cJSON *object = cli_json_short(labels, n, text, reading, r, j->session->load_ms);
    int failed =
        object && (kind(j) == ESPY_ANSWER_SHAPES || r->n_videos) ? add_shapes(j, r, object) : 0;
    if (failed) cli_say("out of memory");
    if (!failed) failed = cli_json_line(object);
    cJSON_Delete(object);
    return failed ? CLI_FAILED : CLI_OK;
}

/* Ends an answer: writes what was held back, or the newline that is missing. */
static int finish(const job *j, stream *out, const char *const *labels, int n,
                  const espy_result *r) {
    espy_reading reading = { 0 };
    const char *text = r->text ? r->text : "";
    int code = CLI_OK;
    if (is_read(j)) {
        if (espy_task_read(out->ask, text, &reading, NULL))
            return cli_say("out of memory"), CLI_FAILED;
        text = reading.text;
    }
    if (j->o->json) {
        code = write_json(j, labels, n, text, &reading, r);
    } else {
        begin_text(out);
        if (kind(j) == ESPY_ANSWER_SHAPES) {
            if (add_shapes(j, r, NULL)) cli_say("out of memory"), code = CLI_FAILED;
            out->last = '\n';
        } else if (out->hold) {
            write_piece(out, text, strlen(text));
        }
        if (out->last != '\n') puts("");
        fflush(stdout);
        cli_session_timings(j->session, r);
    }
    espy_reading_clear(&reading);
    return cli_interrupted() ? CLI_INTERRUPTED : code;
}

enum { STAMP_BYTES = 40 };

/* Each picture or film, after its time if there are times, as the models were shown the
 * frames of films. Returns the number of parts. */
static int add_media(espy_part *parts, char (*stamps)[STAMP_BYTES], const cli_medium *media, int n,
                     const double *times) {
    int n_parts = 0;
    for (int i = 0; i < n; i++) {
        if (times) {
            snprintf(stamps[i], STAMP_BYTES, "<%.1f seconds>", times[i]);
            parts[n_parts++] = (espy_part){ .type = ESPY_PART_TEXT, .text = stamps[i] };
        }
        parts[n_parts++] = cli_medium_part(&media[i]);
    }
    return n_parts;
}

/* A request with all that it points to. */
typedef struct turn {
    stream out;
    espy_part *parts;
    char (*stamps)[STAMP_BYTES];
    espy_part system;
    espy_message messages[2];
    espy_sampling sampling;
    espy_request request;
    cli_medium medium; /* of a batch: owned */
} turn;

static void turn_close(turn *t) {
    cli_medium_close(&t->medium);
    free(t->out.text);
    free(t->stamps);
    free(t->parts);
}

/* What to ask about pictures, or about a film; into t->request, for its limits. */
static void turn_ask(turn *t, job *j, int film) {
    t->out.ask = film ? &j->film_ask : &j->ask;
    t->request = cli_session_request(j->session, t->out.ask, &t->sampling);
}

/* One question, after turn_ask, about n pictures or films, of which one has a label.
 * Non-zero without memory. */
static int turn_open(turn *t, job *j, const cli_medium *media, const char *label, int n) {
    const cli_options *o = j->o;
    t->out = (stream){ .job = j,
                       .ask = t->out.ask,
                       .heading = j->headings && !o->json ? label : NULL,
                       .hold = o->json || kind(j) == ESPY_ANSWER_SHAPES ||
                               (is_read(j) && kind(j) != ESPY_ANSWER_DOCUMENT) };
    t->parts = calloc((size_t)n * 2 + 1, sizeof *t->parts);
    t->stamps = calloc((size_t)n + 1, sizeof *t->stamps);
    if (!t->parts || !t->stamps) return 1;
    int n_parts = add_media(t->parts, t->stamps, media, n, o->times);
    t->parts[n_parts++] = (espy_part){ .type = ESPY_PART_TEXT, .text = (char *)t->out.ask->prompt };
    t->system = (espy_part){ .type = ESPY_PART_TEXT, .text = o->system };
    t->messages[0] = (espy_message){ "system", &t->system, 1 };
    t->messages[1] = (espy_message){ "user", t->parts, n_parts };
    t->request.messages = o->system ? t->messages : t->messages + 1;
    t->request.n_messages = o->system ? 2 : 1;
    t->request.on_text = on_text;
    t->request.on_progress = on_progress;
    t->request.user = &t->out;
    return 0;
}

/* One answer, after turn_ask, about n pictures or films, which files of these names
 * hold. */
static int answer(job *j, turn *t, const cli_medium *media, int n, const char *const *labels,
                  int n_labels) {
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    const char *label = n_labels == 1 ? labels[0] : NULL;
    if (turn_open(t, j, media, label, n)) {
        turn_close(t);
        return cli_say("out of memory"), CLI_FAILED;
    }
    espy_status status =
        cli_session_reserve(j->session, cli_session_count(j->session, &t->request), &err);
    if (!status) {
        cli_session_limits(j->session, n);
        cli_session_expect(j->session, &t->request, 1);
    }
    if (!status) status = espy_generate(j->session->context, &t->request, &result, &err);
    cli_progress_clear(&j->session->progress);
    int code = status ? cli_session_report(j->session, label, &err)
                      : finish(j, &t->out, labels, n_labels, &result);
    espy_result_clear(&result);
    turn_close(t);
    return code;
}

/* turn_ask about this file, and the file itself; cli_medium_close in any case. */
static espy_status turn_load(turn *t, job *j, cli_medium *medium, const char *path,
                             espy_error *err) {
    int film = cli_is_film(path);
    *medium = (cli_medium){ 0 };
    if (!film && j->task->films_only)
        return cli_fail(err, ESPY_ERR_ARGUMENT, -1, "the preset '%s' is about films, not pictures",
                        j->task->name);
    turn_ask(t, j, film);
    return cli_medium_load(medium, j->session, path, &t->request, err);
}

static int answer_file(job *j, const char *path) {
    espy_error err = { .offset = -1 };
    cli_medium medium;
    turn t = { 0 };
    espy_status status = turn_load(&t, j, &medium, path, &err);
    int code =
        status ? cli_session_report(j->session, path, &err) : answer(j, &t, &medium, 1, &path, 1);
    cli_medium_close(&medium);
    return code;
}

/* All files as the frames of one film. */
static int answer_frames(job *j, const cli_list *files) {
    espy_error err = { .offset = -1 };
    cli_medium medium;
    turn t = { 0 };
    turn_ask(&t, j, 1);
    espy_status status = cli_medium_join(&medium, j->session, files, &t.request, &err);
    int code = status ? cli_session_report(j->session, NULL, &err)
                      : answer(j, &t, &medium, 1, (const char *const *)files->items, files->n);
    cli_medium_close(&medium);
    return code;
}

/* ------------------------------------------------------------- many pictures */

typedef struct many {
    job *j;
    const cli_list *files;
    turn **turns; /* [files->n] those that are open */
    int worst;
} many;

static espy_status on_request(void *user, int64_t i, espy_request *request, espy_error *err) {
    many *m = user;
    turn *t = m->turns[i] = calloc(1, sizeof *t);
    if (!t) return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    espy_status status = turn_load(t, m->j, &t->medium, m->files->items[i], err);
    if (status) return status;
    if (turn_open(t, m->j, &t->medium, m->files->items[i], 1))
        return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    t->out.hold = 1; /* until its turn comes */
    cli_session_limits(m->j->session, 1);
    cli_session_expect(m->j->session, &t->request, m->files->n);
    *request = t->request;
    return ESPY_OK;
}

static int on_result(void *user, int64_t i, espy_status status, const espy_result *result,
                     const espy_error *err) {
    many *m = user;
    turn *t = m->turns[i];
    const char *label = m->files->items[i];
    int code = CLI_INTERRUPTED;
    cli_progress_clear(&m->j->session->progress);
    if (status && status != ESPY_ERR_STOPPED)
        code = cli_session_report(m->j->session, label, err);
    else if (!status && !cli_interrupted())
        code = finish(m->j, &t->out, &label, 1, result);
    if (code && m->worst != CLI_INTERRUPTED) m->worst = code;
    if (t) turn_close(t);
    free(t);
    m->turns[i] = NULL;
    return code == CLI_INTERRUPTED;
}

static int on_batch_progress(void *user, const char *phase, int64_t done, int64_t total) {
    many *m = user;
    return cli_progress_step(&m->j->session->progress, phase, done, total);
}

static int answer_many(job *j, const cli_list *files) {
    espy_error err = { .offset = -1 };
    many m = { .j = j, .files = files, .turns = calloc((size_t)files->n, sizeof *m.turns) };
    espy_batch batch = { .n = files->n,
                         .on_request = on_request,
                         .on_result = on_result,
                         .on_progress = on_batch_progress,
                         .user = &m };
    if (!m.turns) return cli_say("out of memory"), CLI_FAILED;
    espy_status status = cli_session_reserve(j->session, 0, &err);
    if (!status) status = espy_generate_batch(j->session->context, &batch, &err);
    cli_progress_clear(&j->session->progress);
    if (status == ESPY_ERR_STOPPED)
        m.worst = CLI_INTERRUPTED;
    else if (status)
        m.worst = cli_session_report(j->session, NULL, &err);
    free(m.turns);
    return m.worst;
}

static int answer_together(job *j, const cli_list *files) {
    espy_error err = { .offset = -1 };
    cli_medium *media = calloc((size_t)files->n + 1, sizeof *media);
    int code = CLI_OK, n = 0, film = 0;
    turn t = { 0 };
    if (!media) return cli_say("out of memory"), CLI_FAILED;
    for (int i = 0; i < files->n; i++) film |= cli_is_film(files->items[i]);
    turn_ask(&t, j, film);
    for (; n < files->n && !code; n++)
        if (cli_medium_load(&media[n], j->session, files->items[n], &t.request, &err))
            code = cli_session_report(j->session, files->items[n], &err);
    if (!code) code = answer(j, &t, media, n, (const char *const *)files->items, n);
    while (n > 0) cli_medium_close(&media[--n]);
    free(media);
    return code;
}

static int is_folder_or_many(const cli_list *files, int n_paths, const char *const *paths) {
    return n_paths > 1 || files->n > 1 || (files->n == 1 && strcmp(files->items[0], paths[0]) != 0);
}

static int answer_all(job *j, const cli_list *files, int together) {
    if (cli_given(j->o->rate)) return answer_frames(j, files);
    if (together || !files->n) return answer_together(j, files);
    return files->n == 1 ? answer_file(j, files->items[0]) : answer_many(j, files);
}

/* The words for pictures and for films, as far as there are any of them. */
static espy_status prepare(job *j, const char *argument, const cli_list *files, espy_error *err) {
    const cli_options *o = j->o;
    const char *language = cli_language(o, j->task);
    int n_films = 0;
    for (int i = 0; i < files->n; i++) n_films += cli_is_film(files->items[i]);
    if (cli_given(o->rate)) n_films = files->n;
    espy_status status =
        espy_task_prepare_film(&j->film_ask, j->session->model, j->task, argument, language, err);
    if (!status && !j->task->films_only)
        status = espy_task_prepare(&j->ask, j->session->model, j->task, argument, language, err);
    if (!status && o->verbose)
        cli_say("prompt: %s", j->task->films_only || (n_films && n_films == files->n)
                                  ? j->film_ask.prompt
                                  : j->ask.prompt);
    return status;
}

/* Pictures can be the frames of a film; a film has its own. */
static int check_frames(const cli_options *o, const cli_list *files) {
    const char *option = cli_given(o->rate) ? "--rate" : o->times ? "--times" : NULL;
    for (int i = 0; option && i < files->n; i++)
        if (cli_is_film(files->items[i])) {
            cli_say("%s is for pictures, and %s is a film; --fps says how many of its frames a "
                    "second are looked at",
                    option, files->items[i]);
            return CLI_USAGE;
        }
    if (o->times && files->n != o->n_times) {
        cli_say("--times has %d times for %d pictures", o->n_times, files->n);
        return CLI_USAGE;
    }
    return CLI_OK;
}

int cli_answer(const cli_options *o, const espy_task *task, const char *argument,
               const char *const *paths, int n_paths, int together) {
    cli_session session = { .o = o };
    job j = { .session = &session, .o = o, .task = task };
    cli_list files = { 0 };
    espy_error err = { .offset = -1 };
    int code = CLI_OK;
    for (int i = 0; i < n_paths; i++)
        if (cli_pictures_add(&files, paths[i], &err))
            code = cli_session_report(&session, paths[i], &err);
    if (code && (together || !files.n)) {
        cli_list_free(&files);
        return code;
    }
    int answered = check_frames(o, &files);
    if (answered) {
        cli_list_free(&files);
        return answered;
    }
    j.headings = n_paths > 0 && is_folder_or_many(&files, n_paths, paths);
    answered = cli_session_open(&session, o, NULL);
    if (!answered && prepare(&j, argument, &files, &err))
        answered = cli_session_report(&session, NULL, &err);
    if (!answered) answered = answer_all(&j, &files, together);
    espy_task_request_clear(&j.ask);
    espy_task_request_clear(&j.film_ask);
    cli_session_close(&session);
    cli_list_free(&files);
    return answered ? answered : code;
}
