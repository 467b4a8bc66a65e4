/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Captions that are written down: a file beside each recording, in its time, or one file
 * from the first caption on. Of the thread that ticks, or of the last user.
 */
#ifndef ESPY_OBS_OUTPUT_FILES_H
#define ESPY_OBS_OUTPUT_FILES_H

#include "outputs.h"

typedef struct output_files output_files;

output_files *output_files_new(void);
/* What is left is written, for which it waits a second for each file at most. Nulls the
 * pointer; NULL in it is fine. */
void output_files_free(output_files **f);

/* Copied, with a folder; files go on if nothing about them has changed. */
void output_files_set(output_files *f, const outputs_settings *settings);

void output_files_caption(output_files *f, caption *c, gint64 now_us);
void output_files_tick(output_files *f, gint64 now_us); /* waits for nothing */

/* A sentence, or NULL while all is well; the caller's, g_free. */
char *output_files_error(const output_files *f);

#endif
