/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of a vocabulary.
 *
 * Ordinary tokens are spelled in a printable alphabet in which each byte has a
 * stand-in: bytes 33-126, 161-172 and 174-255 stand for themselves as code
 * points, the other 68 are U+0100, U+0101, ... in the order of the bytes. Here
 * tokens are kept as the bytes that they mean.
 *
 * Merges lie in a hash table with open addressing, keyed by the pair of ids. */
#include "text/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"
#include "text/vocab_parts.h"

/* ---------------------------------------------------------- byte alphabet */

static int stands_for_itself(int byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

void espy_vocab_stand_ins(int16_t byte_of[ESPY_N_STAND_INS]) {
    int next = 0x100;
    for (int i = 0; i < ESPY_N_STAND_INS; i++) byte_of[i] = -1;
    for (int byte = 0; byte < 256; byte++)
        byte_of[stands_for_itself(byte) ? byte : next++] = (int16_t)byte;
}

static uint32_t copy(char *out, espy_text_view text) {
    memcpy(out, text.s, text.n);
    return (uint32_t)text.n;
}

/* The bytes that a spelling means, at most as many as it has itself. A spelling
 * with other characters in it means itself. */
static uint32_t spell_out(char *out, espy_text_view text, const int16_t byte_of[ESPY_N_STAND_INS]) {
    uint32_t n = 0;
    for (size_t i = 0; i < text.n;) {
        int32_t cp;
        i += espy_utf8_decode(text.s + i, text.n - i, &cp);
        if (cp < 0 || cp >= ESPY_N_STAND_INS || byte_of[cp] < 0) return copy(out, text);
        out[n++] = (char)byte_of[cp];
    }
    return n;
}

/* ------------------------------------------------- spellings of a list, hashed */

typedef struct spellings {
    const espy_vocab_list *list;
    uint32_t *slots; /* index + 1 of an ordinary token */
    size_t mask;
} spellings;

/* Compares a spelling with left and right put together. */
static int spelled(espy_text_view text, espy_text_view left, espy_text_view right) {
    return text.n == left.n + right.n && memcmp(text.s, left.s, left.n) == 0 &&
           memcmp(text.s + left.n, right.s, right.n) == 0;
}

/* The slot where left and right together are, or could be put. */
static uint32_t *spelling_slot(const spellings *s, espy_text_view left, espy_text_view right) {
    size_t i =
        espy_hash_slot(espy_hash_more(espy_hash_more(ESPY_HASH_START, left), right)) & s->mask;
    while (s->slots[i] && !spelled(s->list->tokens[s->slots[i] - 1].text, left, right))
        i = (i + 1) & s->mask;
    return &s->slots[i];
}

static const espy_text_view nothing = { "", 0 };

static int32_t find_spelling(const spellings *s, espy_text_view left, espy_text_view right) {
    uint32_t found = *spelling_slot(s, left, right);
    return found ? s->list->tokens[found - 1].id : -1;
}

static espy_status hash_spellings(spellings *s, const espy_vocab_list *list, espy_error *err) {
    size_t size = espy_hash_size(list->n_tokens);
    s->list = list;
    s->mask = size - 1;
    s->slots = calloc(size, sizeof *s->slots);
    if (!s->slots) return espy_out_of_memory(err);
    for (size_t i = 0; i < list->n_tokens; i++)
        if (list->tokens[i].kind == ESPY_TOKEN_ORDINARY)
            *spelling_slot(s, list->tokens[i].text, nothing) = (uint32_t)i + 1;
    return ESPY_OK;
}

/* ------------------------------------------------------------------ tokens */

static espy_status fill_tokens(espy_vocab *v, const espy_vocab_list *list, espy_error *err) {
    size_t n_bytes = 0;
    int16_t byte_of[ESPY_N_STAND_INS];
    for (size_t i = 0; i < list->n_tokens; i++) {
        n_bytes += list->tokens[i].text.n;
        if (list->tokens[i].id >= v->n_tokens) v->n_tokens = list->tokens[i].id + 1;
    }
    if (n_bytes > INT32_MAX)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: tokens of %zu bytes in all", list->name,
                         n_bytes);
    v->bytes = malloc(n_bytes + 1);
    v->at = calloc((size_t)v->n_tokens + 1, sizeof *v->at);
    v->length = calloc((size_t)v->n_tokens + 1, sizeof *v->length);
    v->kind = calloc((size_t)v->n_tokens + 1, sizeof *v->kind);
    if (!v->bytes || !v->at || !v->length || !v->kind) return espy_out_of_memory(err);

    espy_vocab_stand_ins(byte_of);
    for (int byte = 0; byte < 256; byte++) v->of_byte[byte] = -1;
    uint32_t to = 0;
    for (size_t i = 0; i < list->n_tokens; i++) {
        const struct espy_listed_token *token = &list->tokens[i];
        int32_t id = token->id;
        v->kind[id] = (uint8_t)token->kind;
        v->at[id] = to;
        if (token->kind == ESPY_TOKEN_ORDINARY) {
            v->length[id] = list->by_rank ? copy(v->bytes + to, token->text)
                                          : spell_out(v->bytes + to, token->text, byte_of);
            if (v->length[id] == 1) v->of_byte[(uint8_t)v->bytes[to]] = id;
        } else {
            v->length[id] = copy(v->bytes + to, token->text);
        }
        to += v->length[id];
    }
    return ESPY_OK;
}

