/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answer as it grows: token ids to text, handed out in whole characters,
 * stop strings, and the guard against endless repetition. */
#ifndef ESPY_GENERATE_ANSWER_H
#define ESPY_GENERATE_ANSWER_H

#include "text/bpe.h"

typedef struct espy_answer {
    const espy_vocab *vocab;
    const char *const *stop;
    int n_stop;
    /* Special tokens that are shown, NULL-terminated; NULL: none is. Without those of
     * boxes their places are lost. */
    const char *const *own_tokens;
    int strip; /* blanks and newlines at both ends are left out */
    espy_text_fn on_text;
    void *user;

    espy_ids tokens;
    espy_detok detok;
    char *text; /* NUL-terminated, NULL while empty */
    size_t n_bytes, n_sent;
    int stopped; /* a stop string was met; text ends before it */
    int refused; /* on_text asked to stop                      */
} espy_answer;

/* Adds a token; text that cannot become a stop string any more is sent. */
espy_status espy_answer_push(espy_answer *a, int32_t id, espy_error *err);

/* Sends what was held back. */
espy_status espy_answer_end(espy_answer *a, espy_error *err);

/* Whether the last tokens repeat a short sequence over and over: at least 8
 * times and 256 tokens. No sensible answer does; a list of boxes or a table
 * differs in its numbers. */
int espy_answer_loops(const espy_answer *a);

void espy_answer_free(espy_answer *a);

#endif
