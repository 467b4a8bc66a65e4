/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vocabularies from every form that carries one, and the forms refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/source.h"
#include "bytes.h"
#include "text/bpe.h"

static void small_path(char path[4096], const char *name) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, 4096, "%s/tests/data/tokenizer/%s", root ? root : ".", name);
}

static void open_small(espy_vocab **v) {
    char path[4096];
    espy_error err = { 0 };
    small_path(path, "");
    if (espy_vocab_from_folder(v, path, &err)) fail_msg("%s", err.message);
}

static void copy_file(const char *folder, const char *name) {
    char path[4096];
    espy_source source;
    small_path(path, name);
    assert_int_equal(espy_source_open(&source, path, NULL), 0);
    write_file(folder, name, source.data, (size_t)source.n_bytes);
    espy_source_close(&source);
}

static void accessors(void **state) {
    (void)state;
    espy_vocab *v = NULL;
    size_t n;
    open_small(&v);
    assert_int_equal(espy_vocab_n_tokens(v), 800);
    assert_int_equal(espy_vocab_special(v, "<|endoftext|>"), 774);
    assert_int_equal(espy_vocab_special(v, "</think>"), 799);
    assert_int_equal(espy_vocab_special(v, "<|image"), -1);
    assert_int_equal(espy_vocab_special(v, "a"), -1);
    assert_true(espy_vocab_is_special(v, 774));
    assert_false(espy_vocab_is_special(v, 799)); /* added, not special */
    assert_false(espy_vocab_is_special(v, 0));
    assert_false(espy_vocab_is_special(v, -1));
    assert_false(espy_vocab_is_special(v, 800));
    assert_memory_equal(espy_vocab_bytes(v, 799, &n), "</think>", 8);
    assert_int_equal(n, 8);
    assert_string_equal(espy_vocab_bytes(v, 800, &n), "");
    assert_int_equal(n, 0);
    assert_string_equal(espy_vocab_bytes(v, -5, &n), "");
    int of_byte[256] = { 0 };
    for (int id = 0; id < 800; id++) {
        const char *token = espy_vocab_bytes(v, id, &n);
        if (n == 1) of_byte[(uint8_t)token[0]]++;
    }
    for (int i = 0; i < 256; i++) assert_int_equal(of_byte[i], 1);
    espy_vocab_close(&v);
    assert_null(v);
    espy_vocab_close(&v);
}

static void assert_same(const espy_vocab *a, const espy_vocab *b) {
    static const char text[] = "The dog's \u4e2d picture isn't <|im_end|> e\u0301 12 \n\n x";
    espy_ids x = { 0 }, y = { 0 };
    assert_int_equal(espy_vocab_n_tokens(a), espy_vocab_n_tokens(b));
    for (int id = 0; id < espy_vocab_n_tokens(a); id++) {
        size_t n, m;
        const char *s = espy_vocab_bytes(a, id, &n), *t = espy_vocab_bytes(b, id, &m);
        assert_int_equal(n, m);
        assert_memory_equal(s, t, n);
        assert_int_equal(espy_vocab_is_special(a, id), espy_vocab_is_special(b, id));
    }
    assert_int_equal(espy_bpe_encode(a, text, strlen(text), 1, &x, NULL), 0);
    assert_int_equal(espy_bpe_encode(b, text, strlen(text), 1, &y, NULL), 0);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.at, y.at, (size_t)x.n * sizeof *x.at);
    espy_ids_free(&x);
    espy_ids_free(&y);
}

