/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The structure of tolerant JSON, byte by byte: no comma, bracket or quote is
 * insisted on. Each object makes its shapes when its brace closes.
 *
 * Until a key has shown that this is JSON, its bytes are held: prose such as
 * "[see below]" or "[0, 1000)" is given back, to be read as text. A tag or a
 * fence in the structure ends it.
 *
 * The frame at depth 0 is an object around the whole, for lists of numbers
 * alone in a fence. */
#include <stdlib.h>
#include <string.h>

#include "text/shapes.h"

enum { EXPECT_KEY, EXPECT_COLON, EXPECT_VALUE, AFTER_VALUE };
enum { MOST_UNCONFIRMED = 200 };

/* ------------------------------------------------------------------ fields */

void espy_field_free(espy_field *f) {
    espy_buf_free(&f->key);
    espy_buf_free(&f->text);
    free(f->numbers);
    *f = (espy_field){ 0 };
}

void espy_field_number(espy_field *f, espy_shape_number x, int *failed) {
    if (f->n == ESPY_SHAPE_NUMBERS) return;
    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 4;
        espy_shape_number *grown = realloc(f->numbers, capacity * sizeof *grown);
        if (!grown) {
            *failed = 1;
            return;
        }
        f->numbers = grown;
        f->capacity = capacity;
    }
    f->numbers[f->n++] = x;
}

static espy_field *last_field(espy_frame *frame) {
    return frame->n_fields ? &frame->fields[frame->n_fields - 1] : NULL;
}

static void drop_field(espy_frame *frame) {
    if (frame->n_fields) espy_field_free(&frame->fields[--frame->n_fields]);
}

/* One field too many takes the place of the one before. */
static void add_field(espy_shape_reader *r, espy_frame *frame, espy_view key) {
    if (!frame->fields) frame->fields = calloc(ESPY_SHAPE_FIELDS, sizeof *frame->fields);
    if (!frame->fields) {
        r->failed = 1;
        return;
    }
    if (frame->n_fields == ESPY_SHAPE_FIELDS) drop_field(frame);
    espy_buf_add(&frame->fields[frame->n_fields++].key, key.at, key.n, &r->failed);
}

/* ------------------------------------------------------------------ frames */

static espy_frame *top(espy_json *j) {
    return &j->frames[j->depth];
}

/* The field that values go to now: of the nearest object; NULL without one. */
static espy_field *current_field(espy_json *j) {
    int i = j->depth;
    while (i > 0 && !j->frames[i].is_object) i--;
    return last_field(&j->frames[i]);
}

static void clear_frame(espy_frame *frame) {
    while (frame->n_fields) drop_field(frame);
    free(frame->fields);
    *frame = (espy_frame){ 0 };
}

static void push_frame(espy_json *j, int is_object, size_t n_before) {
    espy_frame *frame = &j->frames[++j->depth];
    clear_frame(frame);
    frame->is_object = (unsigned char)is_object;
    frame->n_before = n_before;
}

/* The value that was on top is complete; an object around it goes on. */
static void pop_frame(espy_json *j) {
    clear_frame(top(j));
    j->depth--;
    if (!top(j)->is_object) return;
    espy_field *field = last_field(top(j));
    if (field) field->is_done = 1;
    top(j)->state = AFTER_VALUE;
}

static void close_list(espy_json *j) {
    espy_field *field = current_field(j);
    if (field && field->n > top(j)->n_before && field->numbers[field->n - 1].closes < 200)
        field->numbers[field->n - 1].closes++;
    pop_frame(j);
}

static void close_object(espy_shape_reader *r) {
    espy_object_end(r, r->json.depth, 0);
    pop_frame(&r->json);
}

static int has_frame(const espy_json *j, int is_object) {
    for (int i = 1; i <= j->depth; i++)
        if (j->frames[i].is_object == is_object) return 1;
    return 0;
}

void espy_json_clear(espy_shape_reader *r) {
    espy_json *j = &r->json;
    for (int i = 0; i <= ESPY_SHAPE_DEPTH; i++) clear_frame(&j->frames[i]);
    j->depth = 0;
    j->token = JSON_NO_TOKEN;
}

/* ------------------------------------------------------------------ values */

static int is_word(espy_view v, const char *a, const char *b) {
    return espy_view_is(v, a) || espy_view_is(v, b);
}

static void set_scalar(espy_shape_reader *r, espy_view v, int is_bare) {
    espy_frame *frame = top(&r->json);
    espy_field *field = last_field(frame);
    if (!field || frame->state != EXPECT_VALUE) return;
    field->is_null = is_bare && is_word(v, "null", "none");
    if (is_bare && (espy_view_is(v, "true") || espy_view_is(v, "false")))
        v = v.n == 4 ? (espy_view){ "true", 4 } : (espy_view){ "false", 5 };
    espy_buf_add(&field->text, v.at, v.n, &r->failed);
    field->is_done = 1;
    frame->state = AFTER_VALUE;
    if (espy_object_span(r, field)) drop_field(frame);
}

