/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GGUF: a good file, one broken file for each rule, split files, a real one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "file/container.h"

#define DIM(n) ((uint64_t)(n))

static espy_container *open_good(const bytes *b) {
    espy_container *c;
    espy_error err;
    if (espy_container_open_memory(&c, b->at, (int64_t)b->n, "t.gguf", &err))
        fail_msg("%s", err.message);
    return c;
}

/* Opening fails with this code, at this offset, with these words; frees b. */
static void expect_bad(bytes *b, espy_status code, int64_t offset, const char *words) {
    espy_container *c = (espy_container *)b;
    espy_error err = { 0 };
    espy_status status = espy_container_open_memory(&c, b->at, (int64_t)b->n, "t.gguf", &err);
    assert_null(c);
    if (status != code || err.code != code || err.offset != offset || !strstr(err.message, words) ||
        strncmp(err.message, "t.gguf: ", 8) != 0)
        fail_msg("status %d offset %lld: %s", (int)status, (long long)err.offset, err.message);
    drop(b);
}

/* One F32 tensor "w" of four values, as the rules below like to break it. */
static void one_tensor(bytes *b, uint32_t type, uint64_t dim, uint64_t offset, size_t n_data) {
    gguf_header(b, 3, 1, 0);
    gguf_tensor(b, "w", type, offset, 1, DIM(dim));
    pad_to(b, 32);
    for (size_t i = 0; i < n_data; i++) put(b, "\1", 1);
}

static void good_file(bytes *b, uint32_t version) {
    gguf_header(b, version, 3, 6);
    gguf_u32(b, "general.alignment", 64);
    gguf_text(b, "name", "tiny");
    put_string(b, "minus");
    put_u32(b, 1);
    put(b, "\xFE", 1);
    put_string(b, "half");
    put_u32(b, 6);
    put_u32(b, 0x3F000000);
    put_string(b, "words");
    put_u32(b, 9);
    put_u32(b, 8);
    put_u64(b, 3);
    put_string(b, "one");
    put_string(b, "");
    put_string(b, "three");
    put_string(b, "shorts");
    put_u32(b, 9);
    put_u32(b, 3);
    put_u64(b, 2);
    put(b, "\x01\x00\xFF\xFF", 4);
    gguf_tensor(b, "a", 0, 0, 2, DIM(3), DIM(2));
    gguf_tensor(b, "q", 8, 64, 3, DIM(32), DIM(1), DIM(2));
    gguf_tensor(b, "x", 77, 64, 1, DIM(5));
    pad_to(b, 64);
    for (int i = 0; i < 6; i++) {
        float v = (float)i;
        put(b, &v, sizeof v);
    }
    pad_to(b, 64);
    for (int i = 0; i < 68; i++) put(b, "\2", 1);
}

static void check_meta(const espy_container *c) {
    assert_int_equal(espy_container_meta(c, "general.alignment")->i, 64);
    const espy_meta *m = espy_container_meta(c, "name");
    assert_int_equal(m->type, ESPY_META_STRING);
    assert_int_equal(m->s_bytes, 4);
    assert_memory_equal(m->s, "tiny", 4);
    assert_int_equal(espy_container_meta(c, "minus")->i, -2);
    m = espy_container_meta(c, "half");
    assert_int_equal(m->type, ESPY_META_FLOAT);
    assert_true(m->f == 0.5);
    m = espy_container_meta(c, "words");
    assert_int_equal(m->type, ESPY_META_ARRAY);
    assert_int_equal(m->element, ESPY_META_STRING);
    assert_int_equal(m->n, 3);
    assert_int_equal(espy_meta_at(m, 1).s_bytes, 0);
    espy_meta last = espy_meta_at(m, 2);
    assert_int_equal(last.s_bytes, 5);
    assert_memory_equal(last.s, "three", 5);
    m = espy_container_meta(c, "shorts");
    assert_int_equal(m->element, ESPY_META_INT);
    assert_int_equal(espy_meta_at(m, 0).i, 1);
    assert_int_equal(espy_meta_at(m, 1).i, -1);
    assert_null(espy_container_meta(c, "nam"));
    assert_null(espy_container_meta(c, "name2"));
}

