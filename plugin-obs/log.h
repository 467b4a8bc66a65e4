/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lines of OBS's log, with the plug-in's prefix: say(LOG_INFO, "%d", n).
 */
#ifndef ESPY_OBS_LOG_H
#define ESPY_OBS_LOG_H

#include <util/base.h>

#define say(level, ...) blog(level, "[obs-espy] " __VA_ARGS__)

#endif
