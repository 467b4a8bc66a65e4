/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads FOLDER/names.json and FOLDER/scenes.jsonl, and checks all that judging
 * and asking rely on, so that a broken folder is told by file and line before
 * the first question is asked. */
#define _POSIX_C_SOURCE 200809L
#include "score.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const struct {
    const char *name;
    score_rule rule;
    score_row row;
} tasks[] = {
    { "caption", SCORE_CAPTION, SCORE_CAPTION_OBJECTS },
    { "refusal", SCORE_EXACT, SCORE_REFUSAL },
    { "count", SCORE_EXACT, SCORE_COUNT },
    { "presence", SCORE_EXACT, SCORE_PRESENCE },
    { "relation", SCORE_EXACT, SCORE_RELATION },
    { "color", SCORE_EXACT, SCORE_COLOR },
    { "text", SCORE_EXACT, SCORE_TEXT },
    { "no_text", SCORE_EXACT, SCORE_NO_TEXT },
    { "find", SCORE_FIND, SCORE_BOXES },
    { "tags", SCORE_SET, SCORE_TAGS },
    { "pair", SCORE_EXACT, SCORE_PAIR },
    { "frames", SCORE_EXACT, SCORE_FRAMES },
};
enum { n_tasks = sizeof tasks / sizeof *tasks };

espy_status score_fail(espy_error *err, espy_status code, const char *format, ...) {
    err->code = code;
    err->offset = -1;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return code;
}

void *score_alloc(size_t n, size_t bytes) {
    void *p = calloc(n ? n : 1, bytes);
    if (p) return p;
    fputs("espy-score: out of memory\n", stderr);
    exit(2);
}

static char *join(const char *folder, const char *file) {
    size_t n = strlen(folder) + strlen(file) + 2;
    char *path = score_alloc(n, 1);
    snprintf(path, n, "%s/%s", folder, file);
    return path;
}

/* ------------------------------------------------------------------- fields */

/* Where a question is being read. */
typedef struct place {
    const char *path;
    int line;
    espy_error *err;
} place;

static espy_status broken(const place *at, const char *key, const char *what) {
    return score_fail(at->err, ESPY_ERR_FORMAT, "%s, line %d: \"%s\" %s", at->path, at->line, key,
                      what);
}

static const cJSON *get(const cJSON *object, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const char *get_string(const cJSON *object, const char *key, const place *at) {
    const char *text = cJSON_GetStringValue(get(object, key));
    if (!text) broken(at, key, "is missing, or is not a string");
    return text;
}

/* A list of strings; NULL and an error if it is none. */
static const cJSON *get_strings(const cJSON *object, const char *key, const place *at) {
    const cJSON *list = get(object, key), *item;
    int good = cJSON_IsArray(list);
    if (good) cJSON_ArrayForEach(item, list) good = good && cJSON_IsString(item);
    if (!good) broken(at, key, "is missing, or is not a list of strings");
    return good ? list : NULL;
}

/* -------------------------------------------------------------------- truths */

static espy_status read_captions(score_question *q, const cJSON *truth, const score_scenes *scenes,
                                 const place *at) {
    const cJSON *name;
    q->names = get_strings(truth, "names", at);
    q->colored = q->names ? get_strings(truth, "colored", at) : NULL;
    q->words = q->colored ? get_strings(truth, "words", at) : NULL;
    if (!q->words) return at->err->code;
    for (int i = 0; i < scenes->n_languages; i++) {
        const char *language = scenes->languages[i].language;
        if (language && !strcmp(language, q->language)) q->known = &scenes->languages[i];
    }
    if (!q->known) return broken(at, "language", "has no list in names.json");
    cJSON_ArrayForEach(name, q->names) {
        int found = 0;
        score_text text;
        score_text_open(&text, name->valuestring, strlen(name->valuestring));
        for (int i = 0; i < q->known->n_names; i++)
            found |= !strcmp(text.bytes, q->known->names[i]);
        score_text_close(&text);
        if (!found) return broken(at, "names", "holds a name that is not in names.json");
    }
    return ESPY_OK;
}

static int read_box(score_box *box, const cJSON *object) {
    const cJSON *list = get(object, "bbox_2d"), *number;
    int n = 0;
    box->label = cJSON_GetStringValue(get(object, "label"));
    if (!box->label || !cJSON_IsArray(list) || cJSON_GetArraySize(list) != 4) return 0;
    cJSON_ArrayForEach(number, list) {
        if (!cJSON_IsNumber(number) || !isfinite(number->valuedouble)) return 0;
        box->at[n++] = number->valuedouble;
    }
    return box->at[0] < box->at[2] && box->at[1] < box->at[3];
}

static espy_status read_boxes(score_question *q, const cJSON *truth, const place *at) {
    const cJSON *list = get(truth, "boxes"), *object;
    if (!cJSON_IsArray(list)) return broken(at, "boxes", "is missing, or is not a list");
    if (cJSON_GetArraySize(list) > SCORE_MOST_BOXES) return broken(at, "boxes", "is too long");
    q->boxes = score_alloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *q->boxes);
    cJSON_ArrayForEach(object, list) {
        if (!read_box(&q->boxes[q->n_boxes], object))
            return broken(at, "boxes", "holds what is no box of four numbers and a label");
        q->n_boxes++;
    }
    return ESPY_OK;
}

