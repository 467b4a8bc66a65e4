/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy-score's parts: what counts as right, with answers made up by hand, and
 * what is said about a broken folder. Each case is a line of scenes.jsonl, an
 * answer, and the scores that it has to give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "score.h"

#define NAMES                                                                                          \
    "{\"en\": [\"ring\", \"star\", \"red apple\", \"apple\", \"Owl\"],"                                \
    " \"de\": [\"Äpfel\", \"Ring\"], \"fr\": [\"étoile\", \"rose\"], \"zh\": [\"龟\", \"海龟\", " \
    "\"星形\"]}"
#define QUESTION(task, truth)                                                                      \
    "{\"task\": \"" task "\", \"language\": \"en\", \"images\": [\"a.png\"], \"times\": [], "      \
    "\"prompt\": \"?\", \"answer\": \"!\", \"truth\": {" truth "}}"
#define CAPTION(language, names, colored, words)                                                   \
    "{\"task\": \"caption\", \"language\": \"" language "\", \"images\": [\"a.png\"], "            \
    "\"times\": [], \"prompt\": \"?\", \"answer\": \"!\", \"truth\": {\"names\": [" names          \
    "], \"colored\": [" colored "], \"words\": [" words "]}}"

static char folder[] = "/tmp/espy-score-XXXXXX";

static void write_file(const char *name, const char *text) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) < 0, 0);
    fclose(f);
}

static espy_status open_lines(score_scenes *scenes, const char *names, const char *lines,
                              espy_error *err) {
    write_file("names.json", names);
    write_file("scenes.jsonl", lines);
    return score_scenes_open(scenes, folder, err);
}

/* Numbers in answers are per mille. */
static const espy_shape_params picture = { .box_scale = 1000, .width_px = 500, .height_px = 250 };

typedef struct judged {
    score_table table;
    int all_right;
} judged;

static judged judge_bytes(const char *line, const char *answer, size_t n) {
    judged out = { 0 };
    score_scenes scenes;
    espy_error err = { 0 };
    if (open_lines(&scenes, NAMES, line, &err)) fail_msg("%s", err.message);
    assert_int_equal(scenes.n_questions, 1);
    char *copy = malloc(n ? n : 1); /* of its own size: reading past it is seen */
    assert_non_null(copy);
    memcpy(copy, answer, n);
    score_answer given = { .text = copy, .n_bytes = n, .shapes = picture };
    out.all_right = score_judge(&out.table, &scenes.questions[0], &given);
    free(copy);
    score_scenes_close(&scenes);
    return out;
}

static judged judge(const char *line, const char *answer) {
    return judge_bytes(line, answer, strlen(answer));
}

static void expect(const judged *j, score_row row, int right, int of, const char *answer) {
    if (j->table.rows[row].right != right || j->table.rows[row].of != of)
        fail_msg("\"%s\": %s is %d of %d, not %d of %d", answer, score_row_name(row),
                 j->table.rows[row].right, j->table.rows[row].of, right, of);
}

