/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers to shapes. A case is an answer and what it shall become, written as
 * one line: the status, "-N" for N rejected objects, and for each shape its
 * type, label in brackets, numbers, flags, time and attributes. Every case is
 * read at once, cut in two at every byte, and byte by byte. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <espy.h>

enum { LINE_BYTES = 1 << 16 };

/* The families' rules on the pictures of the cases. */
static const espy_shape_params any = { .box_scale = 1000, .width_px = 1000, .height_px = 1000 };
static const espy_shape_params wide = { .box_scale = 1000, .width_px = 2000, .height_px = 1000 };
static const espy_shape_params half = { .box_scale = 1000, .width_px = 1000, .height_px = 500 };
static const espy_shape_params odd = { .box_scale = 1000, .width_px = 640, .height_px = 479 };
static const espy_shape_params film = { .box_scale = 1000 };
static const espy_shape_params hd = {
    .width_px = 1920, .height_px = 1080, .fitted_width_px = 1932, .fitted_height_px = 1092
};
static const espy_shape_params square = {
    .width_px = 1000, .height_px = 1000, .fitted_width_px = 980, .fitted_height_px = 980
};
static const espy_shape_params small = {
    .width_px = 280, .height_px = 280, .fitted_width_px = 280, .fitted_height_px = 280
};
static const espy_shape_params asked = {
    .box_scale = 1000, .width_px = 1000, .height_px = 1000, .default_label = "cup"
};
static const espy_shape_params thinking = {
    .box_scale = 1000, .width_px = 1000, .height_px = 1000, .thinks = 1
};

/* ----------------------------------------------------------------- writing */

static void say(char *out, const char *fmt, ...) {
    size_t n = strlen(out);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out + n, LINE_BYTES - n, fmt, args);
    va_end(args);
}

static void say_flags(char *out, unsigned flags) {
    static const char *const names[] = { "clamped",    "swapped", "unit", "whole",
                                         "unlabelled", "",        "cut",  "pixel" };
    for (int i = 0; i < 8; i++)
        if (flags & 1U << i && names[i][0]) say(out, " %s", names[i]);
}

static void say_shape(char *out, const espy_shape *s) {
    static const int counts[] = { 4, 8, 2, 4, 0, 9 };
    const double *numbers = s->type == ESPY_SHAPE_BOX_3D ? s->box_3d : s->xy;
    say(out, "; %s [%s]", espy_shape_type_name(s->type), s->label);
    for (int i = 0; i < counts[s->type]; i++) say(out, " %.4g", numbers[i]);
    say_flags(out, s->flags);
    if (s->type == ESPY_SHAPE_SPAN)
        say(out, " %g-%g s", s->time_s, s->end_s);
    else if (s->flags & ESPY_SHAPE_TIMED)
        say(out, " at %g s", s->time_s);
    for (int i = 0; i < s->n_attributes; i++)
        say(out, " %s=%s", s->attributes[i].name, s->attributes[i].value);
    if (s->count > 1) say(out, " x%d", s->count);
}

static void say_all(char *out, const espy_shapes *all) {
    out[0] = 0;
    say(out, "%s", espy_shapes_status_name(all->status));
    if (all->n_rejected) say(out, " -%d", all->n_rejected);
    for (int i = 0; i < all->n_shapes; i++) say_shape(out, &all->shapes[i]);
    assert_int_equal(all->n_rejected > 0, all->reason[0] != 0);
}

/* ----------------------------------------------------------------- reading */

typedef struct reading {
    const espy_shape_params *params;
    espy_finish finish;
    const char *text;
    size_t n;
    int n_calls; /* shapes that the callback saw since the last "forget" */
    espy_shape_guard guard;
    char line[LINE_BYTES];
} reading;

static int count_shape(void *user, const espy_shape *shape) {
    reading *in = user;
    in->n_calls = shape ? in->n_calls + 1 : 0;
    return 0;
}

/* Pushes pieces of `step` bytes, the first of `first` bytes. */
static void read_in(reading *in, size_t first, size_t step) {
    espy_shape_params params = *in->params;
    espy_shape_reader *reader = NULL;
    espy_shapes all;
    espy_error err;
    params.on_shape = count_shape;
    params.user = in;
    in->n_calls = 0;
    assert_int_equal(espy_shape_reader_open(&reader, &params, &err), ESPY_OK);
    for (size_t at = 0; at < in->n;) {
        size_t n = at ? step : first;
        if (n > in->n - at) n = in->n - at;
        /* A copy of its own size: reading beyond it is seen by sanitizers. */
        char *piece = malloc(n ? n : 1);
        assert_non_null(piece);
        memcpy(piece, in->text + at, n);
        assert_int_equal(espy_shape_reader_push(reader, piece, n, &in->guard, &err), ESPY_OK);
        free(piece);
        at += n;
        if (!n) step = in->n;
        if (!at) first = in->n;
    }
    assert_int_equal(espy_shape_reader_end(reader, in->finish, &all, &err), ESPY_OK);
    assert_int_equal(all.n_shapes, in->n_calls);
    say_all(in->line, &all);
    espy_shape_reader_close(&reader);
    assert_null(reader);
}

static reading whole, part;

static const char *read_whole(const espy_shape_params *params, espy_finish finish,
                              const char *text) {
    whole.params = params;
    whole.finish = finish;
    whole.text = text;
    whole.n = strlen(text);
    read_in(&whole, whole.n, 1);
    return whole.line;
}

static void check_cuts(void) {
    part.params = whole.params;
    part.finish = whole.finish;
    part.text = whole.text;
    part.n = whole.n;
    for (size_t cut = 0; cut <= part.n; cut++) {
        read_in(&part, cut, cut == part.n ? 1 : part.n - cut);
        if (strcmp(part.line, whole.line) != 0)
            fail_msg("cut at %zu of \"%s\":\n%s\ninstead of\n%s", cut, part.text, part.line,
                     whole.line);
    }
    read_in(&part, 1, 1);
    assert_string_equal(part.line, whole.line);
    assert_int_equal(part.guard, whole.guard);
}

typedef struct answer {
    const espy_shape_params *params;
    const char *text, *line;
    espy_finish finish;
} answer;

