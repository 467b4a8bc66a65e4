/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What espy asks models for. One row per task: the prompt in each family's
 * wording, how large the picture is shown, how the answer is sampled and read,
 * and how long it may get.
 *
 * The wordings of Qwen3-VL are those of its own cookbooks where they have one
 * (GROUNDING.md sections 5 and 7), those of Qwen-VL the ones that it was trained on as far
 * as they are known (section 2); the built-in model was taught these literally. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "text/languages.h"
#include "text/readings.h"

#define MARK "{argument}"
#define IN "{language}" /* English if no other is asked for */

#define AS_MARKDOWN "Write the content of this document as Markdown."
#define AS_HTML "Write the content of this document as HTML."
#define PLACES_OF(things)                                                                          \
    ("Locate every instance that belongs to the following categories: " things                     \
     ". Report bbox coordinates in JSON format.")

typedef struct row {
    espy_task task;
    const char *prompts[ESPY_N_WORDINGS]; /* NULL: as the first */
    /* Vision tokens of a picture; 0: the model's limits. Boxes and small print
     * need more than a small picture has, a caption needs no more than this. */
    int min_tokens, max_tokens;
    int greedy;       /* one right answer; else as the model samples */
    const char *film; /* about a film; NULL: the prompt with "video" for "image" */
} row;

static const row rows[] = {
    { { "caption", "one sentence", NULL, ESPY_ANSWER_TEXT, 128, 1, 1 },
      { "Describe this image in one sentence.", [ESPY_WORDING_QWEN_VL] =
                                                    "Describe the image in " IN ":" },
      0,
      1280,
      0 },
    { { "alt", "alt text: one plain sentence, without \"This image shows\"", NULL,
        ESPY_ANSWER_SENTENCE, 96, 1, 1 },
      { "Write alt text for this image: one short, plain sentence." },
      0,
      1280,
      0 },
    { { "detailed", "everything that can be seen", NULL, ESPY_ANSWER_TEXT, 1024, 1, 1 },
      { "Describe this image in detail." },
      0,
      1280,
      0 },
    { { "tags", "keywords", NULL, ESPY_ANSWER_TAGS, 256, 1, 0 },
      { "List the tags of this image as a JSON array of strings." },
      0,
      1280,
      1 },
    { { "text", "the text in the picture", NULL, ESPY_ANSWER_TEXT, 4096, 0, 0, 1 },
      { "Please output only the text content from the image without any additional descriptions "
        "or formatting." },
      512,
      0,
      1 },
    { { "markdown", "a document as Markdown", NULL, ESPY_ANSWER_DOCUMENT, 8192, 0, 0, 1 },
      { "qwenvl markdown", [ESPY_WORDING_QWEN_VL] = AS_MARKDOWN,
        [ESPY_WORDING_QWEN2_VL] = AS_MARKDOWN, [ESPY_WORDING_QWEN2_5_VL] = AS_MARKDOWN },
      1024,
      0,
      1 },
    { { "html", "a document as HTML, with the places of its parts", NULL, ESPY_ANSWER_DOCUMENT,
        8192, 0, 0, 1 },
      { "qwenvl html", [ESPY_WORDING_QWEN_VL] = AS_HTML, [ESPY_WORDING_QWEN2_VL] = AS_HTML,
        [ESPY_WORDING_QWEN2_5_VL] = "QwenVL HTML " }, /* the blank is part of it */
      1024,
      0,
      1 },
    { { "events", "what happens in a film, and when", NULL, ESPY_ANSWER_SHAPES, 4096, 0, 0,
        .needs_all = 1, .films_only = 1 },
      /* GROUNDING.md section 8 */
      { "Localize a series of activity events in the video, output the start and end timestamp "
        "for each event, and describe each event with sentences. Provide the result in json "
        "format with 'mm:ss.ff' format for time depiction." },
      0,
      0,
      1 },
    { { "find", "the places of things, as boxes", "what to find", ESPY_ANSWER_SHAPES, 4096, 0, 0,
        1 },
      { PLACES_OF("\"" MARK "\""),
        /* "box where X is in the picture", as its readme asks */
        [ESPY_WORDING_QWEN_VL] = ("框出图中" MARK "的位置"),
        [ESPY_WORDING_QWEN2_VL] = ("Detect the bounding box of " MARK "."),
        /* its notebook, GROUNDING.md section 4 */
        [ESPY_WORDING_QWEN2_5_VL] = ("Outline the position of each " MARK
                                     " and output all the coordinates in JSON format."),
        /* without quotes: to it, a word behind one is spelled in letters */
        [ESPY_WORDING_NANO] = PLACES_OF(MARK) },
      1024,
      2048,
      1,
      "Given the query \"" MARK "\", for each frame, detect and localize the visual content "
      "described by the given textual query in JSON format. If the visual content does not exist "
      "in a frame, skip that frame. Output Format: [{\"time\": 1.0, \"bbox_2d\": [x_min, y_min, "
      "x_max, y_max], \"label\": \"\"}, ...]." },
    { { "count", "how many there are of something", "what to count", ESPY_ANSWER_NUMBER, 32, 1, 0 },
      { "How many " MARK " are there in this image? Answer with a number." },
      0,
      1280,
      1 },
    { { "question", "a question of one's own", "the question", ESPY_ANSWER_TEXT, 512, 1, 0 },
      { MARK },
      0,
      0,
      0 },
};
enum { n_rows = sizeof rows / sizeof *rows, THINKING_TOKENS = 4096 };

