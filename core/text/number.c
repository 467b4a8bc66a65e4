/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text/readings.h"

static const char *const words[] = { "zero",    "one",     "two",       "three",    "four",
                                     "five",    "six",     "seven",     "eight",    "nine",
                                     "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                     "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
                                     "twenty" };
enum { n_words = sizeof words / sizeof *words };

/* Bytes of the digits at s, "1,234" and "2.5" included. */
static size_t digits(const char *s) {
    size_t n = 0;
    while (espy_is_digit(s[n])) n++;
    while (s[n] == ',' && espy_is_digit(s[n + 1]) && espy_is_digit(s[n + 2]) &&
           espy_is_digit(s[n + 3]) && !espy_is_digit(s[n + 4]))
        n += 4;
    if (s[n] == '.' && espy_is_digit(s[n + 1]))
        for (n += 2; espy_is_digit(s[n]);) n++;
    return n;
}

/* Not with strtod: the host's locale may have another decimal point. */
static double value(const char *s, size_t n) {
    double whole = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '.') scale = 1;
        if (!espy_is_digit(s[i])) continue;
        if (scale > 0)
            whole += (s[i] - '0') * (scale /= 10);
        else
            whole = whole * 10 + (s[i] - '0');
    }
    return whole;
}

static int is_word(const char *s, size_t n, const char *word) {
    return strlen(word) == n && !strncasecmp(s, word, n);
}

/* -1 if the n letters at s are no number. "No, there are" is none. */
static int word_value(const char *s, size_t n) {
    for (int i = 0; i < n_words; i++)
        if (is_word(s, n, words[i])) return i;
    if (is_word(s, n, "none") || (is_word(s, n, "no") && s[n] != ',')) return 0;
    return -1;
}

static const char *first_digit(const char *s) {
    while (*s && !espy_is_digit(*s)) s++;
    return *s ? s : NULL;
}

int espy_read_number(const char *answer, double *number) {
    const char *s = first_digit(answer);
    if (s) {
        *number = value(s, digits(s));
        return 1;
    }
    for (s = answer; *s;) {
        size_t n = 0;
        while (espy_is_letter(s[n])) n++;
        int v = n ? word_value(s, n) : -1;
        if (v >= 0) {
            *number = v;
            return 1;
        }
        s += n ? n : 1;
    }
    return 0;
}

/* Digits, and behind them what cannot belong to them. */
int espy_number_ended(const char *answer) {
    const char *s = first_digit(answer);
    if (!s) return 0;
    s += digits(s);
    if (*s == '.' || *s == ',') s++;
    return *s && !espy_is_digit(*s);
}
