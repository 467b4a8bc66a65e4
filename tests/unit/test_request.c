/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests as `espy run` reads them, good and bad. */
#include "cli.h"
#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[3000];
static char warnings[2000];

static void on_warning(void *user, const char *sentence) {
    (void)user;
    size_t n = strlen(warnings);
    snprintf(warnings + n, sizeof warnings - n, "%s\n", sentence);
}

static espy_status parse(cli_request *r, const char *json, espy_error *err) {
    warnings[0] = 0;
    *err = (espy_error){ .offset = -1 };
    /* On the heap, without a NUL behind it: reading on would be seen. */
    size_t n = strlen(json);
    char *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++) bytes[i] = json[i];
    espy_status status =
        cli_request_parse(r, bytes, n, "req.json", folder, ESPY_ALPHA_WHITE, on_warning, NULL, err);
    free(bytes);
    return status;
}

static void reads_messages(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    assert_int_equal(
        parse(&r,
              "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"},"
              " {\"role\": \"user\", \"content\": ["
              "  {\"type\": \"image\", \"image\": \"odd.png\", \"min_pixels\": 1024,"
              "   \"max_pixels\": 4096},"
              "  {\"type\": \"video\", \"video\": [\"dot.png\", \"file://odd.png\"],"
              "   \"fps\": 2.5, \"do_sample_frames\": true, \"times\": [0.5, 61],"
              "   \"total_pixels\": 4096},"
              "  {\"type\": \"text\", \"text\": \"caf\\u00e9\"}]}],"
              " \"max_tokens\": 7, \"temperature\": 0.5, \"top_k\": 3, \"top_p\": 0.75,"
              " \"min_p\": 0.125, \"seed\": 4294967296, \"repetition_penalty\": 1.25,"
              " \"presence_penalty\": -1, \"frequency_penalty\": 2, \"add_vision_id\": true,"
              " \"ignore_eos\": true, \"min_pixels\": 100, \"max_pixels\": 200,"
              " \"stop\": [\"a\", \"b\"], \"alpha\": \"drop\"}\n ",
              &err),
        ESPY_OK);
    assert_string_equal(warnings, "");
    assert_int_equal(r.api.n_messages, 2);
    assert_string_equal(r.api.messages[0].role, "system");
    assert_int_equal(r.api.messages[0].n_parts, 1);
    assert_string_equal(r.api.messages[0].parts[0].text, "Be brief.");
    assert_int_equal(r.api.messages[1].n_parts, 3);
    const espy_part *parts = r.api.messages[1].parts;
    assert_int_equal(parts[0].type, ESPY_PART_IMAGE);
    assert_int_equal(parts[0].n_images, 1);
    assert_int_equal(parts[0].min_pixels, 1024);
    assert_int_equal(parts[0].max_pixels, 4096);
    assert_true(espy_image_width(parts[0].images[0]) > 1);
    assert_int_equal(parts[1].type, ESPY_PART_VIDEO);
    assert_int_equal(parts[1].n_images, 2);
    assert_true(parts[1].fps == 2.5);
    assert_int_equal(parts[1].do_sample_frames, 1);
    assert_true(parts[1].times_s[0] == 0.5 && parts[1].times_s[1] == 61);
    assert_int_equal(parts[1].total_pixels, 4096);
    assert_int_equal(espy_image_width(parts[1].images[1]), espy_image_width(parts[0].images[0]));
    assert_int_equal(parts[2].type, ESPY_PART_TEXT);
    assert_string_equal(parts[2].text, "caf\xC3\xA9");
    assert_int_equal(r.api.max_tokens, 7);
    assert_true(r.sampling.temperature == 0.5 && r.sampling.top_p == 0.75);
    assert_true(r.sampling.min_p == 0.125 && r.sampling.repetition_penalty == 1.25);
    assert_true(r.sampling.presence_penalty == -1 && r.sampling.frequency_penalty == 2);
    assert_int_equal(r.sampling.top_k, 3);
    assert_true(r.sampling.seed == 4294967296U);
    assert_true(r.api.add_vision_id && r.api.ignore_eos);
    assert_int_equal(r.api.min_pixels, 100);
    assert_int_equal(r.api.max_pixels, 200);
    assert_int_equal(r.api.n_stop, 2);
    assert_string_equal(r.api.stop[1], "b");
    assert_int_equal(r.alpha, ESPY_ALPHA_DROP);
    cli_request_free(&r);
}

