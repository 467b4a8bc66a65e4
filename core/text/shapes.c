/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader of shapes: which part of it takes a byte, and the public calls.
 *
 * A "<" may begin a tag, a bracket an object; if what follows says otherwise,
 * the bytes that were held are read again, the first of them as text. Thinking
 * is looked for beside all that: whatever came before "</think>" was a draft. */
#include "text/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* ---------------------------------------------------------------- one byte */

/* Brackets that belong to a word or a command of LaTeX are none of ours. */
static int may_begin_json(const espy_shape_reader *r) {
    char c = r->last;
    int word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (r->in_ref || r->element.n || r->open_tag != ESPY_TAG_NONE) return 0;
    return (r->in_fence && !r->fence_is_prose) || !(word || (c && strchr("\\_^!}", c)));
}

static espy_step step(espy_shape_reader *r, char c) {
    if (r->mode == ESPY_MODE_TEXT && c == '<') {
        r->mode = ESPY_MODE_TAG;
    } else if (r->mode == ESPY_MODE_TEXT && (c == '{' || c == '[') && may_begin_json(r)) {
        espy_text_end_pairs(r);
        r->in_info = 0;
        r->mode = ESPY_MODE_JSON;
        espy_json_begin(r);
    }
    if (r->mode == ESPY_MODE_TAG) return espy_tag_byte(r, c);
    if (r->mode == ESPY_MODE_JSON) return espy_json_byte(r, c);
    espy_text_byte(r, c);
    return ESPY_STEP_TAKE;
}

/* Lets go of held bytes up to `upto`, and reads on from there. */
static void release(espy_shape_reader *r, size_t upto) {
    r->from = r->at = upto;
    if (r->from < r->held.n) return;
    espy_buf_cut(&r->held, 0);
    r->from = r->at = 0;
}

static void read_held(espy_shape_reader *r) {
    while (r->at < r->held.n && !r->failed && r->guard <= ESPY_GUARD_CLOSED) {
        char c = r->held.at[r->at++];
        switch (step(r, c)) {
        case ESPY_STEP_HOLD:
            break;
        case ESPY_STEP_TAKE:
            release(r, r->at);
            break;
        case ESPY_STEP_AGAIN:
            release(r, r->at - 1);
            break;
        case ESPY_STEP_BACK:
            r->mode = ESPY_MODE_TEXT;
            espy_text_byte(r, r->held.at[r->from]);
            release(r, r->from + 1);
            break;
        }
    }
}

/* --------------------------------------------------------------- the whole */

/* Frees all that was read, and starts anew. */
static void forget(espy_shape_reader *r) {
    espy_buf *buffers[] = { &r->held,    &r->line,    &r->before,   &r->ref,
                            &r->element, &r->content, &r->json.text };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) espy_buf_free(buffers[i]);
    espy_json_clear(r);
    espy_kept_clear(&r->kept);
    espy_guard *loops = r->loops;
    espy_shape_params params = r->params;
    int failed = r->failed;
    *r = (espy_shape_reader){ .params = params, .loops = loops, .failed = failed };
    if (loops) memset(loops, 0, sizeof *loops);
}

/* Whether this byte ends thinking, which takes back all before it. */
static int ends_thinking(espy_shape_reader *r, char c) {
    static const char end[] = "</think>";
    r->n_think = c == end[r->n_think] ? r->n_think + 1 : c == '<';
    if (r->n_think < (int)sizeof end - 1) return 0;
    int had_shapes = r->kept.n > 0, stopped = r->guard == ESPY_GUARD_CALLBACK;
    forget(r);
    if (had_shapes && r->params.on_shape && r->params.on_shape(r->params.user, NULL)) stopped = 1;
    if (stopped) r->guard = ESPY_GUARD_CALLBACK;
    return 1;
}

/* Bytes that are done with make room, also while others are held for long. */
static void drop_read(espy_shape_reader *r) {
    size_t from = r->from;
    if (r->held.n < ESPY_SHAPE_STRING || !from) return;
    memmove(r->held.at, r->held.at + from, r->held.n - from);
    espy_buf_cut(&r->held, r->held.n - from);
    r->at -= from;
    r->from = 0;
}

static void feed(espy_shape_reader *r, char c) {
    if (ends_thinking(r, c)) return;
    if (r->in_think || r->guard > ESPY_GUARD_CLOSED) return;
    drop_read(r);
    espy_buf_byte(&r->held, c, &r->failed);
    read_held(r);
}

/* Whether something was begun and not ended. */
static int is_open(const espy_shape_reader *r) {
    return r->in_think || r->in_ref || r->open_tag != ESPY_TAG_NONE || r->mode != ESPY_MODE_TEXT ||
           espy_text_is_open(r);
}

