/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text for closed captions of television (CEA-608): rows of 32 characters out of some two
 * hundred, of which a viewer is shown a few at a time. Knows no OBS type.
 */
#ifndef ESPY_OBS_CLOSED_TEXT_H
#define ESPY_OBS_CLOSED_TEXT_H

#include <glib.h>

/* More rows hide too much of the picture; more bytes are cut off by OBS. */
enum { CLOSED_COLUMNS = 32, CLOSED_ROWS = 4, CLOSED_BYTES = 128 };

/* The text as pages, each of up to CLOSED_ROWS rows with a '\n' between them, g_strfreev.
 * Quotes, accents and ligatures that 608 lacks become what comes next to them. No page if
 * there is no text, or one in a script that 608 cannot write: a sentence with holes would
 * mislead. */
char **closed_text_pages(const char *text);

/* How long a page takes to be read. */
double closed_text_seconds(const char *page);

#endif