static void has_defaults(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    assert_int_equal(parse(&r,
                           "{\"messages\": [{\"role\": \"user\", \"content\": [{\"text\": \"a\"}],"
                           " \"name\": \"x\"}], \"top_k\": null, \"colour\": 1}",
                           &err),
                     ESPY_OK);
    assert_int_equal(r.api.max_tokens, 512);
    assert_int_equal(r.api.n_top_logprobs, 5);
    assert_true(r.sampling.temperature == 0);
    assert_int_equal(r.alpha, ESPY_ALPHA_WHITE);
    assert_non_null(strstr(warnings, "req.json: messages[0].name is not known"));
    assert_non_null(strstr(warnings, "req.json: colour is not known"));
    cli_request_free(&r);
}

static void reads_data_uris(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    /* A PNG of one grey pixel. */
    assert_int_equal(
        parse(
            &r,
            "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image\", \"image\":"
            " \"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoA"
            "AAAggCB2kUIOwAAAABJRU5ErkJggg==\"}]}]}",
            &err),
        ESPY_OK);
    const espy_image *image = r.api.messages[0].parts[0].images[0];
    assert_int_equal(espy_image_width(image), 1);
    assert_int_equal(espy_image_pixels(image)[0], 128);
    cli_request_free(&r);
}

static void fills_places_in_order(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    assert_int_equal(
        parse(&r,
              "{\"prompt\": \"a <|image_pad|> b <img>odd.png</img> c <|image_pad|>\","
              " \"images\": [\"dot.png\", {\"type\": \"image\", \"image\": \"dot.png\","
              " \"max_pixels\": 5000}]}",
              &err),
        ESPY_OK);
    assert_int_equal(r.api.n_prompt_parts, 3);
    assert_int_equal(r.has_image_tags, 1);
    int dot = espy_image_width(r.api.prompt_parts[0].images[0]);
    assert_int_not_equal(espy_image_width(r.api.prompt_parts[1].images[0]), dot);
    assert_int_equal(espy_image_width(r.api.prompt_parts[2].images[0]), dot);
    assert_int_equal(r.api.prompt_parts[2].max_pixels, 5000);
    cli_request_free(&r);
}

static espy_model *open_model(const char *name) {
    char path[sizeof folder + 64];
    espy_model *model;
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/../%s", folder, name);
    if (espy_model_open(&model, path, NULL, &err)) fail_msg("%s", err.message);
    return model;
}

#define TAGGED                                                                                     \
    "{\"messages\": [{\"role\": \"user\", \"content\": "                                           \
    "\"<img>odd.png</img>is<img>dot.png</img>\"},"                                                 \
    " {\"role\": \"assistant\", \"content\": \"It.\"}, {\"role\": \"user\", \"content\": ["        \
    "  {\"type\": \"image\", \"image\": \"odd.png\"}, {\"type\": \"text\", \"text\": \"a "         \
    "<img>dot.png</img>\"}]}]}"

