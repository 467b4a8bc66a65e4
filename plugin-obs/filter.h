/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The filter "Live captions (espy)", and what the module keeps for all of them.
 */
#ifndef ESPY_OBS_FILTER_H
#define ESPY_OBS_FILTER_H

#include <obs-module.h>

#include "worker.h"

#define FILTER_ID "espy_captions_filter" /* for ever: scene collections hold it */

extern const struct obs_source_info filter_info;

/* The one worker of the module, from obs_module_load to obs_module_unload, and on until it
 * is given back for the last time: at its end OBS frees what is left of sources, and the
 * filters on them, after the modules. */
worker *module_take_worker(void);
void module_give_worker_back(void);

#endif
