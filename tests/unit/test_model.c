/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening models: what is found by itself, and what is said when something is
 * missing or wrong. Works on links to the tiny test models, in a folder of its
 * own. */
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

#include "gguf_with.h"

static char data[1024], folder[64];

/* A fresh folder for each test. */
static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "espy-model-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *at(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void link_as(const char *from, const char *name) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", data, from);
    assert_int_equal(symlink(path, at(name)), 0);
}

static void write_file(const char *name, const char *bytes, size_t n) {
    FILE *f = fopen(at(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static char *read_file(const char *from, size_t *n) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", data, from);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *bytes = calloc(1, *n + 1);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

/* The checkpoint with one passage of config.json replaced. */
static void link_checkpoint(const char *old, const char *new) {
    static const char *const files[] = { "model.safetensors", "tokenizer.json",
                                         "preprocessor_config.json", "generation_config.json" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[64];
        snprintf(from, sizeof from, "bf16/%s", files[i]);
        link_as(from, files[i]);
    }
    size_t n;
    char *config = read_file("bf16/config.json", &n), *hit = old ? strstr(config, old) : NULL;
    FILE *f = fopen(at("config.json"), "w");
    assert_non_null(f);
    if (old && !hit) fail_msg("config.json has no %s", old);
    if (hit)
        fprintf(f, "%.*s%s%s", (int)(hit - config), config, new, hit + strlen(old));
    else
        fputs(config, f);
    fclose(f);
    free(config);
}

static void opens(const char *path) {
    espy_model *m;
    espy_error err = { 0 };
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    espy_model_close(&m);
    assert_null(m);
}

static void fails(const char *path, espy_status status, const char *words) {
    espy_model *m;
    espy_error err = { 0 };
    assert_int_equal(espy_model_open(&m, path, NULL, &err), status);
    assert_null(m);
    if (!strstr(err.message, words)) fail_msg("'%s' is not in: %s", words, err.message);
}

/* Forms of releases that are not read, each with what to do. */
static void other_forms_are_told(void **state) {
    (void)state;
    link_checkpoint("\"vision_config\"", "\"quantization_config\": {\"bits\": 4, \"quant_method\": "
                                         "\"gptq\"}, \"vision_config\"");
    fails(folder, ESPY_ERR_UNSUPPORTED, "quantised by gptq");
    unlink(at("model.safetensors"));
    link_as("bf16/model.safetensors", "pytorch_model-00001-of-00002.bin");
    unlink(at("config.json"));
    link_as("../qwen_vl/bf16/config.json", "config.json");
    fails(folder, ESPY_ERR_UNSUPPORTED, "pytorch_model-00001-of-00002.bin");
    unlink(at("config.json"));
    write_file("config.json", "{\"model_type\": \"qwen\"}", 22);
    fails(folder, ESPY_ERR_UNSUPPORTED, "a model of text alone");
}

static void folders_files_and_parts_open(void **state) {
    (void)state;
    link_checkpoint(NULL, NULL);
    opens(folder);
    opens(at("model.safetensors"));
    opens(at("config.json"));
    espy_model *m;
    espy_error err = { 0 };
    espy_model_params p = { .mmproj = "mmproj.gguf" };
    assert_int_equal(espy_model_open(&m, folder, &p, &err), ESPY_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "GGUF"));
}

static void mmproj_is_found_by_name(void **state) {
    (void)state;
    link_as("gguf/micro-bf16.gguf", "Cat-VL-bf16.gguf");
    fails(at("Cat-VL-bf16.gguf"), ESPY_ERR_MISSING, "mmproj");
    link_as("gguf/mmproj-micro-bf16.gguf", "mmproj-Cat-VL-bf16.gguf");
    opens(at("Cat-VL-bf16.gguf"));
    opens(folder);                                                 /* one model in it */
    link_as("gguf/q8_0/mmproj-tiny-q8_0.gguf", "mmproj-Aaa.gguf"); /* of another width */
    opens(at("Cat-VL-bf16.gguf"));
    fails(at("mmproj-Aaa.gguf"), ESPY_ERR_ARGUMENT, "vision part");
    link_as("gguf/q8_0/tiny-q8_0.gguf", "Dog.gguf");
    fails(folder, ESPY_ERR_ARGUMENT, "several models");
}

static void an_mmproj_of_another_width_is_refused(void **state) {
    (void)state;
    link_as("gguf/micro-bf16.gguf", "model.gguf");
    link_as("gguf/q8_0/mmproj-tiny-q8_0.gguf", "mmproj.gguf");
    fails(at("model.gguf"), ESPY_ERR_FORMAT, "belongs to another model");
    espy_model *m;
    espy_error err = { 0 };
    espy_model_params p = { .mmproj = at("model.gguf") };
    char path[128];
    snprintf(path, sizeof path, "%s", at("model.gguf"));
    assert_int_equal(espy_model_open(&m, path, &p, &err), ESPY_ERR_FORMAT);
    assert_non_null(strstr(err.message, "clip.projector_type"));
}

static void missing_things_are_named(void **state) {
    (void)state;
    fails("no/such/place", ESPY_ERR_IO, "no/such/place");
    fails(folder, ESPY_ERR_MISSING, "config.json");
    fails("", ESPY_ERR_ARGUMENT, "no model path");
    link_checkpoint(NULL, NULL);
    unlink(at("tokenizer.json"));
    fails(folder, ESPY_ERR_MISSING, "tokenizer");
    unlink(at("model.safetensors"));
    fails(folder, ESPY_ERR_MISSING, "safetensors");
}

static void wrong_numbers_are_named(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *words;
        espy_status status;
    } cases[] = {
        { "\"qwen3_vl\"", "\"llama\"", "llama", ESPY_ERR_UNSUPPORTED },
        { "\"hidden_size\": 64", "\"hidden_size\": 68", "as wide", ESPY_ERR_FORMAT },
        { "\"hidden_size\": 64", "\"hidden_size\": -1", "hidden_size", ESPY_ERR_FORMAT },
        { "\"hidden_size\": 64", "\"hidden_size\": 1e300", "hidden_size", ESPY_ERR_FORMAT },
        { "\"hidden_size\": 64", "\"hidden_size\": \"wide\"", "hidden_size", ESPY_ERR_FORMAT },
        { "\"hidden_size\": 64,", "", "hidden_size is missing", ESPY_ERR_MISSING },
        { "\"intermediate_size\": 96", "\"intermediate_size\": 97", "mlp.gate_proj",
          ESPY_ERR_FORMAT },
        { "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5", "layers.4", ESPY_ERR_MISSING },
        { "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "multiple", ESPY_ERR_FORMAT },
        { "\"head_dim\": 32", "\"head_dim\": 31", "even", ESPY_ERR_FORMAT },
        { "\"num_heads\": 2", "\"num_heads\": 5", "heads", ESPY_ERR_FORMAT },
        { "\"num_position_embeddings\": 144", "\"num_position_embeddings\": 143", "square",
          ESPY_ERR_FORMAT },
        { "2,\n   3", "2, 99", "DeepStack", ESPY_ERR_FORMAT },
        { "2,\n   3", "2, 1", "DeepStack", ESPY_ERR_FORMAT },
        { "2,\n   3", "1.5, 3", "whole number", ESPY_ERR_FORMAT },
        { "\"patch_size\": 16", "\"patch_size\": 0", "patch_size", ESPY_ERR_FORMAT },
        { "\"out_hidden_size\": 64", "\"out_hidden_size\": 32", "as wide", ESPY_ERR_FORMAT },
        { "{", "", "config.json", ESPY_ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i) make_folder(NULL);
        link_checkpoint(cases[i].old, cases[i].new);
        fails(folder, cases[i].status, cases[i].words);
        if (i + 1 < sizeof cases / sizeof *cases) remove_folder(NULL);
    }
}

/* Cut anywhere, a model file gives a sentence that names it. */
static void cut_files_are_named(void **state) {
    (void)state;
    size_t n, m;
    char *weights = read_file("bf16/model.safetensors", &n);
    char *gguf = read_file("gguf/micro-bf16.gguf", &m);
    link_checkpoint(NULL, NULL);
    for (size_t i = 0; i < 8; i++) {
        unlink(at("model.safetensors"));
        write_file("model.safetensors", weights, n * i / 8);
        fails(folder, ESPY_ERR_FORMAT, "model.safetensors");
        write_file("cut.gguf", gguf, m * i / 8);
        espy_model *model;
        espy_error err = { 0 };
        assert_true(espy_model_open(&model, at("cut.gguf"), NULL, &err) != ESPY_OK);
        assert_non_null(strstr(err.message, "cut.gguf"));
    }
    free(weights);
    free(gguf);
}

static void stretched_positions_are_refused(void **state) {
    (void)state;
    char from[1100];
    snprintf(from, sizeof from, "%s/gguf/micro-bf16.gguf", data);
    link_as("gguf/mmproj-micro-bf16.gguf", "mmproj.gguf");
    write_gguf_with(from, at("model.gguf"), "qwen3vl.rope.scaling.type", "none");
    opens(at("model.gguf"));
    write_gguf_with(from, at("model.gguf"), "qwen3vl.rope.scaling.type", "yarn");
    fails(at("model.gguf"), ESPY_ERR_UNSUPPORTED, "'yarn'");
}

static void info_tells_the_numbers(void **state) {
    (void)state;
    link_checkpoint(NULL, NULL);
    espy_model *m;
    espy_model_info info;
    assert_int_equal(espy_model_open(&m, folder, NULL, NULL), ESPY_OK);
    espy_model_get_info(m, &info);
    assert_string_equal(info.family, "qwen3_vl");
    assert_string_equal(info.weight_types, "BF16");
    assert_int_equal(info.n_layers, 4);
    assert_int_equal(info.n_vocab, 832);
    assert_int_equal(info.n_deepstack, 3);
    assert_int_equal(info.context_length, 4096);
    int w, h, n;
    assert_int_equal(espy_fit(m, 100, 50, 0, 0, &w, &h, &n, NULL), ESPY_OK);
    assert_true(w == 96 && h == 64 && n == 6);
    espy_error err = { 0 };
    assert_int_equal(espy_fit(m, 20, 20, 0, 1024, &w, &h, &n, NULL), ESPY_OK);
    assert_true(w == 32 && h == 32 && n == 1); /* below the model's least */
    assert_int_equal(espy_fit(m, 10000, 10, 0, 0, &w, &h, &n, &err), ESPY_ERR_ARGUMENT);
    espy_model_close(&m);
}

int main(void) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(data, sizeof data, "%s/tests/data/qwen3_vl", root ? root : ".");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folders_files_and_parts_open, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(mmproj_is_found_by_name, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_mmproj_of_another_width_is_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(other_forms_are_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(missing_things_are_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(wrong_numbers_are_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(cut_files_are_named, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(stretched_positions_are_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(info_tells_the_numbers, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
