/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the vision tower made of pictures, and the cache of it: a context keeps
 * the latest, so that another question about a picture costs no second pass,
 * wherever in the prompt the picture stands. Numbers are kept as computed, in
 * f32: an answer is the same bit for bit with the cache and without. */
#ifndef ESPY_GENERATE_SEEN_H
#define ESPY_GENERATE_SEEN_H

#include "generate/timeline.h"

typedef struct espy_seen {
    espy_picture_key key;
    int64_t n, n_bytes; /* tokens; bytes with this header */
    float *tokens;      /* [n][dim] */
    float *taps[ESPY_MAX_TAPS];
    int n_holders;          /* requests and the cache */
    struct espy_seen *next; /* in the cache: used earlier */
} espy_seen;

/* Room for n tokens, contents undefined, one holder. NULL without memory. */
espy_seen *espy_seen_new(const espy_model *model, espy_picture_key key, int64_t n);

/* One holder less; the last one frees. NULL is fine. */
void espy_seen_release(espy_seen *s);

typedef struct espy_seen_cache {
    espy_seen *first; /* the latest used */
    int64_t n_bytes, limit;
} espy_seen_cache;

/* The picture of this key with one holder more, or NULL. */
espy_seen *espy_seen_find(espy_seen_cache *c, espy_picture_key key);

int espy_seen_has(const espy_seen_cache *c, espy_picture_key key);

/* Keeps s, complete, as the latest used; what was used longest ago leaves until
 * the limit holds. Larger ones than the limit, and those already there, are not
 * taken. */
void espy_seen_keep(espy_seen_cache *c, espy_seen *s);

void espy_seen_cache_free(espy_seen_cache *c);

#endif