/* ------------------------------------------------------------------ merges */

static size_t pair_slot(int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    key *= 0x9E3779B97F4A7C15u;
    return (size_t)(key >> 32);
}

static uint32_t *merge_slot(const espy_vocab *v, int32_t left, int32_t right) {
    size_t i = pair_slot(left, right) & v->slot_mask;
    for (; v->slots[i]; i = (i + 1) & v->slot_mask) {
        const espy_merge *merge = &v->merges[v->slots[i] - 1];
        if (merge->left == left && merge->right == right) break;
    }
    return &v->slots[i];
}

uint32_t espy_vocab_rank(const espy_vocab *v, int32_t left, int32_t right) {
    if (v->by_rank) {
        espy_text_view a = { v->bytes + v->at[left], v->length[left] };
        espy_text_view b = { v->bytes + v->at[right], v->length[right] };
        return (uint32_t)espy_vocab_spelled(v, a, b); /* -1 is ESPY_NO_RANK */
    }
    return *merge_slot(v, left, right) - 1; /* 0 - 1 is ESPY_NO_RANK */
}

static espy_status no_such_token(const espy_vocab_list *list, size_t i, espy_error *err) {
    espy_text_view left = list->merges[i].left, right = list->merges[i].right;
    return espy_fail(err, ESPY_ERR_FORMAT, -1,
                     "%s: merge %zu of '%.*s' and '%.*s': not all of these tokens and the joined "
                     "one are in the vocabulary",
                     list->name, i, (int)(left.n < 64 ? left.n : 64), left.s,
                     (int)(right.n < 64 ? right.n : 64), right.s);
}

static espy_status fill_merges(espy_vocab *v, const espy_vocab_list *list, const spellings *s,
                               espy_error *err) {
    size_t size = espy_hash_size(list->n_merges);
    if (size > (size_t)1 << 30)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %zu merges", list->name, list->n_merges);
    v->slot_mask = (uint32_t)size - 1;
    v->slots = calloc(size, sizeof *v->slots);
    v->merges = malloc((list->n_merges + 1) * sizeof *v->merges);
    if (!v->slots || !v->merges) return espy_out_of_memory(err);

    v->n_merges = list->n_merges;
    for (size_t i = 0; i < list->n_merges; i++) {
        const struct espy_listed_merge *from = &list->merges[i];
        espy_merge merge = {
            .left = find_spelling(s, from->left, nothing),
            .right = find_spelling(s, from->right, nothing),
            .joined = find_spelling(s, from->left, from->right),
        };
        if (merge.left < 0 || merge.right < 0 || merge.joined < 0)
            return no_such_token(list, i, err);
        v->merges[i] = merge;
        *merge_slot(v, merge.left, merge.right) = (uint32_t)i + 1;
    }
    return ESPY_OK;
}

/* ------------------------------------------------------------ added tokens */

