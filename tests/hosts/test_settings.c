/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the user chose comes back, from any file; a load that ended with its process is
 * told of at the next start, one that goes on is not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "config_home.h"
#include "repeat.h"
#include "settings.h"
#include "trial.h"

static int begin(void **state) {
    (void)state;
    for (const char *const *f =
             (const char *const[]){ "gimp.ini", "gimp-failure.ini", "obs-failure.ini", NULL };
         *f; f++)
        g_remove(config_home_path(*f));
    return 0;
}

static void write_ini(const char *text) {
    g_mkdir_with_parents(config_home_path(NULL), 0700);
    assert_true(g_file_set_contents(config_home_path("gimp.ini"), text, -1, NULL));
}

static char *read_ini(void) {
    char *text = NULL;
    assert_true(g_file_get_contents(config_home_path("gimp.ini"), &text, NULL, NULL));
    return text;
}

static void assert_defaults(const settings *s) {
    assert_null(s->model);
    assert_int_equal(s->n_threads, 0);
    assert_int_equal(s->memory_limit_mb, 0);
    assert_string_equal(s->preset, "caption");
    assert_null(s->language);
    assert_string_equal(s->source, "visible");
    assert_null(s->question);
    assert_null(s->find);
    assert_null(s->keep);
    assert_null(s->kept_preset);
    assert_null(s->into);
}

/* ---------------------------------------------------------------- settings */

static void without_a_file_there_are_defaults(void **state) {
    (void)state;
    settings *s = settings_load();
    assert_defaults(s);
    settings_free(s);
    settings_free(NULL);
}

static void all_comes_back(void **state) {
    (void)state;
    settings s = { .model = (char *)"/models/with blank/ü.gguf",
                   .n_threads = 3,
                   .memory_limit_mb = 12000,
                   .preset = (char *)"detailed",
                   .language = (char *)"de",
                   .source = (char *)"selection",
                   .question = (char *)"What is it?\nAnd \"where\"; = [x] \\ #",
                   .find = (char *)"  the red car, ein Käfer",
                   .keep = (char *)"text-layer",
                   .kept_preset = (char *)"alt",
                   .into = (char *)"guides" };
    assert_true(settings_save(&s, NULL));
    settings *t = settings_load();
    assert_string_equal(t->model, s.model);
    assert_int_equal(t->n_threads, 3);
    assert_int_equal(t->memory_limit_mb, 12000);
    assert_string_equal(t->preset, s.preset);
    assert_string_equal(t->language, s.language);
    assert_string_equal(t->source, s.source);
    assert_string_equal(t->question, s.question);
    assert_string_equal(t->find, s.find);
    assert_string_equal(t->keep, s.keep);
    assert_string_equal(t->kept_preset, s.kept_preset);
    assert_string_equal(t->into, s.into);
    settings_free(t);
}

static void a_path_need_not_be_utf8(void **state) {
    (void)state;
    settings s = { .model = (char *)"/models/\xff\xfe.gguf",
                   .preset = (char *)"caption",
                   .source = (char *)"visible" };
    assert_true(settings_save(&s, NULL));
    settings *t = settings_load();
    assert_string_equal(t->model, s.model);
    settings_free(t);
}

static void a_broken_file_is_none(void **state) {
    (void)state;
    static const char *const broken[] = { "",
                                          "[",
                                          "preset=alt",
                                          "[gimp]\npreset=alt\n!!\n",
                                          "[gimp]\npreset=\xff\xfe\nmodel=\xc3\n",
                                          "[gimp]\nthreads=many\nmemory-limit-mb=-5\n",
                                          "[gimp]\npreset=dance\nsource=everything\n",
                                          "[gimp]\nkeep=fax\nkept-preset=poem\ninto=a hat\n" };
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        write_ini(broken[i]);
        settings *s = settings_load();
        assert_defaults(s);
        assert_true(settings_save(s, NULL)); /* and is whole afterwards */
        settings_free(s);
        s = settings_load();
        assert_defaults(s);
        settings_free(s);
    }
}

static void numbers_stay_in_range(void **state) {
    (void)state;
    write_ini("[gimp]\nthreads=99999999\nmemory-limit-mb=2147483647\n");
    settings *s = settings_load();
    assert_int_equal(s->n_threads, 1024);
    assert_int_equal(s->memory_limit_mb, 1 << 30);
    settings_free(s);
}

static void other_keys_stay(void **state) {
    (void)state;
    write_ini("# mine\n[gimp]\nwidth=700\npreset=tags\n[other]\nx=1\n");
    settings *s = settings_load();
    assert_string_equal(s->preset, "tags");
    assert_true(settings_save(s, NULL));
    settings_free(s);
    g_autofree char *text = read_ini();
    assert_non_null(strstr(text, "# mine"));
    assert_non_null(strstr(text, "width=700"));
    assert_non_null(strstr(text, "[other]\nx=1"));
}