static void check(const answer *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *line = read_whole(cases[i].params, cases[i].finish, cases[i].text);
        if (strcmp(line, cases[i].line) != 0)
            fail_msg("\"%s\" became\n%s\ninstead of\n%s", cases[i].text, line, cases[i].line);
        check_cuts();
    }
}

#define CHECK(cases) check((cases), sizeof(cases) / sizeof *(cases))

/* ------------------------------------------------------------------- cases */

static void reads_every_family(void **state) {
    (void)state;
    static const answer cases[] = {
        /* Qwen-VL: tags. */
        { &half, "<ref>a</ref><box>(0,0),(999,999)</box>", "complete; box [a] 0 0 999 499.5" },
        { &any, "<ref> Two</ref><box>(302,257),(582,671)</box><box>(603,252),(878,642)</box>",
          "complete; box [Two] 302 257 582 671; box [Two] 603 252 878 642" },
        { &any,
          "<ref> Two apples</ref><box>(302,257),(582,671)</box><box>(603,252),(878,642)</box> "
          "and<ref> a bowl</ref><box>(2,269),(304,674)</box>",
          "complete; box [Two apples] 302 257 582 671; box [Two apples] 603 252 878 642; "
          "box [a bowl] 2 269 304 674" },
        { &any, "<ref>\"sign\"</ref><quad>(1,2),(30,3),(31,40),(2,41)</quad>",
          "complete; quad [sign] 1 2 30 3 31 40 2 41" },
        { &asked, "(588,499),(725,789)</box>", "complete; box [cup] 588 499 725 789 unlabelled" },
        { &any, "<box>(1,2),(3,4)</box>", "complete; box [object 1] 1 2 3 4 unlabelled" },
        /* Qwen2-VL: special tokens, or what is left without them. */
        { &wide,
          "<|object_ref_start|>van<|object_ref_end|><|box_start|>(342,308),(670,766)<|box_end|>",
          "complete; box [van] 684 308 1340 766" },
        { &wide, "van(342,308),(670,766)", "complete; box [van] 684 308 1340 766" },
        { &any, "1. White van: (342,308),(670,766)\n2. **Cat** (1,2),(3,4)",
          "complete; box [White van] 342 308 670 766; box [Cat] 1 2 3 4" },
        { &any, "Two apples(302,257),(582,671)(603,252),(878,642)",
          "complete; box [Two apples] 302 257 582 671; box [Two apples] 603 252 878 642" },
        { &any, "sign(1,2),(30,3),(31,40),(2,41) hangs",
          "complete; quad [sign] 1 2 30 3 31 40 2 41" },
        /* Qwen2.5-VL: pixels of the fitted picture. */
        { &hd, "{\"bbox_2d\": [966, 546, 1932, 1092]}",
          "complete; box [object 1] 960 540 1920 1080 unlabelled" },
        { &square, "<points x1=\"490\" y1=\"98\" x2=\"98\" y2=\"490\" alt=\"pin\">pin</points>",
          "complete; point [pin] 500 100; point [pin] 100 500" },
        { &square, "```xml\n<points x=\"490\" y=\"98\">a &amp; b</points>\n```",
          "complete; point [a & b] 500 100" },
        { &square,
          "[\n\t{\"bbox_2d\": [98, 98, 490, 490], \"label\": \"small cake\"},\n"
          "\t{\"point_2d\": [49, 98], \"label\": \"mixing bowl\"}\n]",
          "complete; box [small cake] 100 100 500 500; point [mixing bowl] 50 100" },
        { &square, "98,98,490,490 small cake\n196, 98, 490, 490, plate\n",
          "complete; box [small cake] 100 100 500 500; box [plate] 200 100 500 500" },
        /* Qwen3-VL. */
        { &odd,
          "```json\n[\n\t{\"bbox_2d\": [74, 361, 324, 808], \"label\": \"plate/dish\"}\n]\n```",
          "complete; box [plate/dish] 47.36 172.9 207.4 387" },
        { &any, "```json\n[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\"}, {\"bbox_2d\": [5,6, ",
          "truncated; box [a] 1 2 3 4" },
        { &any, "[{\"bbox_2d\": [1,2,300,400], \"label\": \"a\"}, {\"bbox_2d\": [5,6,70,80]",
          "truncated; box [a] 1 2 300 400; box [object 1] 5 6 70 80 unlabelled cut" },
        { &any, "[{'bbox_2d': [1,2,300,400], 'text_content': 'it's'}]",
          "complete; text [it's] 1 2 300 400" },
        { &any,
          "{\"bbox_2d\": [10,20,30,40], \"name_zh\": \"\xE7\xB1\xB3\xE9\xA5\xAD\", "
          "\"name_en\": \"Rice\"}",
          "complete; box [Rice] 10 20 30 40 name_zh=\xE7\xB1\xB3\xE9\xA5\xAD" },
        { &any, "[{\"bbox_2d\": [900,10,100,50], \"label\": \"r\"}]",
          "complete; box [r] 100 10 900 50 swapped" },
        { &any, "[{\"bbox_2d\": [10,10,1012,500], \"label\": \"edge\"}]",
          "complete; box [edge] 10 10 1000 500 clamped" },
        { &any, "[{\"bbox_2d\": [10,10,1900,500], \"label\": \"bad\"}]", "complete -1" },
        { &any, "Sure! Here they are:\n```JSON\n[]\n```\nLet me know", "none" },
        { &any, "There are none.", "none" },
        /* Qwen3.5: thinking first. */
        { &any, "<think>[{\"bbox_2d\":[1,1,2,2]}]</think>[{\"bbox_2d\":[5,5,9,9],\"label\":\"x\"}]",
          "complete; box [x] 5 5 9 9" },
        { &thinking, "a draft [{\"bbox_2d\":[1,1,2,2]}]</think>[{\"bbox_2d\":[5,5,9,9]}]",
          "complete; box [object 1] 5 5 9 9 unlabelled" },
        { &any, "[{\"bbox_2d\":[1,1,2,2]}]</think>[{\"bbox_2d\":[5,5,9,9]}]",
          "complete; box [object 1] 5 5 9 9 unlabelled" },
        { &any, "<think>{\"bbox_2d\":[1,1,2,2]} </think> or <think>[\"</think>{\"point\":[5,6]}",
          "complete; point [object 1] 5 6 unlabelled" },
        { &thinking, "[{\"bbox_2d\":[1,1,2,2]}] and", "truncated" },
        { &any, "<think>[{\"bbox_2d\":[1,1,2,2]}]", "truncated" },
        /* Films and space. */
        { &any, "[{\"time\": 1.0, \"bbox_2d\": [1,2,3,4], \"label\": \"\"}]",
          "complete; box [] 1 2 3 4 at 1 s" },
        { &any, "[{\"bbox_3d\":[2.88,0.56,6.28,4.45,1.7,1.84,0.75,0.49,0.75],\"label\":\"car\"}]",
          "complete; box_3d [car] 2.88 0.56 6.28 4.45 1.7 1.84 135 88.2 135" },
        /* Tools. */
        { &any,
          "Thought: tap\n<tool_call>\n{\"name\": \"mobile_use\", \"arguments\": {\"action\": "
          "\"click\", \"coordinate\": [447, 81]}}\n</tool_call>",
          "complete; point [mobile_use] 447 81 action=click" },
    };
    CHECK(cases);
}

