/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module: what OBS calls when it loads and unloads it. */
#include <espy.h>
#include <obs-module.h>

#include "filter.h"
#include "log.h"
#include "outputs.h"

OBS_DECLARE_MODULE()
OBS_MODULE_USE_DEFAULT_LOCALE("obs-espy", "en-US")

static worker *the_worker;
static gint n_users; /* of it: the filters, and the module while it is loaded; atomic */

worker *module_take_worker(void) {
    g_atomic_int_inc(&n_users);
    return the_worker;
}

void module_give_worker_back(void) {
    if (g_atomic_int_dec_and_test(&n_users)) worker_free(&the_worker);
}

MODULE_EXPORT const char *obs_module_name(void) {
    return obs_module_text("Filter");
}

MODULE_EXPORT const char *obs_module_description(void) {
    return obs_module_text("Module.Description");
}

bool obs_module_load(void) {
    the_worker = worker_new(NULL);
    g_atomic_int_inc(&n_users);
    obs_register_source(&filter_info);
    say(LOG_INFO, "version %s, library %s, for OBS %s", ESPY_VERSION, espy_version(),
        obs_get_version_string());
    return true;
}

void obs_module_post_load(void) {
    outputs_register_vendor();
}

void obs_module_unload(void) {
    outputs_forget_vendor();
    module_give_worker_back();
}
