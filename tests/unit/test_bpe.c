/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encoding against the reference: the lines of tests/data/tokenizer with the
 * small vocabulary, and with Qwen2's own and its test texts where those are
 * beside the checkout. Decoding, bad UTF-8, and time on long pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/source.h"
#include "text/bpe.h"
#include "text/unicode.h"

static const char *root(void) {
    const char *path = getenv("ESPY_SOURCE_ROOT");
    return path ? path : ".";
}

static void open_small(espy_vocab **v) {
    char path[4096];
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/tests/data/tokenizer", root());
    if (espy_vocab_from_folder(v, path, &err)) fail_msg("%s", err.message);
}

/* Skips the test if the vocabulary is not there. */
static void open_real(espy_vocab **v) {
    char path[4096];
    espy_error err = { 0 };
    espy_container *gguf = NULL;
    snprintf(path, sizeof path, "%s/../shared/tokenizer/qwen2-vocab.gguf", root());
    if (access(path, R_OK)) skip();
    if (espy_container_open(&gguf, path, &err)) fail_msg("%s", err.message);
    if (espy_vocab_from_gguf(v, gguf, &err)) fail_msg("%s", err.message);
    espy_container_close(&gguf);
}

static void open_data(espy_source *source, const char *name) {
    char path[4096];
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/%s", root(), name);
    if (espy_source_open(source, path, &err)) fail_msg("%s", err.message);
}

static espy_ids encode(const espy_vocab *v, const char *text, size_t n, int parse_special) {
    espy_ids ids = { 0 };
    espy_error err = { 0 };
    if (espy_bpe_encode(v, text, n, parse_special, &ids, &err)) fail_msg("%s", err.message);
    return ids;
}

/* Token by token into a small string each, put together. */
static char *decode(const espy_vocab *v, const espy_ids *ids, int skip_special, size_t *n_bytes) {
    espy_detok d = { 0 };
    char *piece = NULL, *text = calloc(256, 1);
    size_t room = 256;
    *n_bytes = 0;
    for (int64_t i = 0; i <= ids->n; i++) {
        size_t n = 0;
        if (i < ids->n)
            assert_int_equal(espy_detok_push(&d, v, ids->at[i], skip_special, &piece, &n, NULL), 0);
        else
            assert_int_equal(espy_detok_end(&d, &piece, &n, NULL), 0);
        while (*n_bytes + n + 1 > room) text = realloc(text, room *= 2);
        memcpy(text + *n_bytes, piece, n + 1);
        *n_bytes += n;
    }
    free(piece);
    return text;
}

static uint64_t fnv(const espy_ids *ids) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < ids->n; i++)
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (((uint32_t)ids->at[i] >> shift) & 0xFF)) * 0x100000001B3u;
    return hash;
}

/* Undoes \xHH in place; the new length. */
static size_t unescape(char *s, size_t n) {
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\\' && i + 3 < n) {
            char hex[3] = { s[i + 2], s[i + 3], 0 };
            s[to++] = (char)strtol(hex, NULL, 16);
            i += 3;
        } else {
            s[to++] = s[i];
        }
    }
    return to;
}

/* A text without added tokens: the same without looking for them, and back
 * again to its NFC. */
static void check_plain(const espy_vocab *v, const char *text, size_t n, const espy_ids *ids) {
    espy_ids plain = encode(v, text, n, 0);
    assert_int_equal(plain.n, ids->n);
    if (ids->n) assert_memory_equal(plain.at, ids->at, (size_t)ids->n * sizeof *ids->at);
    espy_ids_free(&plain);

    char *normal = NULL;
    size_t n_back, n_normal;
    assert_int_equal(espy_unicode_nfc(text, n, &normal, &n_normal, NULL), 0);
    char *back = decode(v, ids, 0, &n_back);
    assert_int_equal(n_back, n_normal);
    assert_memory_equal(back, normal ? normal : text, n_normal);
    free(back);
    free(normal);
}

