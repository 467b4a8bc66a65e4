/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Films as the model sees them: which frames, in which pairs, at which times, at
 * which positions; what a longer film spares. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generate/clip.h"
#include "generate/timeline.h"
#include "image/image.h"
#include "text/chat.h"

enum { N_FRAMES = 40, WIDTH = 64, HEIGHT = 48 };

static espy_model *model;
static espy_image *frames[N_FRAMES];

static espy_part clip_of(int n, double fps) {
    return (espy_part){ .type = ESPY_PART_VIDEO,
                        .images = (const espy_image *const *)frames,
                        .n_images = n,
                        .fps = fps };
}

static espy_clip plan(const espy_part *part) {
    espy_clip clip;
    espy_error err = { 0 };
    if (espy_clip_plan(&clip, model, part, 0, 0, &err)) fail_msg("%s", err.message);
    return clip;
}

static void pairs_and_their_times(void **state) {
    (void)state;
    espy_part part = clip_of(5, 2);
    espy_clip clip = plan(&part);
    assert_int_equal(clip.n_frames, 5);
    assert_int_equal(clip.n, 3);
    const double times[] = { 0.25, 1.25, 2 };
    assert_memory_equal(clip.times, times, sizeof times);
    assert_true(clip.seconds_per_patch == 1);
    espy_clip_free(&clip);

    part.fps = 0; /* time stamps take 24 a second, positions a second for each pair */
    clip = plan(&part);
    assert_true(clip.times[1] == (2 / 24.0 + 3 / 24.0) / 2);
    assert_true(clip.seconds_per_patch == 1);
    espy_clip_free(&clip);

    const double at[] = { 1, 2, 4, 8, 16 };
    part.times_s = at;
    clip = plan(&part);
    assert_true(clip.times[0] == 1.5 && clip.times[1] == 6 && clip.times[2] == 16);
    assert_true(clip.seconds_per_patch == 2 / (4 / 15.0)); /* four steps in 15 s */
    espy_clip_free(&clip);

    part = clip_of(1, 3);
    clip = plan(&part);
    assert_int_equal(clip.n, 1);
    assert_true(clip.times[0] == 0);
    espy_clip_free(&clip);
}

static void chooses_frames(void **state) {
    (void)state;
    espy_part part = clip_of(40, 8);
    part.do_sample_frames = 1;
    espy_clip clip = plan(&part);
    static const int expected[] = { 0, 4, 9, 13, 17, 22, 26, 30, 35, 39 };
    assert_int_equal(clip.n_frames, 10);
    assert_memory_equal(clip.frames, expected, sizeof expected);
    assert_true(clip.times[1] == (9 / 8.0 + 13 / 8.0) / 2);
    assert_true(clip.seconds_per_patch == 1);
    espy_clip_free(&clip);
}

static void refuse(const espy_part *part, const char *word) {
    espy_clip clip;
    espy_error err = { 0 };
    assert_int_equal(espy_clip_plan(&clip, model, part, 0, 0, &err), ESPY_ERR_ARGUMENT);
    if (!strstr(err.message, word)) fail_msg("'%s' lacks '%s'", err.message, word);
    assert_null(clip.frames);
    assert_null(clip.times);
}

static void refuses_what_cannot_be(void **state) {
    (void)state;
    static const double falling[] = { 0, 2, 1 }, negative[] = { -1, 0, 1 };
    espy_part part = clip_of(0, 1);
    refuse(&part, "without frames");
    part = clip_of(3, 1e-9);
    refuse(&part, "1e-09 frames a second");
    part = clip_of(3, (double)NAN);
    refuse(&part, "nan frames a second");
    part = clip_of(3, 1);
    part.times_s = falling;
    refuse(&part, "frame 2 of a film is at 1 seconds");
    part.times_s = negative;
    refuse(&part, "frame 0 of a film is at -1 seconds");
    part.times_s = NULL;
    part.max_pixels = INT64_MAX;
    refuse(&part, "max_pixels");
    part.max_pixels = 0;
    part.total_pixels = INT64_MAX;
    refuse(&part, "total_pixels");
    part.total_pixels = 0;

    espy_image *other = NULL, *small = NULL;
    static const uint8_t pixels[WIDTH * (HEIGHT + 1) * 3];
    assert_int_equal(espy_image_from_pixels(&other, pixels, WIDTH, HEIGHT + 1, WIDTH * 3L, 3,
                                            ESPY_ALPHA_WHITE, NULL),
                     ESPY_OK);
    assert_int_equal(
        espy_image_from_pixels(&small, pixels, 31, 48, 31 * 3L, 3, ESPY_ALPHA_WHITE, NULL),
        ESPY_OK);
    const espy_image *mixed[] = { frames[0], other }, *tiny[] = { small };
    part.images = mixed;
    part.n_images = 2;
    refuse(&part, "frame 1 of a film has 64x49 pixels, the first one 64x48");
    part.images = tiny;
    part.n_images = 1;
    refuse(&part, "too small");
    espy_image_close(&other);
    espy_image_close(&small);
}

