/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Safetensors: good files, one broken file for each rule, folders, FP8 scales,
 * and the writer read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "file/container.h"
#include "file/safetensors_write.h"

static espy_status open_text(espy_container **c, bytes *b, const char *header, size_t n_data,
                             espy_error *err) {
    safetensors(b, header, n_data);
    return espy_container_open_memory(c, b->at, (int64_t)b->n, "t.safetensors", err);
}

static espy_container *open_good(bytes *b, const char *header, size_t n_data) {
    espy_container *c;
    espy_error err;
    if (open_text(&c, b, header, n_data, &err)) fail_msg("%s", err.message);
    return c;
}

/* The header with n_data bytes after it is refused so. at: a text in the header
 * whose place the offset must be; NULL for any. */
static void expect_bad(const char *header, size_t n_data, const char *at, const char *words) {
    bytes b = { 0 };
    espy_container *c;
    espy_error err = { 0 };
    espy_status status = open_text(&c, &b, header, n_data, &err);
    int64_t place = at ? 8 + (strstr(header, at) - header) : err.offset;
    if (status != ESPY_ERR_FORMAT || !strstr(err.message, words) || err.offset != place ||
        strncmp(err.message, "t.safetensors: ", 15) != 0)
        fail_msg("status %d offset %lld: %s", (int)status, (long long)err.offset, err.message);
    assert_null(c);
    drop(&b);
}

static void reads_a_file(void **state) {
    (void)state;
    bytes b = { 0 };
    espy_error err;
    const espy_tensor *t;
    espy_container *c =
        open_good(&b,
                  "{\"__metadata__\":{\"format\":\"pt\"},"
                  "\"a.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                  "\"data_offsets\":[0,24]},"
                  "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[25,27]},"
                  "\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],"
                  "\"data_offsets\":[27,27]},"
                  "\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                  "\"deep\":{\"dtype\":\"F16\",\"shape\":[1,1,1,1,1,1],"
                  "\"data_offsets\":[0,2]}}   ",
                  27);
    assert_string_equal(espy_container_format(c), "safetensors");
    assert_int_equal(espy_container_n_tensors(c), 3);
    t = espy_container_find(c, "a.weight");
    assert_int_equal(t->dtype, ESPY_F32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->shape[4], 1);
    assert_int_equal(t->n_bytes, 24);
    assert_null(t->scale);
    t = espy_container_find(c, "b");
    assert_int_equal(t->dtype, ESPY_BF16);
    assert_int_equal(t->n_dims, 0);
    assert_int_equal(((const uint8_t *)t->data)[1], 26); /* unaligned */
    assert_int_equal(espy_container_tensor(c, 1)->offset, (const uint8_t *)t->data - b.at);
    assert_int_equal(espy_container_find(c, "none")->n_bytes, 0);
    assert_null(espy_container_find(c, "__metadata__"));
    assert_null(espy_container_find(c, "ids"));
    assert_null(espy_container_meta(c, "format"));
    assert_int_equal(espy_container_need(c, "ids", &t, &err), ESPY_ERR_UNSUPPORTED);
    assert_string_equal(err.message,
                        "t.safetensors: tensor 'ids' has type I64, which espy does not read");
    assert_int_equal(espy_container_need(c, "deep", &t, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "6 dimensions"));
    espy_container_close(&c);
    drop(&b);
}

static void knows_the_format_by_its_bytes(void **state) {
    (void)state;
    bytes b = { 0 };
    espy_container *c;
    espy_error err;
    safetensors(&b, "{}", 0);
    assert_int_equal(espy_container_open_memory(&c, b.at, (int64_t)b.n, "blob", &err), ESPY_OK);
    espy_container_close(&c);
    b.at[8] = '[';
    assert_int_equal(espy_container_open_memory(&c, b.at, (int64_t)b.n, "blob", &err),
                     ESPY_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "blob: neither GGUF nor safetensors");
    assert_int_equal(espy_container_open_memory(&c, b.at, 0, "blob", &err), ESPY_ERR_UNSUPPORTED);
    drop(&b);
}

