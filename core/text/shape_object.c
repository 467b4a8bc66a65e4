/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the keys of one object to its shapes. What it may hold, the first that
 * fits counts:
 *
 *     a place under one of its names    "bbox_2d": [1, 2, 3, 4], or several
 *     corners as keys                   "x1": 1, "y1": 2, "x2": 3, "y2": 4
 *     a span of time                    "start": 1.5, "end": "00:03"
 *     classes with boxes                "cat": [[1, 2, 3, 4], ...]
 *
 * The label is the first of its names that is there, else the key that the
 * object stands under ("cat": [{...}]), else the label of the object around. */
#include <string.h>

#include "text/shapes.h"

typedef enum place {
    NO_PLACE,
    PLACE_BOX,
    PLACE_POINT,
    PLACE_ANY, /* as many numbers as it has */
    PLACE_QUAD,
    PLACE_3D
} place;

static const struct {
    const char *key;
    place kind;
} places[] = {
    { "bbox_2d", PLACE_BOX },    { "bbox", PLACE_BOX },           { "box_2d", PLACE_BOX },
    { "box", PLACE_BOX },        { "bounding_box", PLACE_BOX },   { "bboxes", PLACE_BOX },
    { "boxes", PLACE_BOX },      { "bounding_boxes", PLACE_BOX }, { "point_2d", PLACE_POINT },
    { "point", PLACE_POINT },    { "points", PLACE_POINT },       { "coordinates", PLACE_ANY },
    { "coordinate", PLACE_ANY }, { "bbox_3d", PLACE_3D },         { "quad", PLACE_QUAD },
    { "polygon", PLACE_QUAD },
};

static const char *const label_keys[] = { "label",   "name",       "text_content", "text",
                                          "class",   "category",   "object",       "name_en",
                                          "name_zh", "description" };

static const char *const time_keys[] = { "time", "timestamp", "time_s", "frame_time" };
static const char *const start_keys[] = { "start", "start_time", "begin", "start_timestamp" };
static const char *const end_keys[] = { "end", "end_time", "finish", "end_timestamp" };

/* Keys around objects that say nothing about them. */
static const char *const wrappers[] = {
    "",         "objects",   "results",     "result", "detections", "items",
    "boxes",    "bboxes",    "annotations", "data",   "points",     "predictions",
    "output",   "instances", "answer",      "shapes", "list",       "arguments",
    "position", "location",  "parameters",  "labels", "events",     "segments"
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int is_one_of(espy_view key, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (espy_view_is(key, words[i])) return 1;
    return 0;
}

static place place_of(espy_view key) {
    for (size_t i = 0; i < COUNT(places); i++)
        if (espy_view_is(key, places[i].key)) return places[i].kind;
    return NO_PLACE;
}

int espy_key_is_place(espy_view key) {
    return place_of(key) != NO_PLACE;
}

int espy_key_is_known(espy_view key) {
    static const char *const corners[] = { "x1", "y1", "x2", "y2", "x", "y" };
    return espy_key_is_place(key) || is_one_of(key, label_keys, COUNT(label_keys)) ||
           is_one_of(key, corners, COUNT(corners)) || is_one_of(key, start_keys, COUNT(start_keys));
}

/* ------------------------------------------------------------------ fields */

static const espy_field *find(const espy_frame *frame, const char *key) {
    for (int i = 0; i < frame->n_fields; i++)
        if (espy_view_is(espy_buf_view(&frame->fields[i].key), key)) return &frame->fields[i];
    return NULL;
}

static const espy_field *find_any(const espy_frame *frame, const char *const *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const espy_field *field = find(frame, keys[i]);
        if (field && field->is_done && !field->is_null) return field;
    }
    return NULL;
}

/* The first key of the list whose value is text, "" too. */
static const espy_field *label_field(const espy_frame *frame) {
    for (size_t i = 0; i < COUNT(label_keys); i++) {
        const espy_field *field = find(frame, label_keys[i]);
        if (field && field->is_done && !field->is_null && !field->is_list) return field;
    }
    return NULL;
}

