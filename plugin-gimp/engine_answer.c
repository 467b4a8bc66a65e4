/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One question and its answer. The whole conversation is handed to the library each
 * time, which computes what is new. */
#include <string.h>

#include "engine_session.h"
#include "i18n.h"

typedef struct writing {
    session *s;
    const job *j;
    espy_task_request ask;
    espy_shape_reader *reader; /* of a task that finds places, else NULL */
    GString *text;             /* what came so far                       */
    size_t n_sent;             /* of what was read of it                 */
    int n_tokens;
    gint64 first_us; /* when the first token came */
    gboolean has_looked;
    espy_status status; /* of what the callbacks did */
    espy_error *err;
} writing;

void job_free(job *j) {
    espy_image_close(&j->image);
    g_free(j->task);
    g_free(j->argument);
    g_free(j->language);
    g_free(j->model);
    g_free(j);
}

static int is_stopped(const writing *w) {
    return w->s->is_stopped(w->s->user, w->j->to.serial);
}

/* ---------------------------------------------------------------- callbacks */

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    writing *w = user;
    if (!strcmp(phase, "looking")) w->has_looked = TRUE;
    outbox_progress(w->s->events, &w->j->to, phase, (double)done / (double)total);
    return is_stopped(w);
}

static double tokens_per_s(const writing *w) {
    gint64 us = g_get_monotonic_time() - w->first_us;
    return us > 0 ? (w->n_tokens - 1) * 1e6 / (double)us : 0;
}

/* Where what is read differs from what comes while it comes (thoughts, the fence of a
 * document), what was read is sent. */
static void send_text(writing *w, const char *piece) {
    espy_reading reading;
    if (!w->ask.thinks && w->ask.task->answer != ESPY_ANSWER_DOCUMENT) {
        outbox_text(w->s->events, &w->j->to, piece, tokens_per_s(w));
        return;
    }
    w->status = espy_task_read(&w->ask, w->text->str, &reading, w->err);
    if (w->status) return;
    size_t n = strlen(reading.text);
    if (n > w->n_sent) {
        outbox_text(w->s->events, &w->j->to, reading.text + w->n_sent, tokens_per_s(w));
        w->n_sent = n;
    }
    espy_reading_clear(&reading);
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    writing *w = user;
    espy_shape_guard guard = ESPY_GUARD_NONE;
    if (w->n_tokens++ == 0) {
        w->first_us = g_get_monotonic_time();
        session_settle(w->s, ESPY_OK, NULL);
        outbox_progress(w->s->events, &w->j->to, "writing", -1);
    }
    g_string_append_len(w->text, piece, (gssize)n_bytes);
    if (n_bytes) send_text(w, piece);
    if (w->reader && !w->status)
        w->status = espy_shape_reader_push(w->reader, piece, n_bytes, &guard, w->err);
    return w->status || guard || is_stopped(w) ||
           (!w->reader && espy_task_ended(&w->ask, w->text->str));
}

static int on_shape(void *user, const espy_shape *shape) {
    writing *w = user;
    outbox_shape(w->s->events, &w->j->to, shape);
    return 0;
}

/* ------------------------------------------------------------- conversation */

static espy_status fail(espy_error *err, espy_status code, const char *message) {
    err->code = code;
    err->offset = -1;
    g_strlcpy(err->message, message, sizeof err->message);
    return code;
}

void session_begin(session *s, job *j) {
    if (j->image) {
        espy_image_close(&s->image);
        s->image = g_steal_pointer(&j->image);
        g_clear_pointer(&s->turns, g_ptr_array_unref);
    }
    if (!s->turns) s->turns = g_ptr_array_new_with_free_func(g_free);
}

static espy_status prepare(session *s, const job *j, writing *w, espy_error *err) {
    const char *name = j->task ? j->task : "question";
    const espy_task *task = espy_task_find(name);
    if (!s->image) return fail(err, ESPY_ERR_ARGUMENT, _("There is no picture yet to ask about."));
    if (!task) {
        g_autofree char *message = g_strdup_printf(_("There is no task “%s”."), name);
        return fail(err, ESPY_ERR_ARGUMENT, message);
    }
    espy_status status = espy_task_prepare(&w->ask, s->model, task, j->argument, j->language, err);
    if (status) return status;
    if (!s->turns->len) { /* later turns see the picture at the same size */
        s->min_pixels = w->ask.min_pixels;
        s->max_pixels = w->ask.max_pixels;
    }
    return ESPY_OK;
}

