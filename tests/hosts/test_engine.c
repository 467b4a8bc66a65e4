/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine with the built-in model: it says what the library says, looks once at a
 * picture, ends when it is told to, and keeps its promises about what goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "config_home.h"
#include "engine.h"
#include "settings.h"
#include "trial.h"

/* Sanitizers make everything slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif
enum { STOP_MS = 300 * SLOWER };

static char *root, *model;

static espy_image *load(const char *name) {
    espy_image *image;
    espy_error err = { 0 };
    g_autofree char *path = g_build_filename(root, name, NULL);
    if (espy_image_load(&image, path, ESPY_ALPHA_WHITE, &err)) fail_msg("%s", err.message);
    return image;
}

static double now_ms(void) {
    return (double)g_get_monotonic_time() / 1e3;
}

/* ------------------------------------------------------------------ watching */

/* What came of one question. */
typedef struct watch {
    GString *phases; /* each once, in the order they came: "loading looking " */
    GString *text;
    int n_events, n_texts, n_shapes, n_done;
    espy_status status;
    char *message, *answer;
    double box[4]; /* of the first shape */
    char *label;
    int n_answer_shapes, n_tokens, cut, n_cached_images;
    /* What to do within the events. */
    engine **e;
    const char *free_at, *stop_at; /* "text", "done", a phase */
    double stopped_ms;             /* when that was done */
} watch;

static void act(watch *w, const char *where) {
    w->n_events++;
    if (w->free_at && !strcmp(w->free_at, where)) {
        engine_free(*w->e);
        *w->e = NULL;
    }
    if (w->stop_at && !strcmp(w->stop_at, where) && !w->stopped_ms) {
        w->stopped_ms = now_ms();
        engine_stop(*w->e);
    }
}

static void on_progress(void *user, const char *phase, double fraction) {
    watch *w = user;
    g_autofree char *word = g_strdup_printf("%s ", phase);
    assert_int_equal(w->n_done, 0);
    assert_true(fraction <= 1);
    if (!g_str_has_suffix(w->phases->str, word)) {
        assert_null(strstr(w->phases->str, word)); /* never goes back */
        g_string_append(w->phases, word);
    }
    act(w, phase);
}

static void on_text(void *user, const char *piece, double tokens_per_s) {
    watch *w = user;
    assert_int_equal(w->n_done, 0);
    assert_true(*piece && tokens_per_s >= 0);
    g_string_append(w->text, piece);
    w->n_texts++;
    act(w, "text");
}

static void on_shape(void *user, const espy_shape *shape) {
    watch *w = user;
    assert_int_equal(w->n_done, 0);
    if (shape && w->n_shapes++ == 0) {
        memcpy(w->box, shape->xy, sizeof w->box);
        w->label = g_strdup(shape->label);
    }
    act(w, "shape");
}

static void on_done(void *user, const engine_answer *a) {
    watch *w = user;
    w->n_done++;
    w->status = a->status;
    w->message = g_strdup(a->message);
    w->answer = g_strdup(a->text);
    w->n_answer_shapes = a->n_shapes;
    w->n_tokens = a->n_tokens;
    w->cut = a->cut;
    w->n_cached_images = a->n_cached_images;
    assert_true((a->message != NULL) == (a->status != ESPY_OK));
    assert_non_null(a->text);
    act(w, "done");
}

static const engine_events events = { on_progress, on_text, on_shape, on_done };

static void watch_begin(watch *w) {
    *w = (watch){ .phases = g_string_new(NULL), .text = g_string_new(NULL) };
}

static void watch_end(watch *w) {
    g_string_free(w->phases, TRUE);
    g_string_free(w->text, TRUE);
    g_free(w->message);
    g_free(w->answer);
    g_free(w->label);
}

static void wait_done(const watch *w) {
    double from = now_ms();
    while (!w->n_done && now_ms() - from < 60000) g_main_context_iteration(NULL, TRUE);
    assert_int_equal(w->n_done, 1);
}

/* Asks and waits for the end. */
static void ask(engine *e, watch *w, const engine_question *q) {
    watch_begin(w);
    assert_false(engine_is_busy(e));
    engine_ask(e, q, &events, w);
    assert_true(engine_is_busy(e));
    wait_done(w);
    assert_false(engine_is_busy(e));
}

