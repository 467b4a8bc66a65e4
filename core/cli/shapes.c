/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shapes as lines and as JSON. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

static int numbers_of(const espy_shape *s, const double **numbers) {
    static const int counts[] = { 4, 8, 2, 4, 0, 9 };
    *numbers = s->type == ESPY_SHAPE_BOX_3D ? s->box_3d : s->xy;
    return counts[s->type];
}

/* "red cup<tab>12 40 200 310", in whole pixels; 3-D boxes and times keep their
 * fractions. */
void cli_shape_print(const espy_shape *s) {
    const double *numbers;
    int n = numbers_of(s, &numbers);
    char *label = cli_valid_utf8(s->label);
    for (char *c = label; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
    printf("%s\t", label ? label : "");
    for (int i = 0; i < n; i++)
        printf(s->type == ESPY_SHAPE_BOX_3D ? "%s%g" : "%s%.0f", i ? " " : "", numbers[i]);
    if (s->type == ESPY_SHAPE_SPAN)
        printf("%g-%g s", s->time_s, s->end_s);
    else if (s->flags & ESPY_SHAPE_TIMED)
        printf(" at %g s", s->time_s);
    puts("");
    fflush(stdout);
    free(label);
}

static void add_numbers(cJSON *object, const char *key, const double *numbers, int n) {
    cJSON_AddItemToObject(object, key, cJSON_CreateDoubleArray(numbers, n));
}

static void add_flags(cJSON *object, unsigned flags) {
    static const char *const names[] = { "clamped",    "swapped", "from_unit", "whole",
                                         "unlabelled", NULL,      "cut",       "one_pixel" };
    cJSON *list = NULL;
    for (int i = 0; i < 8; i++) {
        if (!(flags & 1U << i) || !names[i]) continue;
        if (!list) list = cJSON_AddArrayToObject(object, "flags");
        cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
    }
}

cJSON *cli_shape_json(const espy_shape *s) {
    static const char *const keys[] = { "box", "quad", "point", "box", NULL, "box_3d" };
    const double *numbers;
    int n = numbers_of(s, &numbers);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", espy_shape_type_name(s->type));
    int failed = cli_json_text(o, "label", s->label);
    if (n) add_numbers(o, keys[s->type], numbers, n);
    if (s->type == ESPY_SHAPE_SPAN) {
        cJSON_AddNumberToObject(o, "start", s->time_s);
        cJSON_AddNumberToObject(o, "end", s->end_s);
    } else if (s->flags & ESPY_SHAPE_TIMED) {
        cJSON_AddNumberToObject(o, "time", s->time_s);
    }
    cJSON *attributes = s->n_attributes ? cJSON_AddObjectToObject(o, "attributes") : NULL;
    for (int i = 0; i < s->n_attributes; i++)
        if (!cJSON_HasObjectItem(attributes, s->attributes[i].name))
            failed |= cli_json_text(attributes, s->attributes[i].name, s->attributes[i].value);
    if (s->count > 1) cJSON_AddNumberToObject(o, "count", s->count);
    add_flags(o, s->flags);
    if (!failed) return o;
    cJSON_Delete(o);
    return NULL;
}

int cli_shapes_add(cJSON *object, const espy_shapes *all) {
    cJSON *list = cJSON_AddArrayToObject(object, "shapes");
    int failed = !list;
    cJSON_AddStringToObject(object, "status", espy_shapes_status_name(all->status));
    if (all->n_rejected) {
        cJSON_AddNumberToObject(object, "rejected", all->n_rejected);
        failed |= cli_json_text(object, "reason", all->reason);
    }
    for (int i = 0; list && i < all->n_shapes; i++) {
        cJSON *shape = cli_shape_json(&all->shapes[i]);
        failed |= !shape;
        if (shape) cJSON_AddItemToArray(list, shape);
    }
    return failed;
}
