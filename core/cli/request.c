/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a request; its form stands in request.h. Scalars are rows of a table:
 * key, kind, place, range. */
#include "request.h"

#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_BYTES 160 /* of a path such as messages[3].content[12].image */

typedef enum field_kind { FLAG, INT, INT64, UINT64, NUMBER, ELSEWHERE } field_kind;

typedef struct field {
    const char *key;
    field_kind kind; /* ELSEWHERE: a known key that other code reads */
    size_t offset;
    double low, high;
} field;

#define MAX_EXACT 9007199254740992.0 /* 2^53, the integers of a double */
#define IN_REQUEST(member) offsetof(cli_request, member)
#define IN_PART(member) offsetof(espy_part, member)

static const field request_fields[] = {
    { "messages", ELSEWHERE },
    { "prompt", ELSEWHERE },
    { "images", ELSEWHERE },
    { "stop", ELSEWHERE },
    { "alpha", ELSEWHERE },
    { "max_tokens", INT, IN_REQUEST(api.max_tokens), 1, 1e9 },
    { "add_vision_id", FLAG, IN_REQUEST(api.add_vision_id) },
    { "ignore_eos", FLAG, IN_REQUEST(api.ignore_eos) },
    { "min_pixels", INT64, IN_REQUEST(api.min_pixels), 1, MAX_EXACT },
    { "max_pixels", INT64, IN_REQUEST(api.max_pixels), 1, MAX_EXACT },
    { "temperature", NUMBER, IN_REQUEST(sampling.temperature), 0, 100 },
    { "top_k", INT, IN_REQUEST(sampling.top_k), 0, 1e9 },
    { "top_p", NUMBER, IN_REQUEST(sampling.top_p), 0, 1 },
    { "min_p", NUMBER, IN_REQUEST(sampling.min_p), 0, 1 },
    { "repetition_penalty", NUMBER, IN_REQUEST(sampling.repetition_penalty), 0.01, 100 },
    { "presence_penalty", NUMBER, IN_REQUEST(sampling.presence_penalty), -100, 100 },
    { "frequency_penalty", NUMBER, IN_REQUEST(sampling.frequency_penalty), -100, 100 },
    { "seed", UINT64, IN_REQUEST(sampling.seed), 0, MAX_EXACT },
    { "keep", NUMBER, IN_REQUEST(api.keep), 0, 1 },
    { "keep_seed", UINT64, IN_REQUEST(api.keep_seed), 0, MAX_EXACT },
    { NULL },
};
static const field message_fields[] = { { "role", ELSEWHERE }, { "content", ELSEWHERE }, { NULL } };
static const field text_fields[] = { { "type", ELSEWHERE }, { "text", ELSEWHERE }, { NULL } };
static const field image_fields[] = {
    { "type", ELSEWHERE },
    { "image", ELSEWHERE },
    { "min_pixels", INT64, IN_PART(min_pixels), 1, MAX_EXACT },
    { "max_pixels", INT64, IN_PART(max_pixels), 1, MAX_EXACT },
    { "keep", NUMBER, IN_PART(keep), 0, 1 },
    { "keep_seed", UINT64, IN_PART(keep_seed), 0, MAX_EXACT },
    { NULL },
};
static const field video_fields[] = {
    { "type", ELSEWHERE },
    { "video", ELSEWHERE },
    { "times", ELSEWHERE },
    { "max_frames", ELSEWHERE },
    { "fps", NUMBER, IN_PART(fps), 1e-3, 1e4 },
    { "do_sample_frames", FLAG, IN_PART(do_sample_frames) },
    { "min_pixels", INT64, IN_PART(min_pixels), 1, MAX_EXACT },
    { "max_pixels", INT64, IN_PART(max_pixels), 1, MAX_EXACT },
    { "total_pixels", INT64, IN_PART(total_pixels), 1, MAX_EXACT },
    { "drop_same", FLAG, IN_PART(drop_same) },
    { "keep", NUMBER, IN_PART(keep), 0, 1 }, /* refused, and not ignored */
    { NULL },
};

