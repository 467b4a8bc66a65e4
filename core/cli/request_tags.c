/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures that stand in the text of a message as <img>path</img>, as Qwen-VL's own
 * program reads them: each becomes a part, and the texts around it too. The library
 * opens no path that stands in a text; a request file may. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#define OPEN "<img>"
#define CLOSE "</img>"

static size_t count_tags(const char *s) {
    size_t n = 0;
    for (; (s = strstr(s, OPEN)); s += strlen(OPEN)) n++;
    return n;
}

static char *copy(cli_reader *in, const char *s, size_t n) {
    char *out = cli_request_take(in, n + 1, 1);
    if (out) memcpy(out, s, n);
    return out;
}

static espy_status add_text(cli_reader *in, const char *s, size_t n, espy_part **to) {
    if (!n) return ESPY_OK;
    char *text = copy(in, s, n);
    if (!text) return ESPY_ERR_MEMORY;
    *(*to)++ = (espy_part){ .text = text };
    return ESPY_OK;
}

static espy_status add_picture(cli_reader *in, const char *s, size_t n, const char *at,
                               espy_part **to) {
    const espy_image **images = cli_request_take(in, 1, sizeof *images);
    char *path = images ? copy(in, s, n) : NULL;
    if (!path) return ESPY_ERR_MEMORY;
    *(*to)++ = (espy_part){ .type = ESPY_PART_IMAGE, .images = images, .n_images = 1, .bare = 1 };
    return cli_request_picture(in, path, at, images);
}

/* The parts of one text, to *to on. */
static espy_status split(cli_reader *in, const char *s, const char *at, espy_part **to) {
    for (const char *open; (open = strstr(s, OPEN));) {
        const char *path = open + strlen(OPEN), *close = strstr(path, CLOSE);
        if (!close) return cli_request_bad(in, at, "has an <img> without an </img>");
        if (close == path) return cli_request_bad(in, at, "has an <img> without a path");
        espy_status status = add_text(in, s, (size_t)(open - s), to);
        if (!status) status = add_picture(in, path, (size_t)(close - path), at, to);
        if (status) return status;
        s = close + strlen(CLOSE);
    }
    return add_text(in, s, strlen(s), to);
}

static espy_status split_message(cli_reader *in, espy_message *m, int index) {
    size_t n_tags = 0;
    for (int i = 0; i < m->n_parts; i++)
        if (m->parts[i].type == ESPY_PART_TEXT) n_tags += count_tags(m->parts[i].text);
    if (!n_tags) return ESPY_OK;
    espy_part *parts = cli_request_take(in, (size_t)m->n_parts + 2 * n_tags, sizeof *parts);
    espy_part *to = parts;
    char at[40];
    snprintf(at, sizeof at, "messages[%d].content", index);
    for (int i = 0; parts && i < m->n_parts; i++) {
        espy_status status = ESPY_OK;
        if (m->parts[i].type == ESPY_PART_TEXT)
            status = split(in, m->parts[i].text, at, &to);
        else
            *to++ = m->parts[i];
        if (status) return status;
    }
    if (!parts) return ESPY_ERR_MEMORY;
    m->parts = parts;
    m->n_parts = (int)(to - parts);
    return ESPY_OK;
}

espy_status cli_request_tags(cli_reader *in) {
    espy_request *api = &in->r->api;
    if (api->n_messages <= 0) return ESPY_OK;
    espy_message *messages = cli_request_take(in, (size_t)api->n_messages, sizeof *messages);
    espy_status status = messages ? ESPY_OK : ESPY_ERR_MEMORY;
    if (messages) memcpy(messages, api->messages, (size_t)api->n_messages * sizeof *messages);
    for (int i = 0; !status && i < api->n_messages; i++)
        status = split_message(in, &messages[i], i);
    if (!status) api->messages = messages;
    return status;
}
