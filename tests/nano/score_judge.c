/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of an answer is right.
 *
 *   exact        the answer to the letter, white space around it apart
 *   tags         a JSON list with the same strings, in any order
 *   caption      names found against names in the picture: matched of the larger
 *                number, so that both what is missing and what is invented costs;
 *                of colours with their things, and of words in quotes, those
 *                that are there. A refusal names nothing.
 *   find         boxes with the right label and half of their union in common:
 *                matched of the larger number, in which objects that are no
 *                boxes count too; an empty list where nothing is
 */
#include "score.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_OVERLAP 0.5

static const char *const row_names[SCORE_N_ROWS] = {
    [SCORE_CAPTION_OBJECTS] = "caption objects",
    [SCORE_CAPTION_COLORS] = "caption colors",
    [SCORE_CAPTION_WORDS] = "caption words",
    [SCORE_CAPTION_LANGUAGES] = "caption languages",
    [SCORE_REFUSAL] = "refusal",
    [SCORE_COUNT] = "count",
    [SCORE_PRESENCE] = "presence",
    [SCORE_RELATION] = "relation",
    [SCORE_COLOR] = "color",
    [SCORE_TEXT] = "text",
    [SCORE_NO_TEXT] = "no_text",
    [SCORE_BOXES] = "boxes",
    [SCORE_FIND_NOTHING] = "find nothing",
    [SCORE_TAGS] = "tags",
    [SCORE_PAIR] = "pair",
    [SCORE_FRAMES] = "frames",
};

const char *score_row_name(score_row row) {
    return row_names[row];
}

int score_row_find(const char *name, size_t n_bytes) {
    for (int i = 0; i < SCORE_N_ROWS; i++)
        if (strlen(row_names[i]) == n_bytes && !memcmp(row_names[i], name, n_bytes)) return i;
    return -1;
}

double score_percent(const score_table *table, score_row row) {
    int of = table->rows[row].of;
    return of ? 100.0 * table->rows[row].right / of : 0;
}

static int add(score_table *table, score_row row, int right, int of) {
    table->rows[row].right += right;
    table->rows[row].of += of;
    return right == of;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* ------------------------------------------------------------ exact and tags */

static int is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **text, size_t *n) {
    while (*n && is_space((*text)[*n - 1])) --*n;
    while (*n && is_space(**text)) ++*text, --*n;
}

static int same_text(const char *answer, size_t n, const char *exact) {
    size_t n_exact = strlen(exact);
    trim(&answer, &n);
    trim(&exact, &n_exact);
    return n == n_exact && !memcmp(answer, exact, n);
}

/* Whether every string of a is in b; 0 too for what is no list of strings. */
static int within(const cJSON *a, const cJSON *b) {
    const cJSON *x, *y;
    if (!cJSON_IsArray(a) || !cJSON_IsArray(b)) return 0;
    cJSON_ArrayForEach(x, a) {
        int found = 0;
        if (!cJSON_IsString(x)) return 0;
        cJSON_ArrayForEach(y, b) found |=
            cJSON_IsString(y) && !strcmp(x->valuestring, y->valuestring);
        if (!found) return 0;
    }
    return 1;
}

/* The answer as one JSON value with nothing after it, or NULL. */
static cJSON *parse_answer(const char *answer, size_t n) {
    const char *end = NULL;
    trim(&answer, &n);
    cJSON *json = cJSON_ParseWithLengthOpts(answer, n, &end, 0);
    if (json && end != answer + n) cJSON_Delete(json), json = NULL;
    return json;
}

static int same_set(const char *answer, size_t n, const char *exact) {
    cJSON *a = parse_answer(answer, n), *b = cJSON_Parse(exact);
    int same = within(a, b) && within(b, a);
    cJSON_Delete(a);
    cJSON_Delete(b);
    return same;
}

/* ------------------------------------------------------------------ captions */

/* How often each known name is in the text: counts [n_names]. */
static void find_names(const score_names *known, const char *articles, const char *answer, size_t n,
                       int *counts) {
    score_text text;
    score_text_open(&text, answer, n);
    score_text_take_quoted(&text); /* the word "STAR" is no star */
    for (int i = 0; i < known->n_names; i++)
        while (score_text_take(&text, known->names[i], articles)) counts[i]++;
    score_text_close(&text);
}

static int take_phrase(score_text *text, const char *phrase) {
    score_text folded;
    score_text_open(&folded, phrase, strlen(phrase));
    int found = score_text_take(text, folded.bytes, NULL);
    score_text_close(&folded);
    return found;
}

static int find_phrases(const cJSON *phrases, const char *answer, size_t n) {
    const cJSON *phrase;
    score_text text;
    int found = 0;
    score_text_open(&text, answer, n);
    cJSON_ArrayForEach(phrase, phrases) found += take_phrase(&text, phrase->valuestring);
    score_text_close(&text);
    return found;
}

/* Words are compared to the letter, each quotation counts once. */
static int find_quoted(const cJSON *words, const char *answer, size_t n) {
    const cJSON *word;
    const char *end = answer + n;
    char *taken = score_alloc(n + 1, 1);
    int found = 0;
    cJSON_ArrayForEach(word, words) {
        size_t n_word = strlen(word->valuestring);
        for (const char *open = answer; open < end;) {
            open = memchr(open, '"', (size_t)(end - open));
            const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
            if (!close) break;
            if (!taken[open - answer] && (size_t)(close - open - 1) == n_word &&
                !memcmp(open + 1, word->valuestring, n_word)) {
                taken[open - answer] = 1;
                found++;
                break;
            }
            open = close + 1;
        }
    }
    free(taken);
    return found;
}

