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
    int nfc;
    int n_tokens;
    char *bytes;      /* of all tokens, back to back               */
    uint32_t *at;     /* [n_tokens] into bytes                     */
    uint32_t *length; /* [n_tokens]                                */
    uint8_t *kind;    /* [n_tokens] espy_token_kind                */
    int32_t of_byte[256];
    espy_merge *merges; /* [n_merges] by rank                        */
    size_t n_merges;
    uint32_t *slots; /* hash table: rank + 1 of a pair, 0 if free */
    uint32_t slot_mask;
    int32_t *added; /* [n_added] by first byte, longest first    */
    int n_added;
    int added_from[257]; /* where each first byte begins in added     */
};

#define ESPY_NO_RANK UINT32_MAX

/* The byte that each code point of the byte alphabet stands for, -1 for others. */
#define ESPY_N_STAND_INS 0x144
void espy_vocab_stand_ins(int16_t byte_of[ESPY_N_STAND_INS]);

/* Rank of the merge of a pair, or ESPY_NO_RANK. */
uint32_t espy_vocab_rank(const espy_vocab *v, int32_t left, int32_t right);

/* The longest added token that begins at s (n > 0 bytes), or -1. */
int32_t espy_vocab_added_at(const espy_vocab *v, const char *s, size_t n);

typedef struct espy_text_view {
    const char *s;
    size_t n;
} espy_text_view;

typedef struct espy_vocab_list {
    const char *name; /* of the file, for messages */
    const espy_split *split;
    int nfc;
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
