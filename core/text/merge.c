/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Byte pair merging: while any two neighbours have a rank, join the pair of the
 * lowest rank, the leftmost of equals.
 *
 * Short pieces, nearly all there are, look at every pair each time. Long ones
 * (a run of a million letters is one piece) keep the symbols in a linked list
 * and the pairs in a heap ordered by rank << 32 | position; a pair whose
 * symbols changed since is dropped when it comes up. That is n log n. */
#include "text/merge.h"

#include <stdlib.h>
#include <string.h>

#include "text/vocab_parts.h"

#define SHORT_PIECE 48

typedef struct espy_merge_symbol {
    int32_t id; /* -1: joined to the one before */
    int32_t previous, next;
} symbol;

static espy_status first_symbol(const espy_vocab *v, char byte, int32_t *id, espy_error *err) {
    *id = v->of_byte[(uint8_t)byte];
    if (*id >= 0) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1, "the vocabulary has no token for byte 0x%02X",
                     (uint8_t)byte);
}

static espy_status merge_short(const espy_vocab *v, const char *piece, size_t n, espy_ids *ids,
                               espy_error *err) {
    int32_t id[SHORT_PIECE];
    uint32_t rank[SHORT_PIECE]; /* of id[i] with id[i + 1] */
    espy_status status = ESPY_OK;
    for (size_t i = 0; i < n && !status; i++) status = first_symbol(v, piece[i], &id[i], err);
    if (status) return status;
    for (size_t i = 0; i + 1 < n; i++) rank[i] = espy_vocab_rank(v, id[i], id[i + 1]);

    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best]) best = i;
        if (rank[best] == ESPY_NO_RANK) break;
        id[best] = espy_vocab_joined(v, rank[best]);
        n--;
        memmove(id + best + 1, id + best + 2, (n - best - 1) * sizeof *id);
        memmove(rank + best, rank + best + 1, (n - best - 1) * sizeof *rank);
        if (best > 0) rank[best - 1] = espy_vocab_rank(v, id[best - 1], id[best]);
        if (best + 1 < n) rank[best] = espy_vocab_rank(v, id[best], id[best + 1]);
    }
    for (size_t i = 0; i < n && !status; i++) status = espy_ids_push(ids, id[i], err);
    return status;
}

/* ------------------------------------------------------------- long pieces */

static void sift_up(uint64_t *heap, size_t i) {
    uint64_t item = heap[i];
    for (; i && heap[(i - 1) / 2] > item; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = item;
}

static void sift_down(uint64_t *heap, size_t n, size_t i) {
    uint64_t item = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= item) break;
        heap[i] = heap[child];
    }
    heap[i] = item;
}

/* Each symbol gives one pair at the start, and each join takes one symbol away
 * and adds two pairs: below 3 n in all. */
static espy_status make_room(espy_merger *m, size_t n, espy_error *err) {
    if (n <= m->room) return ESPY_OK;
    espy_merger_free(m);
    m->symbols = malloc(n * sizeof *m->symbols);
    m->heap = malloc(3 * n * sizeof *m->heap);
    if (!m->symbols || !m->heap) {
        espy_merger_free(m);
        return espy_out_of_memory(err);
    }
    m->room = n;
    return ESPY_OK;
}

/* The pair that begins at a symbol, as heap order; UINT64_MAX if it has no rank. */
static uint64_t pair_at(const espy_vocab *v, const symbol *symbols, int32_t at) {
    int32_t next = symbols[at].next;
    uint32_t rank = next < 0 ? ESPY_NO_RANK : espy_vocab_rank(v, symbols[at].id, symbols[next].id);
    return rank == ESPY_NO_RANK ? UINT64_MAX : (uint64_t)rank << 32 | (uint32_t)at;
}

static void push_pair(const espy_merger *m, size_t *n_heap, uint64_t pair) {
    if (pair == UINT64_MAX) return;
    m->heap[*n_heap] = pair;
    sift_up(m->heap, (*n_heap)++);
}

static void join(const espy_merger *m, const espy_vocab *v, int32_t at, int32_t joined,
                 size_t *n_heap) {
    symbol *s = m->symbols;
    int32_t gone = s[at].next, previous = s[at].previous;
    s[at].id = joined;
    s[at].next = s[gone].next;
    if (s[at].next >= 0) s[s[at].next].previous = at;
    s[gone].id = -1;
    if (previous >= 0) push_pair(m, n_heap, pair_at(v, s, previous));
    push_pair(m, n_heap, pair_at(v, s, at));
}

static espy_status merge_long(espy_merger *m, const espy_vocab *v, const char *piece, size_t n,
                              espy_ids *ids, espy_error *err) {
    espy_status status = make_room(m, n, err);
    for (size_t i = 0; i < n && !status; i++) {
        m->symbols[i].previous = (int32_t)i - 1;
        m->symbols[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
        status = first_symbol(v, piece[i], &m->symbols[i].id, err);
    }
    if (status) return status;
    size_t n_heap = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t pair = pair_at(v, m->symbols, (int32_t)i);
        if (pair != UINT64_MAX) m->heap[n_heap++] = pair;
    }
    for (size_t i = n_heap / 2; i-- > 0;) sift_down(m->heap, n_heap, i);

    while (n_heap) {
        uint64_t top = m->heap[0];
        m->heap[0] = m->heap[--n_heap];
        sift_down(m->heap, n_heap, 0);
        int32_t at = (int32_t)(uint32_t)top;
        if (m->symbols[at].id >= 0 && pair_at(v, m->symbols, at) == top)
            join(m, v, at, espy_vocab_joined(v, (uint32_t)(top >> 32)), &n_heap);
    }
    for (int32_t i = 0; i >= 0 && !status; i = m->symbols[i].next)
        status = espy_ids_push(ids, m->symbols[i].id, err);
    return status;
}

espy_status espy_merge_piece(espy_merger *m, const espy_vocab *vocab, const char *piece, size_t n,
                             espy_ids *ids, espy_error *err) {
    if (vocab->by_rank) { /* a piece that is a token is that, whatever merging makes of it */
        espy_text_view whole = { piece, n }, nothing = { "", 0 };
        int32_t id = espy_vocab_spelled(vocab, whole, nothing);
        if (id >= 0) return espy_ids_push(ids, id, err);
    }
    return n <= SHORT_PIECE ? merge_short(vocab, piece, n, ids, err)
                            : merge_long(m, vocab, piece, n, ids, err);
}

void espy_merger_free(espy_merger *m) {
    free(m->symbols);
    free(m->heap);
    m->symbols = NULL;
    m->heap = NULL;
    m->room = 0;
}
