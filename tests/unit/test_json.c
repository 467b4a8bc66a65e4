/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON: what is accepted, where errors are placed, dotted paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "file/json.h"

/* Parses an exact copy, without a NUL behind it. */
static espy_status parse(cJSON **out, const char *s, size_t n, espy_error *err) {
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, s, n);
    espy_status status = espy_json_parse(out, copy, n, "c.json", err);
    free(copy);
    return status;
}

static void expect_bad(const char *s, size_t n, int64_t offset, const char *words) {
    cJSON *json;
    espy_error err = { 0 };
    espy_status status = parse(&json, s, n, &err);
    if (status != ESPY_ERR_FORMAT || err.offset != offset || !strstr(err.message, words) ||
        strncmp(err.message, "c.json: ", 8) != 0)
        fail_msg("status %d offset %lld: %s", (int)status, (long long)err.offset, err.message);
    assert_null(json);
}

static void accepts(void **state) {
    (void)state;
    cJSON *json;
    espy_error err;
    const struct {
        const char *s;
        size_t n;
    } good[] = {
        { "{\"a\":1}", 7 },
        { "\xEF\xBB\xBF{\"a\":1}", 10 },
        { " \r\n\t{\"a\":1} \n", 13 },
        { "{\"a\":1}\0\0", 9 },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (parse(&json, good[i].s, good[i].n, &err)) fail_msg("%zu: %s", i, err.message);
        assert_int_equal(cJSON_GetObjectItem(json, "a")->valueint, 1);
        cJSON_Delete(json);
    }
    assert_int_equal(parse(&json, "7", 1, &err), ESPY_OK);
    cJSON_Delete(json);
}

static void refuses(void **state) {
    (void)state;
    expect_bad("", 0, 0, "empty");
    expect_bad(" \n\0", 3, 0, "empty");
    expect_bad("\xEF\xBB\xBF", 3, 0, "empty");
    expect_bad("{\"a\":}", 6, 5, "line 1, at byte 5");
    expect_bad("{\n\n\"a\": x}", 10, 8, "line 3, at byte 8");
    expect_bad("\xEF\xBB\xBF{\"a\":}", 9, 8, "at byte 8");
    expect_bad("{} {}", 5, 3, "after the end of the JSON in line 1, at byte 3");
    expect_bad("{}\0x", 4, 3, "after the end");
    char deep[5000];
    memset(deep, '[', sizeof deep);
    cJSON *json;
    espy_error err;
    assert_int_equal(parse(&json, deep, sizeof deep, &err), ESPY_ERR_FORMAT);
    const char whole[] = "{\"a\":[1,2.5e3,\"x\\u00e9\",null,true]}";
    for (size_t n = 1; n + 1 < sizeof whole; n++) {
        assert_int_equal(parse(&json, whole, n, &err), ESPY_ERR_FORMAT);
        assert_true(err.offset >= 0 && err.offset <= (int64_t)n);
    }
}

static void finds_paths(void **state) {
    (void)state;
    const char s[] = "{\"a\":{\"b\":{\"c\":3},\"B\":4},\"x\":[1]}";
    cJSON *json;
    espy_error err;
    assert_int_equal(parse(&json, s, strlen(s), &err), ESPY_OK);
    assert_int_equal(espy_json_at(json, "a.b.c")->valueint, 3);
    assert_int_equal(espy_json_at(json, "a.B")->valueint, 4);
    assert_true(cJSON_IsArray(espy_json_at(json, "x")));
    assert_null(espy_json_at(json, "A.b"));
    assert_null(espy_json_at(json, "a.b.c.d"));
    assert_null(espy_json_at(json, "a.q.c"));
    assert_null(espy_json_at(json, "a."));
    assert_null(espy_json_at(NULL, "a"));
    char long_key[300];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = 0;
    assert_null(espy_json_at(json, long_key));
    cJSON_Delete(json);
}

static void loads_files(void **state) {
    (void)state;
    char folder[64], path[128];
    cJSON *json;
    espy_error err;
    make_folder(folder);
    write_file(folder, "c.json", "{\"a\":[]}", 8);
    snprintf(path, sizeof path, "%s/c.json", folder);
    assert_int_equal(espy_json_load(&json, path, &err), ESPY_OK);
    assert_non_null(espy_json_at(json, "a"));
    cJSON_Delete(json);
    write_file(folder, "c.json", "", 0);
    assert_int_equal(espy_json_load(&json, path, &err), ESPY_ERR_FORMAT);
    assert_non_null(strstr(err.message, "c.json: empty"));
    assert_null(json);
    remove_folder(folder);
    assert_int_equal(espy_json_load(&json, path, &err), ESPY_ERR_IO);
    assert_null(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(finds_paths),
        cmocka_unit_test(loads_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