/* A reader of shapes, for tasks that answer with them. */
static espy_status open_reader(session *s, const job *j, writing *w, espy_error *err) {
    espy_shape_params params;
    if (w->ask.task->answer != ESPY_ANSWER_SHAPES) return ESPY_OK;
    espy_status status =
        espy_shape_params_for(s->model, s->image, s->min_pixels, s->max_pixels, &params, err);
    if (status) return status;
    if (j->argument && !strchr(j->argument, ',')) params.default_label = j->argument;
    params.thinks = w->ask.thinks;
    params.on_shape = on_shape;
    params.user = w;
    return espy_shape_reader_open(&w->reader, &params, err);
}

/* The turns so far and the new question; parts is [n + 1], messages [n], for
 * n = turns + 1. The picture stands before the first text. */
static void fill_messages(const session *s, const char *prompt, espy_part *parts,
                          espy_message *messages) {
    int n = (int)s->turns->len + 1;
    parts[0] = (espy_part){ .type = ESPY_PART_IMAGE,
                            .images = (const espy_image *const *)&s->image,
                            .n_images = 1 };
    for (int i = 0; i < n; i++) {
        parts[i + 1].text = i + 1 < n ? s->turns->pdata[i] : prompt;
        messages[i] = (espy_message){ i % 2 ? "assistant" : "user", &parts[i + 1], 1 };
    }
    messages[0].parts = parts;
    messages[0].n_parts = 2;
}

static espy_status generate(session *s, writing *w, espy_result *result, espy_error *err) {
    int n = (int)s->turns->len + 1;
    g_autofree espy_part *parts = g_new0(espy_part, n + 1);
    g_autofree espy_message *messages = g_new0(espy_message, n);
    fill_messages(s, w->ask.prompt, parts, messages);
    espy_request request = { .messages = messages,
                             .n_messages = n,
                             .max_tokens = w->ask.max_tokens,
                             .sampling = &w->ask.sampling,
                             .min_pixels = s->min_pixels,
                             .max_pixels = s->max_pixels,
                             .on_text = on_text,
                             .on_progress = on_progress,
                             .user = w };
    espy_status status = session_reserve(s, &request, err);
    if (!status) status = espy_generate(s->context, &request, result, err);
    session_settle(s, status, err); /* if no token came to do it */
    return status ? status : w->status;
}

/* ------------------------------------------------------------------- answer */

static espy_status fill_outcome(writing *w, const espy_result *result, outcome *out,
                                espy_error *err) {
    espy_reading reading;
    espy_status status = espy_task_read(&w->ask, result->text, &reading, err);
    if (status) return status;
    out->text = g_strdup(reading.text);
    espy_reading_clear(&reading);
    if (w->reader) {
        espy_shapes all;
        status = espy_shape_reader_end(w->reader, result->finish, &all, err);
        if (status) return status;
        out->reader = g_steal_pointer(&w->reader);
        out->answer.shapes = all.shapes;
        out->answer.n_shapes = all.n_shapes;
    }
    out->answer.n_tokens = result->n_tokens;
    if (result->generate_ms > 0)
        out->answer.tokens_per_s = result->n_tokens * 1e3 / result->generate_ms;
    out->answer.cut = result->finish == ESPY_FINISH_LENGTH;
    out->answer.n_cached_images = w->has_looked ? 0 : result->n_images;
    return ESPY_OK;
}

/* A stop keeps what came; one before the first token leaves no turn. */
static void remember(session *s, writing *w, const espy_result *result) {
    if (!result->text || !*result->text) return;
    g_ptr_array_add(s->turns, g_strdup(w->ask.prompt));
    g_ptr_array_add(s->turns, g_strdup(result->text));
}

espy_status session_answer(session *s, const job *j, outcome *out, espy_error *err) {
    writing w = { .s = s, .j = j, .err = err, .text = g_string_new(NULL) };
    espy_result result = { 0 };
    espy_status status = prepare(s, j, &w, err);
    if (!status) status = open_reader(s, j, &w, err);
    if (!status) status = generate(s, &w, &result, err);
    if (!status) status = fill_outcome(&w, &result, out, err);
    if (!status) remember(s, &w, &result);
    if (!status && result.finish == ESPY_FINISH_CALLBACK && is_stopped(&w))
        status = fail(err, ESPY_ERR_STOPPED, _("Stopped."));
    espy_result_clear(&result);
    espy_shape_reader_close(&w.reader);
    espy_task_request_clear(&w.ask);
    g_string_free(w.text, TRUE);
    return status;
}
