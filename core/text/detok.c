/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ids to text, token by token. A token may end inside a character; its bytes
 * are then held back until the rest has come. */
#include <stdlib.h>
#include <string.h>

#include "text/bpe.h"
#include "text/unicode.h"

/* Makes room for n_more bytes and a NUL behind the text. */
static espy_status extend(char **text, size_t n_bytes, size_t n_more, espy_error *err) {
    char *grown = n_more >= SIZE_MAX - n_bytes ? NULL : realloc(*text, n_bytes + n_more + 1);
    if (!grown) return espy_out_of_memory(err);
    *text = grown;
    return ESPY_OK;
}

/* An ill-formed byte may become three. The new bytes are put at the far end of
 * the room and repaired towards its start, which never overtakes them. */
espy_status espy_detok_push(espy_detok *d, const espy_vocab *vocab, int32_t id, int skip_special,
                            char **text, size_t *n_bytes, espy_error *err) {
    size_t n_token;
    const char *token = espy_vocab_bytes(vocab, id, &n_token);
    if (skip_special && espy_vocab_is_special(vocab, id)) n_token = 0;
    size_t n_held = (size_t)d->n_held, n = n_held + n_token;
    espy_status status = extend(text, *n_bytes, 4 * n, err);
    if (status) return status;

    char *to = *text + *n_bytes, *from = to + 3 * n;
    memcpy(from, d->held, n_held);
    memcpy(from + n_held, token, n_token);
    d->n_held = 0;
    while (n) {
        int32_t cp;
        size_t length = espy_utf8_decode(from, n, &cp);
        if (cp == -2) {
            memcpy(d->held, from, length);
            d->n_held = (int)length;
        } else if (cp == -1) {
            memcpy(to, ESPY_REPLACEMENT, 3);
            to += 3;
        } else {
            memmove(to, from, length);
            to += length;
        }
        from += length;
        n -= length;
    }
    *to = 0;
    *n_bytes = (size_t)(to - *text);
    return ESPY_OK;
}

espy_status espy_detok_end(espy_detok *d, char **text, size_t *n_bytes, espy_error *err) {
    size_t n_more = d->n_held ? 3 : 0;
    espy_status status = extend(text, *n_bytes, n_more, err);
    if (status) return status;
    memcpy(*text + *n_bytes, ESPY_REPLACEMENT, n_more);
    *n_bytes += n_more;
    (*text)[*n_bytes] = 0;
    d->n_held = 0;
    return ESPY_OK;
}
