/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A wall of one colour on the stage, and a filter on it that does nothing but own outputs:
 * what the filter of espy is to outputs.c, with captions as a test wants them.
 */
#ifndef ESPY_OUTPUTS_STAGE_H
#define ESPY_OUTPUTS_STAGE_H

#include "obs_stage.h"
#include "outputs.h"

enum { WALL_WIDTH = 320, WALL_HEIGHT = 240, WALL_FPS = 30 };

/* Opens the stage with OBS's modules of these names, and shows the wall, named "Wall",
 * with a filter named "Captions". */
void outputs_stage_open(const char *const *modules);
void outputs_stage_close(void); /* ends the test with 1 if memory is left */

/* Other outputs for the same filter, which owns them; or none any more. */
outputs *outputs_stage_renew(const outputs_settings *settings);
void outputs_stage_end(void);
obs_source_t *outputs_stage_filter(void); /* borrowed */

/* Paints the wall, 0xRRGGBB, and waits until it is drawn: when (g_get_monotonic_time). */
gint64 outputs_stage_paint(guint32 rgb);

/* A caption of what was seen then; what comes back has one reference. */
caption *outputs_stage_caption(const char *text, gint64 seen_us);
void outputs_stage_say(const char *text, gint64 seen_us);

/* Until it is so, half a minute at most: whether it is. Asked while the filter does not
 * tick. */
gboolean outputs_stage_await(gboolean (*is_so)(const void *), const void *what);

#endif
