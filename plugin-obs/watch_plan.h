/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a look will be, by a watcher's settings and its model's numbers: of how many
 * pictures, and how large. Knows no thread.
 */
#ifndef ESPY_OBS_WATCH_PLAN_H
#define ESPY_OBS_WATCH_PLAN_H

#include <espy.h>

#include "worker.h"

typedef struct watch_plan {
    gboolean is_clip;           /* of the last seconds; FALSE: of the newest picture alone   */
    int n_frames;               /* at most, even; 1 of a picture                             */
    gint64 frame_us, clip_us;   /* of a clip: from frame to frame, from first to last        */
    int64_t min_pixels;         /* of a picture or frame; 0: as task and model say           */
    int64_t max_pixels;         /* the most; it is not read back larger                      */
    int64_t vision_cache_bytes; /* for what may be seen again                               */
} watch_plan;

/* info: NULL while the model is not loaded; then of usual numbers, and no clip. */
watch_plan watch_plan_make(const watcher_settings *s, const espy_model_info *info);

int watch_threads(const watcher_settings *s);

/* Copies with strings of their own. */
watcher_settings watcher_settings_copy(const watcher_settings *s);
void watcher_settings_clear(watcher_settings *s);

/* Whether an answer for the one would be of use to the other: model, question, language
 * and size are the same. */
gboolean watcher_settings_ask_same(const watcher_settings *a, const watcher_settings *b);
/* All but whether it is on or paused. */
gboolean watcher_settings_equal(const watcher_settings *a, const watcher_settings *b);

#endif
