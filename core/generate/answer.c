/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/answer.h"

#include <stdlib.h>
#include <string.h>

#include "text/readings.h"

enum { LOOP_PERIOD = 64, LOOP_REPEATS = 8, LOOP_TOKENS = 256 };

/* Blanks before end that were not sent. */
static size_t blanks_before(const espy_answer *a, size_t end) {
    size_t n = 0;
    while (n + a->n_sent < end && espy_is_space(a->text[end - 1 - n])) n++;
    return n;
}

static void strip_begin(espy_answer *a) {
    size_t n = 0;
    if (a->n_sent || !a->text) return;
    while (espy_is_space(a->text[n])) n++;
    a->n_bytes -= n;
    memmove(a->text, a->text + n, a->n_bytes + 1);
}

static void strip_end(espy_answer *a) {
    if (!a->strip || !a->text) return;
    a->n_bytes -= blanks_before(a, a->n_bytes);
    a->text[a->n_bytes] = 0;
}

/* Bytes at the end of text that may be the beginning of a stop string, with the blanks
 * before it that would then be left out. */
static size_t held_back(const espy_answer *a) {
    size_t held = 0;
    for (int i = 0; i < a->n_stop; i++) {
        size_t n = strlen(a->stop[i]), most = n ? n - 1 : 0;
        if (most > a->n_bytes) most = a->n_bytes;
        for (size_t k = most; k > held; k--)
            if (memcmp(a->text + a->n_bytes - k, a->stop[i], k) == 0) {
                held = k;
                break;
            }
    }
    return a->strip ? held + blanks_before(a, a->n_bytes - held) : held;
}

/* Cuts text at the first stop string beyond what was sent. */
static void find_stop(espy_answer *a) {
    for (int i = 0; i < a->n_stop; i++) {
        if (!a->stop[i][0] || !a->text) continue;
        char *at = strstr(a->text + a->n_sent, a->stop[i]);
        if (!at) continue;
        *at = 0;
        a->n_bytes = (size_t)(at - a->text);
        a->stopped = 1;
    }
}

/* Hands out text up to end; an empty piece when there is none yet. */
static void send(espy_answer *a, size_t end) {
    size_t n = end > a->n_sent ? end - a->n_sent : 0;
    if (a->on_text && !a->refused) {
        char kept = n ? a->text[end] : 0;
        if (n) a->text[end] = 0;
        a->refused = a->on_text(a->user, n ? a->text + a->n_sent : "", n) != 0;
        if (n) a->text[end] = kept;
    }
    a->n_sent += n;
}

static int is_own(const espy_answer *a, int32_t id) {
    size_t n;
    const char *bytes = espy_vocab_bytes(a->vocab, id, &n);
    for (int i = 0; a->own_tokens && bytes && a->own_tokens[i]; i++)
        if (strlen(a->own_tokens[i]) == n && memcmp(a->own_tokens[i], bytes, n) == 0) return 1;
    return 0;
}

espy_status espy_answer_push(espy_answer *a, int32_t id, espy_error *err) {
    espy_status status = espy_ids_push(&a->tokens, id, err);
    if (!status)
        status =
            espy_detok_push(&a->detok, a->vocab, id, !is_own(a, id), &a->text, &a->n_bytes, err);
    if (status) return status;
    find_stop(a);
    if (a->strip) strip_begin(a);
    if (a->stopped) strip_end(a);
    send(a, a->stopped ? a->n_bytes : a->n_bytes - held_back(a));
    return ESPY_OK;
}

espy_status espy_answer_end(espy_answer *a, espy_error *err) {
    espy_status status = ESPY_OK;
    if (!a->stopped) {
        status = espy_detok_end(&a->detok, &a->text, &a->n_bytes, err);
        find_stop(a);
        if (a->strip) strip_begin(a);
        strip_end(a);
    }
    if (!status && a->n_bytes > a->n_sent) send(a, a->n_bytes);
    return status;
}

int espy_answer_loops(const espy_answer *a) {
    const int32_t *end = a->tokens.at + a->tokens.n;
    for (int64_t period = 1; period <= LOOP_PERIOD; period++) {
        int64_t n = period * LOOP_REPEATS > LOOP_TOKENS ? period * LOOP_REPEATS : LOOP_TOKENS;
        if (n > a->tokens.n) continue;
        const int32_t *first = end - n;
        if (memcmp(first, first + period, (size_t)(n - period) * sizeof *first) == 0) return 1;
    }
    return 0;
}

void espy_answer_free(espy_answer *a) {
    espy_ids_free(&a->tokens);
    free(a->text);
    *a = (espy_answer){ 0 };
}