static void reads_what_models_write(void **state) {
    (void)state;
    static const answer cases[] = {
        /* Broken off. */
        { &any, "[{\"bbox_2d\": [5,6,70,80], \"label\": \"pla",
          "truncated; box [object 1] 5 6 70 80 unlabelled cut" },
        { &any, "[{\"bbox_2d\": [5,6,70,80", "truncated" },
        { &any, "[{\"label\": \"a\", \"bbox_2d\": [5,6,70,80]",
          "truncated; box [a] 5 6 70 80 cut" },
        { &any, "[{\"bbox_2d\": [5,6,70,80], \"label\": \"a\"",
          "truncated; box [a] 5 6 70 80 cut" },
        { &any, "[{", "truncated" },
        { &any, "<ref>cat</ref><box>(1,2),(3,", "truncated" },
        { &any, "van(1,2),(3,4),(5,", "truncated" },
        { &any, "<points x1=\"1\" y1=\"2\" x2=\"3\" y2=\"4\" alt=\"pi",
          "truncated; point [object 1] 1 2 unlabelled cut; point [object 2] 3 4 unlabelled cut" },
        { &any, "1,2,30,40 cat\n5,6,70,80 do",
          "truncated; box [cat] 1 2 30 40; "
          "box [object 1] 5 6 70 80 unlabelled cut",
          ESPY_FINISH_LENGTH },
        { &any, "1,2,30,40 cat\n5,6,70,8", "truncated; box [cat] 1 2 30 40", ESPY_FINISH_LENGTH },
        { &any, "[{\"bbox_2d\": [5,6,70,80]}]", "complete; box [object 1] 5 6 70 80 unlabelled",
          ESPY_FINISH_LENGTH },
        /* Commas. */
        { &any,
          "[{\"bbox_2d\": [1,2,3,4,], \"label\": \"a\",}{\"bbox_2d\": [5,6,7,8], \"label\": "
          "\"b\"},]",
          "complete; box [a] 1 2 3 4; box [b] 5 6 7 8" },
        { &any,
          "{\"bbox_2d\": [1,2,3,4], \"label\": \"a\"}\n{\"label\": \"b\"\n\"bbox_2d\": [5,6,7,8]}",
          "complete; box [a] 1 2 3 4; box [b] 5 6 7 8" },
        { &any, "[{\"bbox_2d\": [1 2 3 4], \"label\": \"a\"}]", "complete; box [a] 1 2 3 4" },
        /* Quotes and words of other languages. */
        { &any, "[{'bbox_2d': [1,2,3,4], 'label': None, 'sure': True, 'name': 'x'}]",
          "complete; box [x] 1 2 3 4 sure=true" },
        { &any, "[{bbox_2d: [1,2,3,4], label: red cup, n: 3}]",
          "complete; box [red cup] 1 2 3 4 n=3" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"dog's \"big\" bowl\"}]",
          "complete; box [dog's \"big\" bowl] 1 2 3 4" },
        { &any, "[{\"label\": \"a \\\"b\\\" \\\\ c\\/d\", \"bbox_2d\": [1,2,3,4]}]",
          "complete; box [a \"b\" \\ c/d] 1 2 3 4" },
        /* Where objects stand. */
        { &any, "{\"objects\": [{\"bbox\": [1,2,3,4], \"label\": \"a\"}]}",
          "complete; box [a] 1 2 3 4" },
        { &any, "{\"results\": [[{\"box\": [1,2,3,4], \"class\": \"a\"}]]}",
          "complete; box [a] 1 2 3 4" },
        { &any, "{\"cat\": [[1,2,3,4],[5,6,7,8]], \"dog\": [9,9,10,10]}",
          "complete; box [cat] 1 2 3 4; box [cat] 5 6 7 8; box [dog] 9 9 10 10" },
        { &any, "{\"cat\": [{\"bbox_2d\": [1,2,3,4]}], \"dog\": {\"bbox_2d\": [5,6,7,8]}}",
          "complete; box [cat] 1 2 3 4; box [dog] 5 6 7 8" },
        { &any, "{\"bbox_2d\": [[1,2,3,4],[5,6,7,8]], \"label\": \"a\"}",
          "complete; box [a] 1 2 3 4; box [a] 5 6 7 8" },
        { &any, "```\n[[1,2,3,4],[5,6,7,8]]\n```",
          "complete; box [object 1] 1 2 3 4 unlabelled; box [object 2] 5 6 7 8 unlabelled" },
        { &any, "See [1,2,3,4] there", "none" },
        { &any, "```json\n[{\"point\": [1,2]}]\n```\nand\n``` json [{\"point\": [3,4]}] ```",
          "complete; point [object 1] 1 2 unlabelled; point [object 2] 3 4 unlabelled" },
        /* Names of places. */
        { &any,
          "[{\"bbox\":[1,2,3,4]},{\"box_2d\":[2,2,3,4]},{\"box\":[3,2,4,4]},"
          "{\"bounding_box\":[4,2,5,4]},{\"point_2d\":[1,2]},{\"point\":[3,4]},"
          "{\"coordinates\":[5,6,7,8]},{\"coordinates\":[5,6]},"
          "{\"quad\":[1,2,30,3,31,40,2,41]},{\"polygon\":[[2,2],[30,3],[31,40],[2,41]]}]",
          "complete; box [object 1] 1 2 3 4 unlabelled; box [object 2] 2 2 3 4 unlabelled; "
          "box [object 3] 3 2 4 4 unlabelled; box [object 4] 4 2 5 4 unlabelled; "
          "point [object 5] 1 2 unlabelled; point [object 6] 3 4 unlabelled; "
          "box [object 7] 5 6 7 8 unlabelled; point [object 8] 5 6 unlabelled; "
          "quad [object 9] 1 2 30 3 31 40 2 41 unlabelled; "
          "quad [object 10] 2 2 30 3 31 40 2 41 unlabelled" },
        { &any, "{\"bbox_2d\":[1,2,3,4],\"point_2d\":[2,3],\"label\":\"a\"}",
          "complete; box [a] 1 2 3 4; point [a] 2 3" },
        /* Corners. */
        { &any, "[{\"x1\": 1, \"y1\": 2, \"x2\": 3, \"y2\": 4, \"label\": \"a\"}]",
          "complete; box [a] 1 2 3 4" },
        { &any, "{\"label\": \"a\", \"bbox\": {\"x1\": 1, \"y1\": 2, \"x2\": 3, \"y2\": 4}}",
          "complete; box [a] 1 2 3 4" },
        { &any, "{\"bbox_2d\": [[1,2],[3,4]], \"label\": \"a\"}", "complete; box [a] 1 2 3 4" },
        { &any, "{\"bbox_2d\": [[[1,2],[3,4]],[[5,6],[7,8]]], \"label\": \"a\"}",
          "complete; box [a] 1 2 3 4; box [a] 5 6 7 8" },
        { &any, "{\"points\": [{\"x\": 1, \"y\": 2}, {\"x\": 3, \"y\": 4}], \"label\": \"a\"}",
          "complete; point [a] 1 2; point [a] 3 4" },
        { &any, "{\"point_2d\": [[1,2],[3,4]], \"label\": \"a\"}",
          "complete; point [a] 1 2; point [a] 3 4" },
        /* Labels. */
        { &asked, "[{\"bbox_2d\": [1,2,3,4]}]", "complete; box [cup] 1 2 3 4 unlabelled" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"category\": \"b\", \"label\": \"a\"}]",
          "complete; box [a] 1 2 3 4 category=b" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"description\": \"d\"}]", "complete; box [d] 1 2 3 4" },
        { &any,
          "[{\"bbox_2d\": [1,2,3,4], \"label\": \"car\", \"type\": \"bus\", \"tags\": [\"a\", 2]}]",
          "complete; box [car] 1 2 3 4 type=bus tags=a, 2" },
        { &any, "[{\"point_2d\": [1,2], \"label\": \"p\", \"rgba\": [1,2,3,4]}]",
          "complete; point [p] 1 2 rgba=1, 2, 3, 4" },
        /* Numbers. */
        { &any, "[{\"bbox_2d\": [\"1\", \"2\", 3.5, 4e1], \"label\": \"a\"}]",
          "complete; box [a] 1 2 3.5 40" },
        { &any, "[{\"bbox_2d\": \"[1, 2, 3, 4]\", \"label\": \"a\"}]",
          "complete; box [a] 1 2 3 4" },
        { &wide, "[{\"bbox_2d\": [0.1, 0.2, 0.5, 1.0], \"label\": \"a\"}]",
          "complete; box [a] 200 200 1000 1000 unit" },
        { &any, "[{\"bbox_2d\": [0, 0.2, 0.5, 1.0], \"label\": \"a\"}]",
          "complete; box [a] 0 0.2 0.5 1" },
        { &any, "[{\"bbox_2d\": [1,2,30,3,31,40,2,41], \"label\": \"a\"}]",
          "complete; quad [a] 1 2 30 3 31 40 2 41" },
        { &any, "[{\"bbox_2d\": [1,2,3,4,5,6], \"label\": \"a\"}]", "complete -1" },
        { &any, "[{\"bbox_2d\": [1,2,3], \"label\": \"a\"}, {\"bbox_2d\": [\"left\",2,3,4]}]",
          "complete -2" },
        { &any, "[{\"x\": 1, \"y\": 2, \"w\": 3, \"h\": 4}]", "complete -1" },
        { &any, "[{\"bbox_2d\": null, \"label\": \"a\"}, {\"bbox_2d\": []}]", "none" },
        /* Characters. */
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"\\u7c73\\ud83d\\ude00\\n\"}]",
          "complete; box [\xE7\xB1\xB3\xF0\x9F\x98\x80\n] 1 2 3 4" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\\ud83dx\\udc00\\u0000\\u12zz\"}]",
          "complete; box [a\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDzz] 1 2 3 4" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\xFF\xE7\xB1\"}]",
          "complete; box [a\xEF\xBF\xBD\xEF\xBF\xBD] 1 2 3 4" },
        /* Going on after an error. */
        { &any,
          "[{\"bbox_2d\": [1,2, {\"bbox_2d\": [5,6,7,8], \"label\": \"b\"}, {\"bbox_2d\": "
          "[1,2,3,4], "
          "{\"bbox_2d\": [9,9,10,10], \"label\": \"c\"}]",
          "complete -1; box [b] 5 6 7 8; box [object 1] 1 2 3 4 unlabelled; box [c] 9 9 10 10" },
        { &any, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\"], {\"bbox_2d\": [5,6,7,8}",
          "complete; box [a] 1 2 3 4; box [object 1] 5 6 7 8 unlabelled" },
        { &any, "```json\n[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\"},\n```",
          "complete; box [a] 1 2 3 4" },
        { &any, "[{ // the cup\n\"bbox_2d\": [1,2,3,4], \"label\": \"a\"}, ...]",
          "complete; box [a] 1 2 3 4" },
        { &any, "Within [0, 1000) I see {a cat}: [note] van(1,2),(3,4)",
          "complete; box [Within [0, 1000) I see {a cat}: [note] van] 1 2 3 4" },
        { &any, "[[[[[[[[[{\"bbox_2d\": [1,2,3,4]}",
          "complete -1; "
          "box [object 1] 1 2 3 4 unlabelled" },
        { &any, "<box>none</box> <b>x</b> 3 < 4 <ref></ref><box>(1,2),(3,4)</box>",
          "complete -1; box [object 1] 1 2 3 4 unlabelled" },
        { &any, "<quad>(1,2),(3,4)</quad><box>(1,2),(3,4),(5,6)</box>", "complete -2" },
    };
    CHECK(cases);
}

