/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of a vocabulary, for its readers and for the encoder only.
 *
 * A reader lists tokens and merges as its file spells them (views into the
 * file); espy_vocab_build turns the list into tables. */
#ifndef ESPY_TEXT_VOCAB_PARTS_H
#define ESPY_TEXT_VOCAB_PARTS_H

#include "text/split.h"
#include "text/vocab.h"

typedef enum espy_token_kind {
    ESPY_TOKEN_NONE = 0,
    ESPY_TOKEN_ORDINARY, /* spelled in the byte alphabet; made by merges */
    ESPY_TOKEN_ADDED,    /* cut out of the text as it is                 */
    ESPY_TOKEN_SPECIAL   /* the same, and skipped when decoding          */
} espy_token_kind;

/* Two neighbours that become one token; an earlier merge goes first. */
typedef struct espy_merge {
    int32_t left, right, joined;
} espy_merge;

struct espy_vocab {
    const espy_split *split;
    int nfc, nfc_first;
    int n_tokens;
    char *bytes;      /* of all tokens, back to back               */
    uint32_t *at;     /* [n_tokens] into bytes                     */
    uint32_t *length; /* [n_tokens]                                */
    uint8_t *kind;    /* [n_tokens] espy_token_kind                */
    int32_t of_byte[256];
    espy_merge *merges; /* [n_merges] by rank                        */
    size_t n_merges;
    int by_rank;      /* no merges: see vocab_ranks.c              */
    uint32_t longest; /* by_rank: bytes of the longest ordinary token */
    uint32_t *slots;  /* hash table: rank + 1 of a pair, 0 if free */
    uint32_t slot_mask;
    int32_t *added; /* [n_added] by first byte, longest first    */
    int n_added;
    int added_from[257]; /* where each first byte begins in added     */
};

typedef struct espy_text_view {
    const char *s;
    size_t n;
} espy_text_view;

#define ESPY_NO_RANK UINT32_MAX

/* The id of the token that left and right spell together, or -1. */
int32_t espy_vocab_spelled(const espy_vocab *v, espy_text_view left, espy_text_view right);

/* The byte that each code point of the byte alphabet stands for, -1 for others. */
#define ESPY_N_STAND_INS 0x144
void espy_vocab_stand_ins(int16_t byte_of[ESPY_N_STAND_INS]);

/* Rank of the merge of a pair, or ESPY_NO_RANK; and what it makes of the pair. */
uint32_t espy_vocab_rank(const espy_vocab *v, int32_t left, int32_t right);
static inline int32_t espy_vocab_joined(const espy_vocab *v, uint32_t rank) {
    return v->by_rank ? (int32_t)rank : v->merges[rank].joined;
}

/* vocab_ranks.c: a vocabulary without merges. Fills the hash table of its ordinary
 * tokens; name is that of the file. Errors ESPY_ERR_FORMAT (two tokens of the same
 * bytes), ESPY_ERR_MEMORY. */
espy_status espy_vocab_index_ranks(espy_vocab *v, const char *name, espy_error *err);

/* The longest added token that begins at s (n > 0 bytes), or -1. */
int32_t espy_vocab_added_at(const espy_vocab *v, const char *s, size_t n);

typedef struct espy_vocab_list {
    const char *name; /* of the file, for messages */
    const espy_split *split;
    int nfc;
    int nfc_first; /* ... as a whole, before added tokens are cut out of it */
    int by_rank;   /* ordinary tokens are bytes as they are, and made without merges */
    struct espy_listed_token {
        espy_text_view text;
        int32_t id;
        espy_token_kind kind;
    } * tokens;
    size_t n_tokens, token_room;
    struct espy_listed_merge {
        espy_text_view left, right;
    } * merges;
    size_t n_merges, merge_room;
} espy_vocab_list;

/* FNV-1a over pieces of a text, and the power of two at which n items fill at most
 * three quarters of a hash table. */
#define ESPY_HASH_START 0xCBF29CE484222325u

static inline uint64_t espy_hash_more(uint64_t hash, espy_text_view text) {
    for (size_t i = 0; i < text.n; i++) hash = (hash ^ (uint8_t)text.s[i]) * 0x100000001B3u;
    return hash;
}

static inline size_t espy_hash_slot(uint64_t hash) {
    return (size_t)(hash ^ hash >> 29);
}

static inline size_t espy_hash_size(size_t n) {
    size_t size = 16;
    while (size / 4 * 3 < n) size *= 2;
    return size;
}

/* A later token with the same id or spelling replaces an earlier one.
 * Errors ESPY_ERR_FORMAT for an id out of range, ESPY_ERR_MEMORY. */
espy_status espy_vocab_list_token(espy_vocab_list *list, espy_text_view text, int64_t id,
                                  espy_token_kind kind, espy_error *err);
espy_status espy_vocab_list_merge(espy_vocab_list *list, espy_text_view left, espy_text_view right,
                                  espy_error *err);
/* The same for "left right"; offset (of the line, or -1) stands in the error. */
espy_status espy_vocab_list_merge_line(espy_vocab_list *list, espy_text_view line, int64_t offset,
                                       espy_error *err);
void espy_vocab_list_free(espy_vocab_list *list);

/* *out is NULL on failure. Errors ESPY_ERR_FORMAT (a merge of tokens that are
 * not there), ESPY_ERR_MEMORY. */
espy_status espy_vocab_build(espy_vocab **out, const espy_vocab_list *list, espy_error *err);

#endif