static void a_folder_in_the_way_is_told(void **state) {
    (void)state;
    GError *error = NULL;
    settings *s = settings_load();
    g_mkdir_with_parents(config_home_path("gimp.ini/inside"), 0700);
    assert_false(settings_save(s, &error));
    assert_non_null(error);
    assert_true(strlen(error->message) > 10);
    g_clear_error(&error);
    g_rmdir(config_home_path("gimp.ini/inside"));
    g_rmdir(config_home_path("gimp.ini"));
    settings_free(s);
}

/* ------------------------------------------------------------------ repeating */

static const procedure_argument TEXT_ARGUMENTS[] = {
    { .name = "preset", .text = "caption" }, { .name = "question", .text = "" },
    { .name = "language", .text = "" },      { .name = "keep", .text = "none" },
    { .name = "model", .text = "" },         { .name = "threads", .is_number = TRUE },
};
static const procedure_argument FIND_ARGUMENTS[] = {
    { .name = "what", .text = "" },
    { .name = "source", .text = "visible" },
    { .name = "as", .text = "selection-new" },
};
static const procedure TEXT_PROCEDURE = { .arguments = TEXT_ARGUMENTS,
                                          .n_arguments = G_N_ELEMENTS(TEXT_ARGUMENTS) };
static const procedure FIND_PROCEDURE = { .arguments = FIND_ARGUMENTS,
                                          .n_arguments = G_N_ELEMENTS(FIND_ARGUMENTS) };

static void a_text_is_repeated_as_it_was_kept(void **state) {
    (void)state;
    procedure_value a[PROCEDURE_MOST_ARGUMENTS];
    settings s = { .preset = (char *)"tags", .source = (char *)"layer" };
    assert_false(repeat_arguments(&TEXT_PROCEDURE, &s, a)); /* asked, but nothing kept */
    s.keep = (char *)"comment";
    assert_false(repeat_arguments(&TEXT_PROCEDURE, &s, a));
    s.kept_preset = (char *)"detailed";
    assert_true(repeat_arguments(&TEXT_PROCEDURE, &s, a));
    static const char *const wanted[] = { "detailed", "", "", "comment", "" };
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) assert_string_equal(a[i].text, wanted[i]);
    assert_int_equal(a[5].number, 0);
    s.kept_preset = (char *)"question"; /* which has been lost */
    assert_false(repeat_arguments(&TEXT_PROCEDURE, &s, a));
    s.question = (char *)"Who?";
    s.language = (char *)"German";
    assert_true(repeat_arguments(&TEXT_PROCEDURE, &s, a));
    assert_string_equal(a[0].text, "question");
    assert_string_equal(a[1].text, "Who?");
    assert_string_equal(a[2].text, "German");
}

static void finds_are_repeated_as_they_were_kept(void **state) {
    (void)state;
    procedure_value a[PROCEDURE_MOST_ARGUMENTS];
    settings s = { .source = (char *)"selection", .find = (char *)"cup" };
    assert_false(repeat_arguments(&FIND_PROCEDURE, &s, a));
    s.into = (char *)"paths";
    assert_true(repeat_arguments(&FIND_PROCEDURE, &s, a));
    static const char *const wanted[] = { "cup", "selection", "paths" };
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) assert_string_equal(a[i].text, wanted[i]);
    s.find = NULL;
    assert_false(repeat_arguments(&FIND_PROCEDURE, &s, a));
}

/* ------------------------------------------------------------------- loading */

