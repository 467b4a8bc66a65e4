/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time in a recording is what has passed since its first picture, without its pauses.
 * When that picture was drawn OBS does not tell. A recording that has an encoder of its
 * own begins with its output, else with a key frame later on; and picture n has been
 * written by now, so that the first one was drawn n pictures before at the latest. */
#include "recordings.h"

#include <math.h>
#include <obs-module.h>
#include <pthread.h>
#include <string.h>

struct recording {
    obs_weak_output_t *output;
    char *setting; /* the path that it was started with */
    char *path;
    void *own;
    gboolean is_raw, is_shared, is_there;
    double frame_us; /* from one picture to the next */
    int n_frames;
    gint64 zero_us;                  /* when its first picture was drawn            */
    gint64 pause_us;                 /* when its last pause began; 0: none yet      */
    gint64 skipped_us, skipped_then; /* in pauses, until now and before the last one */
    gboolean is_paused;
    double begin_s; /* of the file, in the recording's time */
    /* Said by the thread that writes. */
    pthread_mutex_t lock;
    char *next_path;
    double next_begin_s;
};

struct recordings {
    recording_events events;
    void *user;
    GPtrArray *all; /* recording */
    gint64 looked_us;
};

/* -------------------------------------------------------------------- what runs */

/* Each has a reference. */
typedef struct sighting {
    GPtrArray *outputs;  /* that may be recordings */
    GPtrArray *encoders; /* of all that runs, borrowed: to be compared alone */
} sighting;

static gboolean may_record(const obs_output_t *output) {
    static const char *const ids[] = { "ffmpeg_muxer", "ffmpeg_output", "mp4_output", "mov_output",
                                       NULL };
    const char *id = obs_output_get_id(output);
    return id && g_strv_contains(ids, id);
}

static obs_encoder_t *encoder_of(const obs_output_t *output) {
    return obs_output_get_flags(output) & OBS_OUTPUT_ENCODED ? obs_output_get_video_encoder(output)
                                                             : NULL;
}

static bool see(void *user, obs_output_t *output) {
    sighting *s = user;
    if (!obs_output_active(output)) return true;
    g_ptr_array_add(s->encoders, encoder_of(output));
    if (!may_record(output)) return true;
    obs_output_t *ref = obs_output_get_ref(output);
    if (ref) g_ptr_array_add(s->outputs, ref);
    return true;
}

static gboolean is_shared(const sighting *s, const obs_encoder_t *encoder) {
    int n = 0;
    for (guint i = 0; i < s->encoders->len; i++) n += encoder && s->encoders->pdata[i] == encoder;
    return n > 1;
}

/* NULL: to no file. */
static char *path_of(obs_output_t *output) {
    obs_data_t *settings = obs_output_get_settings(output);
    gboolean is_url = !strcmp(obs_output_get_id(output), "ffmpeg_output");
    const char *path = obs_data_get_string(settings, is_url ? "url" : "path");
    char *own = *path && !strstr(path, "://") ? g_strdup(path) : NULL;
    obs_data_release(settings);
    return own;
}

static double frame_us_of(const obs_output_t *output) {
    const obs_encoder_t *encoder = encoder_of(output);
    video_t *video = encoder ? obs_encoder_video(encoder) : obs_output_video(output);
    const struct video_output_info *info = video ? video_output_get_info(video) : NULL;
    double divisor = 1;
#if LIBOBS_API_VER >= MAKE_SEMANTIC_VERSION(30, 0, 0)
    if (encoder) divisor = MAX(1, obs_encoder_get_frame_rate_divisor(encoder));
#endif
    if (!info || !info->fps_num) return G_USEC_PER_SEC / 30.0;
    return (double)G_USEC_PER_SEC * info->fps_den / info->fps_num * divisor;
}

static gint64 skipped_us_of(obs_output_t *output) {
    obs_encoder_t *encoder = encoder_of(output);
    uint64_t ns =
        encoder ? obs_encoder_get_pause_offset(encoder) : obs_output_get_pause_offset(output);
    return (gint64)(ns / 1000);
}