/* Returns non-zero for a word that no list of ours holds. */
static int add_item(espy_shape_reader *r, espy_view v, int is_bare) {
    espy_field *field = current_field(&r->json);
    espy_shape_number x;
    int is_number = espy_shape_parse_number(v, &x);
    if (!field) return is_bare && !is_number && !is_word(v, "null", "none");
    if (is_number)
        espy_field_number(field, x, &r->failed);
    else
        field->is_bad = 1;
    if (field->text.n) espy_buf_add(&field->text, ", ", 2, &r->failed);
    espy_buf_add(&field->text, v.at, v.n, &r->failed);
    return is_bare && !is_number && !is_word(v, "null", "none");
}

static int is_plain_key(espy_view v) {
    for (size_t i = 0; i < v.n; i++) {
        char c = v.at[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-' && c != ' ' && !(c & 0x80)) return 0;
    }
    return v.n > 0;
}

/* Takes the token that has ended. Returns non-zero if this cannot be JSON. */
static int end_token(espy_shape_reader *r) {
    espy_json *j = &r->json;
    espy_frame *frame = top(j);
    int is_bare = j->token == JSON_BARE;
    espy_view v = espy_buf_view(&j->text);
    if (is_bare) v = espy_view_trim(v, "");
    j->token = JSON_NO_TOKEN;
    if (is_bare && v.n > 1 && !strncmp(v.at, "//", 2)) return 0; /* a comment */
    if (!frame->is_object) return add_item(r, v, is_bare);
    if (frame->state == EXPECT_VALUE) {
        set_scalar(r, v, is_bare);
        return 0;
    }
    if (frame->state == EXPECT_COLON) drop_field(frame);
    add_field(r, frame, v);
    frame->state = EXPECT_COLON;
    return is_bare && !is_plain_key(v);
}

/* --------------------------------------------------------------- structure */

/* A list that stops within a group of numbers is broken: back to the object,
 * and out of it. */
static void leave_broken(espy_shape_reader *r) {
    espy_json *j = &r->json;
    espy_field *field = has_frame(j, 1) ? current_field(j) : NULL;
    if (!top(j)->is_object && field && field->n > top(j)->n_before &&
        !field->numbers[field->n - 1].closes && espy_key_is_place(espy_buf_view(&field->key))) {
        espy_shapes_reject(r, "a list of numbers breaks off");
        while (!top(j)->is_object) pop_frame(j);
        drop_field(top(j));
        if (j->depth > 0) close_object(r);
    } else if (j->depth > 0 && top(j)->is_object &&
               (top(j)->state == EXPECT_KEY || top(j)->state == AFTER_VALUE)) {
        close_object(r); /* its brace is missing */
    }
}

/* Returns non-zero if that is too deep. */
static int open_bracket(espy_shape_reader *r, char c) {
    espy_json *j = &r->json;
    if (c == '{') leave_broken(r);
    if (j->depth == ESPY_SHAPE_DEPTH) {
        espy_shapes_reject(r, "lists and objects stand more than %d deep in one another",
                           ESPY_SHAPE_DEPTH);
        return -1;
    }
    espy_frame *frame = top(j);
    if (frame->is_object && j->depth > 0 && frame->state != EXPECT_VALUE) {
        if (frame->state != EXPECT_COLON) add_field(r, frame, (espy_view){ "", 0 });
        frame->state = EXPECT_VALUE;
    }
    espy_field *field = current_field(j);
    if (field && c == '[') field->is_list = 1;
    push_frame(j, c == '{', field ? field->n : 0);
    return 0;
}

static void close_bracket(espy_shape_reader *r, char c) {
    espy_json *j = &r->json;
    int is_object = c == '}';
    if (!has_frame(j, is_object)) return;
    while (j->depth > 0 && top(j)->is_object != is_object) {
        if (is_object)
            close_list(j);
        else
            close_object(r);
    }
    if (is_object)
        close_object(r);
    else
        close_list(j);
}

static void on_comma(espy_json *j) {
    espy_frame *frame = top(j);
    if (!frame->is_object) return;
    if (frame->state == EXPECT_COLON || frame->state == EXPECT_VALUE) drop_field(frame);
    frame->state = EXPECT_KEY;
}

static void on_colon(espy_json *j, int was_string) {
    espy_frame *frame = top(j);
    espy_field *field = last_field(frame);
    if (!frame->is_object || frame->state != EXPECT_COLON || !field) return;
    frame->state = EXPECT_VALUE;
    if (was_string || espy_key_is_known(espy_buf_view(&field->key))) j->confirmed = 1;
}

/* In a fence, lists of numbers alone are boxes. */
static void end_whole(espy_shape_reader *r, int is_cut) {
    espy_field *whole = last_field(&r->json.frames[0]);
    if (r->in_fence && !r->fence_is_prose && whole && !whole->is_bad) espy_object_end(r, 0, is_cut);
}

/* Whether only brackets were read: "[]", "[ {} ]". */
static int is_empty(const espy_shape_reader *r) {
    for (size_t i = r->from; i < r->at; i++)
        if (!strchr("[]{}, \t\r\n", r->held.at[i])) return 0;
    return 1;
}

/* All brackets are closed. */
static espy_step finish(espy_shape_reader *r) {
    if (!r->json.confirmed && !is_empty(r)) {
        espy_json_clear(r);
        return ESPY_STEP_BACK;
    }
    r->has_payload = 1;
    r->fence_closed_list = 1;
    end_whole(r, 0);
    espy_json_clear(r);
    r->mode = ESPY_MODE_TEXT;
    r->last = 0;
    espy_text_clear_line(r);
    return ESPY_STEP_TAKE;
}

/* A tag or a fence stands in the structure: what is whole is taken. */
static espy_step leave(espy_shape_reader *r) {
    if (!r->json.confirmed) {
        espy_json_clear(r);
        return ESPY_STEP_BACK;
    }
    espy_json_end(r);
    r->mode = ESPY_MODE_TEXT;
    r->fence_closed_list = 1;
    return ESPY_STEP_AGAIN;
}

static int begins_token(const espy_json *j, char c) {
    const espy_frame *frame = &j->frames[j->depth];
    if (frame->is_object && frame->state == EXPECT_COLON && c != '"' && c != '\'') return 0;
    return 1;
}

/* A byte outside of tokens. */
static espy_step structure_byte(espy_shape_reader *r, char c, int was_string) {
    espy_json *j = &r->json;
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        break;
    case '{':
    case '[':
        if (open_bracket(r, c)) {
            espy_json_clear(r);
            r->mode = ESPY_MODE_TEXT;
            return ESPY_STEP_TAKE;
        }
        break;
    case '}':
    case ']':
        close_bracket(r, c);
        if (!j->depth) return finish(r);
        break;
    case ',':
        on_comma(j);
        break;
    case ':':
        on_colon(j, was_string);
        break;
    case '<':
    case '`':
        return leave(r);
    default:
        if (begins_token(j, c))
            espy_token_begin(j, c, top(j)->is_object && top(j)->state != EXPECT_VALUE, &r->failed);
    }
    return ESPY_STEP_HOLD;
}

