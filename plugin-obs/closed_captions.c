/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "closed_captions.h"

#include <obs-module.h>
#include <pthread.h>
#include <string.h>

#include "closed_text.h"

#define BLANK " "

static struct {
    pthread_mutex_t lock;
    const void *who;
    char **pages; /* NULL: all is said */
    char **page;  /* the next one      */
    gboolean is_blank;
    gint64 due_us;  /* when the next page may come          */
    GQueue delayed; /* what outputs with a delay get later on */
} now_shown = { .lock = PTHREAD_MUTEX_INITIALIZER, .is_blank = TRUE };

/* No page at all is one without text, which takes what is shown from the screen at once. */
static void turn_to(const void *who, char **pages) {
    now_shown.who = who;
    g_strfreev(now_shown.pages);
    if (!*pages) {
        g_strfreev(pages);
        pages = now_shown.is_blank ? NULL : g_strsplit(BLANK, "\n", -1);
        now_shown.due_us = 0;
    }
    now_shown.pages = now_shown.page = pages;
}

void closed_captions_say(const void *who, const char *text) {
    char **pages = closed_text_pages(text);
    pthread_mutex_lock(&now_shown.lock);
    turn_to(who, pages);
    pthread_mutex_unlock(&now_shown.lock);
}

void closed_captions_clear(const void *who) {
    pthread_mutex_lock(&now_shown.lock);
    if (now_shown.who == who) turn_to(NULL, g_new0(char *, 1));
    pthread_mutex_unlock(&now_shown.lock);
}

/* ------------------------------------------------------------------- the outputs */

/* Before 30.2, OBS puts captions as H.264 has them into every codec. */
static gboolean knows_captions(const obs_encoder_t *encoder) {
    return obs_get_version() >= MAKE_SEMANTIC_VERSION(30, 2, 0) ||
           !g_strcmp0(obs_encoder_get_codec(encoder), "h264");
}

/* Captions go into packets of video where they meet those of sound. */
static gboolean takes_captions(const obs_output_t *output) {
    const uint32_t needs = OBS_OUTPUT_ENCODED | OBS_OUTPUT_AV;
    return (obs_output_get_flags(output) & needs) == needs && obs_output_active(output) &&
           obs_output_get_video_encoder(output) && obs_output_get_audio_encoder(output, 0) &&
           knows_captions(obs_output_get_video_encoder(output));
}

/* Captions join the packets where these leave a delay, so theirs is made here. */
typedef struct delayed {
    obs_weak_output_t *output;
    char *page;
    double seconds;
    gint64 due_us;
} delayed;

static void delay(obs_output_t *output, const char *page, double seconds, gint64 due_us) {
    delayed *d = g_new(delayed, 1);
    *d = (delayed){ obs_output_get_weak_output(output), g_strdup(page), seconds, due_us };
    g_queue_push_tail(&now_shown.delayed, d);
}

static void free_delayed(gpointer data) {
    delayed *d = data;
    obs_weak_output_release(d->output);
    g_free(d->page);
    g_free(d);
}

static void give_delayed(gint64 now_us) {
    for (GList *link = now_shown.delayed.head, *next; link; link = next) {
        delayed *d = link->data;
        next = link->next;
        if (now_us < d->due_us) continue;
        obs_output_t *output = obs_weak_output_get_output(d->output);
        if (output && obs_output_active(output))
            obs_output_output_caption_text2(output, d->page, d->seconds);
        obs_output_release(output);
        g_queue_delete_link(&now_shown.delayed, link);
        free_delayed(d);
    }
}

typedef struct giving {
    const char *page;
    double seconds;
    gint64 now_us;
    int n_taken, n_paused;
} giving;

/* OBS counts the seconds in the output's time, which stands while it is paused: half of
 * them are asked for, so that the output is ready for the next page in time. */
static bool give(void *user, obs_output_t *output) {
    giving *g = user;
    if (!takes_captions(output)) return true;
    if (obs_output_paused(output)) {
        g->n_paused++;
        return true;
    }
    uint32_t delay_s = obs_output_get_active_delay(output);
    if (delay_s)
        delay(output, g->page, g->seconds / 2, g->now_us + delay_s * (gint64)G_USEC_PER_SEC);
    else
        obs_output_output_caption_text2(output, g->page, g->seconds / 2);
    g->n_taken++;
    return true;
}

void closed_captions_tick(gint64 now_us) {
    const gint64 between_looks_us = G_USEC_PER_SEC / 4;
    pthread_mutex_lock(&now_shown.lock);
    give_delayed(now_us);
    if (now_shown.pages && now_us >= now_shown.due_us) {
        const char *page = *now_shown.page;
        gboolean is_blank = !strcmp(page, BLANK);
        giving g = { page, is_blank ? 0 : closed_text_seconds(page), now_us, 0, 0 };
        obs_enum_outputs(give, &g);
        /* A text that nobody takes waits for the start of an output, which has none yet. */
        now_shown.due_us =
            now_us + (g.n_taken ? (gint64)(g.seconds * G_USEC_PER_SEC) : between_looks_us);
        if (g.n_taken || (is_blank && !g.n_paused)) {
            now_shown.is_blank = is_blank;
            if (!*++now_shown.page) g_clear_pointer(&now_shown.pages, g_strfreev);
        }
    }
    pthread_mutex_unlock(&now_shown.lock);
}

void closed_captions_forget(void) {
    pthread_mutex_lock(&now_shown.lock);
    g_queue_clear_full(&now_shown.delayed, free_delayed);
    g_clear_pointer(&now_shown.pages, g_strfreev);
    pthread_mutex_unlock(&now_shown.lock);
}
