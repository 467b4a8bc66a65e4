/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any text becomes rows that a television shows: their length, their characters, their
 * breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>

#include "closed_text.h"

static void assert_pages(const char *text, const char *const *expected) {
    g_auto(GStrv) pages = closed_text_pages(text);
    for (int i = 0; expected[i]; i++) {
        assert_non_null(pages[i]);
        assert_string_equal(pages[i], expected[i]);
    }
    assert_null(pages[g_strv_length((char **)expected)]);
}

#define assert_page(text, page) assert_pages(text, (const char *const[]){ page, NULL })
#define assert_none(text) assert_pages(text, (const char *const[]){ NULL })

static void short_text_is_a_row(void **state) {
    (void)state;
    assert_page("A cat on a mat.", "A cat on a mat.");
    assert_page("  A \n\tcat\x01 on\r\na  mat. ", "A cat on a mat.");
    assert_page("exactly thirty-two columns wide.", "exactly thirty-two columns wide.");
}

static void no_text_is_no_page(void **state) {
    (void)state;
    assert_none("");
    assert_none(NULL);
    assert_none(" \n\t ");
}

static void words_wrap(void **state) {
    (void)state;
    assert_page("A man in a red jacket is standing in front of a small house.",
                "A man in a red jacket is\nstanding in front of a small\nhouse.");
    assert_page("one 1234567890123456789012345678901234567890 two",
                "one\n12345678901234567890123456789012\n34567890 two");
    assert_page("ééééééééééééééééééééééééééééé été", /* counted in characters, not bytes */
                "ééééééééééééééééééééééééééééé\nété");
}

static void long_text_turns_pages(void **state) {
    (void)state;
    GString *text = g_string_new(NULL);
    for (int i = 1; i <= 5; i++) g_string_append_printf(text, "row %d is twenty wide. ", i);
    assert_pages(text->str, (const char *const[]){
                                "row 1 is twenty wide. row 2 is\ntwenty wide. row 3 is twenty\n"
                                "wide. row 4 is twenty wide. row\n5 is twenty wide.",
                                NULL });
    g_string_append(text, "And so on and on and on.");
    assert_pages(text->str, (const char *const[]){
                                "row 1 is twenty wide. row 2 is\ntwenty wide. row 3 is twenty\n"
                                "wide. row 4 is twenty wide. row",
                                "5 is twenty wide. And so on and\non and on.", NULL });
    g_string_free(text, TRUE);
}

static void pages_fit_what_obs_takes(void **state) {
    (void)state;
    /* Four full rows are 131 bytes; of two bytes a letter, two rows are 129. */
    for (const char *const *letter = (const char *const[]){ "x", "é", "’", NULL }; *letter;
         letter++) {
        GString *text = g_string_new(NULL);
        for (int i = 1; i <= 320; i++) g_string_append(text, *letter);
        g_auto(GStrv) pages = closed_text_pages(text->str);
        size_t n = 0;
        for (char **page = pages; *page; page++) {
            g_auto(GStrv) rows = g_strsplit(*page, "\n", -1);
            assert_true(strlen(*page) <= CLOSED_BYTES);
            assert_true(g_strv_length(rows) <= CLOSED_ROWS);
            for (char **row = rows; *row; row++) {
                assert_true(g_utf8_strlen(*row, -1) <= CLOSED_COLUMNS);
                n += (size_t)g_utf8_strlen(*row, -1);
            }
        }
        assert_int_equal(n, 320);
        g_string_free(text, TRUE);
    }
}

static void what_608_lacks_comes_near(void **state) {
    (void)state;
    assert_page("“It's” „ok‟ — ‘so’ – to…", "“It’s” \"ok\" — ‘so’ - to...");
    assert_page("Čapek, Łódź, Œuvre", "Capek, Lódz, OEuvre");
    assert_page("¿Qué? Größe, façade, señor", "¿Qué? Größe, façade, señor");
    assert_page("e\xcc\x81tude", "étude"); /* accents that stand behind */
    assert_page("5 × 3 = 15 €", "5 x 3 = 15 EUR");
    assert_page("a cat 😀 sleeps ♫", "a cat sleeps ♪");
    assert_page("a \xff b", "a b");
}

static void what_608_cannot_write_is_left_out(void **state) {
    (void)state;
    assert_none("一只猫在垫子上");
    assert_none("Кошка на коврике");
    assert_none("قطة على السجادة");
    assert_none("A sign that says 一只猫在");
    assert_page("A shop whose sign says 猫", "A shop whose sign says");
    assert_none("😀😀");
}

static void reading_takes_time(void **state) {
    (void)state;
    assert_true(closed_text_seconds("A cat.") == 1.5);
    assert_true(closed_text_seconds("A man in a red jacket is\nstanding there.") == 2.5);
    g_autofree char *page = g_strnfill(CLOSED_BYTES, 'x');
    assert_true(closed_text_seconds(page) == 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_text_is_a_row),
        cmocka_unit_test(no_text_is_no_page),
        cmocka_unit_test(words_wrap),
        cmocka_unit_test(long_text_turns_pages),
        cmocka_unit_test(pages_fit_what_obs_takes),
        cmocka_unit_test(what_608_lacks_comes_near),
        cmocka_unit_test(what_608_cannot_write_is_left_out),
        cmocka_unit_test(reading_takes_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
