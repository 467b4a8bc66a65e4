/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The page of settings.
 */
#ifndef ESPY_OBS_PROPERTIES_H
#define ESPY_OBS_PROPERTIES_H

#include <obs-module.h>

#include "worker.h"

/* What the page shows of a filter's work, and what its buttons do; data is the filter's. */
typedef struct properties_calls {
    void (*get_state)(void *data, watcher_state *out); /* watcher_state_clear it */
    char *(*get_error)(void *data);                    /* of the outputs, g_free */
    void (*caption_now)(void *data);
    void (*sample)(void *data);
    void (*retry)(void *data);
} properties_calls;

/* A page, which may outlive its filter; filter NULL: of none. calls: static. */
obs_properties_t *properties_make(const properties_calls *calls, obs_source_t *filter);

/* What is going on, for users; the caller's, g_free. level: an obs_text_info_type. */
char *properties_state_text(const watcher_state *s, int *level);

#endif
