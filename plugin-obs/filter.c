/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One filter on one source: what is seen goes from capture to watcher, what is said from
 * watcher to overlay and outputs. The source is drawn as if there were no filter, and the
 * overlay over it.
 *
 * Threads: create, update, properties, destroy come from any; video_tick and video_render
 * from the graphics thread; captions from the worker's. The parts lock for themselves;
 * under the filter's lock they are only told of settings, for which none of them waits.
 */
#include "filter.h"

#include <stdatomic.h>
#include <string.h>

#include "capture.h"
#include "filter_settings.h"
#include "hotkeys.h"
#include "log.h"
#include "outputs.h"
#include "overlay.h"
#include "properties.h"

enum { SAMPLE_S = 8, GONE_US = 500000, GONE_TICKS = 3 };

typedef struct filter {
    obs_source_t *source; /* owns the filter */
    watcher *watcher;
    overlay *overlay;
    outputs *outputs;

    GMutex lock;
    filter_settings settings;
    caption *last; /* the last whole one */

    atomic_bool is_on; /* the filter draws: it is enabled, and its source is shown */
    atomic_bool is_paused;

    hotkeys *hotkeys; /* the tick's */

    /* Where graphics are locked. */
    capture *capture;
    capture_order order; /* for the next time that the source is drawn */
    int width, height;   /* of the source as it was drawn last         */
    gint64 drawn_us;     /* when that was; 0: never                    */
    int n_ticks;         /* since then                                 */
} filter;

/* --------------------------------------------------------------- the worker's */

/* The same for the overlay, with a line about itself. */
static caption *with_lag(const caption *c) {
    caption *told = caption_new();
    gatomicrefcount refs = told->refs;
    *told = *c;
    told->refs = refs;
    g_autofree char *lag = g_strdup_printf(
        obs_module_text("Text.Lag"), (double)(c->done_us - c->seen_us) / 1e6, c->tokens_per_s);
    told->text = g_strdup_printf("%s\n(%s)", c->text, lag);
    told->boxes = g_memdup2(c->boxes, (gsize)c->n_boxes * sizeof *c->boxes);
    for (int i = 0; i < c->n_boxes; i++) told->boxes[i].label = g_strdup(c->boxes[i].label);
    return told;
}

static void show(filter *f, caption *c) {
    g_mutex_lock(&f->lock);
    gboolean tells_lag = f->settings.tells_lag;
    g_mutex_unlock(&f->lock);
    caption *shown = tells_lag && c->is_whole && *c->text ? with_lag(c) : caption_ref(c);
    overlay_caption(f->overlay, shown);
    caption_unref(shown);
}

static void on_caption(void *user, caption *c) {
    filter *f = user;
    show(f, c);
    if (!c->is_whole) return;
    outputs_caption(f->outputs, c);
    g_mutex_lock(&f->lock);
    caption *old = f->last;
    f->last = caption_ref(c);
    g_mutex_unlock(&f->lock);
    caption_unref(old);
    say(LOG_DEBUG, "'%s': %.2f s behind: %s", obs_source_get_name(f->source),
        (double)(c->done_us - c->seen_us) / 1e6, c->text);
}

static void on_state(void *user) {
    filter *f = user;
    watcher_state state;
    watcher_get_state(f->watcher, &state);
    const char *name = obs_source_get_name(f->source);
    if (state.state == WATCH_FAILED) say(LOG_WARNING, "'%s': %s", name, state.message);
    if (state.state == WATCH_HELD)
        say(LOG_WARNING, "'%s': a model that failed is not loaded again without being asked: %s",
            name, state.message ? state.message : "the program ended while it was loading");
    watcher_state_clear(&state);
}

/* ------------------------------------------------------------------- settings */

/* Settings as they are, and what the filter is at, to the watcher. */
static void set_watcher(filter *f) {
    g_mutex_lock(&f->lock);
    watcher_settings s = f->settings.watcher;
    s.is_on = atomic_load(&f->is_on);
    s.is_paused = atomic_load(&f->is_paused);
    watcher_set(f->watcher, &s);
    g_mutex_unlock(&f->lock);
}

static void update(void *data, obs_data_t *settings) {
    filter *f = data;
    filter_settings s, old;
    filter_settings_read(&s, settings);
    g_mutex_lock(&f->lock);
    old = f->settings;
    f->settings = s;
    overlay_set(f->overlay, &s.overlay);
    outputs_set(f->outputs, &s.outputs);
    g_mutex_unlock(&f->lock);
    filter_settings_clear(&old);
    set_watcher(f);
}

static void set_paused(filter *f, bool is_paused) {
    atomic_store(&f->is_paused, is_paused);
    set_watcher(f);
}

