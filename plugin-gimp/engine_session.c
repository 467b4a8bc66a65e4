/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model and context. A context is opened when its first question is known, so that
 * what is asked of the memory is what will be used; it may grow later. */
#include "engine_session.h"

#include <stdio.h>
#include <string.h>

#include "free_memory.h"
#include "i18n.h"
#include "trial.h"

static const char host[] = "gimp"; /* in trial.h */

/* --------------------------------------------------------------------- load */

static gboolean is_loaded(const session *s, const job *j) {
    return s->model && !g_strcmp0(s->model_name, j->model) && s->n_threads == j->n_threads &&
           s->memory_limit_bytes == j->memory_limit_bytes;
}

typedef struct loading {
    session *s;
    const job *j;
} loading;

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    const loading *l = user;
    outbox_progress(l->s->events, &l->j->to, phase, (double)done / (double)total);
    return l->s->is_stopped(l->s->user, l->j->to.serial);
}

static int threads_of(int n_threads) {
    return n_threads > 0 ? n_threads : MAX(1, (int)g_get_num_processors() - 1);
}

/* Until a model has worked, every use of it may end the process. */
static void note_down(session *s) {
    if (s->has_worked || s->is_noted) return;
    trial_begin(host, s->model_name);
    s->is_noted = TRUE;
}

espy_status session_load(session *s, const job *j, espy_error *err) {
    char *path;
    if (is_loaded(s, j)) {
        note_down(s);
        return ESPY_OK;
    }
    session_unload(s);
    s->model_name = g_strdup(j->model);
    s->n_threads = j->n_threads;
    s->memory_limit_bytes = j->memory_limit_bytes;
    note_down(s);
    outbox_progress(s->events, &j->to, "loading", 0);
    loading l = { s, j };
    espy_model_params params = { .progress = on_progress, .user = &l };
    espy_status status = espy_model_find(s->model_name, &path, err);
    if (!status) status = espy_model_open(&s->model, path, &params, err);
    espy_free(path);
    if (status) session_settle(s, status, err);
    return status;
}

void session_settle(session *s, espy_status status, const espy_error *err) {
    if (!s->is_noted) return;
    s->is_noted = FALSE;
    s->has_worked = status == ESPY_OK;
    trial_end(host, s->model_name, status, err ? err->message : NULL);
}

void session_unload(session *s) {
    session_settle(s, ESPY_ERR_STOPPED, NULL);
    espy_context_close(&s->context);
    espy_model_close(&s->model);
    g_clear_pointer(&s->model_name, g_free);
    s->has_worked = FALSE;
}

void session_clear(session *s) {
    session_unload(s);
    espy_image_close(&s->image);
    g_clear_pointer(&s->turns, g_ptr_array_unref);
}

/* ------------------------------------------------------------------- memory */

/* In the units of the settings. */
static char *format_bytes(gint64 n) {
    return g_format_size_full((guint64)n, G_FORMAT_SIZE_IEC_UNITS);
}

/* ESPY_ERR_MEMORY with a sentence for the user. */
static espy_status refuse(const session *s, gint64 needed, gint64 available, espy_error *err) {
    espy_model_info info;
    espy_model_get_info(s->model, &info);
    gboolean by_limit = s->memory_limit_bytes && needed > s->memory_limit_bytes;
    g_autofree char *need = format_bytes(needed);
    g_autofree char *have = format_bytes(by_limit ? s->memory_limit_bytes : available);
    g_autofree char *message = g_strdup_printf(
        by_limit ? _("The model “%s” needs %s of memory for this, and the limit is %s. Raise the "
                     "limit in the settings, or choose a smaller model.")
                 : _("The model “%s” needs %s of memory for this, and only %s are free. Close "
                     "other programs, or choose a smaller model."),
        info.name, need, have);
    err->code = ESPY_ERR_MEMORY;
    err->offset = -1;
    g_strlcpy(err->message, message, sizeof err->message);
    return ESPY_ERR_MEMORY;
}

/* Fitted pixels of the conversation's picture. */
static int64_t fitted_pixels(const session *s) {
    int w = 0, h = 0, n_tokens;
    if (!s->image || espy_fit(s->model, espy_image_width(s->image), espy_image_height(s->image),
                              s->min_pixels, s->max_pixels, &w, &h, &n_tokens, NULL))
        return 0; /* the model's largest */
    return (int64_t)w * h;
}

espy_status session_reserve(session *s, const espy_request *request, espy_error *err) {
    if (s->context && !s->memory_limit_bytes) return ESPY_OK;
    int64_t needed;
    espy_context_params params = { .n_threads = threads_of(s->n_threads) };
    espy_status status = needed_memory(s->model, request, &params, fitted_pixels(s), &needed, err);
    if (status) return status;
    /* What an open context has taken already is missing there. */
    gint64 available = s->context ? 0 : free_memory();
    if ((s->memory_limit_bytes && needed > s->memory_limit_bytes) ||
        (available && needed > available))
        return refuse(s, needed, available, err);
    if (s->context) return ESPY_OK;
    return espy_context_open(&s->context, s->model, &params, err);
}
