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

/* The one worker of the module; between obs_module_load and obs_module_unload. */
worker *module_worker(void);

#endif