static void reads_documents(void **state) {
    (void)state;
    static const answer cases[] = {
        { &any,
          "```html\n<html><body>\n<h1 data-bbox=\"1 2 30 4\" style=\"color:red\">A &lt; B</h1>\n"
          "<ol data-bbox=\"1 5 30 9\"><li data-bbox=\"1,5,30,7\">one <b>two</b></li></ol>\n"
          "<div class=\"chart\" data-bbox='5 10 30 20' format=\"x\"></div>"
          "<img data-bbox=\"5 30 30 40\"/><p data-bbox=\"1 2 3\">bad</p>"
          "<p data-bbox=\"1 50 30 60\">cut {x} (1,2),(3,4)",
          "truncated -1; text [A < B] 1 2 30 4 element=h1; text [one  two] 1 5 30 7 element=li; "
          "box [chart] 5 10 30 20 element=div class=chart format=x; "
          "box [img] 5 30 30 40 element=img; text [cut {x} (1,2),(3,4)] 1 50 30 60 element=p",
          ESPY_FINISH_LENGTH },
        { &any,
          "# T\n\n<!-- Image (1, 2, 30, 40) -->\n\n<!-- Table (5, 6, 70, 80) -->\n"
          "\\begin{tabular}{|c|c|}[2] a & {b} \\\\ \\end{tabular}\n<!-- a note -->\n"
          "<!-- Table (1, 2) -->",
          "complete -1; box [Image] 1 2 30 40; box [Table] 5 6 70 80" },
    };
    CHECK(cases);
}

