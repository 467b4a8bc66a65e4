/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qwen.tiktoken: its lines, the special tokens behind them, merging by rank. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/bpe.h"

/* a b c, and what they make; ranks 0 .. 7 */
#define LETTERS "YQ== 0\nYg== 1\nYw== 2\n"
#define PAIRS LETTERS "YmM= 3\nYWI= 4\nYWJj 5\nYWJjYWJj 6\nYWE= 7\n"

static espy_status open_text(espy_vocab **v, const char *text, espy_error *err) {
    size_t n = strlen(text);
    char *bytes = malloc(n + 1); /* without a NUL behind it: reading on would be seen */
    assert_non_null(bytes);
    memcpy(bytes, text, n);
    char *exact = realloc(bytes, n ? n : 1);
    assert_non_null(exact);
    espy_status status = espy_vocab_from_tiktoken(v, exact, n, "v.tiktoken", err);
    free(exact);
    return status;
}

static espy_vocab *vocab_of(const char *text) {
    espy_vocab *v;
    espy_error err = { 0 };
    if (open_text(&v, text, &err)) fail_msg("%s", err.message);
    return v;
}

static void assert_ids(const espy_vocab *v, const char *text, const char *wanted) {
    espy_ids ids = { 0 };
    char got[512] = "";
    assert_int_equal(espy_bpe_encode(v, text, strlen(text), 1, &ids, NULL), ESPY_OK);
    for (int64_t i = 0; i < ids.n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), i ? " %d" : "%d", ids.at[i]);
    assert_string_equal(got, wanted);
    espy_ids_free(&ids);
}

static void ranks_are_ids_and_specials_follow(void **state) {
    (void)state;
    /* any order, line ends of another system, empty lines, no newline at the end */
    espy_vocab *v = vocab_of("Yg== 1\r\n\nYQ== 0\r\nYw== 2");
    size_t n;
    assert_memory_equal(espy_vocab_bytes(v, 1, &n), "b", 1);
    assert_int_equal(n, 1);
    assert_int_equal(espy_vocab_special(v, "<|endoftext|>"), 3);
    assert_int_equal(espy_vocab_special(v, "<|im_start|>"), 4);
    assert_int_equal(espy_vocab_special(v, "<|im_end|>"), 5);
    assert_int_equal(espy_vocab_special(v, "<|extra_0|>"), 6);
    assert_int_equal(espy_vocab_special(v, "<|extra_204|>"), 210);
    assert_int_equal(espy_vocab_special(v, "<ref>"), 211);
    assert_int_equal(espy_vocab_special(v, "</quad>"), 216);
    assert_int_equal(espy_vocab_special(v, "<img>"), 217);
    assert_int_equal(espy_vocab_special(v, "<imgpad>"), 219);
    assert_int_equal(espy_vocab_n_tokens(v), 220);
    /* boxes are part of an answer's text, what ends it is not */
    assert_false(espy_vocab_is_special(v, 211));
    assert_true(espy_vocab_is_special(v, 5));
    assert_ids(v, "a<box>b</box><|im_end|>c", "0 213 1 214 5 2");
    espy_vocab_close(&v);
}

static void the_lowest_rank_is_joined_first(void **state) {
    (void)state;
    espy_vocab *v = vocab_of(PAIRS);
    assert_ids(v, "abc", "5");    /* a whole piece */
    assert_ids(v, "abcb", "5 1"); /* bc before ab, then a with it */
    assert_ids(v, "aabc", "0 5");
    assert_ids(v, "aaa", "7 0"); /* the leftmost of equals */
    assert_ids(v, "abcabcabc", "6 5");
    espy_vocab_close(&v);
}

/* "abcd" is a token that no two tokens make. */
static void a_piece_that_is_a_token_is_taken_whole(void **state) {
    (void)state;
    espy_vocab *v = vocab_of(LETTERS "ZA== 3\nYWJjZA== 4\n");
    assert_ids(v, "abcd", "4");
    assert_ids(v, "abcda", "0 1 2 3 0");
    espy_vocab_close(&v);
}

/* Short and long pieces go different ways to the same ids. */
static void long_pieces_are_joined_the_same_way(void **state) {
    (void)state;
    espy_vocab *v = vocab_of(PAIRS);
    enum { N = 49 };
    char text[3 * N + 1] = "", wanted[8 * N] = "";
    for (int i = 0; i < N; i++) strcat(text, "abc");
    for (int i = 0; i < N / 2; i++) strcat(wanted, "6 ");
    strcat(wanted, "5");
    assert_ids(v, text, wanted);
    espy_vocab_close(&v);
}

static void composed_before_tokens_are_cut_out(void **state) {
    (void)state;
    espy_vocab *v = NULL;
    char text[] = "<box>\xCC\xB8"; /* U+0338 makes one character with the > before it */
    char *all = calloc(1, 1 << 14);
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_non_null(all);
    for (int b = 0; b < 256; b++)
        sprintf(all + strlen(all), "%c%c== %d\n", digits[b >> 2], digits[(b & 3) << 4], b);
    v = vocab_of(all);
    free(all);
    assert_ids(v, text, "60 98 111 120 226 137 175"); /* "<box" and U+226F */
    espy_vocab_close(&v);
}

static void broken_files_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
        int64_t offset;
    } cases[] = {
        { "", "no token", 0 },
        { "\n\r\n", "no token", 0 },
        { "YQ==\n", "'YQ==' is not base64 and a rank", 0 },
        { "YQ== 0\nY?== 1\n", "'Y?== 1' is not base64", 7 },
        { "YQ== 0\nY=Q= 1\n", "is not base64", 7 },
        { "Y=== 0\n", "is not base64", 0 },
        { "YQ 0\n", "is not base64", 0 },
        { " 0\n", "is not base64", 0 },
        { "==== 0\n", "is not base64", 0 },
        { "YQ== \n", "a rank that is not below", 0 },
        { "YQ== 1\n", "a rank that is not below", 0 },
        { "YQ== -1\n", "a rank that is not below", 0 },
        { "YQ== 0 0\n", "a rank that is not below", 0 },
        { "YQ== 18446744073709551616\n", "a rank that is not below", 0 },
        { "YQ== 0\nYg== 0\n", "the rank of an earlier one", 7 },
        { "YQ== 0\nYQ== 1\n", "tokens 0 and 1 are the same bytes", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_vocab *v;
        espy_error err = { 0 };
        assert_int_equal(open_text(&v, cases[i].text, &err), ESPY_ERR_FORMAT);
        assert_null(v);
        assert_non_null(strstr(err.message, "v.tiktoken: "));
        if (!strstr(err.message, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
        assert_int_equal(err.offset, cases[i].offset);
    }
}

static void a_missing_byte_is_told(void **state) {
    (void)state;
    espy_vocab *v = vocab_of(LETTERS);
    espy_ids ids = { 0 };
    espy_error err = { 0 };
    assert_int_equal(espy_bpe_encode(v, "ax", 2, 1, &ids, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0x78"));
    espy_vocab_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_ids_and_specials_follow),
        cmocka_unit_test(the_lowest_rank_is_joined_first),
        cmocka_unit_test(a_piece_that_is_a_token_is_taken_whole),
        cmocka_unit_test(long_pieces_are_joined_the_same_way),
        cmocka_unit_test(composed_before_tokens_are_cut_out),
        cmocka_unit_test(broken_files_are_told),
        cmocka_unit_test(a_missing_byte_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