static void assert_ok(const watch *w) {
    if (w->status) fail_msg("%s", w->message);
}

static engine *open_engine(void) {
    return engine_new(&(engine_settings){ .model = model });
}

/* Lets what is under way come in. */
static void run_loop(double ms) {
    double until = now_ms() + ms;
    while (now_ms() < until)
        if (!g_main_context_iteration(NULL, FALSE)) g_usleep(500);
}

/* ------------------------------------------------------- the library's answers */

/* What espy_generate says in a fresh context: about a picture, or then, if then_ask,
 * to a question after that. */
static char *library_answer(const char *picture, const char *task, const char *then_ask) {
    espy_model *m;
    espy_context *c;
    espy_error err = { 0 };
    espy_image *image = load(picture);
    espy_task_request first, second;
    espy_result result, reply;
    espy_reading reading;
    assert_int_equal(espy_model_open(&m, model, NULL, &err), ESPY_OK);
    assert_int_equal(espy_context_open(&c, m, NULL, &err), ESPY_OK);
    assert_int_equal(espy_task_prepare(&first, m, espy_task_find(task), NULL, NULL, &err), 0);
    espy_part parts[] = {
        { .type = ESPY_PART_IMAGE, .images = (const espy_image *const *)&image, .n_images = 1 },
        { .text = first.prompt },
        { 0 },
        { 0 }
    };
    espy_message messages[] = { { "user", parts, 2 },
                                { "assistant", parts + 2, 1 },
                                { "user", parts + 3, 1 } };
    espy_request r = { .messages = messages,
                       .n_messages = 1,
                       .max_tokens = first.max_tokens,
                       .sampling = &first.sampling,
                       .min_pixels = first.min_pixels,
                       .max_pixels = first.max_pixels };
    assert_int_equal(espy_generate(c, &r, &result, &err), ESPY_OK);
    assert_int_equal(espy_task_read(&first, result.text, &reading, &err), ESPY_OK);
    char *text = g_strdup(reading.text);
    espy_reading_clear(&reading);
    if (then_ask) {
        const espy_task *question = espy_task_find("question");
        assert_int_equal(espy_task_prepare(&second, m, question, then_ask, NULL, &err), 0);
        parts[2].text = result.text;
        parts[3].text = second.prompt;
        r.n_messages = 3;
        r.max_tokens = second.max_tokens;
        r.sampling = &second.sampling;
        assert_int_equal(espy_generate(c, &r, &reply, &err), ESPY_OK);
        g_free(text);
        text = g_strdup(reply.text);
        espy_result_clear(&reply);
        espy_task_request_clear(&second);
    }
    espy_result_clear(&result);
    espy_task_request_clear(&first);
    espy_context_close(&c);
    espy_model_close(&m);
    espy_image_close(&image);
    return text;
}

/* ---------------------------------------------------------------------- tests */

static void says_what_the_library_says(void **state) {
    (void)state;
    static const char *const tasks[] = { "caption", "alt", "detailed", "tags", "text" };
    engine *e = open_engine();
    for (size_t i = 0; i < G_N_ELEMENTS(tasks); i++) {
        watch w;
        ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = tasks[i] });
        g_autofree char *expected = library_answer("core/nano/example.png", tasks[i], NULL);
        assert_ok(&w);
        assert_string_equal(w.answer, expected);
        assert_true(w.n_tokens > 0 && w.text->len > 0 && !w.cut);
        if (!strcmp(tasks[i], "caption")) { /* and it is true */
            assert_non_null(strstr(w.answer, "cactus"));
            assert_non_null(strstr(w.answer, "yellow diamond"));
            assert_string_equal(w.phases->str, "loading looking reading writing ");
            assert_int_equal(w.n_cached_images, 0);
        }
        watch_end(&w);
    }
    engine_free(e);
}

static void answers_in_other_languages(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    ask(e, &w,
        &(engine_question){ .image = load("tests/data/nano/000000.jpg"),
                            .task = "caption",
                            .language = "de_DE.UTF-8" });
    assert_ok(&w);
    assert_non_null(strstr(w.answer, "Haus"));
    watch_end(&w);
    engine_free(e);
}