static void reads_moments(void **state) {
    (void)state;
    static const answer cases[] = {
        { &film,
          "```json\n{\"00:23.00 - 00:48.00\": \"trim the fat\", \"00:56.00 - 01:28.00\": \"b\", "
          "\"00:56.00 - 01:28.00\": \"c\"}\n```",
          "complete; span [trim the fat] 23-48 s; span [b] 56-88 s; span [c] 56-88 s" },
        { &film,
          "[{\"start\": 1.5, \"end\": \"00:03\", \"description\": \"a\"}, "
          "{\"start_time\": \"01:00:02\", \"end_time\": \"1:00:03.25\", \"label\": \"b\", \"n\": "
          "1},"
          "{\"timestamp\": \"3.0 - 1.0 seconds\", \"event\": \"c\"}]",
          "complete; span [a] 1.5-3 s; span [b] 3602-3603.25 s n=1; "
          "span [object 1] swapped unlabelled 1-3 s event=c" },
        { &film, "{\"00:23 - 00:48\": \"a\", \"00:5", "truncated; span [a] 23-48 s" },
        { &film, "[{\"bbox_2d\": [1,2,3,4]}]", "complete -1" },
        { &any,
          "[{\"time\": 1.0, \"bbox_2d\": [1,2,3,4], \"label\": \"a\"}, "
          "{\"time\": \"<1.5 seconds>\", \"bbox_2d\": [1,2,3,4], \"label\": \"a\"}, "
          "{\"time\": \"<1.5 seconds>\", \"bbox_2d\": [1,2,3,4], \"label\": \"a\"}]",
          "complete; box [a] 1 2 3 4 at 1 s; box [a] 1 2 3 4 at 1.5 s x2" },
        { &any, "[{\"time\": \"dusk\", \"bbox_2d\": [1,2,3,4], \"label\": \"a\"}]",
          "complete; box [a] 1 2 3 4 time=dusk" },
    };
    CHECK(cases);
}

/* Section "numbers to shapes", a case or more for each rule. */
static void places_shapes(void **state) {
    (void)state;
    static const answer cases[] = {
        { &any, "{\"bbox_2d\": [10,900,500,100], \"label\": \"a\"}",
          "complete; box [a] 10 100 500 900 swapped" },
        { &any, "{\"bbox_2d\": [-50,0,1050,7], \"label\": \"a\"}",
          "complete; box [a] 0 0 1000 7 clamped" },
        { &any, "[{\"bbox_2d\": [0,0,1051,7]}, {\"bbox_2d\": [-51,0,9,7]}]", "complete -2" },
        { &any, "[{\"bbox_2d\": [0,0,1e999,7]}, {\"bbox_2d\": [NaN,0,9,7]}]", "complete -2" },
        { &square, "{\"bbox_2d\": [-20,0,1020,7.84], \"label\": \"a\"}",
          "complete; box [a] 0 0 1000 8 clamped" },
        { &square, "[{\"bbox_2d\": [0,0,1040,7]}, {\"point\": [-60,0]}]", "complete -2" },
        /* A cell of 28 pixels is more than 5 % of a small picture. */
        { &small,
          "[{\"bbox_2d\": [10,10,308,20], \"label\": \"a\"}, {\"bbox_2d\": [10,10,309,20]}]",
          "complete -1; box [a] 10 10 280 20 clamped" },
        { &any, "[{\"bbox_2d\": [1010,10,1040,20]}]", "complete -1" },
        { &any, "[{\"bbox_2d\": [7,7,7,7]}]", "complete -1" },
        { &half,
          "[{\"bbox_2d\": [7,10,7,90], \"label\": \"a\"}, "
          "{\"bbox_2d\": [7,1000,70,1000], \"label\": \"b\"}]",
          "complete; box [a] 7 5 8 45 pixel; box [b] 7 499 70 500 pixel" },
        { &any, "[{\"quad\": [1,1,2,2,3,3,4,4]}]", "complete -1" },
        { &any, "{\"bbox_2d\": [1.25,2,3,4], \"label\": \"a\"}", "complete; box [a] 1.25 2 3 4" },
        { &any,
          "[{\"bbox_2d\": [0,0,999,1000]}, {\"bbox_2d\": [1,0,999,999], \"label\": \"Image\"},"
          "{\"bbox_2d\": [0,0,1000,1000], \"label\": \"cat\"}]",
          "complete; box [object 1] 0 0 999 1000 whole unlabelled; "
          "box [Image] 1 0 999 999 whole; box [cat] 0 0 1000 1000" },
        { &any,
          "[{\"bbox_2d\": [100,100,200,200], \"label\": \"a\"}, "
          "{\"bbox_2d\": [101,100,200,200], \"label\": \"a\"}, "
          "{\"bbox_2d\": [100,100,200,200], \"label\": \"b\"}, "
          "{\"bbox_2d\": [110,100,200,200], \"label\": \"a\"}]",
          "complete; box [a] 100 100 200 200 x2; box [b] 100 100 200 200; "
          "box [a] 110 100 200 200" },
        { &any, "{\"bbox_3d\": [0,0,5,1,0,1,0,0,0], \"label\": \"a\"}", "complete -1" },
        { &any, "{\"bbox_3d\": [0,0,5,1,1,1,0,0], \"label\": \"a\"}", "complete -1" },
    };
    CHECK(cases);
}

