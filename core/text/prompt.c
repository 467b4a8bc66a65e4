/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A prompt: text, the special tokens in it, the places of pictures; and its way
 * to ids, where a stretch between two special tokens is tokenised as one. */
#include "text/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"
#include "text/vocab_parts.h"

/* Room for need items in an array that grows by doubling: its capacity is the
 * least power of two that holds the n items it has. */
static int make_room(void **items, size_t n, size_t need, size_t item_bytes) {
    size_t have = 0, want = 16;
    if (*items)
        for (have = 16; have < n;) have *= 2;
    if (need <= have) return 1;
    while (want < need) {
        if (want > SIZE_MAX / 2) return 0;
        want *= 2;
    }
    void *grown = want > SIZE_MAX / item_bytes ? NULL : realloc(*items, want * item_bytes);
    if (!grown) return 0;
    *items = grown;
    return 1;
}

espy_status espy_prompt_add_text(espy_prompt *prompt, const char *text, size_t n_bytes,
                                 espy_error *err) {
    void *bytes = prompt->text;
    if (n_bytes >= SIZE_MAX / 4 - prompt->n_bytes ||
        !make_room(&bytes, prompt->n_bytes + 1, prompt->n_bytes + n_bytes + 1, 1))
        return espy_out_of_memory(err);
    prompt->text = bytes;
    if (n_bytes) memcpy(prompt->text + prompt->n_bytes, text, n_bytes);
    prompt->n_bytes += n_bytes;
    prompt->text[prompt->n_bytes] = 0;
    return ESPY_OK;
}

espy_status espy_prompt_add_token(espy_prompt *prompt, const char *token, size_t n_bytes,
                                  espy_error *err) {
    void *marks = prompt->marks;
    espy_prompt_mark mark = { prompt->n_bytes, n_bytes };
    if (!make_room(&marks, prompt->n_marks, prompt->n_marks + 1, sizeof mark))
        return espy_out_of_memory(err);
    prompt->marks = marks;
    espy_status status = espy_prompt_add_text(prompt, token, n_bytes, err);
    if (!status) prompt->marks[prompt->n_marks++] = mark;
    return status;
}

espy_status espy_prompt_add_cut(espy_prompt *prompt, espy_error *err) {
    return espy_prompt_add_token(prompt, "", 0, err);
}

espy_status espy_prompt_add_place(espy_prompt *prompt, espy_prompt_place place, espy_error *err) {
    void *places = prompt->places;
    if (!make_room(&places, prompt->n_places, prompt->n_places + 1, sizeof place))
        return espy_out_of_memory(err);
    prompt->places = places;
    prompt->places[prompt->n_places++] = place;
    return ESPY_OK;
}

void espy_prompt_drop(espy_prompt *prompt, size_t begin, size_t end) {
    size_t n_marks = 0, n_places = 0, n = end - begin;
    for (size_t i = 0; i < prompt->n_marks; i++) {
        espy_prompt_mark mark = prompt->marks[i];
        if (mark.offset >= begin && mark.offset < end) continue;
        if (mark.offset >= end) mark.offset -= n;
        prompt->marks[n_marks++] = mark;
    }
    for (size_t i = 0; i < prompt->n_places; i++) {
        espy_prompt_place place = prompt->places[i];
        if (place.offset >= begin && place.offset < end) continue;
        if (place.offset >= end) place.offset -= n;
        prompt->places[n_places++] = place;
    }
    memmove(prompt->text + begin, prompt->text + end, prompt->n_bytes - end + 1);
    prompt->n_bytes -= n;
    prompt->n_marks = n_marks;
    prompt->n_places = n_places;
}

espy_status espy_prompt_normalise(const char *text, size_t n_bytes, char **out, size_t *n_out,
                                  espy_error *err) {
    char *repaired = NULL;
    espy_status status = espy_utf8_repair(text, n_bytes, &repaired, &n_bytes, err);
    *out = NULL;
    *n_out = n_bytes;
    if (!status) status = espy_unicode_nfc(repaired ? repaired : text, n_bytes, out, n_out, err);
    char *ended = *out ? realloc(*out, *n_out + 1) : NULL;
    if (*out && !ended) {
        free(*out);
        *out = NULL;
        status = espy_out_of_memory(err);
    } else if (ended) {
        ended[*n_out] = 0;
        *out = ended;
    } else if (!status) {
        *out = repaired;
        *n_out = n_bytes;
        return ESPY_OK;
    }
    free(repaired);
    return status;
}

/* -------------------------------------------------------------- raw prompts */

static int is_token(const espy_prompt *prompt, const espy_prompt_mark *mark, const char *token) {
    size_t n = token ? strlen(token) : 0;
    return n && mark->n_bytes == n && memcmp(prompt->text + mark->offset, token, n) == 0;
}

/* Whether marks i - 1, i and i + 1 are vision start, pad and end without text between. */
static int is_wrapped(const espy_prompt *prompt, const espy_chat_style *style, size_t i) {
    if (i == 0 || i + 1 >= prompt->n_marks) return 0;
    const espy_prompt_mark *mark = &prompt->marks[i - 1];
    return is_token(prompt, &mark[0], style->vision_start) &&
           is_token(prompt, &mark[2], style->vision_end) &&
           mark[0].offset + mark[0].n_bytes == mark[1].offset &&
           mark[1].offset + mark[1].n_bytes == mark[2].offset;
}

