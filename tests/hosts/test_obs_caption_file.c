/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in a file of captions, byte by byte, at the end and on the way there; files
 * that are there already, that cannot be written, that a crash leaves behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>

#include "caption_file.h"

static char *folder;

static int make_folder(void **state) {
    (void)state;
    return !(folder = g_dir_make_tmp("espy-captions-XXXXXX", NULL));
}

static void remove_all(const char *path) {
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inside = g_build_filename(path, name, NULL);
        remove_all(inside);
    }
    if (dir) g_dir_close(dir);
    g_remove(path);
}

static int remove_folder(void **state) {
    (void)state;
    remove_all(folder);
    g_free(folder);
    return 0;
}

static char *in_folder(const char *name) {
    return g_build_filename(folder, name, NULL);
}

static caption_file *open_file(const char *name, caption_format format) {
    g_autofree char *path = in_folder(name);
    return caption_file_open(path, format);
}

static void add(caption_file *f, const char *text, double start_s, double most_s) {
    caption *c = caption_new();
    c->text = g_strdup(text);
    c->is_whole = c->is_news = TRUE;
    caption_file_add(f, c, start_s, most_s);
    caption_unref(c);
}

static void add_again(caption_file *f, const char *text, double start_s, double most_s) {
    caption *c = caption_new();
    c->text = g_strdup(text);
    c->is_whole = TRUE;
    caption_file_add(f, c, start_s, most_s);
    caption_unref(c);
}