/* ----------------------------------------------------------------- one recording */

/* On the thread that writes; the last picture that was counted is the file's first. */
static void file_changed(void *user, calldata_t *data) {
    recording *r = user;
    const char *path = calldata_string(data, "next_file");
    obs_output_t *output = obs_weak_output_get_output(r->output);
    int n = output ? obs_output_get_total_frames(output) : 0;
    obs_output_release(output);
    pthread_mutex_lock(&r->lock);
    g_free(r->next_path);
    r->next_path = g_strdup(path);
    r->next_begin_s = MAX(0, n - 1) * r->frame_us / G_USEC_PER_SEC;
    pthread_mutex_unlock(&r->lock);
}

static void follow_pause(recording *r, obs_output_t *output, gint64 now_us) {
    gboolean was_paused = r->is_paused;
    r->is_paused = obs_output_paused(output);
    if (r->is_paused && !was_paused) {
        r->pause_us = now_us;
        r->skipped_then = r->skipped_us;
    }
    if (!r->is_paused) r->skipped_us = skipped_us_of(output);
}

static void follow_frames(recording *r, const obs_output_t *output, gint64 now_us) {
    int n = obs_output_get_total_frames(output);
    if (n <= 0 || r->is_paused) return;
    gint64 latest_us = now_us - r->skipped_us - (gint64)(n * r->frame_us);
    gboolean is_first = !r->n_frames && (r->is_shared || r->is_raw);
    if (is_first || latest_us < r->zero_us) r->zero_us = latest_us;
    r->n_frames = n;
}

static void begin(recordings *all, obs_output_t *output, const sighting *s, char *path,
                  gint64 now_us) {
    recording *r = g_new0(recording, 1);
    gint64 since_us = CLAMP(now_us - all->looked_us, 0, G_USEC_PER_SEC / 4);
    r->output = obs_output_get_weak_output(output);
    r->setting = path;
    r->path = g_strdup(path);
    r->is_raw = !encoder_of(output);
    r->is_shared = is_shared(s, encoder_of(output));
    r->is_there = TRUE;
    r->frame_us = frame_us_of(output);
    r->zero_us = now_us - since_us / 2;
    r->skipped_us = r->skipped_then = skipped_us_of(output);
    pthread_mutex_init(&r->lock, NULL);
    if (!r->is_raw)
        signal_handler_connect(obs_output_get_signal_handler(output), "file_changed", file_changed,
                               r);
    follow_frames(r, output, now_us); /* it may have run for long */
    g_ptr_array_add(all->all, r);
    all->events.begins(all->user, r);
}

static void end(recordings *all, recording *r, double end_s) {
    obs_output_t *output = obs_weak_output_get_output(r->output);
    if (output && !r->is_raw)
        signal_handler_disconnect(obs_output_get_signal_handler(output), "file_changed",
                                  file_changed, r);
    obs_output_release(output);
    all->events.ends(all->user, r, end_s);
    obs_weak_output_release(r->output);
    pthread_mutex_destroy(&r->lock);
    g_free(r->next_path);
    g_free(r->setting);
    g_free(r->path);
    g_free(r);
}

static void turn_to_next_file(recordings *all, recording *r) {
    pthread_mutex_lock(&r->lock);
    char *path = g_steal_pointer(&r->next_path);
    double begin_s = r->next_begin_s;
    pthread_mutex_unlock(&r->lock);
    if (!path) return;
    all->events.ends(all->user, r, begin_s - r->begin_s);
    g_free(r->path);
    r->path = path;
    r->begin_s = begin_s;
    all->events.begins(all->user, r);
}

/* --------------------------------------------------------------------- all of them */

static recording *find(const recordings *all, obs_output_t *output) {
    for (guint i = 0; i < all->all->len; i++) {
        recording *r = all->all->pdata[i];
        if (obs_weak_output_references_output(r->output, output)) return r;
    }
    return NULL;
}

