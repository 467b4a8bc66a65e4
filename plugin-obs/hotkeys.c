/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hotkeys.h"

#include <glib.h>

struct hotkeys {
    const hotkey *keys;
    int n;
    void *user;
    obs_hotkey_id *ids;         /* [n] */
    const obs_source_t *parent; /* that has them, to be compared alone; NULL: none */
};

hotkeys *hotkeys_new(const hotkey *keys, int n, void *user) {
    hotkeys *h = g_new(hotkeys, 1);
    *h = (hotkeys){ keys, n, user, g_new(obs_hotkey_id, n), NULL };
    return h;
}

static void forget(hotkeys *h) {
    for (int i = 0; h->parent && i < h->n; i++) obs_hotkey_unregister(h->ids[i]);
    h->parent = NULL;
}

void hotkeys_free(hotkeys **h) {
    if (!*h) return;
    forget(*h);
    g_free((*h)->ids);
    g_clear_pointer(h, g_free);
}

void hotkeys_tick(hotkeys *h, obs_source_t *filter) {
    obs_source_t *parent = obs_filter_get_parent(filter);
    if (parent == h->parent) return;
    forget(h);
    h->parent = parent;
    for (int i = 0; parent && i < h->n; i++) {
        const char *filter_name = obs_source_get_name(filter);
        g_autofree char *name = g_strdup_printf("espy.%s.%s", h->keys[i].name, filter_name);
        g_autofree char *title = g_strdup_printf(obs_module_text(h->keys[i].title), filter_name);
        h->ids[i] = obs_hotkey_register_source(parent, name, title, h->keys[i].pressed, h->user);
    }
}
