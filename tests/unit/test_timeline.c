/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timelines: positions, pictures that are never cut, common beginnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "generate/timeline.h"

enum { PAD = 99 };

/* text(2) picture(2x3) text(2) */
static void fill(espy_timeline *t, uint64_t key, int32_t last) {
    const int32_t before[] = { 10, 11 }, after[] = { 12, last };
    *t = (espy_timeline){ 0 };
    assert_int_equal(espy_timeline_reserve(t, 10, NULL), ESPY_OK);
    espy_timeline_text(t, before, 2);
    espy_timeline_picture(t, PAD, (espy_picture_key){ 5, key }, t->positions.next, 0, 2, 3);
    espy_timeline_text(t, after, 2);
}

static void positions_follow_the_picture(void **state) {
    (void)state;
    static const int32_t expected[3][10] = { { 0, 1, 2, 2, 2, 2, 2, 2, 5, 6 },
                                             { 0, 1, 2, 2, 2, 3, 3, 3, 5, 6 },
                                             { 0, 1, 2, 3, 4, 2, 3, 4, 5, 6 } };
    espy_timeline t;
    fill(&t, 7, 13);
    assert_int_equal(t.n, 10);
    assert_int_equal(t.positions.next, 7);
    for (int axis = 0; axis < 3; axis++)
        assert_memory_equal(t.positions.at[axis], expected[axis], sizeof expected[axis]);
    espy_timeline_free(&t);
}

static void rewinding_drops_whole_pictures(void **state) {
    (void)state;
    static const struct {
        int64_t to, n;
        int32_t next;
    } cases[] = { { 10, 10, 7 }, { 9, 9, 6 }, { 8, 8, 5 }, { 7, 2, 2 },
                  { 3, 2, 2 },   { 2, 2, 2 }, { 1, 1, 1 }, { 0, 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_timeline t;
        fill(&t, 7, 13);
        espy_timeline_rewind(&t, cases[i].to);
        assert_int_equal(t.n, cases[i].n);
        assert_int_equal(t.positions.n, cases[i].n);
        assert_int_equal(t.positions.next, cases[i].next);
        espy_timeline_free(&t);
    }
}

static void queries_have_a_position_each(void **state) {
    (void)state;
    const int32_t before[] = { 10, 11 };
    espy_timeline t = { 0 };
    assert_int_equal(espy_timeline_reserve(&t, 8, NULL), ESPY_OK);
    espy_timeline_text(&t, before, 2);
    espy_timeline_queries(&t, PAD, (espy_picture_key){ 5, 7 }, 4);
    espy_timeline_text(&t, before, 1);
    assert_int_equal(t.n, 7);
    for (int32_t i = 0; i < 7; i++)
        for (int axis = 0; axis < 3; axis++) assert_int_equal(t.positions.at[axis][i], i);
    espy_timeline_rewind(&t, 4);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.positions.next, 2);
    espy_timeline_free(&t);
}

static void common_beginnings_end_before_other_pictures(void **state) {
    (void)state;
    espy_timeline a, same, other, later;
    fill(&a, 7, 13);
    fill(&same, 7, 13);
    fill(&other, 8, 13);
    fill(&later, 7, 14);
    assert_int_equal(espy_timeline_common(&a, &same), 10);
    assert_int_equal(espy_timeline_common(&a, &later), 9);
    assert_int_equal(espy_timeline_common(&a, &other), 2);
    same.positions.theta = 5;
    assert_int_equal(espy_timeline_common(&a, &same), 0);
    same.positions.theta = 0;
    a.n = 5; /* stopped in the middle of the picture */
    assert_int_equal(espy_timeline_common(&a, &same), 2);
    espy_timeline_free(&a);
    espy_timeline_free(&same);
    espy_timeline_free(&other);
    espy_timeline_free(&later);
}

static void hashes_tell_ids_and_pictures_apart(void **state) {
    (void)state;
    espy_timeline a, other, later;
    fill(&a, 7, 13);
    fill(&other, 8, 13);
    fill(&later, 7, 14);
    assert_true(espy_timeline_hash(&a, 9) == espy_timeline_hash(&later, 9));
    assert_true(espy_timeline_hash(&a, 10) != espy_timeline_hash(&later, 10));
    assert_true(espy_timeline_hash(&a, 3) != espy_timeline_hash(&other, 3));
    later.positions.at[0][9]++; /* as after a slower clip */
    later.ids[9] = a.ids[9];
    assert_true(espy_timeline_hash(&a, 10) != espy_timeline_hash(&later, 10));
    espy_timeline_free(&a);
    espy_timeline_free(&other);
    espy_timeline_free(&later);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_follow_the_picture),
        cmocka_unit_test(rewinding_drops_whole_pictures),
        cmocka_unit_test(queries_have_a_position_each),
        cmocka_unit_test(common_beginnings_end_before_other_pictures),
        cmocka_unit_test(hashes_tell_ids_and_pictures_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
