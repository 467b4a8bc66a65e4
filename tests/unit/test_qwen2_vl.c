/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Qwen2-VL and Qwen2.5-VL beside what parity tests ask: windows, which family a GGUF
 * is of, numbers that files leave out, prompts, boxes. Works on links to the tiny
 * models, in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "generate/answer.h"
#include "gguf_with.h"
#include "model/windows.h"

static char data[1024], folder[64];

static int begin(void **state) {
    (void)state;
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

static espy_model *open_model(const char *path, const char *mmproj) {
    espy_model *m;
    espy_error err = { 0 };
    espy_model_params params = { .mmproj = mmproj };
    if (espy_model_open(&m, path, &params, &err)) fail_msg("%s", err.message);
    return m;
}

static void fails(const char *path, const char *mmproj, espy_status status, const char *words) {
    espy_model *m;
    espy_error err = { 0 };
    espy_model_params params = { .mmproj = mmproj };
    assert_int_equal(espy_model_open(&m, path, &params, &err), status);
    assert_null(m);
    if (!strstr(err.message, words)) fail_msg("'%s' is not in: %s", words, err.message);
}

/* A checkpoint as "m", with what sed makes of a file. */
static const char *edited(const char *source, const char *sed, const char *file) {
    char command[3000];
    snprintf(command, sizeof command, "rm -rf '%s/m' && cp -r '%s' '%s/m' && sed -i '%s' '%s/m/%s'",
             folder, from(source), folder, sed, folder, file);
    assert_int_equal(system(command), 0);
    return at("m");
}

/* ----------------------------------------------------------------- windows */

static const espy_vision_config tower = { .patch = 14, .merge = 2, .window_px = 56 };

static void windows_are_cut_from_the_top_left(void **state) {
    (void)state;
    const espy_grid grid = { 6, 6 };
    static const int32_t order[] = { 0, 1, 3, 4, 2, 5, 6, 7, 8 };
    static const int64_t bounds[] = { 0, 16, 24, 32, 36 };
    espy_windows w;
    assert_int_equal(espy_windows_make(&w, &tower, &grid, 1), ESPY_OK);
    assert_int_equal(w.n_cells, 9);
    assert_int_equal(w.n, 4);
    assert_memory_equal(w.order, order, sizeof order);
    assert_memory_equal(w.bounds, bounds, sizeof bounds);
    static const int64_t runs[] = { 2, 2, 1, 4 }; /* the last three windows' edges touch */
    static const int64_t cells[] = { 0, 3, 2, 5 };
    int64_t place = 0, cell;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(espy_windows_run(&w, place, &cell), runs[i]);
        assert_int_equal(cell, cells[i]);
        place += runs[i];
    }
    assert_int_equal(place, 9);
    espy_windows_free(&w);
}

/* Any grids: every cell stands once, no window is larger than its square or crosses
 * grids, and no empty one is made where a side is a multiple of the edge. */
static void windows_hold_every_cell_once(void **state) {
    (void)state;
    for (int h = 1; h <= 9; h++)
        for (int v = 1; v <= 9; v++) {
            const espy_grid grids[] = { { 2 * h, 2 * v }, { 2 * v, 8 } };
            int n = h * v + v * 4, tiles = ((h + 1) / 2) * ((v + 1) / 2) + ((v + 1) / 2) * 2;
            int seen[200] = { 0 };
            espy_windows w;
            assert_int_equal(espy_windows_make(&w, &tower, grids, 2), ESPY_OK);
            assert_int_equal(w.n_cells, n);
            assert_int_equal(w.n, tiles);
            for (int i = 0; i < n; i++) seen[w.order[i]]++;
            for (int i = 0; i < n; i++) assert_int_equal(seen[i], 1);
            for (int i = 0; i < w.n; i++) {
                int64_t first = w.bounds[i] / 4, end = w.bounds[i + 1] / 4;
                assert_in_range(end - first, 1, 4);
                for (int64_t k = first; k < end; k++)
                    assert_int_equal(w.order[k] < h * v, w.order[first] < h * v);
            }
            assert_int_equal(w.bounds[w.n], 4 * n);
            espy_windows_free(&w);
        }
}

