/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Items are handed out by one counter, so a thread that is held up by other
 * load takes fewer. Workers sleep between loops on a condition variable. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 256, SPINS = 2000 };

typedef struct worker {
    espy_pool *pool;
    int thread;
    pthread_t id;
} worker;

struct espy_pool {
    int n_threads;   /* the caller included */
    worker *workers; /* [n_threads - 1]     */
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    /* the present loop; written under lock */
    espy_item_fn fn;
    void *user;
    int64_t n_items;
    _Atomic int64_t next;
    _Atomic unsigned round; /* counts loops; odd bits have no meaning */
    _Atomic int n_busy;
    int quit;
    /* the calling thread alone */
    espy_poll_fn poll;
    void *poll_user;
    int stopped;
};

/* On the calling thread: whether the rest is to be left. */
static int is_stopped(espy_pool *p) {
    if (!p->stopped && p->poll) p->stopped = p->poll(p->poll_user) != 0;
    return p->stopped;
}

void espy_pool_set_poll(espy_pool *p, espy_poll_fn poll, void *user) {
    p->poll = poll;
    p->poll_user = user;
    p->stopped = 0;
}

static void take_items(espy_pool *p, int thread) {
    for (;;) {
        if (thread == 0 && is_stopped(p))
            atomic_store_explicit(&p->next, p->n_items, memory_order_relaxed);
        int64_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->n_items) return;
        p->fn(p->user, i, thread);
    }
}

static void *work(void *arg) {
    worker *w = arg;
    espy_pool *p = w->pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++)
            if (i % 64 == 63) sched_yield();
        pthread_mutex_lock(&p->lock);
        while (atomic_load(&p->round) == seen && !p->quit) pthread_cond_wait(&p->start, &p->lock);
        seen = atomic_load(&p->round);
        int quit = p->quit;
        pthread_mutex_unlock(&p->lock);
        if (quit) return NULL;
        take_items(p, w->thread);
        if (atomic_fetch_sub(&p->n_busy, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static int count_cores(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

espy_status espy_pool_open(espy_pool **out, int n_threads, espy_error *err) {
    *out = NULL;
    if (n_threads == 0) n_threads = count_cores();
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;
    if (n_threads < 1)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%d threads asked for; at least 1 is needed",
                         n_threads);
    espy_pool *p = calloc(1, sizeof *p);
    worker *workers = calloc((size_t)n_threads, sizeof *workers);
    if (!p || !workers) {
        free(p);
        free(workers);
        return espy_out_of_memory(err);
    }
    p->workers = workers;
    p->n_threads = 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    for (int i = 1; i < n_threads; i++) { /* fewer threads than asked for will do */
        workers[i - 1] = (worker){ .pool = p, .thread = i };
        if (pthread_create(&workers[i - 1].id, NULL, work, &workers[i - 1]) != 0) break;
        p->n_threads++;
    }
    *out = p;
    return ESPY_OK;
}

void espy_pool_close(espy_pool **pool) {
    espy_pool *p = *pool;
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->quit = 1;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads - 1; i++) pthread_join(p->workers[i].id, NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->workers);
    free(p);
    *pool = NULL;
}

int espy_pool_n_threads(const espy_pool *pool) {
    return pool->n_threads;
}

void espy_pool_run(espy_pool *p, int64_t n_items, espy_item_fn fn, void *user) {
    if (n_items <= 0) return;
    if (p->n_threads == 1 || n_items == 1) {
        for (int64_t i = 0; i < n_items && !is_stopped(p); i++) fn(user, i, 0);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->user = user;
    p->n_items = n_items;
    atomic_store(&p->next, 0);
    atomic_store(&p->n_busy, p->n_threads - 1);
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    take_items(p, 0);
    for (int i = 0; i < SPINS && atomic_load(&p->n_busy) != 0; i++)
        if (i % 64 == 63) sched_yield();
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->n_busy) != 0) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