/* ----------------------------------------------------------------- drafting */

/* An object's shapes have all but their numbers in common. */
typedef struct object {
    espy_shape_reader *r;
    espy_draft draft;
    espy_draft_attribute attributes[ESPY_SHAPE_FIELDS];
    int n_made; /* shapes, rejected ones too */
    int is_text;
} object;

static void add(object *o, espy_shape_type type, const espy_shape_number *numbers, size_t n) {
    espy_draft d = o->draft;
    d.type = type == ESPY_SHAPE_BOX && o->is_text ? ESPY_SHAPE_TEXT : type;
    d.n = (int)n;
    memcpy(d.numbers, numbers, n * sizeof *numbers);
    o->n_made++;
    espy_shapes_add(o->r, &d);
}

static void reject(object *o, const char *key, size_t n) {
    o->n_made++;
    o->r->has_payload = 1;
    espy_shapes_reject(o->r, "'%.60s' with %zu numbers", key, n);
}

/* Numbers that stand together in one list, or pairs in a list of lists. */
static void add_group(object *o, place kind, const char *key, const espy_shape_number *x,
                      size_t n) {
    if (kind == PLACE_3D)
        n == 9 ? add(o, ESPY_SHAPE_BOX_3D, x, n) : reject(o, key, n);
    else if (n == 2 && (kind == PLACE_POINT || kind == PLACE_ANY))
        add(o, ESPY_SHAPE_POINT, x, n);
    else if (n == 4 && (kind == PLACE_BOX || kind == PLACE_ANY))
        add(o, ESPY_SHAPE_BOX, x, n);
    else if (n == 8 && kind != PLACE_POINT)
        add(o, ESPY_SHAPE_QUAD, x, n);
    else
        reject(o, key, n);
}

/* closes tells where lists end: [[1,2,3,4],[5,6,7,8]] are two groups of four,
 * [[1,2],[3,4]] is one group of two pairs. An open list is not whole. */
static void add_groups(object *o, place kind, const espy_field *field) {
    const char *key = espy_buf_text(&field->key);
    size_t begin = 0, pairs = 0; /* pairs: where the running ones began */
    for (size_t i = 0; i < field->n; i++) {
        int closes = field->numbers[i].closes;
        if (!closes) continue;
        size_t n = i + 1 - begin;
        int is_pair = n == 2 && kind != PLACE_POINT && kind != PLACE_3D;
        if (!is_pair) {
            add_group(o, kind, key, field->numbers + begin, n);
            pairs = i + 1;
        } else if (closes > 1 || (i + 1 == field->n && field->is_done)) {
            add_group(o, kind, key, field->numbers + pairs, i + 1 - pairs);
            pairs = i + 1;
        }
        begin = i + 1;
    }
}

/* "bbox_2d": "1, 2, 3, 4" */
static void add_from_text(object *o, place kind, const espy_field *field) {
    espy_shape_number x[10];
    int n = espy_shape_parse_numbers(espy_buf_view(&field->text), x, 10);
    if (n > 0)
        add_group(o, kind, espy_buf_text(&field->key), x, (size_t)n);
    else if (field->text.n)
        reject(o, espy_buf_text(&field->key), 0);
}

static void add_place(object *o, place kind, const espy_field *field) {
    if (field->is_null) return;
    if (field->is_bad)
        reject(o, espy_buf_text(&field->key), field->n);
    else if (field->n)
        add_groups(o, kind, field);
    else if (field->is_done && !field->is_list)
        add_from_text(o, kind, field);
}

/* ----------------------------------------------------------------- corners */

static int read_keys(const espy_frame *frame, const char *const *keys, size_t n,
                     espy_shape_number *out) {
    for (size_t i = 0; i < n; i++) {
        const espy_field *field = find(frame, keys[i]);
        if (!field || !field->is_done || field->is_list) return 0;
        if (!espy_shape_parse_number(espy_buf_view(&field->text), &out[i])) return 0;
    }
    return 1;
}

