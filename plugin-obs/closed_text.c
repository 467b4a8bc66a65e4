/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "closed_text.h"

#include <string.h>

/* What 608 has beside ASCII (ANSI/CTA-608-E, its basic, special, and extended sets). */
static const char letters[] = "áéíóúçñÑàèâêîôûÁÉÓÚÜüÀÂÇÈÊËëÎÏïÔÙùÛÃãÍÌìÒòÕõÄäÖößÅåØø";
static const char signs[] = "÷®°½¿™¢£♪‘¡’—©℠•“”«»¥¤¦┌┐└┘█";

/* What GLib has no ASCII for, or none that reads well. The typewriter's apostrophe is in
 * one of 608's extended sets, the typographic one in the basic set that all know. */
static const struct {
    const char *from, *to;
} likenesses[] = { { "'", "’" },  { "′", "’" },  { "ʼ", "’" },  { "„", "\"" }, { "‟", "\"" },
                   { "″", "\"" }, { "‚", "," },  { "‛", "‘" },  { "×", "x" },  { "·", "•" },
                   { "²", "2" },  { "³", "3" },  { "đ", "d" },  { "Đ", "D" },  { "ð", "d" },
                   { "Ð", "D" },  { "þ", "th" }, { "Þ", "Th" }, { "ı", "i" },  { "ẞ", "ß" },
                   { "♫", "♪" },  { "🎵", "♪" },  { "🎶", "♪" } };

static gboolean is_in(const char *set, gunichar c) {
    return g_utf8_strchr(set, -1, c) != NULL;
}

static const char *likeness(const char *character) {
    for (size_t i = 0; i < G_N_ELEMENTS(likenesses); i++)
        if (!strcmp(character, likenesses[i].from)) return likenesses[i].to;
    return NULL;
}

/* In 608's characters and ASCII blanks; NULL: too much is lost. */
static char *in_608(const char *text) {
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    g_autofree char *s = g_utf8_normalize(valid, -1, G_NORMALIZE_DEFAULT_COMPOSE);
    GString *plain = g_string_new(NULL);
    int n_letters = 0, n_lost = 0;
    for (const char *p = s; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_autofree char *character = g_strndup(p, (gsize)(g_utf8_next_char(p) - p));
        g_autofree char *ascii = g_str_to_ascii(character, "C");
        const char *like = likeness(character);
        n_letters += g_unichar_isalpha(c);
        if (g_unichar_isspace(c) || g_unichar_iscntrl(c))
            g_string_append_c(plain, ' ');
        else if (like)
            g_string_append(plain, like);
        else if (c < 0x80 || is_in(letters, c) || is_in(signs, c))
            g_string_append(plain, character);
        else if (!strchr(ascii, '?'))
            g_string_append(plain, ascii);
        else
            n_lost += g_unichar_isalpha(c);
    }
    return g_string_free(plain, n_lost * 8 > n_letters);
}

/* A word that is longer than a row is broken. */
static void add_word(GPtrArray *rows, const char *word) {
    GString *row = rows->len ? rows->pdata[rows->len - 1] : NULL;
    glong room = row ? CLOSED_COLUMNS - g_utf8_strlen(row->str, -1) - 1 : -1;
    glong n = g_utf8_strlen(word, -1);
    if (n <= room) {
        g_string_append_printf(row, " %s", word);
        return;
    }
    for (; n > 0; n -= CLOSED_COLUMNS) {
        const char *rest = g_utf8_offset_to_pointer(word, MIN(n, CLOSED_COLUMNS));
        g_ptr_array_add(rows, g_string_new_len(word, rest - word));
        word = rest;
    }
}

static void free_row(gpointer row) {
    g_string_free(row, TRUE);
}

/* As few pages as there can be, of about as many rows each. */
static char **in_pages(const GPtrArray *rows) {
    GPtrArray *pages = g_ptr_array_new();
    guint n_pages = (rows->len + CLOSED_ROWS - 1) / CLOSED_ROWS;
    guint n_rows = n_pages ? (rows->len + n_pages - 1) / n_pages : 0;
    for (guint i = 0; i < rows->len;) {
        GString *page = g_string_new(((GString *)rows->pdata[i++])->str);
        for (guint n = 1; n < n_rows && i < rows->len; n++, i++) {
            const GString *row = rows->pdata[i];
            if (page->len + 1 + row->len > CLOSED_BYTES) break;
            g_string_append_printf(page, "\n%s", row->str);
        }
        g_ptr_array_add(pages, g_string_free(page, FALSE));
    }
    g_ptr_array_add(pages, NULL);
    return (char **)g_ptr_array_free(pages, FALSE);
}

char **closed_text_pages(const char *text) {
    GPtrArray *rows = g_ptr_array_new_with_free_func(free_row);
    g_autofree char *plain = in_608(text);
    g_auto(GStrv) words = g_strsplit(plain ? plain : "", " ", -1);
    for (char **word = words; *word; word++)
        if (**word) add_word(rows, *word);
    char **pages = in_pages(rows);
    g_ptr_array_free(rows, TRUE);
    return pages;
}

double closed_text_seconds(const char *page) {
    const double letters_per_s = 16; /* as subtitles are paced */
    return CLAMP((double)g_utf8_strlen(page, -1) / letters_per_s, 1.5, 6);
}