static void gives_reasons(void **state) {
    (void)state;
    espy_shape_reader *reader;
    espy_shapes all;
    static const char text[] = "[{\"bbox_2d\": [10,10,1900,500]}, {\"bbox_2d\": [1,2,3]}]";
    assert_int_equal(espy_shape_reader_open(&reader, &any, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_push(reader, text, sizeof text - 1, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_end(reader, ESPY_FINISH_STOP, &all, NULL), ESPY_OK);
    assert_int_equal(all.n_rejected, 2);
    assert_string_equal(all.reason,
                        "box [10, 10, 1900, 500]: a number lies far beyond the picture");
    espy_shape_reader_close(&reader);
}

/* Whether something was there at all. */
static void tells_prose_from_an_empty_list(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int has_payload;
    } cases[] = { { "[]", 1 },
                  { "```json\n[]\n```", 1 },
                  { "There are none.", 0 },
                  { "I see [2] cups.", 0 },
                  { "<box></box>", 1 },
                  { "{\"bbox_2d\": null}", 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_shape_reader *reader;
        espy_shapes all;
        assert_int_equal(espy_shape_reader_open(&reader, &any, NULL), ESPY_OK);
        espy_shape_reader_push(reader, cases[i].text, strlen(cases[i].text), NULL, NULL);
        espy_shape_reader_end(reader, ESPY_FINISH_STOP, &all, NULL);
        if (all.has_payload != cases[i].has_payload) fail_msg("\"%s\"", cases[i].text);
        espy_shape_reader_close(&reader);
    }
}

static void refuses_bad_parameters(void **state) {
    (void)state;
    static const espy_shape_params bad[] = {
        { .width_px = 100, .height_px = 100 },
        { .box_scale = -1, .width_px = 100, .height_px = 100 },
        { .box_scale = 1000, .width_px = 100 },
        { .box_scale = 1000, .width_px = -1, .height_px = 100 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        espy_shape_reader *reader = (espy_shape_reader *)&reader;
        espy_error err = { 0 };
        assert_int_equal(espy_shape_reader_open(&reader, &bad[i], &err), ESPY_ERR_ARGUMENT);
        assert_null(reader);
        assert_true(err.message[0]);
    }
}

/* ------------------------------------------------------------------ guards */

static espy_shape_reader *reader_of(const espy_shape_params *params) {
    espy_shape_reader *reader;
    assert_int_equal(espy_shape_reader_open(&reader, params, NULL), ESPY_OK);
    return reader;
}

static espy_shape_guard push(espy_shape_reader *reader, const char *text) {
    espy_shape_guard guard;
    assert_int_equal(espy_shape_reader_push(reader, text, strlen(text), &guard, NULL), ESPY_OK);
    return guard;
}

/* Pushes objects until the guard speaks; how many that took, at most n. */
static int push_until(espy_shape_reader *reader, const char *fmt, int n, int step, int modulo,
                      espy_shape_guard *guard) {
    *guard = push(reader, "[");
    for (int i = 1; i <= n; i++) {
        char text[200];
        int x = i * step % modulo;
        snprintf(text, sizeof text, fmt, x, x / 2, x + 9, x / 2 + 9, i);
        *guard = push(reader, text);
        if (*guard) return i;
    }
    return n;
}

static espy_shapes_status finish(espy_shape_reader **reader, int *n) {
    espy_shapes all;
    assert_int_equal(espy_shape_reader_end(*reader, ESPY_FINISH_CALLBACK, &all, NULL), ESPY_OK);
    if (n) *n = all.n_shapes;
    espy_shapes_status status = all.status;
    espy_shape_reader_close(reader);
    return status;
}

static const char plain[] = "{\"bbox_2d\": [%d, %d, %d, %d], \"label\": \"cup\"},";
static const char numbered[] = "{\"bbox_2d\": [%d, %d, %d, %d], \"label\": \"cup %d\"},";
static const char timed[] = "{\"bbox_2d\": [%d, %d, %d, %d], \"label\": \"cup\", \"time\": %d},";
static const char lines[] = "{\"bbox_2d\": [%d, %d, %d, %d], \"text_content\": \"row %d\"},";

static void stops_loops(void **state) {
    (void)state;
    espy_shape_guard guard;
    int n;
    /* The same one: the second run of eight is whole with the ninth. */
    espy_shape_reader *reader = reader_of(&any);
    assert_int_equal(push_until(reader, plain, 900, 1000, 1000, &guard), 9);
    assert_int_equal(guard, ESPY_GUARD_LOOP);
    assert_int_equal(push(reader, "{\"bbox_2d\": [500,500,600,600]}]"), ESPY_GUARD_LOOP);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_LOOP);
    assert_int_equal(n, 1);
    /* A period of 10: object 18 ends the second run. */
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, plain, 900, 300, 1000, &guard), 18);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_LOOP);
    assert_int_equal(n, 10);
    /* Equal steps: more than 30, so with the 32nd box. */
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, numbered, 900, 6, 100000, &guard), 32);
    assert_int_equal(guard, ESPY_GUARD_LOOP);
    assert_int_equal(finish(&reader, NULL), ESPY_SHAPES_LOOP);
    /* More than 200 of one label. */
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, plain, 900, 611, 991, &guard), 201);
    assert_int_equal(guard, ESPY_GUARD_LOOP);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_LOOP);
    assert_int_equal(n, 200);
}