static void clear(filter *f) {
    overlay_clear(f->overlay);
    outputs_clear(f->outputs);
}

/* ---------------------------------------------------------------- from outside */

static void proc_caption_now(void *data, calldata_t *call) {
    (void)call;
    watcher_ask(((filter *)data)->watcher);
}

static void proc_pause(void *data, calldata_t *call) {
    set_paused(data, calldata_bool(call, "paused"));
}

static void proc_clear(void *data, calldata_t *call) {
    (void)call;
    clear(data);
}

static const char *state_name(watch_state state) {
    static const char *const names[] = { "off",     "paused", "loading", "waiting",
                                         "working", "failed", "held" };
    return names[state];
}

/* As JSON. */
static char *state_text(filter *f) {
    watcher_state s;
    watcher_get_state(f->watcher, &s);
    obs_data_t *data = obs_data_create();
    obs_data_set_string(data, "state", state_name(s.state));
    if (s.message) obs_data_set_string(data, "message", s.message);
    if (s.model) obs_data_set_string(data, "model", s.model);
    obs_data_set_int(data, "captions", (long long)s.n_captions);
    obs_data_set_int(data, "same", (long long)s.n_same);
    obs_data_set_int(data, "dropped", (long long)s.n_dropped);
    obs_data_set_double(data, "lag_s", s.lag_s);
    obs_data_set_double(data, "caption_s", s.caption_s);
    obs_data_set_double(data, "tokens_per_s", s.tokens_per_s);
    char *text = g_strdup(obs_data_get_json(data));
    obs_data_release(data);
    watcher_state_clear(&s);
    return text;
}

static void proc_get(void *data, calldata_t *call) {
    filter *f = data;
    g_mutex_lock(&f->lock);
    caption *last = f->last ? caption_ref(f->last) : NULL;
    g_mutex_unlock(&f->lock);
    g_autofree char *json = last ? caption_to_json(last, -1, -1) : g_strdup("");
    g_autofree char *state = state_text(f);
    calldata_set_string(call, "caption_json", json);
    calldata_set_string(call, "state_json", state);
    caption_unref(last);
}

static void add_procs(filter *f) {
    proc_handler_t *procs = obs_source_get_proc_handler(f->source);
    proc_handler_add(procs, "void espy_caption_now()", proc_caption_now, f);
    proc_handler_add(procs, "void espy_pause(bool paused)", proc_pause, f);
    proc_handler_add(procs, "void espy_clear()", proc_clear, f);
    proc_handler_add(procs, "void espy_get(out string caption_json, out string state_json)",
                     proc_get, f);
}

/* -------------------------------------------------------------------- hotkeys */

static void now_pressed(void *data, obs_hotkey_id id, obs_hotkey_t *key, bool is_pressed) {
    (void)id, (void)key;
    if (is_pressed) watcher_ask(((filter *)data)->watcher);
}

static void pause_pressed(void *data, obs_hotkey_id id, obs_hotkey_t *key, bool is_pressed) {
    (void)id, (void)key;
    if (is_pressed) set_paused(data, !atomic_load(&((filter *)data)->is_paused));
}

static void clear_pressed(void *data, obs_hotkey_id id, obs_hotkey_t *key, bool is_pressed) {
    (void)id, (void)key;
    if (is_pressed) clear(data);
}

static const hotkey keys[] = {
    { "caption_now", "Hotkey.CaptionNow", now_pressed },
    { "pause", "Hotkey.Pause", pause_pressed },
    { "clear", "Hotkey.Clear", clear_pressed },
};

/* ----------------------------------------------------------------------- life */

static const char *get_name(void *unused) {
    (void)unused;
    return obs_module_text("Filter");
}

static void *create(obs_data_t *settings, obs_source_t *source) {
    static const watcher_events events = { on_caption, on_state };
    filter *f = g_new0(filter, 1);
    f->source = source;
    g_mutex_init(&f->lock);
    f->capture = capture_new();
    f->overlay = overlay_new();
    f->outputs = outputs_new(source);
    f->watcher = watcher_new(module_take_worker(), &events, f);
    f->hotkeys = hotkeys_new(keys, G_N_ELEMENTS(keys), f);
    add_procs(f);
    update(f, settings);
    return f;
}

static void destroy(void *data) {
    filter *f = data;
    hotkeys_free(&f->hotkeys);
    watcher_free(&f->watcher); /* from here on no caption comes */
    module_give_worker_back();
    outputs_free(&f->outputs);
    overlay_free(&f->overlay);
    capture_free(&f->capture);
    filter_settings_clear(&f->settings);
    caption_unref(f->last);
    g_mutex_clear(&f->lock);
    g_free(f);
}

