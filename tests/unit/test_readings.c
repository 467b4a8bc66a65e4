/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What answers say, out of what models write around it. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/languages.h"
#include "text/readings.h"

static void sentences_lose_their_openers(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "A cat on a mat.", "A cat on a mat." },
        { "This image shows a cat on a mat.", "A cat on a mat." },
        { "The picture depicts two dogs. They run.", "Two dogs." },
        { "In this photograph, there is a red car.", "A red car." },
        { "In the image we see three boats.", "Three boats." },
        { "An image of a bridge at night.", "A bridge at night." },
        { "This is a photo of Mr. Brown and J. Smith. They smile.", "Mr. Brown and J. Smith." },
        { "Alt text: \"A bowl of 3.5 litres.\"", "A bowl of 3.5 litres." },
        { "  the photo shows\nnothing", "Nothing" },
        { "The picture frame is broken.", "The picture frame is broken." },
        { "This image", "This image" },
        { "This image shows:", "This image shows:" },
        { "This imageshows a cat.", "This imageshows a cat." },
        { "A sign that reads \"Stop!\" beside a road. Cars wait.",
          "A sign that reads \"Stop!\" beside a road." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *alt = espy_read_sentence(cases[i][0]);
        assert_non_null(alt);
        assert_string_equal(alt, cases[i][1]);
        free(alt);
    }
    assert_false(espy_sentence_ended("A cat."));
    assert_false(espy_sentence_ended("Dr. Who"));
    assert_false(espy_sentence_ended("Alt text:\n"));
    assert_false(espy_sentence_ended("Alt text:\nA cat."));
    assert_true(espy_sentence_ended("A cat. It"));
}

static void tags_come_out_of_any_list(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "[]", "" },
        { "[\"cat\", \"red hat\", \"sofa\"]", "cat|red hat|sofa" },
        { "```json\n[\n\t\"cat\",\n\t\"dog\"\n]\n```", "cat|dog" },
        { "Here are the tags: [\"cat\"] Let me know, if", "cat" },
        { "[\"cat\", \"caf\\u00e9\", \"a \\\"b\\\" c\"]", "cat|caf\xC3\xA9|a \"b\" c" },
        { "[\"cat\", \"red hat, bl", "cat" },
        { "[\"cat\", \"dog\"", "cat|dog" },
        { "['cat', 'it's', 'dog']", "cat|it's|dog" },
        { "[\"a, b\", \"c\"]", "a, b|c" },
        { "[{\"tag\": \"cat\"}, {\"tag\": \"dog\", \"score\": 1}]", "cat|dog|1" },
        { "[cat, dog]", "cat|dog" },
        { "cat, dog, red  hat.", "cat|dog|red  hat" },
        { "Tags: cat, dog", "cat|dog" },
        { "- cat\n- red hat\n* dog\n\xE2\x80\xA2 mouse", "cat|red hat|dog|mouse" },
        { "1. cat\n2. dog\n10) mouse", "cat|dog|mouse" },
        { "#cat #dog", "cat|dog" },
        { "\xE7\x8C\xAB\xEF\xBC\x8C\xE7\x8B\x97\xE3\x80\x81\xE9\xB8\x9F",
          "\xE7\x8C\xAB|\xE7\x8B\x97|\xE9\xB8\x9F" },
        { "cat, Cat, CAT, dog", "cat|dog" },
        { "35mm, 4 cats, **bold**", "35mm|4 cats|bold" },
        { "\"cat\"", "cat" },
        { "black-and-white, o'clock", "black-and-white|o'clock" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char **tags, joined[200] = "";
        int n;
        size_t at = 0;
        assert_int_equal(espy_read_tags(cases[i][0], &tags, &n, NULL), ESPY_OK);
        for (int k = 0; k < n; k++) {
            at += (size_t)snprintf(joined + at, sizeof joined - at, "%s%s", k ? "|" : "", tags[k]);
        }
        if (strcmp(joined, cases[i][1]) != 0)
            fail_msg("%s gives %s, not %s", cases[i][0], joined, cases[i][1]);
        espy_tags_free(tags, n);
    }
}

