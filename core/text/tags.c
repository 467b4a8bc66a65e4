/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags out of an answer. Asked for is a JSON array of strings; seen are also
 * arrays that break off, objects in them, and lists of other kinds:
 *
 *     ["cat", "red hat"]     cat, red hat     - cat     1. cat     #cat
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text/readings.h"

enum { MAX_TAGS = 64, MAX_TAG_BYTES = 200 };

typedef struct list {
    char **at; /* [MAX_TAGS] */
    int n;
    int failed;
} list;

void espy_tags_free(char **tags, int n_tags) {
    for (int i = 0; tags && i < n_tags; i++) free(tags[i]);
    free(tags);
}

static size_t skip_space(const char *s) {
    size_t n = 0;
    while (espy_is_space(s[n])) n++;
    return n;
}

/* Bytes of a separator at s: comma, semicolon, line end, bracket, '#', and the
 * commas of Chinese and Japanese; 0 if there is none. */
static size_t separator(const char *s) {
    if (strchr(",;\n\r[]{}#", *s)) return *s != 0;
    return !strncmp(s, "\xEF\xBC\x8C", 3) || !strncmp(s, "\xE3\x80\x81", 3) ? 3 : 0;
}

/* "1. " or "- " before an item. */
static size_t bullet(const char *s) {
    size_t n = 0;
    while (espy_is_digit(s[n])) n++;
    if (n && (s[n] == '.' || s[n] == ')') && espy_is_space(s[n + 1])) return n + 2;
    if ((*s == '-' || *s == '*') && espy_is_space(s[1])) return 2;
    return strncmp(s, "\xE2\x80\xA2", 3) ? 0 : 3;
}

/* Adds n bytes at s, less the blanks and marks around them, unless they are
 * there already. */
static void add(list *tags, const char *s, size_t n) {
    while (n && (espy_is_space(*s) || strchr("\"'`*", *s))) s++, n--;
    while (n && (espy_is_space(s[n - 1]) || strchr("\"'`*.", s[n - 1]))) n--;
    if (!n || n > MAX_TAG_BYTES || tags->n == MAX_TAGS || tags->failed) return;
    for (int i = 0; i < tags->n; i++)
        if (strlen(tags->at[i]) == n && !strncasecmp(tags->at[i], s, n)) return;
    char *copy = strndup(s, n);
    tags->failed = !copy;
    if (copy) tags->at[tags->n++] = copy;
}

/* Bytes of the quoted string at s, both quotes included; 0 if it does not end. A
 * quote ends it where an item may end. */
static size_t quoted(const char *s) {
    for (size_t i = 1; s[i]; i++) {
        if (s[i] == '\\' && s[i + 1]) {
            i++;
        } else if (s[i] == *s) {
            const char *rest = s + i + 1 + skip_space(s + i + 1);
            if (!*rest || *rest == ':' || separator(rest)) return i + 1;
        }
    }
    return 0;
}

/* Adds the string of n bytes at s, which has its quotes. */
static void add_quoted(list *tags, const char *s, size_t n) {
    cJSON *string = *s == '"' ? cJSON_ParseWithLength(s, n) : NULL;
    const char *text = cJSON_GetStringValue(string);
    if (text)
        add(tags, text, strlen(text));
    else
        add(tags, s + 1, n - 2);
    cJSON_Delete(string);
}

/* The item at s; returns its bytes. A name before a colon is no tag. */
static size_t item(list *tags, const char *s) {
    size_t n = *s == '"' || *s == '\'' ? quoted(s) : 0;
    if (n) {
        if (s[n + skip_space(s + n)] != ':') add_quoted(tags, s, n);
        return n;
    }
    if (*s == '"') return strlen(s); /* cut in the middle */
    while (s[n] && !separator(s + n)) n++;
    const char *colon = memchr(s, ':', n);
    if (colon && (colon[1] == ' ' || colon[1] == '\n' || !colon[1])) return (size_t)(colon - s) + 1;
    add(tags, s, n);
    return n;
}

/* Where the list stands: behind the first bracket, or all of it. */
static const char *beginning(const char *answer) {
    const char *bracket = strchr(answer, '[');
    return bracket ? bracket + 1 : answer;
}

/* Reads items up to the closing bracket, whose place is returned; NULL if there
 * is none. */
static const char *walk(list *tags, const char *answer) {
    const char *s = beginning(answer);
    int depth = s != answer;
    while (*s && tags->n < MAX_TAGS && !tags->failed) {
        if (depth && *s == ']') return s;
        size_t n = separator(s);
        if (!n) n = skip_space(s);
        if (!n) n = *s == ':'; /* behind a quoted name */
        if (!n) n = bullet(s);
        s += n ? n : item(tags, s);
    }
    return NULL;
}

espy_status espy_read_tags(const char *answer, char ***out, int *n_tags, espy_error *err) {
    list tags = { .at = calloc(MAX_TAGS, sizeof *tags.at) };
    *out = NULL;
    *n_tags = 0;
    if (!tags.at) return espy_out_of_memory(err);
    walk(&tags, answer);
    if (tags.failed) {
        espy_tags_free(tags.at, tags.n);
        return espy_out_of_memory(err);
    }
    *out = tags.at;
    *n_tags = tags.n;
    return ESPY_OK;
}

int espy_tags_ended(const char *answer) {
    list tags = { .at = calloc(MAX_TAGS, sizeof *tags.at) };
    if (!tags.at) return 0;
    int ended = walk(&tags, answer) != NULL || tags.n == MAX_TAGS;
    espy_tags_free(tags.at, tags.n);
    return ended && !tags.failed;
}