/* vocab.json + merges.txt + tokenizer_config.json mean what tokenizer.json means. */
static void three_files(void **state) {
    (void)state;
    char folder[64];
    espy_vocab *one = NULL, *three = NULL;
    espy_error err = { 0 };
    open_small(&one);
    make_folder(folder);
    copy_file(folder, "vocab.json");
    assert_int_equal(espy_vocab_from_folder(&three, folder, &err), ESPY_ERR_MISSING);
    assert_non_null(strstr(err.message, "merges.txt"));
    copy_file(folder, "merges.txt");
    copy_file(folder, "tokenizer_config.json");
    if (espy_vocab_from_folder(&three, folder, &err)) fail_msg("%s", err.message);
    assert_same(one, three);
    espy_vocab_close(&three);

    static const char strange[] = "{\"tokenizer_class\": \"LlamaTokenizer\"}";
    write_file(folder, "tokenizer_config.json", strange, strlen(strange));
    assert_int_equal(espy_vocab_from_folder(&three, folder, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "LlamaTokenizer"));

    static const char added[] = "{\"<x>\": 774}";
    write_file(folder, "tokenizer_config.json", "{}", 2);
    write_file(folder, "added_tokens.json", added, strlen(added));
    assert_int_equal(espy_vocab_from_folder(&three, folder, &err), 0);
    assert_int_equal(espy_vocab_special(three, "<x>"), 774);
    espy_vocab_close(&three);

    static const char merges[] = "#version: 0.2\r\nd e\r\n\r\nx\r\n";
    write_file(folder, "merges.txt", merges, strlen(merges));
    assert_int_equal(espy_vocab_from_folder(&three, folder, &err), ESPY_ERR_FORMAT);
    assert_int_equal(err.offset, 22);
    remove_folder(folder);
    espy_vocab_close(&one);
}

/* A tokenizer.json of the two letters a and b and the token ab. */
#define SPLIT_REGEX                                                                                \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}"                \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define STEPS(regex, normalizer)                                                                   \
    "{\"normalizer\":" normalizer ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["  \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"Isolated\","         \
    "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},"
#define LETTERS "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"e\":3,\"\u00cc\":4,\"\u0123\":5}"
#define MODEL(merges) "\"model\":{\"type\":\"BPE\"," LETTERS ",\"merges\":" merges "}"
#define PAIRS MODEL("[[\"a\",\"b\"]]")
#define NFC "{\"type\":\"NFC\"}"

static espy_status open_text(espy_vocab **v, const char *json, espy_error *err) {
    char folder[64];
    make_folder(folder);
    write_file(folder, "tokenizer.json", json, strlen(json));
    espy_status status = espy_vocab_from_folder(v, folder, err);
    remove_folder(folder);
    return status;
}

static void check_ids(const espy_vocab *v, const char *text, int n, const int32_t *expected) {
    espy_ids ids = { 0 };
    assert_int_equal(espy_bpe_encode(v, text, strlen(text), 1, &ids, NULL), 0);
    assert_int_equal(ids.n, n);
    assert_memory_equal(ids.at, expected, (size_t)n * sizeof *expected);
    espy_ids_free(&ids);
}

static void accepted_spellings(void **state) {
    (void)state;
    static const char *const texts[] = {
        STEPS(SPLIT_REGEX, NFC) PAIRS "}",
        STEPS(SPLIT_REGEX, NFC) MODEL("[\"a b\"]") "}",
        STEPS(SPLIT_REGEX, "{\"type\":\"Sequence\",\"normalizers\":[" NFC "]}") PAIRS "}",
        STEPS(SPLIT_REGEX, "null") PAIRS ",\"added_tokens\":[{\"id\":9,\"content\":\"<b>\"}]}",
    };
    static const int32_t expected[] = { 2, 2, 0 };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        espy_vocab *v = NULL;
        espy_error err = { 0 };
        if (open_text(&v, texts[i], &err)) fail_msg("%s", err.message);
        check_ids(v, "ababa", 3, expected);
        assert_int_equal(espy_vocab_special(v, "<b>"), i == 3 ? 9 : -1);
        espy_vocab_close(&v);
    }
}

/* e + U+0301: three tokens as it is, but NFC makes it a character whose bytes
 * the vocabulary lacks. */
