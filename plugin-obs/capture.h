/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small pictures of a filter's source, read back from the GPU without waiting for it, a
 * step in each frame:
 *
 *     frame n      the source is drawn once more, as it is
 *     frame n + 1  it is averaged down to the sizes asked for
 *     frame n + 2  the small pictures are set off to memory
 *     frame n + 4  they are copied out
 *
 * so that what a step needs has been finished meanwhile. HDR is tone-mapped by the source,
 * any format is converted. All functions but capture_free are of the graphics thread.
 */
#ifndef ESPY_OBS_CAPTURE_H
#define ESPY_OBS_CAPTURE_H

#include <obs-module.h>

#include "frame.h"
#include "worker.h"

typedef struct capture capture;

capture *capture_new(void);
void capture_free(capture **c); /* enters graphics; nulls the pointer */

/* Draws what the filter is put on; nothing, if it was taken off meanwhile, for which OBS
 * does not wait until it is drawn. */
void capture_draw_source(obs_source_t *filter);

/* What shall be begun: a set of WANTS_ of worker.h, and the sizes. */
typedef struct capture_order {
    int wants;
    watcher_size glance, look;
} capture_order;

/* In video_render: begins what is ordered of a source of this size, both at least 1. What is
 * still under way is not begun again. */
void capture_draw(capture *c, obs_source_t *filter, uint32_t width, uint32_t height,
                  const capture_order *order);

/* In video_tick: moves on what was begun. What has arrived is the caller's; NULL: nothing. */
void capture_tick(capture *c, frame **glance, frame **look);

/* Whether the source is being drawn for a model, which shall see no captions, those of other
 * filters neither. */
gboolean capture_is_drawing(void);

/* Gives the memory on the GPU back, as long as nothing is captured. */
void capture_rest(capture *c);

#endif
