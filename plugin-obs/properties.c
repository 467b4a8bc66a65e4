/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "properties.h"

#include <stdio.h>
#include <string.h>

#include "filter_settings.h"

static const char *word(const char *key) {
    return obs_module_text(key);
}

/* ------------------------------------------------------------------- helpers */

static void set_visible(obs_properties_t *page, const char *key, bool is_visible) {
    obs_property_set_visible(obs_properties_get(page, key), is_visible);
}

static void help(obs_property_t *p, const char *key) {
    obs_property_set_long_description(p, word(key));
}

static obs_property_t *add_list(obs_properties_t *page, const char *name, const char *key) {
    return obs_properties_add_list(page, name, word(key), OBS_COMBO_TYPE_LIST,
                                   OBS_COMBO_FORMAT_STRING);
}

static void add_item(obs_property_t *list, const char *key, const char *value) {
    obs_property_list_add_string(list, word(key), value);
}

static void add_float(obs_properties_t *page, const char *name, const char *key, double least,
                      double most, double step, const char *unit) {
    obs_property_t *p = obs_properties_add_float_slider(page, name, word(key), least, most, step);
    obs_property_float_set_suffix(p, unit);
}

static void add_seconds(obs_properties_t *page, const char *name, const char *key, double least,
                        double most) {
    obs_property_t *p = obs_properties_add_float(page, name, word(key), least, most, 0.1);
    obs_property_float_set_suffix(p, " s");
}

static obs_properties_t *add_group(obs_properties_t *page, const char *name, const char *key) {
    obs_properties_t *group = obs_properties_create();
    obs_properties_add_group(page, name, word(key), OBS_GROUP_CHECKABLE, group);
    return group;
}

/* --------------------------------------------------------------------- state */

char *properties_state_text(const watcher_state *s, int *level) {
    GString *text = g_string_new(NULL);
    *level = OBS_TEXT_INFO_NORMAL;
    switch (s->state) {
    case WATCH_OFF:
        g_string_append(text, word("State.Off"));
        break;
    case WATCH_PAUSED:
        g_string_append(text, word("State.Paused"));
        break;
    case WATCH_LOADING:
        g_string_printf(text, word("State.Loading"), (int)(100 * CLAMP(s->loaded, 0, 1)));
        break;
    case WATCH_WAITING:
        g_string_printf(text, word("State.Waiting"), s->model ? s->model : "-");
        break;
    case WATCH_WORKING:
        g_string_printf(text, word("State.Working"), s->model ? s->model : "-");
        break;
    case WATCH_FAILED:
        *level = OBS_TEXT_INFO_ERROR;
        g_string_printf(text, word("State.Failed"), s->message ? s->message : "-");
        break;
    case WATCH_HELD:
        *level = OBS_TEXT_INFO_WARNING;
        g_string_printf(text, word("State.Held"),
                        s->message ? s->message : word("State.HeldCrash"));
    }
    if (s->built_in && s->state != WATCH_OFF)
        g_string_append_printf(text, " %s", word("State.BuiltIn"));
    if (s->n_captions) {
        g_string_append_c(text, '\n');
        g_string_append_printf(text, word("State.Speed"), s->caption_s, s->lag_s, s->tokens_per_s,
                               (int)s->n_captions, (int)s->n_same, (int)s->n_dropped);
    }
    return g_string_free(text, FALSE);
}

/* What a page knows of its filter. */
typedef struct page_host {
    const properties_calls *calls;
    obs_weak_source_t *filter;
} page_host;

static void host_free(void *user) {
    page_host *host = user;
    obs_weak_source_release(host->filter);
    g_free(host);
}

/* Does it with the filter, unless that is gone. */
static void with_filter(const page_host *host, void (*act)(void *data)) {
    obs_source_t *filter = obs_weak_source_get_source(host->filter);
    if (filter) act(obs_obj_get_data(filter));
    obs_source_release(filter);
}