/* column 0: the small vocabulary's hashes, 1: the real one's. */
static void check_lines(const espy_vocab *v, int column) {
    espy_source source;
    char *line = malloc(1 << 16);
    int n_lines = 0, n_wrong = 0, n_plain = 0;
    open_data(&source, "tests/data/tokenizer/lines.txt");
    const char *at = (const char *)source.data, *end = at + source.n_bytes;
    for (const char *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at)));
         at = stop + 1) {
        size_t n = (size_t)(stop - at);
        assert_in_range(n, 34, (1 << 16) - 1);
        memcpy(line, at, n);
        line[n] = 0;
        uint64_t expected = strtoull(line + 17 * column, NULL, 16);
        char *text = line + 34;
        n = unescape(text, n - 34);
        espy_ids ids = encode(v, text, n, 1);
        n_lines++;
        if (fnv(&ids) != expected && n_wrong++ < 10)
            print_error("line %d: other ids than the reference's for '%.200s'\n", n_lines, text);
        if (!memchr(text, '<', n)) {
            check_plain(v, text, n, &ids);
            n_plain++;
        }
        espy_ids_free(&ids);
    }
    espy_source_close(&source);
    free(line);
    assert_int_equal(n_wrong, 0);
    assert_true(n_lines > 11000 && n_plain > 9000);
}

static void lines_with_small_vocabulary(void **state) {
    (void)state;
    espy_vocab *v = NULL;
    open_small(&v);
    check_lines(v, 0);
    espy_vocab_close(&v);
}

static void lines_with_real_vocabulary(void **state) {
    (void)state;
    espy_vocab *v = NULL;
    open_real(&v);
    check_lines(v, 1);
    espy_vocab_close(&v);
}

/* Texts end before the newline in front of a line "__ggml_vocab_test__"; ids
 * stand in the line of the same number. */
static void shared_texts(void **state) {
    (void)state;
    static const char mark[] = "\n__ggml_vocab_test__\n";
    espy_vocab *v = NULL;
    espy_source texts, expected;
    int n_texts = 0;
    open_real(&v);
    open_data(&texts, "../shared/tokenizer/ggml-vocab-qwen2.gguf.inp");
    open_data(&expected, "../shared/tokenizer/ggml-vocab-qwen2.gguf.out");
    char *ids_text = calloc((size_t)expected.n_bytes + 1, 1), *next = ids_text;
    memcpy(ids_text, expected.data, (size_t)expected.n_bytes);
    const char *at = (const char *)texts.data, *end = at + texts.n_bytes;
    for (const char *stop; (stop = memmem(at, (size_t)(end - at), mark, sizeof mark - 1));
         at = stop + sizeof mark - 1) {
        espy_ids ids = encode(v, at, (size_t)(stop - at), 0);
        char *line_end = strchr(next, '\n');
        assert_non_null(line_end);
        for (int64_t i = 0; i < ids.n; i++) assert_int_equal(ids.at[i], strtol(next, &next, 10));
        assert_int_equal(strspn(next, " "), line_end - next);
        next = line_end + 1;
        espy_ids_free(&ids);
        n_texts++;
    }
    assert_int_equal(n_texts, 46);
    free(ids_text);
    espy_source_close(&texts);
    espy_source_close(&expected);
    espy_vocab_close(&v);
}

static void added_tokens(void **state) {
    (void)state;
    static const char text[] = "<|im_start|>a<think><|im_end|";
    espy_vocab *v = NULL;
    size_t n;
    open_small(&v);
    espy_ids ids = encode(v, text, strlen(text), 1);
    assert_int_equal(ids.at[0], espy_vocab_special(v, "<|im_start|>"));
    assert_int_equal(ids.at[2], espy_vocab_special(v, "<think>"));
    char *whole = decode(v, &ids, 0, &n);
    assert_string_equal(whole, text);
    char *skipped = decode(v, &ids, 1, &n);
    assert_string_equal(skipped, "a<think><|im_end|");
    espy_ids_free(&ids);

    ids = encode(v, text, strlen(text), 0);
    for (int64_t i = 0; i < ids.n; i++)
        assert_true(ids.at[i] < espy_vocab_special(v, "<|endoftext|>"));
    free(whole);
    free(skipped);
    espy_ids_free(&ids);
    espy_vocab_close(&v);
}

static void appends(void **state) {
    (void)state;
    espy_vocab *v = NULL;
    espy_ids ids = { 0 };
    open_small(&v);
    assert_int_equal(espy_ids_push(&ids, 7, NULL), 0);
    assert_int_equal(espy_bpe_encode(v, "!", 1, 0, &ids, NULL), 0);
    assert_int_equal(espy_bpe_encode(v, "", 0, 1, &ids, NULL), 0);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.at[0], 7);
    espy_ids_free(&ids);
    espy_vocab_close(&v);
}

