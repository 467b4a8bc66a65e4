/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text_source.h"

#include <obs-module.h>

/* Private sources, as filters have them, are not found by name. FALSE: there is none. */
static gboolean put(const char *name, const char *text) {
    obs_source_t *source = obs_get_source_by_name(name);
    if (!source) return FALSE;
    obs_data_t *data = obs_data_create();
    obs_data_set_string(data, "text", text);
    obs_source_update(source, data);
    obs_data_release(data);
    obs_source_release(source);
    return TRUE;
}

void text_source_clear(text_source *t) {
    obs_source_t *source = t->name ? obs_get_source_by_name(t->name) : NULL;
    obs_data_t *data = source ? obs_source_get_settings(source) : NULL;
    gboolean is_ours = data && !g_strcmp0(obs_data_get_string(data, "text"), t->text);
    obs_data_release(data);
    obs_source_release(source);
    if (is_ours && *t->text) put(t->name, "");
    g_clear_pointer(&t->name, g_free);
    g_clear_pointer(&t->text, g_free);
}

void text_source_show(text_source *t, const char *name, const char *text, gint64 now_us) {
    if (t->name && g_strcmp0(name, t->name)) text_source_clear(t);
    if (!name || !text || now_us < t->retry_us || !g_strcmp0(text, t->text)) return;
    t->retry_us = put(name, text) ? 0 : now_us + G_USEC_PER_SEC / 4;
    if (t->retry_us) return;
    g_free(t->name);
    g_free(t->text);
    t->name = g_strdup(name);
    t->text = g_strdup(text);
}

void text_source_retry(text_source *t) {
    t->retry_us = 0;
}
