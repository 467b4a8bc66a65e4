/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which model is meant: names, folders, and the default. Works in a folder of
 * its own, to which the variables of the environment point. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "model/find.h"

static char root[64], data[1024];

static const char *at(const char *name) {
    static char path[4][200];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static void link_model(const char *from, const char *name) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", data, from);
    assert_int_equal(symlink(path, at(name)), 0);
}

/* Folders a and b, and the home's; nothing in them. */
static int begin(void **state) {
    (void)state;
    strcpy(root, "/tmp/espy-find-XXXXXX");
    if (!mkdtemp(root)) return -1;
    static const char *const folders[] = {
        "a", "b", "home", "home/espy", "home/espy/models", "sys"
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mkdir(at(folders[i]), 0777);
    char both[200];
    snprintf(both, sizeof both, "%s/a:%s/b", root, root);
    setenv("ESPY_MODELS", both, 1);
    setenv("XDG_DATA_HOME", at("home"), 1);
    setenv("XDG_DATA_DIRS", at("sys"), 1);
    unsetenv("ESPY_MODEL");
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* The folders of the environment above; where the system keeps models is not
 * this test's business. */
static espy_paths folders(void) {
    espy_paths list;
    espy_error err = { 0 };
    if (espy_find_folders(&list, &err)) fail_msg("%s", err.message);
    assert_true(list.n >= 4);
    while (list.n > 4) free(list.at[--list.n]);
    return list;
}

static void folders_come_in_order(void **state) {
    (void)state;
    espy_paths list = folders();
    assert_string_equal(list.at[0], at("a"));
    assert_string_equal(list.at[1], at("b"));
    assert_string_equal(list.at[2], at("home/espy/models"));
    assert_string_equal(list.at[3], at("sys/espy/models")); /* not there, but named in messages */
    espy_paths_free(&list);

    setenv("ESPY_MODELS", at("home/espy/models/../models"), 1);
    assert_int_equal(espy_find_folders(&list, NULL), ESPY_OK);
    assert_string_equal(list.at[0], at("home/espy/models/../models"));
    assert_string_equal(list.at[1], at("sys/espy/models")); /* each folder once */
    espy_paths_free(&list);
    setenv("ESPY_MODELS", "", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", root, 1);
    assert_int_equal(espy_find_folders(&list, NULL), ESPY_OK);
    assert_string_equal(list.at[0], at(".local/share/espy/models"));
    espy_paths_free(&list);
}

static void named(const char *name, const char *expected) {
    espy_paths list = folders();
    espy_error err = { 0 };
    char *path;
    espy_status status = espy_find_named(&list, name, &path, &err);
    if (expected) {
        assert_int_equal(status, ESPY_OK);
        assert_string_equal(path, at(expected));
    } else {
        assert_int_equal(status, ESPY_ERR_MISSING);
        assert_null(path);
        assert_non_null(strstr(err.message, name));
        assert_non_null(strstr(err.message, at("b")));
    }
    free(path);
    espy_paths_free(&list);
}

static void names_are_looked_up_in_order(void **state) {
    (void)state;
    named("cat", NULL);
    link_model("gguf/one-file-native.gguf", "home/espy/models/cat.gguf");
    named("cat", "home/espy/models/cat.gguf");
    named("cat.gguf", "home/espy/models/cat.gguf");
    link_model("bf16", "b/cat");
    named("cat", "b/cat");
    link_model("gguf/one-file-native.gguf", "a/cat.gguf");
    named("cat", "a/cat.gguf");
}

/* expected NULL: refused with status, and each of the words is said. */
static void by_default(const char *expected, espy_status status, const char *word,
                       const char *other) {
    espy_paths list = folders();
    espy_error err = { 0 };
    char *path;
    espy_status got = espy_find_default(&list, &path, &err);
    if (got != status) fail_msg("%d: %s", (int)got, err.message);
    if (expected)
        assert_string_equal(path, at(expected));
    else
        assert_null(path);
    if (word && !strstr(err.message, word)) fail_msg("no %s in: %s", word, err.message);
    if (other && !strstr(err.message, other)) fail_msg("no %s in: %s", other, err.message);
    free(path);
    espy_paths_free(&list);
}

static void a_fetched_model_goes_before_the_built_in_one(void **state) {
    (void)state;
    by_default(NULL, ESPY_ERR_MISSING, "no model", at("b"));
    write_built_in(at("b/espy-nano.gguf"));
    by_default("b/espy-nano.gguf", ESPY_OK, NULL, NULL);
    /* what is no model does not count */
    write_file(at("a"), "notes.txt", "x", 1);
    mkdir(at("a/empty"), 0777);
    link_model("gguf/mmproj-micro-bf16.gguf", "a/mmproj-one.gguf");
    link_model("gguf/micro-f16-00002-of-00002.gguf", "a/x-00002-of-00002.gguf");
    by_default("b/espy-nano.gguf", ESPY_OK, NULL, NULL);
    link_model("bf16", "a/one");
    by_default("a/one", ESPY_OK, NULL, NULL);
    link_model("bf16", "b/again"); /* the same, under another name */
    by_default("a/one", ESPY_OK, NULL, NULL);
    link_model("gguf/micro-bf16.gguf", "home/espy/models/two.gguf");
    by_default(NULL, ESPY_ERR_ARGUMENT, at("a/one"), "two.gguf");
}

static void the_environment_chooses(void **state) {
    (void)state;
    char *path;
    espy_error err = { 0 };
    link_model("bf16", "a/one");
    link_model("f32", "b/two");
    setenv("ESPY_MODEL", "two", 1);
    assert_int_equal(espy_model_find(NULL, &path, &err), ESPY_OK);
    assert_string_equal(path, at("b/two"));
    espy_free(path);
    assert_int_equal(espy_model_find("one", &path, &err), ESPY_OK); /* a name goes first */
    assert_string_equal(path, at("a/one"));
    espy_free(path);
    setenv("ESPY_MODEL", at("b/two"), 1);
    assert_int_equal(espy_model_find(NULL, &path, &err), ESPY_OK);
    assert_string_equal(path, at("b/two"));
    espy_free(path);
    setenv("ESPY_MODEL", "three", 1);
    assert_int_equal(espy_model_find(NULL, &path, &err), ESPY_ERR_MISSING);
    assert_non_null(strstr(err.message, "three"));
    assert_null(path);
    assert_int_equal(espy_model_find("./none/here", &path, &err), ESPY_OK); /* as it is */
    assert_string_equal(path, "./none/here");
    espy_free(path);
    assert_int_equal(espy_model_find("one", NULL, &err), ESPY_ERR_ARGUMENT);
}

static void no_path_opens_the_default(void **state) {
    (void)state;
    espy_model *m;
    espy_model_info info;
    espy_error err = { 0 };
    write_built_in(at("a/espy-nano.gguf"));
    setenv("ESPY_MODEL", "espy-nano", 1);
    if (espy_model_open(&m, NULL, NULL, &err)) fail_msg("%s", err.message);
    espy_model_get_info(m, &info);
    assert_string_equal(info.name, "espy-nano");
    assert_true(info.built_in);
    espy_model_close(&m);

    /* The file says so, not its name. */
    link_model("bf16", "b/espy-nano");
    assert_int_equal(espy_model_open(&m, at("b/espy-nano"), NULL, NULL), ESPY_OK);
    espy_model_get_info(m, &info);
    assert_string_equal(info.name, "espy-nano");
    assert_false(info.built_in);
    espy_model_close(&m);

    setenv("ESPY_MODEL", "nothing", 1);
    assert_int_equal(espy_model_open(&m, NULL, NULL, &err), ESPY_ERR_MISSING);
    assert_null(m);
}

int main(void) {
    const char *source = getenv("ESPY_SOURCE_ROOT");
    char *full = realpath(source ? source : ".", NULL);
    snprintf(data, sizeof data, "%s/tests/data/qwen3_vl", full ? full : ".");
    free(full);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_come_in_order, begin, end),
        cmocka_unit_test_setup_teardown(names_are_looked_up_in_order, begin, end),
        cmocka_unit_test_setup_teardown(a_fetched_model_goes_before_the_built_in_one, begin, end),
        cmocka_unit_test_setup_teardown(the_environment_chooses, begin, end),
        cmocka_unit_test_setup_teardown(no_path_opens_the_default, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