static void normalizer(void **state) {
    (void)state;
    static const int32_t expected[] = { 3, 4, 5 };
    espy_vocab *v = NULL;
    espy_ids ids = { 0 };
    espy_error err = { 0 };
    assert_int_equal(open_text(&v, STEPS(SPLIT_REGEX, "null") PAIRS "}", &err), 0);
    check_ids(v, "e\xCC\x81", 3, expected);
    espy_vocab_close(&v);
    assert_int_equal(open_text(&v, STEPS(SPLIT_REGEX, NFC) PAIRS "}", &err), 0);
    assert_int_equal(espy_ids_push(&ids, 1, NULL), 0);
    assert_int_equal(espy_bpe_encode(v, "abe\xCC\x81", 5, 1, &ids, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "0xC3"));
    assert_int_equal(ids.n, 1);
    espy_ids_free(&ids);
    espy_vocab_close(&v);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *json;
        espy_status status;
        const char *word;
    } cases[] = {
        { STEPS("\\\\w+", NFC) PAIRS "}", ESPY_ERR_UNSUPPORTED, "\\w+" },
        { STEPS(SPLIT_REGEX, "{\"type\":\"Lowercase\"}") PAIRS "}", ESPY_ERR_UNSUPPORTED,
          "Lowercase" },
        { "{\"pre_tokenizer\":{\"type\":\"Metaspace\"}," PAIRS "}", ESPY_ERR_UNSUPPORTED,
          "Metaspace" },
        { "{\"normalizer\":null}", ESPY_ERR_UNSUPPORTED, "pre_tokenizer" },
        { "[1, 2]", ESPY_ERR_UNSUPPORTED, "pre_tokenizer" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"type\":\"Unigram\"}}", ESPY_ERR_UNSUPPORTED,
          "Unigram" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"ignore_merges\":true}}", ESPY_ERR_UNSUPPORTED,
          "ignore_merges" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"vocab\":[]}}", ESPY_ERR_FORMAT, "vocabulary" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"vocab\":{\"a\":-1}}}", ESPY_ERR_FORMAT, "'a'" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"vocab\":{\"a\":1e9}}}", ESPY_ERR_FORMAT, "'a'" },
        { STEPS(SPLIT_REGEX, NFC) "\"model\":{\"vocab\":{\"a\":\"x\"}}}", ESPY_ERR_FORMAT, "'a'" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("[\"a c\"]") "}", ESPY_ERR_FORMAT, "'c'" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("[\"b a\"]") "}", ESPY_ERR_FORMAT, "joined" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("[\"ab\"]") "}", ESPY_ERR_FORMAT, "'ab'" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("[[\"a\",\"b\",\"c\"]]") "}", ESPY_ERR_FORMAT, "pair" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("[[\"a\",7]]") "}", ESPY_ERR_FORMAT, "pair" },
        { STEPS(SPLIT_REGEX, NFC) MODEL("{}") "}", ESPY_ERR_FORMAT, "merges" },
        { STEPS(SPLIT_REGEX, NFC) PAIRS ",\"added_tokens\":[{\"id\":9,\"content\":\"<b>\","
                                        "\"lstrip\":true}]}",
          ESPY_ERR_UNSUPPORTED, "<b>" },
        { STEPS(SPLIT_REGEX, NFC) PAIRS ",\"added_tokens\":[{\"content\":\"<b>\"}]}",
          ESPY_ERR_FORMAT, "<b>" },
        { "{\"model\":", ESPY_ERR_FORMAT, "tokenizer.json" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_vocab *v = NULL;
        espy_error err = { 0 };
        espy_status status = open_text(&v, cases[i].json, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].word))
            fail_msg("case %zu: status %d, '%s'", i, status, err.message);
        assert_null(v);
    }
}

/* ------------------------------------------------------------------- GGUF */

static void put_array(bytes *b, const char *key, uint32_t type, uint64_t n) {
    put_string(b, key);
    put_u32(b, 9);
    put_u32(b, type);
    put_u64(b, n);
}

