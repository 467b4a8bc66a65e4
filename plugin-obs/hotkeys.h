/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A filter's hotkeys. OBS lists those of sources, not of filters: they are registered with
 * the source that the filter is on, under the filter's name.
 */
#ifndef ESPY_OBS_HOTKEYS_H
#define ESPY_OBS_HOTKEYS_H

#include <obs-module.h>

typedef struct hotkey {
    const char *name, *title; /* in scene collections; the key of its word, with a %s */
    obs_hotkey_func pressed;
} hotkey;

typedef struct hotkeys hotkeys;

/* keys: [n], static. user goes to pressed. */
hotkeys *hotkeys_new(const hotkey *keys, int n, void *user);
void hotkeys_free(hotkeys **h); /* nulls the pointer */

/* In video_tick: of the filter's source as it is now. OBS calls hotkeys while it holds the
 * lock of all of them, and they may want any other, so never with a lock of graphics. */
void hotkeys_tick(hotkeys *h, obs_source_t *filter);

#endif
