/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary from the GGUF or, where it is none, the qwen.tiktoken that the input is; then a
 * fixed text and the input itself, as text, through the tokenizer and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/bpe.h"

espy_status fuzz_status;

enum { MAX_TEXT_BYTES = 600 };

static const char sample[] = "Hello, world! It's 2026.\n\n  def f(x):\treturn x**2 # <|im_end|>";

/* ids back to text; the whole is UTF-8 without a half character. NULL when
 * memory is out. */
static char *detokenise(const espy_vocab *vocab, const espy_ids *ids, size_t *n_bytes) {
    espy_detok d = { 0 };
    char *text = NULL;
    espy_status status = ESPY_OK;
    *n_bytes = 0;
    for (int64_t i = 0; i < ids->n && !status; i++) {
        FUZZ_CHECK(ids->at[i] >= 0 && ids->at[i] < espy_vocab_n_tokens(vocab));
        status = espy_detok_push(&d, vocab, ids->at[i], 0, &text, n_bytes, NULL);
        FUZZ_CHECK(d.n_held >= 0 && d.n_held <= 3);
    }
    if (!status) status = espy_detok_end(&d, &text, n_bytes, NULL);
    if (!status) return text;
    FUZZ_CHECK(status == ESPY_ERR_MEMORY);
    fuzz_status = status;
    free(text);
    return NULL;
}

/* exact: the text is ASCII without special tokens taken, so it must come back. */
static void there_and_back(const espy_vocab *vocab, const char *text, size_t n, int parse_special,
                           int exact) {
    espy_ids ids = { 0 };
    espy_error err = { 0 };
    espy_status status = espy_bpe_encode(vocab, text, n, parse_special, &ids, &err);
    if (status) {
        FUZZ_CHECK(status == ESPY_ERR_MEMORY || status == ESPY_ERR_UNSUPPORTED);
        FUZZ_CHECK(err.code == status && err.message[0]);
        if (status == ESPY_ERR_MEMORY) fuzz_status = status;
    } else {
        size_t n_back;
        char *back = detokenise(vocab, &ids, &n_back);
        if (back) {
            fuzz_touch(back, n_back + 1);
            FUZZ_CHECK(back[n_back] == 0);
            FUZZ_CHECK(!exact || (n_back == n && memcmp(back, text, n) == 0));
        }
        free(back);
    }
    espy_ids_free(&ids);
}

static void look_at(const espy_vocab *vocab) {
    int n_tokens = espy_vocab_n_tokens(vocab);
    for (int32_t id = -1; id <= n_tokens; id++) {
        size_t n = 1;
        const char *s = espy_vocab_bytes(vocab, id, &n);
        FUZZ_CHECK(s && (n == 0 || (id >= 0 && id < n_tokens)));
        fuzz_touch(s, n);
        (void)espy_vocab_is_special(vocab, id);
    }
    int32_t pad = espy_vocab_special(vocab, "<|image_pad|>");
    FUZZ_CHECK(pad >= -1 && pad < n_tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    espy_container *gguf = NULL;
    espy_vocab *vocab = NULL;
    espy_error err = { 0 };
    if (n_bytes >= 4 && memcmp(data, "GGUF", 4) == 0) {
        fuzz_status = espy_container_open_memory(&gguf, data, (int64_t)n_bytes, "input.gguf", &err);
        if (fuzz_status) return 0;
        fuzz_status = espy_vocab_from_gguf(&vocab, gguf, &err);
    } else {
        fuzz_status = espy_vocab_from_tiktoken(&vocab, data, n_bytes, "input.tiktoken", &err);
    }
    FUZZ_CHECK(!vocab == !!fuzz_status);
    FUZZ_CHECK(!fuzz_status || err.message[0]);
    if (vocab) {
        look_at(vocab);
        size_t n = n_bytes < MAX_TEXT_BYTES ? n_bytes : MAX_TEXT_BYTES;
        there_and_back(vocab, sample, sizeof sample - 1, 0, 1);
        there_and_back(vocab, sample, sizeof sample - 1, 1, 0);
        there_and_back(vocab, (const char *)data + (n_bytes - n), n, 1, 0);
    }
    espy_vocab_close(&vocab);
    espy_container_close(&gguf);
    return 0;
}
