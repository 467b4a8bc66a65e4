/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Merging the bytes of one piece into tokens. */
#ifndef ESPY_TEXT_MERGE_H
#define ESPY_TEXT_MERGE_H

#include "text/bpe.h"

/* Memory that is kept from piece to piece. A zeroed one is empty. */
typedef struct espy_merger {
    struct espy_merge_symbol *symbols;
    uint64_t *heap;
    size_t room; /* symbols */
} espy_merger;

/* Appends the tokens of a piece of n bytes, n below 2^31.
 * Errors ESPY_ERR_MEMORY, ESPY_ERR_UNSUPPORTED (a byte without a token). */
espy_status espy_merge_piece(espy_merger *m, const espy_vocab *vocab, const char *piece, size_t n,
                             espy_ids *ids, espy_error *err);
void espy_merger_free(espy_merger *m);

#endif