const espy_task *espy_task_at(int i) {
    return i >= 0 && i < n_rows ? &rows[i].task : NULL;
}

static const row *row_of(const char *name) {
    for (int i = 0; name && i < n_rows; i++)
        if (!strcmp(rows[i].task.name, name)) return &rows[i];
    return NULL;
}

const espy_task *espy_task_find(const char *name) {
    const row *r = row_of(name);
    return r ? &r->task : NULL;
}

/* ------------------------------------------------------------------ prompt */

/* Within the quotes of a prompt: one line, and no quote that would end them. */
static void copy_argument(char *out, const char *argument, int quoted) {
    for (; *argument; argument++, out++) {
        *out = *argument;
        if (quoted && *out == '"') *out = '\'';
        if (quoted && (*out == '\n' || *out == '\r')) *out = ' ';
    }
    *out = 0;
}

static int is_blank(const char *s) {
    while (espy_is_space(*s)) s++;
    return !*s;
}

/* Letters of any script, blanks and hyphens: a language's name and no more. */
static int is_name(const char *s) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if (!espy_is_letter(s[i]) && !(s[i] & 0x80) && s[i] != ' ' && s[i] != '-') return 0;
    return n > 0 && n <= 60;
}

/* The language to ask for; NULL: English, or nothing to ask. */
static espy_status choose_language(const espy_model *m, const espy_task *task, const char *given,
                                   const char **language, espy_error *err) {
    int small = 0;
    *language = NULL;
    if (!given || !*given || !task->takes_language) return ESPY_OK;
    const char *name = espy_language_find(given, &small);
    if (!name && !is_name(given))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "'%.60s' is not the name of a language",
                         given);
    if (m->built_in && !small) return ESPY_OK;
    if (!name) name = given;
    if (strcmp(name, "English") != 0) *language = name;
    return ESPY_OK;
}

/* A wording that names the language itself. */
static char *name_language(const char *wording, const char *mark, const char *language) {
    size_t n = strlen(wording) + strlen(language) + 1;
    char *prompt = malloc(n);
    if (prompt)
        snprintf(prompt, n, "%.*s%s%s", (int)(mark - wording), wording, language,
                 mark + strlen(IN));
    return prompt;
}

static char *build_prompt(const char *wording, const char *argument, const char *language) {
    const char *mark = strstr(wording, MARK), *in = strstr(wording, IN);
    if (in) return name_language(wording, in, language ? language : "English");
    size_t before = mark ? (size_t)(mark - wording) : strlen(wording);
    const char *behind = mark ? mark + strlen(MARK) : "";
    size_t n =
        strlen(wording) + (mark ? strlen(argument) : 0) + (language ? strlen(language) : 0) + 16;
    char *prompt = malloc(n);
    if (!prompt) return NULL;
    memcpy(prompt, wording, before);
    if (mark) copy_argument(prompt + before, argument, *behind != 0);
    if (!mark) prompt[before] = 0;
    size_t at = strlen(prompt);
    snprintf(prompt + at, n - at, "%s%s%s%s", behind, language ? " Answer in " : "",
             language ? language : "", language ? "." : "");
    return prompt;
}

/* Limits in pixels. A model of small pictures keeps its own: it was not taught
 * what lies beyond them. */
static void choose_size(espy_task_request *out, const espy_model *m, const row *r) {
    const espy_vision_config *v = &m->config.vision;
    int64_t token = (int64_t)v->patch * v->merge * v->patch * v->merge;
    int64_t least = r->min_tokens * token, most = r->max_tokens * token;
    if (least > m->config.image.min_pixels && least <= m->config.image.max_pixels)
        out->min_pixels = least;
    if (most >= m->config.image.min_pixels && most < m->config.image.max_pixels)
        out->max_pixels = most;
}

/* The family's words; about a film, its own or those with "video" for "image". NULL
 * without memory. */
static char *copy_wording(const row *r, espy_wording family, int film) {
    const char *wording = film && r->film ? r->film : r->prompts[family];
    char *copy = strdup(wording ? wording : r->prompts[0]);
    for (char *s = copy; film && s && (s = strstr(s, "image"));)
        for (int i = 0; i < 5; i++) *s++ = "video"[i];
    return copy;
}

