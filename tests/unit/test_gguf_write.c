/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that the writer makes, read back by the reader; and what is left behind
 * when it does not come to an end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "file/gguf_write.h"

static char folder[64];

static const char *at(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int begin(void **state) {
    (void)state;
    make_folder(folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    remove_folder(folder);
    return 0;
}

static int is_there(const char *name) {
    return access(at(name), F_OK) == 0;
}

static espy_gguf_writer *create(const char *name, int overwrite) {
    espy_gguf_writer *w;
    espy_error err = { 0 };
    if (espy_gguf_create(&w, at(name), overwrite, &err)) fail_msg("%s", err.message);
    return w;
}

#define assert_says(err, part)                                                                     \
    if (!strstr((err).message, part)) fail_msg("\"%s\" is not in \"%s\"", part, (err).message)

/* ------------------------------------------------------------------- content */

static void put_all_keys(espy_gguf_writer *w) {
    const int32_t whole[] = { -1, 0, 1 << 30 };
    const float real[] = { 0.5F, -2 };
    const uint8_t flags[] = { 1, 0, 7 };
    espy_gguf_put_string(w, "general.architecture", "qwen3vl");
    espy_gguf_put_u32(w, "u32", UINT32_MAX);
    espy_gguf_put_u64(w, "u64", (uint64_t)1 << 40);
    espy_gguf_put_f32(w, "f32", 0.7F);
    espy_gguf_put_bool(w, "bool", 5);
    espy_gguf_put_i32s(w, "i32s", whole, 3);
    espy_gguf_put_f32s(w, "f32s", real, 2);
    espy_gguf_put_bools(w, "bools", flags, 3);
    espy_gguf_begin_strings(w, "strings", 3);
    espy_gguf_add_string(w, "a", 1);
    espy_gguf_add_string(w, "", 0);
    espy_gguf_add_string(w, "b\0c", 3);
    espy_gguf_put_i32s(w, "empty", NULL, 0);
}

static espy_container *open_file(const char *name) {
    espy_container *c;
    espy_error err = { 0 };
    if (espy_container_open(&c, at(name), &err)) fail_msg("%s", err.message);
    return c;
}

static void check_keys(const espy_container *c) {
    const espy_meta *m = espy_container_meta(c, "general.architecture");
    assert_int_equal(m->s_bytes, 7);
    assert_memory_equal(m->s, "qwen3vl", 7);
    assert_int_equal(espy_container_meta(c, "u32")->i, UINT32_MAX);
    assert_int_equal(espy_container_meta(c, "u64")->i, (int64_t)1 << 40);
    assert_true(espy_container_meta(c, "f32")->f == (double)0.7F);
    assert_int_equal(espy_container_meta(c, "bool")->i, 1);
    m = espy_container_meta(c, "i32s");
    assert_int_equal(m->n, 3);
    assert_int_equal(espy_meta_at(m, 0).i, -1);
    assert_int_equal(espy_meta_at(m, 2).i, 1 << 30);
    m = espy_container_meta(c, "f32s");
    assert_true(m->n == 2 && espy_meta_at(m, 1).f == -2);
    m = espy_container_meta(c, "bools");
    assert_true(m->n == 3 && espy_meta_at(m, 0).i == 1 && espy_meta_at(m, 1).i == 0 &&
                espy_meta_at(m, 2).i == 1);
    m = espy_container_meta(c, "strings");
    assert_int_equal(m->n, 3);
    assert_int_equal(espy_meta_at(m, 1).s_bytes, 0);
    assert_int_equal(espy_meta_at(m, 2).s_bytes, 3);
    assert_memory_equal(espy_meta_at(m, 2).s, "b\0c", 3);
    assert_int_equal(espy_container_meta(c, "empty")->n, 0);
    assert_int_equal(espy_container_n_meta(c), 10);
}

/* The second file takes its keys from the first as they were read. */
static void copy_keys(espy_gguf_writer *w, const espy_container *c) {
    for (int i = 0; i < espy_container_n_meta(c); i++) {
        const char *key;
        size_t n;
        const espy_meta *value = espy_container_meta_entry(c, i, &key, &n);
        espy_gguf_put_meta(w, key, n, value);
    }
}

static void slurp(const char *name, bytes *b) {
    FILE *f = fopen(at(name), "rb");
    assert_non_null(f);
    for (int c; (c = getc(f)) != EOF;) put(b, &(uint8_t){ (uint8_t)c }, 1);
    fclose(f);
}

static void keys_come_back(void **state) {
    (void)state;
    bytes a = { 0 }, b = { 0 };
    espy_gguf_writer *w = create("a.gguf", 0);
    put_all_keys(w);
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_false(is_there("a.gguf"));
    assert_true(is_there("a.gguf.part"));
    assert_int_equal(espy_gguf_commit(w, NULL), ESPY_OK);
    espy_gguf_close(&w);
    assert_null(w);
    assert_false(is_there("a.gguf.part"));
    espy_container *c = open_file("a.gguf");
    check_keys(c);
    w = create("b.gguf", 0);
    copy_keys(w, c);
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_commit(w, NULL), ESPY_OK);
    espy_gguf_close(&w);
    slurp("a.gguf", &a);
    slurp("b.gguf", &b);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.at, b.at, a.n);
    drop(&a);
    drop(&b);
    espy_container_close(&c);
}

