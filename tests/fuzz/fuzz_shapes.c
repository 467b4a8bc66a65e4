/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An answer in two ways: at once, and in pieces whose sizes its bytes say. Both
 * must give the same shapes, inside the picture, in valid UTF-8. The first byte
 * chooses the rule, the size of the pieces and how the answer ended. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/unicode.h"

espy_status fuzz_status;

static const espy_shape_params rules[] = {
    { .box_scale = 1000, .width_px = 640, .height_px = 480 },
    { .width_px = 640, .height_px = 480, .fitted_width_px = 644, .fitted_height_px = 476 },
    { .box_scale = 1000, .width_px = 640, .height_px = 480, .default_label = "cup" },
    { .box_scale = 1000, .width_px = 640, .height_px = 480, .thinks = 1 },
};

static void check_text(const char *s) {
    char *repaired;
    size_t n;
    FUZZ_CHECK(strlen(s) <= 65536);
    if (espy_utf8_repair(s, strlen(s), &repaired, &n, NULL)) return; /* memory */
    FUZZ_CHECK(!repaired);
}

static void check_shape(const espy_shape *s) {
    FUZZ_CHECK(s->count >= 1);
    for (int i = 0; i < 8; i++) FUZZ_CHECK(s->xy[i] >= 0 && s->xy[i] <= (i & 1 ? 480 : 640));
    for (int i = 0; i < 9; i++) FUZZ_CHECK(isfinite(s->box_3d[i]));
    if (s->type == ESPY_SHAPE_BOX || s->type == ESPY_SHAPE_TEXT)
        FUZZ_CHECK(s->xy[0] < s->xy[2] && s->xy[1] < s->xy[3]);
    if (s->type == ESPY_SHAPE_SPAN) FUZZ_CHECK(s->time_s >= 0 && s->time_s <= s->end_s);
    double corners[8][2];
    fuzz_touch(corners, espy_shape_project(s, 640, 480, corners) ? sizeof corners : 0);
    check_text(s->label);
    for (int i = 0; i < s->n_attributes; i++) {
        check_text(s->attributes[i].name);
        check_text(s->attributes[i].value);
    }
}

static int on_shape(void *user, const espy_shape *shape) {
    int *n = user;
    *n = shape ? *n + 1 : 0;
    return 0;
}

static espy_status read_answer(espy_shape_reader **reader, const uint8_t *data, size_t n_bytes,
                               size_t step, uint8_t head, espy_shapes *all) {
    espy_shape_params params = rules[head & 3];
    espy_error err = { 0 };
    int n_seen = 0;
    params.on_shape = on_shape;
    params.user = &n_seen;
    espy_status status = espy_shape_reader_open(reader, &params, &err);
    for (size_t at = 0; !status && at < n_bytes; at += step) {
        size_t n = step < n_bytes - at ? step : n_bytes - at;
        status = espy_shape_reader_push(*reader, (const char *)data + at, n, NULL, &err);
    }
    if (!status) status = espy_shape_reader_end(*reader, (espy_finish)(head >> 2 & 3), all, &err);
    if (status) FUZZ_CHECK(status == ESPY_ERR_MEMORY && err.message[0]);
    if (status) return status;
    FUZZ_CHECK(all->n_shapes == n_seen && all->n_shapes <= 1024);
    FUZZ_CHECK(!all->n_rejected == !all->reason[0]);
    for (int i = 0; i < all->n_shapes; i++) check_shape(&all->shapes[i]);
    return ESPY_OK;
}

static void check_same(const espy_shapes *a, const espy_shapes *b) {
    FUZZ_CHECK(a->status == b->status && a->n_shapes == b->n_shapes);
    FUZZ_CHECK(a->n_rejected == b->n_rejected && a->has_payload == b->has_payload);
    FUZZ_CHECK(!strcmp(a->reason, b->reason));
    for (int i = 0; i < a->n_shapes; i++) {
        const espy_shape *s = &a->shapes[i], *t = &b->shapes[i];
        FUZZ_CHECK(s->type == t->type && s->flags == t->flags && s->count == t->count);
        FUZZ_CHECK(!strcmp(s->label, t->label) && s->n_attributes == t->n_attributes);
        for (int k = 0; k < 8; k++) FUZZ_CHECK(s->xy[k] == t->xy[k]);
        FUZZ_CHECK(s->time_s == t->time_s && s->end_s == t->end_s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    espy_shape_reader *whole = NULL, *cut = NULL;
    espy_shapes a, b;
    uint8_t head = n_bytes ? data[0] : 0;
    if (n_bytes) data++, n_bytes--;
    size_t step = 1 + (head >> 4);
    fuzz_status = read_answer(&whole, data, n_bytes, n_bytes ? n_bytes : 1, head, &a);
    if (!fuzz_status) fuzz_status = read_answer(&cut, data, n_bytes, step, head, &b);
    if (!fuzz_status) check_same(&a, &b);
    espy_shape_reader_close(&whole);
    espy_shape_reader_close(&cut);
    return 0;
}
