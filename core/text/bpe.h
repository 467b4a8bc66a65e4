/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Byte-level BPE as Qwen's tokenizers do it: cut out special tokens, NFC, split
 * by the pattern, merge pairs by rank. And the way back, as a stream. */
#ifndef ESPY_TEXT_BPE_H
#define ESPY_TEXT_BPE_H

#include "text/vocab.h"

/* A growing list of ids. A zeroed one is empty; free with espy_ids_free. */
typedef struct espy_ids {
    int32_t *at;
    int64_t n, capacity;
} espy_ids;

espy_status espy_ids_push(espy_ids *ids, int32_t id, espy_error *err);
void espy_ids_free(espy_ids *ids);

/* Appends the ids of a text to ids. Special (added) tokens in the text are
 * recognised only if parse_special. Invalid UTF-8 is replaced by U+FFFD, one
 * per maximal bad prefix, as Python's decoder does. Linear-ish in n_bytes also
 * for one long piece (a heap or equivalent, no quadratic merge loop).
 * Errors ESPY_ERR_MEMORY, ESPY_ERR_UNSUPPORTED (a byte that the vocabulary has
 * no token for). */
espy_status espy_bpe_encode(const espy_vocab *vocab, const char *text, size_t n_bytes,
                            int parse_special, espy_ids *ids, espy_error *err);

/* Streaming detokeniser: holds back an incomplete UTF-8 tail (at most 3 bytes).
 * A zeroed one is at the start. */
typedef struct espy_detok {
    uint8_t held[4];
    int n_held;
} espy_detok;

/* Appends the whole characters that token id completes to a growing string:
 * *text is realloc'd, NUL-terminated, *n_bytes its length. Bytes that can never
 * become UTF-8 turn into U+FFFD. skip_special leaves special tokens out. */
espy_status espy_detok_push(espy_detok *d, const espy_vocab *vocab, int32_t id, int skip_special,
                            char **text, size_t *n_bytes, espy_error *err);

/* The end: an incomplete tail becomes one U+FFFD. */
espy_status espy_detok_end(espy_detok *d, char **text, size_t *n_bytes, espy_error *err);

#endif
