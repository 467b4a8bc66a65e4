/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/timeline.h"

#include <stdlib.h>

static int grow(void **p, int64_t n, size_t size) {
    void *grown = realloc(*p, (size_t)n * size);
    if (!grown) return -1;
    *p = grown;
    return 0;
}

espy_status espy_timeline_reserve(espy_timeline *t, int64_t n, espy_error *err) {
    if (n <= t->capacity) return ESPY_OK;
    if (n < t->capacity * 2) n = t->capacity * 2;
    if (n < 256) n = 256;
    int failed = grow((void **)&t->ids, n, sizeof *t->ids) ||
                 grow((void **)&t->keys, n, sizeof *t->keys) ||
                 grow((void **)&t->after, n, sizeof *t->after);
    for (int axis = 0; axis < 3 && !failed; axis++)
        failed = grow((void **)&t->positions.at[axis], n, sizeof(int32_t));
    if (failed) return espy_out_of_memory(err);
    t->capacity = n;
    return ESPY_OK;
}

void espy_timeline_free(espy_timeline *t) {
    free(t->ids);
    free(t->keys);
    free(t->after);
    for (int axis = 0; axis < 3; axis++) free(t->positions.at[axis]);
    *t = (espy_timeline){ 0 };
}

/* The tokens from the timeline's end to that of its positions. */
static void fill(espy_timeline *t, espy_picture_key key, int32_t id) {
    for (; t->n < t->positions.n; t->n++) {
        t->ids[t->n] = id;
        t->keys[t->n] = key;
        t->after[t->n] = t->positions.next;
    }
}

void espy_timeline_text(espy_timeline *t, const int32_t *ids, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        espy_positions_text(&t->positions, 1);
        fill(t, (espy_picture_key){ 0 }, ids[i]);
    }
}

void espy_timeline_picture(espy_timeline *t, int32_t id, espy_picture_key key, int32_t base,
                           int32_t step, int rows, int columns) {
    espy_positions_grid(&t->positions, base, step, rows, columns);
    fill(t, key, id);
}

void espy_timeline_cells(espy_timeline *t, int32_t id, espy_picture_key key, int32_t base,
                         int32_t step, int rows, int columns, const int32_t *cells,
                         int64_t n_cells) {
    espy_positions_cells(&t->positions, base, step, rows, columns, cells, n_cells);
    fill(t, key, id);
}

void espy_timeline_queries(espy_timeline *t, int32_t id, espy_picture_key key, int64_t n) {
    espy_positions_text(&t->positions, n);
    fill(t, key, id);
}

static int is_picture(espy_picture_key key) {
    return key.a || key.b;
}

/* The first token of the picture that position n lies inside, or n. */
static int64_t before_picture(const espy_timeline *t, int64_t n) {
    while (n > 0 && n < t->n && is_picture(t->keys[n]) &&
           espy_same_picture(t->keys[n], t->keys[n - 1]))
        n--;
    return n;
}

void espy_timeline_rewind(espy_timeline *t, int64_t n) {
    if (n >= t->n) return;
    t->n = t->positions.n = before_picture(t, n);
    t->positions.next = t->n ? t->after[t->n - 1] : 0;
}

int64_t espy_timeline_common(const espy_timeline *a, const espy_timeline *b) {
    int64_t n = 0, most = a->n < b->n ? a->n : b->n;
    if (a->positions.theta != b->positions.theta) return 0;
    while (n < most && a->ids[n] == b->ids[n] && espy_same_picture(a->keys[n], b->keys[n]) &&
           a->positions.at[0][n] == b->positions.at[0][n])
        n++;
    return before_picture(b, n);
}

uint64_t espy_timeline_hash(const espy_timeline *t, int64_t n) {
    uint64_t h = 0xCBF29CE484222325U;
    for (int64_t i = 0; i < n; i++) {
        h = (h ^ (uint32_t)t->ids[i]) * 0x100000001B3U;
        h = (h ^ (uint32_t)t->positions.at[0][i]) * 0x100000001B3U;
        h = (h ^ t->keys[i].a) * 0x100000001B3U;
        h = (h ^ t->keys[i].b) * 0x100000001B3U;
    }
    return h;
}
