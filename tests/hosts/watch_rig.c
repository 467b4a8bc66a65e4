/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_MS = 60000 * SLOWER, TICK_US = 4000 };

const char *rig_root(void) {
    const char *root = g_getenv("ESPY_SOURCE_ROOT");
    return root ? root : ".";
}

const char *rig_model(void) {
    static char *path;
    if (!path) path = g_build_filename(rig_root(), "core/nano/espy-nano.gguf", NULL);
    return path;
}

/* ------------------------------------------------------------------- pictures */

frame *rig_load(const char *name) {
    espy_image *image;
    espy_error err;
    g_autofree char *path = g_build_filename(rig_root(), name, NULL);
    if (espy_image_load(&image, path, ESPY_ALPHA_WHITE, &err)) fail_msg("%s", err.message);
    frame *f = frame_new(espy_image_width(image), espy_image_height(image), 0);
    const guint8 *rgb = espy_image_pixels(image);
    for (int i = 0; i < f->width * f->height; i++) {
        memcpy(f->rgba + 4 * i, rgb + 3 * i, 3);
        f->rgba[4 * i + 3] = (guint8)i; /* to be ignored */
    }
    espy_image_close(&image);
    return f;
}

frame *rig_disc(int width, int height, guint32 disc, guint32 ground) {
    frame *f = frame_new(width, height, 0);
    const int radius = MIN(width, height) / 3;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int dx = x - width / 2, dy = y - height / 2;
            const guint32 color = dx * dx + dy * dy < radius * radius ? disc : ground;
            guint8 *p = f->rgba + 4 * (y * width + x);
            p[0] = (guint8)(color >> 16);
            p[1] = (guint8)(color >> 8);
            p[2] = (guint8)color;
            p[3] = 255;
        }
    return f;
}

static void mean_of(guint8 *out, const frame *f, int x0, int y0, int x1, int y1) {
    int sum[3] = { 0 };
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            for (int i = 0; i < 3; i++) sum[i] += f->rgba[4 * (y * f->width + x) + i];
    for (int i = 0; i < 3; i++) out[i] = (guint8)(sum[i] / ((x1 - x0) * (y1 - y0)));
    out[3] = 0;
}

frame *rig_scale(const frame *f, int width, int height) {
    frame *out = frame_new(width, height, g_get_monotonic_time());
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int x0 = x * f->width / width, y0 = y * f->height / height;
            mean_of(out->rgba + 4 * (y * width + x), f, x0, y0,
                    MAX(x0 + 1, (x + 1) * f->width / width),
                    MAX(y0 + 1, (y + 1) * f->height / height));
        }
    return out;
}

/* --------------------------------------------------------------------- events */

static void unref(void *c) {
    caption_unref(c);
}

static void on_caption(void *user, caption *c) {
    rig *r = user;
    pthread_mutex_lock(&r->lock);
    assert_true(r->is_open);
    assert_non_null(c->text);
    assert_true(g_utf8_validate(c->text, -1, NULL));
    assert_true(c->done_us >= c->seen_us && c->serial > 0);
    if (r->whole->len) {
        const caption *last = r->whole->pdata[r->whole->len - 1];
        assert_true(c->serial > last->serial);
    }
    if (r->pieces->len && ((caption *)r->pieces->pdata[0])->serial != c->serial)
        g_ptr_array_set_size(r->pieces, 0);
    r->n_pieces += !c->is_whole;
    g_ptr_array_add(c->is_whole ? r->whole : r->pieces, caption_ref(c));
    pthread_mutex_unlock(&r->lock);
}

static void on_state(void *user) {
    rig *r = user;
    watcher_state s;
    watcher_get_state(r->watcher, &s);
    watcher_state_clear(&s);
    pthread_mutex_lock(&r->lock);
    assert_true(r->is_open);
    r->n_states++;
    pthread_mutex_unlock(&r->lock);
}

void rig_open(rig *r, worker *w, const frame *picture, const watcher_settings *settings) {
    static const watcher_events events = { on_caption, on_state };
    *r = (rig){ .picture = picture, .is_open = TRUE };
    pthread_mutex_init(&r->lock, NULL);
    r->whole = g_ptr_array_new_with_free_func(unref);
    r->pieces = g_ptr_array_new_with_free_func(unref);
    r->watcher = watcher_new(w, &events, r);
    if (settings) watcher_set(r->watcher, settings);
}

void rig_close(rig *r) {
    watcher_free(&r->watcher);
    pthread_mutex_lock(&r->lock);
    r->is_open = FALSE;
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_destroy(&r->lock);
    g_ptr_array_unref(r->whole);
    g_ptr_array_unref(r->pieces);
}

/* ----------------------------------------------------------------------- time */