static void without_windows_nothing_moves(void **state) {
    (void)state;
    const espy_vision_config plain = { .patch = 14, .merge = 2 };
    const espy_grid grids[] = { { 4, 6 }, { 2, 2 } };
    espy_windows w;
    int64_t cell;
    assert_int_equal(espy_windows_make(&w, &plain, grids, 2), ESPY_OK);
    assert_int_equal(w.n, 0);
    assert_int_equal(espy_windows_run(&w, 0, &cell), 7);
    assert_int_equal(cell, 0);
    assert_int_equal(espy_windows_run(&w, 5, &cell), 2);
    assert_int_equal(cell, 5);
    assert_int_equal(espy_layer_has_windows(&plain, 0), 0);
    const espy_vision_config some = { .window_px = 56, .n_full = 2, .full = { 1, 3 } };
    for (int i = 0; i < 5; i++) assert_int_equal(espy_layer_has_windows(&some, i), i % 2 == 0);
    espy_windows_free(&w);
}

/* ---------------------------------------------------------------- families */

/* One architecture; the mmproj decides. */
static void the_projector_tells_the_family(void **state) {
    (void)state;
    static const char *const families[] = { "qwen2_vl", "qwen2_5_vl" };
    for (int i = 0; i < 2; i++) {
        char model[64], mmproj[64], other[64];
        snprintf(model, sizeof model, "%s/gguf/micro-bf16.gguf", families[i]);
        snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-micro-bf16.gguf", families[i]);
        snprintf(other, sizeof other, "%s/gguf/mmproj-micro-bf16.gguf", families[!i]);
        espy_model *m = open_model(from(model), from(mmproj));
        assert_string_equal(m->family->name, families[i]);
        espy_model_close(&m);
        m = open_model(from(model), from(other)); /* its widths fit, so nothing is amiss */
        assert_string_equal(m->family->name, families[!i]);
        espy_model_close(&m);
    }
    fails(from("qwen2_vl/gguf/micro-bf16.gguf"), from("qwen3_vl/gguf/mmproj-micro-bf16.gguf"),
          ESPY_ERR_UNSUPPORTED, "projector 'qwen3vl_merger'");
}

/* Where the widths fit, a name is all that tells. */
static void a_name_tells_the_family(void **state) {
    (void)state;
    static const struct {
        const char *key, *name, *family; /* NULL: it says nothing */
    } cases[] = {
        { "general.basename", "Qwen2.5-VL", "qwen2_5_vl" },
        { "general.basename", "Qwen2-VL", "qwen2_vl" },
        { "general.base_model.0.name", "Qwen2.5 VL 7B Instruct", "qwen2_5_vl" },
        { "general.basename", "Cats", NULL },
    };
    static const char *const families[] = { "qwen2_vl", "qwen2_5_vl" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *model = at("model.gguf");
        write_gguf_with(from("qwen2_vl/gguf/micro-bf16.gguf"), model, cases[i].key, cases[i].name);
        for (int k = 0; k < 2; k++) {
            char mmproj[64];
            snprintf(mmproj, sizeof mmproj, "%s/gguf/mmproj-micro-bf16.gguf", families[k]);
            if (cases[i].family && strcmp(cases[i].family, families[k]) != 0) {
                fails(model, from(mmproj), ESPY_ERR_FORMAT, "by its name");
                continue;
            }
            espy_model *m = open_model(model, from(mmproj));
            assert_string_equal(m->family->name, families[k]);
            espy_model_close(&m);
        }
    }
    /* beside the model the one of its family is taken, whatever it is called */
    write_gguf_with(from("qwen2_vl/gguf/micro-bf16.gguf"), at("model.gguf"), "general.basename",
                    "Qwen2.5-VL");
    assert_int_equal(symlink(from("qwen2_vl/gguf/mmproj-micro-bf16.gguf"), at("mmproj-model.gguf")),
                     0);
    fails(at("model.gguf"), NULL, ESPY_ERR_FORMAT, "is a qwen2_5_vl by its name");
    assert_int_equal(symlink(from("qwen2_5_vl/gguf/mmproj-micro-bf16.gguf"), at("mmproj.gguf")), 0);
    espy_model *m = open_model(at("model.gguf"), NULL);
    assert_string_equal(m->family->name, "qwen2_5_vl");
    espy_model_close(&m);
}

