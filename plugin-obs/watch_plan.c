/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch_plan.h"

#include <math.h>
#include <string.h>

enum {
    DEFAULT_TOKENS = 256,
    USUAL_CELL_PX = 32, /* edge of a vision token: patches of 16, merged 2x2 */
    MOST_FRAMES = 256,  /* of a clip                                         */
    MOST_CACHE_BYTES = 512 << 20,
    MOST_PIXELS = 16777216, /* of any picture, see espy_fit                      */
    MOST_THREADS = 4,       /* unless more are asked for                         */
};

static int64_t cell_pixels(const espy_model_info *info) {
    const int64_t edge = info ? (int64_t)info->patch_px * info->merge : USUAL_CELL_PX;
    return MAX(edge * edge, 1);
}

static int64_t at_most(int64_t n, int64_t limit) {
    return limit > 0 ? MIN(n, limit) : n;
}

/* Boxes of the frames of a clip would be those of the past. */
static gboolean takes_clip(const watcher_settings *s, const espy_model_info *info) {
    const espy_task *task = espy_task_find(s->task ? s->task : "caption");
    return s->clip_s > 0 && info && info->max_frames > 1 && task &&
           (task->answer != ESPY_ANSWER_SHAPES || task->films_only);
}

/* The size of a frame does not depend on how many there are, or each of them would have
 * to be looked at anew when one comes: it is such that all have room. */
static void plan_clip(watch_plan *p, const watcher_settings *s, const espy_model_info *info) {
    const double fps = s->clip_fps > 0 ? CLAMP(s->clip_fps, 0.1, 2) : 2;
    const double wanted = ceil(MIN(s->clip_s, 1e4) * fps) + 1;
    p->is_clip = TRUE;
    p->n_frames = (int)at_most((int64_t)MIN(wanted, MOST_FRAMES), info->max_frames);
    p->n_frames = MAX(2, p->n_frames - p->n_frames % 2);
    p->frame_us = (gint64)(1e6 / fps);
    p->clip_us = (gint64)(MIN(s->clip_s, 1e4) * 1e6);
    p->max_pixels = at_most(p->max_pixels, info->frame_max_pixels);
    p->max_pixels = at_most(p->max_pixels, info->film_max_pixels / p->n_frames);
    p->max_pixels = MAX(p->max_pixels, cell_pixels(info));
    p->min_pixels = MAX(info->frame_min_pixels, info->film_min_pixels / p->n_frames);
    p->min_pixels = CLAMP(p->min_pixels, 1, p->max_pixels);
}

static int64_t token_bytes(const espy_model_info *info) {
    return (int64_t)4 * info->dim * (1 + info->n_deepstack);
}

watch_plan watch_plan_make(const watcher_settings *s, const espy_model_info *info) {
    watch_plan p = { .n_frames = 1 };
    const int tokens = s->vision_tokens > 0 ? s->vision_tokens : DEFAULT_TOKENS;
    p.max_pixels = at_most(tokens * cell_pixels(info), MOST_PIXELS);
    if (takes_clip(s, info))
        plan_clip(&p, s, info);
    else if (info && info->image_px > 0)
        p.max_pixels = (int64_t)info->image_px * info->image_px;
    else if (info)
        p.max_pixels = at_most(p.max_pixels, info->max_pixels);
    if (!info) return p;
    const int64_t n_tokens = info->n_queries ? info->n_queries : p.max_pixels / cell_pixels(info);
    const int n_kept = p.is_clip ? p.n_frames / 2 + 1 : 2;
    p.vision_cache_bytes = MIN(n_kept * (n_tokens + 1) * token_bytes(info), MOST_CACHE_BYTES);
    return p;
}

int watch_threads(const watcher_settings *s) {
    if (s->n_threads > 0) return s->n_threads;
    return CLAMP((int)g_get_num_processors() / 2, 1, MOST_THREADS);
}

watcher_settings watcher_settings_copy(const watcher_settings *s) {
    watcher_settings copy = *s;
    copy.model = g_strdup(s->model);
    copy.task = g_strdup(s->task);
    copy.argument = g_strdup(s->argument);
    copy.language = g_strdup(s->language);
    return copy;
}

void watcher_settings_clear(watcher_settings *s) {
    g_free((char *)s->model);
    g_free((char *)s->task);
    g_free((char *)s->argument);
    g_free((char *)s->language);
    memset(s, 0, sizeof *s);
}

gboolean watcher_settings_ask_same(const watcher_settings *a, const watcher_settings *b) {
    return !g_strcmp0(a->model, b->model) && !g_strcmp0(a->task, b->task) &&
           !g_strcmp0(a->argument, b->argument) && !g_strcmp0(a->language, b->language) &&
           a->vision_tokens == b->vision_tokens;
}

gboolean watcher_settings_equal(const watcher_settings *a, const watcher_settings *b) {
    return watcher_settings_ask_same(a, b) && a->max_tokens == b->max_tokens &&
           a->n_threads == b->n_threads && a->when == b->when && a->interval_s == b->interval_s &&
           a->least_s == b->least_s && a->change == b->change && a->clip_s == b->clip_s &&
           a->clip_fps == b->clip_fps && a->drop_same == b->drop_same && a->recalls == b->recalls;
}
