/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/window.h"

#include <stdlib.h>
#include <string.h>

#include "text/prompt.h"

/* One message of the rendered conversation. */
typedef struct turn_message {
    size_t at;        /* byte of its turn start                               */
    int64_t n_tokens; /* from there to the next turn start, vision tokens too */
    int begins;       /* a turn: the user speaks, and did not just before     */
} turn_message;

static int is_user(const espy_prompt *p, const espy_prompt_mark *start) {
    return strncmp(p->text + start->offset + start->n_bytes, "user\n", 5) == 0;
}

/* The messages, the answer's opening as the last; returns their number. */
static int list_messages(const espy_prompt *p, const char *turn_start, turn_message *out) {
    size_t n_start = strlen(turn_start);
    int n = 0, was_user = 0;
    for (size_t i = 0; i < p->n_marks; i++) {
        const espy_prompt_mark *mark = &p->marks[i];
        if (mark->n_bytes != n_start || memcmp(p->text + mark->offset, turn_start, n_start) != 0)
            continue;
        int user = is_user(p, mark);
        out[n] = (turn_message){ .at = mark->offset, .begins = n == 1 || (user && !was_user) };
        was_user = user;
        n++;
    }
    return n;
}

/* The turn start is a token of the template alone: it tells the messages apart. */
static void count_tokens(const espy_model *m, const espy_ids *ids, turn_message *messages, int n) {
    int32_t start = espy_vocab_special(m->vocab, m->chat->turn_start);
    int64_t n_queries = m->config.vision.n_queries ? m->config.vision.n_queries : 1;
    int at = -1;
    for (int64_t i = 0; i < ids->n; i++) {
        at += ids->at[i] == start;
        if (at < 0 || at >= n) continue;
        messages[at].n_tokens += ids->at[i] == m->config.image_token ? n_queries : 1;
    }
}

/* The first message after the system's that stays; of n, the last is the opening. */
static int first_kept(const turn_message *messages, int n, int64_t window) {
    int last = n - 2, kept;
    while (last > 1 && !messages[last].begins) last--;
    kept = last;
    /* the newline behind the system part belongs to the first turn */
    int64_t total = messages[0].n_tokens - 1, turn = 0;
    for (int i = last - 1; i > 0; i--) {
        turn += messages[i].n_tokens;
        if (!messages[i].begins) continue;
        if (total + turn >= window) break;
        total += turn;
        turn = 0;
        kept = i;
    }
    return kept;
}

espy_status espy_window_apply(espy_prompt *p, const espy_model *m, espy_error *err) {
    espy_ids ids = { 0 };
    if (m->config.history_window <= 0) return ESPY_OK;
    turn_message *messages = calloc(p->n_marks + 1, sizeof *messages);
    if (!messages) return espy_out_of_memory(err);
    espy_status status = espy_prompt_encode(p, m->vocab, &ids, err);
    int n = status ? 0 : list_messages(p, m->chat->turn_start, messages);
    if (n > 3) {
        count_tokens(m, &ids, messages, n);
        int kept = first_kept(messages, n, m->config.history_window);
        if (kept > 1) espy_prompt_drop(p, messages[1].at, messages[kept].at);
    }
    espy_ids_free(&ids);
    free(messages);
    return status;
}