/* Tensors of sizes that are no multiples of the alignment, an empty one among
 * them, their bytes given in pieces. */
static void tensors_come_back(void **state) {
    (void)state;
    static const struct {
        const char *name;
        espy_dtype dtype;
        int n_dims;
        int64_t shape[4];
    } rows[] = { { "one", ESPY_F32, 1, { 3 } },          { "none", ESPY_F32, 2, { 0, 8 } },
                 { "two", ESPY_Q8_0, 2, { 3, 64 } },     { "four", ESPY_F16, 4, { 2, 3, 1, 5 } },
                 { "big", ESPY_Q6_K, 3, { 2, 2, 256 } }, { "last", ESPY_BF16, 1, { 1 } } };
    enum { N = sizeof rows / sizeof *rows };
    uint8_t data[2000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7);
    espy_gguf_writer *w = create("a.gguf", 0);
    for (int i = 0; i < N; i++)
        espy_gguf_add_tensor(w, rows[i].name, rows[i].dtype, rows[i].n_dims, rows[i].shape);
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    const int64_t sizes[N] = { 12, 0, 3 * 68, 60, 4 * 210, 2 };
    for (int i = 0; i < N; i++)
        for (int64_t done = 0, n; done < sizes[i]; done += n) {
            n = sizes[i] - done < 100 ? sizes[i] - done : 100;
            assert_int_equal(espy_gguf_write(w, data + i + done, n, NULL), ESPY_OK);
        }
    assert_int_equal(espy_gguf_commit(w, NULL), ESPY_OK);
    espy_gguf_close(&w);
    espy_container *c = open_file("a.gguf");
    assert_int_equal(espy_container_n_tensors(c), N);
    for (int i = 0; i < N; i++) {
        const espy_named_tensor *t = espy_container_tensor(c, i);
        assert_string_equal(t->name, rows[i].name);
        assert_int_equal(t->tensor.dtype, rows[i].dtype);
        assert_int_equal(t->tensor.n_dims, rows[i].n_dims);
        assert_memory_equal(t->tensor.shape, rows[i].shape,
                            (size_t)rows[i].n_dims * sizeof(int64_t));
        assert_int_equal(t->tensor.n_bytes, sizes[i]);
        assert_int_equal(t->offset % ESPY_GGUF_ALIGNMENT, 0);
        if (sizes[i]) assert_memory_equal(t->tensor.data, data + i, (size_t)sizes[i]);
    }
    espy_container_close(&c);
}

