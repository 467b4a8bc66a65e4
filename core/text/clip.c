/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clips whose times stand in the prompt as text: in place of a clip's placeholder,
 * vision start and end included, each temporal patch gets
 *
 *     <0.5 seconds><|vision_start|><|video_pad|><|vision_end|>
 *
 * with nothing between them. */
#include <stdio.h>
#include <string.h>

#include "text/prompt.h"

/* "0.5": one decimal, ties to even, with a point whatever the locale has. */
static void print_time(char out[32], double seconds) {
    char text[32];
    snprintf(text, sizeof text, "%.1f", seconds);
    size_t n = strlen(text), whole = strspn(text, "-0123456789");
    snprintf(out, 32, "%.*s.%c", (int)whole, text, n ? text[n - 1] : '0');
}

/* Bytes [from, to) of a prompt with the tokens in them, from *mark on. */
static espy_status copy(espy_prompt *out, const espy_prompt *in, size_t from, size_t to,
                        size_t *mark, espy_error *err) {
    espy_status status = ESPY_OK;
    for (; *mark < in->n_marks && in->marks[*mark].offset < to && !status; ++*mark) {
        const espy_prompt_mark *m = &in->marks[*mark];
        if (m->offset < from) continue; /* within a placeholder */
        status = espy_prompt_add_text(out, in->text + from, m->offset - from, err);
        if (!status) status = espy_prompt_add_token(out, in->text + m->offset, m->n_bytes, err);
        from = m->offset + m->n_bytes;
    }
    return status ? status : espy_prompt_add_text(out, in->text + from, to - from, err);
}

static espy_status add_stamp(espy_prompt *out, const espy_chat_style *style, double seconds,
                             espy_error *err) {
    const char *tokens[] = { style->vision_start, style->video_pad, style->vision_end };
    char time[32], text[96];
    print_time(time, seconds);
    snprintf(text, sizeof text, "%s%s%s", style->time_stamp[0], time, style->time_stamp[1]);
    espy_status status = espy_prompt_add_text(out, text, strlen(text), err);
    for (int i = 0; i < 3 && !status; i++)
        status = espy_prompt_add_token(out, tokens[i], strlen(tokens[i]), err);
    return status;
}

espy_status espy_prompt_stamp(espy_prompt *out, const espy_prompt *in, const espy_chat_style *style,
                              const espy_stamps *stamps, espy_error *err) {
    size_t from = 0, mark = 0;
    espy_status status = ESPY_OK;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < in->n_places && !status; i++) {
        const espy_prompt_place *place = &in->places[i];
        if (!stamps[i].n) continue;
        status = copy(out, in, from, place->offset, &mark, err);
        for (int k = 0; k < stamps[i].n && !status; k++)
            status = add_stamp(out, style, stamps[i].at[k], err);
        from = place->offset + place->n_bytes;
    }
    if (!status) status = copy(out, in, from, in->n_bytes, &mark, err);
    if (status) espy_prompt_free(out);
    return status;
}