static void a_follow_up_needs_no_second_look(void **state) {
    (void)state;
    static const char question[] = "Is there a green circle in this image?";
    watch w;
    engine *e = open_engine();
    ask(e, &w,
        &(engine_question){ .image = load("tests/data/nano/000000.jpg"), .task = "caption" });
    assert_ok(&w);
    assert_non_null(strstr(w.phases->str, "looking"));
    assert_non_null(strstr(w.answer, "hexagon"));
    watch_end(&w);
    ask(e, &w, &(engine_question){ .argument = question });
    g_autofree char *expected = library_answer("tests/data/nano/000000.jpg", "caption", question);
    assert_ok(&w);
    assert_string_equal(w.answer, expected);
    assert_null(strstr(w.phases->str, "looking"));
    assert_null(strstr(w.phases->str, "loading"));
    assert_int_equal(w.n_cached_images, 1);
    watch_end(&w);
    engine_free(e);
}

/* Another task on the same pixels, after another picture. */
static void a_picture_seen_before_costs_no_look(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    for (int i = 0; i < 3; i++) {
        ask(e, &w,
            &(engine_question){
                .image = load(i == 1 ? "tests/data/nano/000001.jpg" : "tests/data/nano/000000.jpg"),
                .task = i == 2 ? "tags" : "caption" });
        assert_ok(&w);
        assert_int_equal(w.n_cached_images, i == 2);
        watch_end(&w);
    }
    engine_free(e);
}

static double iou(const double a[4], const double b[4]) {
    double w = MIN(a[2], b[2]) - MAX(a[0], b[0]), h = MIN(a[3], b[3]) - MAX(a[1], b[1]);
    double both = w > 0 && h > 0 ? w * h : 0;
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

static void finds_things_while_it_writes(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    espy_image *image = load("tests/data/nano/000000.jpg");
    const double width = espy_image_width(image), height = espy_image_height(image);
    /* scenes.jsonl: bbox_2d 780 256 987 701 per mille */
    const double truth[4] = { .780 * width, .256 * height, .987 * width, .701 * height };
    ask(e, &w, &(engine_question){ .image = image, .task = "find", .argument = "green diamond" });
    assert_ok(&w);
    assert_int_equal(w.n_shapes, 1);
    assert_int_equal(w.n_answer_shapes, 1);
    assert_string_equal(w.label, "green diamond");
    assert_true(iou(w.box, truth) >= 0.5);
    watch_end(&w);
    engine_free(e);
}

/* ----------------------------------------------------------------------- ends */

static void a_stop_takes_hold_at_once(void **state) {
    (void)state;
    static const char *const at[] = { "loading", "looking", "reading", "writing", "text" };
    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        watch w;
        engine *e = open_engine();
        watch_begin(&w);
        w.e = &e;
        w.stop_at = at[i];
        engine_ask(e,
                   &(engine_question){ .image = load("core/nano/example.png"), .task = "detailed" },
                   &events, &w);
        wait_done(&w);
        assert_true(w.stopped_ms > 0 && now_ms() - w.stopped_ms < STOP_MS);
        /* A quick machine may have finished before. */
        if (w.status) assert_int_equal(w.status, ESPY_ERR_STOPPED);
        watch_end(&w);
        engine_free(e);
    }
    assert_null(settings_failure(NULL));
    assert_int_equal(config_home_count("gimp-loading."), 0);
}

static void a_stop_before_the_beginning(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    engine_stop(e); /* nothing to stop */
    watch_begin(&w);
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" },
               &events, &w);
    engine_stop(e);
    double from = now_ms();
    wait_done(&w);
    assert_int_equal(w.status, ESPY_ERR_STOPPED);
    assert_true(now_ms() - from < STOP_MS);
    watch_end(&w);
    /* Its picture is still what is talked about. */
    ask(e, &w, &(engine_question){ .task = "caption" });
    assert_ok(&w);
    assert_non_null(strstr(w.answer, "cactus"));
    watch_end(&w);
    engine_free(e);
}

