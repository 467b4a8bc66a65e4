/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The settings of a filter, as OBS keeps them and as the parts of the plug-in take them.
 */
#ifndef ESPY_OBS_FILTER_SETTINGS_H
#define ESPY_OBS_FILTER_SETTINGS_H

#include <espy.h>
#include <obs-module.h>

#include "outputs.h"
#include "overlay.h"
#include "worker.h"

/* Keys. Those of a group whose box is ticked are the group's own name. */
#define KEY_MODEL_FROM "model_from" /* "default", "name", "file", "folder" */
#define KEY_MODEL_NAME "model_name"
#define KEY_MODEL_FILE "model_file"
#define KEY_MODEL_FOLDER "model_folder"
#define KEY_TASK "task"
#define KEY_ARGUMENT "argument"
#define KEY_LANGUAGE "language"
#define KEY_RECALLS "recalls"
#define KEY_QUALITY "quality" /* vision tokens */
#define KEY_THREADS "threads"
#define KEY_WHEN "when"           /* "changed", "interval", "asked" */
#define KEY_INTERVAL "interval"   /* s */
#define KEY_LEAST "least"         /* s */
#define KEY_CHANGE "change"       /* per cent */
#define KEY_UNCHANGED "unchanged" /* s */
#define KEY_CLIP "clip"
#define KEY_CLIP_SECONDS "clip_seconds"
#define KEY_CLIP_RATE "clip_rate"
#define KEY_CLIP_DROP_SAME "clip_drop_same"
#define KEY_TEXT "text"
#define KEY_FONT "font"
#define KEY_SIZE "size" /* per cent of the height, as all lengths below */
#define KEY_COLOR "color"
#define KEY_OUTLINE "outline" /* per cent of the size */
#define KEY_OUTLINE_COLOR "outline_color"
#define KEY_BACKGROUND "background"
#define KEY_PLACE "place" /* "bottom", "top_left" ... */
#define KEY_MARGIN "margin"
#define KEY_WIDTH "width" /* per cent of the width */
#define KEY_LINES "lines"
#define KEY_ALIGN "align" /* "start", "center", "end" */
#define KEY_BY_WORDS "by_words"
#define KEY_TELLS_LAG "tells_lag"
#define KEY_FADE "fade"   /* s */
#define KEY_STAYS "stays" /* s */
#define KEY_BOXES "boxes"
#define KEY_BOX_COLOR "box_color"
#define KEY_BOX_WIDTH "box_width"
#define KEY_TEXT_SOURCE "text_source"
#define KEY_CLOSED_CAPTIONS "closed_captions"
#define KEY_FILE "file"
#define KEY_FILE_FORMAT "file_format" /* "srt", "vtt", "txt", "json" */
#define KEY_FILE_FOLDER "file_folder"
#define KEY_FILE_PER_RECORDING "file_per_recording"

typedef struct filter_settings {
    watcher_settings watcher; /* is_on and is_paused are the filter's to set */
    overlay_settings overlay;
    outputs_settings outputs;
    gboolean tells_lag; /* in the picture, under each caption */
    GPtrArray *strings; /* what those point to */
} filter_settings;

void filter_settings_defaults(obs_data_t *data);
/* What is out of range is brought into it. Free with filter_settings_clear. */
void filter_settings_read(filter_settings *s, obs_data_t *data);
void filter_settings_clear(filter_settings *s);

/* The nine places of a text, in reading order. */
typedef struct text_place {
    const char *name, *key; /* in the settings; of its word */
    int column, row;
} text_place;
extern const text_place text_places[9];

#endif