/* A list that is closed needs nothing more, even if the model had gone on. */
static int ends_with_list(const espy_shape_reader *r) {
    return r->fence_closed_list && !espy_view_trim(espy_buf_view(&r->line), "").n;
}

static void end_parts(espy_shape_reader *r, int is_cut) {
    if (r->mode == ESPY_MODE_JSON && r->json.confirmed) espy_json_end(r);
    if (r->mode == ESPY_MODE_TAG) espy_tag_end(r);
    r->mode = ESPY_MODE_TEXT;
    espy_text_end(r, is_cut);
    espy_tag_flush(r);
}

static espy_shapes_status judge(const espy_shape_reader *r, int is_cut) {
    if (r->guard == ESPY_GUARD_LOOP) return ESPY_SHAPES_LOOP;
    if (is_cut || r->guard == ESPY_GUARD_FULL) return ESPY_SHAPES_TRUNCATED;
    return r->kept.n || r->n_rejected ? ESPY_SHAPES_COMPLETE : ESPY_SHAPES_NONE;
}

/* ------------------------------------------------------------ public calls */

static const char *check(const espy_shape_params *p) {
    int has_picture = p->width_px > 0 && p->height_px > 0;
    if (!has_picture && (p->width_px || p->height_px)) return "the picture has no size";
    if (p->box_scale < 0) return "box_scale is negative";
    if (has_picture && !p->box_scale && (p->fitted_width_px < 1 || p->fitted_height_px < 1))
        return "boxes in pixels need the size to which the picture was fitted";
    return NULL;
}

espy_status espy_shape_reader_open(espy_shape_reader **out, const espy_shape_params *params,
                                   espy_error *err) {
    if (out) *out = NULL;
    if (!out || !params)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the reader, or no parameters");
    const char *wrong = check(params);
    if (wrong) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s", wrong);
    espy_shape_reader *r = calloc(1, sizeof *r);
    if (!r) return espy_out_of_memory(err);
    r->params = *params;
    r->in_think = params->thinks != 0;
    r->loops = calloc(1, sizeof *r->loops);
    if (params->default_label) r->params.default_label = strdup(params->default_label);
    if (!r->loops || (params->default_label && !r->params.default_label)) {
        espy_shape_reader_close(&r);
        return espy_out_of_memory(err);
    }
    *out = r;
    return ESPY_OK;
}

void espy_shape_reader_close(espy_shape_reader **reader) {
    espy_shape_reader *r = reader ? *reader : NULL;
    if (!r) return;
    forget(r);
    free(r->loops);
    free((char *)r->params.default_label);
    free(r);
    *reader = NULL;
}

espy_status espy_shape_reader_push(espy_shape_reader *r, const char *text, size_t n_bytes,
                                   espy_shape_guard *guard, espy_error *err) {
    if (!r || (!text && n_bytes))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no reader or no text was given");
    for (size_t i = 0; i < n_bytes && !r->failed && !r->ended; i++) feed(r, text[i]);
    if (guard) *guard = r->guard;
    return r->failed ? espy_out_of_memory(err) : ESPY_OK;
}

espy_status espy_shape_reader_end(espy_shape_reader *r, espy_finish finish, espy_shapes *out,
                                  espy_error *err) {
    if (!r || !out)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no reader or no place for the shapes");
    *out = (espy_shapes){ .reason = "" };
    if (!r->ended) {
        int at_length = finish == ESPY_FINISH_LENGTH;
        r->is_cut = is_open(r) || (at_length && !r->guard && !ends_with_list(r));
        if (!r->in_think && r->guard <= ESPY_GUARD_CLOSED) end_parts(r, at_length);
        if (finish == ESPY_FINISH_LOOP && !r->guard) r->guard = ESPY_GUARD_LOOP;
    }
    r->ended = 1;
    if (r->failed) return espy_out_of_memory(err);
    *out = (espy_shapes){ .status = judge(r, r->is_cut),
                          .shapes = r->kept.shapes,
                          .n_shapes = r->kept.n,
                          .n_rejected = r->n_rejected,
                          .reason = r->reason,
                          .has_payload = r->has_payload };
    return ESPY_OK;
}

const char *espy_shape_type_name(espy_shape_type type) {
    static const char *const names[] = { "box", "quad", "point", "text", "span", "box_3d" };
    return (unsigned)type < sizeof names / sizeof *names ? names[type] : "unknown";
}

const char *espy_shapes_status_name(espy_shapes_status status) {
    static const char *const names[] = { "none", "complete", "truncated", "loop" };
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}
