/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One look: the pictures and the question go to the library, what it writes becomes
 * pieces of a caption, then the whole. */
#include <stdio.h>
#include <string.h>

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
    espy_shape_reader *reader; /* of a question for places, else NULL */
    double width, height;      /* that the shapes are in              */

    GString *text;     /* what came so far   */
    GArray *boxes;     /* of caption_box     */
    GHashTable *found; /* label -> how often */
    GPtrArray *labels; /* each once, in the order they came; the table's */
    int n_tokens;
    gint64 first_us; /* when the first token came */
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
    if (j->previous && *j->previous && !j->model->info.built_in) {
        g_autofree char *sentence = g_strdup_printf(recall, j->previous);
        g_free(l->prompt);
        l->prompt = g_strconcat(l->ask.prompt, sentence, NULL);
    }
    return ESPY_OK;
}

/* ------------------------------------------------------------------- pictures */

/* The task's limits hold within those of the settings. */
static espy_status take_picture(looking *l, espy_error *err) {
    const frame *f = l->j->frames->pdata[l->j->frames->len - 1];
    espy_status status = espy_image_from_pixels(&l->image, f->rgba, f->width, f->height,
                                                (ptrdiff_t)f->width * 4, 4, ESPY_ALPHA_DROP, err);
    int64_t most = l->plan.max_pixels;
    if (l->ask.max_pixels > 0) most = MIN(most, l->ask.max_pixels);
    l->images = g_new(const espy_image *, 1);
    l->images[0] = l->image;
    l->parts[0] = (espy_part){ .type = ESPY_PART_IMAGE,
                               .images = l->images,
                               .n_images = 1,
                               .min_pixels = MIN(l->ask.min_pixels, most),
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

/* -------------------------------------------------------------------- answer */

static void forget_shapes(looking *l) {
    g_array_set_size(l->boxes, 0);
    g_ptr_array_set_size(l->labels, 0);
    g_hash_table_remove_all(l->found);
}

/* The box around a shape, in parts of the picture. */
static caption_box box_of(const looking *l, const espy_shape *shape) {
    const int n = shape->type == ESPY_SHAPE_POINT ? 1 : shape->type == ESPY_SHAPE_QUAD ? 4 : 2;
    caption_box b = { 1, 1, 0, 0, (char *)shape->label };
    for (int i = 0; i < n; i++) {
        const double x = CLAMP(shape->xy[2 * i] / l->width, 0, 1);
        const double y = CLAMP(shape->xy[2 * i + 1] / l->height, 0, 1);
        b = (caption_box){ MIN(b.x1, x), MIN(b.y1, y), MAX(b.x2, x), MAX(b.y2, y), b.label };
    }
    return b;
}

static void clear_box(void *box) {
    g_free(((caption_box *)box)->label);
}

/* All of the picture under a name that says nothing is a model's way to say "nothing". */
static int on_shape(void *user, const espy_shape *shape) {
    looking *l = user;
    if (!shape) {
        forget_shapes(l);
        return 0;
    }
    if (shape->flags & ESPY_SHAPE_WHOLE) return 0;
    char *label = g_utf8_make_valid(shape->label, -1);
    const int n = GPOINTER_TO_INT(g_hash_table_lookup(l->found, label));
    if (shape->type != ESPY_SHAPE_SPAN && shape->type != ESPY_SHAPE_BOX_3D) {
        caption_box b = box_of(l, shape);
        b.label = g_strdup(label);
        g_array_append_val(l->boxes, b);
    }
    if (!n) g_ptr_array_add(l->labels, g_strdup(label));
    g_hash_table_insert(l->found, label, GINT_TO_POINTER(n + 1));
    return 0;
}

/* "a cat ×2, a hat" */
static char *labels_text(const looking *l) {
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < l->labels->len; i++) {
        const char *label = l->labels->pdata[i];
        const int n = GPOINTER_TO_INT(g_hash_table_lookup(l->found, label));
        if (i) g_string_append(text, ", ");
        g_string_append(text, label);
        if (n > 1) g_string_append_printf(text, " ×%d", n);
    }
    return g_string_free(text, FALSE);
}

static void copy_boxes(const looking *l, caption *c) {
    c->n_boxes = (int)l->boxes->len;
    c->boxes = g_new(caption_box, c->n_boxes);
    for (int i = 0; i < c->n_boxes; i++) {
        c->boxes[i] = g_array_index(l->boxes, caption_box, i);
        c->boxes[i].label = g_strdup(c->boxes[i].label);
    }
}

/* What is read of the answer so far. NULL, with l->status, if there is no memory. */
static caption *make_caption(looking *l, const char *answer) {
    espy_reading reading = { 0 };
    if (!l->reader) l->status = espy_task_read(&l->ask, answer, &reading, l->err);
    if (l->status) return NULL;
    caption *c = caption_new();
    c->serial = l->j->serial;
    c->text = l->reader ? labels_text(l) : g_utf8_make_valid(reading.text, -1);
    g_strstrip(c->text);
    c->finds = l->reader != NULL;
    copy_boxes(l, c);
    c->seen_us = seen_us(l->j);
    c->done_us = g_get_monotonic_time();
    c->n_tokens = l->n_tokens;
    if (c->done_us > l->first_us)
        c->tokens_per_s = (l->n_tokens - 1) * 1e6 / (double)(c->done_us - l->first_us);
    espy_reading_clear(&reading);
    return c;
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
    espy_shape_guard guard = ESPY_GUARD_NONE;
    if (l->n_tokens++ == 0) {
        l->first_us = g_get_monotonic_time();
        settle(l, ESPY_OK, NULL);
    }
    if (is_stopped(l)) return 1;
    g_string_append_len(l->text, piece, (gssize)n_bytes);
    if (l->reader) l->status = espy_shape_reader_push(l->reader, piece, n_bytes, &guard, l->err);
    caption *c = n_bytes && !l->status ? make_caption(l, l->text->str) : NULL;
    if (c) mill_report(l->m, l->j, REPORT_PIECE, 0, c);
    return l->status || guard || (!l->reader && espy_task_ended(&l->ask, l->text->str));
}

static espy_status open_reader(looking *l, espy_error *err) {
    espy_shape_params params;
    const char *argument = l->j->settings.argument;
    if (l->ask.task->answer != ESPY_ANSWER_SHAPES) return ESPY_OK;
    espy_status status =
        espy_shape_params_for(l->j->model->model, l->images[0], l->parts[0].min_pixels,
                              l->parts[0].max_pixels, &params, err);
    if (status) return status;
    if (argument && !strchr(argument, ',')) params.default_label = argument;
    params.thinks = l->ask.thinks;
    params.on_shape = on_shape;
    params.user = l;
    l->width = MAX(params.width_px, 1);
    l->height = MAX(params.height_px, 1);
    return espy_shape_reader_open(&l->reader, &params, err);
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

/* Of what is found, the reader's last word: a part of an answer that broke off may count. */
static espy_status finish(looking *l, const espy_result *result, espy_error *err) {
    espy_shapes all;
    if (l->reader) {
        espy_status status = espy_shape_reader_end(l->reader, result->finish, &all, err);
        if (status) return status;
        forget_shapes(l);
        for (int i = 0; i < all.n_shapes; i++) on_shape(l, &all.shapes[i]);
    }
    l->j->caption = make_caption(l, result->text);
    if (!l->j->caption) return l->status;
    l->j->caption->is_whole = TRUE;
    l->j->caption->n_tokens = result->n_tokens;
    if (result->generate_ms > 0)
        l->j->caption->tokens_per_s = result->n_tokens * 1e3 / result->generate_ms;
    return ESPY_OK;
}

espy_status mill_look(mill *m, job *j, espy_error *err) {
    looking l = { .m = m, .j = j, .err = err, .text = g_string_new(NULL) };
    espy_result result = { 0 };
    const gint64 start_us = g_get_monotonic_time();
    l.boxes = g_array_new(FALSE, FALSE, sizeof(caption_box));
    g_array_set_clear_func(l.boxes, clear_box);
    l.labels = g_ptr_array_new_with_free_func(g_free);
    l.found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    l.plan = watch_plan_make(&j->settings, &j->model->info);
    espy_status status = prepare(&l, err);
    if (!status) status = l.plan.is_clip ? take_clip(&l, err) : take_picture(&l, err);
    if (!status) status = open_reader(&l, err);
    if (!status) status = generate(&l, &result, err);
    if (!status) status = finish(&l, &result, err);
    j->caption_s = (double)(g_get_monotonic_time() - start_us) / 1e6;
    espy_result_clear(&result);
    espy_shape_reader_close(&l.reader);
    espy_task_request_clear(&l.ask);
    espy_image_close(&l.image);
    g_free(l.images);
    g_free(l.times_s);
    g_free(l.prompt);
    g_string_free(l.text, TRUE);
    g_array_unref(l.boxes);
    g_ptr_array_unref(l.labels);
    g_hash_table_unref(l.found);
    return status;
}