/* The page says what is true now. */
static void tell_state(obs_properties_t *page, const page_host *host) {
    obs_property_t *told = obs_properties_get(page, "state");
    obs_property_t *error = obs_properties_get(page, "error");
    obs_source_t *filter = obs_weak_source_get_source(host->filter);
    watcher_state state = { 0 };
    int level = OBS_TEXT_INFO_NORMAL;
    g_autofree char *wrong = NULL;
    if (filter) {
        host->calls->get_state(obs_obj_get_data(filter), &state);
        wrong = host->calls->get_error(obs_obj_get_data(filter));
    }
    obs_source_release(filter);
    g_autofree char *text = properties_state_text(&state, &level);
    obs_property_set_description(told, text);
    obs_property_text_set_info_type(told, level);
    obs_property_set_description(error, wrong ? wrong : "");
    obs_property_set_visible(error, wrong != NULL);
    set_visible(page, "Retry", state.state == WATCH_FAILED || state.state == WATCH_HELD);
    watcher_state_clear(&state);
}

/* ------------------------------------------------------------------- buttons */

static bool refresh(obs_properties_t *page, obs_property_t *button, void *host) {
    (void)button;
    tell_state(page, host);
    return true;
}

static bool caption_now(obs_properties_t *page, obs_property_t *button, void *host) {
    with_filter(host, ((const page_host *)host)->calls->caption_now);
    return refresh(page, button, host);
}

static bool sample(obs_properties_t *page, obs_property_t *button, void *host) {
    (void)page, (void)button;
    with_filter(host, ((const page_host *)host)->calls->sample);
    return false;
}

static bool retry(obs_properties_t *page, obs_property_t *button, void *host) {
    with_filter(host, ((const page_host *)host)->calls->retry);
    return refresh(page, button, host);
}

static void add_button(obs_properties_t *page, const char *key, obs_property_clicked_t clicked,
                       page_host *host) {
    if (host) obs_properties_add_button2(page, key, word(key), clicked, host);
}

static void add_state(obs_properties_t *page, page_host *host) {
    if (!host) return;
    obs_properties_add_text(page, "state", "", OBS_TEXT_INFO);
    obs_property_text_set_info_type(obs_properties_add_text(page, "error", "", OBS_TEXT_INFO),
                                    OBS_TEXT_INFO_ERROR);
    add_button(page, "Retry", retry, host);
    add_button(page, "Refresh", refresh, host);
    tell_state(page, host);
}

/* --------------------------------------------------------------------- model */

static bool model_changed(obs_properties_t *page, obs_property_t *list, obs_data_t *data) {
    (void)list;
    const char *from = obs_data_get_string(data, KEY_MODEL_FROM);
    set_visible(page, KEY_MODEL_FILE, !strcmp(from, "file"));
    set_visible(page, KEY_MODEL_FOLDER, !strcmp(from, "folder"));
    set_visible(page, KEY_MODEL_NAME, !strcmp(from, "name"));
    return true;
}

static void add_model(obs_properties_t *page) {
    obs_property_t *from = add_list(page, KEY_MODEL_FROM, "Model");
    g_autofree char *files =
        g_strdup_printf("%s (*.gguf);;%s (*.*)", word("Model.Files"), word("Model.AllFiles"));
    add_item(from, "Model.Default", "default");
    add_item(from, "Model.File", "file");
    add_item(from, "Model.Folder", "folder");
    add_item(from, "Model.Name", "name");
    help(from, "Model.Help");
    obs_properties_add_path(page, KEY_MODEL_FILE, word("Model.File"), OBS_PATH_FILE, files, NULL);
    obs_properties_add_path(page, KEY_MODEL_FOLDER, word("Model.Folder"), OBS_PATH_DIRECTORY, NULL,
                            NULL);
    obs_properties_add_text(page, KEY_MODEL_NAME, word("Model.Name"), OBS_TEXT_DEFAULT);
    obs_property_set_modified_callback(from, model_changed);
}

/* ---------------------------------------------------------------- what to say */

static bool task_changed(obs_properties_t *page, obs_property_t *list, obs_data_t *data) {
    (void)list;
    const char *name = obs_data_get_string(data, KEY_TASK);
    const espy_task *task = espy_task_find(name);
    obs_property_t *argument = obs_properties_get(page, KEY_ARGUMENT);
    const char *key = !strcmp(name, "find")    ? "Argument.find"
                      : !strcmp(name, "count") ? "Argument.count"
                                               : "Argument";
    obs_property_set_description(argument, word(key));
    obs_property_set_visible(argument, task && task->argument);
    set_visible(page, KEY_LANGUAGE, task && task->takes_language);
    return true;
}

