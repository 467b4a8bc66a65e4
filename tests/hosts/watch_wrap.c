/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands between worker and library: counts, notes down, and takes its time. */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "free_memory.h"
#include "thread_priority.h"
#include "watch_rig.h"

static atomic_int token_ms, is_idle, n_opened, n_closed;
static _Atomic int64_t told_free;
static pthread_mutex_t looks_lock = PTHREAD_MUTEX_INITIALIZER;
static GArray *looks; /* of rig_look, under the lock */

static void clear_look(void *look) {
    g_free(((rig_look *)look)->prompt);
}

void rig_reset(void) {
    rig_set_token_ms(0);
    rig_set_free_memory(0);
    rig_set_idle(FALSE);
    n_opened = n_closed = 0;
    pthread_mutex_lock(&looks_lock);
    if (looks) g_array_unref(looks);
    looks = g_array_new(FALSE, FALSE, sizeof(rig_look));
    g_array_set_clear_func(looks, clear_look);
    pthread_mutex_unlock(&looks_lock);
}

void rig_set_token_ms(int ms) {
    token_ms = ms;
}

void rig_set_idle(gboolean idle) {
    is_idle = idle;
}

void rig_set_free_memory(int64_t bytes) {
    told_free = bytes;
}

int rig_n_opened(void) {
    return n_opened;
}

int rig_n_closed(void) {
    return n_closed;
}

int rig_n_looks(void) {
    pthread_mutex_lock(&looks_lock);
    const int n = looks ? (int)looks->len : 0;
    pthread_mutex_unlock(&looks_lock);
    return n;
}

rig_look rig_get_look(int i) {
    pthread_mutex_lock(&looks_lock);
    const int k = i < 0 ? (int)looks->len + i : i;
    const rig_look look = g_array_index(looks, rig_look, k);
    pthread_mutex_unlock(&looks_lock);
    return look;
}

/* ---------------------------------------------------------------------- wraps */

typedef espy_status generate_fn(espy_context *context, const espy_request *request,
                                espy_result *out, espy_error *err);
typedef espy_status open_fn(espy_model **out, const char *path, const espy_model_params *params,
                            espy_error *err);
typedef void close_fn(espy_model **model);
typedef int64_t free_memory_fn(void);
typedef void be_idle_fn(void);
generate_fn __real_espy_generate, __wrap_espy_generate;
open_fn __real_espy_model_open, __wrap_espy_model_open;
close_fn __real_espy_model_close, __wrap_espy_model_close;
free_memory_fn __real_free_memory, __wrap_free_memory;
be_idle_fn __real_thread_be_idle, __wrap_thread_be_idle;

espy_status __wrap_espy_model_open(espy_model **out, const char *path,
                                   const espy_model_params *params, espy_error *err) {
    const espy_status status = __real_espy_model_open(out, path, params, err);
    n_opened += !status;
    return status;
}

void __wrap_espy_model_close(espy_model **model) {
    n_closed += *model != NULL;
    __real_espy_model_close(model);
}

int64_t __wrap_free_memory(void) {
    const int64_t bytes = told_free;
    return bytes ? bytes : __real_free_memory();
}

void __wrap_thread_be_idle(void) {
    if (is_idle) __real_thread_be_idle();
}

/* SCHED_IDLE, or as nice as can be. */
static gboolean stands_back(void) {
#ifdef __linux__
    return sched_getscheduler(0) == SCHED_IDLE ||
           getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)) == 19;
#else
    return is_idle;
#endif
}

typedef struct slowed {
    const espy_request *request;
    int64_t n_seen; /* tokens, as "looking" counts them */
} slowed;

static int on_text(void *user, const char *piece, size_t n_bytes) {
    const slowed *s = user;
    if (token_ms) g_usleep((gulong)token_ms * 1000);
    return s->request->on_text ? s->request->on_text(s->request->user, piece, n_bytes) : 0;
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    slowed *s = user;
    if (!strcmp(phase, "looking")) s->n_seen = MAX(s->n_seen, total);
    return s->request->on_progress ? s->request->on_progress(s->request->user, phase, done, total)
                                   : 0;
}

static void note_down(const espy_request *request, const slowed *s, espy_status status,
                      const espy_result *result) {
    rig_look look = { .status = status, .n_seen = (int)s->n_seen };
    const espy_part *part = request->messages ? request->messages[0].parts : NULL;
    if (part && part->n_images) {
        look.n_frames = part->type == ESPY_PART_VIDEO ? part->n_images : 0;
        look.width = espy_image_width(part->images[0]);
        look.height = espy_image_height(part->images[0]);
        look.drop_same = part->drop_same;
        look.prompt = g_strdup(part[1].text);
        for (int i = 0; part->times_s && i < MIN(look.n_frames, 64); i++)
            look.times_s[i] = part->times_s[i];
    }
    look.is_idle = stands_back();
    look.n_cached = result->n_cached_images;
    look.n_reused = result->n_reused_tokens;
    look.n_prompt = result->n_prompt_tokens;
    pthread_mutex_lock(&looks_lock);
    if (looks) g_array_append_val(looks, look);
    pthread_mutex_unlock(&looks_lock);
}

espy_status __wrap_espy_generate(espy_context *context, const espy_request *request,
                                 espy_result *out, espy_error *err) {
    slowed s = { request, 0 };
    espy_request slow = *request;
    slow.on_text = on_text;
    slow.on_progress = on_progress;
    slow.user = &s;
    const espy_status status = __real_espy_generate(context, &slow, out, err);
    note_down(request, &s, status, out);
    return status;
}
