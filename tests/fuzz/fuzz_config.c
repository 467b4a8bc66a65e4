/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.json beside good weights: whatever numbers it states, the model opens
 * or says why not; one that opens also answers. A word in it tells which family's
 * weights are beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

espy_status fuzz_status;

/* Links to the files of a good model, and the input as config.json. */
typedef struct place {
    const char *word; /* in a config.json that belongs here; the first takes the others */
    const char *from; /* below ESPY_FUZZ_MODELS */
    const char *files[5];
    char folder[64];
} place;

static place places[] = {
    { .from = "bf16", .files = { "model.safetensors", "tokenizer.json" } },
    { .word = "\"visual\"",
      .from = "../qwen_vl/f16",
      .files = { "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                 "model.safetensors.index.json", "qwen.tiktoken" } },
    { .word = "experts",
      .from = "../qwen3_vl_moe/bf16",
      .files = { "model.safetensors", "tokenizer.json" } },
    { .word = "\"qwen2_vl",
      .from = "../qwen2_vl/micro",
      .files = { "model.safetensors", "tokenizer.json" } },
    { .word = "\"qwen2_5_vl",
      .from = "../qwen2_5_vl/micro",
      .files = { "model.safetensors", "tokenizer.json" } },
};
enum { N_PLACES = sizeof places / sizeof *places };

static void remove_folders(void) {
    for (int i = 0; i < N_PLACES; i++) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf '%s'", places[i].folder);
        if (system(command)) fprintf(stderr, "%s stays\n", places[i].folder);
    }
}

/* Once. */
static void make_folder(place *p) {
    strcpy(p->folder, "espy-config-XXXXXX");
    if (!mkdtemp(p->folder)) abort();
    for (int i = 0; p->files[i]; i++) {
        char from[1024], to[128];
        snprintf(from, sizeof from, "%s/%s/%s", ESPY_FUZZ_MODELS, p->from, p->files[i]);
        snprintf(to, sizeof to, "%s/%s", p->folder, p->files[i]);
        if (symlink(from, to)) abort();
    }
}

static void answer(const espy_model *model, int sees) {
    static const uint8_t pixels[8 * 8 * 3];
    espy_context_params p = { .n_threads = 1, .n_context = 64 };
    espy_image *image = NULL;
    espy_context *context;
    espy_result result;
    if (espy_context_open(&context, model, &p, NULL)) return;
    if (sees) sees = !espy_image_from_pixels(&image, pixels, 8, 8, 24, 3, ESPY_ALPHA_DROP, NULL);
    const espy_image *images[] = { image };
    espy_part parts[] = { { .text = "hi" },
                          { .type = ESPY_PART_IMAGE, .images = images, .n_images = 1 } };
    espy_message message = { .role = "user", .parts = parts, .n_parts = sees ? 2 : 1 };
    espy_request request = { .messages = &message, .n_messages = 1, .max_tokens = 2 };
    if (!espy_generate(context, &request, &result, NULL)) espy_result_clear(&result);
    espy_image_close(&image);
    espy_context_close(&context);
}

static int place_of(const uint8_t *data, size_t size) {
    for (int i = 1; i < N_PLACES && data; i++)
        if (memmem(data, size, places[i].word, strlen(places[i].word))) return i;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int other = place_of(data, size);
    char path[128];
    espy_model *model;
    espy_error err = { 0 };
    if (!places[0].folder[0]) {
        for (int i = 0; i < N_PLACES; i++) make_folder(&places[i]);
        atexit(remove_folders);
    }
    snprintf(path, sizeof path, "%s/config.json", places[other].folder);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    fuzz_status = espy_model_open(&model, places[other].folder, NULL, &err);
    if (fuzz_status) {
        FUZZ_CHECK(err.message[0]);
        return 0;
    }
    answer(model, other);
    espy_model_close(&model);
    return 0;
}