/* Those about pictures whose answer can be read on a stream. */
static void add_task(obs_properties_t *page) {
    obs_property_t *tasks = add_list(page, KEY_TASK, "Task"), *language;
    const espy_task *task;
    for (int i = 0; (task = espy_task_at(i)); i++) {
        if (task->films_only || task->answer == ESPY_ANSWER_DOCUMENT) continue;
        g_autofree char *key = g_strdup_printf("Task.%s", task->name);
        add_item(tasks, key, task->name);
    }
    help(obs_properties_add_text(page, KEY_ARGUMENT, word("Argument"), OBS_TEXT_DEFAULT),
         "Argument.Help");
    language = obs_properties_add_list(page, KEY_LANGUAGE, word("Language"),
                                       OBS_COMBO_TYPE_EDITABLE, OBS_COMBO_FORMAT_STRING);
    static const char *const names[] = { "English", "German", "French", "Spanish", "Chinese" };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        obs_property_list_add_string(language, names[i], names[i]);
    help(language, "Language.Help");
    obs_property_set_modified_callback(tasks, task_changed);
}

/* ---------------------------------------------------------------- when to look */

static bool when_changed(obs_properties_t *page, obs_property_t *list, obs_data_t *data) {
    (void)list;
    const char *when = obs_data_get_string(data, KEY_WHEN);
    bool by_change = !strcmp(when, "changed");
    set_visible(page, KEY_INTERVAL, !strcmp(when, "interval"));
    set_visible(page, KEY_LEAST, by_change);
    set_visible(page, KEY_CHANGE, by_change);
    set_visible(page, KEY_UNCHANGED, by_change);
    return true;
}

static void add_when(obs_properties_t *page) {
    obs_property_t *when = add_list(page, KEY_WHEN, "When");
    add_item(when, "When.Changed", "changed");
    add_item(when, "When.Interval", "interval");
    add_item(when, "When.Asked", "asked");
    obs_property_set_modified_callback(when, when_changed);
    add_seconds(page, KEY_INTERVAL, "Interval", 0.1, 3600);
    add_seconds(page, KEY_LEAST, "Least", 0.1, 3600);
    add_float(page, KEY_CHANGE, "Change", 0.5, 100, 0.5, " %");
    add_seconds(page, KEY_UNCHANGED, "Unchanged", 0, 3600);
}

static void add_effort(obs_properties_t *page) {
    obs_property_t *quality = obs_properties_add_list(page, KEY_QUALITY, word("Quality"),
                                                      OBS_COMBO_TYPE_LIST, OBS_COMBO_FORMAT_INT);
    for (int tokens = 64; tokens <= 1024; tokens *= 2) {
        g_autofree char *key = g_strdup_printf("Quality.%d", tokens);
        obs_property_list_add_int(quality, word(key), tokens);
    }
    obs_properties_add_int(page, KEY_THREADS, word("Threads"), 0, 64, 1);
    obs_properties_add_bool(page, KEY_RECALLS, word("Recalls"));
    obs_properties_t *clip = add_group(page, KEY_CLIP, "Clip");
    add_float(clip, KEY_CLIP_SECONDS, "Clip.Seconds", 1, 60, 1, " s");
    add_float(clip, KEY_CLIP_RATE, "Clip.Rate", 0.5, 2, 0.5, "");
    obs_properties_add_bool(clip, KEY_CLIP_DROP_SAME, word("Clip.DropSame"));
}

/* ------------------------------------------------------------------ to be seen */

