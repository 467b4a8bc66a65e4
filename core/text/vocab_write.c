/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary to the metadata of a GGUF; vocab_gguf.c reads it and lists the
 * keys. Ordinary tokens and merges are spelled in the byte alphabet (vocab.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/vocab_parts.h"

/* What stands for each byte, in UTF-8. */
typedef struct alphabet {
    char text[256][3];
    uint8_t n[256];
} alphabet;

static void fill(alphabet *a) {
    int16_t byte_of[ESPY_N_STAND_INS];
    espy_vocab_stand_ins(byte_of);
    for (int cp = 0; cp < ESPY_N_STAND_INS; cp++) {
        if (byte_of[cp] < 0) continue;
        char *text = a->text[byte_of[cp]];
        a->n[byte_of[cp]] = cp < 0x80 ? 1 : 2;
        text[0] = (char)(cp < 0x80 ? cp : 0xC0 | cp >> 6);
        text[1] = (char)(0x80 | (cp & 63));
    }
}

/* The spelling of a token, at most twice its length; returns the length. */
static size_t spell(char *out, const alphabet *a, const espy_vocab *v, int32_t id) {
    const char *bytes = v->bytes + v->at[id];
    size_t n = 0;
    for (uint32_t i = 0; i < v->length[id]; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        memcpy(out + n, a->text[byte], a->n[byte]);
        n += a->n[byte];
    }
    return n;
}

static espy_token_kind kind_of(const espy_vocab *v, int id) {
    return id < v->n_tokens ? (espy_token_kind)v->kind[id] : ESPY_TOKEN_NONE;
}

static void write_token(const espy_vocab *v, int id, const alphabet *a, char *scratch,
                        espy_gguf_writer *w) {
    char name[32];
    switch (kind_of(v, id)) {
    case ESPY_TOKEN_ORDINARY:
        espy_gguf_add_string(w, scratch, spell(scratch, a, v, id));
        break;
    case ESPY_TOKEN_ADDED:
    case ESPY_TOKEN_SPECIAL:
        espy_gguf_add_string(w, v->bytes + v->at[id], v->length[id]);
        break;
    case ESPY_TOKEN_NONE:
        snprintf(name, sizeof name, "[PAD%d]", id);
        espy_gguf_add_string(w, name, strlen(name));
        break;
    }
}

static void write_merges(const espy_vocab *v, const alphabet *a, char *scratch,
                         espy_gguf_writer *w) {
    espy_gguf_begin_strings(w, "tokenizer.ggml.merges", v->n_merges);
    for (size_t i = 0; i < v->n_merges; i++) {
        size_t n = spell(scratch, a, v, v->merges[i].left);
        scratch[n++] = ' ';
        n += spell(scratch + n, a, v, v->merges[i].right);
        espy_gguf_add_string(w, scratch, n);
    }
}

espy_status espy_vocab_write(const espy_vocab *v, int n_rows, espy_gguf_writer *w,
                             espy_error *err) {
    static const int32_t types[] = { [ESPY_TOKEN_NONE] = 5,
                                     [ESPY_TOKEN_ORDINARY] = 1,
                                     [ESPY_TOKEN_ADDED] = 4,
                                     [ESPY_TOKEN_SPECIAL] = 3 };
    alphabet a = { 0 };
    size_t longest = 0;
    for (int i = 0; i < v->n_tokens; i++) longest = v->length[i] > longest ? v->length[i] : longest;
    char *scratch = malloc(4 * longest + 1); /* two tokens and a blank */
    int32_t *kinds = malloc((size_t)n_rows * sizeof *kinds + 1);
    if (!scratch || !kinds) {
        free(scratch);
        free(kinds);
        return espy_out_of_memory(err);
    }
    fill(&a);
    espy_gguf_put_string(w, "tokenizer.ggml.model", "gpt2");
    espy_gguf_put_string(w, "tokenizer.ggml.pre", v->split->name);
    espy_gguf_begin_strings(w, "tokenizer.ggml.tokens", (uint64_t)n_rows);
    for (int i = 0; i < n_rows; i++) {
        write_token(v, i, &a, scratch, w);
        kinds[i] = types[kind_of(v, i)];
    }
    espy_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, (uint64_t)n_rows);
    write_merges(v, &a, scratch, w);
    espy_gguf_put_bool(w, "tokenizer.ggml.normalizer.nfc", v->nfc);
    free(scratch);
    free(kinds);
    return ESPY_OK;
}
