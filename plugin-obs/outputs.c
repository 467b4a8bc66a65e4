/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions wait for the next tick, which shows them in the text source and writes them
 * down; a wish to clear is a caption without text. */
#include "outputs.h"

#include <pthread.h>

#include "closed_captions.h"
#include "output_files.h"
#include "text_source.h"
#include "vendor.h"

struct outputs {
    obs_source_t *filter;
    /* Of any thread. */
    pthread_mutex_t lock;
    outputs_settings *wish; /* new settings; NULL: none */
    GQueue waiting;         /* caption                  */
    char *error, *source_name;
    /* The tick's. */
    outputs_settings settings;
    caption *shown;   /* the newest that says something new; NULL: none yet */
    gint64 told_us;   /* when it was said last                              */
    gboolean is_gone; /* it is not shown any more                           */
    text_source text_source;
    output_files *files;
    gint64 cared_us; /* when what takes longer was looked after */
};

/* ------------------------------------------------------------------------ settings */

static void free_settings(outputs_settings *s) {
    if (!s) return;
    g_free((char *)s->text_source);
    g_free((char *)s->folder);
    g_free(s);
}

/* Here, and not in the tick, since it may read a file. */
static const char *folder_for_all(void) {
    const char *videos = g_get_user_special_dir(G_USER_DIRECTORY_VIDEOS);
    return videos ? videos : g_get_home_dir();
}

static outputs_settings *copy_settings(const outputs_settings *from) {
    outputs_settings *s = g_new(outputs_settings, 1);
    *s = *from;
    s->text_source = from->text_source && *from->text_source ? g_strdup(from->text_source) : NULL;
    s->folder = g_strdup(from->folder && *from->folder ? from->folder : folder_for_all());
    return s;
}

static void take_wish(outputs *o) {
    pthread_mutex_lock(&o->lock);
    outputs_settings *wish = g_steal_pointer(&o->wish);
    pthread_mutex_unlock(&o->lock);
    if (!wish) return;
    if (!wish->closed_captions) closed_captions_clear(o);
    if (wish->closed_captions && !o->settings.closed_captions && o->shown && !o->is_gone)
        closed_captions_say(o, o->shown->text);
    output_files_set(o->files, wish);
    text_source_retry(&o->text_source);
    outputs_settings before = o->settings;
    o->settings = *wish;
    *wish = before;
    free_settings(wish);
}

/* ------------------------------------------------------------------------ the tick */

static void take_caption(outputs *o, caption *c, gint64 now_us) {
    o->told_us = now_us;
    if (c->is_news || o->is_gone || !o->shown) {
        caption_unref(o->shown);
        o->shown = caption_ref(c);
        o->is_gone = !*c->text;
        text_source_retry(&o->text_source);
        if (o->settings.closed_captions) closed_captions_say(o, c->text);
    }
    output_files_caption(o->files, c, now_us);
}

static void vanish_in_time(outputs *o, gint64 now_us) {
    const double stays_us = o->settings.stays_s * G_USEC_PER_SEC;
    if (!o->shown || o->is_gone || stays_us <= 0 || (double)(now_us - o->told_us) < stays_us)
        return;
    o->is_gone = TRUE;
    closed_captions_clear(o);
}

static void care(outputs *o, gint64 now_us) {
    if (now_us < o->cared_us + G_USEC_PER_SEC / 4) return;
    char *error = output_files_error(o->files);
    if (!error && o->settings.text_source && o->text_source.retry_us)
        error = g_strdup_printf("There is no text source named '%s'.", o->settings.text_source);
    pthread_mutex_lock(&o->lock);
    char *old_error = o->error;
    o->error = error;
    pthread_mutex_unlock(&o->lock);
    g_free(old_error);
    o->cared_us = now_us;
}

static caption *next_waiting(outputs *o) {
    pthread_mutex_lock(&o->lock);
    caption *c = g_queue_pop_head(&o->waiting);
    pthread_mutex_unlock(&o->lock);
    return c;
}