void espy_json_begin(espy_shape_reader *r) {
    espy_json_clear(r);
    r->json.confirmed = r->in_fence && !r->fence_is_prose;
    r->json.frames[0].is_object = 1;
    r->json.frames[0].state = EXPECT_VALUE;
    add_field(r, &r->json.frames[0], (espy_view){ "bbox_2d", 7 });
}

espy_step espy_json_byte(espy_shape_reader *r, char c) {
    espy_json *j = &r->json;
    espy_step step = ESPY_STEP_HOLD;
    int was_string = 0;
    if (j->token != JSON_NO_TOKEN && espy_token_byte(j, c, &r->failed)) {
        step = ESPY_STEP_HOLD;
    } else {
        if (j->token != JSON_NO_TOKEN) {
            was_string = j->token == JSON_STRING;
            if (end_token(r) && !j->confirmed) {
                espy_json_clear(r);
                return ESPY_STEP_BACK;
            }
        }
        step = structure_byte(r, c, was_string);
    }
    if (step != ESPY_STEP_HOLD) return step;
    if (j->confirmed) return ESPY_STEP_TAKE;
    if (r->at - r->from <= MOST_UNCONFIRMED) return ESPY_STEP_HOLD;
    espy_json_clear(r);
    return ESPY_STEP_BACK;
}

void espy_json_end(espy_shape_reader *r) {
    espy_json *j = &r->json;
    if (espy_token_is_whole(j) && (!top(j)->is_object || top(j)->state == EXPECT_VALUE)) {
        espy_buf_cut(&j->text, j->end);
        end_token(r);
    }
    for (; j->depth > 0; j->depth--) {
        if (top(j)->is_object) espy_object_end(r, j->depth, 1);
        clear_frame(top(j));
    }
    end_whole(r, 1);
    espy_json_clear(r);
}
