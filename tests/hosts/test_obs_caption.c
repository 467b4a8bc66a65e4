/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions say the same or not, in languages with and without blanks; as JSON they are
 * one valid line, whatever their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "caption.h"

static const struct {
    const char *a, *b;
    gboolean same;
} pairs[] = {
    { "", "", TRUE },
    { NULL, "", TRUE },
    { "", " ...\n", TRUE },
    { "", "a cat", FALSE },
    { "A cat on a mat.", "a cat on a mat", TRUE },
    { "A cat on a mat.", "The cat, on the mat!", TRUE },
    { "A cat on a mat.", "A  cat\non a\tmat", TRUE },
    { "A cat on a mat.", "A dog on a mat.", FALSE },
    { "A cat and a dog", "A dog and a cat", FALSE },
    { "a cat", "cats", FALSE },
    { "two cats", "2 cats", FALSE },
    { "room 3", "room 4", FALSE },
    { "It says \"A\" there", "It says \"B\" there", FALSE },
    { "It says \"A\" there", "It says there", FALSE },
    { "the word THE end", "the word end", TRUE },
    { "an icecream", "an ice cream", FALSE },
    { "Ein Hund im Gras.", "Der Hund im Gras", TRUE },
    { "Eine Straße", "eine STRASSE", TRUE },
    { "L'homme avec un chien", "l’homme avec le chien", TRUE },
    { "Un perro", "El perro", TRUE },
    { "caf\xc3\xa9", "cafe\xcc\x81", TRUE }, /* composed or not */
    { "café", "cafe", FALSE },
    { "一只猫。", "一只猫", TRUE },
    { "一只猫, 在垫子上。", "一只猫，在垫子上", TRUE },
    { "一只 猫", "一只猫", TRUE },
    { "一只猫", "一只狗", FALSE },
    { "猫がいる", "猫がいた", FALSE },
    { "แมวบนเสื่อ", "แมว บนเสื่อ", TRUE },
    { "แมว", "แมง", FALSE },
    { "قطة على سجادة", "قطة على سجادة.", TRUE },
    { "ΟΔΟΣ", "οδος", TRUE },
    { "ＡＢＣ 12", "abc 12", TRUE }, /* full width */
    { "a 🐱", "a 🐶", FALSE },
    { "a 🐱", "🐱", TRUE },
    { "\xff\xfe cat", "cat", FALSE }, /* no UTF-8: no crash */
};

static void what_says_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (caption_says_same(pairs[i].a, pairs[i].b) != pairs[i].same ||
            caption_says_same(pairs[i].b, pairs[i].a) != pairs[i].same)
            fail_msg("\"%s\" and \"%s\"", pairs[i].a, pairs[i].b);
    }
}

static caption *make(const char *text) {
    caption *c = caption_new();
    c->text = g_strdup(text);
    c->is_whole = c->is_news = TRUE;
    c->seen_us = 1000000;
    c->done_us = 1250000;
    return c;
}

static cJSON *parse(const caption *c, double start_s, double end_s) {
    g_autofree char *line = caption_to_json(c, start_s, end_s);
    assert_null(strchr(line, '\n'));
    assert_true(g_utf8_validate(line, -1, NULL));
    cJSON *all = cJSON_Parse(line);
    assert_non_null(all);
    return all;
}

static double number(const cJSON *from, const char *key) {
    const cJSON *n = cJSON_GetObjectItem(from, key);
    assert_true(cJSON_IsNumber(n));
    return n->valuedouble;
}

static void json_holds_all_of_it(void **state) {
    (void)state;
    caption *c = make("two lines\nand \"quotes\" \\ 猫");
    c->boxes = g_new0(caption_box, 2);
    c->n_boxes = 2;
    c->boxes[0] = (caption_box){ 0.1, 0.2, 0.5, 1, g_strdup("a cat") };
    c->boxes[1] = (caption_box){ 1.0 / 3, 0, 1.0 / 3, 0, NULL };
    cJSON *all = parse(c, 1.5, 61.0625);
    assert_string_equal(cJSON_GetObjectItem(all, "text")->valuestring, c->text);
    assert_true(number(all, "start_s") == 1.5 && number(all, "end_s") == 61.063);
    assert_true(number(all, "lag_s") == 0.25);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(all, "news")));
    const cJSON *boxes = cJSON_GetObjectItem(all, "boxes");
    assert_int_equal(cJSON_GetArraySize(boxes), 2);
    const cJSON *cat = cJSON_GetArrayItem(boxes, 0);
    assert_string_equal(cJSON_GetObjectItem(cat, "label")->valuestring, "a cat");
    assert_true(number(cat, "x1") == 0.1 && number(cat, "y1") == 0.2);
    assert_true(number(cat, "x2") == 0.5 && number(cat, "y2") == 1);
    assert_true(number(cJSON_GetArrayItem(boxes, 1), "x1") == 0.3333);
    cJSON_Delete(all);
    caption_unref(c);
}

static void json_of_odd_captions(void **state) {
    (void)state;
    caption *c = make("bad \xff bytes \x01");
    cJSON *all = parse(c, -1, -1);
    assert_false(cJSON_HasObjectItem(all, "start_s"));
    assert_false(cJSON_HasObjectItem(all, "end_s"));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(all, "boxes")), 0);
    cJSON_Delete(all);
    caption_unref(c);
    c = make(NULL);
    all = parse(c, 0, -1);
    assert_string_equal(cJSON_GetObjectItem(all, "text")->valuestring, "");
    assert_true(number(all, "start_s") == 0);
    cJSON_Delete(all);
    caption_unref(c);
}

static void references_are_counted(void **state) {
    (void)state;
    caption *c = make("kept");
    assert_ptr_equal(caption_ref(c), c);
    caption_unref(c);
    assert_string_equal(c->text, "kept");
    caption_unref(c);
    caption_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_the_same),
        cmocka_unit_test(json_holds_all_of_it),
        cmocka_unit_test(json_of_odd_captions),
        cmocka_unit_test(references_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