static void a_new_question_ends_the_one_before(void **state) {
    (void)state;
    watch first, second, third;
    engine *e = open_engine();
    watch_begin(&first);
    watch_begin(&second);
    watch_begin(&third);
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "detailed" },
               &events, &first);
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "tags" },
               &events, &second);
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" },
               &events, &third);
    while (!third.n_events) {
        g_main_context_iteration(NULL, TRUE);
        if (third.n_events) assert_true(first.n_done && second.n_done);
    }
    wait_done(&third);
    assert_int_equal(first.status, ESPY_ERR_STOPPED);
    assert_int_equal(second.status, ESPY_ERR_STOPPED);
    assert_ok(&third);
    assert_non_null(strstr(third.answer, "cactus"));
    watch_end(&first);
    watch_end(&second);
    watch_end(&third);
    engine_free(e);
}

/* At any moment, quickly, and without an event afterwards. */
static void freed_while_busy(void **state) {
    (void)state;
    watch w;
    GRand *random = g_rand_new_with_seed(1);
    engine *e = open_engine();
    double from = now_ms(), worst = 0;
    int n_late = 0;
    ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = "detailed" });
    double all_ms = now_ms() - from;
    watch_end(&w);
    engine_free(e);
    for (int i = 0; i < 50; i++) {
        watch_begin(&w);
        e = open_engine();
        engine_ask(e,
                   &(engine_question){ .image = load("core/nano/example.png"), .task = "detailed" },
                   &events, &w);
        run_loop(g_rand_double_range(random, 0, all_ms));
        from = now_ms();
        engine_free(e);
        worst = MAX(worst, now_ms() - from);
        n_late += now_ms() - from > STOP_MS;
        int n_events = w.n_events;
        run_loop(5);
        assert_int_equal(w.n_events, n_events);
        watch_end(&w);
    }
    g_rand_free(random);
    print_message("an answer takes %.0f ms, ending one at most %.0f ms\n", all_ms, worst);
    assert_true(n_late <= 1); /* on a machine that does other things, too */
    assert_int_equal(config_home_count("gimp-loading."), 0);
}

static void freed_within_its_events(void **state) {
    (void)state;
    static const char *const at[] = { "loading", "looking", "text", "shape", "done" };
    for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
        watch w;
        engine *e = open_engine();
        watch_begin(&w);
        w.e = &e;
        w.free_at = at[i];
        engine_ask(e,
                   &(engine_question){ .image = load("tests/data/nano/000000.jpg"),
                                       .task = "find",
                                       .argument = "green diamond" },
                   &events, &w);
        double from = now_ms();
        while (e && now_ms() - from < 60000) g_main_context_iteration(NULL, TRUE);
        assert_null(e);
        int n_events = w.n_events;
        run_loop(20);
        assert_int_equal(w.n_events, n_events);
        watch_end(&w);
    }
    engine_free(NULL);
}

/* ----------------------------------------------------------------- the model */

static void unloads_when_nobody_asks(void **state) {
    (void)state;
    watch w;
    espy_model_info info;
    engine *e = engine_new(&(engine_settings){ .model = model, .idle_s = 1 });
    assert_false(engine_get_info(e, &info));
    ask(e, &w, &(engine_question){ .image = load("tests/data/nano/000000.jpg"), .task = "alt" });
    assert_ok(&w);
    assert_true(engine_get_info(e, &info));
    assert_true(info.built_in);
    assert_string_equal(info.name, "espy-nano");
    watch_end(&w);
    double from = now_ms();
    espy_model_info later;
    while (engine_get_info(e, &later) && now_ms() - from < 20000) run_loop(20);
    assert_false(engine_get_info(e, &later));
    assert_true(now_ms() - from > 900);
    assert_string_equal(info.name, "espy-nano"); /* its strings stay */
    /* The conversation goes on. */
    static const char question[] = "What color is the hexagon?";
    g_autofree char *expected = library_answer("tests/data/nano/000000.jpg", "alt", question);
    ask(e, &w, &(engine_question){ .argument = question });
    assert_ok(&w);
    assert_non_null(strstr(w.phases->str, "loading"));
    assert_string_equal(w.answer, expected);
    watch_end(&w);
    engine_free(e);
}

