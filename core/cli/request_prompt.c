/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw prompt. Its picture places, in order, are
 *
 *     <|image_pad|>, <|video_pad|>   the next entry of "images"
 *     <img><imgpad></img>            the same (Qwen-VL), as is an empty path
 *     <img>path</img>                the picture at that path (Qwen-VL)
 */
#include "request.h"

#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN "<img>"
#define CLOSE "</img>"
#define PAD "<imgpad>"
#define PLACE "<|vision_start|><|image_pad|><|vision_end|>"

typedef struct place {
    const char *begin, *end; /* in the prompt               */
    const char *path;        /* NULL: the next of "images"  */
    size_t path_bytes;
} place;

static int next_place(const char *s, place *p) {
    static const char *const pads[] = { "<|image_pad|>", "<|video_pad|>" };
    for (; (s = strchr(s, '<')); s++) {
        for (int i = 0; i < 2; i++)
            if (!strncmp(s, pads[i], strlen(pads[i]))) {
                *p = (place){ .begin = s, .end = s + strlen(pads[i]) };
                return 1;
            }
        const char *close = strncmp(s, OPEN, strlen(OPEN)) != 0 ? NULL : strstr(s, CLOSE);
        if (close) {
            const char *path = s + strlen(OPEN);
            size_t n = (size_t)(close - path);
            *p = (place){ s, close + strlen(CLOSE), path, n };
            if (!n || (n == strlen(PAD) && !memcmp(path, PAD, n))) p->path = NULL;
            return 1;
        }
    }
    return 0;
}

static espy_status read_tag(cli_reader *in, const place *p, espy_part *part) {
    const espy_image **images = cli_request_take(in, 1, sizeof *images);
    char *path = images ? cli_request_take(in, p->path_bytes + 1, 1) : NULL;
    if (!path) return ESPY_ERR_MEMORY;
    memcpy(path, p->path, p->path_bytes);
    *part = (espy_part){ .type = ESPY_PART_IMAGE, .images = images, .n_images = 1 };
    in->r->has_image_tags = 1;
    return cli_request_picture(in, path, "prompt", images);
}

static espy_status read_entry(cli_reader *in, const cJSON *entry, int index, espy_part *part) {
    char at[40];
    snprintf(at, sizeof at, "images[%d]", index);
    if (!cJSON_IsString(entry)) return cli_request_part(in, entry, at, part);
    const espy_image **images = cli_request_take(in, 1, sizeof *images);
    if (!images) return ESPY_ERR_MEMORY;
    *part = (espy_part){ .type = ESPY_PART_IMAGE, .images = images, .n_images = 1 };
    return cli_request_picture(in, entry->valuestring, at, images);
}

espy_status cli_request_prompt(cli_reader *in, const cJSON *prompt, const cJSON *images) {
    espy_request *api = &in->r->api;
    if (!cJSON_IsString(prompt)) return cli_request_bad(in, "prompt", "must be a string");
    if (images && !cJSON_IsArray(images)) return cli_request_bad(in, "images", "must be a list");
    int n_places = 0, n = 0, index = 0;
    place p;
    for (const char *s = prompt->valuestring; next_place(s, &p); s = p.end) n_places++;
    int n_entries = cJSON_GetArraySize(images);
    espy_part *parts = cli_request_take(in, (size_t)n_places + (size_t)n_entries, sizeof *parts);
    if (!parts) return ESPY_ERR_MEMORY;

    const cJSON *entry = images ? images->child : NULL;
    espy_status status = ESPY_OK;
    for (const char *s = prompt->valuestring; !status && next_place(s, &p); s = p.end) {
        if (p.path) {
            status = read_tag(in, &p, &parts[n++]);
        } else if (entry) {
            status = read_entry(in, entry, index++, &parts[n++]);
            entry = entry->next;
        }
    }
    for (; !status && entry; entry = entry->next)
        status = read_entry(in, entry, index++, &parts[n++]);
    api->prompt = prompt->valuestring;
    api->prompt_parts = parts;
    api->n_prompt_parts = n;
    return status;
}

static int is_token(const espy_model *model, const char *text) {
    int32_t *ids;
    size_t n;
    if (espy_tokenize(model, text, strlen(text), 1, &ids, &n, NULL)) return 0;
    espy_free(ids);
    return n == 1;
}

espy_status cli_request_adapt(cli_request *r, const espy_model *model, espy_error *err) {
    cli_reader in = { .r = r, .name = "prompt", .err = err };
    if (is_token(model, OPEN)) {
        in.name = r->name;
        in.folder = r->folder;
        return cli_request_tags(&in);
    }
    if (!r->has_image_tags) return ESPY_OK;
    const char *s = r->api.prompt;
    size_t capacity = strlen(s) + r->n_images * strlen(PLACE) + 1, n = 0;
    char *out = cli_request_take(&in, capacity, 1);
    place p;
    if (!out) return ESPY_ERR_MEMORY;
    for (; next_place(s, &p); s = p.end) {
        const char *end = p.path ? p.begin : p.end;
        memcpy(out + n, s, (size_t)(end - s));
        n += (size_t)(end - s);
        if (!p.path) continue;
        n += (size_t)snprintf(out + n, capacity - n, "%s", PLACE);
    }
    snprintf(out + n, capacity - n, "%s", s);
    r->api.prompt = out;
    return ESPY_OK;
}
