/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions in a text source of OBS, as signal and as event, in a file of no recording; and
 * what a tool asks for through obs-websocket, in whose place there is a notebook here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "outputs_stage.h"
#include "vendor.h"

/* -------------------------------------------------------------------- text sources */

static obs_source_t *make_text(const char *name) {
    return obs_source_create("text_ft2_source_v2", name, NULL, NULL);
}

static char *text_of(obs_source_t *source) {
    obs_data_t *data = obs_source_get_settings(source);
    char *text = g_strdup(obs_data_get_string(data, "text"));
    obs_data_release(data);
    return text;
}

typedef struct wish {
    obs_source_t *source;
    const char *text;
} wish;

static gboolean shows(const void *wished) {
    const wish *w = wished;
    g_autofree char *text = text_of(w->source);
    return !strcmp(text, w->text);
}

static void await_text(obs_source_t *source, const char *text) {
    wish w = { source, text };
    if (outputs_stage_await(shows, &w)) return;
    g_autofree char *shown = text_of(source);
    assert_string_equal(shown, text);
}

static void say(const char *text) {
    outputs_stage_say(text, g_get_monotonic_time());
}

static void say_again(outputs *o, const char *text) {
    caption *c = outputs_stage_caption(text, g_get_monotonic_time());
    c->is_news = FALSE;
    outputs_caption(o, c);
    caption_unref(c);
}

/* Enough for whatever would be done wrongly. */
static void wait_ticks(void) {
    uint32_t n = obs_get_total_frames();
    while (obs_get_total_frames() < n + 5) stage_wait_ms(5);
}

static void a_text_source_shows_captions(void **state) {
    (void)state;
    obs_source_t *words = make_text("Words"), *others = make_text("Other words");
    outputs *o = outputs_stage_renew(&(outputs_settings){ .text_source = "Words" });
    say("A red wall.");
    await_text(words, "A red wall.");
    say("A blue wall.");
    await_text(words, "A blue wall.");
    say_again(o, "a blue wall"); /* is not worth a change */
    wait_ticks();
    await_text(words, "A blue wall.");
    outputs_clear(o);
    await_text(words, "");
    say_again(o, "a blue wall"); /* but now it is */
    await_text(words, "a blue wall");

    outputs_set(o, &(outputs_settings){ .text_source = "Other words" });
    await_text(others, "a blue wall");
    await_text(words, "");
    outputs_set(o, &(outputs_settings){ .text_source = "" });
    await_text(others, "");
    outputs_set(o, &(outputs_settings){ .text_source = "Words" });
    await_text(words, "a blue wall");
    outputs_stage_end(); /* takes it back */
    await_text(words, "");
    obs_source_release(words);
    obs_source_release(others);
}

static void text_goes_after_a_while(void **state) {
    (void)state;
    obs_source_t *words = make_text("Words");
    outputs_stage_renew(&(outputs_settings){ .text_source = "Words", .stays_s = 0.3 });
    say("A red wall.");
    await_text(words, "A red wall.");
    await_text(words, "");
    say("A red wall."); /* of another moment */
    await_text(words, "A red wall.");
    outputs_stage_end();
    obs_source_release(words);
}

static void what_others_write_stays(void **state) {
    (void)state;
    obs_source_t *words = make_text("Words");
    obs_data_t *data = obs_data_create();
    obs_data_set_string(data, "text", "by hand");
    outputs_stage_renew(&(outputs_settings){ .text_source = "Words" });
    wait_ticks(); /* nothing was said yet */
    obs_source_update(words, data);
    wait_ticks();
    await_text(words, "by hand");
    say("A red wall.");
    await_text(words, "A red wall.");
    obs_source_update(words, data);
    outputs_stage_end();
    await_text(words, "by hand");
    obs_data_release(data);
    obs_source_release(words);
}

static gboolean has_error(const void *o) {
    g_autofree char *error = outputs_error((outputs *)o);
    return error != NULL;
}

static gboolean has_no_error(const void *o) {
    return !has_error(o);
}