/* Tokens a, b, ab, <s> (special), <t> (added) and [PAD5] (unused). */
static void small_gguf(bytes *b, const char *model, const char *pre, const char *merge,
                       uint64_t n_types) {
    static const char *const tokens[] = { "a", "b", "ab", "<s>", "<t>", "[PAD5]" };
    static const uint32_t types[] = { 1, 1, 1, 3, 4, 5 };
    gguf_header(b, 3, 0, 4 + (pre ? 1 : 0));
    gguf_text(b, "tokenizer.ggml.model", model);
    if (pre) gguf_text(b, "tokenizer.ggml.pre", pre);
    put_array(b, "tokenizer.ggml.tokens", 8, 6);
    for (int i = 0; i < 6; i++) put_string(b, tokens[i]);
    put_array(b, "tokenizer.ggml.token_type", 5, n_types);
    for (uint64_t i = 0; i < n_types; i++) put_u32(b, types[i]);
    put_array(b, "tokenizer.ggml.merges", 8, 1);
    put_string(b, merge);
}

static espy_status open_gguf(espy_vocab **v, bytes *b, espy_error *err) {
    espy_container *gguf = NULL;
    if (espy_container_open_memory(&gguf, b->at, (int64_t)b->n, "small.gguf", err))
        fail_msg("%s", err->message);
    espy_status status = espy_vocab_from_gguf(v, gguf, err);
    espy_container_close(&gguf);
    drop(b);
    return status;
}

static void gguf_arrays(void **state) {
    (void)state;
    static const char *const patterns[] = { "qwen2", "deepseek-r1-qwen", "qwen35", NULL };
    static const int32_t expected[] = { 2, 3, 0, 4 };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        espy_vocab *v = NULL;
        espy_error err = { 0 };
        bytes b = { 0 };
        size_t n;
        small_gguf(&b, "gpt2", patterns[i], "a b", 6);
        if (open_gguf(&v, &b, &err)) fail_msg("%s", err.message);
        assert_int_equal(espy_vocab_n_tokens(v), 5);
        assert_true(espy_vocab_is_special(v, 3));
        assert_false(espy_vocab_is_special(v, 4));
        assert_string_equal(espy_vocab_bytes(v, 5, &n), "");
        check_ids(v, "ab<s>a<t>", 4, expected);
        espy_vocab_close(&v);
    }
}

static void gguf_refused(void **state) {
    (void)state;
    static const struct {
        const char *model, *pre, *merge;
        uint64_t n_types;
        espy_status status;
        const char *word;
    } cases[] = {
        { "llama", "qwen2", "a b", 6, ESPY_ERR_UNSUPPORTED, "llama" },
        { "gpt2", "falcon", "a b", 6, ESPY_ERR_UNSUPPORTED, "falcon" },
        { "gpt2", "qwen2", "a", 6, ESPY_ERR_FORMAT, "'a'" },
        { "gpt2", "qwen2", "a x", 6, ESPY_ERR_FORMAT, "'x'" },
        { "gpt2", "qwen2", "a b", 2, ESPY_ERR_FORMAT, "token_type" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_vocab *v = NULL;
        espy_error err = { 0 };
        bytes b = { 0 };
        small_gguf(&b, cases[i].model, cases[i].pre, cases[i].merge, cases[i].n_types);
        assert_int_equal(open_gguf(&v, &b, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].word));
        assert_null(v);
    }
    espy_vocab *v = NULL;
    espy_error err = { 0 };
    bytes b = { 0 };
    gguf_header(&b, 3, 0, 1);
    gguf_text(&b, "tokenizer.ggml.model", "gpt2");
    assert_int_equal(open_gguf(&v, &b, &err), ESPY_ERR_MISSING);
    gguf_header(&b, 3, 0, 0);
    assert_int_equal(open_gguf(&v, &b, &err), ESPY_ERR_MISSING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accessors),
        cmocka_unit_test(three_files),
        cmocka_unit_test(accepted_spellings),
        cmocka_unit_test(normalizer),
        cmocka_unit_test(refused),
        cmocka_unit_test(gguf_arrays),
        cmocka_unit_test(gguf_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