static void reads_both_versions(void **state) {
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        bytes b = { 0 };
        good_file(&b, version);
        espy_container *c = open_good(&b);
        assert_string_equal(espy_container_format(c), "GGUF");
        assert_string_equal(espy_container_path(c), "t.gguf");
        assert_int_equal(espy_container_n_bytes(c), b.n);
        assert_int_equal(espy_container_n_tensors(c), 2);
        check_meta(c);

        const espy_tensor *a = espy_container_find(c, "a");
        assert_non_null(a);
        assert_int_equal(a->dtype, ESPY_F32);
        assert_int_equal(a->n_dims, 2);
        assert_int_equal(a->shape[0], 2);
        assert_int_equal(a->shape[1], 3);
        assert_int_equal(a->shape[2], 1);
        assert_int_equal(a->n_bytes, 24);
        float last;
        memcpy(&last, (const uint8_t *)a->data + 20, sizeof last);
        assert_true(last == 5.0f);
        const espy_tensor *q = espy_container_find(c, "q");
        assert_int_equal(q->dtype, ESPY_Q8_0);
        assert_int_equal(q->shape[0], 2);
        assert_int_equal(q->shape[2], 32);
        assert_int_equal(q->n_bytes, 68);
        assert_int_equal(*(const uint8_t *)q->data, 2);
        assert_string_equal(espy_container_tensor(c, 1)->name, "q");
        assert_int_equal(espy_container_tensor(c, 1)->offset, (const uint8_t *)q->data - b.at);
        espy_container_close(&c);
        assert_null(c);
        espy_container_close(&c);
        drop(&b);
    }
}

static void need_tells_what_is_wrong(void **state) {
    (void)state;
    bytes b = { 0 };
    espy_error err;
    const espy_tensor *t;
    good_file(&b, 3);
    espy_container *c = open_good(&b);
    assert_int_equal(espy_container_need(c, "a", &t, &err), ESPY_OK);
    assert_ptr_equal(t, espy_container_find(c, "a"));
    assert_int_equal(espy_container_need(c, "b", &t, &err), ESPY_ERR_MISSING);
    assert_null(t);
    assert_string_equal(err.message, "t.gguf: tensor 'b' is missing");
    assert_null(espy_container_find(c, "x"));
    assert_int_equal(espy_container_need(c, "x", &t, &err), ESPY_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "t.gguf: tensor 'x' has type 77, which espy does not read");
    espy_container_close(&c);
    drop(&b);
}

/* Each cut of a good file is refused: the last tensor reaches the end. */
static void refuses_every_truncation(void **state) {
    (void)state;
    bytes b = { 0 };
    good_file(&b, 3);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *cut = malloc(n + 1); /* exact size, so that a sanitizer sees a read too far */
        assert_non_null(cut);
        uint8_t *exact = realloc(cut, n ? n : 1);
        memcpy(exact, b.at, n);
        espy_container *c;
        espy_error err = { 0 };
        espy_status status = espy_container_open_memory(&c, exact, (int64_t)n, "t.gguf", &err);
        assert_int_equal(status, ESPY_ERR_FORMAT);
        assert_true(err.offset >= 0 && err.offset <= (int64_t)n);
        free(exact);
    }
    drop(&b);
}

static void refuses_bad_headers(void **state) {
    (void)state;
    bytes b = { 0 };
    put(&b, "GGML\3\0\0\0", 8);
    expect_bad(&b, ESPY_ERR_FORMAT, 0, "does not begin with 'GGUF'");
    gguf_header(&b, 1, 0, 0);
    expect_bad(&b, ESPY_ERR_UNSUPPORTED, 4, "version 1");
    gguf_header(&b, 4, 0, 0);
    expect_bad(&b, ESPY_ERR_UNSUPPORTED, 4, "version 4");
    gguf_header(&b, 0x03000000, 0, 0);
    expect_bad(&b, ESPY_ERR_UNSUPPORTED, 4, "big-endian");
    gguf_header(&b, 3, UINT64_MAX, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 8, "18446744073709551615 tensors");
    gguf_header(&b, 3, 0, (uint64_t)1 << 60);
    expect_bad(&b, ESPY_ERR_FORMAT, 16, "keys");
    gguf_header(&b, 3, 1, 0);
    put(&b, "1234567890", 10);
    expect_bad(&b, ESPY_ERR_FORMAT, 8, "1 tensors");
}