/* ------------------------------------------------------------------ failures */

static void nothing_is_overwritten(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_gguf_writer *w;
    bytes b = { 0 };
    write_file(folder, "a.gguf", "precious", 8);
    assert_int_equal(espy_gguf_create(&w, at("a.gguf"), 0, &err), ESPY_ERR_ARGUMENT);
    assert_null(w);
    assert_says(err, "a.gguf: is there already");
    assert_false(is_there("a.gguf.part"));

    w = create("b.gguf", 0); /* the name is taken while it is written */
    write_file(folder, "b.gguf", "precious", 8);
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_commit(w, &err), ESPY_ERR_ARGUMENT);
    espy_gguf_close(&w);
    assert_false(is_there("b.gguf.part"));
    slurp("b.gguf", &b);
    assert_int_equal(b.n, 8);
    assert_memory_equal(b.at, "precious", 8);
    drop(&b);

    w = create("a.gguf", 1); /* on request it is, but only at the end */
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    slurp("a.gguf", &b);
    assert_int_equal(b.n, 8);
    drop(&b);
    assert_int_equal(espy_gguf_commit(w, NULL), ESPY_OK);
    espy_gguf_close(&w);
    espy_container *c = open_file("a.gguf");
    espy_container_close(&c);
}

static void an_end_before_its_time_leaves_nothing(void **state) {
    (void)state;
    espy_gguf_writer *w = create("a.gguf", 0), *other = create("a.gguf", 0);
    assert_true(is_there("a.gguf.part") && is_there("a.gguf.part2"));
    espy_gguf_add_tensor(w, "t", ESPY_F32, 1, (const int64_t[]){ 100 });
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_write(w, folder, 8, NULL), ESPY_OK);
    espy_gguf_close(&w);
    espy_gguf_close(&other);
    assert_false(is_there("a.gguf") || is_there("a.gguf.part") || is_there("a.gguf.part2"));
    espy_gguf_close(&other);
}

