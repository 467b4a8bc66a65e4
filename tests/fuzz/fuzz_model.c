/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers and the tensor list of a GGUF model: the input is laid over those
 * of a good file, whose vocabulary and tensor data stay. A model that opens then
 * looks at a picture and answers. An input that names the architecture of another
 * base is laid over that, with its mmproj beside it if it is in two files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

espy_status fuzz_status;

static char path[] = "espy-model-XXXXXX";
enum { MAX_BYTES = 1 << 20 };
static uint8_t bytes[MAX_BYTES];

static struct base {
    const char *architecture, *path, *mmproj;
    uint8_t good[MAX_BYTES];
    size_t n, vocab_begin, vocab_end;
} bases[] = {
    { .architecture = "qwen3vl", /* and what names none of the others */
      .path = ESPY_FUZZ_MODELS "/gguf/one-file-native.gguf" },
    { .architecture = "qwen3vlmoe",
      .path = ESPY_FUZZ_MODELS "_moe/gguf/micro-bf16.gguf",
      .mmproj = ESPY_FUZZ_MODELS "_moe/gguf/mmproj-micro-bf16.gguf" },
    { .architecture = "qwen2vl",
      .path = ESPY_FUZZ_MODELS "/../qwen2_vl/gguf/micro-bf16.gguf",
      .mmproj = ESPY_FUZZ_MODELS "/../qwen2_vl/gguf/mmproj-micro-bf16.gguf" },
    { .architecture = "qwen25vl",
      .path = ESPY_FUZZ_MODELS "/../qwen2_5_vl/gguf/one-file-native.gguf" },
};
enum { N_BASES = sizeof bases / sizeof *bases };

static void remove_file(void) {
    unlink(path);
}

static size_t find(const struct base *b, const char *key) {
    const uint8_t *at = memmem(b->good, b->n, key, strlen(key));
    if (!at) abort();
    return (size_t)(at - b->good);
}

static void read_good(struct base *b) {
    FILE *f = fopen(b->path, "rb");
    if (!f) abort();
    b->n = fread(b->good, 1, sizeof b->good, f);
    if (b->n == 0 || b->n == sizeof b->good) abort();
    fclose(f);
    b->vocab_begin = find(b, "tokenizer.ggml.tokens");
    b->vocab_end = find(b, "tokenizer.chat_template");
}

static void make_file(void) {
    int fd = mkstemp(path);
    if (fd < 0) abort();
    close(fd);
    atexit(remove_file);
}

static void write_file(const struct base *b, const uint8_t *data, size_t size) {
    FILE *f = fopen(path, "wb");
    if (!f) abort();
    memcpy(bytes, b->good, b->n);
    size_t n = size < b->vocab_begin ? size : b->vocab_begin, rest = size - n;
    if (rest > b->n - b->vocab_end) rest = b->n - b->vocab_end;
    if (n) memcpy(bytes, data, n);
    if (rest) memcpy(bytes + b->vocab_end, data + n, rest);
    if (fwrite(bytes, 1, b->n, f) != b->n || fclose(f)) abort();
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

static const struct base *base_of(const uint8_t *data, size_t size) {
    for (int i = 1; i < N_BASES && data; i++) {
        const char *name = bases[i].architecture;
        if (memmem(data, size, name, strlen(name))) return &bases[i];
    }
    return &bases[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    espy_model *model;
    espy_error err = { 0 };
    if (!bases[0].n) make_file();
    for (int i = 0; i < N_BASES && !bases[i].n; i++) read_good(&bases[i]);
    const struct base *b = base_of(data, size);
    espy_model_params params = { .mmproj = b->mmproj };
    write_file(b, data, size);
    fuzz_status = espy_model_open(&model, path, &params, &err);
    if (!fuzz_status) fuzz_status = answer(model, &err);
    FUZZ_CHECK(!fuzz_status || err.message[0]);
    espy_model_close(&model);
    return 0;
}