#define ENTRY(shape, offsets)                                                                      \
    "{\"w\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void refuses_bad_entries(void **state) {
    (void)state;
    bytes b = { 0 };
    espy_container *c = open_good(&b, ENTRY("[2]", "[0,8]"), 8); /* the base of what follows */
    espy_container_close(&c);
    drop(&b);

    expect_bad(ENTRY("[2]", "[0,8]"), 7, "w", "data_offsets [0, 8] in 7 bytes");
    expect_bad(ENTRY("[2]", "[8,0]"), 8, "w", "data_offsets [8, 0]");
    expect_bad(ENTRY("[2]", "[0,4]"), 8, "w", "has 4 bytes; its shape and type F32 need 8");
    expect_bad(ENTRY("[2]", "[-8,0]"), 8, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "[0,8.5]"), 9, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "[0,1e300]"), 8, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "[0,\"8\"]"), 8, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "[0,8,8]"), 8, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "{\"a\":0,\"b\":8}"), 8, "w", "two whole numbers");
    expect_bad(ENTRY("[2]", "[0,9007199254740992]"), 8, "w", "in 8 bytes");
    expect_bad(ENTRY("[-2]", "[0,8]"), 8, "w", "not a whole number");
    expect_bad(ENTRY("[null]", "[0,8]"), 8, "w", "not a whole number");
    expect_bad(ENTRY("2", "[0,8]"), 8, "w", "has no shape");
    expect_bad(ENTRY("[4294967296,4294967296]", "[0,0]"), 8, "w", "beyond 63 bits");
    expect_bad(ENTRY("[4611686018427387904]", "[0,8]"), 8, "w", "not a whole number");
    expect_bad("{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "w", "has no dtype");
    expect_bad("{\"w\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "w",
               "has no dtype");
    expect_bad("{\"w\":[]}", 8, "w", "not described by an object");
    expect_bad("{\"w\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,9]}}", 8, "w",
               "data_offsets [0, 9] in 8 bytes");
    expect_bad("{\"w\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
               "\"w\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[2,4]}}",
               4, "w", "tensor 'w' is there twice");
}

static void refuses_bad_headers(void **state) {
    (void)state;
    expect_bad("", 0, NULL, "empty where JSON");
    expect_bad("[]", 0, NULL, "not a JSON object");
    expect_bad("{\"a\":", 0, NULL, "JSON breaks off");
    expect_bad("{} x", 0, "x", "after the end");
    bytes b = { 0 };
    espy_container *c;
    espy_error err;
    for (uint64_t n = 3; n; n = n == 3 ? UINT64_MAX : n == UINT64_MAX ? (uint64_t)1 << 62 : 0) {
        put_u64(&b, n);
        put(&b, "{}", 2);
        assert_int_equal(espy_container_open_memory(&c, b.at, 10, "t.safetensors", &err),
                         ESPY_ERR_FORMAT);
        assert_int_equal(err.offset, 0);
        assert_non_null(strstr(err.message, "in a file of 10"));
        drop(&b);
    }
    for (int64_t n = 0; n < 8; n++) {
        assert_int_equal(espy_container_open_memory(&c, "\2\0\0\0\0\0\0", n, "t.safetensors", &err),
                         ESPY_ERR_FORMAT);
        assert_non_null(strstr(err.message, "too few"));
    }
}

/* ------------------------------------------------------------------ scales */

#define FP8(weight, weight_end, scale_type, scale, scale_end)                                      \
    "{\"l.weight\":{\"dtype\":\"F8_E4M3\",\"shape\":" weight ",\"data_offsets\":[12," weight_end   \
    "]},\"l.weight_scale_inv\":{\"dtype\":\"" scale_type "\",\"shape\":" scale                     \
    ",\"data_offsets\":[0," scale_end "]}}"

