/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Phrases within a text, as a reader would see them: "Ring" is in "a ring," and
 * not in "string", and each place counts once. Chinese has no blanks, so its
 * characters are not taken for letters here: a name then stands wherever its
 * characters do. */
#include "score.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { FIRST_WITHOUT_BLANKS = 0x2E80 }; /* CJK radicals, and what comes after */

void score_text_open(score_text *out, const char *text, size_t n_bytes) {
    size_t n = 0;
    *out = (score_text){ .bytes = score_alloc(n_bytes + 1, 4) };
    for (size_t at = 0; at < n_bytes;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                 (utf8proc_ssize_t)(n_bytes - at), &c);
        if (used > 0) {
            n += (size_t)utf8proc_encode_char(utf8proc_tolower(c),
                                              (utf8proc_uint8_t *)out->bytes + n);
            at += (size_t)used;
        } else {
            out->bytes[n++] = text[at++];
        }
    }
    out->n_bytes = n;
    out->taken = score_alloc(n + 1, 1);
}

void score_text_close(score_text *text) {
    free(text->bytes);
    free(text->taken);
    *text = (score_text){ 0 };
}

/* Whether a letter, mark or digit begins at byte `at`. */
static int is_letter(const score_text *t, size_t at) {
    utf8proc_int32_t c;
    if (at >= t->n_bytes || utf8proc_iterate((const utf8proc_uint8_t *)t->bytes + at,
                                             (utf8proc_ssize_t)(t->n_bytes - at), &c) <= 0)
        return 0;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
        return c < FIRST_WITHOUT_BLANKS;
    default:
        return 0;
    }
}

static int follows_letter(const score_text *t, size_t at) {
    size_t before = at;
    while (before > 0 && at - before < 4)
        if (((unsigned char)t->bytes[--before] & 0xC0) != 0x80) break;
    return before < at && is_letter(t, before);
}

/* A cut between two letters goes through a word. */
static int is_cut(const score_text *t, size_t at) {
    return !(follows_letter(t, at) && is_letter(t, at));
}

/* Whether the word before byte `at` is in the list "un une ". */
static int comes_after(const score_text *t, size_t at, const char *words) {
    if (!at || t->bytes[at - 1] != ' ') return 0;
    size_t begin = at - 1;
    while (begin > 0 && follows_letter(t, begin)) begin--;
    size_t n = at - begin; /* the word and the blank */
    for (const char *word = words; *word; word += strcspn(word, " ") + 1)
        if (!strncmp(word, t->bytes + begin, n)) return 1;
    return 0;
}

int score_text_take(score_text *t, const char *phrase, const char *after) {
    size_t n = strlen(phrase);
    for (size_t at = 0; n && n <= t->n_bytes && at <= t->n_bytes - n; at++) {
        if (memcmp(t->bytes + at, phrase, n) != 0 || memchr(t->taken + at, 1, n) ||
            !is_cut(t, at) || !is_cut(t, at + n) || (after && !comes_after(t, at, after)))
            continue;
        memset(t->taken + at, 1, n);
        return 1;
    }
    return 0;
}

void score_text_take_quoted(score_text *t) {
    const char *end = t->bytes + t->n_bytes;
    for (char *open = t->bytes; open < end;) {
        open = memchr(open, '"', (size_t)(end - open));
        char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
        if (!close) return;
        memset(t->taken + (open - t->bytes), 1, (size_t)(close + 1 - open));
        open = close + 1;
    }
}