/* Limits of each frame and of all; the model's are 6144 to 40000 of all. */
static void fits_between_limits(void **state) {
    (void)state;
    static const struct {
        int n;
        int64_t least, most, total;
        int width, height;
    } cases[] = {
        { 2, 0, 0, 0, 64, 64 },        /* 48 is halfway: to even, 64   */
        { 10, 0, 0, 0, 64, 32 },       /* 40960 > 40000                */
        { 9, 0, 0, 0, 64, 32 },        /* counts as 10, shrinks as 9   */
        { 2, 0, 2048, 0, 32, 32 },     /* each at most                 */
        { 2, 16384, 0, 0, 160, 128 },  /* each at least                */
        { 10, 16384, 0, 0, 64, 32 },   /* the whole wins               */
        { 10, 0, 0, 20000, 32, 32 },   /* a lower total                */
        { 40, 0, 0, 1000000, 64, 64 }, /* a larger one                 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int w, h, n;
        espy_error err = { 0 };
        if (espy_fit_clip(model, WIDTH, HEIGHT, cases[i].n, cases[i].least, cases[i].most,
                          cases[i].total, &w, &h, &n, &err))
            fail_msg("%s", err.message);
        if (w != cases[i].width || h != cases[i].height) fail_msg("case %d: %dx%d", (int)i, w, h);
        assert_int_equal(n, (cases[i].n + 1) / 2 * (w / 32) * (h / 32));
    }
}

static void stamps_stand_in_the_prompt(void **state) {
    (void)state;
    const espy_part parts[] = { { .text = "See: " },
                                { .type = ESPY_PART_VIDEO },
                                { .type = ESPY_PART_IMAGE },
                                { .type = ESPY_PART_VIDEO },
                                { .text = "!" } };
    const espy_message m = { "user", parts, 5 };
    /* ties to even, as the reference's format has it */
    const double first[] = { 0.25, 0.75, 1.25 }, second[] = { 10799.95 };
    const espy_stamps stamps[] = { { first, 3 }, { 0 }, { second, 1 } };
    espy_prompt prompt, stamped;
    assert_int_equal(espy_chat_render(&prompt, &espy_chat_qwen3_vl, &m, 1, 0, NULL), ESPY_OK);
    assert_int_equal(espy_prompt_stamp(&stamped, &prompt, &espy_chat_qwen3_vl, stamps, NULL),
                     ESPY_OK);
#define PAD "<|vision_start|><|video_pad|><|vision_end|>"
    assert_string_equal(stamped.text,
                        "<|im_start|>user\nSee: <0.2 seconds>" PAD "<0.8 seconds>" PAD
                        "<1.2 seconds>" PAD "<|vision_start|><|image_pad|><|vision_end|>"
                        "<10800.0 seconds>" PAD "!<|im_end|>\n<|im_start|>assistant\n");
    assert_int_equal(stamped.n_marks, 3 + 5 * 3);
    for (size_t i = 0; i < stamped.n_marks; i++) {
        const espy_prompt_mark *mark = &stamped.marks[i];
        assert_int_equal(stamped.text[mark->offset], '<');
        assert_int_equal(stamped.text[mark->offset + mark->n_bytes - 1], '>');
        assert_int_equal(stamped.text[mark->offset + 1], '|');
    }
    espy_prompt_free(&stamped);
    espy_prompt_free(&prompt);
}

/* A clip in one run: MODELS.md section 9, also where its time is the largest. */
static void positions_of_a_run(void **state) {
    (void)state;
    static const int32_t expected[3][10] = { { 0, 1, 1, 4, 4, 7, 7, 8, 9, 0 },
                                             { 0, 1, 1, 1, 1, 1, 1, 8, 9, 0 },
                                             { 0, 1, 2, 1, 2, 1, 2, 8, 9, 0 } };
    const espy_vision_config seconds = { .tokens_per_second = 2 }, count = { 0 };
    espy_timeline t = { 0 }, other = { 0 };
    const int32_t words[] = { 1, 2 };
    for (int k = 0; k < 2; k++) {
        espy_timeline *line = k ? &other : &t;
        assert_int_equal(espy_timeline_reserve(line, 10, NULL), ESPY_OK);
        espy_timeline_text(line, words, 1);
        int32_t base = line->positions.next;
        for (int i = 0; i < 3; i++)
            espy_timeline_picture(
                line, 9, (espy_picture_key){ 1, (uint64_t)i + 1 }, base,
                k ? espy_clip_step(&count, i, 1.5) : espy_clip_step(&seconds, i, 1.7), 1, 2);
        espy_timeline_text(line, words, 2);
    }
    for (int axis = 0; axis < 3; axis++)
        assert_memory_equal(t.positions.at[axis], expected[axis], 9 * sizeof(int32_t));
    assert_int_equal(other.positions.at[0][5], 3); /* counted, whatever the seconds */
    assert_int_equal(other.positions.at[0][7], 4);
    /* the same frames at other times share only the first pair */
    assert_int_equal(espy_timeline_common(&t, &other), 3);
    espy_timeline_free(&t);
    espy_timeline_free(&other);
}

static espy_result ask(espy_context *c, int n_frames, double fps) {
    static const espy_sampling greedy;
    const espy_part parts[] = { clip_of(n_frames, fps), { .text = "What happens?" } };
    const espy_message message = { "user", parts, 2 };
    const espy_request request = {
        .messages = &message, .n_messages = 1, .max_tokens = 4, .sampling = &greedy, .ignore_eos = 1
    };
    espy_result r;
    espy_error err = { 0 };
    if (espy_generate(c, &request, &r, &err)) fail_msg("%s", err.message);
    int64_t n = 0;
    assert_int_equal(espy_count_prompt(model, &request, &n, NULL), ESPY_OK);
    assert_int_equal(n, r.n_prompt_tokens);
    return r;
}

static espy_context *open_context(void) {
    espy_context *c;
    const espy_context_params p = { .n_threads = 1, .exact = 1 };
    assert_int_equal(espy_context_open(&c, model, &p, NULL), ESPY_OK);
    return c;
}

static void assert_same_answer(const espy_result *a, const espy_result *b) {
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->n_tokens * sizeof *a->tokens);
}