static void lets_long_answers_be(void **state) {
    (void)state;
    espy_shape_guard guard;
    int n;
    /* Many labels; in a film one label, at rest or moving evenly. */
    espy_shape_reader *reader = reader_of(&any);
    assert_int_equal(push_until(reader, numbered, 900, 611, 991, &guard), 900);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_TRUNCATED); /* "]" is missing */
    assert_int_equal(n, 900);
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, timed, 400, 1000, 1000, &guard), 400);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_TRUNCATED);
    assert_int_equal(n, 400);
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, timed, 300, 2, 100000, &guard), 300);
    finish(&reader, NULL);
    /* Lines of a page. */
    reader = reader_of(&any);
    assert_int_equal(push_until(reader, lines, 80, 12, 100000, &guard), 80);
    finish(&reader, NULL);
}

static void stops_when_full(void **state) {
    (void)state;
    espy_shape_guard guard;
    int n;
    espy_shape_reader *reader = reader_of(&any);
    assert_int_equal(push_until(reader, timed, 2000, 0, 1000, &guard), 1025);
    assert_int_equal(guard, ESPY_GUARD_FULL);
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_TRUNCATED);
    assert_int_equal(n, 1024);
}

static void stops_when_closed(void **state) {
    (void)state;
    espy_shape_reader *reader = reader_of(&any);
    assert_int_equal(push(reader, "```json\n[{\"bbox_2d\": [1,2,3,4]}]"), ESPY_GUARD_NONE);
    assert_int_equal(push(reader, "\n``"), ESPY_GUARD_NONE);
    assert_int_equal(push(reader, "`"), ESPY_GUARD_CLOSED);
    assert_int_equal(push(reader, "```\n[{\"bbox_2d\": [5,2,7,4]}]\n```"), ESPY_GUARD_CLOSED);
    int n;
    assert_int_equal(finish(&reader, &n), ESPY_SHAPES_COMPLETE);
    assert_int_equal(n, 2);
    reader = reader_of(&any);
    assert_int_equal(push(reader, "```python\nprint(1)\n```\n[{\"bbox_2d\": [1,2,3,4]}]"),
                     ESPY_GUARD_NONE);
    finish(&reader, NULL);
}

typedef struct watcher {
    int n_shapes, n_forgotten, stop_at;
} watcher;

static int watch(void *user, const espy_shape *shape) {
    watcher *w = user;
    if (!shape) {
        w->n_forgotten++;
        w->n_shapes = 0;
    } else {
        w->n_shapes++;
    }
    return w->stop_at && w->n_shapes == w->stop_at;
}

static void hands_out_while_reading(void **state) {
    (void)state;
    watcher w = { 0 };
    espy_shape_params params = any;
    params.on_shape = watch;
    params.user = &w;
    espy_shape_reader *reader = reader_of(&params);
    push(reader, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"a\"");
    assert_int_equal(w.n_shapes, 0);
    push(reader, "}");
    assert_int_equal(w.n_shapes, 1);
    push(reader, ", {\"bbox_2d\": [1,2,3,4], \"label\": \"a\"}");
    assert_int_equal(w.n_shapes, 1); /* counted, not told again */
    push(reader, " </think> [{\"point\": [1,2]}");
    assert_int_equal(w.n_forgotten, 1);
    assert_int_equal(w.n_shapes, 1);
    w.stop_at = 2;
    assert_int_equal(push(reader, ",{\"point\": [3,4]},{\"point\": [5,6]}]"), ESPY_GUARD_CALLBACK);
    int n;
    finish(&reader, &n);
    assert_int_equal(n, 2);
    assert_int_equal(w.n_shapes, 2);
}

/* ------------------------------------------------------------------ limits */

static void bounds_strings(void **state) {
    (void)state;
    enum { LONG = 70000 };
    char *label = malloc(LONG);
    espy_shape_reader *reader = reader_of(&any);
    espy_shapes all;
    assert_non_null(label);
    memset(label, 'x', LONG);
    label[0] = '\xC3'; /* a character of two bytes */
    label[1] = '\xA4';
    push(reader, "[{\"bbox_2d\": [1,2,3,4], \"label\": \"");
    espy_shape_reader_push(reader, label, LONG, NULL, NULL);
    push(reader, "\"}, {\"bbox_2d\": [5,6,7,8], \"label\": \"b\"}]");
    assert_int_equal(espy_shape_reader_end(reader, ESPY_FINISH_STOP, &all, NULL), ESPY_OK);
    assert_int_equal(all.status, ESPY_SHAPES_COMPLETE);
    assert_int_equal(all.n_shapes, 2);
    assert_int_equal(strlen(all.shapes[0].label), 65536);
    assert_string_equal(all.shapes[1].label, "b");
    espy_shape_reader_close(&reader);

    /* 16 MiB of strings in all: one label, copied for each of its boxes. */
    reader = reader_of(&any);
    push(reader, "[{\"label\": \"");
    espy_shape_reader_push(reader, label, 65000, NULL, NULL);
    push(reader, "\", \"bbox_2d\": [");
    for (int i = 0; i < 190; i++) {
        char text[80];
        snprintf(text, sizeof text, "[%d,%d,%d,%d],", i * 611 % 901, i * 37 % 907, 950, 950);
        push(reader, text);
    }
    assert_int_equal(push(reader, "]}]"), ESPY_GUARD_NONE);
    push(reader, "[{\"label\": \"y");
    espy_shape_reader_push(reader, label, 65000, NULL, NULL);
    push(reader, "\", \"bbox_2d\": [");
    for (int i = 0; i < 190; i++) {
        char text[80];
        snprintf(text, sizeof text, "[%d,%d,%d,%d],", i * 611 % 901, i * 37 % 907, 950, 950);
        push(reader, text);
    }
    assert_int_equal(push(reader, "]}]"), ESPY_GUARD_FULL);
    espy_shape_reader_end(reader, ESPY_FINISH_STOP, &all, NULL);
    assert_int_equal(all.status, ESPY_SHAPES_TRUNCATED);
    assert_in_range(all.n_shapes, 200, 258);
    espy_shape_reader_close(&reader);
    free(label);
}