static void makes_pictures_of_tags(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    espy_model *model = open_model("qwen_vl/f16");
    assert_int_equal(parse(&r, TAGGED, &err), ESPY_OK);
    assert_int_equal(cli_request_adapt(&r, model, &err), ESPY_OK);
    assert_int_equal(r.n_images, 4);
    const espy_message *m = r.api.messages;
    assert_int_equal(m[0].n_parts, 3);
    assert_int_equal(m[0].parts[0].type, ESPY_PART_IMAGE);
    assert_true(m[0].parts[0].bare);
    assert_int_equal(espy_image_width(m[0].parts[0].images[0]), 131);
    assert_string_equal(m[0].parts[1].text, "is");
    assert_int_equal(espy_image_width(m[0].parts[2].images[0]), 1);
    assert_int_equal(m[1].n_parts, 1);
    assert_string_equal(m[1].parts[0].text, "It.");
    assert_int_equal(m[2].n_parts, 3);
    assert_false(m[2].parts[0].bare);
    assert_string_equal(m[2].parts[1].text, "a ");
    assert_true(m[2].parts[2].bare);
    cli_request_free(&r);

    static const char *const broken[][2] = {
        { "{\"messages\": [{\"role\": \"user\", \"content\": \"<img>dot.png\"}]}",
          "messages[0].content has an <img> without an </img>" },
        { "{\"messages\": [{\"role\": \"user\", \"content\": \"<img>no.png</img>\"}]}", "no.png" },
        { "{\"messages\": [{\"role\": \"user\", \"content\": \"<img></img>\"}]}",
          "messages[0].content has an <img> without a path" },
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_int_equal(parse(&r, broken[i][0], &err), ESPY_OK);
        assert_int_not_equal(cli_request_adapt(&r, model, &err), ESPY_OK);
        if (!strstr(err.message, broken[i][1]))
            fail_msg("'%s' does not say '%s'", err.message, broken[i][1]);
        cli_request_free(&r);
    }
    espy_model_close(&model);

    /* to a model that has no such token it is text */
    model = open_model("qwen3_vl/micro");
    assert_int_equal(parse(&r, TAGGED, &err), ESPY_OK);
    assert_int_equal(cli_request_adapt(&r, model, &err), ESPY_OK);
    assert_int_equal(r.n_images, 1);
    assert_int_equal(r.api.messages[0].n_parts, 1);
    cli_request_free(&r);
    espy_model_close(&model);
}

