/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The little of Unicode that tokenizers need: UTF-8, four classes, NFC. */
#ifndef ESPY_TEXT_UNICODE_H
#define ESPY_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Decodes the character at s (n > 0 bytes): its length, code point in *cp. Of
 * ill-formed bytes, the length of the maximal prefix of a character (at least
 * 1), *cp = -1; if that prefix ends with the text and could go on, *cp = -2. */
size_t espy_utf8_decode(const char *s, size_t n, int32_t *cp);

/* Writes 1 to 4 bytes. cp is a Unicode scalar value. */
size_t espy_utf8_encode(int32_t cp, char out[4]);

#define ESPY_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* The text with each ill-formed prefix replaced by U+FFFD. *out is NULL if the
 * text is well-formed as it is, else a new string to free. */
espy_status espy_utf8_repair(const char *s, size_t n, char **out, size_t *n_out, espy_error *err);

typedef enum espy_class {
    ESPY_CLASS_OTHER,
    ESPY_CLASS_LETTER, /* \p{L} */
    ESPY_CLASS_NUMBER, /* \p{N} */
    ESPY_CLASS_MARK,   /* \p{M} */
    ESPY_CLASS_BLANK   /* \s    */
} espy_class;

espy_class espy_unicode_class(int32_t cp);

/* NFC of well-formed UTF-8, in linear time. *out is NULL if the text is seen at
 * a glance to be NFC, else a new string to free. */
espy_status espy_unicode_nfc(const char *s, size_t n, char **out, size_t *n_out, espy_error *err);

#endif