static void an_mmproj_beside_it_is_found(void **state) {
    (void)state;
    assert_int_equal(symlink(from("qwen2_5_vl/gguf/micro-bf16.gguf"), at("Cat.gguf")), 0);
    assert_int_equal(symlink(from("qwen3_vl/gguf/mmproj-micro-bf16.gguf"), at("mmproj-Cat.gguf")),
                     0);
    assert_int_equal(symlink(from("qwen2_5_vl/gguf/mmproj-micro-bf16.gguf"), at("mmproj.gguf")), 0);
    espy_model *m = open_model(at("Cat.gguf"), NULL); /* not the one whose name fits better */
    assert_string_equal(m->family->name, "qwen2_5_vl");
    espy_model_close(&m);
}

/* ----------------------------------------------------------------- numbers */

static void an_mmproj_leaves_out_what_releases_have(void **state) {
    (void)state;
    espy_model *m = open_model(from("qwen2_vl/gguf/one-file-clip.gguf"), NULL);
    const espy_vision_config *v = &m->config.vision;
    assert_int_equal(v->ffn_dim, 64); /* the file says 32, the text's width */
    assert_int_equal(v->window_px, 0);
    assert_true(v->tokens_per_second == 0);
    assert_int_equal(m->config.text.head_dim, 16);
    espy_model_close(&m);
    m = open_model(from("qwen2_5_vl/gguf/one-file-clip.gguf"), NULL);
    v = &m->config.vision;
    assert_int_equal(v->ffn_dim, 36);
    assert_int_equal(v->window_px, 112);
    assert_int_equal(v->n_full, 2);
    assert_int_equal(v->full[1], 3);
    assert_true(v->tokens_per_second == 2);
    assert_int_equal(m->config.image.min_pixels, 3136);
    espy_model_close(&m);
}

/* As the release of the 7B says next to nothing about its tower. */
static void missing_fields_mean_the_class(void **state) {
    (void)state;
    espy_model *m = open_model(from("qwen2_vl/bf16"), NULL);
    assert_int_equal(m->config.vision.patch, 14);
    assert_int_equal(m->config.vision.merge, 2);
    assert_int_equal(m->config.vision.ffn_dim, 128);
    espy_model_close(&m);
    const char *path =
        edited("qwen2_vl/bf16", "/embed_dim/d; /rms_norm_eps/d; /rope_theta/d", "config.json");
    m = open_model(path, NULL);
    assert_int_equal(m->config.vision.dim, 32); /* the tensors' */
    assert_true(m->config.text.eps == 1e-5 && m->config.text.rope_theta == 1e6);
    espy_model_close(&m);
    path = edited("qwen2_vl/bf16", "/\"depth\"/d", "config.json");
    fails(path, NULL, ESPY_ERR_MISSING, "blocks.4."); /* 32 is meant */
    fails(edited("qwen2_5_vl/bf16", "/\"hidden_size\": 32,/d", "config.json"), NULL,
          ESPY_ERR_MISSING, "hidden_size"); /* of the text there is no guess */
    path = edited("qwen2_5_vl/bf16",
                  "/fullatt_block/,/\\],/d; /tokens_per_second/d; "
                  "/vision_config/,$ { /\"hidden_size\"/d; /intermediate_size/d }",
                  "config.json");
    m = open_model(path, NULL);
    assert_int_equal(m->config.vision.n_full, 4);
    assert_int_equal(m->config.vision.full[3], 31);
    assert_int_equal(m->config.vision.dim, 32);
    assert_int_equal(m->config.vision.ffn_dim, 60);
    assert_true(m->config.vision.tokens_per_second == 4);
    espy_model_close(&m);
}

