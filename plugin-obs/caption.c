/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caption.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

caption *caption_new(void) {
    caption *c = g_new0(caption, 1);
    atomic_init(&c->refs, 1);
    return c;
}

caption *caption_ref(caption *c) {
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void caption_unref(caption *c) {
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1) return;
    for (int i = 0; i < c->n_boxes; i++) g_free(c->boxes[i].label);
    g_free(c->boxes);
    g_free(c->text);
    g_free(c);
}

/* -------------------------------------------------------------------- JSON */

static void add_text(cJSON *to, const char *key, const char *text) {
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    cJSON_AddStringToObject(to, key, valid);
}

/* No more digits than mean something. */
static void add_number(cJSON *to, const char *key, double x, double steps) {
    cJSON_AddNumberToObject(to, key, round(x * steps) / steps);
}

static void add_box(cJSON *boxes, const caption_box *b) {
    cJSON *box = cJSON_CreateObject();
    add_text(box, "label", b->label);
    add_number(box, "x1", b->x1, 1e4);
    add_number(box, "y1", b->y1, 1e4);
    add_number(box, "x2", b->x2, 1e4);
    add_number(box, "y2", b->y2, 1e4);
    cJSON_AddItemToArray(boxes, box);
}

char *caption_to_json(const caption *c, double start_s, double end_s) {
    cJSON *all = cJSON_CreateObject();
    if (start_s >= 0) add_number(all, "start_s", start_s, 1e3);
    if (end_s >= 0) add_number(all, "end_s", end_s, 1e3);
    add_text(all, "text", c->text);
    cJSON *boxes = cJSON_AddArrayToObject(all, "boxes");
    for (int i = 0; i < c->n_boxes; i++) add_box(boxes, &c->boxes[i]);
    cJSON_AddBoolToObject(all, "news", c->is_news);
    add_number(all, "lag_s", (double)(c->done_us - c->seen_us) / 1e6, 1e3);
    char *line = cJSON_PrintUnformatted(all);
    char *own = g_strdup(line ? line : "{}");
    cJSON_free(line);
    cJSON_Delete(all);
    return own;
}

/* ---------------------------------------------------------------- the same */

/* Of the languages that captions are mostly asked for in. */
static gboolean is_article(const char *word) {
    static const char *const articles[] = {
        "a",    "an",    "the",   "der",   "die",   "das",  "den",  "dem", "des", "ein",
        "eine", "einen", "einem", "einer", "eines", "le",   "la",   "les", "l",   "un",
        "une",  "el",    "los",   "las",   "una",   "unos", "unas", "il",  "lo",  "gli",
        "uno",  "os",    "um",    "uma",   "het",   "een",  NULL
    };
    return g_strv_contains(articles, word);
}

/* Scripts that put no blanks between words: there each character counts as one. */
static gboolean stands_alone(gunichar c) {
    switch (g_unichar_get_script(c)) {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_THAI:
    case G_UNICODE_SCRIPT_LAO:
    case G_UNICODE_SCRIPT_KHMER:
    case G_UNICODE_SCRIPT_MYANMAR:
        return TRUE;
    default:
        return FALSE;
    }
}

/* Letters, digits, and the marks on them. */
static gboolean is_in_word(gunichar c) {
    return g_unichar_isalnum(c) || g_unichar_ismark(c);
}

/* A word of its own, such as an emoji. */
static gboolean is_symbol(gunichar c) {
    GUnicodeType type = g_unichar_type(c);
    return type == G_UNICODE_OTHER_SYMBOL || type == G_UNICODE_MATH_SYMBOL ||
           type == G_UNICODE_CURRENCY_SYMBOL;
}

/* An article is one before a word: the A of a sign that says "A" is not. */
static gboolean leads_to_word(const char *s) {
    gunichar c = g_utf8_get_char(s);
    if (!g_unichar_isspace(c) && c != '\'' && c != 0x2019) return FALSE;
    do {
        s = g_utf8_next_char(s);
        c = g_utf8_get_char(s);
    } while (g_unichar_isspace(c));
    return is_in_word(c) || is_symbol(c);
}

static const char *end_of_word(const char *s) {
    gunichar c;
    do {
        s = g_utf8_next_char(s);
        c = g_utf8_get_char(s);
    } while (is_in_word(c) && !stands_alone(c));
    return s;
}

/* The words, a blank behind each. */
static char *words_of(const char *text) {
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    g_autofree char *folded = g_utf8_casefold(valid, -1);
    g_autofree char *s = g_utf8_normalize(folded, -1, G_NORMALIZE_ALL_COMPOSE);
    GString *words = g_string_new(NULL);
    for (const char *p = s, *end; *p; p = end) {
        gunichar c = g_utf8_get_char(p);
        end = g_utf8_next_char(p);
        if (!is_in_word(c) && !is_symbol(c)) continue;
        if (is_in_word(c) && !stands_alone(c)) end = end_of_word(p);
        g_autofree char *word = g_strndup(p, (gsize)(end - p));
        if (is_article(word) && leads_to_word(end)) continue;
        g_string_append(words, word);
        g_string_append_c(words, ' ');
    }
    return g_string_free(words, FALSE);
}

gboolean caption_says_same(const char *a, const char *b) {
    g_autofree char *words_a = words_of(a), *words_b = words_of(b);
    return !strcmp(words_a, words_b);
}