/* As bytes.decode("utf-8", "replace") of Python has it. */
static void bad_utf8(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *repaired;
    } cases[] = {
        { "a\xFF"
          "b",
          "a\xEF\xBF\xBD"
          "b" },
        { "\xE4\xB8", "\xEF\xBF\xBD" },
        { "\xE4\xB8!", "\xEF\xBF\xBD!" },
        { "\xF0\x9F\x98", "\xEF\xBF\xBD" },
        { "\xF0\x9F\x98\xF0\x9F\x98\x80", "\xEF\xBF\xBD\xF0\x9F\x98\x80" },
        { "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xE0\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\x80\xBF", "\xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    espy_vocab *v = NULL;
    open_small(&v);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        espy_ids bad = encode(v, cases[i].bytes, strlen(cases[i].bytes), 1);
        espy_ids good = encode(v, cases[i].repaired, strlen(cases[i].repaired), 1);
        assert_int_equal(bad.n, good.n);
        assert_memory_equal(bad.at, good.at, (size_t)bad.n * sizeof *bad.at);
        char *text = decode(v, &bad, 0, &n);
        assert_string_equal(text, cases[i].repaired);
        free(text);
        espy_ids_free(&bad);
        espy_ids_free(&good);
    }
    espy_vocab_close(&v);
}

/* Bytes given one token each come out when their character is whole. */
static void streaming(void **state) {
    (void)state;
    static const char bytes[] = "\xF0\x9F\x98\x80"
                                "a\xE4\xB8"
                                "b\xFF\xE4\xB8\xAD\xC3";
    static const char *const after[] = {
        "",
        "",
        "",
        "\xF0\x9F\x98\x80",
        "\xF0\x9F\x98\x80"
        "a",
        "\xF0\x9F\x98\x80"
        "a",
        "\xF0\x9F\x98\x80"
        "a",
        "\xF0\x9F\x98\x80"
        "a\xEF\xBF\xBD"
        "b",
        "\xF0\x9F\x98\x80"
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD",
    };
    espy_vocab *v = NULL;
    espy_detok d = { 0 };
    char *text = NULL;
    size_t n = 0;
    open_small(&v);
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        int32_t id = -1;
        for (int32_t k = 0; k < espy_vocab_n_tokens(v) && id < 0; k++) {
            size_t n_token;
            const char *token = espy_vocab_bytes(v, k, &n_token);
            if (n_token == 1 && token[0] == bytes[i]) id = k;
        }
        assert_int_equal(espy_detok_push(&d, v, id, 1, &text, &n, NULL), 0);
        if (i < sizeof after / sizeof *after) assert_string_equal(text, after[i]);
        assert_int_equal(strlen(text), n);
    }
    assert_int_equal(d.n_held, 1);
    assert_int_equal(espy_detok_push(&d, v, -1, 1, &text, &n, NULL), 0);
    assert_int_equal(espy_detok_push(&d, v, 1 << 30, 1, &text, &n, NULL), 0);
    assert_int_equal(espy_detok_end(&d, &text, &n, NULL), 0);
    assert_string_equal(text, "\xF0\x9F\x98\x80"
                              "a\xEF\xBF\xBD"
                              "b\xEF\xBF\xBD\xE4\xB8\xAD\xEF\xBF\xBD");
    free(text);
    espy_vocab_close(&v);
}

/* A million bytes as one piece: quadratic work would take many minutes, so ten
 * seconds of one core tell even under a sanitizer. */
static void long_pieces(void **state) {
    (void)state;
    static const char *const
        units[] = { "a",   " ", "\n",    "-", "ab",   "\xE4\xB8\xAD",
                    " \n", "<", "<|im_", "1", "\xFF", "\xCC\x81\xCC\xA3" /* marks out of order */ };
    espy_vocab *v = NULL;
    open_small(&v);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n_unit = strlen(units[i]), n = 1000000 / n_unit * n_unit, n_back;
        char *text = malloc(n);
        for (size_t at = 0; at < n; at += n_unit) memcpy(text + at, units[i], n_unit);
        clock_t start = clock();
        espy_ids ids = encode(v, text, n, 1);
        char *back = NULL;
        if (i < 10) {
            back = decode(v, &ids, 0, &n_back);
            assert_int_equal(n_back, n);
            assert_memory_equal(back, text, n);
        }
        assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
        espy_ids_free(&ids);
        free(back);
        free(text);
    }
    espy_vocab_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_with_small_vocabulary),
        cmocka_unit_test(lines_with_real_vocabulary),
        cmocka_unit_test(shared_texts),
        cmocka_unit_test(added_tokens),
        cmocka_unit_test(appends),
        cmocka_unit_test(bad_utf8),
        cmocka_unit_test(streaming),
        cmocka_unit_test(long_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
