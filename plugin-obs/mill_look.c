/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One look: the pictures and the question go to the library, what it writes becomes
 * pieces of a caption, then the whole. */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "free_memory.h"
#include "mill.h"
#include "trial.h"

typedef struct looking {
    mill *m;
    job *j;
    watch_plan plan;
    espy_task_request ask;
    char *prompt;
    espy_image *image; /* the newest picture; for a clip, a place among the clip's */
    const espy_image **images;
    double *times_s;
    espy_part parts[2];
    answer answer;
    gboolean is_noted;
    espy_status status; /* of what the callbacks did */
    espy_error *err;
} looking;

static gint64 seen_us(const job *j) {
    const frame *newest = j->frames->pdata[j->frames->len - 1];
    return newest->seen_us;
}

/* ------------------------------------------------------------------- question */

static const char recall[] = "\nThe picture before was described in these words: \"%s\"";

static espy_status prepare(looking *l, espy_error *err) {
    const job *j = l->j;
    const watcher_settings *s = &j->settings;
    const char *name = s->task ? s->task : "caption";
    const espy_task *task = espy_task_find(name);
    if (!task) {
        snprintf(err->message, sizeof err->message, "There is no task \"%.60s\".", name);
        return err->code = ESPY_ERR_ARGUMENT;
    }
    espy_status status =
        l->plan.is_clip
            ? espy_task_prepare_film(&l->ask, j->model->model, task, s->argument, s->language, err)
            : espy_task_prepare(&l->ask, j->model->model, task, s->argument, s->language, err);
    if (status) return status;
    if (s->max_tokens > 0) l->ask.max_tokens = s->max_tokens;
    l->ask.sampling.temperature = 0; /* of what is alike, the same is said */
    l->prompt = g_strdup(l->ask.prompt);
    if (s->recalls && j->previous && *j->previous && !j->model->info.built_in) {
        g_autofree char *sentence = g_strdup_printf(recall, j->previous);
        g_free(l->prompt);
        l->prompt = g_strconcat(l->ask.prompt, sentence, NULL);
    }
    return ESPY_OK;
}

/* ------------------------------------------------------------------- pictures */

/* Pixels that the model will see of a picture or frame; 0: it will say what is wrong. */
static int64_t fitted_pixels(const looking *l) {
    int w, h, n_tokens;
    const espy_part *p = &l->parts[0];
    const espy_model *model = l->j->model->model;
    const int width = espy_image_width(p->images[0]), height = espy_image_height(p->images[0]);
    const espy_status status =
        l->plan.is_clip
            ? espy_fit_clip(model, width, height, p->n_images, p->min_pixels, p->max_pixels,
                            p->total_pixels, &w, &h, &n_tokens, NULL)
            : espy_fit(model, width, height, p->min_pixels, p->max_pixels, &w, &h, &n_tokens, NULL);
    return status ? 0 : (int64_t)w * h;
}

/* What is enlarged to the least size is rounded up, perhaps beyond the most. */
static void keep_below_most(looking *l) {
    espy_part *p = &l->parts[0];
    while (p->min_pixels > 1 && fitted_pixels(l) > p->max_pixels)
        p->min_pixels = p->min_pixels * 3 / 4;
}

/* The task's limits hold within those of the settings. */
static espy_status take_picture(looking *l, espy_error *err) {
    const frame *f = l->j->frames->pdata[l->j->frames->len - 1];
    espy_status status = espy_image_from_pixels(&l->image, f->rgba, f->width, f->height,
                                                (ptrdiff_t)f->width * 4, 4, ESPY_ALPHA_DROP, err);
    const int64_t least = l->ask.min_pixels > 0 ? l->ask.min_pixels : l->j->model->info.min_pixels;
    int64_t most = l->plan.max_pixels;
    if (l->ask.max_pixels > 0) most = MIN(most, l->ask.max_pixels);
    l->images = g_new(const espy_image *, 1);
    l->images[0] = l->image;
    l->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE,
                               .images = l->images,
                               .n_images = 1,
                               .min_pixels = CLAMP(least, 1, most),
                               .max_pixels = most };
    return status;
}

static espy_status take_clip(looking *l, espy_error *err) {
    watch_clip *clip = &l->j->looker->clip;
    if (l->j->begins_anew) watch_clip_empty(clip);
    for (guint i = 0; i < l->j->frames->len; i++) {
        espy_status status = watch_clip_add(clip, l->j->frames->pdata[i], &l->plan, err);
        if (status) return status;
    }
    l->parts[0] = watch_clip_part(clip, &l->plan, &l->images, &l->times_s);
    l->parts[0].drop_same = l->j->settings.drop_same && !l->ask.task->needs_all;
    return ESPY_OK;
}

/* ------------------------------------------------------------------ callbacks */

/* Until a model has worked, every use of it may end the process. */
static void note_down(looking *l) {
    if (l->j->model->has_worked) return;
    trial_begin(mill_notes(l->m), l->j->model->name);
    l->is_noted = TRUE;
}

static void settle(looking *l, espy_status status, const espy_error *err) {
    if (!l->is_noted) return;
    l->is_noted = FALSE;
    l->j->model->has_worked = status == ESPY_OK;
    trial_end(mill_notes(l->m), l->j->model->name, status, err ? err->message : NULL);
}

