/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy-score: asks a model about pictures whose truth is known, and counts what
 * it gets right.
 *
 *     FOLDER/scenes.jsonl -> score_scenes -> questions
 *     question -> score_run asks the engine -> answer -> score_judge -> score_table
 *
 * README.md tells the fields of a question. A program for tests: without memory
 * it says so and ends.
 */
#ifndef SCORE_H
#define SCORE_H

#include <cjson/cJSON.h>
#include <espy.h>
#include <stddef.h>
#include <stdio.h>

/* --------------------------------------------------------------- the scores */

/* Each counts how many of how many are right. */
typedef enum score_row {
    SCORE_CAPTION_OBJECTS = 0, /* things that a caption names                  */
    SCORE_CAPTION_COLORS,      /* "red circle"                                 */
    SCORE_CAPTION_WORDS,       /* words in the picture that it quotes          */
    SCORE_CAPTION_LANGUAGES,   /* the first of captions that are not English   */
    SCORE_REFUSAL,             /* from here on answers, right to the letter    */
    SCORE_COUNT,
    SCORE_PRESENCE,
    SCORE_RELATION,
    SCORE_COLOR,
    SCORE_TEXT,
    SCORE_NO_TEXT,
    SCORE_BOXES,        /* boxes found                                         */
    SCORE_FIND_NOTHING, /* questions for what is not there, answered by no box */
    SCORE_TAGS,         /* as sets                                             */
    SCORE_PAIR,
    SCORE_FRAMES,
    SCORE_N_ROWS
} score_row;

typedef struct score_table {
    struct {
        int right, of;
    } rows[SCORE_N_ROWS];
} score_table;

/* "caption objects": static. score_row_find: -1 for a name that none has. */
const char *score_row_name(score_row row);
int score_row_find(const char *name, size_t n_bytes);
double score_percent(const score_table *table, score_row row); /* 0 of 0: 0 */

/* --------------------------------------------------------------- the scenes */

typedef struct score_box {
    double at[4];      /* x1 y1 x2 y2 in per mille of the picture             */
    const char *label; /* borrowed                                            */
} score_box;

enum { SCORE_MOST_IMAGES = 64, SCORE_MOST_BOXES = 1024 };

/* All names of things in one language, lower case, longest first. */
typedef struct score_names {
    const char *language;
    const char *articles; /* of which one comes before a name; NULL: need not */
    char **names;         /* [n_names]                                        */
    int n_names;
} score_names;

/* How the truth is told, and so how an answer is judged. */
typedef enum score_rule { SCORE_EXACT = 0, SCORE_SET, SCORE_CAPTION, SCORE_FIND } score_rule;

typedef struct score_question {
    int line; /* of scenes.jsonl, from 1 */
    score_rule rule;
    score_row row; /* SCORE_EXACT, SCORE_SET: where it counts          */
    cJSON *json;   /* owns the strings and lists below                 */
    const char *task, *language, *prompt, *answer;
    const cJSON *images;      /* strings, at least one                            */
    const cJSON *times;       /* numbers, one per image; or none                  */
    const char *exact;        /* SCORE_EXACT, SCORE_SET                           */
    const score_names *known; /* SCORE_CAPTION: of its language; and strings: */
    const cJSON *names, *colored, *words;
    score_box *boxes; /* SCORE_FIND: [n_boxes]                                */
    int n_boxes;
} score_question;

typedef struct score_scenes {
    char *folder;
    score_question *questions; /* [n_questions], in the order of the file */
    int n_questions;
    score_names *languages; /* [n_languages] */
    int n_languages;
    cJSON *names_json;
} score_scenes;

/* Errors: ESPY_ERR_IO, ESPY_ERR_FORMAT, with file and line in the message; out
 * is empty then. */
espy_status score_scenes_open(score_scenes *out, const char *folder, espy_error *err);
void score_scenes_close(score_scenes *scenes);

/* ---------------------------------------------------------------- judging */

typedef struct score_answer {
    const char *text; /* any bytes */
    size_t n_bytes;
    espy_finish finish;
    espy_shape_params shapes; /* how to read boxes: model and first picture */
} score_answer;

/* Adds one answer to the table. Returns 1 if all of it is right. */
int score_judge(score_table *table, const score_question *question, const score_answer *answer);

/* ------------------------------------------------------------ text (steps) */

/* A text in lower case, parts of which can be taken once. Bytes that are no
 * UTF-8 stay as they are and are no letters. */
typedef struct score_text {
    char *bytes; /* [n_bytes] */
    char *taken; /* [n_bytes] */
    size_t n_bytes;
} score_text;

void score_text_open(score_text *out, const char *text, size_t n_bytes);
void score_text_close(score_text *text);

/* Takes the first free place where the phrase (lower case) stands as words of
 * its own; in scripts without blanks any place will do. after (may be NULL): and
 * where one of these words, a blank after each, comes before it. Returns 0
 * if there is none. */
int score_text_take(score_text *text, const char *phrase, const char *after);

/* Takes what stands in double quotes. */
void score_text_take_quoted(score_text *text);

/* ----------------------------------------------------------------- running */

/* One way to compute. A zeroed one is the default. */
typedef struct score_way {
    const char *kernels;
    int n_threads;
    int exact;
} score_way;

/* Asks the first n_questions. wrong (may be NULL) receives each wrong answer as
 * a line of JSON. Errors: those of espy_context_open, of pictures and of
 * espy_generate, the last two with file and line. */
espy_status score_run(score_table *out, const espy_model *model, const score_scenes *scenes,
                      int n_questions, const score_way *way, FILE *wrong, espy_error *err);

/* -------------------------------------------------------------------- base */

#if defined(__GNUC__)
#define SCORE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SCORE_PRINTF(text, first)
#endif

espy_status score_fail(espy_error *err, espy_status code, const char *format, ...)
    SCORE_PRINTF(3, 4);

/* Zeroed, never NULL, for free(). */
void *score_alloc(size_t n, size_t bytes);

#endif
