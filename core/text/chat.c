/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conversations in the ChatML form of Qwen:
 *
 *     <|im_start|>role\ncontent<|im_end|>\n ... <|im_start|>assistant\n
 *
 * Parts of a content follow each other without separators. What a family does
 * in its own way is a row of data. */
#include "text/chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/prompt.h"

#define CHATML                                                                                     \
    .turn_start = "<|im_start|>", .turn_end = "<|im_end|>", .vision_start = "<|vision_start|>",    \
    .vision_end = "<|vision_end|>", .image_pad = "<|image_pad|>", .video_pad = "<|video_pad|>",    \
    .ends = { "<|im_end|>", "<|endoftext|>" }

/* Qwen-VL-Chat (arXiv:2308.12966): its pictures are announced, its tags may be typed. */
const espy_chat_style espy_chat_qwen_vl = {
    .turn_start = "<|im_start|>",
    .turn_end = "<|im_end|>",
    .default_system = "You are a helpful assistant.",
    .vision_start = "<img>",
    .vision_end = "</img>",
    .image_pad = "<imgpad>",
    .ends = { "<|endoftext|>", "<|im_end|>", "<|im_start|>" },
    .text_tokens = { "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>" },
    .announces = 1,
    .holds_paths = 1,
    .content_apart = 1,
    .strips_answers = 1,
};

const espy_chat_style espy_chat_qwen2_vl = {
    CHATML,
    .default_system = "You are a helpful assistant.",
    .own_tokens = { "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
                    "<|quad_start|>", "<|quad_end|>" },
};

#define QWEN3_VL                                                                                   \
    CHATML, .time_stamp = { "<", " seconds>" }, .system_text_only = 1,                             \
            .tool_start = "<tool_response>", .tool_end = "</tool_response>",                       \
            .own_tokens = { "<tool_call>", "</tool_call>", "<think>", "</think>" }

const espy_chat_style espy_chat_qwen3_vl = { QWEN3_VL };

const espy_chat_style espy_chat_qwen3_vl_thinking = {
    QWEN3_VL,
    .thought_start = "<think>",
    .thought_end = "</think>",
};

typedef struct rendering {
    espy_prompt *prompt;
    const espy_chat_style *style;
    int add_vision_id;
    int n_images, n_videos;
    espy_error *err;
} rendering;

static espy_status add_text(rendering *r, const char *text) {
    return espy_prompt_add_text(r->prompt, text, strlen(text), r->err);
}

static espy_status add_token(rendering *r, const char *token) {
    return espy_prompt_add_token(r->prompt, token, strlen(token), r->err);
}

/* A part's text, in which the tokens of a list are tokens. */
static espy_status add_spoken(rendering *r, const char *text, const char *const *tokens) {
    char *normal = NULL;
    size_t n_normal;
    espy_status status = ESPY_OK;
    if (r->style->content_apart)
        status = espy_prompt_normalise(text, strlen(text), &normal, &n_normal, r->err);
    if (normal) text = normal;
    const char *done = text;
    for (const char *at = text; *tokens && *at && !status;) {
        size_t n = 0;
        for (int i = 0; tokens[i] && !n; i++)
            if (strncmp(at, tokens[i], strlen(tokens[i])) == 0) n = strlen(tokens[i]);
        if (n) {
            status = espy_prompt_add_text(r->prompt, done, (size_t)(at - done), r->err);
            if (!status) status = espy_prompt_add_token(r->prompt, at, n, r->err);
            done = at + n;
        }
        at += n ? n : 1;
    }
    if (!status) status = add_text(r, done);
    free(normal);
    return status;
}

/* What an earlier turn said, without the thinking before it. */
static const char *without_thoughts(const espy_chat_style *style, const char *text) {
    const char *said = text;
    if (!style->thought_end) return text;
    for (const char *at = text; (at = strstr(at, style->thought_end)); said = at)
        at += strlen(style->thought_end);
    while (said != text && *said == '\n') said++;
    return said;
}

static espy_status add_visual(rendering *r, espy_part_type type, int bare, int message, int part) {
    const espy_chat_style *style = r->style;
    int is_image = type == ESPY_PART_IMAGE, announces = style->announces && !bare;
    espy_status status = ESPY_OK;
    if (r->add_vision_id || announces) {
        char label[32];
        snprintf(label, sizeof label, "%s %d: ", is_image ? "Picture" : "Video",
                 is_image ? r->n_images + 1 : r->n_videos + 1);
        status = add_text(r, label);
    }
    *(is_image ? &r->n_images : &r->n_videos) += 1;
    espy_prompt_place place = { type, r->prompt->n_bytes, 0, message, part };
    if (!status) status = add_token(r, style->vision_start);
    if (!status) status = add_token(r, is_image ? style->image_pad : style->video_pad);
    if (!status) status = add_token(r, style->vision_end);
    place.n_bytes = r->prompt->n_bytes - place.offset;
    if (!status) status = espy_prompt_add_place(r->prompt, place, r->err);
    return status || !announces ? status : add_text(r, "\n");
}

