/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is Qwen-VL's alone, on its tiny model with a trained length of 64 tokens; its
 * numbers are those of the parity tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "generate/answer.h"
#include "generate/context.h"
#include "generate/prepare.h"
#include "model/model.h"
#include "text/prompt.h"

static espy_model *model;
static espy_image *dark, *light;
static char folder[1024];

static espy_image *grey(int value, int width, int height) {
    static uint8_t pixels[64 * 64 * 3];
    espy_image *image;
    memset(pixels, value, sizeof pixels);
    assert_int_equal(espy_image_from_pixels(&image, pixels, width, height, (ptrdiff_t)width * 3, 3,
                                            ESPY_ALPHA_DROP, NULL),
                     ESPY_OK);
    return image;
}

static int set_up(void **state) {
    (void)state;
    const char *root = getenv("ESPY_SOURCE_ROOT");
    espy_error err = { 0 };
    snprintf(folder, sizeof folder, "%s/tests/data/qwen_vl/f16", root ? root : ".");
    if (espy_model_open(&model, folder, NULL, &err)) {
        print_error("%s\n", err.message);
        return -1;
    }
    dark = grey(20, 64, 8);
    light = grey(220, 8, 64);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    espy_image_close(&dark);
    espy_image_close(&light);
    espy_model_close(&model);
    return 0;
}

static espy_part text_part(const char *text) {
    return (espy_part){ .text = text };
}

static espy_part image_part(const espy_image *const *image) {
    return (espy_part){ .type = ESPY_PART_IMAGE, .images = image, .n_images = 1 };
}

/* ----------------------------------------------------------------- prompts */

static void pictures_are_announced_and_counted(void **state) {
    (void)state;
    espy_part bare = image_part((const espy_image *const *)&dark);
    bare.bare = 1;
    const espy_part first[] = { image_part((const espy_image *const *)&dark), text_part("What?") };
    const espy_part second[] = { bare, text_part("or"),
                                 image_part((const espy_image *const *)&light) };
    const espy_part said = text_part("It.");
    const espy_message messages[] = { { "user", first, 2 },
                                      { "assistant", &said, 1 },
                                      { "user", second, 3 } };
    espy_prompt p;
    assert_int_equal(espy_chat_render(&p, model->chat, messages, 3, 0, NULL), ESPY_OK);
    assert_string_equal(p.text,
                        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                        "<|im_start|>user\nPicture 1: <img><imgpad></img>\nWhat?<|im_end|>\n"
                        "<|im_start|>assistant\nIt.<|im_end|>\n"
                        "<|im_start|>user\n<img><imgpad></img>or"
                        "Picture 3: <img><imgpad></img>\n<|im_end|>\n"
                        "<|im_start|>assistant\n");
    assert_int_equal(p.n_places, 3);
    espy_prompt_free(&p);
}

static void films_are_refused(void **state) {
    (void)state;
    espy_part film = image_part((const espy_image *const *)&dark);
    film.type = ESPY_PART_VIDEO;
    const espy_message message = { "user", &film, 1 };
    const espy_request request = { .messages = &message, .n_messages = 1 };
    espy_prepared p;
    espy_error err = { 0 };
    assert_int_equal(espy_prepare(&p, model, &request, &err), ESPY_ERR_UNSUPPORTED);
    assert_true(err.message[0]);
}

/* The library opens no path: in a prompt it stands for the next part, in a message
 * it is text. */
static void paths_in_texts_are_not_opened(void **state) {
    (void)state;
    const espy_part picture = image_part((const espy_image *const *)&dark);
    espy_request raw = { .prompt = "<img>/nowhere.png</img>What?",
                         .prompt_parts = &picture,
                         .n_prompt_parts = 1 };
    espy_prepared p;
    espy_error err = { 0 };
    if (espy_prepare(&p, model, &raw, &err)) fail_msg("%s", err.message);
    assert_string_equal(p.prompt.text, "<img><imgpad></img>What?");
    assert_int_equal(p.n_pictures, 1);
    assert_int_equal(p.pictures[0].first, 1);
    assert_int_equal(p.pictures[0].n, 16);
    espy_prepared_free(&p);

    const espy_part said = text_part("<img>/nowhere.png</img>What?");
    const espy_message message = { "user", &said, 1 };
    const espy_request chat = { .messages = &message, .n_messages = 1 };
    assert_int_equal(espy_prepare(&p, model, &chat, &err), ESPY_OK);
    assert_int_equal(p.n_pictures, 0);
    int32_t start = espy_vocab_special(model->vocab, "<img>");
    for (int64_t i = 0; i < p.timeline.n; i++) assert_int_not_equal(p.timeline.ids[i], start);
    espy_prepared_free(&p);

    raw.prompt = "<img>a.png What?";
    assert_int_equal(espy_prepare(&p, model, &raw, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "<img> without a </img>"));
    raw.prompt = "What?";
    assert_int_equal(espy_prepare(&p, model, &raw, &err), ESPY_ERR_ARGUMENT);
}