static espy_status prepare(espy_task_request *out, const espy_model *m, const espy_task *task,
                           const char *argument, const char *language, int film, espy_error *err) {
    if (!out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the request was given");
    *out = (espy_task_request){ 0 };
    const row *r = task ? row_of(task->name) : NULL;
    if (!m || !r) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no model or no task was given");
    if (r->task.argument && (!argument || is_blank(argument)))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "task '%s': %s is missing", r->task.name,
                         r->task.argument);
    espy_status status = choose_language(m, &r->task, language, &language, err);
    if (status) return status;
    espy_wording column = m->built_in ? ESPY_WORDING_NANO : m->family->wording;
    char *wording = copy_wording(r, column, film);
    if (wording) out->prompt = build_prompt(wording, argument, language);
    free(wording);
    if (!out->prompt) return espy_out_of_memory(err);
    out->task = &r->task;
    out->thinks = m->chat->thought_start != NULL;
    out->max_tokens = r->task.max_tokens + (out->thinks ? THINKING_TOKENS : 0);
    if (!r->greedy) out->sampling = m->config.sampling;
    if (!film) choose_size(out, m, r); /* frames have limits of their own */
    return ESPY_OK;
}

espy_status espy_task_prepare(espy_task_request *out, const espy_model *m, const espy_task *task,
                              const char *argument, const char *language, espy_error *err) {
    if (out && task && task->films_only) {
        *out = (espy_task_request){ 0 };
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "task '%s' is about films, not pictures",
                         task->name);
    }
    return prepare(out, m, task, argument, language, 0, err);
}

espy_status espy_task_prepare_film(espy_task_request *out, const espy_model *m,
                                   const espy_task *task, const char *argument,
                                   const char *language, espy_error *err) {
    return prepare(out, m, task, argument, language, 1, err);
}

void espy_task_request_clear(espy_task_request *r) {
    if (!r) return;
    free(r->prompt);
    *r = (espy_task_request){ 0 };
}

/* ------------------------------------------------------------------ answer */

/* What follows the thinking; NULL while it goes on. */
static const char *behind_thinking(const espy_task_request *r, const char *answer) {
    static const char end[] = "</think>";
    const char *found = NULL;
    for (const char *s = answer; (s = strstr(s, end)); s += strlen(end)) found = s + strlen(end);
    return found || r->thinks ? found : answer;
}

int espy_task_ended(const espy_task_request *r, const char *answer) {
    const char *s = r && r->task && answer ? behind_thinking(r, answer) : NULL;
    if (!s) return 0;
    switch (r->task->answer) {
    case ESPY_ANSWER_SENTENCE:
        return espy_sentence_ended(s);
    case ESPY_ANSWER_TAGS:
        return espy_tags_ended(s);
    case ESPY_ANSWER_NUMBER:
        return espy_number_ended(s);
    case ESPY_ANSWER_TEXT:
    case ESPY_ANSWER_SHAPES:
    case ESPY_ANSWER_DOCUMENT:
        break;
    }
    return 0;
}

/* The tags as one line. */
static char *join(char *const *tags, int n) {
    size_t room = 1, at = 0;
    for (int i = 0; i < n; i++) room += strlen(tags[i]) + 2;
    char *text = malloc(room);
    if (!text) return NULL;
    *text = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%s", i ? ", " : "", tags[i]);
    return text;
}

static char *copy_trimmed(const char *s) {
    while (espy_is_space(*s)) s++;
    size_t n = strlen(s);
    while (n && espy_is_space(s[n - 1])) n--;
    return strndup(s, n);
}

/* With a point, whatever the locale of the host has between the digits. */
static char *number_text(const espy_reading *reading, const char *s) {
    char text[32];
    if (!reading->has_number) return copy_trimmed(s);
    snprintf(text, sizeof text, "%.15g", reading->number);
    char *mark = text + strspn(text, "0123456789");
    size_t n = strcspn(mark, "0123456789e"); /* a mark may have several bytes */
    if (n && mark > text) {                  /* "inf" has none */
        memmove(mark + 1, mark + n, strlen(mark + n) + 1);
        *mark = '.';
    }
    return strdup(text);
}

espy_status espy_task_read(const espy_task_request *r, const char *answer, espy_reading *out,
                           espy_error *err) {
    if (!out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the reading was given");
    *out = (espy_reading){ 0 };
    if (!r || !r->task || !answer)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no prepared task or no answer was given");
    const char *s = behind_thinking(r, answer);
    espy_status status = ESPY_OK;
    size_t n;
    if (!s) s = "";
    switch (r->task->answer) {
    case ESPY_ANSWER_SENTENCE:
        out->text = espy_read_sentence(s);
        break;
    case ESPY_ANSWER_TAGS:
        status = espy_read_tags(s, &out->tags, &out->n_tags, err);
        if (!status) out->text = join(out->tags, out->n_tags);
        break;
    case ESPY_ANSWER_NUMBER:
        out->has_number = espy_read_number(s, &out->number);
        out->text = number_text(out, s);
        break;
    case ESPY_ANSWER_DOCUMENT:
        s = espy_read_document(s, &n);
        out->text = strndup(s, n);
        break;
    case ESPY_ANSWER_TEXT:
    case ESPY_ANSWER_SHAPES:
        out->text = copy_trimmed(s);
        break;
    }
    if (!status && !out->text) status = espy_out_of_memory(err);
    if (status) espy_reading_clear(out);
    return status;
}

void espy_reading_clear(espy_reading *r) {
    if (!r) return;
    free(r->text);
    espy_tags_free(r->tags, r->n_tags);
    *r = (espy_reading){ 0 };
}
