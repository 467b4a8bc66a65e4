/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small pictures of a filter's source, read back from the GPU without waiting for it:
 *
 *     frame n      the source is drawn once more and averaged down to the sizes asked for
 *     frame n + 1  the small pictures are set off to memory
 *     frame n + 3  they are copied out
 *
 * so that neither drawing nor transfer has to be finished when it is asked for. HDR is
 * tone-mapped by the source, any format is converted. All functions but capture_free are
 * of the graphics thread.
 */
#ifndef ESPY_OBS_CAPTURE_H
#define ESPY_OBS_CAPTURE_H

#include <obs-module.h>

#include "frame.h"
#include "worker.h"

typedef struct capture capture;

capture *capture_new(void);
void capture_free(capture **c); /* enters graphics; nulls the pointer */

/* In video_render: draws what the filter is put on in both sizes, or the one of them that
 * wants (of worker.h) names. A size whose picture is still under way is left out. */
void capture_draw(capture *c, obs_source_t *filter, int wants, const watcher_size *glance,
                  const watcher_size *look);

/* In video_tick: moves everything on, and hands over what has arrived, which is the
 * caller's; NULL: nothing. */
void capture_tick(capture *c, frame **glance, frame **look);

/* Gives the memory on the GPU back, as long as nothing is captured. */
void capture_rest(capture *c);

#endif