static void refuses_bad_keys(void **state) {
    (void)state;
    bytes b = { 0 };
    gguf_header(&b, 3, 0, 1);
    put_u64(&b, UINT64_MAX);
    put(&b, "12345678", 8);
    expect_bad(&b, ESPY_ERR_FORMAT, 32, "ends inside a key");
    gguf_header(&b, 3, 0, 1);
    put_string(&b, "k");
    put_u32(&b, 13);
    put_u64(&b, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 33, "key 'k' has unknown type 13");
    gguf_header(&b, 3, 0, 1);
    put_string(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 9);
    put_u64(&b, 0);
    expect_bad(&b, ESPY_ERR_UNSUPPORTED, 37, "array of arrays");
    gguf_header(&b, 3, 0, 1);
    put_string(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 99);
    put_u64(&b, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 37, "array of unknown type 99");
    gguf_header(&b, 3, 0, 1);
    put_string(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 12);
    put_u64(&b, (uint64_t)1 << 61); /* times 8 is 0 in 64 bits */
    expect_bad(&b, ESPY_ERR_FORMAT, 41, "elements, more than the file holds");
    gguf_header(&b, 3, 0, 1);
    put_string(&b, "k");
    put_u32(&b, 9);
    put_u32(&b, 8);
    put_u64(&b, 2);
    put_string(&b, "first string");
    put_u64(&b, 5);
    expect_bad(&b, ESPY_ERR_FORMAT, 77, "ends inside an array of strings");
    gguf_header(&b, 3, 0, 2);
    gguf_u32(&b, "k", 1);
    gguf_u32(&b, "k", 1);
    expect_bad(&b, ESPY_ERR_FORMAT, 41, "key 'k' is there twice");
    gguf_header(&b, 3, 0, 1);
    gguf_u32(&b, "general.alignment", 24);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "'general.alignment' is 24, not a power of two");
    gguf_header(&b, 3, 0, 1);
    gguf_u32(&b, "general.alignment", 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "'general.alignment' is 0");
    gguf_header(&b, 3, 0, 1);
    gguf_text(&b, "general.alignment", "32");
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "'general.alignment' is not an integer");
}

static void refuses_bad_tensors(void **state) {
    (void)state;
    bytes b = { 0 };
    one_tensor(&b, 0, 4, 0, 16);
    espy_container *c = open_good(&b); /* the base of what follows is good */
    espy_container_close(&c);
    drop(&b);

    one_tensor(&b, 0, 4, 0, 15);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "'w' needs 16 bytes, the file has 15 left");
    one_tensor(&b, 0, 4, 8, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "offset 8, not a multiple of the alignment 32");
    one_tensor(&b, 0, 4, (uint64_t)1 << 63, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "begins at 9223372036854775808 of 32 bytes");
    one_tensor(&b, 99, 4, 64, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "begins at 64 of 32 bytes");
    one_tensor(&b, 8, 33, 0, 64);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "impossible shape: rows of 33 values");
    one_tensor(&b, 0, INT64_MAX, 0, 64);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "impossible shape");
    one_tensor(&b, 0, UINT64_MAX, 0, 64);
    expect_bad(&b, ESPY_ERR_FORMAT, 37, "dimension of 18446744073709551615");

    gguf_header(&b, 3, 1, 0);
    gguf_tensor(&b, "w", 0, 0, 3, DIM(1) << 31, DIM(1) << 31, DIM(4));
    pad_to(&b, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "more bytes than 63 bits count");
    gguf_header(&b, 3, 1, 0);
    gguf_tensor(&b, "w", 0, 0, 5, DIM(1), DIM(1), DIM(1), DIM(1), DIM(1));
    pad_to(&b, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 33, "'w' has 5 dimensions");
    gguf_header(&b, 3, 2, 0);
    gguf_tensor(&b, "w", 0, 0, 1, DIM(1));
    gguf_tensor(&b, "w", 0, 0, 1, DIM(1));
    pad_to(&b, 32);
    put_u32(&b, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 57, "tensor 'w' is there twice");
    gguf_header(&b, 3, 2, 0);
    gguf_tensor(&b, "w", 99, 0, 1, DIM(1));
    gguf_tensor(&b, "w", 0, 0, 1, DIM(1));
    pad_to(&b, 32);
    put_u32(&b, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 57, "tensor 'w' is there twice");
    gguf_header(&b, 3, 1, 0);
    put_u64(&b, 2);
    put(&b, "w\0", 2);
    put_u32(&b, 0);
    put_u32(&b, 0);
    put_u64(&b, 0);
    pad_to(&b, 32);
    put_u32(&b, 0);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "holds a NUL");
    gguf_header(&b, 3, 1, 0);
    gguf_tensor(&b, "w", 0, 0, 1, DIM(0));
    expect_bad(&b, ESPY_ERR_FORMAT, 57, "before the tensor data");
}