void outputs_tick(outputs *o, gint64 now_us) {
    take_wish(o);
    output_files_tick(o->files, now_us);
    for (caption *c; (c = next_waiting(o)); caption_unref(c)) take_caption(o, c, now_us);
    vanish_in_time(o, now_us);
    const char *text = o->is_gone ? "" : o->shown ? o->shown->text : NULL;
    text_source_show(&o->text_source, o->settings.text_source, text, now_us);
    closed_captions_tick(now_us);
    care(o, now_us);
}

/* ------------------------------------------------------------------- the interface */

static void tell(outputs *o, const caption *c) {
    g_autofree char *json = caption_to_json(c, -1, -1);
    calldata_t data = { 0 };
    calldata_set_ptr(&data, "source", o->filter);
    calldata_set_string(&data, "text", c->text);
    calldata_set_string(&data, "json", json);
    signal_handler_signal(obs_source_get_signal_handler(o->filter), "espy_caption", &data);
    calldata_free(&data);
    pthread_mutex_lock(&o->lock);
    g_autofree char *source_name = g_strdup(o->source_name);
    pthread_mutex_unlock(&o->lock);
    vendor_tell(json, obs_source_get_name(o->filter), source_name);
}

static void let_wait(outputs *o, caption *c) {
    pthread_mutex_lock(&o->lock);
    g_queue_push_tail(&o->waiting, caption_ref(c));
    pthread_mutex_unlock(&o->lock);
}

void outputs_caption(outputs *o, caption *c) {
    if (!c->is_whole || !c->text) return;
    if (c->is_news) tell(o, c);
    let_wait(o, c);
}

void outputs_clear(outputs *o) {
    caption *nothing = caption_new();
    nothing->text = g_strdup("");
    nothing->is_whole = nothing->is_news = TRUE;
    nothing->seen_us = nothing->done_us = g_get_monotonic_time();
    let_wait(o, nothing);
    caption_unref(nothing);
}

void outputs_name_source(outputs *o, const char *name) {
    pthread_mutex_lock(&o->lock);
    if (g_strcmp0(o->source_name, name)) {
        g_free(o->source_name);
        o->source_name = g_strdup(name);
    }
    pthread_mutex_unlock(&o->lock);
}

void outputs_set(outputs *o, const outputs_settings *settings) {
    outputs_settings *wish = copy_settings(settings);
    pthread_mutex_lock(&o->lock);
    outputs_settings *before = o->wish;
    o->wish = wish;
    pthread_mutex_unlock(&o->lock);
    free_settings(before);
}

char *outputs_error(outputs *o) {
    pthread_mutex_lock(&o->lock);
    char *error = g_strdup(o->error);
    pthread_mutex_unlock(&o->lock);
    return error;
}

outputs *outputs_new(obs_source_t *filter) {
    outputs *o = g_new0(outputs, 1);
    o->filter = filter;
    pthread_mutex_init(&o->lock, NULL);
    g_queue_init(&o->waiting);
    o->files = output_files_new();
    signal_handler_add(obs_source_get_signal_handler(filter),
                       "void espy_caption(ptr source, string text, string json)");
    return o;
}

void outputs_free(outputs **ptr) {
    outputs *o = *ptr;
    if (!o) return;
    output_files_free(&o->files);
    closed_captions_clear(o);
    closed_captions_tick(g_get_monotonic_time());
    text_source_clear(&o->text_source);
    g_queue_clear_full(&o->waiting, (GDestroyNotify)caption_unref);
    caption_unref(o->shown);
    free_settings(o->wish);
    g_free((char *)o->settings.text_source);
    g_free((char *)o->settings.folder);
    g_free(o->error);
    g_free(o->source_name);
    pthread_mutex_destroy(&o->lock);
    g_clear_pointer(ptr, g_free);
}

void outputs_register_vendor(void) {
    vendor_register();
}

void outputs_forget_vendor(void) {
    vendor_forget();
    closed_captions_forget();
}