/* Ill-formed bytes become U+FFFD before anything else. */
static void ill_formed_text_is_repaired(void **state) {
    (void)state;
    const espy_part said = text_part("a\xC3<ref>\xFF");
    const espy_message message = { "user", &said, 1 };
    espy_prompt p;
    assert_int_equal(espy_chat_render(&p, model->chat, &message, 1, 0, NULL), ESPY_OK);
    assert_non_null(strstr(p.text, "user\na\xEF\xBF\xBD<ref>\xEF\xBF\xBD<|im_end|>"));
    espy_prompt_free(&p);
}

/* The tokens of a prompt whose first of two turns has a picture, for a window. */
static int64_t tokens_within(int window, int64_t *n_pictures) {
    const espy_part first[] = { image_part((const espy_image *const *)&dark), text_part("What?") };
    const espy_part said = text_part("It."), second = text_part("And?");
    const espy_message messages[] = { { "user", first, 2 },
                                      { "assistant", &said, 1 },
                                      { "user", &second, 1 } };
    const espy_request request = { .messages = messages, .n_messages = 3 };
    espy_model windowed = *model;
    windowed.config.history_window = window;
    espy_prepared p;
    espy_error err = { 0 };
    if (espy_prepare(&p, &windowed, &request, &err)) fail_msg("%s", err.message);
    int64_t n = p.timeline.n;
    *n_pictures = p.n_pictures;
    espy_prepared_free(&p);
    return n;
}

/* System part and turn must have fewer tokens than the window; the question, and the
 * newlines behind the last kept message, are not counted. */
static void old_turns_leave_by_the_window(void **state) {
    (void)state;
    int64_t n_pictures;
    int64_t all = tokens_within(0, &n_pictures);
    assert_int_equal(n_pictures, 1);
    int64_t question = tokens_within(1, &n_pictures); /* system part and question alone */
    assert_int_equal(n_pictures, 0);
    assert_true(question < all);

    espy_ids ids = { 0 }; /* of "\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n" */
    assert_int_equal(espy_bpe_encode(model->vocab, "userAnd?assistant", 17, 0, &ids, NULL),
                     ESPY_OK);
    int window = (int)(all - ids.n - 7); /* exactly the system part and the turn */
    espy_ids_free(&ids);
    assert_int_equal(tokens_within(window, &n_pictures), question);
    assert_int_equal(tokens_within(window + 1, &n_pictures), all);
    assert_int_equal(n_pictures, 1);
}

static void all_pictures_have_one_size(void **state) {
    (void)state;
    int w = 0, h = 0, n = 0;
    assert_int_equal(espy_fit(model, 1, 5000, 0, 0, &w, &h, &n, NULL), ESPY_OK);
    assert_int_equal(w, 112);
    assert_int_equal(h, 112);
    assert_int_equal(n, 16);
    assert_int_equal(espy_fit(model, 64, 64, 1000, 2000, &w, &h, &n, NULL), ESPY_OK);
    assert_int_equal(w, 112);
    espy_model_info info;
    espy_model_get_info(model, &info);
    assert_int_equal(info.image_px, 112);
    assert_int_equal(info.n_queries, 16);
    assert_int_equal(info.min_pixels, 112 * 112);
    assert_true(info.drops_alpha);
}

/* -------------------------------------------------------------- the angles */

