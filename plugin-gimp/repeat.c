/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "repeat.h"

#include <espy.h>
#include <string.h>

/* Of an argument of that name; NULL where the settings have none. */
static const char *remembered(const settings *s, const char *name) {
    const struct {
        const char *name, *value;
    } all[] = {
        { "preset", s->kept_preset },
        { "question", s->question },
        { "language", s->language },
        { "source", s->source },
        { "keep", s->keep },
        { "what", s->find },
        { "as", s->into },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (!strcmp(all[i].name, name)) return all[i].value;
    return NULL;
}

/* Without these there is nothing to do, or nothing comes of it. */
static gboolean is_needed(const settings *s, const char *name) {
    if (!strcmp(name, "question")) {
        const espy_task *task = s->kept_preset ? espy_task_find(s->kept_preset) : NULL;
        return task && task->argument;
    }
    return !strcmp(name, "preset") || !strcmp(name, "keep") || !strcmp(name, "what") ||
           !strcmp(name, "as");
}

gboolean repeat_arguments(const procedure *p, const settings *s, procedure_value *arguments) {
    for (int i = 0; i < p->n_arguments; i++) {
        const procedure_argument *a = &p->arguments[i];
        const char *value = remembered(s, a->name);
        if (!value && is_needed(s, a->name)) return FALSE;
        arguments[i].text = (char *)(value ? value : a->text);
        arguments[i].number = a->number;
    }
    return TRUE;
}
