/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe, ask and count: the same task on each picture, or on all of them at
 * once. Text streams; JSON, and answers of which a part is meant, wait for the
 * end. A picture that fails is reported, and the next one is looked at. */
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
    int n_requests;
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

/* One answer about n pictures, whose names are labels. */
static int answer(job *j, const espy_image *const *images, const char *const *labels, int n) {
    const cli_options *o = j->o;
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    espy_sampling sampling;
    const char *label = n == 1 ? labels[0] : NULL;
    stream out = { .job = j,
                   .heading = j->headings && !o->json ? label : NULL,
                   .hold = o->json || (is_read(j) && kind(j) != ESPY_ANSWER_DOCUMENT) };

    espy_part *parts = calloc((size_t)n * 2 + 1, sizeof *parts);
    char(*stamps)[STAMP_BYTES] = calloc((size_t)n + 1, sizeof *stamps);
    if (!parts || !stamps) {
        free(parts);
        free(stamps);
        return cli_say("out of memory"), CLI_FAILED;
    }
    int n_parts = add_pictures(parts, stamps, images, n, o->times);
    parts[n_parts++] = (espy_part){ .type = ESPY_PART_TEXT, .text = j->ask.prompt };
    espy_part system = { .type = ESPY_PART_TEXT, .text = o->system };
    espy_message messages[] = { { "system", &system, 1 }, { "user", parts, n_parts } };

    espy_request request = cli_session_request(j->session, &j->ask, &sampling);
    request.messages = o->system ? messages : messages + 1;
    request.n_messages = o->system ? 2 : 1;
    request.on_text = on_text;
    request.on_progress = on_progress;
    request.user = &out;
    espy_status status =
        cli_session_reserve(j->session, cli_session_count(j->session, &request), &err);
    if (!status) {
        cli_session_limits(j->session, n);
        cli_session_expect(j->session, &request, j->n_requests);
    }
    if (!status) status = espy_generate(j->session->context, &request, &result, &err);
    cli_progress_clear(&j->session->progress);
    int code =
        status ? cli_session_report(j->session, label, &err) : finish(j, &out, labels, n, &result);
    espy_result_clear(&result);
    free(out.text);
    free(stamps);
    free(parts);
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
    int worst = CLI_OK;
    j->n_requests = files->n;
    for (int i = 0; i < files->n; i++) {
        int code = answer_file(j, files->items[i]);
        if (code == CLI_INTERRUPTED) return code;
        if (code) worst = code;
    }
    return worst;
}

int cli_answer(const cli_options *o, const espy_task *task, const char *argument,
               const char *const *paths, int n_paths, int together) {
    cli_session session = { .o = o };
    job j = { .session = &session, .o = o, .n_requests = 1 };
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
