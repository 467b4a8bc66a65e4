/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answer as it grows: pieces, stop strings, the guard against loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generate/answer.h"

static espy_vocab *vocab;

/* Pieces joined by '|'. */
typedef struct sink {
    char text[512];
    int refuse_at, n;
} sink;

static int collect(void *user, const char *piece, size_t n_bytes) {
    sink *s = user;
    assert_int_equal(strlen(piece), n_bytes);
    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%s|", piece);
    return ++s->n == s->refuse_at;
}

static espy_answer answer_to(sink *s, const char *const *stop, int n_stop) {
    return (espy_answer){
        .vocab = vocab, .stop = stop, .n_stop = n_stop, .on_text = collect, .user = s
    };
}

/* Feeds a text token by token until something ends it. */
static void feed(espy_answer *a, const char *text) {
    espy_ids ids = { 0 };
    assert_int_equal(espy_bpe_encode(vocab, text, strlen(text), 0, &ids, NULL), ESPY_OK);
    for (int64_t i = 0; i < ids.n && !a->stopped && !a->refused; i++)
        assert_int_equal(espy_answer_push(a, ids.at[i], NULL), ESPY_OK);
    espy_ids_free(&ids);
}

static void pieces_make_the_text(void **state) {
    (void)state;
    const char *text = "K\xC3\xA4se \xE7\x8C\xAB \xF0\x9F\x90\x88 1, 2";
    sink s = { .refuse_at = -1 };
    espy_answer a = answer_to(&s, NULL, 0);
    feed(&a, text);
    assert_int_equal(espy_answer_end(&a, NULL), ESPY_OK);
    assert_string_equal(a.text, text);
    char joined[512] = "";
    for (char *p = strtok(s.text, "|"); p; p = strtok(NULL, "|")) {
        assert_true(((unsigned char)p[0] & 0xC0) != 0x80); /* no piece begins inside a character */
        strcat(joined, p);
    }
    assert_string_equal(joined, text);
    espy_answer_free(&a);
}

static void stop_strings_are_never_shown(void **state) {
    (void)state;
    const char *const stop[] = { "STOP", "\n\n" };
    sink s = { .refuse_at = -1 };
    espy_answer a = answer_to(&s, stop, 2);
    feed(&a, "one STO two STOP three");
    assert_int_equal(espy_answer_end(&a, NULL), ESPY_OK);
    assert_true(a.stopped);
    assert_string_equal(a.text, "one STO two ");
    assert_null(strstr(s.text, "STOP"));
    assert_null(strstr(s.text, "three"));
    espy_answer_free(&a);

    sink t = { .refuse_at = -1 };
    a = answer_to(&t, stop, 2);
    feed(&a, "ends in ST");
    assert_int_equal(espy_answer_end(&a, NULL), ESPY_OK);
    assert_string_equal(a.text, "ends in ST"); /* held back, then given */
    assert_false(a.stopped);
    espy_answer_free(&a);
}

static void blanks_at_both_ends_are_left_out(void **state) {
    (void)state;
    static const char *const stop[] = { "STOP" };
    static const char *const cases[][2] = {
        { " \n\t one  two\n\n three \n ", "one  two\n\n three" },
        { "one  \n STOP two", "one" },
        { " \n ", "" },
        { " \nSTOP", "" },
        { "", "" },
        { "one ST ", "one ST" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sink s = { .refuse_at = -1 };
        espy_answer a = answer_to(&s, stop, 1);
        a.strip = 1;
        feed(&a, cases[i][0]);
        assert_int_equal(espy_answer_end(&a, NULL), ESPY_OK);
        assert_string_equal(a.text ? a.text : "", cases[i][1]);
        assert_int_equal(a.n_bytes, strlen(cases[i][1]));
        char joined[512] = "";
        for (char *p = s.text, *to = joined; *p; p++)
            if (*p != '|') *to++ = *p;
        assert_string_equal(joined, cases[i][1]); /* nor do pieces have them */
        espy_answer_free(&a);
    }
}

static void a_callback_can_stop(void **state) {
    (void)state;
    sink s = { .refuse_at = 2 };
    espy_answer a = answer_to(&s, NULL, 0);
    feed(&a, "1 2 3 4 5 6 7 8");
    assert_true(a.refused);
    assert_int_equal(s.n, 2);
    espy_answer_free(&a);
}

static int loops_after(int period, int n, int disturb) {
    espy_answer a = { .vocab = vocab };
    for (int i = 0; i < n; i++) espy_ids_push(&a.tokens, i == disturb ? 1000 : i % period, NULL);
    int loops = espy_answer_loops(&a);
    espy_answer_free(&a);
    return loops;
}

static void loops_are_noticed(void **state) {
    (void)state;
    assert_false(loops_after(1, 255, -1));
    assert_true(loops_after(1, 256, -1));
    assert_true(loops_after(7, 300, -1));
    assert_true(loops_after(64, 512, -1));
    assert_false(loops_after(64, 511, -1));
    assert_false(loops_after(65, 2000, -1));
    assert_false(loops_after(7, 300, 200)); /* one token differs */
}

static int open_vocab(void **state) {
    (void)state;
    char path[1024];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/tokenizer", root ? root : ".");
    return espy_vocab_from_folder(&vocab, path, NULL) ? -1 : 0;
}

static int close_vocab(void **state) {
    (void)state;
    espy_vocab_close(&vocab);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_make_the_text),
        cmocka_unit_test(stop_strings_are_never_shown),
        cmocka_unit_test(blanks_at_both_ends_are_left_out),
        cmocka_unit_test(a_callback_can_stop),
        cmocka_unit_test(loops_are_noticed),
    };
    return cmocka_run_group_tests(tests, open_vocab, close_vocab);
}