typedef struct added_entry {
    uint8_t first;
    uint32_t length;
    int32_t id;
} added_entry;

static int by_first_byte_longest_first(const void *a, const void *b) {
    const added_entry *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    if (x->length != y->length) return x->length > y->length ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int is_added(const espy_vocab *v, int32_t id) {
    return v->kind[id] >= ESPY_TOKEN_ADDED && v->length[id];
}

static espy_status fill_added(espy_vocab *v, espy_error *err) {
    for (int32_t id = 0; id < v->n_tokens; id++) v->n_added += is_added(v, id);
    added_entry *entries = malloc(((size_t)v->n_added + 1) * sizeof *entries);
    v->added = malloc(((size_t)v->n_added + 1) * sizeof *v->added);
    if (!entries || !v->added) {
        free(entries);
        return espy_out_of_memory(err);
    }
    int n = 0;
    for (int32_t id = 0; id < v->n_tokens; id++)
        if (is_added(v, id))
            entries[n++] = (added_entry){ (uint8_t)v->bytes[v->at[id]], v->length[id], id };
    qsort(entries, (size_t)n, sizeof *entries, by_first_byte_longest_first);
    for (int i = 0; i < n; i++) {
        v->added[i] = entries[i].id;
        v->added_from[entries[i].first + 1]++;
    }
    for (int byte = 0; byte < 256; byte++) v->added_from[byte + 1] += v->added_from[byte];
    free(entries);
    return ESPY_OK;
}

int32_t espy_vocab_added_at(const espy_vocab *v, const char *s, size_t n) {
    uint8_t first = (uint8_t)s[0];
    for (int i = v->added_from[first]; i < v->added_from[first + 1]; i++) {
        int32_t id = v->added[i];
        if (v->length[id] <= n && memcmp(v->bytes + v->at[id], s, v->length[id]) == 0) return id;
    }
    return -1;
}

/* --------------------------------------------------------------- the whole */

espy_status espy_vocab_build(espy_vocab **out, const espy_vocab_list *list, espy_error *err) {
    spellings s = { 0 };
    *out = NULL;
    espy_vocab *v = calloc(1, sizeof *v);
    if (!v) return espy_out_of_memory(err);
    v->split = list->split;
    v->nfc = list->nfc;
    v->nfc_first = list->nfc_first;
    v->by_rank = list->by_rank;
    espy_status status = hash_spellings(&s, list, err);
    if (!status) status = fill_tokens(v, list, err);
    if (!status)
        status =
            v->by_rank ? espy_vocab_index_ranks(v, list->name, err) : fill_merges(v, list, &s, err);
    if (!status) status = fill_added(v, err);
    free(s.slots);
    if (status)
        espy_vocab_close(&v);
    else
        *out = v;
    return status;
}

void espy_vocab_close(espy_vocab **vocab) {
    espy_vocab *v = vocab ? *vocab : NULL;
    if (!v) return;
    free(v->bytes);
    free(v->at);
    free(v->length);
    free(v->kind);
    free(v->merges);
    free(v->slots);
    free(v->added);
    free(v);
    *vocab = NULL;
}

int espy_vocab_n_tokens(const espy_vocab *vocab) {
    return vocab->n_tokens;
}

const char *espy_vocab_bytes(const espy_vocab *vocab, int32_t id, size_t *n_bytes) {
    int there = id >= 0 && id < vocab->n_tokens && vocab->kind[id] != ESPY_TOKEN_NONE;
    *n_bytes = there ? vocab->length[id] : 0;
    return there ? vocab->bytes + vocab->at[id] : "";
}

int espy_vocab_is_special(const espy_vocab *vocab, int32_t id) {
    return id >= 0 && id < vocab->n_tokens && vocab->kind[id] == ESPY_TOKEN_SPECIAL;
}

int32_t espy_vocab_special(const espy_vocab *vocab, const char *text) {
    size_t n = strlen(text);
    for (int i = 0; i < vocab->n_added; i++) {
        int32_t id = vocab->added[i];
        if (vocab->length[id] == n && memcmp(vocab->bytes + vocab->at[id], text, n) == 0) return id;
    }
    return -1;
}
