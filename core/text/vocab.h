/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vocabulary: token bytes, merge ranks, special tokens; from any of the
 * files that carry it. Immutable after opening, shared by threads. */
#ifndef ESPY_TEXT_VOCAB_H
#define ESPY_TEXT_VOCAB_H

#include "base/status.h"
#include "file/container.h"
#include "file/gguf_write.h"

typedef struct espy_vocab espy_vocab;

/* From a Hugging Face folder: tokenizer.json if there, else vocab.json +
 * merges.txt with the special tokens of tokenizer_config.json
 * (added_tokens_decoder) and added_tokens.json, else qwen.tiktoken.
 * Errors ESPY_ERR_MISSING (no tokenizer in the folder, the message says what
 * was looked for), ESPY_ERR_FORMAT, ESPY_ERR_MEMORY. */
espy_status espy_vocab_from_folder(espy_vocab **out, const char *folder, espy_error *err);

/* From the bytes of a qwen.tiktoken (the first Qwen's, Qwen-VL's), whose special
 * tokens stand in no file; name is for messages. vocab_tiktoken.c.
 * Errors ESPY_ERR_FORMAT (with the offset of the line), ESPY_ERR_MEMORY. */
espy_status espy_vocab_from_tiktoken(espy_vocab **out, const void *bytes, size_t n_bytes,
                                     const char *name, espy_error *err);

/* From GGUF arrays tokenizer.ggml.{tokens,token_type,merges,pre,normalizer.nfc}. */
espy_status espy_vocab_from_gguf(espy_vocab **out, const espy_container *gguf, espy_error *err);

/* The way back: keys tokenizer.ggml.{model,pre,tokens,token_type,merges} and
 * normalizer.nfc. Ids without a token, up to n_rows (of the embedding), become unused
 * ones. n_rows is at least espy_vocab_n_tokens. Errors ESPY_ERR_MEMORY. vocab_write.c. */
espy_status espy_vocab_write(const espy_vocab *vocab, int n_rows, espy_gguf_writer *writer,
                             espy_error *err);

void espy_vocab_close(espy_vocab **vocab);

/* One more than the largest id with a token. */
int espy_vocab_n_tokens(const espy_vocab *vocab);

/* Bytes of a token; "" and 0 for ids out of range or without a token. */
const char *espy_vocab_bytes(const espy_vocab *vocab, int32_t id, size_t *n_bytes);

/* Whether decoding with "skip special tokens" leaves it out (added tokens with
 * special true; GGUF token type 3). */
int espy_vocab_is_special(const espy_vocab *vocab, int32_t id);

/* Id of an added (special or user defined) token by its text
 * ("<|image_pad|>"), or -1. */
int32_t espy_vocab_special(const espy_vocab *vocab, const char *text);

#endif