/* Names from hostile files reach messages without control bytes. */
static void messages_are_printable(void **state) {
    (void)state;
    bytes b = { 0 };
    gguf_header(&b, 3, 1, 0);
    gguf_tensor(&b, "\x1b[31m\n", 0, 0, 1, DIM(4));
    pad_to(&b, 32);
    expect_bad(&b, ESPY_ERR_FORMAT, 24, "'?[31m?'");
}

/* ------------------------------------------------------------- split files */

static void split_keys(bytes *b, uint32_t no, uint32_t count, uint32_t n_tensors) {
    gguf_u32(b, "split.no", no);
    gguf_u32(b, "split.count", count);
    gguf_u32(b, "split.tensors.count", n_tensors);
}

/* Writes part no of count with one tensor "t<no>" of one value, the number. */
static void write_part(const char *folder, const char *name, uint32_t no, uint32_t count,
                       uint32_t n_tensors) {
    bytes b = { 0 };
    char tensor[8];
    gguf_header(&b, 3, 1, no == 0 ? 4 : 3);
    if (no == 0) gguf_text(&b, "name", "whole");
    split_keys(&b, no, count, n_tensors);
    snprintf(tensor, sizeof tensor, "t%u", no);
    gguf_tensor(&b, tensor, 0, 0, 1, DIM(1));
    pad_to(&b, 32);
    float v = (float)no;
    put(&b, &v, sizeof v);
    write_file(folder, name, b.at, b.n);
    drop(&b);
}

static espy_status open_in(const char *folder, const char *name, espy_container **c,
                           espy_error *err) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return espy_container_open(c, path, err);
}

