/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Conversations rendered, marked and turned into ids. Expected ids are the
 * reference's for the same text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/chat.h"

#define IMAGE "<|vision_start|><|image_pad|><|vision_end|>"
#define VIDEO "<|vision_start|><|video_pad|><|vision_end|>"
#define N(array) ((int)(sizeof(array) / sizeof *(array)))

static const espy_part picture = { .type = ESPY_PART_IMAGE };
static const espy_part clip = { .type = ESPY_PART_VIDEO };

static espy_part text(const char *s) {
    return (espy_part){ .type = ESPY_PART_TEXT, .text = s };
}

static void open_small(espy_vocab **v) {
    char path[4096];
    espy_error err = { 0 };
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/tests/data/tokenizer", root ? root : ".");
    if (espy_vocab_from_folder(v, path, &err)) fail_msg("%s", err.message);
}

static void render(espy_prompt *p, const espy_chat_style *style, const espy_message *m, int n,
                   int add_vision_id) {
    espy_error err = { 0 };
    if (espy_chat_render(p, style, m, n, add_vision_id, &err)) fail_msg("%s", err.message);
    assert_int_equal(strlen(p->text), p->n_bytes);
}

static void refuse(const espy_chat_style *style, const espy_message *m, int n, const char *word) {
    espy_prompt p;
    espy_error err = { 0 };
    assert_int_equal(espy_chat_render(&p, style, m, n, 0, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, word));
    assert_null(p.text);
    assert_int_equal(p.n_marks + p.n_places, 0);
}

static void styles(void **state) {
    (void)state;
    espy_part parts[] = { picture, text("What is it?") };
    espy_message m[] = { { "user", parts, N(parts) } };
    espy_prompt p;
    render(&p, &espy_chat_qwen3_vl, m, 1, 0);
    assert_string_equal(p.text, "<|im_start|>user\n" IMAGE "What is it?<|im_end|>\n"
                                "<|im_start|>assistant\n");
    espy_prompt_free(&p);
    render(&p, &espy_chat_qwen2_vl, m, 1, 0);
    assert_string_equal(p.text, "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                                "<|im_start|>user\n" IMAGE "What is it?<|im_end|>\n"
                                "<|im_start|>assistant\n");
    espy_prompt_free(&p);
}

static void several_turns(void **state) {
    (void)state;
    espy_part system[] = { text("Be "), text("brief.") };
    espy_part first[] = { picture, clip, picture, text("?") }, answer[] = { text("Yes.") };
    espy_part second[] = { clip };
    espy_message m[] = {
        { "system", system, N(system) },
        { "user", first, N(first) },
        { "assistant", answer, 1 },
        { "user", second, 1 },
    };
    espy_prompt p;
    render(&p, &espy_chat_qwen3_vl, m, N(m), 1);
    assert_string_equal(p.text,
                        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
                        "Picture 1: " IMAGE "Video 1: " VIDEO "Picture 2: " IMAGE "?<|im_end|>\n"
                        "<|im_start|>assistant\nYes.<|im_end|>\n"
                        "<|im_start|>user\nVideo 2: " VIDEO "<|im_end|>\n<|im_start|>assistant\n");
    static const int places[][3] = {
        { ESPY_PART_IMAGE, 1, 0 },
        { ESPY_PART_VIDEO, 1, 1 },
        { ESPY_PART_IMAGE, 1, 2 },
        { ESPY_PART_VIDEO, 3, 0 },
    };
    assert_int_equal(p.n_places, N(places));
    for (int i = 0; i < N(places); i++) {
        const char *expected = places[i][0] == ESPY_PART_IMAGE ? IMAGE : VIDEO;
        assert_int_equal((int)p.places[i].type, places[i][0]);
        assert_int_equal(p.places[i].message, places[i][1]);
        assert_int_equal(p.places[i].part, places[i][2]);
        assert_int_equal(p.places[i].n_bytes, strlen(expected));
        assert_memory_equal(p.text + p.places[i].offset, expected, strlen(expected));
    }
    espy_prompt_free(&p);
}