static void a_text_source_may_come_and_go(void **state) {
    (void)state;
    outputs *o = outputs_stage_renew(&(outputs_settings){ .text_source = "Late words" });
    say("A red wall.");
    assert_true(outputs_stage_await(has_error, o));
    g_autofree char *error = outputs_error(o);
    assert_string_equal(error, "There is no text source named 'Late words'.");
    obs_source_t *words = make_text("Late words");
    await_text(words, "A red wall.");
    assert_true(outputs_stage_await(has_no_error, o));
    obs_source_remove(words);
    obs_source_release(words);
    say("A blue wall.");
    assert_true(outputs_stage_await(has_error, o));
    obs_source_t *private = obs_source_create_private("text_ft2_source_v2", "Late words", NULL);
    wait_ticks();
    await_text(private, ""); /* as filters have them: is none of the user's */
    obs_source_release(private);
    outputs_stage_end();
}

/* ------------------------------------------------------- the signal and the event */

typedef struct told {
    int n;
    obs_source_t *source;
    char *text, *json;
} told;

static void hear(void *user, calldata_t *data) {
    told *t = user;
    t->n++;
    t->source = calldata_ptr(data, "source");
    g_free(t->text);
    g_free(t->json);
    t->text = g_strdup(calldata_string(data, "text"));
    t->json = g_strdup(calldata_string(data, "json"));
}

static void news_are_signalled_once(void **state) {
    (void)state;
    told t = { 0 };
    outputs *o = outputs_stage_renew(&(outputs_settings){ 0 });
    signal_handler_t *signals = obs_source_get_signal_handler(outputs_stage_filter());
    signal_handler_connect(signals, "espy_caption", hear, &t);
    say("A red wall.");
    assert_int_equal(t.n, 1); /* on the worker's thread, at once */
    assert_ptr_equal(t.source, outputs_stage_filter());
    assert_string_equal(t.text, "A red wall.");
    assert_non_null(strstr(t.json, "\"text\":\"A red wall.\""));
    say_again(o, "A red wall.");
    caption *piece = outputs_stage_caption("A blue", 0);
    piece->is_whole = FALSE;
    outputs_caption(o, piece);
    caption_unref(piece);
    outputs_clear(o);
    assert_int_equal(t.n, 1);
    say("A blue wall.");
    assert_int_equal(t.n, 2);
    signal_handler_disconnect(signals, "espy_caption", hear, &t);
    outputs_stage_end();
    g_free(t.text);
    g_free(t.json);
}

/* What obs-websocket is to its vendors. */
typedef struct offered {
    void (*call)(obs_data_t *request, obs_data_t *response, void *user);
    void *user;
} offered;

static struct {
    proc_handler_t *procedures;
    GHashTable *requests; /* name: offered */
    int n_events;
    char *event;
} notebook;

static void get_procedures(void *user, calldata_t *data) {
    (void)user;
    calldata_set_ptr(data, "ph", notebook.procedures);
}

static void register_vendor(void *user, calldata_t *data) {
    (void)user;
    if (!strcmp(calldata_string(data, "name"), "espy")) calldata_set_ptr(data, "vendor", &notebook);
}

static void register_request(void *user, calldata_t *data) {
    (void)user;
    assert_ptr_equal(calldata_ptr(data, "vendor"), &notebook);
    const offered *o = calldata_ptr(data, "callback");
    g_hash_table_insert(notebook.requests, g_strdup(calldata_string(data, "type")),
                        g_memdup2(o, sizeof *o));
    calldata_set_bool(data, "success", true);
}

static void emit(void *user, calldata_t *data) {
    (void)user;
    assert_ptr_equal(calldata_ptr(data, "vendor"), &notebook);
    assert_string_equal(calldata_string(data, "type"), "caption");
    notebook.n_events++;
    g_free(notebook.event);
    notebook.event = g_strdup(obs_data_get_json(calldata_ptr(data, "data")));
    calldata_set_bool(data, "success", true);
}

static void open_notebook(void) {
    notebook.procedures = proc_handler_create();
    notebook.requests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    proc_handler_add(obs_get_proc_handler(), "bool obs_websocket_api_get_ph(out ptr ph)",
                     get_procedures, NULL);
    proc_handler_add(notebook.procedures, "bool vendor_register(in string name, out ptr vendor)",
                     register_vendor, NULL);
    proc_handler_add(notebook.procedures,
                     "bool vendor_request_register(in ptr vendor, in string type, in ptr callback)",
                     register_request, NULL);
    proc_handler_add(notebook.procedures,
                     "bool vendor_event_emit(in ptr vendor, in string type, in ptr data)", emit,
                     NULL);
}

