/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page of settings.
 */
#ifndef ESPY_OBS_PROPERTIES_H
#define ESPY_OBS_PROPERTIES_H

#include <obs-module.h>

#include "worker.h"

/* What the page shows of the filter's work, and what its buttons do. */
typedef struct properties_host {
    void *user;
    void (*get_state)(void *user, watcher_state *out); /* watcher_state_clear it */
    char *(*get_error)(void *user);                    /* of the outputs, g_free */
    void (*caption_now)(void *user);
    void (*sample)(void *user);
    void (*retry)(void *user);
    void (*closed)(void *user); /* a page that properties_make made is gone */
} properties_host;

/* host is copied and has to outlive the page; NULL: of no filter. */
obs_properties_t *properties_make(const properties_host *host);

/* What is going on, for users; the caller's, g_free. level: an obs_text_info_type. */
char *properties_state_text(const watcher_state *s, int *level);

#endif
