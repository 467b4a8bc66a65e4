/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool of lasting threads that share out the items of one loop. */
#ifndef ESPY_BASE_THREADS_H
#define ESPY_BASE_THREADS_H

#include "base/status.h"

typedef struct espy_pool espy_pool;

/* One item of a loop. thread is in [0, n_threads) and names a scratch. */
typedef void (*espy_item_fn)(void *user, int64_t item, int thread);

/* n_threads 0: one per available core. The calling thread counts as one. */
espy_status espy_pool_open(espy_pool **out, int n_threads, espy_error *err);
void espy_pool_close(espy_pool **pool);
int espy_pool_n_threads(const espy_pool *pool);

/* Runs fn for items 0 .. n_items-1, in any order, and returns when all are
 * done. What an item computes must not depend on the thread that runs it. */
void espy_pool_run(espy_pool *pool, int64_t n_items, espy_item_fn fn, void *user);

/* While poll is set, the calling thread asks it between items; once it returns
 * non-zero, the items that are left are not run, here and in later loops, until
 * another poll (or NULL) is set. The caller must notice by itself. */
typedef int (*espy_poll_fn)(void *user);
void espy_pool_set_poll(espy_pool *pool, espy_poll_fn poll, void *user);

#endif