static void attaches_fp8_scales(void **state) {
    (void)state;
    bytes b = { 0 };
    espy_container *c = open_good(&b, FP8("[130,257]", "33422", "F16", "[2,3]", "12"), 33422);
    const espy_tensor *t = espy_container_find(c, "l.weight");
    assert_int_equal(t->dtype, ESPY_F8_E4M3);
    assert_int_equal(t->scale_rows, 128);
    assert_int_equal(t->scale_cols, 128);
    /* Bytes 0, 1 are 0x0100 = 256 * 2^-24; 10, 11 are 0x0B0A. */
    assert_true(t->scale[0] == 256.0f / 16777216.0f);
    assert_true(t->scale[5] == (1.0f + 0x30A / 1024.0f) / 8192.0f);
    espy_container_close(&c);
    drop(&b);

    c = open_good(&b, FP8("[6,8]", "60", "BF16", "[2,3]", "12"), 60);
    t = espy_container_find(c, "l.weight");
    assert_int_equal(t->scale_rows, 3);
    assert_int_equal(t->scale_cols, 3);
    uint32_t bits;
    memcpy(&bits, &t->scale[1], sizeof bits);
    assert_int_equal(bits, 0x03020000);
    espy_container_close(&c);
    drop(&b);

    c = open_good(&b, FP8("[3,2,2]", "24", "F32", "[3,1,1]", "12"), 24);
    t = espy_container_find(c, "l.weight");
    assert_int_equal(t->scale_rows, 128);
    memcpy(&bits, &t->scale[2], sizeof bits);
    assert_int_equal(bits, 0x0B0A0908);
    espy_container_close(&c);
    drop(&b);

    expect_bad(FP8("[6,8]", "60", "F32", "[3]", "12"), 60, NULL, "does not fit the shape");
    expect_bad(FP8("[6,8]", "60", "F32", "[1,1,3]", "12"), 60, NULL, "does not fit the shape");
    expect_bad(FP8("[2,8]", "28", "F32", "[3,1]", "12"), 28, NULL, "does not fit the shape");
    expect_bad(FP8("[6,8]", "60", "F16", "[0,8]", "0"), 60, NULL, "does not fit the shape");
}

/* ----------------------------------------------------------------- folders */

static void shard(const char *folder, const char *file, const char *tensor) {
    bytes b = { 0 };
    char header[200];
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", tensor);
    safetensors(&b, header, 4);
    write_file(folder, file, b.at, b.n);
    drop(&b);
}

static void text(const char *folder, const char *file, const char *s) {
    write_file(folder, file, s, strlen(s));
}

static void reads_folders(void **state) {
    (void)state;
    char folder[64];
    espy_container *c;
    espy_error err;
    make_folder(folder);
    shard(folder, "b.safetensors", "two");
    shard(folder, "a.safetensors", "one");
    if (espy_container_open(&c, folder, &err)) fail_msg("%s", err.message);
    assert_int_equal(espy_container_n_tensors(c), 2);
    assert_string_equal(espy_container_tensor(c, 0)->name, "one"); /* by file name */
    espy_container_close(&c);

    text(folder, "model.safetensors.index.json",
         "{\"weight_map\":{\"two\":\"b.safetensors\",\"again\":\"b.safetensors\"}}");
    if (espy_container_open(&c, folder, &err)) fail_msg("%s", err.message);
    assert_int_equal(espy_container_n_tensors(c), 1);
    assert_non_null(espy_container_find(c, "two"));
    espy_container_close(&c);

    shard(folder, "model.safetensors", "three");
    if (espy_container_open(&c, folder, &err)) fail_msg("%s", err.message);
    assert_int_equal(espy_container_n_tensors(c), 1);
    assert_non_null(espy_container_find(c, "three"));
    assert_string_equal(espy_container_path(c), folder);
    espy_container_close(&c);
    remove_folder(folder);
}

static void expect_bad_folder(const char *index, const char *file, espy_status code,
                              const char *words) {
    char folder[64];
    espy_container *c;
    espy_error err = { 0 };
    make_folder(folder);
    if (index) text(folder, "model.safetensors.index.json", index);
    if (file) shard(folder, file, "w");
    espy_status status = espy_container_open(&c, folder, &err);
    if (status != code || !strstr(err.message, words)) fail_msg("%d: %s", status, err.message);
    assert_null(c);
    remove_folder(folder);
}