static void memory_has_a_limit(void **state) {
    (void)state;
    watch w;
    engine *e = engine_new(&(engine_settings){ .model = model, .memory_limit_bytes = 1 << 20 });
    engine_question q = { .image = load("core/nano/example.png"), .task = "caption" };
    ask(e, &w, &q);
    assert_int_equal(w.status, ESPY_ERR_MEMORY);
    assert_non_null(strstr(w.message, "espy-nano"));
    assert_non_null(strstr(w.message, "1.0\xc2\xa0MiB"));
    assert_non_null(strstr(w.message, "Raise"));
    watch_end(&w);
    assert_null(settings_failure(NULL)); /* it can be tried again */
    engine_set(e, &(engine_settings){ .model = model, .memory_limit_bytes = 1 << 30 });
    ask(e, &w, &(engine_question){ .task = "caption" });
    assert_ok(&w);
    assert_non_null(strstr(w.answer, "cactus"));
    watch_end(&w);
    engine_free(e);
}

static void assert_cannot_load(const char *path, espy_status status, const char *part) {
    watch w;
    espy_model_info info;
    g_autofree char *failed = NULL;
    engine *e = engine_new(&(engine_settings){ .model = path });
    ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" });
    assert_int_equal(w.status, status);
    assert_non_null(strstr(w.message, part));
    assert_false(engine_get_info(e, &info));
    g_autofree char *reason = settings_failure(&failed);
    assert_non_null(reason); /* remembered for the next start ... */
    assert_string_equal(failed, path);
    watch_end(&w);
    engine_set(e, &(engine_settings){ .model = model });
    ask(e, &w, &(engine_question){ .task = "caption" });
    assert_ok(&w);
    assert_null(settings_failure(NULL)); /* ... or until a model works */
    watch_end(&w);
    engine_free(e);
}

static espy_image *small_picture(void) {
    enum { SIDE = 64 };
    static const uint8_t pixels[SIDE * SIDE * 3];
    espy_image *image;
    assert_int_equal(espy_image_from_pixels(&image, pixels, SIDE, SIDE, (ptrdiff_t)SIDE * 3, 3,
                                            ESPY_ALPHA_WHITE, NULL),
                     ESPY_OK);
    return image;
}

/* What is enough for a small picture, to the KiB, is not enough for a larger one that comes
 * later. */
static void later_pictures_meet_the_limit(void **state) {
    (void)state;
    enum { STEP = 1024 };
    watch w;
    engine *e = open_engine();
    gint64 refused = 1 << 20, enough = 1 << 30;
    while (enough - refused > STEP) {
        gint64 limit = (enough + refused) / 2;
        engine_set(e, &(engine_settings){ .model = model, .memory_limit_bytes = limit });
        ask(e, &w, &(engine_question){ .image = small_picture(), .task = "caption" });
        *(w.status ? &refused : &enough) = limit;
        watch_end(&w);
    }
    engine_set(e, &(engine_settings){ .model = model, .memory_limit_bytes = enough });
    ask(e, &w, &(engine_question){ .image = small_picture(), .task = "caption" });
    assert_ok(&w);
    watch_end(&w);
    ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" });
    assert_int_equal(w.status, ESPY_ERR_MEMORY);
    watch_end(&w);
    ask(e, &w, &(engine_question){ .image = small_picture(), .task = "caption" });
    assert_ok(&w); /* it goes on with what fits */
    watch_end(&w);
    engine_free(e);
}

static void models_that_are_none(void **state) {
    (void)state;
    g_autofree char *text = g_build_filename(root, "README.md", NULL);
    g_autofree char *broken = g_strdup(config_home_path("broken.gguf"));
    g_autofree char *bytes = NULL;
    assert_true(g_file_get_contents(model, &bytes, NULL, NULL));
    assert_true(g_file_set_contents(broken, bytes, 100000, NULL));
    assert_cannot_load("/nowhere/model.gguf", ESPY_ERR_IO, "/nowhere/model.gguf");
    assert_cannot_load("no-such-model", ESPY_ERR_MISSING, "no-such-model");
    assert_cannot_load(text, ESPY_ERR_UNSUPPORTED, "README.md");
    assert_cannot_load(broken, ESPY_ERR_FORMAT, "broken.gguf");
}