static char *contents(const char *name) {
    g_autofree char *path = in_folder(name);
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static void assert_file(const char *name, const char *expected) {
    g_autofree char *text = contents(name);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

/* The writer gets there in a moment; how long that is on a busy machine is not tested. */
enum { MOMENTS = 6000, MOMENT_US = 5000 };

static void await_file(const char *name, const char *expected) {
    for (int i = 0; i < MOMENTS; i++) {
        g_autofree char *text = contents(name);
        if (text && !strcmp(text, expected)) return;
        g_usleep(MOMENT_US);
    }
    assert_file(name, expected);
}

static char *await_error(caption_file *f, gboolean wanted) {
    char *error = caption_file_error(f);
    for (int i = 0; i < MOMENTS && (error != NULL) != wanted; i++) {
        g_free(error);
        g_usleep(MOMENT_US);
        error = caption_file_error(f);
    }
    assert_int_equal(error != NULL, wanted);
    return error;
}

static void close_and_expect(caption_file *f, const char *name, double end_s, const char *text) {
    caption_file_end(&f, end_s);
    assert_null(f);
    await_file(name, text);
}

/* ----------------------------------------------------------------------- contents */

static void three(caption_file *f) {
    add(f, "A cat.", 0, 0);
    add(f, "A cat and\na hat.", 1.25, 2);
    add(f, "A dog.", 61.0004, 0);
}

static void srt_has_numbered_cues(void **state) {
    (void)state;
    caption_file *f = open_file("a.srt", FORMAT_SRT);
    three(f);
    close_and_expect(f, "a.srt", 3661.5,
                     "1\n00:00:00,000 --> 00:00:01,250\nA cat.\n\n"
                     "2\n00:00:01,250 --> 00:00:03,250\nA cat and\na hat.\n\n"
                     "3\n00:01:01,000 --> 01:01:01,500\nA dog.\n\n");
}

static void vtt_has_a_header_and_cues(void **state) {
    (void)state;
    caption_file *f = open_file("a.vtt", FORMAT_VTT);
    three(f);
    close_and_expect(f, "a.vtt", 3661.5,
                     "WEBVTT\n\n"
                     "00:00:00.000 --> 00:00:01.250\nA cat.\n\n"
                     "00:00:01.250 --> 00:00:03.250\nA cat and\na hat.\n\n"
                     "00:01:01.000 --> 01:01:01.500\nA dog.\n\n");
}

static void text_has_a_caption_a_line(void **state) {
    (void)state;
    caption_file *f = open_file("a.txt", FORMAT_TEXT);
    three(f);
    await_file("a.txt", "A cat.\nA cat and a hat.\nA dog.\n"); /* before its end is known */
    close_and_expect(f, "a.txt", 70, "A cat.\nA cat and a hat.\nA dog.\n");
}

static void json_has_times_and_boxes(void **state) {
    (void)state;
    caption_file *f = open_file("a.jsonl", FORMAT_JSON);
    caption *c = caption_new();
    c->text = g_strdup("a \"cat\"\nasleep");
    c->is_whole = c->is_news = c->finds = TRUE;
    c->boxes = g_new(caption_box, 1);
    c->boxes[0] = (caption_box){ 0.25, 0.5, 0.75, 1, g_strdup("cat") };
    c->n_boxes = 1;
    caption_file_add(f, c, 1.5, 0);
    add(f, "A dog.", 4, 0.5);
    g_autofree char *first = caption_to_json(c, 1.5, 4);
    caption_unref(c);
    c = caption_new();
    c->text = g_strdup("A dog.");
    c->is_news = TRUE;
    g_autofree char *second = caption_to_json(c, 4, 4.5);
    caption_unref(c);
    assert_non_null(strstr(first, "\"label\":\"cat\""));
    assert_null(strchr(first, '\n'));
    g_autofree char *both = g_strdup_printf("%s\n%s\n", first, second);
    close_and_expect(f, "a.jsonl", 9, both);
}

static void formats_have_suffixes(void **state) {
    (void)state;
    assert_string_equal(caption_format_suffix(FORMAT_SRT), ".srt");
    assert_string_equal(caption_format_suffix(FORMAT_VTT), ".vtt");
    assert_string_equal(caption_format_suffix(FORMAT_TEXT), ".txt");
    assert_string_equal(caption_format_suffix(FORMAT_JSON), ".jsonl");
}

/* What a sign in a picture says must not be taken for times, tags, or the end of a cue. */
static const char sly[] = "  one\r\n\r\n\n \t\n2\n00:00:01,000 --> 00:00:02,000 --->\f"
                          "a<b>&amp;\x01\x1b\x7f c\xc2\x85"
                          "d\xe2\x80\xa8"
                          "e\xff\n\n";

static void srt_text_cannot_break_out(void **state) {
    (void)state;
    caption_file *f = open_file("sly.srt", FORMAT_SRT);
    add(f, sly, 0, 0);
    add(f, " \n\t\x02\r\n", 1, 0);
    add(f, "end", 2, 0);
    close_and_expect(f, "sly.srt", 3,
                     "1\n00:00:00,000 --> 00:00:01,000\n"
                     "one\n2\n00:00:01,000 -- > 00:00:02,000 --- >\na<b>&amp;    c\nd\n"
                     "e\xef\xbf\xbd\n\n"
                     "2\n00:00:02,000 --> 00:00:03,000\nend\n\n");
}

static void vtt_text_cannot_break_out(void **state) {
    (void)state;
    caption_file *f = open_file("sly.vtt", FORMAT_VTT);
    add(f, sly, 0, 0);
    close_and_expect(f, "sly.vtt", 1,
                     "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"
                     "one\n2\n00:00:01,000 --&gt; 00:00:02,000 ---&gt;\n"
                     "a&lt;b&gt;&amp;amp;    c\nd\ne\xef\xbf\xbd\n\n");
}

static void plain_text_stays_on_its_line(void **state) {
    (void)state;
    caption_file *f = open_file("sly.txt", FORMAT_TEXT);
    add(f, sly, 0, 0);
    add(f, NULL, 1, 0);
    add(f, "", 2, 0);
    close_and_expect(f, "sly.txt", 3,
                     "one 2 00:00:01,000 --> 00:00:02,000 ---> a<b>&amp;    c d e\xef\xbf\xbd\n");
}

/* -------------------------------------------------------------------------- times */

static void times_do_not_fall(void **state) {
    (void)state;
    caption_file *f = open_file("times.srt", FORMAT_SRT);
    add(f, "first", -5, 0);
    add(f, "second", 2, 0);
    add(f, "late", 1, 0);       /* at 2: nothing is left of the second */
    add(f, "odd", NAN, 0);      /* at 2, too                           */
    add(f, "third", 2.0004, 0); /* not a millisecond of it           */
    add(f, "far", 360000, 1);   /* a hundred hours                     */
    close_and_expect(f, "times.srt", -1,
                     "1\n00:00:00,000 --> 00:00:02,000\nfirst\n\n"
                     "2\n00:00:02,000 --> 100:00:00,000\nthird\n\n");
}

static void captions_end_when_they_may(void **state) {
    (void)state;
    caption_file *f = open_file("most.srt", FORMAT_SRT);
    add(f, "short", 0, 2);
    add(f, "cut", 10, 5);
    add(f, "", 12, 5); /* taken from the screen */
    add(f, "last", 20, 5);
    close_and_expect(f, "most.srt", INFINITY,
                     "1\n00:00:00,000 --> 00:00:02,000\nshort\n\n"
                     "2\n00:00:10,000 --> 00:00:12,000\ncut\n\n");
}

static void what_is_no_news_holds_longer(void **state) {
    (void)state;
    caption_file *f = open_file("news.srt", FORMAT_SRT);
    add(f, "A cat.", 0, 4);
    add_again(f, "a cat", 3, 4);
    add_again(f, "The cat.", 6, 4); /* until 10                  */
    add_again(f, "A cat!", 11, 4);  /* it was gone, and is back  */
    add(f, "", 12, 4);
    add_again(f, "A cat", 13, 4); /* so it was then            */
    close_and_expect(f, "news.srt", 14,
                     "1\n00:00:00,000 --> 00:00:10,000\nA cat.\n\n"
                     "2\n00:00:11,000 --> 00:00:12,000\nA cat!\n\n"
                     "3\n00:00:13,000 --> 00:00:14,000\nA cat\n\n");
}

/* -------------------------------------------------------------- on the way there */

static void files_are_whole_after_each_caption(void **state) {
    (void)state;
    caption_file *srt = open_file("grows.srt", FORMAT_SRT);
    caption_file *vtt = open_file("grows.vtt", FORMAT_VTT);
    await_file("grows.srt", "");
    await_file("grows.vtt", "WEBVTT\n\n");
    add(srt, "one", 0, 0);
    add(vtt, "one", 0, 0);
    add(srt, "two", 1, 0);
    add(vtt, "two", 1, 0);
    await_file("grows.srt", "1\n00:00:00,000 --> 00:00:01,000\none\n\n");
    await_file("grows.vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\none\n\n");
    caption_file_close(&vtt, 2);
    caption_file_close(&srt, 2);
    caption_file_close(&srt, 2);
    caption_file_end(&srt, 2);
    await_file("grows.srt", "1\n00:00:00,000 --> 00:00:01,000\none\n\n"
                            "2\n00:00:01,000 --> 00:00:02,000\ntwo\n\n");
}

/* A reader who comes in the midst of a write sees a part of it, but never for long. */
static void assert_whole_soon(const char *name) {
    size_t before = (size_t)-1;
    for (int i = 0; i < MOMENTS; i++) {
        g_autofree char *text = contents(name);
        size_t n = text ? strlen(text) : 0;
        if (!n || (n >= 2 && !strcmp(text + n - 2, "\n\n"))) return;
        if (before != n) i = 0;
        before = n;
        g_usleep(MOMENT_US);
    }
    fail_msg("%s ends within a cue", name);
}

enum { MANY = 500 };

static gpointer say_many(gpointer file) {
    g_autofree char *words = g_strnfill(300, 'w');
    for (int i = 0; i < MANY; i++) {
        add(file, words, i, 0);
        if (i % 10 == 0) g_usleep(1000);
    }
    return NULL;
}

static void readers_see_whole_cues_at_any_moment(void **state) {
    (void)state;
    caption_file *f = open_file("read.srt", FORMAT_SRT);
    GThread *thread = g_thread_new("captions", say_many, f);
    for (int i = 0; i < 200; i++) assert_whole_soon("read.srt");
    g_thread_join(thread);
    g_autofree char *words = g_strnfill(300, 'w');
    GString *all = g_string_new(NULL);
    for (int i = 0; i < MANY; i++)
        g_string_append_printf(all, "%d\n00:%02d:%02d,000 --> 00:%02d:%02d,000\n%s\n\n", i + 1,
                               i / 60, i % 60, (i + 1) / 60, (i + 1) % 60, words);
    close_and_expect(f, "read.srt", MANY, all->str);
    g_string_free(all, TRUE);
}

static void files_share_a_thread_and_need_no_order(void **state) {
    (void)state;
    enum { N = 20 };
    caption_file *files[N];
    for (int i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("many%d.txt", i);
        files[i] = open_file(name, FORMAT_TEXT);
        add(files[i], name, 0, 0);
    }
    for (int i = N; i--;) i % 2 ? caption_file_end(&files[i], 1) : caption_file_close(&files[i], 1);
    for (int i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("many%d.txt", i);
        g_autofree char *line = g_strdup_printf("%s\n", name);
        await_file(name, line);
    }
}

static int in_child(void (*what)(void)) {
    pid_t pid = fork();
    int status = -1;
    if (!pid) {
        what();
        _exit(0);
    }
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void say_two_and_die(void) {
    caption_file *f = open_file("crash.srt", FORMAT_SRT);
    add(f, "one", 0, 0);
    add(f, "two", 1, 0);
    await_file("crash.srt", "1\n00:00:00,000 --> 00:00:01,000\none\n\n");
    kill(getpid(), SIGKILL);
}

static void a_crash_leaves_a_whole_file(void **state) {
    (void)state;
    int status = in_child(say_two_and_die);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_file("crash.srt", "1\n00:00:00,000 --> 00:00:01,000\none\n\n");
}

/* -------------------------------------------------------------------------- names */

static void a_file_that_is_there_is_kept(void **state) {
    (void)state;
    const char *names[] = { "talk 1.5.txt", "talk 1.5 (2).txt", "talk 1.5 (3).txt" };
    for (int i = 0; i < 3; i++) {
        caption_file *f = open_file("talk 1.5.txt", FORMAT_TEXT);
        add(f, names[i], 0, 0);
        g_autofree char *expected = in_folder(names[i]), *line = g_strdup_printf("%s\n", names[i]);
        await_file(names[i], line);
        g_autofree char *path = caption_file_path(f);
        assert_string_equal(path, expected);
        caption_file_close(&f, 1);
    }
    assert_file(names[0], "talk 1.5.txt\n");
}

static void folders_are_made(void **state) {
    (void)state;
    caption_file *f = open_file("new.d/deep/captions", FORMAT_TEXT);
    add(f, "a", 0, 0);
    await_file("new.d/deep/captions", "a\n");
    caption_file_close(&f, 1);
    f = open_file("new.d/deep/captions", FORMAT_TEXT);
    add(f, "b", 0, 0);
    await_file("new.d/deep/captions (2)", "b\n");
    caption_file_close(&f, 1);
}

/* ------------------------------------------------------- what cannot be written */

static void a_way_that_is_barred_is_told_and_tried_again(void **state) {
    (void)state;
    g_autofree char *barrier = in_folder("barred");
    assert_true(g_file_set_contents(barrier, "", -1, NULL));
    caption_file *f = open_file("barred/a.srt", FORMAT_SRT);
    add(f, "one", 0, 0);
    add(f, "two", 1, 0);
    g_autofree char *error = await_error(f, TRUE);
    assert_non_null(strstr(error, "barred/a.srt"));
    assert_non_null(strstr(error, "Choose another folder."));
    g_remove(barrier);
    add(f, "three", 2, 0);
    await_file("barred/a.srt", "1\n00:00:00,000 --> 00:00:01,000\none\n\n"
                               "2\n00:00:01,000 --> 00:00:02,000\ntwo\n\n");
    await_error(f, FALSE);
    caption_file_close(&f, 3);
}

/* Nobody's: to root all is allowed. */
enum { NOBODY = 65534, NOT_HERE = 77 };

static void write_without_leave(void) {
    g_autofree char *closed = in_folder("closed");
    assert_int_equal(g_mkdir(closed, 0500), 0);
    if (!geteuid() && (g_chmod(folder, 0755) || chown(closed, NOBODY, NOBODY) || setuid(NOBODY)))
        _exit(NOT_HERE);
    caption_file *f = open_file("closed/a.txt", FORMAT_TEXT);
    g_autofree char *error = await_error(f, TRUE);
    assert_non_null(strstr(error, "closed/a.txt"));
    assert_non_null(strstr(error, "Choose a folder that you may write to."));
    assert_int_equal(g_chmod(closed, 0700), 0);
    add(f, "one", 0, 0);
    await_file("closed/a.txt", "one\n");
    caption_file_close(&f, 1);
}

static void a_folder_without_leave_is_told(void **state) {
    (void)state;
    int status = in_child(write_without_leave);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) skip();
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void closing_what_was_never_made_is_fine(void **state) {
    (void)state;
    g_autofree char *barrier = in_folder("never");
    assert_true(g_file_set_contents(barrier, "", -1, NULL));
    caption_file *f = open_file("never/a.vtt", FORMAT_VTT);
    add(f, "one", 0, 0);
    caption_file_close(&f, 1);
    assert_null(f);
}

static void fill_the_disk(void) {
    const char first[] = "1\n00:00:00,000 --> 00:00:01,000\none\n\n";
    const char second[] = "2\n00:00:01,000 --> 00:00:02,000\nA caption of some length.\n\n";
    struct rlimit most;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &most);
    most.rlim_cur = sizeof first + 10; /* within the second cue */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);

    caption_file *f = open_file("full.srt", FORMAT_SRT);
    add(f, "one", 0, 0);
    add(f, "A caption of some length.", 1, 0);
    await_file("full.srt", first);
    add(f, "three", 2, 0);
    g_autofree char *error = await_error(f, TRUE);
    assert_non_null(strstr(error, "full.srt"));
    assert_non_null(strstr(error, "Free some space"));
    await_file("full.srt", first); /* the part that found room was taken back */

    most.rlim_cur = most.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);
    add(f, "four", 3, 0);
    g_autofree char *all =
        g_strconcat(first, second, "3\n00:00:02,000 --> 00:00:03,000\nthree\n\n", NULL);
    await_file("full.srt", all);
    await_error(f, FALSE);
    caption_file_close(&f, 3);
}

