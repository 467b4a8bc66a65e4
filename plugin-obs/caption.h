/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was said of a picture: made by the worker, shared by all who show it. Never
 * changes once it is made; of any thread.
 */
#ifndef ESPY_OBS_CAPTION_H
#define ESPY_OBS_CAPTION_H

#include <glib.h>
#include <stdatomic.h>

/* A thing that was found, in parts of the picture's width and height, 0 to 1. */
typedef struct caption_box {
    double x1, y1, x2, y2; /* a point: x1 == x2, y1 == y2 */
    char *label;
} caption_box;

typedef struct caption {
    atomic_int refs;
    guint64 serial; /* of the watcher, from 1: pieces of one answer share it         */
    char *text;     /* UTF-8, trimmed; of things found: their labels, "a cat, a hat" */
    caption_box *boxes;
    int n_boxes;
    gboolean finds;    /* the question asks for places: the boxes are the answer      */
    gboolean is_whole; /* FALSE: the answer is still being written                    */
    gboolean is_news;  /* of a whole one: it says something else than the one before  */
    gint64 seen_us;    /* when the picture was drawn (of a clip: its last frame)      */
    gint64 done_us;    /* when this was made; done_us - seen_us is the lag            */
    int n_tokens;      /* written                                                     */
    double tokens_per_s;
} caption;

/* Zeroed, with one reference. */
caption *caption_new(void);
caption *caption_ref(caption *c);
void caption_unref(caption *c); /* NULL is fine */

/* {"text":..., "boxes":[{"label":...,"x1":...}], ...} on one line, owned by the caller
 * (g_free). start_s, end_s: when it holds; negative: left out. */
char *caption_to_json(const caption *c, double start_s, double end_s);

/* Whether two captions tell a viewer the same: case, punctuation, white space, and
 * articles set aside, the same words in the same order. Languages without spaces too. */
gboolean caption_says_same(const char *a, const char *b);

#endif