/* Runs until it is killed, with a note that it loads a model. */
static pid_t start_loading(const char *model) {
    int pipes[2];
    char c;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        trial_begin("gimp", model);
        if (write(pipes[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(pipes[0], &c, 1), 1);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

static void end(pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void assert_failure(const char *model, const char *part) {
    char *path;
    char *reason = settings_failure(&path);
    assert_non_null(reason);
    assert_non_null(strstr(reason, part));
    if (model)
        assert_string_equal(path, model);
    else
        assert_null(path);
    g_free(reason);
    g_free(path);
}

static void assert_no_failure(void) {
    char *path;
    assert_null(settings_failure(&path));
    assert_null(path);
}

static void a_crash_is_told_and_one_who_loads_is_not(void **state) {
    (void)state;
    assert_no_failure();
    pid_t other = start_loading("/models/slow.gguf"), pid = start_loading("/models/big.gguf");
    assert_no_failure();
    end(pid);
    assert_failure("/models/big.gguf", "memory");
    assert_failure("/models/big.gguf", "memory"); /* until it is forgotten */
    settings_forget_failure();
    assert_no_failure();
    assert_int_equal(config_home_count("gimp-loading."), 1);
    end(other);
    assert_failure("/models/slow.gguf", "memory");
    assert_int_equal(config_home_count("gimp-loading."), 0);
}

static void a_crash_with_the_default_model(void **state) {
    (void)state;
    end(start_loading(NULL));
    assert_failure(NULL, "ended");
}

static void a_good_end_leaves_nothing(void **state) {
    (void)state;
    trial_begin("gimp", "/models/a.gguf");
    assert_int_equal(config_home_count("gimp-loading."), 1);
    assert_no_failure(); /* while this process itself loads */
    trial_end("gimp", NULL, ESPY_OK, NULL);
    assert_int_equal(config_home_count("gimp-loading."), 0);
    assert_no_failure();
}

static void a_stop_keeps_what_went_wrong_before(void **state) {
    (void)state;
    trial_begin("gimp", "/models/a.gguf");
    trial_end("gimp", "/models/a.gguf", ESPY_ERR_FORMAT, "no model at all");
    assert_failure("/models/a.gguf", "no model at all");
    trial_begin("gimp", "/models/b.gguf");
    trial_end("gimp", "/models/b.gguf", ESPY_ERR_STOPPED, NULL);
    assert_int_equal(config_home_count("gimp-loading."), 0);
    assert_failure("/models/a.gguf", "no model at all");
    trial_begin("gimp", "/models/b.gguf");
    trial_end("gimp", NULL, ESPY_OK, NULL);
    assert_no_failure();
}

/* Hosts do not answer for each other. */
static void each_host_has_its_own(void **state) {
    (void)state;
    char *path, *reason;
    end(start_loading("/models/big.gguf"));
    assert_false(trial_failure("obs", &path, &reason));
    assert_true(!path && !reason);
    trial_end("obs", "/models/\xff.gguf", ESPY_ERR_MISSING, "no vocabulary");
    assert_true(trial_failure("obs", &path, &reason));
    assert_string_equal(path, "/models/\xff.gguf");
    assert_string_equal(reason, "no vocabulary");
    g_free(path);
    g_free(reason);
    trial_end("obs", NULL, ESPY_OK, NULL);
    assert_false(trial_failure("obs", NULL, NULL));
    assert_true(trial_failure("gimp", &path, &reason));
    assert_string_equal(path, "/models/big.gguf");
    assert_null(reason); /* the host says the sentence */
    g_free(path);
}

/* A note of a process that has this one's number must not be taken for its own. */
static void an_old_note_of_the_same_number(void **state) {
    (void)state;
    g_autofree char *name = g_strdup_printf("gimp-loading.%ld", (long)getpid());
    assert_true(g_file_set_contents(config_home_path(name), "/models/a long name.gguf", -1, NULL));
    assert_failure("/models/a long name.gguf", "memory");
    assert_true(g_file_set_contents(config_home_path(name), "/models/a long name.gguf", -1, NULL));
    trial_begin("gimp", "/b");
    g_autofree char *text = NULL;
    assert_true(g_file_get_contents(config_home_path(name), &text, NULL, NULL));
    assert_string_equal(text, "/b");
    trial_end("gimp", NULL, ESPY_OK, NULL);
}

int main(void) {
    config_home_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_file_there_are_defaults, begin),
        cmocka_unit_test_setup(all_comes_back, begin),
        cmocka_unit_test_setup(a_path_need_not_be_utf8, begin),
        cmocka_unit_test_setup(a_broken_file_is_none, begin),
        cmocka_unit_test_setup(numbers_stay_in_range, begin),
        cmocka_unit_test_setup(other_keys_stay, begin),
        cmocka_unit_test_setup(a_folder_in_the_way_is_told, begin),
        cmocka_unit_test_setup(a_text_is_repeated_as_it_was_kept, begin),
        cmocka_unit_test_setup(finds_are_repeated_as_they_were_kept, begin),
        cmocka_unit_test_setup(a_crash_is_told_and_one_who_loads_is_not, begin),
        cmocka_unit_test_setup(a_crash_with_the_default_model, begin),
        cmocka_unit_test_setup(a_good_end_leaves_nothing, begin),
        cmocka_unit_test_setup(a_stop_keeps_what_went_wrong_before, begin),
        cmocka_unit_test_setup(each_host_has_its_own, begin),
        cmocka_unit_test_setup(an_old_note_of_the_same_number, begin),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_home_close();
    return failed;
}
