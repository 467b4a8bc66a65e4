/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the answer to a task says, out of what the model wrote around it. All of
 * these take any text and never fail but for memory. "Ended" tells, while the
 * answer arrives, that nothing which follows would change the reading. */
#ifndef ESPY_TEXT_READINGS_H
#define ESPY_TEXT_READINGS_H

#include "base/status.h"

/* ASCII alone, whatever locale a host has set. */
static inline int espy_is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline int espy_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline int espy_is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
static inline int espy_is_letter(char c) {
    return espy_is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* sentence.c: the first sentence without "This image shows" and its like. Owned
 * by the caller; NULL without memory. */
char *espy_read_sentence(const char *answer);
int espy_sentence_ended(const char *answer);

/* tags.c: a JSON array, or a list with commas, bullets or numbers; each tag
 * once, at most 64. Owned by the caller, an array and its strings. Errors
 * ESPY_ERR_MEMORY; the list is empty then. */
espy_status espy_read_tags(const char *answer, char ***tags, int *n_tags, espy_error *err);
void espy_tags_free(char **tags, int n_tags);
int espy_tags_ended(const char *answer);

/* number.c: the first number in digits, else in an English word, "no" and "none"
 * being 0. Returns 0 if there is none. */
int espy_read_number(const char *answer, double *number);
int espy_number_ended(const char *answer);

/* document.c: the part of the answer within a fence around all of it, without
 * blank lines before and blanks behind. What it gives for a longer answer begins
 * with what it gave before, so a document can be shown while it arrives. */
const char *espy_read_document(const char *answer, size_t *n_bytes);

#endif
