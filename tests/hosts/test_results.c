/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is kept of an answer: within one undo group, whole or not at all.
 */
#include "results.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "fake_host.h"

#include <cmocka.h>

/* Half as large as the area of the image that it shows. */
static const picture LOOKED_AT = { NULL, { 100, 50, 400, 200 }, 200, 100 };

static const espy_shape SHAPES[] = {
    { .type = ESPY_SHAPE_BOX, .xy = { 10, 10, 20, 30 }, .label = "cat" },
    { .type = ESPY_SHAPE_QUAD, .xy = { 50, 50, 60, 55, 55, 70, 45, 65 }, .label = "sign" },
    { .type = ESPY_SHAPE_POINT, .xy = { 199.5, 99.5 }, .label = "" },
    { .type = ESPY_SHAPE_SPAN, .time_s = 1, .end_s = 2, .label = "never" },
    { .type = ESPY_SHAPE_TEXT, .xy = { 0, 90, 100, 100 }, .label = "EXIT" },
};
enum { N_SHAPES = G_N_ELEMENTS(SHAPES), N_PLACES = 4 };

static results_shapes all_shapes(void) {
    return (results_shapes){ FAKE_IMAGE, &LOOKED_AT, SHAPES, N_SHAPES, NULL };
}

static gboolean add_selection(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_ADD, error);
}

static gboolean meet_selection(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_INTERSECT, error);
}

static gboolean new_selection(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_REPLACE, error);
}

static gboolean less_selection(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_SUBTRACT, error);
}

static gboolean (*const WAYS[])(const results_shapes *,
                                GError **) = { new_selection,  add_selection, less_selection,
                                               meet_selection, results_paths, results_guides,
                                               results_layers, results_crop,  results_text_layers };

static void check_balance(void) {
    assert_int_equal(fake.undo_depth, 0);
    assert_false(fake.changed_alone);
    assert_int_equal(fake.n_visible, 0);
    assert_int_equal(fake.n_kept, 0);
}

static void each_is_one_step(void **state) {
    (void)state;
    for (int i = 0; i < (int)G_N_ELEMENTS(WAYS); i++) {
        fake_reset(1000, 1000);
        results_shapes r = all_shapes();
        GError *error = NULL;
        assert_true(WAYS[i](&r, &error));
        assert_null(error);
        assert_int_equal(fake.n_undo_groups, 1);
        assert_true(fake.n_changes > 0);
        check_balance();
    }
}

/* Whichever call GIMP refuses: a sentence, no group left open, no layer left over. */
static void each_fails_whole(void **state) {
    (void)state;
    for (int i = 0; i < (int)G_N_ELEMENTS(WAYS); i++) {
        fake_reset(1000, 1000);
        results_shapes r = all_shapes();
        assert_true(WAYS[i](&r, NULL));
        int n_changes = fake.n_changes;
        for (int at = 1; at <= n_changes; at++) {
            fake_reset(1000, 1000);
            fake.refuse_at = at;
            GError *error = NULL;
            assert_false(WAYS[i](&r, &error));
            assert_non_null(error);
            g_error_free(error);
            check_balance();
            assert_int_equal(fake.n_layers, 0);
        }
    }
}

static void nothing_to_keep(void **state) {
    (void)state;
    static const gboolean none[N_SHAPES] = { FALSE };
    for (int i = 0; i < 4 * (int)G_N_ELEMENTS(WAYS); i++) {
        fake_reset(1000, 1000);
        results_shapes r = all_shapes();
        if (i % 4 == 0) r.n_shapes = 0;
        if (i % 4 == 1) r.chosen = none;
        if (i % 4 == 2) r.image = 1;
        if (i % 4 == 3) fake_reset(90, 40); /* what was looked at lies beyond the canvas */
        GError *error = NULL;
        assert_false(WAYS[i / 4](&r, &error));
        assert_non_null(error);
        g_error_free(error);
        assert_int_equal(fake.n_changes, 0);
        assert_int_equal(fake.n_undo_groups, 0);
    }
}

