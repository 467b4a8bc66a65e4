/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of tokens and merges that a reader fills. */
#include <stdlib.h>
#include <string.h>

#include "text/vocab_parts.h"

/* Bounds what a hostile id makes us allocate; Qwen3.5 has 248320 tokens. */
#define MAX_ID ((1 << 22) - 1)

/* Room for one more item of item_bytes. */
static int grow(void **items, size_t n, size_t *room, size_t item_bytes) {
    if (n < *room) return 1;
    size_t more = *room ? *room * 2 : 1024;
    void *grown = more > SIZE_MAX / item_bytes ? NULL : realloc(*items, more * item_bytes);
    if (!grown) return 0;
    *items = grown;
    *room = more;
    return 1;
}

espy_status espy_vocab_list_token(espy_vocab_list *list, espy_text_view text, int64_t id,
                                  espy_token_kind kind, espy_error *err) {
    if (id < 0 || id > MAX_ID)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: token '%.*s' has id %lld, out of range",
                         list->name, (int)(text.n < 64 ? text.n : 64), text.s, (long long)id);
    void *items = list->tokens;
    if (!grow(&items, list->n_tokens, &list->token_room, sizeof *list->tokens))
        return espy_out_of_memory(err);
    list->tokens = items;
    struct espy_listed_token *token = &list->tokens[list->n_tokens++];
    token->text = text;
    token->id = (int32_t)id;
    token->kind = kind;
    return ESPY_OK;
}

espy_status espy_vocab_list_merge(espy_vocab_list *list, espy_text_view left, espy_text_view right,
                                  espy_error *err) {
    void *items = list->merges;
    if (!grow(&items, list->n_merges, &list->merge_room, sizeof *list->merges))
        return espy_out_of_memory(err);
    list->merges = items;
    struct espy_listed_merge *merge = &list->merges[list->n_merges++];
    merge->left = left;
    merge->right = right;
    return ESPY_OK;
}

espy_status espy_vocab_list_merge_line(espy_vocab_list *list, espy_text_view line, int64_t offset,
                                       espy_error *err) {
    const char *blank = line.n ? memchr(line.s, ' ', line.n) : NULL;
    size_t n_left = blank ? (size_t)(blank - line.s) : 0;
    size_t n_right = blank ? line.n - n_left - 1 : 0;
    if (!n_left || !n_right || memchr(blank + 1, ' ', n_right))
        return espy_fail(err, ESPY_ERR_FORMAT, offset,
                         "%s: merge %zu is '%.*s', not two tokens with a blank between", list->name,
                         list->n_merges, (int)(line.n < 64 ? line.n : 64), line.s);
    espy_text_view left = { line.s, n_left }, right = { blank + 1, n_right };
    return espy_vocab_list_merge(list, left, right, err);
}

void espy_vocab_list_free(espy_vocab_list *list) {
    free(list->tokens);
    free(list->merges);
    list->tokens = NULL;
    list->merges = NULL;
    list->n_tokens = list->n_merges = list->token_room = list->merge_room = 0;
}