static void what_cannot_be_run_is_named(void **state) {
    (void)state;
    static const struct {
        const char *source, *sed, *words;
        espy_status status;
    } cases[] = {
        { "qwen2_vl/bf16", "s/\"use_sliding_window\": false/\"use_sliding_window\": true/",
          "use_sliding_window", ESPY_ERR_UNSUPPORTED },
        { "qwen2_vl/bf16", "s/\"type\": \"mrope\"/\"type\": \"yarn\"/", "'yarn'",
          ESPY_ERR_UNSUPPORTED },
        { "qwen3_vl/bf16", "s/\"rope_type\": \"default\"/\"rope_type\": \"yarn\"/", "'yarn'",
          ESPY_ERR_UNSUPPORTED },
        { "qwen2_5_vl/f32", "s/\"window_size\": 56/\"window_size\": 27/", "windows",
          ESPY_ERR_FORMAT },
        { "qwen2_5_vl/f32", "s/\"window_size\": 56/\"window_size\": 0/", "window_size",
          ESPY_ERR_FORMAT },
        { "qwen2_5_vl/f32", "s/\"tokens_per_second\": 3/\"tokens_per_second\": -1/",
          "tokens_per_second", ESPY_ERR_FORMAT },
        { "qwen2_vl/bf16", "s/\"num_heads\": 2/\"num_heads\": 3/", "heads", ESPY_ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails(edited(cases[i].source, cases[i].sed, "config.json"), NULL, cases[i].status,
              cases[i].words);
}

/* ------------------------------------------------------------------ answers */

static void tasks_are_worded_as_they_were_trained(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        { "qwen2_vl/micro", "find", "Detect the bounding box of 'red' cup." },
        { "qwen2_vl/micro", "html", "Write the content of this document as HTML." },
        { "qwen2_vl/micro", "caption", "Describe this image in one sentence." },
        { "qwen2_5_vl/micro", "find",
          "Outline the position of each 'red' cup and output all the coordinates in JSON format." },
        { "qwen2_5_vl/micro", "html", "QwenVL HTML " },
        { "qwen2_5_vl/micro", "markdown", "Write the content of this document as Markdown." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        espy_task_request r;
        espy_model *m = open_model(from(cases[i][0]), NULL);
        assert_int_equal(
            espy_task_prepare(&r, m, espy_task_find(cases[i][1]), "\"red\" cup", NULL, NULL),
            ESPY_OK);
        assert_string_equal(r.prompt, cases[i][2]);
        espy_task_request_clear(&r);
        espy_model_close(&m);
    }
}

/* A text as the model's tokens: shown as it is but for the token that ends it, and read
 * as one box on a picture of 1000x500. */
static void assert_reads(const char *model, const char *said, const double xy[4]) {
    static uint8_t pixels[1000 * 500 * 3];
    espy_model *m = open_model(from(model), NULL);
    espy_ids ids = { 0 };
    espy_answer a = { .vocab = m->vocab, .own_tokens = m->chat->own_tokens };
    assert_int_equal(espy_bpe_encode(m->vocab, said, strlen(said), 1, &ids, NULL), ESPY_OK);
    for (int64_t i = 0; i < ids.n; i++)
        assert_int_equal(espy_answer_push(&a, ids.at[i], NULL), ESPY_OK);
    assert_int_equal(espy_answer_push(&a, m->config.eos[0], NULL), ESPY_OK);
    assert_string_equal(a.text, said);

    espy_image *picture;
    espy_shape_params params;
    espy_shape_reader *reader;
    espy_shapes shapes;
    assert_int_equal(
        espy_image_from_pixels(&picture, pixels, 1000, 500, 3000, 3, ESPY_ALPHA_WHITE, NULL),
        ESPY_OK);
    assert_int_equal(espy_shape_params_for(m, picture, 0, 0, &params, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_open(&reader, &params, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_push(reader, a.text, a.n_bytes, NULL, NULL), ESPY_OK);
    assert_int_equal(espy_shape_reader_end(reader, ESPY_FINISH_STOP, &shapes, NULL), ESPY_OK);
    assert_int_equal(shapes.n_shapes, 1);
    assert_string_equal(shapes.shapes[0].label, "van");
    for (int i = 0; i < 4; i++) assert_float_equal(shapes.shapes[0].xy[i], xy[i], 1e-9);
    espy_shape_reader_close(&reader);
    espy_image_close(&picture);
    espy_answer_free(&a);
    espy_ids_free(&ids);
    espy_model_close(&m);
}

/* Thousandths in special tokens; pixels of the fitted picture, here 308x140. */
static void boxes_are_read_as_each_writes_them(void **state) {
    (void)state;
    static const double tags[] = { 342, 154, 670, 383 }, json[] = { 250, 125, 1000, 250 };
    assert_reads("qwen2_vl/bf16",
                 "<|object_ref_start|>van<|object_ref_end|><|box_start|>(342,308),"
                 "(670,766)<|box_end|>",
                 tags);
    assert_reads("qwen2_5_vl/bf16",
                 "```json\n[{\"bbox_2d\": [77, 35, 308, 70], \"label\": \"van\"}]\n```", json);
}

/* What was said about boxes stays tokens in later turns; what a user types does not. */
static void earlier_boxes_stay_tokens(void **state) {
    (void)state;
    espy_model *m = open_model(from("qwen2_vl/bf16"), NULL);
    int32_t box = espy_vocab_special(m->vocab, "<|box_start|>");
    static const char *const roles[] = { "assistant", "user" };
    for (int i = 0; i < 2; i++) {
        const espy_part part = { .text = "<|box_start|>(1,2),(3,4)<|box_end|>" };
        const espy_message message = { roles[i], &part, 1 };
        espy_prompt prompt;
        espy_ids ids = { 0 };
        assert_int_equal(espy_chat_render(&prompt, m->chat, &message, 1, 0, NULL), ESPY_OK);
        assert_int_equal(espy_prompt_encode(&prompt, m->vocab, &ids, NULL), ESPY_OK);
        int n = 0;
        for (int64_t k = 0; k < ids.n; k++) n += ids.at[k] == box;
        assert_int_equal(n, i == 0);
        espy_ids_free(&ids);
        espy_prompt_free(&prompt);
    }
    espy_model_close(&m);
}

static void releases_sample_almost_greedily(void **state) {
    (void)state;
    espy_model *m = open_model(from("qwen2_vl/bf16"), NULL);
    assert_true(m->config.sampling.temperature == 0.01 && m->config.sampling.top_k == 1 &&
                m->config.sampling.top_p == 0.001);
    espy_model_close(&m);
    m = open_model(from("qwen2_5_vl/bf16"), NULL);
    assert_true(m->config.sampling.repetition_penalty == 1.05 &&
                m->config.sampling.temperature == 1e-6 && m->config.sampling.top_k == 50);
    espy_model_close(&m);
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    char *here = root ? realpath(root, NULL) : NULL;
    snprintf(data, sizeof data, "%s/tests/data", here ? here : ".");
    free(here);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_cut_from_the_top_left),
        cmocka_unit_test(windows_hold_every_cell_once),
        cmocka_unit_test(without_windows_nothing_moves),
        cmocka_unit_test(the_projector_tells_the_family),
        IN_FOLDER(a_name_tells_the_family),
        IN_FOLDER(an_mmproj_beside_it_is_found),
        cmocka_unit_test(an_mmproj_leaves_out_what_releases_have),
        IN_FOLDER(missing_fields_mean_the_class),
        IN_FOLDER(what_cannot_be_run_is_named),
        cmocka_unit_test(tasks_are_worded_as_they_were_trained),
        cmocka_unit_test(boxes_are_read_as_each_writes_them),
        cmocka_unit_test(earlier_boxes_stay_tokens),
        cmocka_unit_test(releases_sample_almost_greedily),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