/* In a process of its own: the limit is of all files of a process. */
static void a_full_disk_is_told_and_the_file_stays_whole(void **state) {
    (void)state;
    int status = in_child(fill_the_disk);
    assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* These fork, before there is a thread. */
        cmocka_unit_test(a_crash_leaves_a_whole_file),
        cmocka_unit_test(a_full_disk_is_told_and_the_file_stays_whole),
        cmocka_unit_test(a_folder_without_leave_is_told),
        cmocka_unit_test(srt_has_numbered_cues),
        cmocka_unit_test(vtt_has_a_header_and_cues),
        cmocka_unit_test(text_has_a_caption_a_line),
        cmocka_unit_test(json_has_times_and_boxes),
        cmocka_unit_test(formats_have_suffixes),
        cmocka_unit_test(srt_text_cannot_break_out),
        cmocka_unit_test(vtt_text_cannot_break_out),
        cmocka_unit_test(plain_text_stays_on_its_line),
        cmocka_unit_test(times_do_not_fall),
        cmocka_unit_test(captions_end_when_they_may),
        cmocka_unit_test(what_is_no_news_holds_longer),
        cmocka_unit_test(files_are_whole_after_each_caption),
        cmocka_unit_test(readers_see_whole_cues_at_any_moment),
        cmocka_unit_test(files_share_a_thread_and_need_no_order),
        cmocka_unit_test(a_file_that_is_there_is_kept),
        cmocka_unit_test(folders_are_made),
        cmocka_unit_test(a_way_that_is_barred_is_told_and_tried_again),
        cmocka_unit_test(closing_what_was_never_made_is_fine),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
