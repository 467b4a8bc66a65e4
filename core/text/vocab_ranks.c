/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary without a list of merges, as tiktoken has it: two neighbours may be
 * joined if what they spell together is a token, and the token of the lowest id is
 * made first, leftmost of equals. The id is the rank.
 *
 * All ordinary tokens lie in a hash table with open addressing, keyed by their
 * bytes; a pair is looked up as its two halves, which are not copied together. */
#include <stdlib.h>
#include <string.h>

#include "text/vocab_parts.h"

static espy_text_view view_of(const espy_vocab *v, int32_t id) {
    return (espy_text_view){ v->bytes + v->at[id], v->length[id] };
}

static int is_spelled(espy_text_view token, espy_text_view left, espy_text_view right) {
    return token.n == left.n + right.n && memcmp(token.s, left.s, left.n) == 0 &&
           memcmp(token.s + left.n, right.s, right.n) == 0;
}

/* The slot where left and right together are, or could be put. */
static uint32_t *slot_of(const espy_vocab *v, espy_text_view left, espy_text_view right) {
    uint64_t hash = espy_hash_more(espy_hash_more(ESPY_HASH_START, left), right);
    size_t i = espy_hash_slot(hash) & v->slot_mask;
    while (v->slots[i] && !is_spelled(view_of(v, (int32_t)v->slots[i] - 1), left, right))
        i = (i + 1) & v->slot_mask;
    return &v->slots[i];
}

int32_t espy_vocab_spelled(const espy_vocab *v, espy_text_view left, espy_text_view right) {
    if (left.n + right.n > v->longest) return -1;
    return (int32_t)*slot_of(v, left, right) - 1;
}

espy_status espy_vocab_index_ranks(espy_vocab *v, const char *name, espy_error *err) {
    static const espy_text_view nothing = { "", 0 };
    size_t size = espy_hash_size((size_t)v->n_tokens);
    v->slot_mask = (uint32_t)size - 1; /* ids are below 2^22 */
    v->slots = calloc(size, sizeof *v->slots);
    if (!v->slots) return espy_out_of_memory(err);
    for (int32_t id = 0; id < v->n_tokens; id++) {
        if (v->kind[id] != ESPY_TOKEN_ORDINARY) continue;
        uint32_t *slot = slot_of(v, view_of(v, id), nothing);
        if (*slot)
            return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: tokens %d and %d are the same bytes",
                             name, (int)*slot - 1, id);
        *slot = (uint32_t)id + 1;
        if (v->length[id] > v->longest) v->longest = v->length[id];
    }
    return ESPY_OK;
}