static const cJSON *get(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

void *cli_request_take(cli_reader *in, size_t n, size_t size) {
    cli_request *r = in->r;
    void **blocks = realloc(r->blocks, (r->n_blocks + 1) * sizeof *blocks);
    void *block = blocks ? calloc(n ? n : 1, size) : NULL;
    if (blocks) r->blocks = blocks;
    if (block)
        r->blocks[r->n_blocks++] = block;
    else
        cli_fail(in->err, ESPY_ERR_MEMORY, -1, "%s: out of memory", in->name);
    return block;
}

espy_status cli_request_bad(cli_reader *in, const char *at, const char *must_be) {
    return cli_fail(in->err, ESPY_ERR_FORMAT, -1, "%s: %s %s", in->name, at, must_be);
}

static void join(char *out, const char *at, const char *key) {
    snprintf(out, AT_BYTES, "%.100s%s%.40s", at, *at ? "." : "", key);
}

static espy_status read_number(cli_reader *in, const cJSON *item, const field *f, const char *at,
                               void *base) {
    char text[120];
    char *place = (char *)base + f->offset;
    double x = item->valuedouble;
    snprintf(text, sizeof text, "must be a%s from %g to %g",
             f->kind == NUMBER ? " number" : "n integer", f->low, f->high);
    if (!cJSON_IsNumber(item) || !(x >= f->low && x <= f->high))
        return cli_request_bad(in, at, text);
    if (f->kind == NUMBER) {
        *(double *)place = x;
        return ESPY_OK;
    }
    if (x != (double)(int64_t)x) return cli_request_bad(in, at, text);
    if (f->kind == INT)
        *(int *)place = (int)x;
    else if (f->kind == INT64)
        *(int64_t *)place = (int64_t)x;
    else
        *(uint64_t *)place = (uint64_t)x;
    return ESPY_OK;
}

/* Reads the scalars of an object, and warns of keys that no row names. */
static espy_status read_fields(cli_reader *in, const cJSON *object, const field *fields,
                               const char *at, void *base) {
    espy_status status = ESPY_OK;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        char here[AT_BYTES], text[AT_BYTES + 200];
        const field *f = fields;
        join(here, at, item->string);
        while (f->key && strcmp(f->key, item->string) != 0) f++;
        if (!f->key && in->warn) {
            snprintf(text, sizeof text, "%.100s: %s is not known, and ignored", in->name, here);
            in->warn(in->user, text);
        }
        if (!f->key || f->kind == ELSEWHERE || cJSON_IsNull(item)) continue;
        if (f->kind != FLAG)
            status = read_number(in, item, f, here, base);
        else if (cJSON_IsBool(item))
            *(int *)((char *)base + f->offset) = cJSON_IsTrue(item);
        else
            status = cli_request_bad(in, here, "must be true or false");
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status check_range(cli_reader *in, const char *at, int64_t least, int64_t most) {
    char here[AT_BYTES];
    join(here, at, "min_pixels");
    return least && most && least > most ? cli_request_bad(in, here, "must not exceed max_pixels")
                                         : ESPY_OK;
}

static espy_status read_images(cli_reader *in, const cJSON *list, const char *at, espy_part *part) {
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 1, i = 0;
    const espy_image **images = cli_request_take(in, (size_t)n, sizeof *images);
    if (!images) return ESPY_ERR_MEMORY;
    part->images = images;
    if (!cJSON_IsArray(list)) {
        part->n_images = 1;
        return cli_request_picture(in, list->valuestring, at, images);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        char here[AT_BYTES];
        snprintf(here, sizeof here, "%.130s[%d]", at, i);
        if (!cJSON_IsString(item)) return cli_request_bad(in, here, "must be the path of a frame");
        espy_status status = cli_request_picture(in, item->valuestring, here, &images[i++]);
        if (status) return status;
    }
    part->n_images = n;
    return ESPY_OK;
}

static espy_status read_image_part(cli_reader *in, const cJSON *json, const char *at,
                                   espy_part *part) {
    char here[AT_BYTES];
    const cJSON *image = get(json, "image");
    part->type = ESPY_PART_IMAGE;
    join(here, at, "image");
    if (!cJSON_IsString(image)) return cli_request_bad(in, here, "must be the path of a picture");
    espy_status status = read_fields(in, json, image_fields, at, part);
    if (!status) status = check_range(in, at, part->min_pixels, part->max_pixels);
    return status ? status : read_images(in, image, here, part);
}

/* When each frame is; that they do not fall is seen to by the library. */
static espy_status read_times(cli_reader *in, const cJSON *list, const char *at, espy_part *part) {
    char here[AT_BYTES];
    join(here, at, "times");
    if (!list) return ESPY_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != part->n_images)
        return cli_request_bad(in, here, "must be a list of one time for each frame");
    double *times = cli_request_take(in, (size_t)part->n_images, sizeof *times);
    if (!times) return ESPY_ERR_MEMORY;
    int i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsNumber(item)) return cli_request_bad(in, here, "must be numbers of seconds");
        times[i++] = item->valuedouble;
    }
    part->times_s = times;
    return ESPY_OK;
}