static void theta_steps_with_the_prompts_length(void **state) {
    (void)state;
    const espy_text_config c = {
        .rope_theta = 10000, .head_dim = 128, .ntk_length = 2048, .logn_length = 2048
    };
    static const struct {
        int64_t n;
        double theta; /* 10000 alpha^(128 / 126) */
    } steps[] = { { 1, 10000 },       { 2048, 10000 },    { 2049, 30527.73 }, { 4096, 30527.73 },
                  { 4097, 72195.86 }, { 8192, 72195.86 }, { 8193, 156588.14 } };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_float_equal(espy_rope_theta(&c, steps[i].n), steps[i].theta, 0.5);
    const espy_text_config plain = { .rope_theta = 10000, .head_dim = 128 };
    assert_float_equal(espy_rope_theta(&plain, 100000), 10000, 0);

    assert_float_equal(espy_logn_scale(&c, 2047), 1, 0);
    assert_false(espy_logn_applies(&c, 2047));
    assert_true(espy_logn_applies(&c, 2048));
    assert_float_equal(espy_logn_scale(&c, 4095), 1.0909, 1e-4);
    assert_float_equal(espy_logn_scale(&c, 8191), 1.1818, 1e-4);
    assert_false(espy_logn_applies(&plain, 100000));
}

static espy_result run(espy_context *c, const espy_request *r) {
    espy_result result;
    espy_error err = { 0 };
    if (espy_generate(c, r, &result, &err)) fail_msg("%s", err.message);
    return result;
}

/* n_words words, one token each, about a picture. */
static espy_result ask(espy_context *c, int n_words) {
    static const espy_sampling greedy;
    char words[512] = "";
    for (int i = 0; i < n_words; i++) strcat(words, " a");
    const espy_part parts[] = { image_part((const espy_image *const *)&dark), text_part(words) };
    const espy_part empty = text_part("");
    const espy_message messages[] = { { "system", &empty, 1 }, { "user", parts, 2 } };
    const espy_request request = { .messages = messages,
                                   .n_messages = 2,
                                   .max_tokens = 4,
                                   .sampling = &greedy,
                                   .ignore_eos = 1,
                                   .n_top_logprobs = 5 };
    return run(c, &request);
}

static espy_context *open_context(void) {
    espy_context *c;
    const espy_context_params params = { .exact = 1, .n_threads = 1 };
    assert_int_equal(espy_context_open(&c, model, &params, NULL), ESPY_OK);
    return c;
}

/* A longer prompt keeps what was computed only if it turns by the same angles; the
 * picture's tokens are kept in any case. */
static void the_cache_is_dropped_when_theta_changes(void **state) {
    (void)state;
    espy_context *c = open_context();
    espy_result r = ask(c, 1);
    int base = r.n_prompt_tokens; /* with one word */
    espy_result_clear(&r);
    static const struct {
        int n, reuses;
    } prompts[] = { { 60, 1 },  { 64, 1 }, { 65, 0 }, { 100, 1 }, { 128, 1 },
                    { 129, 0 }, { 70, 0 }, { 64, 0 }, { 54, 1 } };
    for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
        r = ask(c, prompts[i].n - base + 1);
        assert_int_equal(r.n_prompt_tokens, prompts[i].n);
        if (prompts[i].reuses)
            assert_true(r.n_reused_tokens > 16);
        else
            assert_int_equal(r.n_reused_tokens, 0);
        assert_int_equal(r.n_cached_images, !prompts[i].reuses);
        espy_context *fresh = open_context();
        espy_result alone = ask(fresh, prompts[i].n - base + 1);
        assert_int_equal(r.n_tokens, alone.n_tokens);
        assert_memory_equal(r.tokens, alone.tokens, (size_t)r.n_tokens * sizeof *r.tokens);
        for (int k = 0; k < r.n_tokens * 5; k++)
            assert_float_equal(r.top_logprobs[k].logprob, alone.top_logprobs[k].logprob, 1e-3);
        espy_result_clear(&alone);
        espy_result_clear(&r);
        espy_context_close(&fresh);
    }
    espy_context_close(&c);
}

/* ----------------------------------------------------------------- answers */

