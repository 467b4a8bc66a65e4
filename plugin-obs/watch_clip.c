/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch_clip.h"

static void close_image(void *data) {
    espy_image *image = data;
    espy_image_close(&image);
}

void watch_clip_open(watch_clip *c) {
    c->images = g_ptr_array_new_with_free_func(close_image);
    c->seen_us = g_array_new(FALSE, FALSE, sizeof(gint64));
}

void watch_clip_close(watch_clip *c) {
    g_ptr_array_unref(c->images);
    g_array_unref(c->seen_us);
}

static int count(const watch_clip *c) {
    return (int)c->images->len;
}

static gint64 time_of(const watch_clip *c, int i) {
    return g_array_index(c->seen_us, gint64, i);
}

static void drop_first(watch_clip *c, int n) {
    if (!n) return;
    g_ptr_array_remove_range(c->images, 0, (guint)n);
    g_array_remove_range(c->seen_us, 0, (guint)n);
}

void watch_clip_empty(watch_clip *c) {
    drop_first(c, count(c));
}

static gboolean continues(const watch_clip *c, const frame *f, const watch_plan *plan) {
    const int last = count(c) - 1;
    if (last < 0) return TRUE;
    const espy_image *image = c->images->pdata[last];
    const gint64 later_us = f->seen_us - time_of(c, last);
    return espy_image_width(image) == f->width && espy_image_height(image) == f->height &&
           later_us >= 0 && later_us < plan->clip_us / 2 + 4 * plan->frame_us;
}

/* Room for one more at the time: if there is none, the older half goes. */
static void make_room(watch_clip *c, gint64 now_us, const watch_plan *plan) {
    const int n = count(c);
    int first = 0;
    if (!n || (n < plan->n_frames && now_us - time_of(c, 0) <= plan->clip_us)) return;
    while (first < n &&
           (n - first > plan->n_frames / 2 || now_us - time_of(c, first) > plan->clip_us / 2))
        first += 2;
    drop_first(c, MIN(first, n));
}

espy_status watch_clip_add(watch_clip *c, const frame *f, const watch_plan *plan, espy_error *err) {
    espy_image *image;
    espy_status status = espy_image_from_pixels(&image, f->rgba, f->width, f->height,
                                                (ptrdiff_t)f->width * 4, 4, ESPY_ALPHA_DROP, err);
    if (status) return status;
    if (!continues(c, f, plan)) watch_clip_empty(c);
    make_room(c, f->seen_us, plan);
    g_ptr_array_add(c->images, image);
    g_array_append_val(c->seen_us, f->seen_us);
    return ESPY_OK;
}

espy_part watch_clip_part(const watch_clip *c, const watch_plan *plan, const espy_image ***images,
                          double **times_s) {
    const int n = count(c), n_even = n + n % 2;
    *images = g_new(const espy_image *, n_even);
    *times_s = g_new(double, n_even);
    for (int i = 0; i < n_even; i++) {
        const int k = MIN(i, n - 1);
        (*images)[i] = c->images->pdata[k];
        (*times_s)[i] = (double)(time_of(c, k) - time_of(c, 0)) / 1e6;
    }
    return (espy_part){ .type = ESPY_PART_VIDEO,
                        .images = *images,
                        .n_images = n_even,
                        .fps = 1e6 / (double)plan->frame_us,
                        .min_pixels = plan->min_pixels,
                        .max_pixels = plan->max_pixels,
                        .total_pixels = plan->max_pixels * plan->n_frames,
                        .times_s = *times_s };
}
