/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What OBS looks up in the files that the build makes of WORDS_H, as words.h is one:
 *
 *     test_obs_words LOCALE_FOLDER LANGUAGE...
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <util/text-lookup.h>

#define N_(text) text
#define WORD(key, text) { key, text },
static const struct word {
    const char *key, *text;
} words[] = {
#include WORDS_H
};
enum { N_WORDS = sizeof words / sizeof *words };

static char **arguments; /* the folder, then names of languages, then NULL */

static lookup_t *open_language(const char *language) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.ini", arguments[0], language);
    lookup_t *lookup = text_lookup_create(path);
    if (!lookup) print_error("OBS cannot read %s\n", path);
    assert_non_null(lookup);
    return lookup;
}

static void english_is_as_written(void **state) {
    (void)state;
    lookup_t *lookup = open_language("en-US");
    for (int i = 0; i < N_WORDS; i++) {
        const char *text = NULL;
        if (!text_lookup_getstr(lookup, words[i].key, &text)) print_error("no %s\n", words[i].key);
        assert_non_null(text);
        assert_string_equal(text, words[i].text);
    }
    text_lookup_destroy(lookup);
}

/* That each word is translated is what check_catalogues.sh looks at; that the right file
 * came of it shows in the words which differ from English. */
static void other_languages_have_all(void **state) {
    (void)state;
    for (char **language = arguments + 1; *language; language++) {
        lookup_t *lookup = open_language(*language);
        int n_other = 0;
        for (int i = 0; i < N_WORDS; i++) {
            const char *text = NULL;
            if (!text_lookup_getstr(lookup, words[i].key, &text))
                print_error("%s: no %s\n", *language, words[i].key);
            assert_non_null(text);
            n_other += strcmp(text, words[i].text) != 0;
        }
        if (n_other < N_WORDS * 3 / 4)
            print_error("%s: %d of %d words are not English\n", *language, n_other, N_WORDS);
        assert_true(n_other >= N_WORDS * 3 / 4);
        text_lookup_destroy(lookup);
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: test_obs_words LOCALE_FOLDER LANGUAGE...\n", stderr);
        return 2;
    }
    arguments = argv + 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_is_as_written),
        cmocka_unit_test(other_languages_have_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
