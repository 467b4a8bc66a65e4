/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything that the program prints: messages on stderr, text and JSON on
 * stdout. cJSON escapes; it copies bytes as they are, so strings are made
 * valid UTF-8 first. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

espy_status cli_fail(espy_error *err, espy_status code, int64_t offset, const char *fmt, ...) {
    err->code = code;
    err->offset = offset;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return code;
}

espy_status cli_output_check(const char *path, espy_error *err) {
    char *real = NULL;
    espy_status status = path ? espy_output_path(&real, path, err) : ESPY_OK;
    espy_free(real);
    return status;
}

/* Names of files may hold anything; a terminal should not obey it. */
static void put_plain(const char *s) {
    for (; *s; s++) fputc((unsigned char)*s < 0x20 || *s == 0x7F ? '?' : *s, stderr);
}

void cli_say(const char *fmt, ...) {
    char text[2000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fputs("espy: ", stderr);
    put_plain(text);
    fputc('\n', stderr);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

int cli_report(const char *path, const espy_error *err) {
    char place[40] = "";
    if (err->offset >= 0 && !strstr(err->message, "byte "))
        snprintf(place, sizeof place, " (at byte %lld)", (long long)err->offset);
    if (path && !strstr(err->message, base_name(path)))
        cli_say("%s: %s%s", path, err->message, place);
    else
        cli_say("%s%s", err->message, place);
    return cli_interrupted() ? CLI_INTERRUPTED : CLI_FAILED;
}

const char *cli_finish_name(espy_finish finish) {
    switch (finish) {
    case ESPY_FINISH_STOP:
        return "stop";
    case ESPY_FINISH_LENGTH:
        return "length";
    case ESPY_FINISH_CALLBACK:
        return cli_interrupted() ? "interrupted" : "stop";
    case ESPY_FINISH_LOOP:
        return "loop";
    }
    return "unknown";
}

void cli_write(const char *text, size_t n_bytes) {
    if (!isatty(STDOUT_FILENO)) {
        fwrite(text, 1, n_bytes, stdout);
    } else {
        for (size_t i = 0; i < n_bytes; i++) {
            unsigned char c = (unsigned char)text[i];
            fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ? ' ' : c, stdout);
        }
    }
    fflush(stdout);
}

/* Bytes of the character at s, 0 if they are not UTF-8. */
static size_t utf8_length(const unsigned char *s) {
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] > 0xF4) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    int surrogate_or_long = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
                            (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F);
    return surrogate_or_long ? 0 : n;
}

char *cli_valid_utf8(const char *text) {
    size_t n = strlen(text), at = 0;
    if (n > (SIZE_MAX - 1) / 3) return NULL;
    char *out = malloc(n * 3 + 1);
    if (!out) return NULL;
    while (*text) {
        size_t length = utf8_length((const unsigned char *)text);
        memcpy(out + at, length ? text : "\xEF\xBF\xBD", length ? length : 3);
        at += length ? length : 3;
        text += length ? length : 1;
    }
    out[at] = 0;
    return out;
}

int cli_json_text(cJSON *object, const char *key, const char *text) {
    char *valid = cli_valid_utf8(text ? text : "");
    int failed = !valid || !cJSON_AddStringToObject(object, key, valid);
    free(valid);
    return failed;
}

/* An answer of n bytes; cJSON ends strings at a NUL, so what stands between
 * NULs is escaped piece by piece. */
static int add_answer(cJSON *object, const char *text, size_t n) {
    if (!text || strlen(text) >= n) return cli_json_text(object, "text", text);
    size_t at = 0, size = n * 6 + 3; /* each byte at most \uXXXX */
    char *raw = malloc(size);
    if (!raw) return -1;
    raw[at++] = '"';
    for (const char *s = text;; s += strlen(s) + 1) {
        char *valid = cli_valid_utf8(s);
        cJSON *string = valid ? cJSON_CreateString(valid) : NULL;
        char *printed = string ? cJSON_PrintUnformatted(string) : NULL;
        free(valid);
        cJSON_Delete(string);
        if (!printed) return free(raw), -1;
        printed[strlen(printed) - 1] = 0; /* without the quotes */
        at += (size_t)snprintf(raw + at, size - at, "%s", printed + 1);
        cJSON_free(printed);
        if (s + strlen(s) >= text + n) break;
        at += (size_t)snprintf(raw + at, size - at, "\\u0000");
    }
    snprintf(raw + at, size - at, "\"");
    int failed = !cJSON_AddRawToObject(object, "text", raw);
    free(raw);
    return failed;
}

int cli_json_line(const cJSON *json) {
    char *line = json ? cJSON_PrintUnformatted(json) : NULL;
    if (!line) return cli_say("out of memory"), -1;
    puts(line);
    fflush(stdout);
    cJSON_free(line);
    return 0;
}

/* A float in nine digits, which read back as the same float. */
static cJSON *number(float x) {
    char digits[32];
    if (!(x > -3e38F && x < 3e38F)) return cJSON_CreateNull();
    snprintf(digits, sizeof digits, "%.9g", (double)x);
    return cJSON_CreateRaw(digits);
}

