/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy describe: a preset, which is a task that needs no argument. */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const espy_task *cli_preset_find(const char *name) {
    const espy_task *task = espy_task_find(name);
    return task && !task->argument ? task : NULL;
}

void cli_preset_names(char *text, size_t capacity, const char *between, const char *last) {
    const espy_task *task, *next = NULL;
    size_t n = 0;
    *text = 0;
    for (int i = 0; (task = espy_task_at(i)) && n < capacity; i++) {
        next = espy_task_at(i + 1);
        if (task->argument) continue;
        int is_last = !next || next->argument; /* they come first */
        n += (size_t)snprintf(text + n, capacity - n, "%s%s", n ? is_last ? last : between : "",
                              task->name);
    }
}

/* The first variable that is set decides, as for messages. */
static const char *of_locale(void) {
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return espy_language_name(value);
    }
    return NULL;
}

const char *cli_language(const cli_options *o, const espy_task *task) {
    if (o->language) return o->language;
    return task->is_prose ? of_locale() : NULL;
}

static int run(const cli_options *o) {
    const espy_task *task = o->preset ? cli_preset_find(o->preset) : espy_task_at(0);
    if (o->language && !task->takes_language) {
        cli_say("--language does not go with the preset '%s'", task->name);
        return CLI_USAGE;
    }
    if (cli_given(o->keep) && task->needs_all) {
        cli_say("--keep does not go with the preset '%s', which needs all of the picture",
                task->name);
        return CLI_USAGE;
    }
    return cli_answer(o, task, NULL, o->args, o->n_args, 0);
}

const cli_command cli_describe = {
    .name = "describe",
    .arguments = "IMAGE...",
    .summary = "say what is in pictures or films, or in those of a folder",
    .examples = "  espy describe cat.jpg\n"
                "  espy describe --preset events holiday.mp4\n"
                "  espy describe --preset alt --json *.png > alt.jsonl\n"
                "  espy describe --preset text scan.png > scan.txt\n"
                "  espy describe --language French ~/Pictures/holiday\n"
                "  espy describe --preset tags --keep 0.5 --json ~/Pictures > tags.jsonl\n",
    .groups = CLI_KEEP | CLI_PRESET | CLI_LANGUAGE | CLI_RATE | CLI_ANSWER | CLI_JSON |
              CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