/* Corners as keys: how many numbers. */
static size_t read_corners(const espy_frame *frame, espy_shape_number *out) {
    static const char *const corners[][4] = { { "x1", "y1", "x2", "y2" },
                                              { "xmin", "ymin", "xmax", "ymax" },
                                              { "x_min", "y_min", "x_max", "y_max" },
                                              { "left", "top", "right", "bottom" } };
    static const char *const point[] = { "x", "y" };
    for (size_t i = 0; i < COUNT(corners); i++)
        if (read_keys(frame, corners[i], 4, out)) return 4;
    return read_keys(frame, point, 2, out) ? 2 : 0;
}

static int is_corner_key(espy_view key) {
    static const char *const keys[] = { "x1",   "y1",   "x2",    "y2",     "xmin",  "ymin",
                                        "xmax", "ymax", "x_min", "y_min",  "x_max", "y_max",
                                        "left", "top",  "right", "bottom", "x",     "y" };
    return is_one_of(key, keys, COUNT(keys));
}

static void add_corners(object *o, const espy_frame *frame) {
    espy_shape_number x[4];
    size_t n = read_corners(frame, x);
    if (n == 4) {
        add(o, ESPY_SHAPE_BOX, x, 4);
    } else if (n == 2 && (find(frame, "w") || find(frame, "width"))) {
        o->n_made++; /* nobody asked for that */
        espy_shapes_reject(o->r, "a box as width and height instead of two corners");
    } else if (n == 2) {
        add(o, ESPY_SHAPE_POINT, x, 2);
    }
}

/* "bbox": {"x1": ...} or "polygon": [{"x": ..}, ...]: the numbers belong to the
 * field around. */
static int give_corners_up(espy_shape_reader *r, int depth) {
    espy_json *j = &r->json;
    espy_shape_number x[4];
    int around = depth - 1;
    if (around < 0) return 0;
    while (around > 0 && !j->frames[around].is_object) around--;
    if (label_field(&j->frames[depth])) return 0; /* it speaks for itself */
    espy_frame *outer = &j->frames[around];
    if (around < 1 || !outer->n_fields) return 0;
    espy_field *field = &outer->fields[outer->n_fields - 1];
    if (!espy_key_is_place(espy_buf_view(&field->key))) return 0;
    size_t n = read_corners(&j->frames[depth], x);
    for (size_t i = 0; i < n; i++) {
        x[i].closes = i + 1 == n;
        espy_field_number(field, x[i], &r->failed);
    }
    return n > 0;
}

/* ------------------------------------------------------------------- spans */

static int is_time_key(espy_view key) {
    return is_one_of(key, time_keys, COUNT(time_keys)) ||
           is_one_of(key, start_keys, COUNT(start_keys)) ||
           is_one_of(key, end_keys, COUNT(end_keys));
}

static int read_time(const espy_frame *frame, const char *const *keys, size_t n, double *out) {
    const espy_field *field = find_any(frame, keys, n);
    return field && espy_shape_parse_time(espy_buf_view(&field->text), out);
}

static void add_span(object *o, const espy_frame *frame) {
    espy_draft *d = &o->draft;
    const espy_field *time = find_any(frame, time_keys, COUNT(time_keys));
    if (!(read_time(frame, start_keys, COUNT(start_keys), &d->time_s) &&
          read_time(frame, end_keys, COUNT(end_keys), &d->end_s)) &&
        !(time && espy_shape_parse_span(espy_buf_view(&time->text), &d->time_s, &d->end_s)))
        return;
    d->flags |= ESPY_SHAPE_TIMED;
    int n = 0;
    for (int i = 0; i < d->n_attributes; i++)
        if (!is_time_key(o->attributes[i].name)) o->attributes[n++] = o->attributes[i];
    d->n_attributes = n;
    add(o, ESPY_SHAPE_SPAN, d->numbers, 0);
}

int espy_object_span(espy_shape_reader *r, const espy_field *field) {
    espy_draft d = { .type = ESPY_SHAPE_SPAN, .flags = ESPY_SHAPE_TIMED };
    espy_view key = espy_buf_view(&field->key);
    if (!espy_shape_parse_span(key, &d.time_s, &d.end_s)) return 0;
    d.label = espy_buf_view(&field->text);
    r->json.confirmed = 1;
    espy_shapes_add(r, &d);
    return 1;
}

