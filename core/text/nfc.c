/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Normalisation form C: decompose each character, put runs of combining marks
 * in the order of their classes, compose. utf8proc knows the tables and
 * composes; the ordering is ours because its own takes quadratic time on long
 * runs of marks. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/unicode.h"

/* No character below U+0300 takes part in any composition or reordering with
 * others below it, and each is its own NFC. */
static int is_plain(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)s[i] >= 0xCC) return 0;
    return 1;
}

static int combining(int32_t cp) {
    return utf8proc_get_property(cp)->combining_class;
}

static void sort_few(int32_t *run, size_t n) {
    for (size_t i = 1; i < n; i++) {
        int32_t cp = run[i];
        size_t to = i;
        for (; to > 0 && combining(run[to - 1]) > combining(cp); to--) run[to] = run[to - 1];
        run[to] = cp;
    }
}

/* Counting sort; spare holds n. */
static void sort_many(int32_t *run, int32_t *spare, size_t n) {
    size_t start[257] = { 0 };
    for (size_t i = 0; i < n; i++) start[combining(run[i]) + 1]++;
    for (int c = 0; c < 256; c++) start[c + 1] += start[c];
    for (size_t i = 0; i < n; i++) spare[start[combining(run[i])]++] = run[i];
    memcpy(run, spare, n * sizeof *run);
}

/* Sorts each run of marks by class, equal ones kept in their order. */
static void reorder(int32_t *cps, int32_t *spare, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t first = i;
        while (i < n && combining(cps[i])) i++;
        size_t n_run = i - first;
        if (n_run <= 32)
            sort_few(cps + first, n_run);
        else
            sort_many(cps + first, spare, n_run);
    }
}

/* Canonical decomposition of a text; counts only when out is NULL. */
static size_t decompose(const char *s, size_t n, int32_t *out, size_t n_out) {
    size_t to = 0;
    int boundary = 0;
    for (size_t i = 0; i < n;) {
        int32_t cp, unused[1];
        i += espy_utf8_decode(s + i, n - i, &cp);
        utf8proc_ssize_t room = out ? (utf8proc_ssize_t)(n_out - to) : 0;
        utf8proc_ssize_t got = utf8proc_decompose_char(
            cp, out ? out + to : unused, room, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &boundary);
        if (got > 0) to += (size_t)got;
    }
    return to;
}

/* Composes in place; the new length. U+11A7, the code point before the first
 * trailing consonant of Hangul, composes with nothing, but utf8proc 2.8 lets it
 * vanish after a syllable: so it is kept out. */
static size_t compose(int32_t *cps, size_t n) {
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = i;
        while (i < n && cps[i] != 0x11A7) i++;
        utf8proc_ssize_t got = utf8proc_normalize_utf32(cps + first, (utf8proc_ssize_t)(i - first),
                                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        memmove(cps + to, cps + first, (size_t)got * sizeof *cps);
        to += (size_t)got;
        if (i < n) cps[to++] = 0x11A7;
    }
    return to;
}

espy_status espy_unicode_nfc(const char *s, size_t n, char **out, size_t *n_out, espy_error *err) {
    *out = NULL;
    *n_out = n;
    if (is_plain(s, n)) return ESPY_OK;

    size_t n_cps = decompose(s, n, NULL, 0);
    int32_t *cps = n_cps > SIZE_MAX / 16 ? NULL : malloc((n_cps * 2 + 1) * sizeof *cps);
    char *text = n_cps > SIZE_MAX / 16 ? NULL : malloc(n_cps * 4 + 1);
    if (!cps || !text) {
        free(cps);
        free(text);
        return espy_out_of_memory(err);
    }
    decompose(s, n, cps, n_cps);
    reorder(cps, cps + n_cps, n_cps);
    size_t to = 0;
    n_cps = compose(cps, n_cps);
    for (size_t i = 0; i < n_cps; i++) to += espy_utf8_encode(cps[i], text + to);
    free(cps);
    *out = text;
    *n_out = to;
    return ESPY_OK;
}
