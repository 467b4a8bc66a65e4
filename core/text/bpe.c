/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text to ids:
 *
 *     repair UTF-8 -> cut out added tokens -> NFC -> split -> merge
 *
 * with the steps after the cut on each stretch between two added tokens. Qwen-VL's
 * tokenizer puts the text into NFC before the cut. */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "text/merge.h"
#include "text/unicode.h"
#include "text/vocab_parts.h"

#define MAX_TEXT_BYTES ((size_t)1 << 29)

espy_status espy_ids_push(espy_ids *ids, int32_t id, espy_error *err) {
    if (ids->n == ids->capacity) {
        int64_t more = ids->capacity ? ids->capacity * 2 : 256;
        int32_t *grown = realloc(ids->at, (size_t)more * sizeof *grown);
        if (!grown) return espy_out_of_memory(err);
        ids->at = grown;
        ids->capacity = more;
    }
    ids->at[ids->n++] = id;
    return ESPY_OK;
}

void espy_ids_free(espy_ids *ids) {
    free(ids->at);
    memset(ids, 0, sizeof *ids);
}

/* A stretch without added tokens. */
static espy_status encode_stretch(espy_merger *merger, const espy_vocab *vocab, const char *s,
                                  size_t n, espy_ids *ids, espy_error *err) {
    char *normal = NULL;
    espy_status status = vocab->nfc ? espy_unicode_nfc(s, n, &normal, &n, err) : ESPY_OK;
    const char *text = normal ? normal : s;
    for (size_t at = 0, length; at < n && !status; at += length) {
        length = espy_split_next(vocab->split, text + at, n - at);
        status = espy_merge_piece(merger, vocab, text + at, length, ids, err);
    }
    free(normal);
    return status;
}

/* Where the next added token begins, or n; its id, or -1. */
static size_t find_added(const espy_vocab *vocab, const char *s, size_t n, int32_t *id) {
    for (size_t at = 0; at < n; at++) {
        *id = espy_vocab_added_at(vocab, s + at, n - at);
        if (*id >= 0) return at;
    }
    *id = -1;
    return n;
}

static espy_status encode_with_added(espy_merger *merger, const espy_vocab *vocab, const char *s,
                                     size_t n, espy_ids *ids, espy_error *err) {
    espy_status status = ESPY_OK;
    while (n && !status) {
        int32_t id;
        size_t before = find_added(vocab, s, n, &id);
        status = encode_stretch(merger, vocab, s, before, ids, err);
        if (!status && id >= 0) status = espy_ids_push(ids, id, err);
        size_t done = before + (id >= 0 ? vocab->length[id] : 0);
        s += done;
        n -= done;
    }
    return status;
}

espy_status espy_bpe_encode(const espy_vocab *vocab, const char *text, size_t n_bytes,
                            int parse_special, espy_ids *ids, espy_error *err) {
    espy_merger merger = { 0 };
    char *repaired = NULL, *normal = NULL;
    int64_t n_before = ids->n;
    if (n_bytes > MAX_TEXT_BYTES)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a text of %zu bytes is too long to tokenize",
                         n_bytes);
    espy_status status = espy_utf8_repair(text, n_bytes, &repaired, &n_bytes, err);
    const char *s = repaired ? repaired : text;
    if (!status && vocab->nfc_first && parse_special)
        status = espy_unicode_nfc(s, n_bytes, &normal, &n_bytes, err);
    if (normal) s = normal;
    if (!status)
        status = parse_special ? encode_with_added(&merger, vocab, s, n_bytes, ids, err)
                               : encode_stretch(&merger, vocab, s, n_bytes, ids, err);
    if (status) ids->n = n_before;
    espy_merger_free(&merger);
    free(repaired);
    free(normal);
    return status;
}