/* A crash in a later question is not one of loading. */
static void noted_down_until_it_has_worked(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" });
    assert_ok(&w);
    watch_end(&w);
    trial_end("gimp", "another", ESPY_ERR_FORMAT,
              "of another process"); /* goes with the next note */
    ask(e, &w, &(engine_question){ .task = "caption" });
    assert_ok(&w);
    watch_end(&w);
    g_autofree char *reason = settings_failure(NULL);
    assert_non_null(reason);
    settings_forget_failure();
    engine_free(e);
}

static void sentences_are_utf8(void **state) {
    (void)state;
    watch w;
    engine *e = engine_new(&(engine_settings){ .model = "/nowhere/\xff.gguf" });
    ask(e, &w, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" });
    assert_int_equal(w.status, ESPY_ERR_IO);
    assert_true(g_utf8_validate(w.message, -1, NULL));
    watch_end(&w);
    settings_forget_failure();
    engine_free(e);
}

static void questions_that_are_none(void **state) {
    (void)state;
    watch w;
    engine *e = open_engine();
    const engine_question bad[] = { { .task = "caption" }, /* of no picture */
                                    { .task = "dance", .image = load("core/nano/example.png") },
                                    { .task = "find" }, /* for what? */
                                    { .task = "question" } };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        ask(e, &w, &bad[i]);
        assert_int_equal(w.status, ESPY_ERR_ARGUMENT);
        assert_true(strlen(w.message) > 10);
        assert_string_equal(w.answer, "");
        watch_end(&w);
    }
    engine_free(e);
}

static void events_may_be_missing(void **state) {
    (void)state;
    engine *e = open_engine();
    static const engine_events none;
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "caption" },
               &none, NULL);
    double from = now_ms();
    while (engine_is_busy(e) && now_ms() - from < 60000) g_main_context_iteration(NULL, TRUE);
    assert_false(engine_is_busy(e));
    engine_free(e);
}

/* Dialogs in threads of their own loops, and the interface that is never flooded. */
static void events_come_to_the_context_of_the_maker(void **state) {
    (void)state;
    watch w;
    GMainContext *own = g_main_context_new();
    g_main_context_push_thread_default(own);
    engine *e = open_engine();
    g_main_context_pop_thread_default(own);
    watch_begin(&w);
    double from = now_ms();
    engine_ask(e, &(engine_question){ .image = load("core/nano/example.png"), .task = "detailed" },
               &events, &w);
    run_loop(50);
    assert_int_equal(w.n_events, 0);
    while (!w.n_done && now_ms() - from < 60000) g_main_context_iteration(own, TRUE);
    assert_ok(&w);
    assert_true(w.n_texts <= (now_ms() - from) / 33 + 2);
    watch_end(&w);
    engine_free(e);
    g_main_context_unref(own);
}

int main(void) {
    const char *source_root = g_getenv("ESPY_SOURCE_ROOT");
    root = g_strdup(source_root ? source_root : ".");
    model = g_build_filename(root, "core/nano/espy-nano.gguf", NULL);
    config_home_open();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_library_says),
        cmocka_unit_test(answers_in_other_languages),
        cmocka_unit_test(a_follow_up_needs_no_second_look),
        cmocka_unit_test(a_picture_seen_before_costs_no_look),
        cmocka_unit_test(finds_things_while_it_writes),
        cmocka_unit_test(a_stop_takes_hold_at_once),
        cmocka_unit_test(a_stop_before_the_beginning),
        cmocka_unit_test(a_new_question_ends_the_one_before),
        cmocka_unit_test(freed_while_busy),
        cmocka_unit_test(freed_within_its_events),
        cmocka_unit_test(unloads_when_nobody_asks),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(later_pictures_meet_the_limit),
        cmocka_unit_test(models_that_are_none),
        cmocka_unit_test(noted_down_until_it_has_worked),
        cmocka_unit_test(sentences_are_utf8),
        cmocka_unit_test(questions_that_are_none),
        cmocka_unit_test(events_may_be_missing),
        cmocka_unit_test(events_come_to_the_context_of_the_maker),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_home_close();
    g_free(root);
    g_free(model);
    return failed;
}
