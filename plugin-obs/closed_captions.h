/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Closed captions of all that is encoded now: streams, recordings. Outputs are shared by
 * all filters, and so is this: the newest caption of any of them is shown. Outputs queue
 * what they are given, so a page is given when the one before was read, and a caption
 * that is replaced before is not given at all.
 */
#ifndef ESPY_OBS_CLOSED_CAPTIONS_H
#define ESPY_OBS_CLOSED_CAPTIONS_H

#include <glib.h>

/* Any thread. who: the filter, so that what it said can be taken back. */
void closed_captions_say(const void *who, const char *text);
void closed_captions_clear(const void *who); /* what others said stays */

/* In video_tick of any filter. */
void closed_captions_tick(gint64 now_us);

/* When the module is unloaded: what waits is dropped. */
void closed_captions_forget(void);

#endif