static void endless_tags_end(void **state) {
    (void)state;
    char text[8000] = "[", **tags;
    int n;
    for (int i = 0; i < 500; i++) snprintf(text + strlen(text), 16, "\"tag %d\", ", i);
    assert_true(espy_tags_ended(text));
    assert_int_equal(espy_read_tags(text, &tags, &n, NULL), ESPY_OK);
    assert_int_equal(n, 64);
    espy_tags_free(tags, n);
    assert_false(espy_tags_ended("[\"a\", \"b\""));
    assert_false(espy_tags_ended("[\"a]\", \"b\""));
    assert_false(espy_tags_ended("a, b, c"));
    assert_true(espy_tags_ended("[\"a\", \"b\"]"));
}

static void numbers_come_in_digits_and_words(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        double number; /* -1: none */
    } cases[] = {
        { "3", 3 },
        { "3.", 3 },
        { "There are 12 cats.", 12 },
        { "1,234 birds", 1234 },
        { "1,2", 1 },
        { "2.5", 2.5 },
        { "Three", 3 },
        { "There are twenty of them.", 20 },
        { "There are two cats (2).", 2 },
        { "There are no cats.", 0 },
        { "None.", 0 },
        { "0", 0 },
        { "No, there are five.", 5 },
        { "Someone is there", -1 },
        { "I can't tell.", -1 },
        { "", -1 },
    };
    for (int comma = 0; comma < 2; comma++) { /* whatever the host's locale */
        if (comma && !setlocale(LC_ALL, "de_DE.UTF-8")) break;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            double number = -1;
            int found = espy_read_number(cases[i].answer, &number);
            if (found != (cases[i].number >= 0) || number != cases[i].number)
                fail_msg("%s gives %g", cases[i].answer, number);
        }
    }
    setlocale(LC_ALL, "C");
    static const char *const open[] = { "", "There are", "3", "3.", "1,", "1,2", "three cats" };
    static const char *const ended[] = { "3 ", "3\n", "1,234 x", "3. ", "2.5 m" };
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (espy_number_ended(open[i])) fail_msg("'%s' has ended", open[i]);
    for (size_t i = 0; i < sizeof ended / sizeof *ended; i++)
        if (!espy_number_ended(ended[i])) fail_msg("'%s' has not ended", ended[i]);
}

static void documents_lose_their_fence(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "# A\n\ntext\n", "# A\n\ntext" },
        { "```markdown\n# A\n```", "# A" },
        { "\n```html\n<p>a</p>\n\n```\n", "<p>a</p>" },
        { "```markdown\nnot closed", "not closed" },
        { "``", "" },
        { "```html", "" },
        { "a `b` c", "a `b` c" },
        { "a\n```c\nx;\n```\nb", "a\n```c\nx;\n```\nb" },
        { "```markdown\na `b`\n```", "a `b`" },
        { "```markdown\nends in `code`", "ends in `code`" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        const char *s = espy_read_document(cases[i][0], &n);
        if (n != strlen(cases[i][1]) || memcmp(s, cases[i][1], n) != 0)
            fail_msg("%s gives %.*s", cases[i][0], (int)n, s);
    }
}

static void languages_have_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "de_DE.UTF-8", "German" },
        { "de", "German" },
        { "DE-at", "German" },
        { "german", "German" },
        { "zh_CN.UTF-8", "Chinese" },
        { "zh_TW.UTF-8", "Traditional Chinese" },
        { "zh-tw", "Traditional Chinese" },
        { "pt_BR", "Brazilian Portuguese" },
        { "pt_PT", "Portuguese" },
        { "sr_RS@latin", "Serbian" },
        { "en_GB.UTF-8", NULL },
        { "C", NULL },
        { "C.UTF-8", NULL },
        { "POSIX", NULL },
        { "", NULL },
        { "tlh_XX", NULL },
        { "d", NULL },
        { "den", NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = espy_language_name(cases[i][0]);
        if (!name != !cases[i][1] || (name && strcmp(name, cases[i][1]) != 0))
            fail_msg("%s gives %s", cases[i][0], name ? name : "none");
    }
    assert_null(espy_language_name(NULL));
    int small;
    assert_non_null(espy_language_find("en", &small));
    assert_true(small);
    assert_non_null(espy_language_find("ja", &small));
    assert_false(small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_lose_their_openers),
        cmocka_unit_test(tags_come_out_of_any_list),
        cmocka_unit_test(endless_tags_end),
        cmocka_unit_test(numbers_come_in_digits_and_words),
        cmocka_unit_test(documents_lose_their_fence),
        cmocka_unit_test(languages_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