static void tasks_are_worded_as_it_was_trained(void **state) {
    (void)state;
    static const char *const cases[][4] = {
        { "caption", NULL, NULL, "Describe the image in English:" },
        { "caption", NULL, "de", "Describe the image in German:" },
        { "find", "\"cat\"", "de", "框出图中'cat'的位置" },
        { "detailed", NULL, "fr", "Describe this image in detail. Answer in French." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_task_request r;
        assert_int_equal(espy_task_prepare(&r, model, espy_task_find(cases[i][0]), cases[i][1],
                                           cases[i][2], NULL),
                         ESPY_OK);
        assert_string_equal(r.prompt, cases[i][3]);
        assert_int_equal(r.min_pixels, 0);
        assert_int_equal(r.max_pixels, 0);
        espy_task_request_clear(&r);
    }
}

/* Its tags are tokens; they reach the reader of shapes as text. */
static void boxes_come_through_as_tokens(void **state) {
    (void)state;
    static const char said[] = "<ref> Two</ref><box>(302,257),(582,671)</box><box>(603,252),"
                               "(878,642)</box> <quad>(1,2),(30,3),(31,40),(2,41)</quad>";
    espy_ids ids = { 0 };
    espy_answer a = { .vocab = model->vocab };
    assert_int_equal(espy_bpe_encode(model->vocab, said, strlen(said), 1, &ids, NULL), ESPY_OK);
    assert_int_equal(ids.at[0], espy_vocab_special(model->vocab, "<ref>"));
    for (int64_t i = 0; i < ids.n; i++)
        assert_int_equal(espy_answer_push(&a, ids.at[i], NULL), ESPY_OK);
    assert_string_equal(a.text, said);

    espy_shape_params params;
    espy_shape_reader *reader;
    espy_shapes shapes;
    assert_int_equal(espy_shape_params_for(model, light, 0, 0, &params, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_open(&reader, &params, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_push(reader, a.text, a.n_bytes, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_end(reader, ESPY_FINISH_STOP, &shapes, NULL), ESPY_OK);
    assert_int_equal(shapes.n_shapes, 3);
    assert_string_equal(shapes.shapes[1].label, "Two");
    /* of the picture as it came, 8 x 64, both axes alone */
    assert_float_equal(shapes.shapes[1].xy[0], 0.603 * 8, 1e-9);
    assert_float_equal(shapes.shapes[1].xy[3], 0.642 * 64, 1e-9);
    assert_int_equal(shapes.shapes[2].type, ESPY_SHAPE_QUAD);
    espy_shape_reader_close(&reader);
    espy_answer_free(&a);
    espy_ids_free(&ids);
}

/* <|im_end|> ends a turn; in a raw prompt it is a token as any other. */
static void raw_answers_end_otherwise(void **state) {
    (void)state;
    static const espy_sampling greedy;
    const espy_part said = text_part("Where?");
    const espy_message message = { "user", &said, 1 };
    for (int raw = 0; raw < 2; raw++) {
        espy_request request = { .max_tokens = 6, .sampling = &greedy, .ignore_eos = 1 };
        if (raw) {
            request.prompt = "Where?";
        } else {
            request.messages = &message;
            request.n_messages = 1;
        }
        espy_context *c = open_context();
        espy_result free_run = run(c, &request);
        espy_context_close(&c);
        espy_model ending = *model;
        ending.config.eos[1] = free_run.tokens[2];
        const espy_context_params params = { .exact = 1, .n_threads = 1 };
        assert_int_equal(espy_context_open(&c, &ending, &params, NULL), ESPY_OK);
        request.ignore_eos = 0;
        espy_result r = run(c, &request);
        if (raw) {
            assert_int_equal(r.n_tokens, 6);
            assert_int_equal(r.finish, ESPY_FINISH_LENGTH);
        } else {
            assert_true(r.n_tokens <= 3);
            assert_int_equal(r.finish, ESPY_FINISH_STOP);
        }
        espy_result_clear(&r);
        espy_result_clear(&free_run);
        espy_context_close(&c);
    }
}

/* ------------------------------------------------------------------- files */

/* A checkpoint without pos_embed: the table is computed, and is that of the one which
 * has it, but for its rounding to BF16. */
static void a_missing_table_is_computed(void **state) {
    (void)state;
    static const char *const files[] = { "config.json", "qwen.tiktoken" };
    static const char name[] = "attn_pool.pos_embed";
    char path[1200], from[1100], other[64] = "/tmp/espy-qwen-vl-XXXXXX";
    espy_model *with, *without;
    espy_error err = { 0 };
    assert_non_null(mkdtemp(other));
    snprintf(from, sizeof from, "%s/../bf16", folder);
    for (size_t i = 0; i < 2; i++) {
        char to[128], at[1300];
        snprintf(at, sizeof at, "%s/%s", from, files[i]);
        snprintf(to, sizeof to, "%s/%s", other, files[i]);
        assert_int_equal(symlink(at, to), 0);
    }
    snprintf(path, sizeof path, "%s/model.safetensors", from);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static char bytes[2 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_in_range(n, 1, sizeof bytes - 1);
    char *hit = memmem(bytes, n, name, sizeof name - 1);
    assert_non_null(hit);
    hit[sizeof name - 2] = 'X';
    snprintf(path, sizeof path, "%s/model.safetensors", other);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    if (espy_model_open(&with, from, NULL, &err)) fail_msg("%s", err.message);
    if (espy_model_open(&without, other, NULL, &err)) fail_msg("%s", err.message);
    const espy_weight *a = &with->weights.resampler.positions;
    const espy_weight *b = &without->weights.resampler.positions;
    assert_int_equal(a->rows, 1024);
    assert_int_equal(b->rows, 1024);
    const float *x = a->tensor.data, *y = b->tensor.data;
    int n_equal = 0;
    for (int i = 0; i < 1024 * 128; i++) {
        assert_float_equal(x[i], y[i], 5e-3);
        n_equal += x[i] == y[i];
    }
    assert_true(n_equal < 1024 * 64);
    espy_model_close(&with);
    espy_model_close(&without);
    for (size_t i = 0; i < 2; i++) {
        char to[128];
        snprintf(to, sizeof to, "%s/%s", other, files[i]);
        unlink(to);
    }
    unlink(path);
    rmdir(other);
}

/* [12][4] of ones in FP8, a factor for each n rows; its thirds as slots. */
static espy_status bind_fp8(espy_weights *w, const char *header, const float *factors, int n,
                            espy_container **file, espy_error *err) {
    static uint8_t bytes[1024];
    static const espy_weight_name rows[] = {
        { ESPY_GROUP_MODEL,
          offsetof(espy_weights, patch.w),
          "w",
          { NULL },
          { ESPY_DIM_TEXT, ESPY_DIM_TEXT },
          0,
          0,
          0,
          1,
          3 },
        { ESPY_GROUP_MODEL,
          offsetof(espy_weights, resampler.proj),
          "w",
          { NULL },
          { ESPY_DIM_TEXT, ESPY_DIM_TEXT },
          0,
          0,
          0,
          2,
          3 },
    };
    static const espy_weight_table table = { rows, 2 };
    static const espy_weight_table *const tables[] = { &table, NULL };
    const espy_config config = { .text = { .dim = 4, .n_layers = 1 }, .vision = { .n_layers = 1 } };
    size_t n_header = strlen(header), at = 8 + n_header;
    memset(bytes, 0, 8);
    bytes[0] = (uint8_t)n_header;
    memcpy(bytes + 8, header, n_header);
    memset(bytes + at, 0x38, 48); /* 1 */
    memcpy(bytes + at + 48, factors, (size_t)n * sizeof *factors);
    espy_status status = espy_container_open_memory(file, bytes, (int64_t)(at + 48 + (size_t)n * 4),
                                                    "w.safetensors", err);
    return status ? status : espy_weights_bind(w, &config, tables, *file, *file, NULL, NULL, err);
}

#define FP8_HEADER(rows, end)                                                                      \
    "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[12,4],\"data_offsets\":[0,48]},"                     \
    "\"w_scale_inv\":{\"dtype\":\"F32\",\"shape\":[" rows ",1],\"data_offsets\":[48," end "]}}"

static void slices_keep_their_scales(void **state) {
    (void)state;
    static const float factors[] = { 1, 2, 3 };
    espy_weights w;
    espy_container *file = NULL;
    espy_error err = { 0 };
    if (bind_fp8(&w, FP8_HEADER("3", "60"), factors, 3, &file, &err)) fail_msg("%s", err.message);
    float *middle = espy_weights_values(&w.patch.w);
    assert_int_equal(espy_weights_transpose(&w, &w.resampler.proj, NULL), ESPY_OK);
    assert_int_equal(w.resampler.proj.tensor.dtype, ESPY_F32);
    const float *last = w.resampler.proj.tensor.data;
    for (int i = 0; i < 16; i++) {
        assert_float_equal(middle[i], 2, 0);
        assert_float_equal(last[i], 3, 0);
    }
    free(middle);
    espy_weights_free(&w);
    espy_container_close(&file);
    /* a block of scales that reaches over two slices */
    assert_int_equal(bind_fp8(&w, FP8_HEADER("2", "56"), factors, 2, &file, &err),
                     ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "6 rows reach over its slices"));
    espy_container_close(&file);
}

static void a_matrix_is_transposed(void **state) {
    (void)state;
    static const uint16_t half[] = { 0x3C00, 0x4000, 0x4200, 0x4400 }; /* 1 2; 3 4 */
    espy_weights owner = { 0 };
    espy_weight w = { .rows = 2, .cols = 2 };
    w.tensor = (espy_tensor){ .dtype = ESPY_F16,
                              .n_dims = 2,
                              .shape = { 2, 2, 1, 1, 1 },
                              .data = half,
                              .n_bytes = sizeof half };
    assert_int_equal(espy_weights_transpose(&owner, &w, NULL), ESPY_OK);
    assert_int_equal(w.tensor.dtype, ESPY_F16);
    const uint16_t *t = w.tensor.data;
    assert_true(t[0] == 0x3C00 && t[1] == 0x4200 && t[2] == 0x4000 && t[3] == 0x4400);
    espy_weights_free(&owner);
}

static void ends_differ_in_raw_prompts(void **state) {
    (void)state;
    const espy_config *c = &model->config;
    assert_int_equal(c->n_eos, 3);
    assert_int_equal(c->n_raw_eos, 1);
    assert_int_equal(c->eos[0], espy_vocab_special(model->vocab, "<|endoftext|>"));
    assert_int_equal(c->eos[1], espy_vocab_special(model->vocab, "<|im_end|>"));
    assert_int_equal(c->eos[2], espy_vocab_special(model->vocab, "<|im_start|>"));
    assert_float_equal(c->sampling.top_p, 0.5, 0);
    assert_float_equal(c->sampling.temperature, 1, 0);
    assert_int_equal(c->sampling.top_k, 0);
}

static void it_has_no_gguf(void **state) {
    (void)state;
    espy_error err = { 0 };
    char out[64] = "/tmp/espy-qwen-vl-XXXXXX";
    assert_non_null(mkdtemp(out));
    char file[96];
    snprintf(file, sizeof file, "%s/x.gguf", out);
    assert_int_equal(espy_convert(folder, file, NULL, NULL, &err), ESPY_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "no GGUF form"));
    assert_int_equal(remove(out), 0); /* empty: nothing was left there */
}

/* Sixteen cells to thirty-two: two phases, and the border repeated. */
static void a_table_is_resized_as_a_picture(void **state) {
    (void)state;
    float table[16 * 16], *out;
    for (int i = 0; i < 256; i++) table[i] = i / 16 == 7 ? 1.0F : 0.0F;
    out = espy_table_resize(table, 16, 1, 32);
    assert_non_null(out);
    static const float wanted[] = { -0.03515625F, -0.10546875F, 0.26171875F,  0.87890625F,
                                    0.87890625F,  0.26171875F,  -0.10546875F, -0.03515625F };
    for (int row = 0; row < 32; row++)
        for (int column = 0; column < 32; column += 31) {
            float w = row >= 11 && row < 19 ? wanted[row - 11] : 0;
            assert_float_equal(out[row * 32 + column], w, 1e-6);
        }
    free(out);
    for (int i = 0; i < 256; i++) table[i] = 3.5F;
    out = espy_table_resize(table, 16, 1, 5);
    for (int i = 0; i < 25; i++) assert_float_equal(out[i], 3.5, 1e-5);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_announced_and_counted),
        cmocka_unit_test(films_are_refused),
        cmocka_unit_test(paths_in_texts_are_not_opened),
        cmocka_unit_test(ill_formed_text_is_repaired),
        cmocka_unit_test(old_turns_leave_by_the_window),
        cmocka_unit_test(all_pictures_have_one_size),
        cmocka_unit_test(theta_steps_with_the_prompts_length),
        cmocka_unit_test(the_cache_is_dropped_when_theta_changes),
        cmocka_unit_test(tasks_are_worded_as_it_was_trained),
        cmocka_unit_test(boxes_come_through_as_tokens),
        cmocka_unit_test(raw_answers_end_otherwise),
        cmocka_unit_test(a_missing_table_is_computed),
        cmocka_unit_test(slices_keep_their_scales),
        cmocka_unit_test(a_matrix_is_transposed),
        cmocka_unit_test(ends_differ_in_raw_prompts),
        cmocka_unit_test(it_has_no_gguf),
        cmocka_unit_test(a_table_is_resized_as_a_picture),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