/* Pairs of frames that were looked at cost nothing again, in place or elsewhere. */
static void a_longer_film_reuses_the_shorter(void **state) {
    (void)state;
    espy_context *c = open_context(), *fresh = open_context();
    espy_result a = ask(c, 4, 2), b = ask(c, 6, 2), whole = ask(fresh, 6, 2);
    assert_int_equal(b.n_videos, 1);
    assert_int_equal(b.n_images, 0);
    assert_int_equal(b.video_grid_thw[0][0], 3);
    assert_int_equal(b.n_video_times, 3);
    assert_true(b.video_times_s[2] == 2.25);
    assert_true(b.n_reused_tokens > 10 && b.n_cached_images == 0);
    assert_same_answer(&b, &whole);
    espy_result_clear(&b);
    b = ask(c, 6, 4); /* other stamps: read anew, but not looked at anew */
    assert_int_equal(b.n_cached_images, 3);
    espy_result_clear(&whole);
    espy_context_close(&fresh);
    fresh = open_context();
    whole = ask(fresh, 6, 4);
    assert_same_answer(&b, &whole);
    espy_result_clear(&a);
    espy_result_clear(&b);
    espy_result_clear(&whole);
    espy_context_close(&c);
    espy_context_close(&fresh);
}

static int open_all(void **state) {
    (void)state;
    char path[4096];
    const char *root = getenv("ESPY_SOURCE_ROOT");
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    for (int k = 0; k < N_FRAMES; k++) {
        for (size_t i = 0; i < sizeof pixels; i++)
            pixels[i] = (uint8_t)((i / 3 % WIDTH * 4 + (size_t)k * 9) ^ (i / (3UL * WIDTH) * 5));
        if (espy_image_from_pixels(&frames[k], pixels, WIDTH, HEIGHT, WIDTH * 3L, 3,
                                   ESPY_ALPHA_WHITE, NULL))
            return -1;
    }
    snprintf(path, sizeof path, "%s/tests/data/qwen3_vl/bf16", root ? root : ".");
    return espy_model_open(&model, path, NULL, NULL) ? -1 : 0;
}

static int close_all(void **state) {
    (void)state;
    for (int k = 0; k < N_FRAMES; k++) espy_image_close(&frames[k]);
    espy_model_close(&model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_and_their_times),
        cmocka_unit_test(chooses_frames),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(fits_between_limits),
        cmocka_unit_test(stamps_stand_in_the_prompt),
        cmocka_unit_test(positions_of_a_run),
        cmocka_unit_test(a_longer_film_reuses_the_shorter),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