/* ------------------------------------------------------------------ labels */

/* The frame of the object around frame `depth`; NULL at the outermost. */
static const espy_frame *around(const espy_json *j, int depth) {
    for (int i = depth - 1; i > 0; i--)
        if (j->frames[i].is_object) return &j->frames[i];
    return NULL;
}

static void find_label(object *o, const espy_frame *frame, int depth) {
    const espy_field *own = label_field(frame);
    const espy_frame *outer = around(&o->r->json, depth);
    o->is_text = own && (espy_view_is(espy_buf_view(&own->key), "text_content") ||
                         espy_view_is(espy_buf_view(&own->key), "text"));
    if (own) {
        o->draft.label = espy_buf_view(&own->text);
        return;
    }
    if (!outer || !outer->n_fields) return;
    espy_view key = espy_buf_view(&outer->fields[outer->n_fields - 1].key);
    if (!is_one_of(key, wrappers, COUNT(wrappers)) && !espy_key_is_place(key)) {
        o->draft.label = key;
        return;
    }
    own = label_field(outer);
    if (own) o->draft.label = espy_buf_view(&own->text);
}

static void find_time(object *o, const espy_frame *frame) {
    if (read_time(frame, time_keys, COUNT(time_keys), &o->draft.time_s))
        o->draft.flags |= ESPY_SHAPE_TIMED;
}

/* All keys that are neither place nor label nor time. */
static void collect_attributes(object *o, const espy_frame *frame) {
    const espy_field *label = label_field(frame);
    int timed = (o->draft.flags & ESPY_SHAPE_TIMED) != 0;
    for (int i = 0; i < frame->n_fields; i++) {
        const espy_field *field = &frame->fields[i];
        espy_view key = espy_buf_view(&field->key);
        if (field == label || !field->is_done || field->is_null || !key.n ||
            espy_key_is_place(key) || is_corner_key(key) ||
            (timed && is_one_of(key, time_keys, COUNT(time_keys))) ||
            (!field->text.n && field->is_list))
            continue;
        o->attributes[o->draft.n_attributes++] =
            (espy_draft_attribute){ key, espy_buf_view(&field->text) };
    }
    o->draft.attributes = o->attributes;
}

/* ------------------------------------------------------------------ object */

/* Every list of four numbers is a box of the class that its key names. */
static void add_classes(object *o, const espy_frame *frame) {
    for (int i = 0; i < frame->n_fields; i++) {
        const espy_field *field = &frame->fields[i];
        size_t begin = 0;
        int fits = field->is_list && !field->is_bad && field->n >= 4;
        for (size_t k = 0; k < field->n && fits; k++) {
            if (!field->numbers[k].closes) continue;
            fits = k + 1 - begin == 4;
            begin = k + 1;
        }
        if (!fits || !begin) continue;
        o->draft.label = espy_buf_view(&field->key);
        o->draft.n_attributes = 0;
        add_groups(o, PLACE_BOX, field);
    }
}

void espy_object_end(espy_shape_reader *r, int depth, int is_cut) {
    espy_frame *frame = &r->json.frames[depth];
    object o = { .r = r };
    if (!is_cut && give_corners_up(r, depth)) return;
    if (is_cut) o.draft.flags = ESPY_SHAPE_CUT;
    find_label(&o, frame, depth);
    find_time(&o, frame);
    collect_attributes(&o, frame);
    for (int i = 0; i < frame->n_fields; i++) {
        place kind = place_of(espy_buf_view(&frame->fields[i].key));
        if (kind != NO_PLACE) add_place(&o, kind, &frame->fields[i]);
    }
    if (!o.n_made) add_corners(&o, frame);
    if (!o.n_made) add_span(&o, frame);
    if (!o.n_made) add_classes(&o, frame);
    if (o.n_made) r->json.confirmed = 1;
}
