/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Alt text: screen readers say "image" themselves, and read it in one breath.
 * So the first sentence is kept, less an opener such as
 *
 *     In this|the  NOUN, [there is|we see ...]
 *     This|The|An|A NOUN shows|depicts|of|...
 *     Alt text:
 */
#include "text/readings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const nouns[] = { "image",    "picture",      "photograph", "photo",
                                     "snapshot", "illustration", "screenshot", NULL };
static const char *const articles[] = { "this is an", "this is a", "this", "the", "an", "a", NULL };
static const char *const verbs[] = { "shows",       "depicts",    "features",  "displays",
                                     "captures",    "presents",   "contains",  "portrays",
                                     "illustrates", "is showing", "is of",     "showing",
                                     "of",          "depicting",  "featuring", "displaying",
                                     "capturing",   NULL };
static const char *const sights[] = { "there is", "there are",   "there's",
                                      "we see",   "we can see",  "you can see",
                                      "you see",  "one can see", NULL };

/* What follows the word or words at s, blanks skipped; NULL if it is others. */
static const char *after(const char *s, const char *words) {
    size_t n = strlen(words);
    if (strncasecmp(s, words, n) != 0 || espy_is_letter(s[n])) return NULL;
    s += n;
    while (*s == ' ') s++;
    return s;
}

static const char *after_any(const char *s, const char *const *list) {
    for (; *list; list++) {
        const char *rest = after(s, *list);
        if (rest) return rest;
    }
    return NULL;
}

/* "In this image, we see a cat" -> "a cat"; NULL if s does not begin so. */
static const char *skip_place(const char *s) {
    s = after(s, "in");
    if (s) s = after_any(s, articles);
    if (s) s = after_any(s, nouns);
    if (!s) return NULL;
    while (*s == ',' || *s == ' ') s++;
    const char *rest = after_any(s, sights);
    return rest ? rest : s;
}

/* "This image shows a cat" -> "a cat"; NULL if s does not begin so. */
static const char *skip_subject(const char *s) {
    s = after_any(s, articles);
    if (s) s = after_any(s, nouns);
    return s ? after_any(s, verbs) : NULL;
}

static const char *skip_opener(const char *s) {
    if (!strncasecmp(s, "alt text:", 9)) s += 9;
    while (espy_is_space(*s) || *s == '"' || *s == '*') s++;
    const char *rest = skip_place(s);
    if (!rest) rest = skip_subject(s);
    if (!rest) return s;
    while (espy_is_space(*rest) || *rest == ':') rest++;
    return *rest ? rest : s;
}

/* Whether the full stop at s[at] ends an abbreviation or an initial. */
static int abbreviates(const char *s, size_t at) {
    static const char *const known[] = { "mr", "mrs", "ms", "dr", "st", "no", "vs", "prof", NULL };
    size_t begin = at;
    while (begin > 0 && espy_is_letter(s[begin - 1])) begin--;
    size_t n = at - begin;
    for (int i = 0; known[i]; i++)
        if (n == strlen(known[i]) && !strncasecmp(s + begin, known[i], n)) return 1;
    return n == 1; /* "J. Smith", "e.g. a dog" */
}

/* Blanks, and then no small letter: "Stop!" may stand inside a sentence. */
static int begins_sentence(const char *s) {
    size_t n = strspn(s, " \t\r\n");
    return n > 0 && s[n] && !espy_is_lower(s[n]);
}

/* Bytes of the first sentence, its full stop and closing quote included; 0 if
 * it has no end yet. A line ends a sentence too. */
static size_t sentence_bytes(const char *s) {
    for (size_t i = 0; s[i]; i++) {
        if (s[i] == '\n') return i ? i : 0;
        if (!strncmp(s + i, "\xE3\x80\x82", 3)) return i + 3; /* ideographic full stop */
        if (s[i] != '.' && s[i] != '!' && s[i] != '?') continue;
        size_t end = i + 1;
        while (s[end] == '.' || s[end] == '!' || s[end] == '?' || s[end] == '"' || s[end] == ')')
            end++;
        if (begins_sentence(s + end) && !(s[i] == '.' && abbreviates(s, i))) return end;
        i = end - 1;
    }
    return 0;
}

int espy_sentence_ended(const char *text) {
    while (espy_is_space(*text)) text++;
    return sentence_bytes(skip_opener(text)) != 0;
}

char *espy_read_sentence(const char *answer) {
    while (espy_is_space(*answer)) answer++;
    const char *s = skip_opener(answer);
    size_t n = sentence_bytes(s);
    char *out = strdup(s);
    if (!out) return NULL;
    if (n) out[n] = 0;
    n = strlen(out);
    while (n && (espy_is_space(out[n - 1]) || out[n - 1] == '*')) out[--n] = 0;
    if (n && out[n - 1] == '"' && !memchr(out, '"', n - 1))
        out[n - 1] = 0; /* its partner is gone */
    if (espy_is_lower(out[0])) out[0] = (char)(out[0] - 'a' + 'A');
    return out;
}