static void refuses_bad_folders(void **state) {
    (void)state;
    expect_bad_folder(NULL, NULL, ESPY_ERR_MISSING, "no safetensors file in this folder");
    expect_bad_folder("{}", NULL, ESPY_ERR_FORMAT, "has no weight_map");
    expect_bad_folder("{\"weight_map\":{}}", NULL, ESPY_ERR_FORMAT, "has no weight_map");
    expect_bad_folder("{\"weight_map\":{\"w\":", NULL, ESPY_ERR_FORMAT, "index.json: JSON breaks");
    expect_bad_folder("{\"weight_map\":{\"w\":\"../x.safetensors\"}}", NULL, ESPY_ERR_FORMAT,
                      "'w' is said to be in '../x.safetensors'");
    expect_bad_folder("{\"weight_map\":{\"w\":1}}", NULL, ESPY_ERR_FORMAT, "'w' is said");
    expect_bad_folder("{\"weight_map\":{\"w\":\"a.safetensors\",\"v\":\"b.safetensors\"}}",
                      "a.safetensors", ESPY_ERR_MISSING,
                      "b.safetensors: file 2 of 2 of the model is missing");

    char folder[64];
    espy_container *c;
    espy_error err;
    make_folder(folder);
    shard(folder, "a.safetensors", "w");
    shard(folder, "b.safetensors", "w");
    assert_int_equal(espy_container_open(&c, folder, &err), ESPY_ERR_FORMAT);
    assert_non_null(strstr(err.message, "b.safetensors: tensor 'w' is there twice"));
    remove_folder(folder);
    assert_int_equal(espy_container_open(&c, folder, &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "No such file"));
}

/* ------------------------------------------------------------------ writer */

static void writes_what_it_reads(void **state) {
    (void)state;
    char folder[64], path[128], part[160];
    espy_container *c;
    espy_error err;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/out.safetensors", folder);
    snprintf(part, sizeof part, "%s.part", path);
    const float logits[6] = { 0, 1, -2.5f, 3, 4, 5 };
    const int32_t ids[2] = { -1, 7 };
    const espy_out_tensor out[] = {
        { .name = "logits", .n_dims = 2, .shape = { 2, 3 }, .data = logits },
        { .name = "quote\"d", .is_int = 1, .n_dims = 1, .shape = { 2 }, .data = ids },
        { .name = "one", .n_dims = 0, .data = &logits[2] },
        { .name = "empty", .n_dims = 2, .shape = { 0, 4 }, .data = NULL },
    };
    for (int n = 0; n <= 4; n++) {
        if (espy_safetensors_write(path, out, n, &err)) fail_msg("%s", err.message);
        assert_int_not_equal(access(part, F_OK), 0);
        if (espy_container_open(&c, path, &err)) fail_msg("%s", err.message);
        const espy_tensor *t = espy_container_find(c, "logits");
        assert_int_equal(t != NULL, n > 0);
        if (t) {
            assert_int_equal(t->shape[1], 3);
            assert_memory_equal(t->data, logits, sizeof logits);
            assert_int_equal(espy_container_tensor(c, 0)->offset % 8, 0);
        }
        if (n > 2) assert_memory_equal(espy_container_find(c, "one")->data, &logits[2], 4);
        if (n > 1) {
            assert_int_equal(espy_container_need(c, "quote\"d", &t, &err), ESPY_ERR_UNSUPPORTED);
            assert_non_null(strstr(err.message, "type I32"));
            assert_memory_equal((const uint8_t *)espy_container_find(c, "logits")->data + 24, ids,
                                sizeof ids);
        }
        espy_container_close(&c);
    }
    remove_folder(folder);
}

static void writer_refuses(void **state) {
    (void)state;
    espy_error err;
    const espy_out_tensor many = { .name = "w", .n_dims = 6 };
    const espy_out_tensor negative = { .name = "w", .n_dims = 1, .shape = { -1 } };
    const espy_out_tensor huge = { .name = "w", .n_dims = 2, .shape = { INT64_MAX, INT64_MAX } };
    assert_int_equal(espy_safetensors_write("x", &many, 1, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_safetensors_write("x", &negative, 1, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_safetensors_write("x", &huge, 1, &err), ESPY_ERR_ARGUMENT);
    assert_int_not_equal(access("x", F_OK), 0);

    char folder[64], path[128];
    make_folder(folder);
    snprintf(path, sizeof path, "%s/none/out.safetensors", folder);
    assert_int_equal(espy_safetensors_write(path, NULL, 0, &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "No such file"));
    /* A name that is taken by a folder. */
    assert_int_equal(espy_safetensors_write(folder, NULL, 0, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "is not a regular file"));
    snprintf(path, sizeof path, "%s.part", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    remove_folder(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),        cmocka_unit_test(knows_the_format_by_its_bytes),
        cmocka_unit_test(refuses_bad_entries), cmocka_unit_test(refuses_bad_headers),
        cmocka_unit_test(attaches_fp8_scales), cmocka_unit_test(reads_folders),
        cmocka_unit_test(refuses_bad_folders), cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writer_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