static void news_are_events(void **state) {
    (void)state;
    outputs *o = outputs_stage_renew(&(outputs_settings){ 0 });
    int n = notebook.n_events;
    stage_wait_ms(500); /* the source's name is learned */
    say("A red wall.");
    say_again(o, "A red wall.");
    assert_int_equal(notebook.n_events, n + 1);
    obs_data_t *event = obs_data_create_from_json(notebook.event);
    assert_string_equal(obs_data_get_string(event, "text"), "A red wall.");
    assert_string_equal(obs_data_get_string(event, "filter"), "Captions");
    assert_string_equal(obs_data_get_string(event, "source"), "Wall");
    obs_data_release(event);
    outputs_stage_end();
}

/* ----------------------------------------------------------------------- requests */

static char done[64]; /* what the filter was asked for, a letter each */

static void note(const char *what) {
    g_strlcat(done, what, sizeof done);
}

static void caption_now(void *user, calldata_t *data) {
    (void)user, (void)data;
    note("n");
}

static void pause_or_not(void *user, calldata_t *data) {
    (void)user;
    note(calldata_bool(data, "paused") ? "p" : "r");
}

static void clear(void *user, calldata_t *data) {
    (void)user, (void)data;
    note("c");
}

static void get(void *user, calldata_t *data) {
    (void)user;
    calldata_set_string(data, "caption_json", "{\"text\":\"A red wall.\"}");
    calldata_set_string(data, "state_json", "{\"state\":\"waiting\"}");
}

static obs_data_t *ask(const char *what, const char *request) {
    const offered *o = g_hash_table_lookup(notebook.requests, what);
    assert_non_null(o);
    obs_data_t *data = obs_data_create_from_json(request), *response = obs_data_create();
    o->call(data, response, o->user);
    obs_data_release(data);
    return response;
}

/* How many filters were meant. */
static size_t ask_and_count(const char *what, const char *request) {
    obs_data_t *response = ask(what, request);
    obs_data_array_t *filters = obs_data_get_array(response, "filters");
    size_t n = obs_data_array_count(filters);
    assert_int_equal(!n, *obs_data_get_string(response, "error") != 0);
    obs_data_array_release(filters);
    obs_data_release(response);
    return n;
}

static void requests_reach_the_filters_that_are_meant(void **state) {
    (void)state;
    assert_int_equal(ask_and_count("caption_now", "{}"), 1);
    assert_int_equal(ask_and_count("pause", "{\"filter\":\"Captions\"}"), 1);
    assert_int_equal(ask_and_count("resume", "{\"source\":\"Wall\"}"), 1);
    assert_int_equal(ask_and_count("clear", "{\"filter\":\"Captions\",\"source\":\"Wall\"}"), 1);
    assert_string_equal(done, "nprc");
    assert_int_equal(ask_and_count("clear", "{\"filter\":\"Wall\"}"), 0);
    assert_int_equal(ask_and_count("clear", "{\"source\":\"Captions\"}"), 0);
    assert_string_equal(done, "nprc");
}

static void answers_name_their_filter(void **state) {
    (void)state;
    const char *const asked[][4] = { { "get_caption", "caption", "text", "A red wall." },
                                     { "get_state", "state", "state", "waiting" } };
    for (int i = 0; i < 2; i++) {
        obs_data_t *response = ask(asked[i][0], "{}");
        obs_data_array_t *filters = obs_data_get_array(response, "filters");
        obs_data_t *answer = obs_data_array_item(filters, 0);
        obs_data_t *told_of = obs_data_get_obj(answer, asked[i][1]);
        assert_string_equal(obs_data_get_string(answer, "filter"), "Captions");
        assert_string_equal(obs_data_get_string(answer, "source"), "Wall");
        assert_string_equal(obs_data_get_string(told_of, asked[i][2]), asked[i][3]);
        obs_data_release(told_of);
        obs_data_release(answer);
        obs_data_array_release(filters);
        obs_data_release(response);
    }
}

static void nothing_is_said_after_the_end(void **state) {
    (void)state;
    int n = notebook.n_events;
    outputs_forget_vendor();
    vendor_tell("{}", "Captions", "Wall");
    assert_int_equal(notebook.n_events, n);
    obs_data_t *response = ask("caption_now", "{}");
    assert_false(obs_data_has_user_value(response, "filters"));
    obs_data_release(response);
    assert_string_equal(done, "nprc");
    outputs_register_vendor();
}

