/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.json beside good weights: whatever numbers it states, the model opens
 * or says why not; one that opens also answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

espy_status fuzz_status;

static char folder[64];

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command)) fprintf(stderr, "%s stays\n", folder);
}

/* Links to the good files, once. */
static void make_folder(void) {
    static const char *const files[] = { "model.safetensors", "tokenizer.json" };
    strcpy(folder, "espy-config-XXXXXX");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[1024], to[128];
        snprintf(from, sizeof from, "%s/bf16/%s", ESPY_FUZZ_MODELS, files[i]);
        snprintf(to, sizeof to, "%s/%s", folder, files[i]);
        if (symlink(from, to)) abort();
    }
}

static void answer(const espy_model *model) {
    espy_context_params p = { .n_threads = 1, .n_context = 64 };
    espy_part part = { .text = "hi" };
    espy_message message = { .role = "user", .parts = &part, .n_parts = 1 };
    espy_request request = { .messages = &message, .n_messages = 1, .max_tokens = 2 };
    espy_context *context;
    espy_result result;
    if (espy_context_open(&context, model, &p, NULL)) return;
    if (!espy_generate(context, &request, &result, NULL)) espy_result_clear(&result);
    espy_context_close(&context);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[128];
    espy_model *model;
    espy_error err = { 0 };
    if (!folder[0]) make_folder();
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    fuzz_status = espy_model_open(&model, folder, NULL, &err);
    if (fuzz_status) {
        FUZZ_CHECK(err.message[0]);
        return 0;
    }
    answer(model);
    espy_model_close(&model);
    return 0;
}