static void ids_of_the_reference(void **state) {
    (void)state;
    static const int32_t expected[] = { 775, 464, 270, 198, 47,  414, 220, 16,  25,
                                        220, 783, 786, 784, 54,  687, 289, 408, 30,
                                        776, 198, 775, 509, 328, 704, 198 };
    espy_part parts[] = { picture, text("What "), text("is it?") };
    espy_message m[] = { { "user", parts, N(parts) } };
    espy_vocab *v = NULL;
    espy_prompt p;
    espy_ids ids = { 0 };
    open_small(&v);
    render(&p, &espy_chat_qwen3_vl, m, 1, 1);
    assert_int_equal(espy_prompt_encode(&p, v, &ids, NULL), 0);
    assert_int_equal(ids.n, N(expected));
    assert_memory_equal(ids.at, expected, sizeof expected);
    espy_ids_free(&ids);
    espy_prompt_free(&p);
    espy_vocab_close(&v);
}

/* What a user types is text, and one run with the template's text before it. */
static void users_make_no_special_tokens(void **state) {
    (void)state;
    static const int32_t expected[] = {
        464, 270, 198, 50, 460, 582, 91, 461, 62, 68, 271, 91, 29, 0
    };
    espy_part parts[] = { text("Say <|im_end|>!") };
    espy_message m[] = { { "user", parts, 1 } };
    espy_vocab *v = NULL;
    espy_prompt p;
    espy_ids ids = { 0 };
    open_small(&v);
    render(&p, &espy_chat_qwen3_vl, m, 1, 0);
    assert_int_equal(p.n_marks, 3);
    assert_int_equal(espy_prompt_encode(&p, v, &ids, NULL), 0);
    assert_int_equal(ids.at[0], espy_vocab_special(v, "<|im_start|>"));
    assert_memory_equal(ids.at + 1, expected, sizeof expected);
    assert_int_equal(ids.at[1 + N(expected)], espy_vocab_special(v, "<|im_end|>"));
    espy_ids_free(&ids);
    espy_prompt_free(&p);

    espy_part pad[] = { text("<|image_pad|> <think>") };
    m[0].parts = pad;
    render(&p, &espy_chat_qwen3_vl, m, 1, 0);
    assert_int_equal(p.n_marks, 3);
    assert_int_equal(p.n_places, 0);
    espy_prompt_free(&p);
    espy_vocab_close(&v);
}

/* Thoughts and calls that an assistant wrote earlier stay tokens. */
static void assistants_own_tokens(void **state) {
    (void)state;
    espy_part ask[] = { text("Go") }, own[] = { text("<think>a</think>b <|im_end|>") };
    espy_message m[] = { { "user", ask, 1 }, { "assistant", own, 1 } };
    espy_prompt p;
    render(&p, &espy_chat_qwen3_vl, m, 2, 0);
    assert_int_equal(p.n_marks, 7);
    assert_memory_equal(p.text + p.marks[3].offset, "<think>a", 8);
    assert_memory_equal(p.text + p.marks[4].offset, "</think>b <|im_end|><|im_end|>\n", 31);
    assert_int_equal(p.marks[5].offset, p.marks[4].offset + 20);
    espy_prompt_free(&p);
}

static void tool_results(void **state) {
    (void)state;
    espy_part a[] = { text("1") }, b[] = { text("2") };
    espy_message m[] = { { "tool", a, 1 }, { "tool", b, 1 }, { "user", a, 1 } };
    espy_prompt p;
    render(&p, &espy_chat_qwen3_vl, m, 3, 0);
    assert_string_equal(p.text, "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n"
                                "<tool_response>\n2\n</tool_response><|im_end|>\n"
                                "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n");
    espy_prompt_free(&p);
    refuse(&espy_chat_qwen2_vl, m, 3, "tool");
}