/* A filter that was taken off sees nothing any more. */
static void filter_remove(void *data, obs_source_t *parent) {
    (void)parent;
    filter *f = data;
    atomic_store(&f->is_on, false);
    set_watcher(f);
}

/* ------------------------------------------------------------------- each frame */

/* What nobody sees is not looked at. */
static void switch_on_or_off(filter *f, gint64 now_us) {
    bool is_gone = f->n_ticks++ >= GONE_TICKS && now_us - f->drawn_us >= GONE_US;
    bool is_on = f->drawn_us && !is_gone;
    if (is_on == atomic_exchange(&f->is_on, is_on)) return;
    set_watcher(f);
    if (is_on) return;
    clear(f);
    capture_rest(f->capture);
}

static void hand_on(filter *f) {
    frame *glance, *look;
    capture_tick(f->capture, &glance, &look);
    if (glance) {
        watcher_glance(f->watcher, glance);
        overlay_glance(f->overlay, glance);
        frame_free(glance);
    }
    if (look) watcher_offer(f->watcher, look);
}

static void video_tick(void *data, float seconds) {
    (void)seconds;
    filter *f = data;
    const gint64 now_us = g_get_monotonic_time();
    hotkeys_tick(f->hotkeys, f->source);
    switch_on_or_off(f, now_us);
    hand_on(f);
    f->order.wants = 0;
    if (atomic_load(&f->is_on)) {
        f->order.wants = watcher_wants(f->watcher, now_us, f->width, f->height, &f->order.glance,
                                       &f->order.look);
        if (overlay_wants_glance(f->overlay)) f->order.wants |= WANTS_GLANCE;
    }
    overlay_tick(f->overlay, now_us, f->width, f->height);
    outputs_tick(f->outputs, now_us);
}

/* What the filter is on is there while it is drawn, and perhaps at no other time. A filter may be
 * drawn several times a frame, of which the first counts. */
static void notice_source(filter *f) {
    obs_source_t *parent = obs_filter_get_parent(f->source);
    obs_source_t *target = obs_filter_get_target(f->source);
    if (!parent || !target) return;
    const int width = (int)obs_source_get_base_width(target);
    const int height = (int)obs_source_get_base_height(target);
    /* Pictures were ordered for the size that it had. */
    if (width == f->width && height == f->height && f->order.wants && width > 0 && height > 0)
        capture_draw(f->capture, f->source, (uint32_t)width, (uint32_t)height, &f->order);
    f->order.wants = 0;
    f->drawn_us = g_get_monotonic_time();
    f->n_ticks = 0;
    f->width = width;
    f->height = height;
    outputs_name_source(f->outputs, obs_source_get_name(parent));
}

static void video_render(void *data, gs_effect_t *effect) {
    (void)effect;
    filter *f = data;
    const gboolean is_for_model = capture_is_drawing();
    if (!is_for_model) notice_source(f);
    capture_draw_source(f->source);
    if (!is_for_model) overlay_draw(f->overlay);
}

/* What the filter draws is in the colours of what it is on. */
static enum gs_color_space get_color_space(void *data, size_t n_preferred,
                                           const enum gs_color_space *preferred) {
    filter *f = data;
    obs_source_t *target = obs_filter_get_target(f->source);
    return target ? obs_source_get_color_space(target, n_preferred, preferred) : GS_CS_SRGB;
}

/* ------------------------------------------------------------------------- page */

static void page_get_state(void *user, watcher_state *out) {
    watcher_get_state(((filter *)user)->watcher, out);
}

static char *page_get_error(void *user) {
    return outputs_error(((filter *)user)->outputs);
}

static void page_caption_now(void *user) {
    watcher_ask(((filter *)user)->watcher);
}

static void page_sample(void *user) {
    overlay_sample(((filter *)user)->overlay, obs_module_text("Text.SampleText"), SAMPLE_S);
}

static void page_retry(void *user) {
    watcher_retry(((filter *)user)->watcher);
}

static obs_properties_t *get_properties(void *data) {
    static const properties_calls calls = { page_get_state, page_get_error, page_caption_now,
                                            page_sample, page_retry };
    return properties_make(&calls, data ? ((filter *)data)->source : NULL);
}

const struct obs_source_info filter_info = {
    .id = FILTER_ID,
    .type = OBS_SOURCE_TYPE_FILTER,
    .output_flags = OBS_SOURCE_VIDEO | OBS_SOURCE_SRGB,
    .get_name = get_name,
    .create = create,
    .destroy = destroy,
    .get_defaults = filter_settings_defaults,
    .get_properties = get_properties,
    .update = update,
    .video_tick = video_tick,
    .video_render = video_render,
    .filter_remove = filter_remove,
    .video_get_color_space = get_color_space,
};
