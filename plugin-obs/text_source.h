/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text in a text source of the user's, who picked it by name; it may come, go, and be
 * renamed. Of the thread that ticks, or of the last user.
 */
#ifndef ESPY_OBS_TEXT_SOURCE_H
#define ESPY_OBS_TEXT_SOURCE_H

#include <glib.h>

/* Zeroed at first. */
typedef struct text_source {
    char *name, *text; /* what stands where; NULL: nothing of ours */
    gint64 retry_us;   /* there was none, and when it is looked for again; 0: all is well */
} text_source;

/* Sees to it that the source of that name shows the text, and that another one that did
 * so is empty. NULL: no source; no text yet. A source that is not there is looked for
 * again now and then, at once after text_source_retry. */
void text_source_show(text_source *t, const char *name, const char *text, gint64 now_us);
void text_source_retry(text_source *t);

/* Empties it, unless somebody else wrote there since. */
void text_source_clear(text_source *t);

#endif