static espy_status read_film(cli_reader *in, const cJSON *json, const char *path, const char *at,
                             espy_part *part) {
    static const field most = { "max_frames", INT, 0, 1, 768 };
    char here[AT_BYTES];
    const cJSON *n = get(json, "max_frames"), *sample = get(json, "do_sample_frames");
    int max_frames = 0;
    join(here, at, "max_frames");
    espy_status status = n ? read_number(in, n, &most, here, &max_frames) : ESPY_OK;
    join(here, at, "times");
    if (!status && get(json, "times"))
        status = cli_request_bad(in, here, "only goes with a list of frames");
    join(here, at, "video");
    return status ? status
                  : cli_request_film_add(in, path, here, part, max_frames, cJSON_IsFalse(sample));
}

static espy_status read_video_part(cli_reader *in, const cJSON *json, const char *at,
                                   espy_part *part) {
    char here[AT_BYTES];
    const cJSON *video = get(json, "video");
    part->type = ESPY_PART_VIDEO;
    join(here, at, "video");
    if (!cJSON_IsString(video) && (!cJSON_IsArray(video) || !cJSON_GetArraySize(video)))
        return cli_request_bad(in, here,
                               "must be the path of a film, or a list of the paths of its frames");
    espy_status status = read_fields(in, json, video_fields, at, part);
    if (!status) status = check_range(in, at, part->min_pixels, part->max_pixels);
    if (!status && cJSON_IsString(video)) return read_film(in, json, video->valuestring, at, part);
    if (!status) status = read_images(in, video, here, part);
    return status ? status : read_times(in, get(json, "times"), at, part);
}

espy_status cli_request_part(cli_reader *in, const cJSON *json, const char *at, espy_part *part) {
    char here[AT_BYTES];
    const cJSON *type = get(json, "type"), *text = get(json, "text");
    if (!cJSON_IsObject(json)) return cli_request_bad(in, at, "must be an object with a type");
    const char *kind = cJSON_IsString(type) ? type->valuestring
                       : type               ? ""
                       : get(json, "image") ? "image"
                       : get(json, "video") ? "video"
                       : text               ? "text"
                                            : "";
    if (!strcmp(kind, "image")) return read_image_part(in, json, at, part);
    if (!strcmp(kind, "video")) return read_video_part(in, json, at, part);
    join(here, at, "type");
    if (strcmp(kind, "text") != 0)
        return cli_request_bad(in, here, "must be \"text\", \"image\" or \"video\"");
    join(here, at, "text");
    if (!cJSON_IsString(text)) return cli_request_bad(in, here, "must be a string");
    part->type = ESPY_PART_TEXT;
    part->text = text->valuestring;
    return read_fields(in, json, text_fields, at, part);
}

