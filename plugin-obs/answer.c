/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answer.h"

#include <string.h>

static void clear_box(void *box) {
    g_free(((caption_box *)box)->label);
}

void answer_open(answer *a, const espy_task_request *ask, guint64 serial, gint64 seen_us) {
    *a = (answer){ .ask = ask, .serial = serial, .seen_us = seen_us };
    a->text = g_string_new(NULL);
    a->boxes = g_array_new(FALSE, FALSE, sizeof(caption_box));
    g_array_set_clear_func(a->boxes, clear_box);
    a->labels = g_ptr_array_new_with_free_func(g_free);
    a->found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void answer_close(answer *a) {
    espy_shape_reader_close(&a->reader);
    g_string_free(a->text, TRUE);
    g_array_unref(a->boxes);
    g_ptr_array_unref(a->labels);
    g_hash_table_unref(a->found);
}

/* --------------------------------------------------------------------- shapes */

static void forget_shapes(answer *a) {
    g_array_set_size(a->boxes, 0);
    g_ptr_array_set_size(a->labels, 0);
    g_hash_table_remove_all(a->found);
}

/* The box around a shape, in parts of the picture. */
static caption_box box_around(const answer *a, const espy_shape *shape, const char *label) {
    const int n = shape->type == ESPY_SHAPE_POINT ? 1 : shape->type == ESPY_SHAPE_QUAD ? 4 : 2;
    caption_box b = { 1, 1, 0, 0, g_strdup(label) };
    for (int i = 0; i < n; i++) {
        const double x = CLAMP(shape->xy[2 * i] / a->width, 0, 1);
        const double y = CLAMP(shape->xy[2 * i + 1] / a->height, 0, 1);
        b = (caption_box){ MIN(b.x1, x), MIN(b.y1, y), MAX(b.x2, x), MAX(b.y2, y), b.label };
    }
    return b;
}

/* All of the picture under a name that says nothing is a model's way to say "nothing". */
static int on_shape(void *user, const espy_shape *shape) {
    answer *a = user;
    if (!shape) {
        forget_shapes(a);
        return 0;
    }
    if (shape->flags & ESPY_SHAPE_WHOLE) return 0;
    char *label = g_utf8_make_valid(shape->label, -1);
    const int n = GPOINTER_TO_INT(g_hash_table_lookup(a->found, label));
    if (shape->type != ESPY_SHAPE_SPAN && shape->type != ESPY_SHAPE_BOX_3D) {
        const caption_box b = box_around(a, shape, label);
        g_array_append_val(a->boxes, b);
    }
    if (!n) g_ptr_array_add(a->labels, g_strdup(label));
    g_hash_table_insert(a->found, label, GINT_TO_POINTER(n + 1));
    return 0;
}

espy_status answer_set_picture(answer *a, const espy_model *model, const espy_image *image,
                               int64_t min_pixels, int64_t max_pixels, const char *label,
                               espy_error *err) {
    espy_shape_params params;
    if (a->ask->task->answer != ESPY_ANSWER_SHAPES) return ESPY_OK;
    espy_status status = espy_shape_params_for(model, image, min_pixels, max_pixels, &params, err);
    if (status) return status;
    params.default_label = label;
    params.thinks = a->ask->thinks;
    params.on_shape = on_shape;
    params.user = a;
    a->width = MAX(params.width_px, 1);
    a->height = MAX(params.height_px, 1);
    return espy_shape_reader_open(&a->reader, &params, err);
}

/* "a cat ×2, a hat" */
static char *labels_text(const answer *a) {
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < a->labels->len; i++) {
        const char *label = a->labels->pdata[i];
        const int n = GPOINTER_TO_INT(g_hash_table_lookup(a->found, label));
        if (i) g_string_append(text, ", ");
        g_string_append(text, label);
        if (n > 1) g_string_append_printf(text, " ×%d", n);
    }
    return g_string_free(text, FALSE);
}

/* ------------------------------------------------------------------- captions */

static void copy_boxes(const answer *a, caption *c) {
    c->n_boxes = (int)a->boxes->len;
    c->boxes = g_new(caption_box, c->n_boxes);
    for (int i = 0; i < c->n_boxes; i++) {
        c->boxes[i] = g_array_index(a->boxes, caption_box, i);
        c->boxes[i].label = g_strdup(c->boxes[i].label);
    }
}

/* What is read of the text. */
static espy_status make(const answer *a, const char *text, caption **out, espy_error *err) {
    espy_reading reading = { 0 };
    espy_status status = a->reader ? ESPY_OK : espy_task_read(a->ask, text, &reading, err);
    if (status) return status;
    caption *c = caption_new();
    c->serial = a->serial;
    c->text = g_strstrip(a->reader ? labels_text(a) : g_utf8_make_valid(reading.text, -1));
    c->finds = a->reader != NULL;
    copy_boxes(a, c);
    c->seen_us = a->seen_us;
    c->done_us = g_get_monotonic_time();
    c->n_tokens = a->n_tokens;
    if (c->done_us > a->first_us)
        c->tokens_per_s = (a->n_tokens - 1) * 1e6 / (double)(c->done_us - a->first_us);
    espy_reading_clear(&reading);
    *out = c;
    return ESPY_OK;
}

espy_status answer_push(answer *a, const char *piece, size_t n_bytes, caption **so_far,
                        gboolean *ends, espy_error *err) {
    espy_shape_guard guard = ESPY_GUARD_NONE;
    espy_status status = ESPY_OK;
    const int n_before = (int)a->boxes->len;
    *so_far = NULL;
    if (a->n_tokens++ == 0) a->first_us = g_get_monotonic_time();
    g_string_append_len(a->text, piece, (gssize)n_bytes);
    if (a->reader) status = espy_shape_reader_push(a->reader, piece, n_bytes, &guard, err);
    *ends = a->reader ? guard != ESPY_GUARD_NONE : espy_task_ended(a->ask, a->text->str) != 0;
    const gboolean is_new = a->reader ? (int)a->boxes->len != n_before : n_bytes > 0;
    return status || !is_new ? status : make(a, a->text->str, so_far, err);
}

/* Of what is found, the reader has the last word: the end of an answer that broke off may
 * count. */
espy_status answer_end(answer *a, const espy_result *result, caption **whole, espy_error *err) {
    espy_shapes all;
    *whole = NULL;
    if (a->reader) {
        espy_status status = espy_shape_reader_end(a->reader, result->finish, &all, err);
        if (status) return status;
        forget_shapes(a);
        for (int i = 0; i < all.n_shapes; i++) on_shape(a, &all.shapes[i]);
    }
    espy_status status = make(a, result->text, whole, err);
    if (status) return status;
    (*whole)->is_whole = TRUE;
    (*whole)->n_tokens = result->n_tokens;
    if (result->generate_ms > 0)
        (*whole)->tokens_per_s = result->n_tokens * 1e3 / result->generate_ms;
    return ESPY_OK;
}
