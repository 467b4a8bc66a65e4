/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UTF-8 and character classes.
 *
 * Well-formed UTF-8 (Unicode 3.9, table 3-7):
 *
 *     00..7F
 *     C2..DF 80..BF
 *     E0     A0..BF 80..BF       ED     80..9F 80..BF    (no surrogates)
 *     E1..EC 80..BF 80..BF       EE..EF 80..BF 80..BF
 *     F0     90..BF 80..BF 80..BF
 *     F1..F3 80..BF 80..BF 80..BF
 *     F4     80..8F 80..BF 80..BF
 *
 * Classes come from utf8proc. What Unicode 15.1 and 16 added to them stands in
 * a table here, so that an older utf8proc splits text as a newer one does. */
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

size_t espy_utf8_decode(const char *text, size_t n, int32_t *cp) {
    const uint8_t *s = (const uint8_t *)text;
    uint8_t lead = s[0];
    *cp = lead;
    if (lead < 0x80) return 1;
    *cp = -1;
    if (lead < 0xC2 || lead > 0xF4) return 1;

    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    int32_t value = lead & (0x7F >> length);
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 1; i < length; i++) {
        if (i == n) {
            *cp = -2;
            return i;
        }
        if (s[i] < low || s[i] > high) return i;
        value = value << 6 | (s[i] & 0x3F);
        low = 0x80, high = 0xBF;
    }
    *cp = value;
    return length;
}

size_t espy_utf8_encode(int32_t cp, char out[4]) {
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    size_t length = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((0xF00 >> length & 0xFF) | cp);
    return length;
}

espy_status espy_utf8_repair(const char *s, size_t n, char **out, size_t *n_out, espy_error *err) {
    size_t bad = 0;
    int32_t cp;
    *out = NULL;
    *n_out = n;
    for (size_t i = 0; i < n; bad += cp < 0) i += espy_utf8_decode(s + i, n - i, &cp);
    if (!bad) return ESPY_OK;

    /* Every ill-formed prefix has at least one byte and becomes three. */
    char *fixed = bad > (SIZE_MAX - n) / 2 ? NULL : malloc(n + 2 * bad);
    if (!fixed) return espy_out_of_memory(err);
    size_t to = 0;
    for (size_t i = 0, length; i < n; i += length) {
        length = espy_utf8_decode(s + i, n - i, &cp);
        const char *from = cp < 0 ? ESPY_REPLACEMENT : s + i;
        size_t n_from = cp < 0 ? 3 : length;
        memcpy(fixed + to, from, n_from);
        to += n_from;
    }
    *out = fixed;
    *n_out = to;
    return ESPY_OK;
}

/* Assigned after Unicode 15.0, up to 16.0. */
static const struct addition {
    int32_t first, last;
    espy_class is;
} additions[] = {
    { 0x897, 0x897, ESPY_CLASS_MARK },       { 0x1C89, 0x1C8A, ESPY_CLASS_LETTER },
    { 0xA7CB, 0xA7CD, ESPY_CLASS_LETTER },   { 0xA7DA, 0xA7DC, ESPY_CLASS_LETTER },
    { 0x105C0, 0x105F3, ESPY_CLASS_LETTER }, { 0x10D40, 0x10D49, ESPY_CLASS_NUMBER },
    { 0x10D4A, 0x10D65, ESPY_CLASS_LETTER }, { 0x10D69, 0x10D6D, ESPY_CLASS_MARK },
    { 0x10D6F, 0x10D85, ESPY_CLASS_LETTER }, { 0x10EC2, 0x10EC4, ESPY_CLASS_LETTER },
    { 0x10EFC, 0x10EFC, ESPY_CLASS_MARK },   { 0x11380, 0x11389, ESPY_CLASS_LETTER },
    { 0x1138B, 0x1138B, ESPY_CLASS_LETTER }, { 0x1138E, 0x1138E, ESPY_CLASS_LETTER },
    { 0x11390, 0x113B5, ESPY_CLASS_LETTER }, { 0x113B7, 0x113B7, ESPY_CLASS_LETTER },
    { 0x113B8, 0x113C0, ESPY_CLASS_MARK },   { 0x113C2, 0x113C2, ESPY_CLASS_MARK },
    { 0x113C5, 0x113C5, ESPY_CLASS_MARK },   { 0x113C7, 0x113CA, ESPY_CLASS_MARK },
    { 0x113CC, 0x113D0, ESPY_CLASS_MARK },   { 0x113D1, 0x113D1, ESPY_CLASS_LETTER },
    { 0x113D2, 0x113D2, ESPY_CLASS_MARK },   { 0x113D3, 0x113D3, ESPY_CLASS_LETTER },
    { 0x113E1, 0x113E2, ESPY_CLASS_MARK },   { 0x116D0, 0x116E3, ESPY_CLASS_NUMBER },
    { 0x11BC0, 0x11BE0, ESPY_CLASS_LETTER }, { 0x11BF0, 0x11BF9, ESPY_CLASS_NUMBER },
    { 0x11F5A, 0x11F5A, ESPY_CLASS_MARK },   { 0x13460, 0x143FA, ESPY_CLASS_LETTER },
    { 0x16100, 0x1611D, ESPY_CLASS_LETTER }, { 0x1611E, 0x1612F, ESPY_CLASS_MARK },
    { 0x16130, 0x16139, ESPY_CLASS_NUMBER }, { 0x16D40, 0x16D6C, ESPY_CLASS_LETTER },
    { 0x16D70, 0x16D79, ESPY_CLASS_NUMBER }, { 0x18CFF, 0x18CFF, ESPY_CLASS_LETTER },
    { 0x1CCF0, 0x1CCF9, ESPY_CLASS_NUMBER }, { 0x1E5D0, 0x1E5ED, ESPY_CLASS_LETTER },
    { 0x1E5EE, 0x1E5EF, ESPY_CLASS_MARK },   { 0x1E5F0, 0x1E5F0, ESPY_CLASS_LETTER },
    { 0x1E5F1, 0x1E5FA, ESPY_CLASS_NUMBER }, { 0x2EBF0, 0x2EE5D, ESPY_CLASS_LETTER },
};

static espy_class class_of_new(int32_t cp) {
    size_t low = 0, high = sizeof additions / sizeof *additions;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cp > additions[mid].last)
            low = mid + 1;
        else if (cp < additions[mid].first)
            high = mid;
        else
            return additions[mid].is;
    }
    return ESPY_CLASS_OTHER;
}

static int is_blank(int32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || cp == 0x20 || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

espy_class espy_unicode_class(int32_t cp) {
    if ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z') return ESPY_CLASS_LETTER;
    if (is_blank(cp)) return ESPY_CLASS_BLANK;
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return ESPY_CLASS_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return ESPY_CLASS_NUMBER;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return ESPY_CLASS_MARK;
    case UTF8PROC_CATEGORY_CN:
        return class_of_new(cp);
    default:
        return ESPY_CLASS_OTHER;
    }
}