static espy_status read_exact(score_question *q, const cJSON *truth, const place *at) {
    q->exact = get_string(truth, "exact", at);
    if (!q->exact) return at->err->code;
    if (q->rule == SCORE_EXACT) return ESPY_OK;
    cJSON *set = cJSON_Parse(q->exact);
    const cJSON *item;
    int good = cJSON_IsArray(set);
    if (good) cJSON_ArrayForEach(item, set) good = good && cJSON_IsString(item);
    cJSON_Delete(set);
    return good ? ESPY_OK : broken(at, "exact", "is not a list of strings in JSON");
}

/* ----------------------------------------------------------------- questions */

static espy_status read_images(score_question *q, const place *at) {
    const cJSON *time;
    q->images = get_strings(q->json, "images", at);
    q->times = get(q->json, "times");
    if (!q->images) return at->err->code;
    int n = cJSON_GetArraySize(q->images), n_times = cJSON_GetArraySize(q->times);
    if (n < 1 || n > SCORE_MOST_IMAGES) return broken(at, "images", "is empty, or has over 64");
    if (!cJSON_IsArray(q->times) || (n_times && n_times != n))
        return broken(at, "times", "is not a list of one number for each picture, or of none");
    cJSON_ArrayForEach(time, q->times) {
        if (!cJSON_IsNumber(time) || !(time->valuedouble >= 0 && time->valuedouble < 1e6))
            return broken(at, "times", "holds what is no time in seconds");
    }
    return ESPY_OK;
}

static espy_status read_question(score_question *q, const score_scenes *scenes, const place *at) {
    const cJSON *truth = get(q->json, "truth");
    int task = 0;
    q->task = get_string(q->json, "task", at);
    q->language = q->task ? get_string(q->json, "language", at) : NULL;
    q->prompt = q->language ? get_string(q->json, "prompt", at) : NULL;
    q->answer = q->prompt ? get_string(q->json, "answer", at) : NULL;
    if (!q->answer || read_images(q, at)) return at->err->code;
    while (task < n_tasks && strcmp(q->task, tasks[task].name) != 0) task++;
    if (task == n_tasks) return broken(at, "task", "is none that espy-score knows");
    q->rule = tasks[task].rule;
    q->row = tasks[task].row;
    if (!cJSON_IsObject(truth)) return broken(at, "truth", "is missing, or is not an object");
    if (q->rule == SCORE_CAPTION) return read_captions(q, truth, scenes, at);
    return q->rule == SCORE_FIND ? read_boxes(q, truth, at) : read_exact(q, truth, at);
}

static int is_blank(const char *line, size_t n) {
    return strspn(line, " \t\r\n") == n;
}

static espy_status read_line(score_scenes *scenes, int *capacity, const char *line, size_t n,
                             const place *at) {
    if (is_blank(line, n)) return ESPY_OK;
    if (scenes->n_questions == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        score_question *more = score_alloc((size_t)*capacity, sizeof *more);
        if (scenes->questions)
            memcpy(more, scenes->questions, (size_t)scenes->n_questions * sizeof *more);
        free(scenes->questions);
        scenes->questions = more;
    }
    score_question *q = &scenes->questions[scenes->n_questions];
    *q = (score_question){ .line = at->line };
    /* n + 1: with the byte 0 that getline adds, which has to come next. */
    q->json = strlen(line) == n ? cJSON_ParseWithLengthOpts(line, n + 1, NULL, 1) : NULL;
    scenes->n_questions++;
    if (!cJSON_IsObject(q->json))
        return score_fail(at->err, ESPY_ERR_FORMAT, "%s, line %d: not an object in JSON", at->path,
                          at->line);
    return read_question(q, scenes, at);
}