/* The pad alone, or nothing, between the tags: the next of "images". */
static void tags_without_a_path_take_images(void **state) {
    (void)state;
    cli_request r;
    espy_error err;
    assert_int_equal(parse(&r,
                           "{\"prompt\": \"<img></img><img>odd.png</img><img><imgpad></img>\","
                           " \"images\": [\"dot.png\", \"odd.png\"]}",
                           &err),
                     ESPY_OK);
    assert_int_equal(r.api.n_prompt_parts, 3);
    assert_int_equal(espy_image_width(r.api.prompt_parts[0].images[0]), 1);
    assert_int_equal(espy_image_width(r.api.prompt_parts[1].images[0]), 131);
    assert_int_equal(espy_image_width(r.api.prompt_parts[2].images[0]), 131);
    cli_request_free(&r);
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *json, *sentence;
        int64_t offset; /* -1: any */
    } cases[] = {
        { "", "not valid JSON", 0 },
        { "{\"prompt\": }", "not valid JSON", 11 },
        { "{\"prompt\": \"a\"} x", "not valid JSON", 16 },
        { "{\"prompt\": \"a\\u0000b\"}", "NUL", 13 },
        { "[]", "the request must be an object", -1 },
        { "{}", "either messages or prompt", -1 },
        { "{\"prompt\": \"a\", \"messages\": []}", "either messages or prompt", -1 },
        { "{\"messages\": []}", "messages must be a list", -1 },
        { "{\"messages\": {}}", "messages must be a list", -1 },
        { "{\"messages\": [3]}", "messages[0] must be an object", -1 },
        { "{\"messages\": [{\"content\": \"a\"}]}", "messages[0].role must be a string", -1 },
        { "{\"messages\": [{\"role\": \"user\"}]}", "messages[0].content must be", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [\"a\"]}]}",
          "messages[0].content[0] must be an object", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"sound\"}]}]}",
          "messages[0].content[0].type must be", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}]}",
          "messages[0].content[0].text must be a string", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": [\"a\"]}]}]}",
          "messages[0].content[0].image must be", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": 7}]}]}",
          "messages[0].content[0].video must be the path of a film", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": \"a.mp4\","
          " \"times\": [1]}]}]}",
          "messages[0].content[0].times only goes with a list", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": \"a.mp4\","
          " \"max_frames\": 0}]}]}",
          "messages[0].content[0].max_frames must be", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": \"https://a/b.mp4\"}]}]}",
          "nothing is fetched", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": [\"dot.png\", 2]}]}]}",
          "messages[0].content[0].video[1] must be", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": [\"dot.png\"],"
          " \"times\": [1, 2]}]}]}",
          "messages[0].content[0].times must be a list of one time for each", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"video\": [\"dot.png\"],"
          " \"times\": [\"1\"]}]}]}",
          "messages[0].content[0].times must be numbers", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"dot.png\","
          " \"min_pixels\": 9, \"max_pixels\": 8}]}]}",
          "messages[0].content[0].min_pixels must not exceed", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"none.png\"}]}]}",
          "none.png", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"http://a/b.png\"}]}]}",
          "nothing is fetched", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"data:,abc\"}]}]}",
          "must be base64", -1 },
        { "{\"messages\": [{\"role\": \"user\", \"content\": [{\"image\": \"data:;base64,a*\"}]}]}",
          "not base64 after 1 characters", -1 },
        { "{\"prompt\": 1}", "prompt must be a string", -1 },
        { "{\"prompt\": \"a\", \"images\": \"b\"}", "images must be a list", -1 },
        { "{\"prompt\": \"a\", \"images\": [1]}", "images[0] must be an object", -1 },
        { "{\"prompt\": \"a\", \"max_tokens\": 0}", "max_tokens must be an integer from 1", -1 },
        { "{\"prompt\": \"a\", \"max_tokens\": 1.5}", "max_tokens must be an integer", -1 },
        { "{\"prompt\": \"a\", \"max_tokens\": 1e300}", "max_tokens must be an integer", -1 },
        { "{\"prompt\": \"a\", \"max_tokens\": \"9\"}", "max_tokens must be an integer", -1 },
        { "{\"prompt\": \"a\", \"temperature\": -1}", "temperature must be a number from 0", -1 },
        { "{\"prompt\": \"a\", \"top_p\": 1.1}", "top_p must be a number", -1 },
        { "{\"prompt\": \"a\", \"ignore_eos\": 1}", "ignore_eos must be true or false", -1 },
        { "{\"prompt\": \"a\", \"stop\": [\"b\", 1]}", "stop must be", -1 },
        { "{\"prompt\": \"a\", \"alpha\": \"black\"}", "alpha must be", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_request r;
        espy_error err;
        assert_int_not_equal(parse(&r, cases[i].json, &err), ESPY_OK);
        if (!strstr(err.message, cases[i].sentence))
            fail_msg("%s\ngave \"%s\" instead of \"%s\"", cases[i].json, err.message,
                     cases[i].sentence);
        if (cases[i].offset >= 0) assert_int_equal(err.offset, cases[i].offset);
        if (strcmp(cases[i].sentence, "none.png") != 0)
            assert_non_null(strstr(err.message, "req.json"));
        assert_null(r.json);
        assert_null(r.images);
    }
}

/* Every beginning of a good request is a bad one, and breaks nothing. */
static void refuses_beginnings(void **state) {
    (void)state;
    static const char whole[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":\"dot.png\"},{\"text\":"
        "\"\\ud83d\\ude00\"}]}],\"stop\":[\"a\"],\"top_p\":0.5}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        cli_request r;
        espy_error err;
        char part[sizeof whole] = { 0 };
        memcpy(part, whole, n);
        assert_int_not_equal(parse(&r, part, &err), ESPY_OK);
    }
}

static void makes_utf8_valid(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80" },
        { "a\xFFz", "a\xEF\xBF\xBDz" },
        { "\xC3", "\xEF\xBF\xBD" },
        { "\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *valid = cli_valid_utf8(cases[i][0]);
        assert_non_null(valid);
        assert_string_equal(valid, cases[i][1]);
        free(valid);
    }
}

int main(void) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    snprintf(folder, sizeof folder, "%s/tests/data/pictures", root ? root : ".");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_messages),
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(reads_data_uris),
        cmocka_unit_test(fills_places_in_order),
        cmocka_unit_test(makes_pictures_of_tags),
        cmocka_unit_test(tags_without_a_path_take_images),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_beginnings),
        cmocka_unit_test(makes_utf8_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