static void add_text(obs_properties_t *page, page_host *host) {
    obs_properties_t *group = add_group(page, KEY_TEXT, "Text");
    obs_properties_add_font(group, KEY_FONT, word("Text.Font"));
    add_float(group, KEY_SIZE, "Text.Size", 1, 25, 0.1, " %");
    obs_properties_add_color_alpha(group, KEY_COLOR, word("Text.Color"));
    add_float(group, KEY_OUTLINE, "Text.Outline", 0, 30, 1, " %");
    obs_properties_add_color_alpha(group, KEY_OUTLINE_COLOR, word("Text.OutlineColor"));
    obs_properties_add_color_alpha(group, KEY_BACKGROUND, word("Text.Background"));
    obs_property_t *place = add_list(group, KEY_PLACE, "Text.Place");
    for (size_t i = 0; i < G_N_ELEMENTS(text_places); i++)
        add_item(place, text_places[i].key, text_places[i].name);
    add_float(group, KEY_MARGIN, "Text.Margin", 0, 45, 0.5, " %");
    add_float(group, KEY_WIDTH, "Text.Width", 5, 100, 1, " %");
    obs_properties_add_int(group, KEY_LINES, word("Text.Lines"), 1, 20, 1);
    obs_property_t *align = add_list(group, KEY_ALIGN, "Text.Align");
    add_item(align, "Align.Start", "start");
    add_item(align, "Align.Center", "center");
    add_item(align, "Align.End", "end");
    obs_properties_add_bool(group, KEY_BY_WORDS, word("Text.ByWords"));
    add_float(group, KEY_FADE, "Text.Fade", 0, 5, 0.1, " s");
    add_seconds(group, KEY_STAYS, "Text.Stays", 0, 3600);
    obs_properties_add_bool(group, KEY_TELLS_LAG, word("Text.TellsLag"));
    add_button(group, "Text.Sample", sample, host);
    obs_properties_t *boxes = add_group(page, KEY_BOXES, "Boxes");
    obs_properties_add_color_alpha(boxes, KEY_BOX_COLOR, word("Boxes.Color"));
    add_float(boxes, KEY_BOX_WIDTH, "Boxes.Width", 0.1, 2, 0.1, " %");
}

/* ---------------------------------------------------------------- other places */

static bool add_if_text(void *list, obs_source_t *source) {
    const char *id = obs_source_get_unversioned_id(source);
    const char *name = obs_source_get_name(source);
    if (g_str_has_prefix(id, "text_")) obs_property_list_add_string(list, name, name);
    return true;
}

static bool file_changed(obs_properties_t *page, obs_property_t *box, obs_data_t *data) {
    (void)box;
    set_visible(page, KEY_FILE_FOLDER, !obs_data_get_bool(data, KEY_FILE_PER_RECORDING));
    return true;
}

static void add_outputs(obs_properties_t *page) {
    obs_property_t *sources = add_list(page, KEY_TEXT_SOURCE, "TextSource"), *p;
    add_item(sources, "TextSource.None", "");
    obs_enum_sources(add_if_text, sources);
    obs_properties_add_bool(page, KEY_CLOSED_CAPTIONS, word("ClosedCaptions"));
    obs_properties_t *file = add_group(page, KEY_FILE, "File");
    obs_property_t *format = add_list(file, KEY_FILE_FORMAT, "File.Format");
    add_item(format, "File.srt", "srt");
    add_item(format, "File.vtt", "vtt");
    add_item(format, "File.txt", "txt");
    add_item(format, "File.json", "json");
    p = obs_properties_add_bool(file, KEY_FILE_PER_RECORDING, word("File.PerRecording"));
    obs_property_set_modified_callback(p, file_changed);
    help(obs_properties_add_path(file, KEY_FILE_FOLDER, word("File.Folder"), OBS_PATH_DIRECTORY,
                                 NULL, NULL),
         "File.Folder.Help");
}

/* ---------------------------------------------------------------------- page */

obs_properties_t *properties_make(const properties_calls *calls, obs_source_t *filter) {
    obs_properties_t *page = obs_properties_create();
    page_host *host = NULL;
    if (filter) {
        host = g_new(page_host, 1);
        *host = (page_host){ calls, obs_source_get_weak_source(filter) };
        obs_properties_set_param(page, host, host_free);
    }
    add_state(page, host);
    add_task(page);
    add_model(page);
    add_when(page);
    add_button(page, "CaptionNow", caption_now, host);
    add_effort(page);
    add_text(page, host);
    add_outputs(page);
    return page;
}