static espy_status read_lines(score_scenes *scenes, const char *path, espy_error *err) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int capacity = 0;
    espy_status status = ESPY_OK;
    place at = { .path = path, .line = 1, .err = err };
    FILE *f = fopen(path, "rb");
    if (!f) return score_fail(err, ESPY_ERR_IO, "%s: %s", path, strerror(errno));
    for (; !status && (n = getline(&line, &size, f)) >= 0; at.line++)
        status = read_line(scenes, &capacity, line, (size_t)n, &at);
    if (!status && ferror(f)) status = score_fail(err, ESPY_ERR_IO, "%s: cannot be read", path);
    if (!status && !scenes->n_questions)
        status = score_fail(err, ESPY_ERR_FORMAT, "%s: no question in it", path);
    free(line);
    fclose(f);
    return status;
}

/* --------------------------------------------------------------------- names */

static espy_status read_file(char **out, const char *path, espy_error *err) {
    size_t n = 0, size = 1 << 16;
    FILE *f = fopen(path, "rb");
    if (!f) return score_fail(err, ESPY_ERR_IO, "%s: %s", path, strerror(errno));
    char *text = score_alloc(size, 1);
    for (size_t got; (got = fread(text + n, 1, size - n - 1, f)) > 0;) {
        n += got;
        if (size - n > 1) continue;
        char *more = score_alloc(2 * size, 1);
        memcpy(more, text, n);
        free(text);
        text = more;
        size *= 2;
    }
    int failed = ferror(f);
    fclose(f);
    *out = text;
    return failed ? score_fail(err, ESPY_ERR_IO, "%s: cannot be read", path) : ESPY_OK;
}

static int longest_first(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t n_x = strlen(x), n_y = strlen(y);
    return n_x != n_y ? (n_x < n_y) - (n_x > n_y) : strcmp(x, y);
}

/* In these languages names also stand for colours ("un carré rose") and other
 * words ("sobre", an envelope), but things always come with an article. */
static const char *articles_of(const char *language) {
    if (!strcmp(language, "fr")) return "un une des le la les ";
    if (!strcmp(language, "es")) return "un una unos unas el la los las ";
    return NULL;
}

static int add_language(score_names *out, const cJSON *list) {
    const cJSON *name;
    *out = (score_names){ .language = list->string, .articles = articles_of(list->string) };
    if (!cJSON_IsArray(list)) return 0;
    out->names = score_alloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *out->names);
    cJSON_ArrayForEach(name, list) {
        score_text text;
        if (!cJSON_IsString(name)) return 0;
        score_text_open(&text, name->valuestring, strlen(name->valuestring));
        free(text.taken);
        out->names[out->n_names++] = text.bytes;
    }
    qsort(out->names, (size_t)out->n_names, sizeof *out->names, longest_first);
    return 1;
}

static espy_status read_names(score_scenes *scenes, const char *path, espy_error *err) {
    char *text = NULL;
    const cJSON *list;
    espy_status status = read_file(&text, path, err);
    if (!status) scenes->names_json = cJSON_ParseWithOpts(text, NULL, 1);
    free(text);
    if (status) return status;
    if (!cJSON_IsObject(scenes->names_json))
        return score_fail(err, ESPY_ERR_FORMAT, "%s: not an object in JSON", path);
    scenes->languages =
        score_alloc((size_t)cJSON_GetArraySize(scenes->names_json) + 1, sizeof *scenes->languages);
    cJSON_ArrayForEach(list, scenes->names_json) {
        if (!add_language(&scenes->languages[scenes->n_languages++], list))
            return score_fail(err, ESPY_ERR_FORMAT, "%s: \"%s\" is not a list of strings", path,
                              list->string);
    }
    return ESPY_OK;
}

/* --------------------------------------------------------------------- whole */

espy_status score_scenes_open(score_scenes *out, const char *folder, espy_error *err) {
    char *names = join(folder, "names.json"), *scenes = join(folder, "scenes.jsonl");
    *out = (score_scenes){ .folder = score_alloc(strlen(folder) + 1, 1) };
    memcpy(out->folder, folder, strlen(folder));
    espy_status status = read_names(out, names, err);
    if (!status) status = read_lines(out, scenes, err);
    if (status) score_scenes_close(out);
    free(names);
    free(scenes);
    return status;
}

void score_scenes_close(score_scenes *scenes) {
    for (int i = 0; i < scenes->n_questions; i++) {
        cJSON_Delete(scenes->questions[i].json);
        free(scenes->questions[i].boxes);
    }
    for (int i = 0; i < scenes->n_languages; i++) {
        for (int k = 0; k < scenes->languages[i].n_names; k++) free(scenes->languages[i].names[k]);
        free(scenes->languages[i].names);
    }
    free(scenes->questions);
    free(scenes->languages);
    free(scenes->folder);
    cJSON_Delete(scenes->names_json);
    *scenes = (score_scenes){ 0 };
}