static int judge_caption(score_table *table, const score_question *q, const char *answer,
                         size_t n) {
    const cJSON *name;
    int n_known = q->known->n_names, n_found = 0, n_truth = 0, matched = 0, right;
    int *found = score_alloc((size_t)n_known + 1, sizeof *found);
    int *truth = score_alloc((size_t)n_known + 1, sizeof *truth);
    find_names(q->known, q->known->articles, answer, n, found);
    cJSON_ArrayForEach(name, q->names)
        find_names(q->known, NULL, name->valuestring, strlen(name->valuestring), truth);
    for (int i = 0; i < n_known; i++) {
        n_found += found[i];
        n_truth += truth[i];
        matched += found[i] < truth[i] ? found[i] : truth[i];
    }
    free(found);
    free(truth);
    right = add(table, SCORE_CAPTION_OBJECTS, matched, larger(n_found, n_truth));
    if (strcmp(q->language, "en") != 0)
        add(table, SCORE_CAPTION_LANGUAGES, matched, larger(n_found, n_truth));
    right &= add(table, SCORE_CAPTION_COLORS, find_phrases(q->colored, answer, n),
                 cJSON_GetArraySize(q->colored));
    return right & add(table, SCORE_CAPTION_WORDS, find_quoted(q->words, answer, n),
                       cJSON_GetArraySize(q->words));
}

/* --------------------------------------------------------------------- boxes */

static double area(const double b[4]) {
    return b[2] > b[0] && b[3] > b[1] ? (b[2] - b[0]) * (b[3] - b[1]) : 0;
}

/* Intersection over union; 0 where a box is empty, upside down or no numbers. */
static double overlap(const double a[4], const double b[4]) {
    const double both[4] = { a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1],
                             a[2] < b[2] ? a[2] : b[2], a[3] < b[3] ? a[3] : b[3] };
    double common = area(both), all = area(a) + area(b) - common;
    return common > 0 && all > 0 ? common / all : 0;
}

/* Each true box takes the best of those that are left. */
static int match_boxes(const score_question *q, score_box *found, int n_found) {
    int matched = 0;
    for (int i = 0; i < q->n_boxes; i++) {
        int best = -1;
        double most = 0;
        for (int k = 0; k < n_found; k++) {
            if (!found[k].label || strcmp(found[k].label, q->boxes[i].label) != 0) continue;
            double much = overlap(q->boxes[i].at, found[k].at);
            if (much >= LEAST_OVERLAP && much > most) best = k, most = much;
        }
        if (best < 0) continue;
        found[best].label = NULL; /* taken */
        matched++;
    }
    return matched;
}

/* Not the answer's fault, and with checked sizes only a lack of memory. */
static void must(espy_status status, const espy_error *err) {
    if (!status) return;
    fprintf(stderr, "espy-score: %s\n", err->message);
    exit(2);
}

static int judge_shapes(score_table *table, const score_question *q, const espy_shapes *shapes,
                        const espy_shape_params *params) {
    score_box *found = score_alloc((size_t)shapes->n_shapes + 1, sizeof *found);
    int n_boxes = 0, n_found = shapes->n_rejected;
    for (int i = 0; i < shapes->n_shapes; i++) {
        const espy_shape *shape = &shapes->shapes[i];
        n_found += shape->count;
        if (shape->type != ESPY_SHAPE_BOX) continue;
        for (int k = 0; k < 4; k++)
            found[n_boxes].at[k] =
                shape->xy[k] * 1000 / (k % 2 ? params->height_px : params->width_px);
        found[n_boxes++].label = shape->label;
    }
    int matched = match_boxes(q, found, n_boxes);
    free(found);
    int right = add(table, SCORE_BOXES, matched, larger(n_found, q->n_boxes));
    if (q->n_boxes) return right;
    int is_none = shapes->status == ESPY_SHAPES_NONE && shapes->has_payload && !n_found;
    return add(table, SCORE_FIND_NOTHING, is_none, 1);
}

static int judge_find(score_table *table, const score_question *q, const score_answer *answer) {
    espy_error err = { 0 };
    espy_shape_reader *reader = NULL;
    espy_shapes shapes;
    must(espy_shape_reader_open(&reader, &answer->shapes, &err), &err);
    must(espy_shape_reader_push(reader, answer->text, answer->n_bytes, NULL, &err), &err);
    must(espy_shape_reader_end(reader, answer->finish, &shapes, &err), &err);
    int right = judge_shapes(table, q, &shapes, &answer->shapes);
    espy_shape_reader_close(&reader);
    return right;
}

int score_judge(score_table *table, const score_question *q, const score_answer *answer) {
    switch (q->rule) {
    case SCORE_SET:
        return add(table, q->row, same_set(answer->text, answer->n_bytes, q->exact), 1);
    case SCORE_CAPTION:
        return judge_caption(table, q, answer->text, answer->n_bytes);
    case SCORE_FIND:
        return judge_find(table, q, answer);
    case SCORE_EXACT:
        break;
    }
    return add(table, q->row, same_text(answer->text, answer->n_bytes, q->exact), 1);
}
