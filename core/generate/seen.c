/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/seen.h"

#include <stdlib.h>

espy_seen *espy_seen_new(const espy_model *m, espy_picture_key key, int64_t n) {
    int n_taps = m->config.vision.n_taps;
    int64_t values = n * m->config.text.dim;
    espy_seen *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->tokens = malloc((size_t)(values * (1 + n_taps)) * sizeof *s->tokens);
    if (!s->tokens) {
        free(s);
        return NULL;
    }
    for (int k = 0; k < n_taps; k++) s->taps[k] = s->tokens + (k + 1) * values;
    s->key = key;
    s->n = n;
    s->n_bytes = values * (1 + n_taps) * (int64_t)sizeof *s->tokens + (int64_t)sizeof *s;
    s->n_holders = 1;
    return s;
}

void espy_seen_release(espy_seen *s) {
    if (!s || --s->n_holders > 0) return;
    free(s->tokens);
    free(s);
}

/* The link that points to the entry of this key, or the last one, to NULL. */
static espy_seen **link_of(espy_seen_cache *c, espy_picture_key key) {
    espy_seen **link = &c->first;
    while (*link && !espy_same_picture((*link)->key, key)) link = &(*link)->next;
    return link;
}

espy_seen *espy_seen_find(espy_seen_cache *c, espy_picture_key key) {
    espy_seen **link = link_of(c, key), *s = *link;
    if (!s) return NULL;
    *link = s->next;
    s->next = c->first;
    c->first = s;
    s->n_holders++;
    return s;
}

int espy_seen_has(const espy_seen_cache *c, espy_picture_key key) {
    const espy_seen *s = c->first;
    while (s && !espy_same_picture(s->key, key)) s = s->next;
    return s != NULL;
}

static void drop_last(espy_seen_cache *c) {
    espy_seen **link = &c->first;
    while ((*link)->next) link = &(*link)->next;
    espy_seen *last = *link;
    *link = NULL;
    c->n_bytes -= last->n_bytes;
    espy_seen_release(last);
}

void espy_seen_keep(espy_seen_cache *c, espy_seen *s) {
    if (s->n_bytes > c->limit || *link_of(c, s->key)) return;
    while (c->n_bytes > c->limit - s->n_bytes) drop_last(c);
    s->n_holders++;
    s->next = c->first;
    c->first = s;
    c->n_bytes += s->n_bytes;
}

void espy_seen_cache_free(espy_seen_cache *c) {
    while (c->first) drop_last(c);
    *c = (espy_seen_cache){ 0 };
}