static espy_status add_content(rendering *r, const espy_message *message, int index) {
    int is_system = strcmp(message->role, "system") == 0;
    int is_assistant = strcmp(message->role, "assistant") == 0;
    const char *const *spoken =
        r->style->own_tokens[0] ? r->style->own_tokens : r->style->text_tokens;
    for (int i = 0; i < message->n_parts; i++) {
        const espy_part *part = &message->parts[i];
        const char *text = part->text ? part->text : "";
        espy_status status;
        if (part->type == ESPY_PART_TEXT && is_assistant)
            status = add_spoken(r, without_thoughts(r->style, text), spoken);
        else if (part->type == ESPY_PART_TEXT)
            status = add_spoken(r, text, r->style->text_tokens);
        else if (part->type != ESPY_PART_IMAGE && part->type != ESPY_PART_VIDEO)
            status = espy_fail(r->err, ESPY_ERR_ARGUMENT, -1,
                               "part %d of message %d has the unknown type %d", i, index,
                               (int)part->type);
        else if (part->type == ESPY_PART_VIDEO && !r->style->video_pad)
            status = espy_fail(r->err, ESPY_ERR_UNSUPPORTED, -1,
                               "message %d: this model takes no films; give single frames as "
                               "pictures",
                               index);
        else if (is_system && r->style->system_text_only)
            status = espy_fail(r->err, ESPY_ERR_ARGUMENT, -1,
                               "message %d: a system message of this model holds text only, no %s",
                               index, part->type == ESPY_PART_IMAGE ? "picture" : "video");
        else
            status = add_visual(r, part->type, part->bare, index, i);
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status begin_turn(rendering *r, const char *role) {
    espy_status status = add_token(r, r->style->turn_start);
    if (!status) status = add_text(r, role);
    if (!status) status = add_text(r, "\n");
    return status || !r->style->content_apart ? status : espy_prompt_add_cut(r->prompt, r->err);
}

static espy_status end_turn(rendering *r) {
    espy_status status = add_token(r, r->style->turn_end);
    return status ? status : add_text(r, "\n");
}

static int is_tool(const espy_message *message) {
    return strcmp(message->role, "tool") == 0;
}

/* Results of tools stand in a user turn, neighbours in the same one. */
static espy_status add_tool_result(rendering *r, const espy_message *messages, int n, int index) {
    int is_first = index == 0 || !is_tool(&messages[index - 1]);
    int is_last = index + 1 == n || !is_tool(&messages[index + 1]);
    espy_status status = is_first ? begin_turn(r, "user") : add_text(r, "\n");
    if (!status) status = add_token(r, r->style->tool_start);
    if (!status) status = add_text(r, "\n");
    if (!status) status = add_content(r, &messages[index], index);
    if (!status) status = add_text(r, "\n");
    if (!status) status = add_token(r, r->style->tool_end);
    return status || !is_last ? status : end_turn(r);
}

static espy_status check(const espy_chat_style *style, const espy_message *messages, int n,
                         espy_error *err) {
    static const char *const roles[] = { "system", "user", "assistant", "tool" };
    if (n <= 0) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a conversation without a message");
    for (int i = 0; i < n; i++) {
        const char *role = messages[i].role ? messages[i].role : "";
        int known = 0;
        for (int k = 0; k < (style->tool_start ? 4 : 3); k++) known |= strcmp(role, roles[k]) == 0;
        if (!known)
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                             "message %d has the role '%s'; this model knows system, user%s", i,
                             role, style->tool_start ? ", assistant and tool" : " and assistant");
    }
    return ESPY_OK;
}

espy_status espy_chat_render(espy_prompt *prompt, const espy_chat_style *style,
                             const espy_message *messages, int n_messages, int add_vision_id,
                             espy_error *err) {
    rendering r = { prompt, style, add_vision_id, 0, 0, err };
    memset(prompt, 0, sizeof *prompt);
    espy_status status = check(style, messages, n_messages, err);
    if (!status && style->default_system && strcmp(messages[0].role, "system") != 0) {
        status = begin_turn(&r, "system");
        if (!status) status = add_text(&r, style->default_system);
        if (!status) status = end_turn(&r);
    }
    for (int i = 0; i < n_messages && !status; i++) {
        if (is_tool(&messages[i])) {
            status = add_tool_result(&r, messages, n_messages, i);
            continue;
        }
        status = begin_turn(&r, messages[i].role);
        if (!status) status = add_content(&r, &messages[i], i);
        if (!status) status = end_turn(&r);
    }
    if (!status) status = begin_turn(&r, "assistant");
    if (!status && style->thought_start) status = add_token(&r, style->thought_start);
    if (!status && style->thought_start) status = add_text(&r, "\n");
    if (status) espy_prompt_free(prompt);
    return status;
}