static void selections_add_up(void **state) {
    (void)state;
    static const host_channel_op first[] = { HOST_REPLACE, HOST_ADD, HOST_SUBTRACT, HOST_REPLACE };
    static const host_channel_op others[] = { HOST_ADD, HOST_ADD, HOST_SUBTRACT, HOST_ADD };
    for (int op = HOST_REPLACE; op <= HOST_INTERSECT; op++) {
        fake_reset(1000, 1000);
        results_shapes r = all_shapes();
        assert_true(results_selection(&r, op, NULL));
        assert_int_equal(fake.n_selects, N_PLACES);
        for (int i = 0; i < N_PLACES; i++)
            assert_int_equal(fake.ops[i], i ? others[op] : first[op]);
    }
}

static void only_chosen_ones(void **state) {
    (void)state;
    static const gboolean chosen[N_SHAPES] = { TRUE, FALSE, FALSE, TRUE, FALSE };
    fake_reset(1000, 1000);
    results_shapes r = all_shapes();
    r.chosen = chosen;
    assert_true(results_crop(&r, NULL));
    assert_int_equal(fake.crop.x, 120);
    assert_int_equal(fake.crop.y, 70);
    assert_int_equal(fake.crop.width, 20);
    assert_int_equal(fake.crop.height, 40);
}

static void boxes_end_at_the_canvas(void **state) {
    (void)state;
    fake_reset(300, 240); /* the point lies outside, the line of text reaches out */
    results_shapes r = all_shapes();
    assert_true(results_layers(&r, NULL));
    assert_int_equal(fake.n_layers, 1 + 3);
    const host_rect quad = fake.copies[2], line = fake.copies[3];
    assert_int_equal(quad.x, 190);
    assert_int_equal(quad.y, 150);
    assert_int_equal(quad.width, 30);
    assert_int_equal(quad.height, 40);
    assert_int_equal(line.x, 100);
    assert_int_equal(line.y, 230);
    assert_int_equal(line.width, 200);
    assert_int_equal(line.height, 10);
    fake_reset(300, 240);
    assert_true(results_guides(&r, NULL));
    assert_int_equal(fake.n_guides, 3 * 4);
}

static void texts(void **state) {
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        fake_reset(300, 240);
        fake.refuse_at = refused;
        GError *error = NULL;
        assert_int_equal(results_alt_text(FAKE_IMAGE, "a cat", &error), !refused);
        assert_int_equal(error != NULL, refused);
        g_clear_error(&error);
        fake.n_changes = 0;
        assert_int_equal(results_comment(FAKE_IMAGE, "a dog", &error), !refused);
        g_clear_error(&error);
        fake.n_changes = 0;
        assert_int_equal(results_layer_name(FAKE_IMAGE, FAKE_LAYER, " two\nlines ", &error),
                         !refused);
        g_clear_error(&error);
        if (!refused) assert_string_equal(fake.text, "two lines");
        fake.n_changes = 0;
        assert_int_equal(results_text_layer(FAKE_IMAGE, &LOOKED_AT, "a cat", &error), !refused);
        g_clear_error(&error);
        assert_int_equal(fake.n_undo_groups, 4);
        check_balance();
    }
    assert_false(results_layer_name(FAKE_IMAGE, 99, "cat", NULL));
    assert_false(results_layer_name(FAKE_IMAGE, FAKE_LAYER, "  ", NULL));
    assert_false(results_text_layer(FAKE_IMAGE, NULL, "", NULL));
    assert_false(results_alt_text(1, "cat", NULL));
    assert_false(results_comment(1, "cat", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_one_step),
        cmocka_unit_test(each_fails_whole),
        cmocka_unit_test(nothing_to_keep),
        cmocka_unit_test(selections_add_up),
        cmocka_unit_test(only_chosen_ones),
        cmocka_unit_test(boxes_end_at_the_canvas),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