static void exact_answers(void **state) {
    (void)state;
    static const struct {
        const char *line, *answer;
        score_row row;
        int right;
    } cases[] = {
        { QUESTION("count", "\"exact\": \"3\""), "3", SCORE_COUNT, 1 },
        { QUESTION("count", "\"exact\": \"3\""), " \t3\r\n", SCORE_COUNT, 1 },
        { QUESTION("count", "\"exact\": \"3\""), "30", SCORE_COUNT, 0 },
        { QUESTION("count", "\"exact\": \"3\""), "", SCORE_COUNT, 0 },
        { QUESTION("count", "\"exact\": \"3\""), "\xFF", SCORE_COUNT, 0 },
        { QUESTION("presence", "\"exact\": \"Yes.\""), "yes.", SCORE_PRESENCE, 0 },
        { QUESTION("presence", "\"exact\": \"Yes.\""), "Yes.", SCORE_PRESENCE, 1 },
        { QUESTION("relation", "\"exact\": \"Above.\""), "Below.", SCORE_RELATION, 0 },
        { QUESTION("relation", "\"exact\": \"Above.\""), "Above.", SCORE_RELATION, 1 },
        { QUESTION("color", "\"exact\": \"Red.\""), "Red.", SCORE_COLOR, 1 },
        { QUESTION("color", "\"exact\": \"Red.\""), "Red", SCORE_COLOR, 0 },
        { QUESTION("text", "\"exact\": \"AB\\nC\""), "AB\nC\n", SCORE_TEXT, 1 },
        { QUESTION("text", "\"exact\": \"AB\\nC\""), "AB C", SCORE_TEXT, 0 },
        { QUESTION("no_text", "\"exact\": \"None.\""), "None.", SCORE_NO_TEXT, 1 },
        { QUESTION("refusal", "\"exact\": \"看不出。\""), "看不出。", SCORE_REFUSAL, 1 },
        /* U+3000, a blank, is not ASCII. */
        { QUESTION("refusal", "\"exact\": \"看不出。\""), "　看不出。", SCORE_REFUSAL, 0 },
        { QUESTION("pair", "\"exact\": \"A\""), "A", SCORE_PAIR, 1 },
        { QUESTION("frames", "\"exact\": \"A\""), "B", SCORE_FRAMES, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(cases[i].line, cases[i].answer);
        expect(&j, cases[i].row, cases[i].right, 1, cases[i].answer);
        assert_int_equal(j.all_right, cases[i].right);
        for (int row = 0; row < SCORE_N_ROWS; row++)
            if (row != (int)cases[i].row) expect(&j, (score_row)row, 0, 0, cases[i].answer);
    }
    judged j = judge_bytes(QUESTION("count", "\"exact\": \"3\""), "3\0004", 3);
    expect(&j, SCORE_COUNT, 0, 1, "3, NUL, 4");
}

static void tags_are_sets(void **state) {
    (void)state;
    static const char *const right[] = { "[\"a\",\"red b\"]", " [ \"red b\", \"a\" ]\n",
                                         "[\"a\", \"red b\", \"a\"]" };
    static const char *const wrong[] = {
        "",           "[]",  "[\"a\"]",        "[\"a\", \"red b\", \"c\"]", "a, red b",
        "[\"a\", 1]", "[[]", "{\"a\": \"b\"}", "[\"a\", \"red b\"] and",    "[\"a\", \"\xC3\"]"
    };
    const char *line = QUESTION("tags", "\"exact\": \"[\\\"a\\\", \\\"red b\\\"]\"");
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        judged j = judge(line, right[i]);
        expect(&j, SCORE_TAGS, 1, 1, right[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        judged j = judge(line, wrong[i]);
        expect(&j, SCORE_TAGS, 0, 1, wrong[i]);
    }
}

static void captions_name_things(void **state) {
    (void)state;
    static const struct {
        const char *language, *answer;
        int right, of;
    } cases[] = {
        /* The truth is two stars, a red apple and an owl. */
        { "en", "A star, a star, a red apple and an owl.", 4, 4 },
        { "en", "Star star RED APPLE owl", 4, 4 },
        { "en", "A star, a red apple and an owl.", 3, 4 },
        { "en", "A star, a star, a star, a star, a star, a red apple, an owl.", 4, 7 },
        { "en", "A star, a star, an apple and an owl.", 3, 4 }, /* no red apple, but another */
        { "en", "Stars, starlight, bestar, red apples, owlé", 0, 4 },
        { "en", "A ring, a star.", 1, 4 },
        { "en", "The word \"star\", the word \"owl\" and an owl.", 1, 4 },
        { "en", "A star \" and a star.", 2, 4 }, /* quotes nothing */
        { "en", "", 0, 4 },
        { "en", "I can't tell what this is.", 0, 4 },
        { "en", "\xF0\x9F star\xFF owl\xC3", 2, 4 },
        { "en", "\x80star\x80", 1, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(CAPTION("en", "\"star\", \"Star\", \"red apple\", \"Owl\"", "", ""),
                         cases[i].answer);
        expect(&j, SCORE_CAPTION_OBJECTS, cases[i].right, cases[i].of, cases[i].answer);
        expect(&j, SCORE_CAPTION_LANGUAGES, 0, 0, cases[i].answer);
        assert_int_equal(j.all_right, cases[i].right == cases[i].of);
    }
    judged j = judge(CAPTION("en", "", "", ""), "A star.");
    expect(&j, SCORE_CAPTION_OBJECTS, 0, 1, "A star.");
}

static void captions_in_other_languages(void **state) {
    (void)state;
    static const struct {
        const char *line, *answer;
        int right, of;
    } cases[] = {
        { CAPTION("de", "\"Äpfel\", \"Ring\"", "", ""), "Äpfel und ein Ring", 2, 2 },
        { CAPTION("de", "\"Äpfel\", \"Ring\"", "", ""), "äpfel, ein Springer", 1, 2 },
        { CAPTION("fr", "\"étoile\"", "", ""), "Une étoile à gauche.", 1, 1 },
        { CAPTION("fr", "\"étoile\"", "", ""), "des «étoile», brune étoile", 0, 1 },
        { CAPTION("fr", "\"étoile\"", "", ""), "une éétoile, un étoileé", 0, 1 },
        { CAPTION("fr", "\"étoile\"", "", ""), "u étoile, é étoile,  étoile, étoile", 0, 1 },
        /* Roses are things, and rose is a colour. */
        { CAPTION("fr", "\"rose\", \"étoile\"", "", ""),
          "Une étoile rose et une rose, sur un fond rose clair.", 2, 2 },
        { CAPTION("de", "\"Äpfel\"", "", ""), "Äpfel, \xC3\x84pfel, äPFEL, \xC4pfel", 1, 3 },
        { CAPTION("fr", "\"étoile\"", "", ""), "star", 0, 1 },
        { CAPTION("zh", "\"龟\", \"星形\"", "", ""), "左边有一个龟,右边有一个红色星形。", 2, 2 },
        { CAPTION("zh", "\"龟\", \"星形\"", "", ""), "左边有一个海龟,右边有一个红色星形。", 1, 2 },
        { CAPTION("zh", "\"海龟\"", "", ""), "海龟海龟", 1, 2 },
        { CAPTION("zh", "\"龟\"", "", ""), "\xE9\xBE龟\x9F", 1, 1 },
        { CAPTION("zh", "\"龟\"", "", ""), "\xE9\xBE", 0, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(cases[i].line, cases[i].answer);
        expect(&j, SCORE_CAPTION_OBJECTS, cases[i].right, cases[i].of, cases[i].answer);
        expect(&j, SCORE_CAPTION_LANGUAGES, cases[i].right, cases[i].of, cases[i].answer);
    }
}

static void captions_tell_colors_and_words(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int colors, words;
    } cases[] = {
        { "A red star, a red star and the words \"AB\" and \"AB\".", 2, 2 },
        { "Red star. \"AB\"", 1, 1 },
        { "A red starfish, an infrared star, a star: AB, \"ab\", \"A B\".", 0, 0 },
        { "\"AB\"AB\" red star", 1, 1 },
        { "\"\"AB\"", 0, 0 },
        { "a blue star, red", 0, 0 },
        { "red\xFFstar \"AB\xFF\"", 0, 0 },
        { "\"", 0, 0 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(CAPTION("en", "", "\"red star\", \"red star\"", "\"AB\", \"AB\""),
                         cases[i].answer);
        expect(&j, SCORE_CAPTION_COLORS, cases[i].colors, 2, cases[i].answer);
        expect(&j, SCORE_CAPTION_WORDS, cases[i].words, 2, cases[i].answer);
    }
}

#define BOX(x1, y1, x2, y2, label)                                                                 \
    "{\"bbox_2d\": [" #x1 ", " #y1 ", " #x2 ", " #y2 "], \"label\": \"" label "\"}"

static void boxes_match_by_label_and_overlap(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int right, of;
    } cases[] = {
        { "[" BOX(100, 100, 200, 200, "cat") ", " BOX(500, 100, 600, 200, "dog") "]", 2, 2 },
        { "[" BOX(500, 100, 600, 200, "dog") "," BOX(100, 100, 200, 200, "cat") "]\n", 2, 2 },
        /* Half of the union is enough, a little less is not. */
        { "[" BOX(100, 100, 200, 150, "cat") "]", 1, 2 },
        { "[" BOX(100, 100, 200, 149, "cat") "]", 0, 2 },
        { "[" BOX(133, 100, 233, 200, "cat") "]", 1, 2 },
        { "[" BOX(134, 100, 234, 200, "cat") "]", 0, 2 },
        { "[" BOX(100, 100, 200, 200, "dog") "]", 0, 2 },
        /* One box for one thing. */
        { "[" BOX(100, 100, 200, 200, "cat") "," BOX(100, 100, 200, 200,
                                                     "cat") "," BOX(100, 100, 200, 200, "cat") "]",
          1, 3 },
        /* The reader of shapes turns what is upside down, and stands a fence. */
        { "[" BOX(200, 200, 100, 100, "cat") "]", 1, 2 },
        { "```json\n[" BOX(100, 100, 200, 200, "cat") "]\n```", 1, 2 },
        { "[" BOX(1e999, 100, -1e999, 200, "cat") "," BOX(-1e999, -1e999, 1e999, 1e999, "dog") "]",
          0, 2 },
        { "[{\"bbox_2d\": [100, 100, 200, 200]}, "
          "{\"bbox_2d\": [1, 2], \"label\": \"cat\"}, {\"bbox_2d\": [1], \"label\": \"cat\"}]",
          0, 3 },
        { "[{\"bbox_2d\": [100, \"100\"], \"label\": \"cat\"}]", 0, 2 },
        { "[]", 0, 2 },
        { "[" BOX(100, 100, 200, 200, "cat"), 1, 2 }, /* cut short, but complete */
        { "[{\"bbox_2d\": [100, 100, 20", 0, 2 },
        { "A cat.", 0, 2 },
        { "", 0, 2 },
        { "[\"\xFF\"]", 0, 2 },
    };
    const char *line = QUESTION("find", "\"boxes\": [" BOX(100, 100, 200, 200, "cat") ", " BOX(
                                            500, 100, 600, 200, "dog") "]");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(line, cases[i].answer);
        expect(&j, SCORE_BOXES, cases[i].right, cases[i].of, cases[i].answer);
        expect(&j, SCORE_FIND_NOTHING, 0, 0, cases[i].answer);
        assert_int_equal(j.all_right, cases[i].right == cases[i].of);
    }
}

/* A true box takes the found one that fits it best, and no other has it then. */
static void boxes_take_the_best(void **state) {
    (void)state;
    judged j = judge(
        QUESTION("find", "\"boxes\": [" BOX(0, 0, 100, 100, "a") "," BOX(40, 0, 140, 100, "a") "]"),
        "[" BOX(0, 0, 100, 100, "a") ", " BOX(30, 0, 130, 100, "a") "]");
    expect(&j, SCORE_BOXES, 2, 2, "two that overlap");
    j = judge(
        QUESTION("find", "\"boxes\": [" BOX(0, 0, 100, 100, "a") "," BOX(30, 0, 130, 100, "a") "]"),
        "[" BOX(15, 0, 115, 100, "a") "]");
    expect(&j, SCORE_BOXES, 1, 2, "one between two");
}

static void nothing_is_found(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int right, n_found;
    } cases[] = { { "[]", 1, 0 },
                  { " [ ]\n", 1, 0 },
                  { "[" BOX(1, 1, 2, 2, "cat") "]", 0, 1 },
                  { "", 0, 0 },
                  { "None.", 0, 0 },
                  { "[{\"bbox_2d\": [1, 2, 3], \"label\": \"cat\"}]", 0, 1 },
                  { "[", 0, 0 },
                  { "[{\"label\": \"cat\"}, ", 0, 0 },
                  { "\xC3", 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judged j = judge(QUESTION("find", "\"boxes\": []"), cases[i].answer);
        expect(&j, SCORE_FIND_NOTHING, cases[i].right, 1, cases[i].answer);
        expect(&j, SCORE_BOXES, 0, cases[i].n_found, cases[i].answer);
        assert_int_equal(j.all_right, cases[i].right);
    }
}

static void broken_folders_are_told(void **state) {
    (void)state;
    static const struct {
        const char *names, *lines, *sentence;
    } cases[] = {
        { "", "", "names.json: not an object" },
        { "[]", "", "names.json: not an object" },
        { "{} {}", "", "names.json: not an object" },
        { "{\"en\": 1}", "", "names.json: \"en\" is not a list" },
        { "{\"en\": [\"a\", 1]}", "", "names.json: \"en\" is not a list" },
        { "{}", "", "scenes.jsonl: no question" },
        { "{}", " \n\r\n", "scenes.jsonl: no question" },
        { "{}", "\n\n{\n", "line 3: not an object" },
        { "{}", "[]\n", "line 1: not an object" },
        { "{}", "{} {}\n", "line 1: not an object" },
        { "{}", "{}", "line 1: \"task\" is missing" },
        { "{}", QUESTION("guess", "\"exact\": \"1\""), "\"task\" is none that" },
        { "{}", QUESTION("count", ""), "\"exact\" is missing" },
        { "{}", QUESTION("count", "\"exact\": 1"), "\"exact\" is missing, or is not a string" },
        { "{}", QUESTION("tags", "\"exact\": \"a, b\""), "\"exact\" is not a list" },
        { "{}", QUESTION("tags", "\"exact\": \"[1]\""), "\"exact\" is not a list" },
        { "{}", QUESTION("find", "\"boxes\": {}"), "\"boxes\" is missing" },
        { "{}", QUESTION("find", "\"boxes\": [1]"), "\"boxes\" holds" },
        { "{}", QUESTION("find", "\"boxes\": [" BOX(2, 1, 1, 2, "a") "]"), "\"boxes\" holds" },
        { "{}", QUESTION("find", "\"boxes\": [" BOX(1, 1, 1e999, 2, "a") "]"), "\"boxes\" holds" },
        { "{}", CAPTION("en", "", "", ""), "\"language\" has no list" },
        { NAMES, CAPTION("en", "\"cat\"", "", ""), "\"names\" holds a name" },
        { NAMES, CAPTION("en", "", "1", ""), "\"colored\" is missing" },
        { "{}",
          "{\"task\": \"frames\", \"language\": \"en\", \"images\": [\"a\", \"b\"], \"times\": "
          "[1], \"prompt\": \"\", \"answer\": \"\", \"truth\": {\"exact\": \"\"}}",
          "\"times\" is not a list of one number for each" },
        { "{}",
          "{\"task\": \"frames\", \"language\": \"en\", \"images\": [\"a\"], \"times\": [-1], "
          "\"prompt\": \"\", \"answer\": \"\", \"truth\": {\"exact\": \"\"}}",
          "\"times\" holds" },
        { "{}",
          "{\"task\": \"text\", \"language\": \"en\", \"images\": [], \"times\": [], "
          "\"prompt\": \"\", \"answer\": \"\", \"truth\": {\"exact\": \"\"}}",
          "\"images\" is empty" },
        { "{}",
          "{\"task\": \"text\", \"language\": \"en\", \"images\": [\"a\"], \"times\": [], "
          "\"prompt\": \"\", \"answer\": \"\", \"truth\": 1}",
          "\"truth\" is missing" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        score_scenes scenes;
        espy_error err = { 0 };
        espy_status status = open_lines(&scenes, cases[i].names, cases[i].lines, &err);
        assert_int_equal(status, ESPY_ERR_FORMAT);
        if (!strstr(err.message, cases[i].sentence) || !strstr(err.message, folder))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].sentence, err.message);
        assert_null(scenes.questions);
    }
    score_scenes scenes;
    espy_error err = { 0 };
    assert_int_equal(score_scenes_open(&scenes, "/nonexistent", &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/names.json"));
}

/* Of the scenes that are scored, the true answers themselves get full marks. */
static void true_answers_are_right(void **state) {
    (void)state;
    char path[4096];
    score_scenes scenes;
    score_table table = { 0 };
    espy_error err = { 0 };
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/nano", root ? root : ".");
    if (score_scenes_open(&scenes, path, &err)) fail_msg("%s", err.message);
    for (int i = 0; i < scenes.n_questions; i++) {
        const score_question *q = &scenes.questions[i];
        score_answer given = { q->answer, strlen(q->answer), ESPY_FINISH_STOP, picture };
        if (!score_judge(&table, q, &given))
            fail_msg("line %d: \"%s\" is not right", q->line, q->answer);
    }
    for (int row = 0; row < SCORE_N_ROWS; row++) {
        assert_int_equal(table.rows[row].right, table.rows[row].of);
        if (!table.rows[row].of) fail_msg("nothing about %s", score_row_name((score_row)row));
    }
    score_scenes_close(&scenes);
}

/* Frames, with times before them, and a picture asked about twice. */
static void write_questions(const char *picture_name, const char *exact) {
    char lines[4000], path[1000];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/pictures/%s", root ? root : ".", picture_name);
    cJSON *truth = cJSON_CreateString(exact);
    char *text = cJSON_PrintUnformatted(truth);
    snprintf(
        lines, sizeof lines,
        "{\"task\": \"frames\", \"language\": \"en\", \"images\": [\"a.png\", \"a.png\"], "
        "\"times\": [0, 0.5], \"prompt\": \"What happens?\", \"answer\": \"!\", \"truth\": "
        "{\"exact\": \"!\"}}\n" QUESTION(
            "find",
            "\"boxes\": []") "\n\n"
                             "{\"task\": \"text\", \"language\": \"en\", \"images\": [\"a.png\"], "
                             "\"times\": [], "
                             "\"prompt\": \"?\", \"answer\": \"!\", \"truth\": {\"exact\": %s}}\n",
        text);
    write_file("names.json", "{}");
    write_file("scenes.jsonl", lines);
    cJSON_free(text);
    cJSON_Delete(truth);
    snprintf(lines, sizeof lines, "%s/a.png", folder);
    unlink(lines);
    assert_int_equal(symlink(path, lines), 0);
}

static espy_status run_questions(score_table *table, FILE *wrong, int n, const char *kernels,
                                 espy_error *err) {
    char path[1000];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    score_way way = { .kernels = kernels, .n_threads = 1 };
    espy_model *model;
    score_scenes scenes;
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    if (espy_model_open(&model, path, NULL, err)) fail_msg("%s", err->message);
    if (score_scenes_open(&scenes, folder, err)) fail_msg("%s", err->message);
    espy_status status = score_run(table, model, &scenes, n, &way, wrong, err);
    score_scenes_close(&scenes);
    espy_model_close(&model);
    return status;
}

/* A model with random weights says what nobody expects; once that is expected,
 * it is right. */
static void questions_are_asked(void **state) {
    (void)state;
    score_table table;
    espy_error err = { 0 };
    char line[8000] = "";
    FILE *wrong = tmpfile();
    assert_non_null(wrong);
    write_questions("small.png", "never said");
    if (run_questions(&table, wrong, 3, NULL, &err)) fail_msg("%s", err.message);
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        int is_asked = i == SCORE_FRAMES || i == SCORE_TEXT || i == SCORE_FIND_NOTHING;
        assert_int_equal(table.rows[i].of, is_asked);
        assert_int_equal(table.rows[i].right, 0);
    }
    rewind(wrong);
    for (int i = 0; i < 3; i++) assert_non_null(fgets(line, sizeof line, wrong));
    assert_int_equal(fgetc(wrong), EOF);
    fclose(wrong);
    cJSON *last = cJSON_Parse(line);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(last, "task")), "text");
    assert_int_equal(cJSON_GetObjectItem(last, "line")->valueint, 4);
    write_questions("small.png", cJSON_GetStringValue(cJSON_GetObjectItem(last, "got")));
    cJSON_Delete(last);
    if (run_questions(&table, NULL, 3, NULL, &err)) fail_msg("%s", err.message);
    assert_int_equal(table.rows[SCORE_TEXT].right, 1);
    if (run_questions(&table, NULL, 1, "scalar", &err)) fail_msg("%s", err.message);
    assert_int_equal(table.rows[SCORE_FRAMES].of, 1);
    assert_int_equal(table.rows[SCORE_TEXT].of, 0);

    assert_int_equal(run_questions(&table, NULL, 1, "abacus", &err), ESPY_ERR_UNSUPPORTED);
    write_questions("no-such.png", "");
    assert_int_equal(run_questions(&table, NULL, 3, NULL, &err), ESPY_ERR_IO);
    assert_non_null(strstr(err.message, "scenes.jsonl, line 1: "));
    assert_non_null(strstr(err.message, "a.png"));
}

static void rows_have_names(void **state) {
    (void)state;
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        const char *name = score_row_name((score_row)i);
        assert_int_equal(score_row_find(name, strlen(name)), i);
    }
    assert_int_equal(score_row_find("caption", 7), -1);
    assert_int_equal(score_row_find("", 0), -1);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char path[100];
    snprintf(path, sizeof path, "%s/names.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/scenes.jsonl", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/a.png", folder);
    unlink(path);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_answers),
        cmocka_unit_test(tags_are_sets),
        cmocka_unit_test(captions_name_things),
        cmocka_unit_test(captions_in_other_languages),
        cmocka_unit_test(captions_tell_colors_and_words),
        cmocka_unit_test(boxes_match_by_label_and_overlap),
        cmocka_unit_test(boxes_take_the_best),
        cmocka_unit_test(nothing_is_found),
        cmocka_unit_test(broken_folders_are_told),
        cmocka_unit_test(true_answers_are_right),
        cmocka_unit_test(questions_are_asked),
        cmocka_unit_test(rows_have_names),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