/* One that has stopped did so some time before it is seen, but its pictures are counted. */
static double length_s(const recording *r, gint64 now_us) {
    obs_output_t *output = obs_weak_output_get_output(r->output);
    gboolean goes_on = output && obs_output_active(output);
    int n = output ? MAX(r->n_frames, obs_output_get_total_frames(output)) : r->n_frames;
    double time_s;
    obs_output_release(output);
    if (!goes_on) return n * r->frame_us / G_USEC_PER_SEC - r->begin_s;
    if (recording_time(r, now_us, &time_s)) return time_s;
    return (double)(r->pause_us - r->zero_us - r->skipped_then) / G_USEC_PER_SEC - r->begin_s;
}

static void drop(recordings *all, recording *r, gint64 now_us) {
    g_ptr_array_remove(all->all, r);
    end(all, r, length_s(r, now_us));
}

static void meet(recordings *all, obs_output_t *output, const sighting *s, gint64 now_us) {
    recording *r = find(all, output);
    char *path = path_of(output);
    gboolean is_another =
        r && (g_strcmp0(path, r->setting) || obs_output_get_total_frames(output) < r->n_frames);
    if (is_another) {
        drop(all, r, now_us); /* stopped, and started again, since the last look */
        r = NULL;
    }
    if (r) {
        r->is_there = TRUE;
        g_free(path);
        follow_pause(r, output, now_us);
        follow_frames(r, output, now_us);
        turn_to_next_file(all, r);
    } else if (path) {
        begin(all, output, s, path, now_us);
    }
}

void recordings_look(recordings *all, gint64 now_us) {
    const gint64 between_us = G_USEC_PER_SEC / 10;
    if (now_us < all->looked_us + between_us) return;
    sighting s = { g_ptr_array_new(), g_ptr_array_new() };
    obs_enum_outputs(see, &s);
    for (guint i = 0; i < all->all->len; i++) ((recording *)all->all->pdata[i])->is_there = FALSE;
    for (guint i = 0; i < s.outputs->len; i++) meet(all, s.outputs->pdata[i], &s, now_us);
    for (guint i = all->all->len; i--;) {
        recording *r = all->all->pdata[i];
        if (!r->is_there) drop(all, r, now_us);
    }
    for (guint i = 0; i < s.outputs->len; i++) obs_output_release(s.outputs->pdata[i]);
    g_ptr_array_free(s.outputs, TRUE);
    g_ptr_array_free(s.encoders, TRUE);
    all->looked_us = now_us;
}

void recordings_forget(recordings *all) {
    while (all->all->len) drop(all, all->all->pdata[0], g_get_monotonic_time());
}

void recordings_each(recordings *all, void (*call)(void *user, recording *r), void *user) {
    for (guint i = 0; i < all->all->len; i++) call(user, all->all->pdata[i]);
}

recordings *recordings_new(const recording_events *events, void *user) {
    recordings *all = g_new(recordings, 1);
    *all = (recordings){ *events, user, g_ptr_array_new(), 0 };
    return all;
}

void recordings_free(recordings **all) {
    if (!*all) return;
    recordings_forget(*all);
    g_ptr_array_free((*all)->all, TRUE);
    g_clear_pointer(all, g_free);
}

const char *recording_path(const recording *r) {
    return r->path;
}

gboolean recording_time(const recording *r, gint64 seen_us, double *time_s) {
    gboolean is_after_pause = r->pause_us && seen_us >= r->pause_us;
    if (is_after_pause && r->is_paused) return FALSE;
    gint64 us = seen_us - r->zero_us - (is_after_pause ? r->skipped_us : r->skipped_then);
    /* What was seen in a pause is seen when it ends. */
    if (is_after_pause) us = MAX(us, r->pause_us - r->zero_us - r->skipped_then);
    *time_s = MAX(0, (double)us / G_USEC_PER_SEC - r->begin_s);
    return TRUE;
}

void *recording_get_own(const recording *r) {
    return r->own;
}

void recording_set_own(recording *r, void *own) {
    r->own = own;
}
