/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filter_settings.h"

#include <string.h>

const text_place text_places[9] = {
    { "top_left", "Place.TopLeft", -1, -1 },
    { "top", "Place.Top", 0, -1 },
    { "top_right", "Place.TopRight", 1, -1 },
    { "left", "Place.Left", -1, 0 },
    { "center", "Place.Center", 0, 0 },
    { "right", "Place.Right", 1, 0 },
    { "bottom_left", "Place.BottomLeft", -1, 1 },
    { "bottom", "Place.Bottom", 0, 1 },
    { "bottom_right", "Place.BottomRight", 1, 1 },
};

/* OBS keeps colours as 0xAABBGGRR. */
enum { WHITE = 0xFFFFFFFF, BLACK = 0xFF000000, SHADE = 0x99000000, YELLOW = 0xFF00D7FF };

/* OBS loses count of references to an object that takes the place of another default, as it
 * would for settings that two filters are made with. */
static void default_font(obs_data_t *data) {
    if (obs_data_has_default_value(data, KEY_FONT)) return;
    obs_data_t *font = obs_data_create();
    obs_data_set_default_string(font, "face", "Sans");
    obs_data_set_default_string(font, "style", "Bold");
    obs_data_set_default_int(font, "flags", OBS_FONT_BOLD);
    obs_data_set_default_int(font, "size", 32);
    obs_data_set_default_obj(data, KEY_FONT, font);
    obs_data_release(font);
}

void filter_settings_defaults(obs_data_t *data) {
    default_font(data);
    obs_data_set_default_string(data, KEY_MODEL_FROM, "default");
    obs_data_set_default_string(data, KEY_TASK, "caption");
    obs_data_set_default_int(data, KEY_QUALITY, 256);
    obs_data_set_default_string(data, KEY_WHEN, "changed");
    obs_data_set_default_double(data, KEY_INTERVAL, 5);
    obs_data_set_default_double(data, KEY_LEAST, 1);
    obs_data_set_default_double(data, KEY_CHANGE, 5);
    obs_data_set_default_double(data, KEY_UNCHANGED, 0);
    obs_data_set_default_double(data, KEY_CLIP_SECONDS, 8);
    obs_data_set_default_double(data, KEY_CLIP_RATE, 2);
    obs_data_set_default_bool(data, KEY_TEXT, true);
    obs_data_set_default_double(data, KEY_SIZE, 4.5);
    obs_data_set_default_int(data, KEY_COLOR, WHITE);
    obs_data_set_default_double(data, KEY_OUTLINE, 8);
    obs_data_set_default_int(data, KEY_OUTLINE_COLOR, BLACK);
    obs_data_set_default_int(data, KEY_BACKGROUND, SHADE);
    obs_data_set_default_string(data, KEY_PLACE, "bottom");
    obs_data_set_default_double(data, KEY_MARGIN, 4);
    obs_data_set_default_double(data, KEY_WIDTH, 90);
    obs_data_set_default_int(data, KEY_LINES, 4);
    obs_data_set_default_string(data, KEY_ALIGN, "center");
    obs_data_set_default_bool(data, KEY_BY_WORDS, true);
    obs_data_set_default_double(data, KEY_FADE, 0.3);
    obs_data_set_default_double(data, KEY_STAYS, 0);
    obs_data_set_default_bool(data, KEY_BOXES, true);
    obs_data_set_default_int(data, KEY_BOX_COLOR, YELLOW);
    obs_data_set_default_double(data, KEY_BOX_WIDTH, 0.4);
    obs_data_set_default_string(data, KEY_FILE_FORMAT, "srt");
    obs_data_set_default_bool(data, KEY_FILE_PER_RECORDING, true);
}

/* --------------------------------------------------------------------- read */

/* NULL for "". */
static const char *text(filter_settings *s, obs_data_t *data, const char *key) {
    const char *value = obs_data_get_string(data, key);
    if (!*value) return NULL;
    char *copy = g_strdup(value);
    g_ptr_array_add(s->strings, copy);
    return copy;
}

static gboolean is_text(obs_data_t *data, const char *key, const char *value) {
    return !strcmp(obs_data_get_string(data, key), value);
}

static double number(obs_data_t *data, const char *key, double least, double most) {
    double value = obs_data_get_double(data, key);
    return value >= least ? MIN(value, most) : least; /* a NaN, too */
}

static int whole(obs_data_t *data, const char *key, int least, int most) {
    return (int)CLAMP(obs_data_get_int(data, key), least, most);
}

/* As the parts take them: 0xRRGGBBAA. */
static guint32 color(obs_data_t *data, const char *key) {
    return GUINT32_SWAP_LE_BE((guint32)obs_data_get_int(data, key));
}

static const char *model(filter_settings *s, obs_data_t *data) {
    if (is_text(data, KEY_MODEL_FROM, "name")) return text(s, data, KEY_MODEL_NAME);
    if (is_text(data, KEY_MODEL_FROM, "file")) return text(s, data, KEY_MODEL_FILE);
    if (is_text(data, KEY_MODEL_FROM, "folder")) return text(s, data, KEY_MODEL_FOLDER);
    return NULL;
}

