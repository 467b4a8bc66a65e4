/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Folders and GGUF files to GGUF files: what comes out answers as what went in,
 * and what cannot be done leaves nothing behind. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <espy.h>

#include "bytes.h"

#include "convert/mix.h"
#include "model/model.h"
#include "text/vocab_parts.h"

static char data[1024], folder[64];

static int begin(void **state) {
    (void)state;
    snprintf(data, sizeof data, "%s/tests/data/qwen3_vl", getenv("ESPY_SOURCE_ROOT"));
    make_folder(folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Paths in the test's folder and in the data, as joined gives them. */
static const char *at(const char *name) {
    return joined(folder, name);
}

static const char *from(const char *name) {
    return joined(data, name);
}

static int n_files(void) {
    DIR *dir = opendir(folder);
    int n = 0;
    while (readdir(dir)) n++;
    closedir(dir);
    return n - 2;
}

static void convert(const char *source, const char *out, const char *mmproj, const char *type,
                    const char *vision) {
    espy_error err = { 0 };
    espy_convert_params p = { .type = type, .vision_type = vision, .n_threads = 2 };
    if (espy_convert(from(source), at(out), mmproj ? at(mmproj) : NULL, &p, &err))
        fail_msg("%s", err.message);
}

#define assert_says(err, part)                                                                     \
    if (!strstr((err).message, part)) fail_msg("\"%s\" is not in \"%s\"", part, (err).message)

/* ------------------------------------------------------------------- answers */

static espy_model *open_model(const char *path) {
    espy_model *m;
    espy_error err = { 0 };
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    return m;
}

/* Greedy and exact, a picture and a question with marks that NFC would join. */
static espy_result answer(const espy_model *m) {
    espy_error err = { 0 };
    espy_image *image;
    espy_context *c;
    espy_result r;
    espy_sampling greedy = { 0 };
    espy_context_params params = { .exact = 1, .n_context = 1024, .n_threads = 1 };
    assert_int_equal(espy_image_load(&image, from("../pictures/photo.png"), ESPY_ALPHA_WHITE, NULL),
                     ESPY_OK);
    const espy_image *images[] = { image };
    espy_part parts[] = { { .type = ESPY_PART_IMAGE, .images = images, .n_images = 1 },
                          { .text = "Caf\x65\xCC\x81: what is this? <|im_end|>" } };
    espy_message message = { "user", parts, 2 };
    espy_request request = { .messages = &message,
                             .n_messages = 1,
                             .max_tokens = 24,
                             .sampling = &greedy,
                             .ignore_eos = 1,
                             .n_top_logprobs = 2 };
    assert_int_equal(espy_context_open(&c, m, &params, NULL), ESPY_OK);
    if (espy_generate(c, &request, &r, &err)) fail_msg("%s", err.message);
    espy_context_close(&c);
    espy_image_close(&image);
    return r;
}

/* All that is read from the folder's files; a GGUF tells otherwise whether the
 * output is the embedding, and lists a fourth section. */
static void assert_same_numbers(const espy_model *a, const espy_model *b) {
    espy_model_info x, y;
    espy_config c = a->config, d = b->config;
    c.text.tied = d.text.tied = 0;
    c.text.n_sections = d.text.n_sections = 0;
    if (c.text.rope_theta != d.text.rope_theta) fail_msg("rope_theta");
    for (int i = 0; i < 3; i++) { /* F32 in a GGUF, as they are used */
        assert_true((float)c.image.mean[i] == (float)d.image.mean[i]);
        assert_true((float)c.image.std[i] == (float)d.image.std[i]);
        c.image.mean[i] = d.image.mean[i];
        c.image.std[i] = d.image.std[i];
    }
    assert_memory_equal(&c.vision, &d.vision, sizeof c.vision);
    assert_memory_equal(&c.text, &d.text, sizeof c.text);
    assert_memory_equal(&c.image, &d.image, sizeof c.image);
    assert_memory_equal(&c, &d, sizeof c);
    assert_ptr_equal(a->chat, b->chat);
    assert_int_equal(a->vocab->nfc, b->vocab->nfc);
    espy_model_get_info(a, &x);
    espy_model_get_info(b, &y);
    assert_string_equal(x.name, y.name);
}

/* Tokens and the logarithms of their probabilities, to the last bit. */
static void assert_same_answer(const char *a, const char *b) {
    espy_model *x = open_model(a), *y = open_model(b);
    assert_same_numbers(x, y);
    espy_result r = answer(x), s = answer(y);
    assert_int_equal(r.n_tokens, 24);
    assert_int_equal(s.n_tokens, 24);
    assert_string_equal(r.rendered, s.rendered);
    assert_int_equal(r.n_prompt_tokens, s.n_prompt_tokens);
    assert_memory_equal(r.tokens, s.tokens, 24 * sizeof *r.tokens);
    assert_memory_equal(r.top_logprobs, s.top_logprobs, 48 * sizeof *r.top_logprobs);
    espy_result_clear(&r);
    espy_result_clear(&s);
    espy_model_close(&x);
    espy_model_close(&y);
}

static void kept_types_answer_the_same(void **state) {
    (void)state;
    static const struct {
        const char *source, *type;
    } rows[] = { { "f32", "F32" },
                 { "f16", "F16" },
                 { "bf16", "BF16" },
                 { "micro", "bf16" },
                 { "../qwen2_vl/f32", "F32" },
                 { "../qwen2_vl/bf16", "BF16" },
                 { "../qwen2_5_vl/bf16", "BF16" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char pair[64], mmproj[64], one[64], source[1200];
        snprintf(pair, sizeof pair, "%zu.gguf", i);
        snprintf(mmproj, sizeof mmproj, "mmproj-%zu.gguf", i);
        snprintf(one, sizeof one, "one-%zu.gguf", i);
        snprintf(source, sizeof source, "%s", from(rows[i].source));
        convert(rows[i].source, pair, mmproj, rows[i].type, rows[i].type);
        convert(rows[i].source, one, NULL, rows[i].type, rows[i].type);
        assert_same_answer(source, at(pair));
        assert_same_answer(source, at(one));
    }
}

/* Copies a checkpoint to "m" and lets sed change one of its files. */
static void edit(const char *source, const char *sed, const char *file) {
    char command[3000];
    if (source) {
        snprintf(command, sizeof command, "cp -r '%s' '%s'", from(source), at("m"));
        assert_int_equal(system(command), 0);
    }
    snprintf(command, sizeof command, "sed -i '%s' '%s/m/%s'", sed, folder, file);
    assert_int_equal(system(command), 0);
}

/* Numbers that a release could have otherwise, and that no default gives. */
static void unusual_numbers_survive(void **state) {
    (void)state;
    edit("f16", "s/5000000/123456.5/; s/1e-05/3e-05/", "config.json");
    edit(NULL, "/eos_token_id/,/]/ { s/774/790/ }; s/0\\.7/0.123/; s/: 20/: 7/; s/do_sample/x/",
         "generation_config.json");
    edit(NULL,
         "s/0\\.5/0.481454/; s/\"min_pixels\": [0-9]*/\"min_pixels\": 5000/; "
         "s/\"max_pixels\": [0-9]*/\"max_pixels\": 1000000000000/",
         "preprocessor_config.json");
    edit(NULL, "/\"normalizer\": {/,/}/ c \"normalizer\": null,", "tokenizer.json");
    espy_error err = { 0 };
    espy_convert_params p = { .type = "F16" };
    if (espy_convert(at("m"), at("out.gguf"), at("mmproj-out.gguf"), &p, &err))
        fail_msg("%s", err.message);
    espy_model *x = open_model(at("m")), *y = open_model(at("out.gguf"));
    assert_same_numbers(x, y);
    assert_int_equal(y->config.eos[1], 790);
    assert_int_equal(y->config.n_eos, 2); /* no end is added */
    assert_true(y->config.sampling.temperature == 0 && y->config.sampling.top_k == 7);
    espy_model_close(&x);
    espy_model_close(&y);
}

/* Types of more bits hold what those of fewer did; FP8 takes its scales along. */
static void larger_types_answer_the_same(void **state) {
    (void)state;
    static const char *const sources[] = { "bf16", "fp8" };
    for (int i = 0; i < 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s.gguf", sources[i]);
        convert(sources[i], name, NULL, "F32", "F32");
        espy_model *x = open_model(from(sources[i])), *y = open_model(at(name));
        espy_result r = answer(x), s = answer(y);
        assert_memory_equal(r.tokens, s.tokens, 24 * sizeof *r.tokens);
        espy_result_clear(&r);
        espy_result_clear(&s);
        espy_model_close(&x);
        espy_model_close(&y);
    }
}

static void every_type_can_be_opened(void **state) {
    (void)state;
    static const char *const types[] = { "F32",  "F16",  "BF16",   "Q8_0", "Q6_K",
                                         "Q5_K", "Q4_K", "Q4_K_M", "Q4_0" };
    static const char *const sources[] = { "fp8", "bf16", "../qwen2_vl/bf16",
                                           "../qwen2_5_vl/bf16" };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int j = 0; j < 4; j++) {
            char name[64];
            snprintf(name, sizeof name, "%d-%s.gguf", j, types[i]);
            convert(sources[j], name, NULL, types[i],
                    strcmp(types[i], "Q4_K_M") == 0 ? NULL : types[i]);
            espy_model *m = open_model(at(name));
            espy_result r = answer(m);
            assert_int_equal(r.n_tokens, 24);
            espy_result_clear(&r);
            espy_model_close(&m);
        }
}

/* ------------------------------------------------------------------ the files */

static espy_container *open_file(const char *path) {
    espy_container *c;
    espy_error err = { 0 };
    if (espy_container_open(&c, path, &err)) fail_msg("%s", err.message);
    return c;
}

static void assert_text(const espy_container *c, const char *key, const char *text) {
    const espy_meta *m = espy_container_meta(c, key);
    if (!m || m->s_bytes != strlen(text) || memcmp(m->s, text, m->s_bytes) != 0)
        fail_msg("%s is not %s", key, text);
}

static void assert_number(const espy_container *c, const char *key, double v) {
    const espy_meta *m = espy_container_meta(c, key);
    if (!m || m->f != v) fail_msg("%s is %g, not %g", key, m ? m->f : -1, v);
}

/* The converter of llama.cpp wrote the stored file: each tensor must be the same,
 * and each key that both have. */
static void assert_like_llama_cpp(const char *theirs, const char *ours, int n_shared) {
    espy_container *a = open_file(theirs), *b = open_file(ours);
    assert_int_equal(espy_container_n_tensors(a), espy_container_n_tensors(b));
    for (int i = 0; i < espy_container_n_tensors(a); i++) {
        const espy_named_tensor *t = espy_container_tensor(a, i);
        const espy_tensor *u = espy_container_find(b, t->name);
        if (!u) fail_msg("%s is not there", t->name);
        assert_int_equal(t->tensor.dtype, u->dtype);
        assert_int_equal(t->tensor.n_dims, u->n_dims);
        assert_memory_equal(t->tensor.shape, u->shape, sizeof u->shape);
        assert_memory_equal(t->tensor.data, u->data, (size_t)u->n_bytes);
    }
    int shared = 0;
    for (int i = 0; i < espy_container_n_meta(a); i++) {
        char name[200];
        const char *key;
        size_t n;
        const espy_meta *x = espy_container_meta_entry(a, i, &key, &n);
        snprintf(name, sizeof name, "%.*s", (int)n, key);
        const espy_meta *y = espy_container_meta(b, name);
        /* it makes added tokens special that only look so, "<|file_sep|>" */
        int other =
            strcmp(name, "general.name") == 0 || strcmp(name, "tokenizer.ggml.token_type") == 0;
        /* of Qwen2-VL it writes the text's width; here it is the MLP's */
        other |= strcmp(name, "clip.vision.feed_forward_length") == 0 && strstr(theirs, "qwen2_vl");
        if (!y || other) continue;
        shared++;
        if (x->raw_bytes != y->raw_bytes || memcmp(x->raw, y->raw, x->raw_bytes) != 0)
            fail_msg("%s differs", name);
    }
    if (shared < n_shared) fail_msg("only %d keys are in both", shared);
    espy_container_close(&a);
    espy_container_close(&b);
}

static void files_are_those_of_llama_cpp(void **state) {
    (void)state;
    convert("micro", "m.gguf", "mmproj-m.gguf", "BF16", "BF16");
    assert_like_llama_cpp(from("gguf/micro-bf16.gguf"), at("m.gguf"), 25);
    assert_like_llama_cpp(from("gguf/mmproj-micro-bf16.gguf"), at("mmproj-m.gguf"), 16);
    static const char *const families[] = { "../qwen2_vl", "../qwen2_5_vl" };
    for (int i = 0; i < 2; i++) {
        char path[4][64];
        snprintf(path[0], sizeof path[0], "m%d.gguf", i);
        snprintf(path[1], sizeof path[1], "mmproj-m%d.gguf", i);
        snprintf(path[2], sizeof path[2], "%s/gguf/micro-bf16.gguf", families[i]);
        snprintf(path[3], sizeof path[3], "%s/gguf/mmproj-micro-bf16.gguf", families[i]);
        char micro[64];
        snprintf(micro, sizeof micro, "%s/micro", families[i]);
        convert(micro, path[0], path[1], "BF16", "BF16");
        assert_like_llama_cpp(from(path[2]), at(path[0]), 25);
        assert_like_llama_cpp(from(path[3]), at(path[1]), 14 + 2 * i);
    }
}

/* Layers that see the whole picture at no regular distance go into one file only. */
static void irregular_layers_need_one_file(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_convert_params p = { .type = "F32", .vision_type = "F32" };
    assert_int_equal(
        espy_convert(from("../qwen2_5_vl/f32"), at("m.gguf"), at("mmproj.gguf"), &p, &err),
        ESPY_ERR_UNSUPPORTED);
    assert_says(err, "fullatt_block_indexes");
    assert_int_equal(n_files(), 0);
    convert("../qwen2_5_vl/f32", "m.gguf", NULL, "F32", "F32");
    char source[1200];
    snprintf(source, sizeof source, "%s", from("../qwen2_5_vl/f32"));
    assert_same_answer(source, at("m.gguf"));
}

static void keys_tell_what_is_in(void **state) {
    (void)state;
    convert("bf16", "m.gguf", "mmproj-m.gguf", "Q4_K_M", "Q8_0");
    espy_container *c = open_file(at("m.gguf"));
    assert_text(c, "general.architecture", "qwen3vl");
    assert_text(c, "general.type", "model");
    assert_text(c, "general.name", "bf16");
    assert_number(c, "general.file_type", 15);
    assert_number(c, "tokenizer.ggml.eos_token_id", 776);
    assert_number(c, "tokenizer.ggml.padding_token_id", 774);
    assert_int_equal(espy_container_meta(c, "tokenizer.ggml.tokens")->n, 832);
    assert_int_equal(espy_meta_at(espy_container_meta(c, "tokenizer.ggml.token_type"), 831).i, 5);
    assert_non_null(espy_container_meta(c, "tokenizer.chat_template"));
    espy_container_close(&c);
    c = open_file(at("mmproj-m.gguf"));
    assert_text(c, "general.architecture", "clip");
    assert_text(c, "general.type", "mmproj");
    assert_text(c, "clip.projector_type", "qwen3vl_merger");
    assert_number(c, "clip.vision.image_min_pixels", 4096);
    assert_number(c, "clip.vision.image_max_pixels", 36864);
    assert_int_equal(espy_container_find(c, "v.position_embd.weight")->dtype, ESPY_F32);
    espy_container_close(&c);
}

/* Types by the name of a tensor with rows of n. */
static espy_dtype chosen(const espy_mix_file *file, const char *name, int64_t n) {
    const int64_t shape[] = { 4, n };
    return espy_mix_choose(file, name, ESPY_IQ4_XS, 2, shape);
}

static void mixes_choose_types(void **state) {
    (void)state;
    espy_mix_file f = { .n_layers = 28, .has_output = 1 };
    assert_int_equal(espy_mix_find(&f.language, "q4_k_m", NULL), ESPY_OK);
    assert_int_equal(espy_mix_find_vision(&f.vision, "BF16", NULL), ESPY_OK);
    static const int more[] = { 0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27 };
    for (int layer = 0, next = 0; layer < 28; layer++) {
        char v[40], down[40], up[40];
        snprintf(v, sizeof v, "blk.%d.attn_v.weight", layer);
        snprintf(down, sizeof down, "blk.%d.ffn_down.weight", layer);
        snprintf(up, sizeof up, "blk.%d.ffn_up.weight", layer);
        int is_more = next < 14 && more[next] == layer;
        next += is_more;
        assert_int_equal(chosen(&f, v, 512), is_more ? ESPY_Q6_K : ESPY_Q4_K);
        assert_int_equal(chosen(&f, down, 512), is_more ? ESPY_Q6_K : ESPY_Q4_K);
        assert_int_equal(chosen(&f, up, 512), ESPY_Q4_K);
    }
    assert_int_equal(chosen(&f, "output.weight", 256), ESPY_Q6_K);
    assert_int_equal(chosen(&f, "token_embd.weight", 256), ESPY_Q4_K);
    f.has_output = 0;
    assert_int_equal(chosen(&f, "token_embd.weight", 256), ESPY_Q6_K);
    assert_int_equal(chosen(&f, "blk.3.attn_q.weight", 96), ESPY_Q8_0);
    assert_int_equal(chosen(&f, "blk.3.attn_q.weight", 48), ESPY_F16);
    assert_int_equal(chosen(&f, "blk.3.attn_norm.weight", 256), ESPY_F32);
    assert_int_equal(espy_mix_choose(&f, "blk.3.attn_q.bias", ESPY_F16, 1, (int64_t[]){ 256 }),
                     ESPY_F32);
    assert_int_equal(chosen(&f, "v.patch_embd.weight.1", 16), ESPY_F32);
    assert_int_equal(chosen(&f, "v.position_embd.weight", 256), ESPY_BF16);
    assert_int_equal(chosen(&f, "mm.0.weight", 256), ESPY_BF16);
    f.for_llama_cpp = 1;
    assert_int_equal(chosen(&f, "v.position_embd.weight", 256), ESPY_F32);
    assert_int_equal(espy_mix_find_vision(&f.vision, "Q4_0", NULL), ESPY_OK);
    assert_int_equal(chosen(&f, "v.patch_embd.weight", 16), ESPY_F16);
    assert_int_equal(chosen(&f, "v.blk.1.attn_qkv.weight", 64), ESPY_Q4_0);
    f.vision = NULL; /* stays */
    assert_int_equal(chosen(&f, "v.blk.1.attn_qkv.weight", 256), ESPY_IQ4_XS);
}

static void slurp(const char *path, char **contents, long *n) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = ftell(f);
    rewind(f);
    *contents = malloc((size_t)*n);
    assert_int_equal(fread(*contents, 1, (size_t)*n, f), *n);
    fclose(f);
}

static void assert_same_file(const char *a, const char *b) {
    char *x, *y;
    long n, m;
    slurp(a, &x, &n);
    slurp(b, &y, &m);
    assert_int_equal(n, m);
    assert_memory_equal(x, y, (size_t)n);
    free(x);
    free(y);
}

static void threads_do_not_matter(void **state) {
    (void)state;
    espy_convert_params p = { .vision_type = "Q6_K", .n_threads = 1 };
    assert_int_equal(espy_convert(from("fp8"), at("a.gguf"), NULL, &p, NULL), ESPY_OK);
    p.n_threads = 3;
    assert_int_equal(espy_convert(from("fp8"), at("b.gguf"), NULL, &p, NULL), ESPY_OK);
    assert_same_file(at("a.gguf"), at("b.gguf"));
}

/* ------------------------------------------------------------------- quantise */

static void assert_same_tensors(const char *a, const char *b) {
    espy_container *x = open_file(a), *y = open_file(b);
    assert_int_equal(espy_container_n_tensors(x), espy_container_n_tensors(y));
    for (int i = 0; i < espy_container_n_tensors(x); i++) {
        const espy_named_tensor *t = espy_container_tensor(x, i);
        const espy_tensor *u = espy_container_find(y, t->name);
        assert_non_null(u);
        assert_int_equal(t->tensor.dtype, u->dtype);
        assert_memory_equal(t->tensor.data, u->data, (size_t)u->n_bytes);
    }
    espy_container_close(&x);
    espy_container_close(&y);
}

static void quantise(const char *in, const char *out, const char *type, const char *vision) {
    espy_error err = { 0 };
    espy_convert_params p = { .type = type, .vision_type = vision };
    if (espy_quantize(in, at(out), &p, &err)) fail_msg("%s", err.message);
}

/* By way of a GGUF that holds the same numbers nothing changes. */
static void go_both_ways(const char *source) {
    static const char *const types[] = { "Q8_0", "Q4_K_M", "Q4_0" };
    convert(source, "f32.gguf", "mmproj-f32.gguf", "F32", "F32");
    for (size_t i = 0; i < 3; i++) {
        char direct[64], twice[64];
        snprintf(direct, sizeof direct, "direct-%s.gguf", types[i]);
        snprintf(twice, sizeof twice, "twice-%s.gguf", types[i]);
        convert(source, direct, "mmproj-direct.gguf", types[i], "Q8_0");
        quantise(at("f32.gguf"), twice, types[i], NULL);
        assert_same_tensors(at(direct), at(twice));
        unlink(at("mmproj-direct.gguf"));
    }
    convert(source, "x.gguf", "mmproj-x.gguf", NULL, "Q8_0");
    quantise(at("mmproj-f32.gguf"), "mmproj-y.gguf", "Q8_0", NULL);
    assert_same_tensors(at("mmproj-x.gguf"), at("mmproj-y.gguf"));
    convert(source, "one.gguf", NULL, "F32", "F32");
    quantise(at("one.gguf"), "one-q.gguf", "Q8_0", "Q8_0");
    convert(source, "one-direct.gguf", NULL, "Q8_0", "Q8_0");
    assert_same_tensors(at("one-direct.gguf"), at("one-q.gguf"));
}

static void both_ways_give_the_same(void **state) {
    static const char *const sources[] = { "fp8", "../qwen2_vl/bf16", "../qwen2_5_vl/bf16" };
    for (int i = 0; i < 3; i++) {
        go_both_ways(sources[i]);
        end(state);
        begin(state);
    }
}

static void quantised_files_keep_their_keys(void **state) {
    (void)state;
    quantise(from("gguf/micro-f16-00001-of-00002.gguf"), "m.gguf", "F16", NULL);
    quantise(from("gguf/mmproj-micro-f16.gguf"), "mmproj-m.gguf", "F16", NULL);
    espy_container *a = open_file(from("gguf/micro-f16-00002-of-00002.gguf"));
    espy_container *b = open_file(at("m.gguf"));
    assert_null(espy_container_meta(b, "split.count"));
    assert_number(b, "general.file_type", 1);
    assert_int_equal(espy_container_n_tensors(a), espy_container_n_tensors(b));
    espy_container_close(&a);
    espy_container_close(&b);
    espy_model *x = open_model(from("gguf/micro-f16-00001-of-00002.gguf"));
    espy_model *y = open_model(at("m.gguf"));
    espy_result r = answer(x), s = answer(y);
    assert_memory_equal(r.tokens, s.tokens, 24 * sizeof *r.tokens);
    espy_result_clear(&r);
    espy_result_clear(&s);
    espy_model_close(&x);
    espy_model_close(&y);
}

static int n_warnings;

static void count_warnings(void *user, int level, const char *line) {
    (void)user;
    n_warnings += level == 1 && strstr(line, "holds Q4_0 already") != NULL;
}

static void a_second_loss_is_told(void **state) {
    (void)state;
    convert("bf16", "a.gguf", "mmproj-a.gguf", "Q4_0", NULL);
    espy_convert_params p = { .type = "Q4_0", .log = count_warnings };
    assert_int_equal(espy_quantize(at("a.gguf"), at("b.gguf"), &p, NULL), ESPY_OK);
    assert_int_equal(n_warnings, 0); /* nothing is lost: bytes are copied */
    assert_same_tensors(at("a.gguf"), at("b.gguf"));
    p.type = "Q8_0";
    assert_int_equal(espy_quantize(at("a.gguf"), at("c.gguf"), &p, NULL), ESPY_OK);
    assert_int_equal(n_warnings, 1);
}

/* ------------------------------------------------------------------- refusals */

static void refuses_arguments(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_convert_params p = { .type = "Q3_K" };
    assert_int_equal(espy_convert(from("f32"), at("a.gguf"), NULL, &p, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "type 'Q3_K' is none that espy writes (F32, F16, BF16, Q8_0,");
    p = (espy_convert_params){ .vision_type = "Q4_K_M" };
    assert_int_equal(espy_convert(from("f32"), at("a.gguf"), NULL, &p, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "Q4_K_M is a mix");
    assert_int_equal(espy_convert(from("f32"), at("a.gguf"), at("a.gguf"), NULL, &err),
                     ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_convert(NULL, at("a.gguf"), NULL, NULL, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_convert(from("f32"), "", NULL, NULL, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_convert(from("gguf/one-file-clip.gguf"), at("a.gguf"), NULL, NULL, &err),
                     ESPY_ERR_ARGUMENT);
    assert_says(err, "is a GGUF already");
    assert_int_equal(espy_quantize(from("f32"), at("a.gguf"), NULL, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "is no GGUF");
    assert_int_equal(espy_quantize(at("none.gguf"), at("a.gguf"), NULL, &err), ESPY_ERR_IO);
    assert_int_equal(espy_quantize("", at("a.gguf"), NULL, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(n_files(), 0);
}

static void existing_files_stay(void **state) {
    (void)state;
    espy_error err = { 0 };
    espy_convert_params p = { .overwrite = 1 };
    convert("micro", "a.gguf", NULL, "F16", NULL);
    assert_int_equal(espy_convert(from("f32"), at("a.gguf"), NULL, NULL, &err), ESPY_ERR_ARGUMENT);
    assert_says(err, "a.gguf: is there already");
    assert_int_equal(espy_convert(from("f32"), at("b.gguf"), at("a.gguf"), NULL, &err),
                     ESPY_ERR_ARGUMENT);
    assert_int_equal(espy_quantize(at("a.gguf"), at("a.gguf"), NULL, &err), ESPY_ERR_ARGUMENT);
    assert_int_equal(n_files(), 1);
    p.type = "Q8_0"; /* onto itself, on request */
    p.vision_type = "Q8_0";
    assert_int_equal(espy_quantize(at("a.gguf"), at("a.gguf"), &p, NULL), ESPY_OK);
    convert("micro", "direct.gguf", NULL, "Q8_0", "Q8_0");
    espy_model *m = open_model(at("a.gguf"));
    espy_model_close(&m);
    assert_int_equal(n_files(), 2);
}

static int stop_at(void *user, const char *phase, int64_t done, int64_t total) {
    (void)done, (void)total;
    return strcmp(phase, user) == 0;
}

static void a_stop_leaves_nothing(void **state) {
    (void)state;
    static char phases[2][8] = { "loading", "writing" };
    espy_error err = { 0 };
    for (int i = 0; i < 2; i++) {
        espy_convert_params p = { .progress = stop_at, .user = phases[i] };
        assert_int_equal(espy_convert(from("f32"), at("a.gguf"), at("b.gguf"), &p, &err),
                         ESPY_ERR_STOPPED);
        assert_int_equal(n_files(), 0);
    }
    espy_convert_params p = { .progress = stop_at, .user = phases[1] };
    assert_int_equal(espy_quantize(from("gguf/micro-bf16.gguf"), at("a.gguf"), &p, &err),
                     ESPY_ERR_STOPPED);
    assert_int_equal(n_files(), 0);
}

/* A copy of the f32 checkpoint with one number of a tensor changed. */
static void spoil(const char *tensor, float value) {
    char command[3000];
    snprintf(command, sizeof command, "cp -r '%s' '%s'", from("f32"), at("spoilt"));
    assert_int_equal(system(command), 0);
    espy_container *c = open_file(at("spoilt"));
    const espy_named_tensor *found = NULL;
    for (int i = 0; i < espy_container_n_tensors(c); i++)
        if (strcmp(espy_container_tensor(c, i)->name, tensor) == 0)
            found = espy_container_tensor(c, i);
    assert_non_null(found);
    char name[100];
    int64_t offset = found->offset + 4 * (found->tensor.shape[1] + 2); /* row 1, column 2 */
    snprintf(name, sizeof name, "spoilt/model-%05d-of-00002.safetensors", found->source + 1);
    espy_container_close(&c);
    FILE *f = fopen(at(name), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fwrite(&value, 4, 1, f), 1);
    fclose(f);
}

static void numbers_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        float value;
        const char *type, *says;
    } rows[] = { { (float)(0.0 / 0.0), "F16", "what is not a number in row 1, column 2" },
                 { (float)(1.0 / 0.0), "F32", "an infinity in row 1, column 2" },
                 { 70000, "F16", "70000 in row 1, column 2, too large for F16" },
                 { 1e30F, "Q8_0", "too large for" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        espy_error err = { 0 };
        espy_convert_params p = { .type = rows[i].type };
        spoil("model.language_model.layers.1.mlp.up_proj.weight", rows[i].value);
        assert_int_equal(espy_convert(at("spoilt"), at("a.gguf"), NULL, &p, &err), ESPY_ERR_FORMAT);
        assert_says(err, "'blk.1.ffn_up.weight'");
        assert_says(err, rows[i].says);
        assert_int_equal(n_files(), 1);
        end(NULL);
        begin(NULL);
    }
}

/* What opening a model says is said here too. */
static void folders_that_are_not_whole(void **state) {
    (void)state;
    espy_error err = { 0 };
    char command[3000];
    snprintf(command, sizeof command,
             "cp -r '%s' '%s' && sed -i 's/\"num_hidden_layers\": 4/\"num_hidden_layers\": 5/' "
             "'%s/config.json'",
             from("f32"), at("m"), at("m"));
    assert_int_equal(system(command), 0);
    assert_int_equal(espy_convert(at("m"), at("a.gguf"), NULL, NULL, &err), ESPY_ERR_MISSING);
    assert_says(err, "layers.4.");
    snprintf(command, sizeof command,
             "sed -i 's/\"num_hidden_layers\": 5/\"num_hidden_layers\": 4/; "
             "s/\"intermediate_size\": 64/\"intermediate_size\": 65/' '%s/config.json'",
             at("m"));
    assert_int_equal(system(command), 0);
    assert_int_equal(espy_convert(at("m"), at("a.gguf"), NULL, NULL, &err), ESPY_ERR_FORMAT);
    assert_says(err, "has shape [64, 48]");
    assert_int_equal(n_files(), 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(kept_types_answer_the_same),
        TEST(mixes_choose_types),
        TEST(unusual_numbers_survive),
        TEST(larger_types_answer_the_same),
        TEST(every_type_can_be_opened),
        TEST(files_are_those_of_llama_cpp),
        TEST(irregular_layers_need_one_file),
        TEST(keys_tell_what_is_in),
        TEST(threads_do_not_matter),
        TEST(both_ways_give_the_same),
        TEST(quantised_files_keep_their_keys),
        TEST(a_second_loss_is_told),
        TEST(refuses_arguments),
        TEST(existing_files_stay),
        TEST(a_stop_leaves_nothing),
        TEST(numbers_that_cannot_be),
        TEST(folders_that_are_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