static void refusals(void **state) {
    (void)state;
    espy_part parts[] = { picture };
    espy_part strange[] = { { .type = (espy_part_type)9 } };
    espy_message m[] = { { "system", parts, 1 } };
    refuse(&espy_chat_qwen3_vl, m, 1, "picture");
    refuse(&espy_chat_qwen3_vl, m, 0, "without a message");
    m[0].role = "pirate";
    refuse(&espy_chat_qwen3_vl, m, 1, "pirate");
    m[0].role = NULL;
    refuse(&espy_chat_qwen3_vl, m, 1, "role");
    m[0] = (espy_message){ "user", strange, 1 };
    refuse(&espy_chat_qwen3_vl, m, 1, "type 9");

    espy_prompt p;
    m[0] = (espy_message){ "system", parts, 1 };
    render(&p, &espy_chat_qwen2_vl, m, 1, 0);
    assert_int_equal(p.n_places, 1);
    espy_prompt_free(&p);
}

static void raw_prompts(void **state) {
    (void)state;
    static const char raw[] = IMAGE "a<|image_pad|><|video_pad|><|im_end|>\n<|vision_start";
    espy_vocab *v = NULL;
    espy_prompt p;
    espy_ids ids = { 0 }, whole = { 0 };
    open_small(&v);
    assert_int_equal(espy_prompt_from_text(&p, &espy_chat_qwen3_vl, v, raw, strlen(raw), NULL), 0);
    assert_string_equal(p.text, raw);
    assert_int_equal(p.n_places, 3);
    assert_int_equal(p.places[0].n_bytes, strlen(IMAGE));
    assert_int_equal(p.places[1].n_bytes, strlen("<|image_pad|>"));
    assert_int_equal(p.places[2].type, ESPY_PART_VIDEO);
    assert_int_equal(p.places[2].message, -1);
    assert_int_equal(p.places[2].part, 2);
    assert_int_equal(espy_prompt_encode(&p, v, &ids, NULL), 0);
    assert_int_equal(espy_bpe_encode(v, raw, strlen(raw), 1, &whole, NULL), 0);
    assert_int_equal(ids.n, whole.n);
    assert_memory_equal(ids.at, whole.at, (size_t)ids.n * sizeof *ids.at);
    espy_ids_free(&ids);
    espy_ids_free(&whole);
    espy_prompt_free(&p);
    espy_vocab_close(&v);
}

static void thinking_models(void **state) {
    (void)state;
    espy_part parts[] = { { .text = "hi" },
                          { .text = "<think>\nhm</think>\n\nHello." },
                          { .text = "</think> stays" } };
    espy_message messages[] = { { "user", parts, 1 },
                                { "assistant", parts + 1, 1 },
                                { "user", parts + 2, 1 } };
    espy_prompt p;
    assert_int_equal(espy_chat_render(&p, &espy_chat_qwen3_vl_thinking, messages, 3, 0, NULL), 0);
    assert_string_equal(p.text, "<|im_start|>user\nhi<|im_end|>\n"
                                "<|im_start|>assistant\nHello.<|im_end|>\n"
                                "<|im_start|>user\n</think> stays<|im_end|>\n"
                                "<|im_start|>assistant\n<think>\n");
    assert_memory_equal(p.text + p.marks[p.n_marks - 1].offset, "<think>", 7);
    espy_prompt_free(&p);
    assert_int_equal(espy_chat_render(&p, &espy_chat_qwen3_vl, messages, 2, 0, NULL), 0);
    assert_non_null(strstr(p.text, "<think>\nhm</think>\n\nHello."));
    espy_prompt_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles),
        cmocka_unit_test(several_turns),
        cmocka_unit_test(ids_of_the_reference),
        cmocka_unit_test(users_make_no_special_tokens),
        cmocka_unit_test(assistants_own_tokens),
        cmocka_unit_test(tool_results),
        cmocka_unit_test(thinking_models),
        cmocka_unit_test(refusals),
        cmocka_unit_test(raw_prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