/* --------------------------------------------------------------------- 3-D */

/* A cube of 2 m, 5 m ahead: its near side at 4 m, its far side at 6 m. */
/* Comments that never end are text, however many there are. */
static void reads_on_behind_open_comments(void **state) {
    (void)state;
    static const char list[] = "\n[{\"bbox_2d\": [1, 2, 30, 40], \"label\": \"cup\"}]";
    espy_shape_reader *reader;
    espy_shapes all;
    assert_int_equal(espy_shape_reader_open(&reader, &any, NULL), ESPY_OK);
    for (int i = 0; i < 20000; i++) /* more than is ever held */
        assert_int_equal(espy_shape_reader_push(reader, "<!--", 4, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_push(reader, list, strlen(list), NULL, NULL), ESPY_OK);
    for (int i = 0; i < 2000; i++) /* the last comment is given up */
        assert_int_equal(espy_shape_reader_push(reader, " ", 1, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_end(reader, ESPY_FINISH_STOP, &all, NULL), ESPY_OK);
    assert_int_equal(all.n_shapes, 1);
    assert_string_equal(all.shapes[0].label, "cup");
    espy_shape_reader_close(&reader);
}

static void refuses_nothing_at_all(void **state) {
    (void)state;
    espy_shape_reader *reader;
    espy_shapes all;
    espy_error err;
    assert_int_equal(espy_shape_reader_open(&reader, NULL, &err), ESPY_ERR_ARGUMENT);
    assert_null(reader);
    assert_int_equal(espy_shape_reader_open(NULL, &any, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_shape_reader_push(NULL, "", 0, NULL, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_shape_reader_end(NULL, ESPY_FINISH_STOP, &all, &err), ESPY_ERR_ARGUMENT);
    espy_shape_reader_close(&reader);
    espy_shape_reader_close(NULL);
}

static void projects_boxes(void **state) {
    (void)state;
    espy_shape box = { .type = ESPY_SHAPE_BOX_3D, .box_3d = { 0, 0, 5, 2, 2, 2, 0, 0, 0 } };
    double corners[8][2], zoom = 0.5 / tan(acos(-1) / 6);
    assert_int_equal(espy_shape_project(&box, 1000, 500, corners), 1);
    for (int i = 0; i < 8; i++) {
        double z = i & 1 ? 6 : 4, x = i & 4 ? 1 : -1, y = i & 2 ? 1 : -1;
        assert_true(fabs(corners[i][0] - 1000 * (0.5 + zoom * x / z)) < 1e-9);
        assert_true(fabs(corners[i][1] - 500 * (0.5 + zoom * y / z)) < 1e-9);
    }
    /* A quarter turn in the picture's plane (roll) exchanges width and height. */
    espy_shape flat = { .type = ESPY_SHAPE_BOX_3D, .box_3d = { 0, 0, 5, 2, 1, 0.1, 0, 0, 90 } };
    assert_int_equal(espy_shape_project(&flat, 1000, 1000, corners), 1);
    assert_true(fabs(fabs(corners[0][0] - 500) * 2 - fabs(corners[0][1] - 500)) < 1e-9);
    /* Yaw turns x towards the camera: +x ends up nearer or farther than -x. */
    flat.box_3d[8] = 0;
    flat.box_3d[7] = 90;
    flat.box_3d[3] = 4;
    assert_int_equal(espy_shape_project(&flat, 1000, 1000, corners), 1);
    assert_true(fabs(corners[4][1] - 500) > fabs(corners[0][1] - 500));
    box.box_3d[2] = 0.5; /* partly behind the camera */
    assert_int_equal(espy_shape_project(&box, 1000, 500, corners), 0);
    box.type = ESPY_SHAPE_BOX;
    assert_int_equal(espy_shape_project(&box, 1000, 500, corners), 0);
}

/* ------------------------------------------------------------------ models */

static void takes_its_rule_from_a_model(void **state) {
    (void)state;
    char path[2000];
    espy_model *model;
    espy_image *image;
    espy_shape_params params;
    static const uint8_t grey[300 * 200 * 3];
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", getenv("ESPY_SOURCE_ROOT"));
    assert_int_equal(espy_model_open(&model, path, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_image_from_pixels(&image, grey, 300, 200, 900, 3, ESPY_ALPHA_WHITE, NULL),
                     ESPY_OK);
    assert_int_equal(espy_shape_params_for(model, image, 0, 0, &params, NULL), ESPY_OK);
    int width, height;
    assert_int_equal(espy_fit(model, 300, 200, 0, 0, &width, &height, NULL, NULL), ESPY_OK);
    assert_int_equal(params.box_scale, 1000);
    assert_int_equal(params.width_px, 300);
    assert_int_equal(params.height_px, 200);
    assert_int_equal(params.fitted_width_px, width);
    assert_int_equal(params.fitted_height_px, height);
    assert_false(params.thinks);
    espy_image_close(&image);
    espy_model_close(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_family),
        cmocka_unit_test(reads_what_models_write),
        cmocka_unit_test(reads_documents),
        cmocka_unit_test(reads_moments),
        cmocka_unit_test(places_shapes),
        cmocka_unit_test(gives_reasons),
        cmocka_unit_test(tells_prose_from_an_empty_list),
        cmocka_unit_test(refuses_bad_parameters),
        cmocka_unit_test(stops_loops),
        cmocka_unit_test(lets_long_answers_be),
        cmocka_unit_test(stops_when_full),
        cmocka_unit_test(stops_when_closed),
        cmocka_unit_test(hands_out_while_reading),
        cmocka_unit_test(bounds_strings),
        cmocka_unit_test(reads_on_behind_open_comments),
        cmocka_unit_test(refuses_nothing_at_all),
        cmocka_unit_test(projects_boxes),
        cmocka_unit_test(takes_its_rule_from_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
