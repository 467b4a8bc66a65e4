/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-tokenisation by hand instead of through an engine for expressions.
 *
 * The pattern of Qwen-VL to Qwen3-VL, alternatives tried in order:
 *
 *     (?i:'s|'t|'re|'ve|'m|'ll|'d)
 *     [^\r\n\p{L}\p{N}]?\p{L}+           a word, with what stands before it
 *     \p{N}                              one digit
 *      ?[^\s\p{L}\p{N}]+[\r\n]*          punctuation
 *     \s*[\r\n]+                         blanks up to the last line end
 *     \s+(?!\S)                          blanks, but for the last one
 *     \s+
 *
 * Qwen3.5 has [\p{L}\p{M}]+ for words and takes \p{M} out of punctuation. Every
 * character begins a piece of one of these kinds. A run of blanks is walked at
 * most three times, everything else at most twice. */
#include "text/split.h"

#include <string.h>

#include "text/unicode.h"

#define AFTER_WORDS "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const espy_split espy_split_qwen2 = {
    .name = "qwen2",
    .aliases = { "deepseek-r1-qwen", "megrez" },
    .regexes = { "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" AFTER_WORDS,
                 "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| "
                 "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" AFTER_WORDS },
};

const espy_split espy_split_qwen35 = {
    .name = "qwen35",
    .regexes = { "[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
                 "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" AFTER_WORDS },
    .marks_belong_to_words = 1,
};

static const espy_split *const splits[] = { &espy_split_qwen2, &espy_split_qwen35 };
#define N_SPLITS (sizeof splits / sizeof *splits)

/* Spellings of the alternative for contractions. */
static const char *const contractions[] = {
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|",
    "'(?i:[sdmt]|ll|ve|re)|",
    "(?i:'(?:[sdmt]|ll|ve|re))|",
};

static int same(const char *name, const char *s, size_t n) {
    return name && strlen(name) == n && memcmp(name, s, n) == 0;
}

const espy_split *espy_split_by_name(const char *name, size_t n_bytes) {
    for (size_t i = 0; i < N_SPLITS; i++) {
        if (same(splits[i]->name, name, n_bytes)) return splits[i];
        for (size_t k = 0; k < sizeof splits[i]->aliases / sizeof *splits[i]->aliases; k++)
            if (same(splits[i]->aliases[k], name, n_bytes)) return splits[i];
    }
    return NULL;
}

const espy_split *espy_split_by_regex(const char *regex) {
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions && !rest; i++) {
        size_t n = strlen(contractions[i]);
        if (strncmp(regex, contractions[i], n) == 0) rest = regex + n;
    }
    for (size_t i = 0; rest && i < N_SPLITS; i++)
        for (size_t k = 0; k < sizeof splits[i]->regexes / sizeof *splits[i]->regexes; k++)
            if (splits[i]->regexes[k] && strcmp(splits[i]->regexes[k], rest) == 0) return splits[i];
    return NULL;
}

typedef struct chr {
    size_t n_bytes; /* 0: the end of the text */
    int32_t cp;
    espy_class is;
} chr;

static chr at(const espy_split *split, const char *s, size_t n, size_t i) {
    chr c = { 0, 0, ESPY_CLASS_BLANK };
    if (i >= n) return c;
    c.n_bytes = espy_utf8_decode(s + i, n - i, &c.cp);
    c.is = espy_unicode_class(c.cp);
    if (c.is == ESPY_CLASS_MARK)
        c.is = split->marks_belong_to_words ? ESPY_CLASS_LETTER : ESPY_CLASS_OTHER;
    return c;
}

static int is_line_end(char c) {
    return c == '\r' || c == '\n';
}

/* The end of the run of one class that begins at i. */
static size_t run(const espy_split *split, const char *s, size_t n, size_t i, espy_class is) {
    for (chr c; c = at(split, s, n, i), c.n_bytes && c.is == is;) i += c.n_bytes;
    return i;
}

/* Folds the letters that (?i) takes for ASCII ones: U+017F is a form of s. */
static int fold(int32_t cp) {
    if (cp == 0x17F) return 's';
    return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
}

/* Length of 's 't 're 've 'm 'll 'd at s, or 0. */
static size_t contraction(const espy_split *split, const char *s, size_t n) {
    if (s[0] != '\'') return 0;
    chr first = at(split, s, n, 1), second = at(split, s, n, 1 + first.n_bytes);
    if (!first.n_bytes) return 0;
    switch (fold(first.cp)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
        return 1 + first.n_bytes;
    case 'r':
    case 'v':
        return second.n_bytes && fold(second.cp) == 'e' ? 3 : 0;
    case 'l':
        return second.n_bytes && fold(second.cp) == 'l' ? 3 : 0;
    default:
        return 0;
    }
}

/* The last three alternatives, for a run of blanks that begins the text. */
static size_t blanks(const espy_split *split, const char *s, size_t n) {
    size_t end = 0, last = 0, after_line = 0;
    for (chr c; c = at(split, s, n, end), c.n_bytes && c.is == ESPY_CLASS_BLANK;) {
        last = end;
        end += c.n_bytes;
        if (is_line_end(s[last])) after_line = end;
    }
    if (after_line) return after_line;
    return end == n || last == 0 ? end : last;
}

size_t espy_split_next(const espy_split *split, const char *s, size_t n) {
    size_t length = contraction(split, s, n);
    if (length) return length;

    chr first = at(split, s, n, 0);
    if (first.is == ESPY_CLASS_LETTER) return run(split, s, n, 0, ESPY_CLASS_LETTER);
    if (first.is == ESPY_CLASS_NUMBER) return first.n_bytes;
    if (!is_line_end(s[0])) {
        length = run(split, s, n, first.n_bytes, ESPY_CLASS_LETTER);
        if (length > first.n_bytes) return length;
    }

    size_t start = s[0] == ' ' ? 1 : 0;
    length = run(split, s, n, start, ESPY_CLASS_OTHER);
    if (length > start) {
        while (length < n && is_line_end(s[length])) length++;
        return length;
    }
    return blanks(split, s, n);
}
