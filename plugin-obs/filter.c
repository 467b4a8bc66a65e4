/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One filter on one source: what is seen goes from capture to watcher, what is said from
 * watcher to overlay and outputs. The source is drawn as if there were no filter, and the
 * overlay over it.
 *
 * Threads: create, update, properties, destroy come from any; video_tick and video_render
 * from the graphics thread; captions from the worker's. The parts lock for themselves;
 * the filter's lock guards its settings alone and is never held across a call that waits.
 */
#include "filter.h"

#include <stdatomic.h>
#include <string.h>

#include "capture.h"
#include "filter_settings.h"
#include "log.h"
#include "outputs.h"
#include "overlay.h"
#include "properties.h"

enum {
    SAMPLE_S = 8,
    GONE_US = 500000,
    PAGE_REFRESH_US = 2000000,
    PAGE_QUIET_US = 5000000,
    N_HOTKEYS = 3
};

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
    atomic_int n_pages;      /* open pages of settings               */
    atomic_bool page_is_old; /* something else is to be shown there  */
    atomic_llong updated_us; /* when somebody changed a setting last */

    /* Where graphics are locked. */
    capture *capture;
    capture_order order;        /* for the next time that the source is drawn */
    int width, height;          /* of the source as it was drawn last         */
    gint64 drawn_us;            /* when that was                              */
    gboolean was_on, is_drawn;  /* is_drawn: in this frame already */
    gint64 page_us;             /* when the page was renewed       */
    obs_weak_source_t *keys_of; /* the source that has the hotkeys */
    obs_hotkey_id hotkeys[N_HOTKEYS];
} filter;

/* --------------------------------------------------------------- the worker's */

static void on_caption(void *user, caption *c) {
    filter *f = user;
    overlay_caption(f->overlay, c);
    if (!c->is_whole) return;
    outputs_caption(f->outputs, c);
    g_mutex_lock(&f->lock);
    caption *old = f->last;
    f->last = caption_ref(c);
    g_mutex_unlock(&f->lock);
    caption_unref(old);
    atomic_store(&f->page_is_old, true);
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
    atomic_store(&f->page_is_old, true);
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
    atomic_store(&f->updated_us, g_get_monotonic_time());
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

static const struct {
    const char *name, *key;
    obs_hotkey_func pressed;
} hotkeys[] = {
    { "caption_now", "Hotkey.CaptionNow", now_pressed },
    { "pause", "Hotkey.Pause", pause_pressed },
    { "clear", "Hotkey.Clear", clear_pressed },
};

static void forget_hotkeys(filter *f) {
    if (!f->keys_of) return;
    for (int i = 0; i < N_HOTKEYS; i++) obs_hotkey_unregister(f->hotkeys[i]);
    obs_weak_source_release(f->keys_of);
    f->keys_of = NULL;
}

/* OBS lists hotkeys of sources, not of filters: they are registered with the source that
 * the filter is on, under the filter's name. */
static void register_hotkeys(filter *f, obs_source_t *parent) {
    if (f->keys_of && obs_weak_source_references_source(f->keys_of, parent)) return;
    forget_hotkeys(f);
    f->keys_of = obs_source_get_weak_source(parent);
    for (int i = 0; i < N_HOTKEYS; i++) {
        const char *filter_name = obs_source_get_name(f->source);
        g_autofree char *name = g_strdup_printf("espy.%s.%s", hotkeys[i].name, filter_name);
        g_autofree char *title = g_strdup_printf(obs_module_text(hotkeys[i].key), filter_name);
        f->hotkeys[i] = obs_hotkey_register_source(parent, name, title, hotkeys[i].pressed, f);
    }
}

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
    add_procs(f);
    update(f, settings);
    return f;
}

static void destroy(void *data) {
    filter *f = data;
    forget_hotkeys(f);
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

/* The page shows what is going on; not while somebody is at it. */
static void renew_page(filter *f, gint64 now_us) {
    if (!atomic_load(&f->n_pages) || now_us - f->page_us < PAGE_REFRESH_US ||
        now_us - atomic_load(&f->updated_us) < PAGE_QUIET_US ||
        !atomic_exchange(&f->page_is_old, false))
        return;
    f->page_us = now_us;
    obs_source_update_properties(f->source);
}

/* What nobody sees is not looked at. */
static void switch_on_or_off(filter *f, gint64 now_us) {
    bool is_on = f->drawn_us && now_us - f->drawn_us < GONE_US;
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
    renew_page(f, now_us);
}

/* What the filter is on is there while it is drawn, and perhaps at no other time. A filter may be
 * drawn several times a frame, of which the first counts. */
static void notice_source(filter *f) {
    obs_source_t *parent = obs_filter_get_parent(f->source);
    obs_source_t *target = obs_filter_get_target(f->source);
    if (!parent || !target) return;
    f->drawn_us = g_get_monotonic_time();
    f->width = (int)obs_source_get_base_width(target);
    f->height = (int)obs_source_get_base_height(target);
    register_hotkeys(f, parent);
    outputs_name_source(f->outputs, obs_source_get_name(parent));
    if (f->order.wants && f->width > 0 && f->height > 0)
        capture_draw(f->capture, f->source, (uint32_t)f->width, (uint32_t)f->height, &f->order);
    f->order.wants = 0;
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

static void page_closed(void *user) {
    atomic_fetch_sub(&((filter *)user)->n_pages, 1);
}

static obs_properties_t *get_properties(void *data) {
    filter *f = data;
    if (!f) return properties_make(NULL);
    properties_host host = { f,           page_get_state, page_get_error, page_caption_now,
                             page_sample, page_retry,     page_closed };
    atomic_fetch_add(&f->n_pages, 1);
    return properties_make(&host);
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
