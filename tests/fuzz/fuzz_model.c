/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers and the tensor list of a GGUF model: the input is laid over those
 * of a good file, whose vocabulary and tensor data stay. A model that opens then
 * looks at a picture and answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

espy_status fuzz_status;

static char path[] = "espy-model-XXXXXX";
enum { MAX_BYTES = 1 << 20 };
static uint8_t good[MAX_BYTES], bytes[MAX_BYTES];
static size_t n_good, vocab_begin, vocab_end;

static void remove_file(void) {
    unlink(path);
}

static size_t find(const char *key) {
    const uint8_t *at = memmem(good, n_good, key, strlen(key));
    if (!at) abort();
    return (size_t)(at - good);
}

static void read_good(void) {
    FILE *f = fopen(ESPY_FUZZ_MODELS "/gguf/one-file-native.gguf", "rb");
    if (!f) abort();
    n_good = fread(good, 1, sizeof good, f);
    if (n_good == 0 || n_good == sizeof good) abort();
    fclose(f);
    vocab_begin = find("tokenizer.ggml.tokens");
    vocab_end = find("tokenizer.chat_template");
    int fd = mkstemp(path);
    if (fd < 0) abort();
    close(fd);
    atexit(remove_file);
}

static void write_file(const uint8_t *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f) abort();
    memcpy(bytes, good, n_good);
    size_t n = size < vocab_begin ? size : vocab_begin, rest = size - n;
    if (rest > n_good - vocab_end) rest = n_good - vocab_end;
    if (n) memcpy(bytes, data, n);
    if (rest) memcpy(bytes + vocab_end, data + n, rest);
    if (fwrite(bytes, 1, n_good, f) != n_good || fclose(f)) abort();
}

static espy_status answer(const espy_model *model, espy_error *err) {
    static const uint8_t pixels[32 * 32 * 3];
    espy_context_params p = { .n_threads = 1, .n_context = 128 };
    espy_image *image = NULL;
    espy_context *context = NULL;
    espy_result result = { 0 };
    espy_status status =
        espy_image_from_pixels(&image, pixels, 32, 32, 96, 3, ESPY_ALPHA_WHITE, err);
    const espy_image *images[] = { image };
    espy_part parts[] = { { .type = ESPY_PART_IMAGE,
                            .images = images,
                            .n_images = 1,
                            .min_pixels = 4096,
                            .max_pixels = 65536 },
                          { .text = "hi" } };
    espy_message message = { .role = "user", .parts = parts, .n_parts = 2 };
    espy_request request = {
        .messages = &message, .n_messages = 1, .max_tokens = 2, .n_top_logprobs = 2
    };
    if (!status) status = espy_context_open(&context, model, &p, err);
    if (!status) status = espy_generate(context, &request, &result, err);
    espy_result_clear(&result);
    espy_context_close(&context);
    espy_image_close(&image);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    espy_model *model;
    espy_error err = { 0 };
    if (!n_good) read_good();
    write_file(data, size);
    fuzz_status = espy_model_open(&model, path, NULL, &err);
    if (!fuzz_status) fuzz_status = answer(model, &err);
    FUZZ_CHECK(!fuzz_status || err.message[0]);
    espy_model_close(&model);
    return 0;
}
