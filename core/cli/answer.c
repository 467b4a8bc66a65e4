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
    espy_task_request ask;
    int headings;  /* "== path ==" before each answer */
    int n_answers; /* under headings so far */
} job;

/* What one answer has streamed so far. */
typedef struct stream {
    job *job;
    const char *heading; /* still to be written; NULL: none */
    int hold;            /* nothing is written before the end */
    char *text;          /* so far, if it is to be read */
    size_t n_text, n_written;
    char last; /* character that was written last */
} stream;

static espy_answer_kind kind(const job *j) {
    return j->ask.task->answer;
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
    if (espy_task_read(&out->job->ask, out->text, &reading, NULL)) return 1;
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
    return cli_interrupted() || espy_task_ended(&out->job->ask, grown);
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    stream *out = user;
    return cli_progress_step(&out->job->session->progress, phase, done, total);
}

static int write_json(const job *j, const char *const *labels, int n, const char *text,
                      const espy_reading *reading, const espy_result *r) {
    cJSON *object = cli_json_short(labels, n, text, reading, r, j->session->load_ms);
    int failed = cli_json_line(object);
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
        if (espy_task_read(&j->ask, text, &reading, NULL))
            return cli_say("out of memory"), CLI_FAILED;
        text = reading.text;
    }
    if (j->o->json) {
        code = write_json(j, labels, n, text, &reading, r);
    } else {
        begin_text(out);
        if (out->hold) write_piece(out, text, strlen(text));
        if (out->last != '\n') puts("");
        fflush(stdout);
        cli_session_timings(j->session, r);
    }
    espy_reading_clear(&reading);
    return cli_interrupted() ? CLI_INTERRUPTED : code;
}

enum { STAMP_BYTES = 40 };

/* Each picture, after its time if there are times, as the models were shown the
 * frames of films. Returns the number of parts. */
static int add_pictures(espy_part *parts, char (*stamps)[STAMP_BYTES],
                        const espy_image *const *images, int n, const double *times) {
    int n_parts = 0;
    for (int i = 0; i < n; i++) {
        if (times) {
            snprintf(stamps[i], STAMP_BYTES, "<%.1f seconds>", times[i]);
            parts[n_parts++] = (espy_part){ .type = ESPY_PART_TEXT, .text = stamps[i] };
        }
        parts[n_parts++] =
            (espy_part){ .type = ESPY_PART_IMAGE, .images = &images[i], .n_images = 1 };
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
    espy_image *image; /* of a batch: owned */
} turn;

static void turn_close(turn *t) {
    espy_image_close(&t->image);
    free(t->out.text);
    free(t->stamps);
    free(t->parts);
}

/* One question about n pictures, of which one has a label. Non-zero without memory. */
static int turn_open(turn *t, job *j, const espy_image *const *images, const char *label, int n) {
    const cli_options *o = j->o;
    t->out = (stream){ .job = j,
                       .heading = j->headings && !o->json ? label : NULL,
                       .hold = o->json || (is_read(j) && kind(j) != ESPY_ANSWER_DOCUMENT) };
    t->parts = calloc((size_t)n * 2 + 1, sizeof *t->parts);
    t->stamps = calloc((size_t)n + 1, sizeof *t->stamps);
    if (!t->parts || !t->stamps) return 1;
    int n_parts = add_pictures(t->parts, t->stamps, images, n, o->times);
    t->parts[n_parts++] = (espy_part){ .type = ESPY_PART_TEXT, .text = j->ask.prompt };
    t->system = (espy_part){ .type = ESPY_PART_TEXT, .text = o->system };
    t->messages[0] = (espy_message){ "system", &t->system, 1 };
    t->messages[1] = (espy_message){ "user", t->parts, n_parts };
    t->request = cli_session_request(j->session, &j->ask, &t->sampling);
    t->request.messages = o->system ? t->messages : t->messages + 1;
    t->request.n_messages = o->system ? 2 : 1;
    t->request.on_text = on_text;
    t->request.on_progress = on_progress;
    t->request.user = &t->out;
    return 0;
}

/* One answer about n pictures, whose names are labels. */
static int answer(job *j, const espy_image *const *images, const char *const *labels, int n) {
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    turn t = { 0 };
    const char *label = n == 1 ? labels[0] : NULL;
    if (turn_open(&t, j, images, label, n)) {
        turn_close(&t);
        return cli_say("out of memory"), CLI_FAILED;
    }
    espy_status status =
        cli_session_reserve(j->session, cli_session_count(j->session, &t.request), &err);
    if (!status) {
        cli_session_limits(j->session, n);
        cli_session_expect(j->session, &t.request, 1);
    }
    if (!status) status = espy_generate(j->session->context, &t.request, &result, &err);
    cli_progress_clear(&j->session->progress);
    int code = status ? cli_session_report(j->session, label, &err)
                      : finish(j, &t.out, labels, n, &result);
    espy_result_clear(&result);
    turn_close(&t);
    return code;
}

static int answer_file(job *j, const char *path) {
    espy_error err = { .offset = -1 };
    espy_image *image = NULL;
    if (cli_picture_load(&image, path, j->o->alpha, &err))
        return cli_session_report(j->session, path, &err);
    const espy_image *images[] = { image };
    int code = answer(j, images, &path, 1);
    espy_image_close(&image);
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
    espy_status status = cli_picture_load(&t->image, m->files->items[i], m->j->o->alpha, err);
    if (status) return status;
    const espy_image *image = t->image;
    if (turn_open(t, m->j, &image, m->files->items[i], 1))
        return cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    t->parts[0].images = (const espy_image *const *)&t->image;
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
    espy_image **images = calloc((size_t)files->n + 1, sizeof *images);
    int code = CLI_OK, n = 0;
    if (!images) return cli_say("out of memory"), CLI_FAILED;
    while (n < files->n && !code) {
        if (cli_picture_load(&images[n], files->items[n], j->o->alpha, &err))
            code = cli_session_report(j->session, files->items[n], &err);
        else
            n++;
    }
    if (!code)
        code = answer(j, (const espy_image *const *)images, (const char *const *)files->items, n);
    while (n > 0) espy_image_close(&images[--n]);
    free(images);
    return code;
}

static int is_folder_or_many(const cli_list *files, int n_paths, const char *const *paths) {
    return n_paths > 1 || files->n > 1 || (files->n == 1 && strcmp(files->items[0], paths[0]) != 0);
}

static int answer_all(job *j, const cli_list *files, int together) {
    if (together || !files->n) return answer_together(j, files);
    return files->n == 1 ? answer_file(j, files->items[0]) : answer_many(j, files);
}

int cli_answer(const cli_options *o, const espy_task *task, const char *argument,
               const char *const *paths, int n_paths, int together) {
    cli_session session = { .o = o };
    job j = { .session = &session, .o = o };
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
    if (o->times && files.n != o->n_times) {
        cli_say("--times has %d times for %d pictures", o->n_times, files.n);
        cli_list_free(&files);
        return CLI_USAGE;
    }
    j.headings = n_paths > 0 && is_folder_or_many(&files, n_paths, paths);
    int answered = cli_session_open(&session, o, NULL);
    if (!answered &&
        espy_task_prepare(&j.ask, session.model, task, argument, cli_language(o, task), &err))
        answered = cli_session_report(&session, NULL, &err);
    if (!answered && o->verbose) cli_say("prompt: %s", j.ask.prompt);
    if (!answered) answered = answer_all(&j, &files, together);
    espy_task_request_clear(&j.ask);
    cli_session_close(&session);
    cli_list_free(&files);
    return answered ? answered : code;
}