/* -------------------------------------------------------------- files of no recording */

static char *only_file(const char *folder) {
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name = dir ? g_dir_read_name(dir) : NULL;
    char *path = name ? g_build_filename(folder, name, NULL) : NULL;
    if (path) assert_null(g_dir_read_name(dir));
    if (dir) g_dir_close(dir);
    return path;
}

static gboolean has_two_lines(const void *folder) {
    g_autofree char *path = only_file(folder), *text = NULL;
    const char *first =
        path && g_file_get_contents(path, &text, NULL, NULL) ? strchr(text, '\n') : NULL;
    return first && strchr(first + 1, '\n');
}

static void one_file_goes_on_without_a_recording(void **state) {
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("espy-outputs-XXXXXX", NULL);
    outputs_settings s = { .writes_file = TRUE, .format = FORMAT_TEXT, .folder = folder };
    outputs *o = outputs_stage_renew(&s);
    wait_ticks();
    assert_null(only_file(folder)); /* not before there is something to say */
    say("A red wall.");
    s.text_source = "Words"; /* what does not concern the file */
    outputs_set(o, &s);
    wait_ticks();
    say("A blue wall.");
    assert_true(outputs_stage_await(has_two_lines, folder));
    outputs_stage_end();
    g_autofree char *path = only_file(folder), *text = NULL;
    assert_true(g_str_has_suffix(path, ".txt"));
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_string_equal(text, "A red wall.\nA blue wall.\n");
    g_remove(path);
    g_rmdir(folder);
}

static void a_folder_that_cannot_be_is_told(void **state) {
    (void)state;
    outputs *o = outputs_stage_renew(
        &(outputs_settings){ .writes_file = TRUE, .folder = "/dev/null/captions" });
    say("A red wall.");
    assert_true(outputs_stage_await(has_error, o));
    g_autofree char *error = outputs_error(o);
    assert_non_null(strstr(error, "/dev/null/captions/"));
    outputs_stage_end();
}

static void nothing_is_written_beside_no_recording(void **state) {
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("espy-outputs-XXXXXX", NULL);
    outputs_stage_renew(
        &(outputs_settings){ .writes_file = TRUE, .per_recording = TRUE, .folder = folder });
    say("A red wall.");
    wait_ticks();
    say("A blue wall.");
    outputs_stage_end();
    assert_null(only_file(folder));
    g_rmdir(folder);
}

static int open_stage(void **state) {
    (void)state;
    outputs_stage_open((const char *const[]){ "text-freetype2", NULL });
    outputs_register_vendor(); /* without obs-websocket: nothing happens */
    vendor_tell("{}", NULL, NULL);
    open_notebook();
    outputs_register_vendor();
    proc_handler_t *procedures = obs_source_get_proc_handler(outputs_stage_filter());
    proc_handler_add(procedures, "void espy_caption_now()", caption_now, NULL);
    proc_handler_add(procedures, "void espy_pause(bool paused)", pause_or_not, NULL);
    proc_handler_add(procedures, "void espy_clear()", clear, NULL);
    proc_handler_add(procedures, "void espy_get(out string caption_json, out string state_json)",
                     get, NULL);
    return 0;
}

static int close_stage(void **state) {
    (void)state;
    outputs_stage_end();
    outputs_forget_vendor();
    proc_handler_destroy(notebook.procedures);
    g_hash_table_destroy(notebook.requests);
    g_free(notebook.event);
    outputs_stage_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_source_shows_captions),
        cmocka_unit_test(text_goes_after_a_while),
        cmocka_unit_test(what_others_write_stays),
        cmocka_unit_test(a_text_source_may_come_and_go),
        cmocka_unit_test(news_are_signalled_once),
        cmocka_unit_test(news_are_events),
        cmocka_unit_test(requests_reach_the_filters_that_are_meant),
        cmocka_unit_test(answers_name_their_filter),
        cmocka_unit_test(nothing_is_said_after_the_end),
        cmocka_unit_test(one_file_goes_on_without_a_recording),
        cmocka_unit_test(a_folder_that_cannot_be_is_told),
        cmocka_unit_test(nothing_is_written_beside_no_recording),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