int rig_step(rig *r) {
    const frame *p = r->picture;
    watcher_size glance, look;
    const int wants =
        watcher_wants(r->watcher, g_get_monotonic_time(), p->width, p->height, &glance, &look);
    assert_true(glance.width >= 1 && glance.height >= 1 && look.width >= 1 && look.height >= 1);
    if (wants & WANTS_GLANCE) {
        frame *f = rig_scale(p, glance.width, glance.height);
        watcher_glance(r->watcher, f);
        frame_free(f);
    }
    if (wants & WANTS_FRAME) {
        r->widest = MAX(r->widest, look.width * look.height);
        watcher_offer(r->watcher, rig_scale(p, look.width, look.height));
        r->n_offered++;
    }
    return wants;
}

guint rig_n_whole(rig *r) {
    pthread_mutex_lock(&r->lock);
    const guint n = r->whole->len;
    pthread_mutex_unlock(&r->lock);
    return n;
}

int rig_n_pieces(rig *r) {
    pthread_mutex_lock(&r->lock);
    const int n = r->n_pieces;
    pthread_mutex_unlock(&r->lock);
    return n;
}

caption *rig_whole(rig *r, int i) {
    pthread_mutex_lock(&r->lock);
    const int n = (int)r->whole->len, k = i < 0 ? n + i : i;
    caption *c = k >= 0 && k < n ? r->whole->pdata[k] : NULL;
    pthread_mutex_unlock(&r->lock);
    assert_non_null(c);
    return c;
}

gboolean rig_says(rig *r, const char *words) {
    return rig_n_whole(r) && strstr(rig_whole(r, -1)->text, words);
}

watcher_state rig_numbers(rig *r) {
    watcher_state s;
    watcher_get_state(r->watcher, &s);
    return s;
}

watch_state rig_state(rig *r) {
    watcher_state s = rig_numbers(r);
    const watch_state state = s.state;
    watcher_state_clear(&s);
    return state;
}

watcher_settings rig_settings(void) {
    return (watcher_settings){ .is_on = TRUE, .model = rig_model(), .least_s = 0.01 };
}

static gint64 deadline(int ms) {
    return g_get_monotonic_time() + (gint64)ms * 1000;
}

static void step_before(rig *r, gint64 end_us) {
    if (g_get_monotonic_time() > end_us) {
        watcher_state s = rig_numbers(r);
        fail_msg("%u captions, state %d: %s", rig_n_whole(r), s.state, s.message);
    }
    rig_step(r);
    g_usleep(TICK_US);
}

void rig_run(rig *r, guint n_whole) {
    const gint64 end_us = deadline(MOST_MS);
    while (rig_n_whole(r) < n_whole) step_before(r, end_us);
}

void rig_run_ms(rig *r, int ms) {
    const gint64 end_us = deadline(ms);
    while (g_get_monotonic_time() < end_us) {
        rig_step(r);
        g_usleep(TICK_US);
    }
}

void rig_run_until(rig *r, watch_state state) {
    const gint64 end_us = deadline(MOST_MS);
    while (rig_state(r) != state) step_before(r, end_us);
}

/* -------------------------------------------------------------------- library */

char *rig_library_says(const frame *f, const watcher_settings *s) {
    espy_model *m;
    espy_context *c;
    espy_image *image;
    espy_task_request ask;
    espy_result result;
    espy_reading reading;
    espy_error err;
    const espy_task *task = espy_task_find(s->task ? s->task : "caption");
    assert_int_equal(espy_model_open(&m, rig_model(), NULL, &err), ESPY_OK);
    assert_int_equal(espy_context_open(&c, m, NULL, &err), ESPY_OK);
    assert_int_equal(espy_image_from_pixels(&image, f->rgba, f->width, f->height,
                                            (ptrdiff_t)f->width * 4, 4, ESPY_ALPHA_DROP, &err),
                     ESPY_OK);
    assert_int_equal(espy_task_prepare(&ask, m, task, s->argument, s->language, &err), ESPY_OK);
    ask.sampling.temperature = 0;
    const espy_part parts[] = {
        { .type = ESPY_PART_IMAGE, .images = (const espy_image *const *)&image, .n_images = 1 },
        { .text = ask.prompt }
    };
    const espy_message message = { "user", parts, 2 };
    const espy_request request = { .messages = &message,
                                   .n_messages = 1,
                                   .max_tokens = ask.max_tokens,
                                   .sampling = &ask.sampling };
    assert_int_equal(espy_generate(c, &request, &result, &err), ESPY_OK);
    assert_int_equal(espy_task_read(&ask, result.text, &reading, &err), ESPY_OK);
    char *text = g_strdup(reading.text);
    espy_reading_clear(&reading);
    espy_result_clear(&result);
    espy_task_request_clear(&ask);
    espy_image_close(&image);
    espy_context_close(&c);
    espy_model_close(&m);
    return text;
}