static void misuse_is_told(void **state) {
    (void)state;
    static const struct {
        espy_dtype dtype;
        int n_dims;
        int64_t shape[5];
    } unfit[] = { { ESPY_F8_E4M3, 1, { 4 } },
                  { ESPY_Q8_0, 1, { 33 } },
                  { ESPY_F32, 5, { 1, 1, 1, 1, 1 } },
                  { ESPY_F32, 0, { 1 } },
                  { ESPY_F32, 2, { INT64_MAX / 2, 16 } },
                  { ESPY_F32, 1, { -1 } } };
    espy_error err = { 0 };
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        espy_gguf_writer *w = create("a.gguf", 0);
        espy_gguf_add_tensor(w, "t.weight", unfit[i].dtype, unfit[i].n_dims, unfit[i].shape);
        assert_int_equal(espy_gguf_begin_data(w, &err), ESPY_ERR_INTERNAL);
        assert_says(err, "'t.weight'");
        espy_gguf_close(&w);
    }
    espy_gguf_writer *w = create("a.gguf", 0);
    espy_gguf_add_tensor(w, "t", ESPY_F32, 1, (const int64_t[]){ 2 });
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_write(w, folder, 9, NULL), ESPY_ERR_INTERNAL);
    assert_int_equal(espy_gguf_write(w, folder, 4, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_commit(w, &err), ESPY_ERR_INTERNAL);
    assert_int_equal(espy_gguf_finish(w, &err), ESPY_ERR_INTERNAL);
    assert_says(err, "not complete");
    assert_int_equal(espy_gguf_write(w, folder, 4, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_finish(w, &err), ESPY_OK); /* and has no name yet */
    assert_int_equal(espy_gguf_write(w, folder, 1, NULL), ESPY_ERR_INTERNAL);
    espy_gguf_close(&w);
    assert_false(is_there("a.gguf"));
}

static void files_that_cannot_be(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_gguf_writer *w;
    assert_int_equal(espy_gguf_create(&w, at("no/such/folder.gguf"), 0, &err), ESPY_ERR_IO);
    assert_says(err, "folder.gguf: cannot write: No such file");
    mkdir(at("d.gguf"), 0777);
    assert_int_equal(espy_gguf_create(&w, at("d.gguf"), 1, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "d.gguf is not a regular file; give a file's name");
    assert_false(is_there("d.gguf.part"));
    rmdir(at("d.gguf"));
    assert_int_equal(mkfifo(at("f.gguf"), 0600), 0);
    assert_int_equal(espy_gguf_create(&w, at("f.gguf"), 1, &err), ESPY_ERR_ARGUMENT);
    assert_null(w);
    assert_says(err, "f.gguf is not a regular file");
    assert_true(is_there("f.gguf"));
    unlink(at("f.gguf"));
}

/* A link stays one; what it leads to is replaced, if that is a file. */
static void links_are_followed(void **state) {
    (void)state;
    espy_error err = { 0 };
    struct stat st;
    bytes b = { 0 };
    write_file(folder, "a.gguf", "old", 3);
    assert_int_equal(symlink("a.gguf", at("l.gguf")), 0);
    espy_gguf_writer *w = create("l.gguf", 1);
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    assert_int_equal(espy_gguf_commit(w, &err), ESPY_OK);
    espy_gguf_close(&w);
    assert_true(lstat(at("l.gguf"), &st) == 0 && S_ISLNK(st.st_mode));
    slurp("a.gguf", &b);
    assert_memory_equal(b.at, "GGUF", 4);
    drop(&b);
    unlink(at("a.gguf"));
    assert_int_equal(espy_gguf_create(&w, at("l.gguf"), 1, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "l.gguf: is a link that leads to no file");
    unlink(at("l.gguf"));
    assert_int_equal(symlink("/dev/null", at("l.gguf")), 0);
    assert_int_equal(espy_gguf_create(&w, at("l.gguf"), 1, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "l.gguf is not a regular file");
    unlink(at("l.gguf"));
}

/* Files of this process may not grow beyond some bytes, as on a full disk. */
static void limit_files(rlim_t n_bytes) {
    static struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    if (n_bytes) getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit limit = { n_bytes ? n_bytes : before.rlim_cur, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk(void **state) {
    (void)state;
    espy_error err = { 0 };
    const uint8_t zeros[4096] = { 0 };
    espy_gguf_writer *w = create("a.gguf", 0);
    espy_gguf_add_tensor(w, "t", ESPY_F32, 1, (const int64_t[]){ 1 << 20 });
    limit_files(1 << 16);
    espy_status status = espy_gguf_begin_data(w, &err);
    for (int i = 0; i < 1024 && !status; i++)
        status = espy_gguf_write(w, zeros, sizeof zeros, &err);
    limit_files(0);
    assert_int_equal(status, ESPY_ERR_IO);
    assert_says(err, "a.gguf: cannot write: File too large");
    espy_gguf_close(&w);
    assert_false(is_there("a.gguf") || is_there("a.gguf.part"));

    w = create("a.gguf", 0); /* small: seen only when the buffer is flushed */
    espy_gguf_put_string(w, "key", "a value that does not fit");
    assert_int_equal(espy_gguf_begin_data(w, NULL), ESPY_OK);
    limit_files(16);
    status = espy_gguf_commit(w, &err);
    limit_files(0);
    assert_int_equal(status, ESPY_ERR_IO);
    espy_gguf_close(&w);
    assert_false(is_there("a.gguf") || is_there("a.gguf.part"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_come_back, begin, end),
        cmocka_unit_test_setup_teardown(tensors_come_back, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(an_end_before_its_time_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(misuse_is_told, begin, end),
        cmocka_unit_test_setup_teardown(files_that_cannot_be, begin, end),
        cmocka_unit_test_setup_teardown(links_are_followed, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