static int is_stopped(const looking *l) {
    return atomic_load(&l->j->stop);
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    (void)phase;
    (void)done;
    (void)total;
    return is_stopped(user);
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    looking *l = user;
    caption *so_far;
    gboolean ends;
    settle(l, ESPY_OK, NULL);
    if (is_stopped(l)) return 1;
    l->status = answer_push(&l->answer, piece, n_bytes, &so_far, &ends, l->err);
    if (so_far) mill_report(l->m, l->j, REPORT_PIECE, 0, so_far);
    return l->status || ends;
}

/* ------------------------------------------------------------------- context */

/* Tokens by which a clip will still grow, at those that its frames have now. */
static int64_t tokens_to_come(const looking *l) {
    int w, h, n_now, n_most;
    const espy_part *p = &l->parts[0];
    const espy_model *model = l->j->model->model;
    if (!l->plan.is_clip ||
        espy_fit_clip(model, espy_image_width(p->images[0]), espy_image_height(p->images[0]),
                      p->n_images, p->min_pixels, p->max_pixels, p->total_pixels, &w, &h, &n_now,
                      NULL) ||
        espy_fit_clip(model, espy_image_width(p->images[0]), espy_image_height(p->images[0]),
                      l->plan.n_frames, p->min_pixels, p->max_pixels, p->total_pixels, &w, &h,
                      &n_most, NULL))
        return 0;
    return MAX(n_most - n_now, 0);
}

static espy_status refuse(const looking *l, int64_t needed, int64_t available, espy_error *err) {
    g_autofree char *need = g_format_size_full((guint64)needed, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *have = g_format_size_full((guint64)available, G_FORMAT_SIZE_IEC_UNITS);
    snprintf(err->message, sizeof err->message,
             "The model \"%.100s\" needs %s of memory for this, and only %s are free. Close other "
             "programs, lower the quality, or choose a smaller model.",
             l->j->model->info.name, need, have);
    return err->code = ESPY_ERR_MEMORY;
}

/* Opens a context, unless one is open that will do. */
static espy_status reserve(looking *l, const espy_request *request, espy_error *err) {
    looker *k = l->j->looker;
    mill_model *model = l->j->model;
    const int n_threads = watch_threads(&l->j->settings);
    if (k->context && k->model == model && k->n_threads == n_threads &&
        k->vision_cache_bytes == l->plan.vision_cache_bytes)
        return ESPY_OK;
    const espy_context_params params = { .n_threads = n_threads,
                                         .vision_cache_bytes = l->plan.vision_cache_bytes };
    espy_request longest = *request;
    int64_t needed;
    longest.max_tokens += (int)tokens_to_come(l);
    espy_context_close(&k->context);
    espy_status status =
        needed_memory(model->model, &longest, &params, l->plan.max_pixels, &needed, err);
    if (status) return status;
    const int64_t available = free_memory();
    if (available && needed > available) return refuse(l, needed, available, err);
    status = espy_context_open(&k->context, model->model, &params, err);
    if (status) return status;
    if (k->model) g_ptr_array_remove(k->model->users, k);
    g_ptr_array_add(model->users, k);
    k->model = model;
    k->n_threads = n_threads;
    k->vision_cache_bytes = l->plan.vision_cache_bytes;
    return ESPY_OK;
}

/* ----------------------------------------------------------------------- look */

static espy_status generate(looking *l, espy_result *result, espy_error *err) {
    l->parts[1] = (espy_part){ .text = l->prompt };
    const espy_message message = { "user", l->parts, 2 };
    const espy_request request = { .messages = &message,
                                   .n_messages = 1,
                                   .max_tokens = l->ask.max_tokens,
                                   .sampling = &l->ask.sampling,
                                   .on_text = on_text,
                                   .on_progress = on_progress,
                                   .user = l };
    espy_status status = reserve(l, &request, err);
    if (status) return status;
    note_down(l);
    status = espy_generate(l->j->looker->context, &request, result, err);
    settle(l, status, err); /* if no token came to do it */
    if (!status && is_stopped(l)) status = err->code = ESPY_ERR_STOPPED;
    return status ? status : l->status;
}

static espy_status finish(looking *l, const espy_result *result, espy_error *err) {
    job *j = l->j;
    espy_status status = answer_end(&l->answer, result, &j->caption, err);
    if (!status)
        j->caption->is_news = !j->previous || !caption_says_same(j->previous, j->caption->text);
    return status;
}

static espy_status set_picture(looking *l, espy_error *err) {
    const char *argument = l->j->settings.argument;
    const gboolean is_one = argument && !strchr(argument, ',');
    return answer_set_picture(&l->answer, l->j->model->model, l->images[0], l->parts[0].min_pixels,
                              l->parts[0].max_pixels, is_one ? argument : NULL, err);
}

espy_status mill_look(mill *m, job *j, espy_error *err) {
    looking l = { .m = m, .j = j, .err = err };
    espy_result result = { 0 };
    const gint64 start_us = g_get_monotonic_time();
    answer_open(&l.answer, &l.ask, j->serial, seen_us(j));
    l.plan = watch_plan_make(&j->settings, &j->model->info);
    espy_status status = prepare(&l, err);
    if (!status) status = l.plan.is_clip ? take_clip(&l, err) : take_picture(&l, err);
    if (!status) keep_below_most(&l);
    if (!status) status = set_picture(&l, err);
    if (!status) status = generate(&l, &result, err);
    if (!status) status = finish(&l, &result, err);
    j->caption_s = (double)(g_get_monotonic_time() - start_us) / 1e6;
    answer_close(&l.answer);
    espy_result_clear(&result);
    espy_task_request_clear(&l.ask);
    espy_image_close(&l.image);
    g_free(l.images);
    g_free(l.times_s);
    g_free(l.prompt);
    return status;
}