static void reads_split_files_from_any_part(void **state) {
    (void)state;
    char folder[64];
    make_folder(folder);
    const char *names[] = { "m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                            "m-00003-of-00003.gguf" };
    for (uint32_t i = 0; i < 3; i++) write_part(folder, names[i], i, 3, 3);
    for (int i = 0; i < 3; i++) {
        espy_container *c;
        espy_error err;
        if (open_in(folder, names[i], &c, &err)) fail_msg("%s", err.message);
        assert_int_equal(espy_container_n_tensors(c), 3);
        assert_memory_equal(espy_container_meta(c, "name")->s, "whole", 5);
        assert_int_equal(espy_container_meta(c, "split.no")->i, 0);
        const espy_tensor *t = espy_container_find(c, "t2");
        assert_non_null(t);
        float v;
        memcpy(&v, t->data, sizeof v);
        assert_true(v == 2.0f);
        assert_int_equal(espy_container_tensor(c, 2)->source, 2);
        espy_container_close(&c);
    }
    remove_folder(folder);
}

/* Opens name in the folder, which must fail so; empties the folder. */
static void expect_bad_split(const char *folder, const char *name, espy_status code,
                             const char *words) {
    espy_container *c;
    espy_error err = { 0 };
    espy_status status = open_in(folder, name, &c, &err);
    if (status != code || !strstr(err.message, words)) fail_msg("%d: %s", status, err.message);
    assert_null(c);
    remove_folder(folder);
}

static void refuses_bad_splits(void **state) {
    (void)state;
    char folder[64];
    make_folder(folder);
    write_part(folder, "m-00001-of-00002.gguf", 0, 2, 2);
    expect_bad_split(folder, "m-00001-of-00002.gguf", ESPY_ERR_MISSING,
                     "m-00002-of-00002.gguf: cannot open part 2 of 2");
    make_folder(folder);
    write_part(folder, "m-00002-of-00002.gguf", 1, 2, 2);
    expect_bad_split(folder, "m-00002-of-00002.gguf", ESPY_ERR_MISSING, "part 1 of 2");
    make_folder(folder);
    write_part(folder, "m.gguf", 0, 2, 2);
    expect_bad_split(folder, "m.gguf", ESPY_ERR_MISSING, "does not end in -00001-of-00002.gguf");
    make_folder(folder);
    write_part(folder, "m-00001-of-00002.gguf", 0, 2, 2);
    write_part(folder, "m-00002-of-00002.gguf", 0, 2, 2);
    expect_bad_split(folder, "m-00001-of-00002.gguf", ESPY_ERR_FORMAT,
                     "tensor 't0' is there twice");
    make_folder(folder);
    write_part(folder, "m-00001-of-00002.gguf", 0, 2, 2);
    write_part(folder, "m-00002-of-00002.gguf", 1, 3, 2);
    expect_bad_split(folder, "m-00001-of-00002.gguf", ESPY_ERR_FORMAT, "part 2 of 3");
    make_folder(folder);
    write_part(folder, "m-00002-of-00002.gguf", 0, 2, 2);
    expect_bad_split(folder, "m-00002-of-00002.gguf", ESPY_ERR_FORMAT, "part 1 of 2, not what");
    make_folder(folder);
    write_part(folder, "m-00001-of-00002.gguf", 0, 2, 5);
    write_part(folder, "m-00002-of-00002.gguf", 1, 2, 5);
    expect_bad_split(folder, "m-00001-of-00002.gguf", ESPY_ERR_FORMAT,
                     "is 5, but the parts hold 2 tensors");

    bytes b = { 0 };
    gguf_header(&b, 3, 0, 3);
    split_keys(&b, 0, 2, 0);
    expect_bad(&b, ESPY_ERR_MISSING, -1, "part 1 of 2; the others are not in memory");
}

static void reads_a_real_vocabulary(void **state) {
    (void)state;
    char path[512];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/../shared/tokenizer/qwen2-vocab.gguf", root ? root : ".");
    FILE *f = fopen(path, "rb");
    if (!f) {
        print_message("qwen2-vocab.gguf is not there: skipped\n");
        return;
    }
    fclose(f);
    espy_container *c;
    espy_error err;
    if (espy_container_open(&c, path, &err)) fail_msg("%s", err.message);
    assert_int_equal(espy_container_n_tensors(c), 0);
    const espy_meta *tokens = espy_container_meta(c, "tokenizer.ggml.tokens");
    assert_int_equal(tokens->n, 151936);
    espy_meta token = espy_meta_at(tokens, 151644);
    assert_int_equal(token.s_bytes, 12);
    assert_memory_equal(token.s, "<|im_start|>", 12);
    assert_int_equal(espy_meta_at(espy_container_meta(c, "tokenizer.ggml.token_type"), 151644).i,
                     3);
    assert_int_equal(espy_container_meta(c, "tokenizer.ggml.merges")->n, 151387);
    assert_int_equal(espy_container_meta(c, "tokenizer.ggml.add_bos_token")->i, 0);
    espy_container_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_versions),
        cmocka_unit_test(need_tells_what_is_wrong),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(refuses_bad_keys),
        cmocka_unit_test(refuses_bad_tensors),
        cmocka_unit_test(messages_are_printable),
        cmocka_unit_test(reads_split_files_from_any_part),
        cmocka_unit_test(refuses_bad_splits),
        cmocka_unit_test(reads_a_real_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
