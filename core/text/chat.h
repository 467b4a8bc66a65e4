/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conversations as the text that a family was trained on, and that text as ids.
 *
 *     messages -> espy_chat_render -> prompt -> espy_prompt_encode -> ids
 *
 * A prompt remembers which of its bytes are special tokens that the template
 * put there. Only those become special tokens: "<|im_end|>" typed by a user is
 * ordinary text, while the text between two special tokens is tokenised as one
 * run, whoever wrote it. */
#ifndef ESPY_TEXT_CHAT_H
#define ESPY_TEXT_CHAT_H

#include "text/bpe.h"

/* How a family writes conversations; one const row each in chat.c. */
typedef struct espy_chat_style {
    const char *turn_start;     /* before the role                            */
    const char *turn_end;       /* after the content; a newline follows       */
    const char *default_system; /* put first if no system message is; or NULL */
    const char *vision_start, *vision_end;
    const char *image_pad, *video_pad; /* video_pad NULL: it takes no films */
    /* Around the seconds that stand before each temporal patch of a clip; NULL: a
     * clip is one run of pads. */
    const char *time_stamp[2];
    const char *ends[4];  /* tokens that end an answer, where the files name none;
                             NULL-terminated                             */
    int system_text_only; /* a picture in a system message is an error  */
    /* Around a tool's result, inside a user turn; NULL: no tool role. */
    const char *tool_start, *tool_end;
    /* A model that thinks first: its turn opens with thought_start and a newline,
     * its earlier turns lose what stands up to thought_end. NULL: it does not. */
    const char *thought_start, *thought_end;
    /* Tokens that the model itself writes as text: they are shown, and stay tokens in
     * the text of an assistant message. NULL-terminated. */
    const char *own_tokens[7];
    /* Tokens in the text of any message. NULL-terminated. */
    const char *text_tokens[7];
    /* A picture is announced as "Picture N: ", and a newline follows it. */
    int announces;
    /* In a raw prompt, a path may stand between vision start and end. */
    int holds_paths;
    /* The content of a message is tokenised apart from its role, and put into NFC
     * before its tokens are looked for. */
    int content_apart;
    /* Answers lose the blanks and newlines at both ends. */
    int strips_answers;
} espy_chat_style;

extern const espy_chat_style espy_chat_qwen_vl;
extern const espy_chat_style espy_chat_qwen2_vl; /* also Qwen2.5-VL */
extern const espy_chat_style espy_chat_qwen3_vl;
extern const espy_chat_style espy_chat_qwen3_vl_thinking;

/* A special token of the template: bytes [offset, offset + n_bytes). Of no bytes: a
 * cut, over which the text is not tokenised together. */
typedef struct espy_prompt_mark {
    size_t offset, n_bytes;
} espy_prompt_mark;

/* Where a picture or clip belongs: the bytes of its placeholder, vision start
 * and end included where they are there. In a raw prompt message is -1 and part
 * counts the places from 0. */
typedef struct espy_prompt_place {
    espy_part_type type; /* ESPY_PART_IMAGE or ESPY_PART_VIDEO */
    size_t offset, n_bytes;
    int message, part;
} espy_prompt_place;

/* A zeroed one is empty; free with espy_prompt_free. */
typedef struct espy_prompt {
    char *text; /* NUL-terminated */
    size_t n_bytes;
    espy_prompt_mark *marks; /* by offset, not overlapping */
    size_t n_marks;
    espy_prompt_place *places; /* by offset */
    size_t n_places;
} espy_prompt;

/* Renders a conversation, the opening of the assistant's turn at the end.
 * prompt is overwritten: empty on failure.
 * Errors ESPY_ERR_ARGUMENT (no message, unknown role, picture in a system
 * message of a family that takes text only there), ESPY_ERR_UNSUPPORTED (a film for
 * a family that takes none), ESPY_ERR_MEMORY. */
espy_status espy_chat_render(espy_prompt *prompt, const espy_chat_style *style,
                             const espy_message *messages, int n_messages, int add_vision_id,
                             espy_error *err);

/* A text without a template: every added token in it is meant as one. Where a path
 * may stand between vision start and end, all of that is the place of a picture, and
 * the path is left out.
 * Errors ESPY_ERR_ARGUMENT (there, a start without an end), ESPY_ERR_MEMORY; prompt
 * is empty then. */
espy_status espy_prompt_from_text(espy_prompt *prompt, const espy_chat_style *style,
                                  const espy_vocab *vocab, const char *text, size_t n_bytes,
                                  espy_error *err);

/* Appends the prompt's ids. Each place gives one image or video pad id, in
 * order; no other bytes do. Errors ESPY_ERR_MISSING (the vocabulary lacks a
 * special token of the template), and those of espy_bpe_encode; ids are as
 * before then. */
espy_status espy_prompt_encode(const espy_prompt *prompt, const espy_vocab *vocab, espy_ids *ids,
                               espy_error *err);

/* Times of the temporal patches of a clip, in seconds. */
typedef struct espy_stamps {
    const double *at; /* [n] */
    int n;            /* 0: a picture, or a clip that stays as it is */
} espy_stamps;

/* The prompt with the times of its clips: place i becomes stamps[i].n blocks of time,
 * vision start, one pad and vision end. out has no places; free with
 * espy_prompt_free; empty on failure. clip.c. Errors ESPY_ERR_MEMORY. */
espy_status espy_prompt_stamp(espy_prompt *out, const espy_prompt *prompt,
                              const espy_chat_style *style, const espy_stamps *stamps,
                              espy_error *err);

void espy_prompt_free(espy_prompt *prompt);

#endif