/* If a mark is a pad, its place, with the vision start and end that touch it. */
static espy_status place_of(espy_prompt *prompt, const espy_chat_style *style, size_t i,
                            espy_error *err) {
    const espy_prompt_mark *mark = &prompt->marks[i];
    int is_image = is_token(prompt, mark, style->image_pad);
    int is_video = style->video_pad && is_token(prompt, mark, style->video_pad);
    if (!is_image && !is_video) return ESPY_OK;
    espy_prompt_place place = { is_image ? ESPY_PART_IMAGE : ESPY_PART_VIDEO, mark->offset,
                                mark->n_bytes, -1, (int)prompt->n_places };
    if (is_wrapped(prompt, style, i)) {
        place.offset = mark[-1].offset;
        place.n_bytes = mark[1].offset + mark[1].n_bytes - place.offset;
    }
    return espy_prompt_add_place(prompt, place, err);
}

/* From the vision start at s, whose length is n_start, to its end: the pad between
 * them, whatever the text has there. *n receives the bytes of the text. */
static espy_status add_tagged(espy_prompt *prompt, const espy_chat_style *style, const char *s,
                              size_t n_start, size_t n_left, size_t *n, espy_error *err) {
    const char *start = style->vision_start, *end = style->vision_end, *pad = style->image_pad;
    const char *close = memmem(s + n_start, n_left - n_start, end, strlen(end));
    if (!close)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "the prompt has a %s without a %s", start,
                         end);
    *n = (size_t)(close - s) + strlen(end);
    espy_status status = espy_prompt_add_token(prompt, start, strlen(start), err);
    if (!status) status = espy_prompt_add_token(prompt, pad, strlen(pad), err);
    return status ? status : espy_prompt_add_token(prompt, end, strlen(end), err);
}

static espy_status add_raw(espy_prompt *prompt, const espy_chat_style *style,
                           const espy_vocab *vocab, const char *text, size_t n_bytes,
                           espy_error *err) {
    size_t done = 0;
    espy_status status = ESPY_OK;
    for (size_t at = 0; at < n_bytes && !status;) {
        int32_t id = espy_vocab_added_at(vocab, text + at, n_bytes - at);
        size_t n = id < 0 ? 0 : vocab->length[id];
        if (n) {
            int tagged = style->holds_paths && n == strlen(style->vision_start) &&
                         memcmp(text + at, style->vision_start, n) == 0;
            status = espy_prompt_add_text(prompt, text + done, at - done, err);
            if (!status)
                status = tagged ? add_tagged(prompt, style, text + at, n, n_bytes - at, &n, err)
                                : espy_prompt_add_token(prompt, text + at, n, err);
            done = at + n;
        }
        at += n ? n : 1;
    }
    return status ? status : espy_prompt_add_text(prompt, text + done, n_bytes - done, err);
}

espy_status espy_prompt_from_text(espy_prompt *prompt, const espy_chat_style *style,
                                  const espy_vocab *vocab, const char *text, size_t n_bytes,
                                  espy_error *err) {
    char *normal = NULL;
    espy_status status = ESPY_OK;
    memset(prompt, 0, sizeof *prompt);
    if (!text) text = "";
    if (vocab->nfc_first) status = espy_prompt_normalise(text, n_bytes, &normal, &n_bytes, err);
    if (!status) status = add_raw(prompt, style, vocab, normal ? normal : text, n_bytes, err);
    for (size_t i = 0; i < prompt->n_marks && !status; i++)
        status = place_of(prompt, style, i, err);
    free(normal);
    if (status) espy_prompt_free(prompt);
    return status;
}

/* ------------------------------------------------------------------- to ids */

espy_status espy_prompt_encode(const espy_prompt *prompt, const espy_vocab *vocab, espy_ids *ids,
                               espy_error *err) {
    int64_t n_before = ids->n;
    espy_status status = ESPY_OK;
    size_t at = 0;
    for (size_t i = 0; i <= prompt->n_marks && !status; i++) {
        espy_prompt_mark end = { prompt->n_bytes, 0 };
        espy_prompt_mark mark = i < prompt->n_marks ? prompt->marks[i] : end;
        if (mark.offset > at)
            status = espy_bpe_encode(vocab, prompt->text + at, mark.offset - at, 0, ids, err);
        at = mark.offset + mark.n_bytes;
        if (status || !mark.n_bytes) continue;

        const char *token = prompt->text + mark.offset;
        int32_t id = espy_vocab_added_at(vocab, token, mark.n_bytes);
        if (id < 0 || vocab->length[id] != mark.n_bytes)
            status = espy_fail(err, ESPY_ERR_MISSING, -1,
                               "the vocabulary lacks the special token '%.*s'", (int)mark.n_bytes,
                               token);
        else
            status = espy_ids_push(ids, id, err);
    }
    if (status) ids->n = n_before;
    return status;
}

void espy_prompt_free(espy_prompt *prompt) {
    free(prompt->text);
    free(prompt->marks);
    free(prompt->places);
    memset(prompt, 0, sizeof *prompt);
}
