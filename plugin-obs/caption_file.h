/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Captions in a file that grows: SRT, WebVTT, plain text, JSON lines. What is written is
 * a whole file of its format after every caption, and survives a crash. Knows no OBS
 * type. Files are written on a thread of their own, which ends with the last of them; no
 * function waits for a disk, but caption_file_close for a second at most. What cannot be
 * written is kept, and tried again with the next caption. Functions are of any thread,
 * but the one that ends or closes a file is the last for it.
 */
#ifndef ESPY_OBS_CAPTION_FILE_H
#define ESPY_OBS_CAPTION_FILE_H

#include "caption.h"

typedef enum caption_format {
    FORMAT_SRT = 0,
    FORMAT_VTT,
    FORMAT_TEXT, /* a caption a line                       */
    FORMAT_JSON  /* caption_to_json a line, with its times */
} caption_format;

const char *caption_format_suffix(caption_format format); /* ".srt" */

typedef struct caption_file caption_file;

/* Begins a file at path; one that is there already is kept, and the new one gets a number
 * behind its name, "name (2).srt". Folders are made. Errors come by caption_file_error. */
caption_file *caption_file_open(const char *path, caption_format format);

/* The caption holds from start_s on, until the next one does, most_s at the longest (0:
 * no limit); one that is no news makes the one before hold longer instead. One without
 * text ends the one before. Times do not fall: a start before the last one is that one.
 * Plain text is written at once, all else as soon as its end is known. */
void caption_file_add(caption_file *f, caption *c, double start_s, double most_s);

/* end_s: when the last caption ends. Does not wait: what is left is written soon after.
 * Nulls the pointer; NULL in it is fine. */
void caption_file_end(caption_file **f, double end_s);
/* The same, and waits until all is written, a second at most. */
void caption_file_close(caption_file **f, double end_s);

/* A sentence that names the file, or NULL while all is well; the caller's, g_free. */
char *caption_file_error(caption_file *f);
char *caption_file_path(caption_file *f); /* the name that it got; the caller's, g_free */

#endif