static cJSON *top_logprobs(const espy_result *r) {
    cJSON *steps = cJSON_CreateArray();
    for (int i = 0; i < r->n_tokens && r->top_logprobs; i++) {
        cJSON *step = cJSON_CreateArray();
        for (int j = 0; j < r->n_top_logprobs; j++) {
            espy_logprob p = r->top_logprobs[(size_t)i * (size_t)r->n_top_logprobs + (size_t)j];
            cJSON *pair = cJSON_CreateArray();
            cJSON_AddItemToArray(pair, cJSON_CreateNumber(p.id));
            cJSON_AddItemToArray(pair, number(p.logprob));
            cJSON_AddItemToArray(step, pair);
        }
        cJSON_AddItemToArray(steps, step);
    }
    return steps;
}

static cJSON *grids(int (*thw)[3], int n) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < n; i++) cJSON_AddItemToArray(list, cJSON_CreateIntArray(thw[i], 3));
    return list;
}

static void add_ms(cJSON *object, const char *key, double ms) {
    char digits[40];
    snprintf(digits, sizeof digits, "%.3f", ms);
    cJSON_AddItemToObject(object, key, cJSON_CreateRaw(digits));
}

static cJSON *timings(const espy_result *r, double load_ms) {
    cJSON *t = cJSON_CreateObject();
    add_ms(t, "load_ms", load_ms);
    add_ms(t, "vision_ms", r->vision_ms);
    add_ms(t, "prompt_ms", r->prompt_ms);
    add_ms(t, "generate_ms", r->generate_ms);
    return t;
}

/* cJSON's adding functions accept and skip what an allocation left NULL; a
 * half-built object then shows in the missing key that is looked for last. */
static cJSON *whole(cJSON *object, int failed) {
    if (!failed && cJSON_GetObjectItemCaseSensitive(object, "timings")) return object;
    cJSON_Delete(object);
    return NULL;
}

cJSON *cli_json_full(const espy_result *r, double load_ms) {
    cJSON *o = cJSON_CreateObject();
    int failed = add_answer(o, r->text, r->text_bytes);
    cJSON_AddItemToObject(o, "tokens", cJSON_CreateIntArray((const int *)r->tokens, r->n_tokens));
    cJSON_AddItemToObject(o, "top_logprobs", top_logprobs(r));
    cJSON_AddStringToObject(o, "finish", cli_finish_name(r->finish));
    cJSON_AddNumberToObject(o, "prompt_tokens", r->n_prompt_tokens);
    failed |= cli_json_text(o, "rendered", r->rendered);
    cJSON_AddItemToObject(o, "image_grid_thw", grids(r->image_grid_thw, r->n_images));
    cJSON_AddItemToObject(o, "video_grid_thw", grids(r->video_grid_thw, r->n_videos));
    cJSON_AddItemToObject(o, "video_times",
                          cJSON_CreateDoubleArray(r->video_times_s, r->n_video_times));
    cJSON_AddNumberToObject(o, "rope_delta", (double)r->rope_delta);
    cJSON_AddItemToObject(o, "timings", timings(r, load_ms));
    return whole(o, failed);
}

/* An array of texts; non-zero without memory. */
static int add_texts(cJSON *object, const char *key, const char *const *texts, int n) {
    cJSON *list = cJSON_AddArrayToObject(object, key);
    int failed = 0;
    for (int i = 0; i < n; i++) {
        char *valid = cli_valid_utf8(texts[i]);
        cJSON_AddItemToArray(list, cJSON_CreateString(valid ? valid : ""));
        failed |= !valid;
        free(valid);
    }
    return failed;
}

cJSON *cli_json_short(const char *const *labels, int n_labels, const char *text,
                      const espy_reading *reading, const espy_result *r, double load_ms) {
    cJSON *o = cJSON_CreateObject();
    int failed = 0;
    if (n_labels == 1) failed |= cli_json_text(o, "file", labels[0]);
    if (n_labels > 1) failed |= add_texts(o, "files", labels, n_labels);
    failed |= text == r->text ? add_answer(o, text, r->text_bytes) : cli_json_text(o, "text", text);
    failed |=
        reading->tags && add_texts(o, "tags", (const char *const *)reading->tags, reading->n_tags);
    if (reading->has_number) cJSON_AddNumberToObject(o, "count", reading->number);
    cJSON_AddStringToObject(o, "finish", cli_finish_name(r->finish));
    cJSON_AddNumberToObject(o, "tokens", r->n_tokens);
    cJSON_AddNumberToObject(o, "prompt_tokens", r->n_prompt_tokens);
    if (r->n_videos) {
        cJSON_AddItemToObject(o, "video_grid_thw", grids(r->video_grid_thw, r->n_videos));
        cJSON_AddItemToObject(o, "video_times",
                              cJSON_CreateDoubleArray(r->video_times_s, r->n_video_times));
    }
    cJSON_AddItemToObject(o, "timings", timings(r, load_ms));
    return whole(o, failed);
}

cJSON *cli_json_error(const char *label, const espy_error *err) {
    cJSON *o = cJSON_CreateObject();
    int failed = label ? cli_json_text(o, "file", label) : 0;
    failed |= cli_json_text(o, "error", err->message);
    cJSON_AddStringToObject(o, "code", espy_status_name(err->code));
    if (err->offset >= 0) cJSON_AddNumberToObject(o, "offset", (double)err->offset);
    if (!failed) return o;
    cJSON_Delete(o);
    return NULL;
}