static espy_status read_content(cli_reader *in, const cJSON *content, const char *at,
                                espy_message *m) {
    int n = cJSON_IsArray(content) ? cJSON_GetArraySize(content) : 1, i = 0;
    espy_part *parts = cli_request_take(in, (size_t)n, sizeof *parts);
    if (!parts) return ESPY_ERR_MEMORY;
    m->parts = parts;
    m->n_parts = n;
    if (cJSON_IsString(content)) {
        parts[0].text = content->valuestring;
        return ESPY_OK;
    }
    if (!cJSON_IsArray(content))
        return cli_request_bad(in, at, "must be a string or a list of parts");
    const cJSON *item;
    cJSON_ArrayForEach(item, content) {
        char here[AT_BYTES];
        snprintf(here, sizeof here, "%.130s[%d]", at, i);
        espy_status status = cli_request_part(in, item, here, &parts[i++]);
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status read_message(cli_reader *in, const cJSON *json, const char *at,
                                espy_message *m) {
    char here[AT_BYTES];
    const cJSON *role = get(json, "role");
    if (!cJSON_IsObject(json)) return cli_request_bad(in, at, "must be an object");
    join(here, at, "role");
    if (!cJSON_IsString(role)) return cli_request_bad(in, here, "must be a string");
    m->role = role->valuestring;
    espy_status status = read_fields(in, json, message_fields, at, m);
    join(here, at, "content");
    return status ? status : read_content(in, get(json, "content"), here, m);
}

static espy_status read_messages(cli_reader *in, const cJSON *list) {
    int n = cJSON_GetArraySize(list), i = 0;
    if (!cJSON_IsArray(list) || !n)
        return cli_request_bad(in, "messages", "must be a list of at least one message");
    espy_message *messages = cli_request_take(in, (size_t)n, sizeof *messages);
    if (!messages) return ESPY_ERR_MEMORY;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        char at[AT_BYTES];
        snprintf(at, sizeof at, "messages[%d]", i);
        espy_status status = read_message(in, item, at, &messages[i++]);
        if (status) return status;
    }
    in->r->api.messages = messages;
    in->r->api.n_messages = n;
    return ESPY_OK;
}

static espy_status read_stop(cli_reader *in, const cJSON *stop) {
    int n = cJSON_IsArray(stop) ? cJSON_GetArraySize(stop) : 1, i = 0;
    const char **texts = stop ? cli_request_take(in, (size_t)n, sizeof *texts) : NULL;
    if (!stop) return ESPY_OK;
    if (!texts) return ESPY_ERR_MEMORY;
    const cJSON *item = cJSON_IsArray(stop) ? stop->child : stop;
    for (; item && i < n; item = item->next) {
        if (!cJSON_IsString(item) || !item->valuestring[0])
            return cli_request_bad(in, "stop", "must be a string or a list of strings");
        texts[i++] = item->valuestring;
    }
    in->r->api.stop = texts;
    in->r->api.n_stop = i;
    return ESPY_OK;
}

static espy_status read_alpha(cli_reader *in, const cJSON *alpha) {
    const char *name = cJSON_IsString(alpha) ? alpha->valuestring : "";
    int drop = !strcmp(name, "drop");
    if (!alpha) return ESPY_OK;
    if (!drop && strcmp(name, "white") != 0)
        return cli_request_bad(in, "alpha", "must be \"white\" or \"drop\"");
    in->r->alpha = drop ? ESPY_ALPHA_DROP : ESPY_ALPHA_WHITE;
    in->r->states_alpha = 1;
    return ESPY_OK;
}

static espy_status read_request(cli_reader *in, const cJSON *json) {
    cli_request *r = in->r;
    const cJSON *messages = get(json, "messages"), *prompt = get(json, "prompt");
    if (!cJSON_IsObject(json)) return cli_request_bad(in, "the request", "must be an object");
    if (!messages == !prompt)
        return cli_request_bad(in, "the request", "must hold either messages or prompt");
    if (messages && get(json, "images"))
        return cli_request_bad(in, "images", "only goes with prompt");
    espy_status status = read_fields(in, json, request_fields, "", r);
    if (!status) status = check_range(in, "", r->api.min_pixels, r->api.max_pixels);
    if (!status) status = read_stop(in, get(json, "stop"));
    if (!status) status = read_alpha(in, get(json, "alpha"));
    if (status) return status;
    return messages ? read_messages(in, messages)
                    : cli_request_prompt(in, prompt, get(json, "images"));
}

/* A NUL character would silently end the string that holds it. */
static espy_status refuse_nul(cli_reader *in, const char *json, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        if (!json[i])
            return cli_fail(in->err, ESPY_ERR_FORMAT, (int64_t)i, "%s: not JSON: a NUL byte",
                            in->name);
        if (json[i] != '\\') continue;
        if (n_bytes - i > 5 && !memcmp(json + i, "\\u0000", 6))
            return cli_fail(in->err, ESPY_ERR_FORMAT, (int64_t)i, "%s: a NUL character in a string",
                            in->name);
        i++;
    }
    return ESPY_OK;
}

espy_status cli_request_parse(cli_request *r, const char *json, size_t n_bytes, const char *name,
                              const char *folder, espy_alpha alpha, cli_warn_fn warn, void *user,
                              espy_error *err) {
    cli_reader in = { r, name, folder, warn, user, err };
    const char *end = json;
    *r = (cli_request){
        .api = { .max_tokens = 512, .n_top_logprobs = 5 },
        .alpha = alpha,
        .name = name,
        .folder = folder,
    };
    espy_status status = refuse_nul(&in, json, n_bytes);
    if (status) return status;
    r->json = cJSON_ParseWithLengthOpts(json, n_bytes, &end, 0);
    while (r->json && (size_t)(end - json) < n_bytes && strchr(" \t\r\n", *end)) end++;
    if (!r->json || (size_t)(end - json) != n_bytes)
        status = cli_fail(err, ESPY_ERR_FORMAT, end - json, "%s: not valid JSON", name);
    if (!status) status = read_request(&in, r->json);
    if (status) cli_request_free(r);
    return status;
}

void cli_request_free(cli_request *r) {
    for (size_t i = 0; i < r->n_images; i++) espy_image_close(&r->images[i]);
    for (size_t i = 0; i < r->n_blocks; i++) free(r->blocks[i]);
    for (size_t i = 0; i < r->n_films; i++) {
        espy_frames_clear(&r->films[i].frames);
        free(r->films[i].path);
    }
    free(r->films);
    free(r->images);
    free(r->blocks);
    cJSON_Delete(r->json);
    *r = (cli_request){ 0 };
}
