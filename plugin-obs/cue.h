/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a caption is written down in each format of caption_file.h: text that no player
 * takes for something else, and times. Knows no file.
 */
#ifndef ESPY_OBS_CUE_H
#define ESPY_OBS_CUE_H

#include "caption_file.h"

/* What stands before the first caption; "" in most formats. */
const char *cue_header(caption_format format);

/* The caption with its line ends, g_free; NULL if nothing is to be written: it has no
 * text (JSON tells so), or SRT and WebVTT have no time to show it in. number: of the
 * cue, from 1, in SRT. Times in seconds, end_s >= start_s; FORMAT_TEXT needs none. */
char *cue_format(const caption *c, caption_format format, int number, double start_s, double end_s);

#endif