static void read_watcher(filter_settings *s, obs_data_t *data) {
    watcher_settings *w = &s->watcher;
    w->model = model(s, data);
    w->task = text(s, data, KEY_TASK);
    if (!w->task || !espy_task_find(w->task)) w->task = "caption";
    w->argument = text(s, data, KEY_ARGUMENT);
    w->language = text(s, data, KEY_LANGUAGE);
    if (!w->language) {
        w->language = g_strdup(obs_get_locale());
        g_ptr_array_add(s->strings, (char *)w->language);
    }
    w->vision_tokens = whole(data, KEY_QUALITY, 4, 16384);
    w->n_threads = whole(data, KEY_THREADS, 0, 256);
    w->when = is_text(data, KEY_WHEN, "interval") ? WHEN_INTERVAL
              : is_text(data, KEY_WHEN, "asked")  ? WHEN_ASKED
                                                  : WHEN_CHANGED;
    w->interval_s = w->when == WHEN_CHANGED ? number(data, KEY_UNCHANGED, 0, 86400)
                                            : number(data, KEY_INTERVAL, 0.1, 86400);
    w->least_s = number(data, KEY_LEAST, 0.1, 86400);
    w->change = number(data, KEY_CHANGE, 0.1, 100) / 100;
    w->clip_s = obs_data_get_bool(data, KEY_CLIP) ? number(data, KEY_CLIP_SECONDS, 1, 120) : 0;
    w->clip_fps = number(data, KEY_CLIP_RATE, 0.1, 2);
    w->drop_same = obs_data_get_bool(data, KEY_CLIP_DROP_SAME);
    w->recalls = obs_data_get_bool(data, KEY_RECALLS);
}

/* "Noto Sans,Light Italic", as Pango reads it; NULL: none. Of words that it does not know,
 * as styles have them in some languages, it makes the name of a second choice. */
static const char *font(filter_settings *s, obs_data_t *data) {
    obs_data_t *font = obs_data_get_obj(data, KEY_FONT);
    const char *face = obs_data_get_string(font, "face");
    const int flags = (int)obs_data_get_int(font, "flags");
    char *name = !*face ? NULL
                        : g_strdup_printf("%s,%s%s%s", face, obs_data_get_string(font, "style"),
                                          flags & OBS_FONT_BOLD ? " Bold" : "",
                                          flags & OBS_FONT_ITALIC ? " Italic" : "");
    obs_data_release(font);
    if (name) g_ptr_array_add(s->strings, name);
    return name;
}

static void read_style(filter_settings *s, obs_data_t *data) {
    paint_style *style = &s->overlay.style;
    style->font = font(s, data);
    style->size = number(data, KEY_SIZE, 1, 50) / 100;
    style->color = color(data, KEY_COLOR);
    style->outline = number(data, KEY_OUTLINE, 0, 50) / 100;
    style->outline_color = color(data, KEY_OUTLINE_COLOR);
    style->background = color(data, KEY_BACKGROUND);
    style->margin = number(data, KEY_MARGIN, 0, 45) / 100;
    style->width = number(data, KEY_WIDTH, 5, 100) / 100;
    style->n_lines = whole(data, KEY_LINES, 1, 50);
    style->align = is_text(data, KEY_ALIGN, "start") ? ALIGN_START
                   : is_text(data, KEY_ALIGN, "end") ? ALIGN_END
                                                     : ALIGN_CENTER;
    style->row = 1;
    for (size_t i = 0; i < G_N_ELEMENTS(text_places); i++)
        if (is_text(data, KEY_PLACE, text_places[i].name)) {
            style->column = text_places[i].column;
            style->row = text_places[i].row;
        }
}

static void read_overlay(filter_settings *s, obs_data_t *data) {
    overlay_settings *o = &s->overlay;
    read_style(s, data);
    o->shows_text = obs_data_get_bool(data, KEY_TEXT);
    o->shows_boxes = obs_data_get_bool(data, KEY_BOXES);
    o->by_words = obs_data_get_bool(data, KEY_BY_WORDS);
    o->style.keeps_end = o->by_words; /* what was written first was read already */
    o->fade_s = number(data, KEY_FADE, 0, 10);
    o->stays_s = number(data, KEY_STAYS, 0, 86400);
    o->box_color = color(data, KEY_BOX_COLOR);
    o->box_width = number(data, KEY_BOX_WIDTH, 0.05, 5) / 100;
}

static void read_outputs(filter_settings *s, obs_data_t *data) {
    outputs_settings *o = &s->outputs;
    o->text_source = text(s, data, KEY_TEXT_SOURCE);
    o->closed_captions = obs_data_get_bool(data, KEY_CLOSED_CAPTIONS);
    o->stays_s = s->overlay.stays_s;
    o->writes_file = obs_data_get_bool(data, KEY_FILE);
    o->format = is_text(data, KEY_FILE_FORMAT, "vtt")    ? FORMAT_VTT
                : is_text(data, KEY_FILE_FORMAT, "txt")  ? FORMAT_TEXT
                : is_text(data, KEY_FILE_FORMAT, "json") ? FORMAT_JSON
                                                         : FORMAT_SRT;
    o->folder = text(s, data, KEY_FILE_FOLDER);
    o->per_recording = obs_data_get_bool(data, KEY_FILE_PER_RECORDING);
}

void filter_settings_read(filter_settings *s, obs_data_t *data) {
    *s = (filter_settings){ .strings = g_ptr_array_new_with_free_func(g_free) };
    read_watcher(s, data);
    read_overlay(s, data);
    read_outputs(s, data);
    s->tells_lag = obs_data_get_bool(data, KEY_TELLS_LAG);
}

void filter_settings_clear(filter_settings *s) {
    if (s->strings) g_ptr_array_unref(s->strings);
    *s = (filter_settings){ 0 };
}
