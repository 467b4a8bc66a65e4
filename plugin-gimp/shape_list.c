/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shape_list.h"

#include <string.h>

static void clear_shape(void *at) {
    g_free((char *)((espy_shape *)at)->label);
}

shape_list *shape_list_new(void) {
    GArray *list = g_array_new(FALSE, TRUE, sizeof(espy_shape));
    g_array_set_clear_func(list, clear_shape);
    return list;
}

void shape_list_free(shape_list *list) {
    if (list) g_array_free(list, TRUE);
}

void shape_list_clear(shape_list *list) {
    g_array_set_size(list, 0);
}

void shape_list_add(shape_list *list, const espy_shape *shape) {
    espy_shape copy = *shape;
    copy.label = g_strdup(shape->label ? shape->label : "");
    copy.attributes = NULL;
    copy.n_attributes = 0;
    g_array_append_val(list, copy);
}

const espy_shape *shape_list_at(const shape_list *list, int i) {
    return &g_array_index(list, espy_shape, i);
}

int shape_outline(const espy_shape *shape, double out[8]) {
    const double *xy = shape->xy;
    switch (shape->type) {
    case ESPY_SHAPE_BOX:
    case ESPY_SHAPE_TEXT:
        memcpy(out, (double[8]){ xy[0], xy[1], xy[2], xy[1], xy[2], xy[3], xy[0], xy[3] },
               8 * sizeof *out);
        return 4;
    case ESPY_SHAPE_QUAD:
        memcpy(out, xy, 8 * sizeof *out);
        return 4;
    case ESPY_SHAPE_POINT:
        memcpy(out, xy, 2 * sizeof *out);
        return 1;
    default:
        return 0;
    }
}
