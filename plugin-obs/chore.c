/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chore.h"

#include <pthread.h>

/* Whoever frees the last chore takes the crew with him, and waits for its thread outside
 * the lock; a chore that is made meanwhile finds no crew, and gets a new one. */
typedef struct crew {
    GThread *thread;
    GQueue waiting; /* of chores */
    chore *current;
    int n_chores;
    gboolean is_over;
} crew;

struct chore {
    void (*run)(void *user);
    void *user;
    crew *by;
    gboolean waits; /* is in by->waiting */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything here */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static crew *the_crew;

static gpointer work(gpointer user) {
    crew *w = user;
    pthread_mutex_lock(&lock);
    while (!w->is_over) {
        chore *c = g_queue_pop_head(&w->waiting);
        if (!c) {
            pthread_cond_wait(&changed, &lock);
            continue;
        }
        c->waits = FALSE;
        w->current = c;
        pthread_mutex_unlock(&lock);
        c->run(c->user);
        pthread_mutex_lock(&lock);
        w->current = NULL;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

chore *chore_new(void (*run)(void *user), void *user) {
    chore *c = g_new0(chore, 1);
    c->run = run;
    c->user = user;
    pthread_mutex_lock(&lock);
    if (!the_crew) {
        the_crew = g_new0(crew, 1);
        the_crew->thread = g_thread_new("espy-chores", work, the_crew);
    }
    c->by = the_crew;
    c->by->n_chores++;
    pthread_mutex_unlock(&lock);
    return c;
}

void chore_ask(chore *c) {
    pthread_mutex_lock(&lock);
    if (!c->waits) {
        c->waits = TRUE;
        g_queue_push_tail(&c->by->waiting, c);
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
}

void chore_free(chore **pointer) {
    chore *c = *pointer;
    *pointer = NULL;
    if (!c) return;
    crew *w = c->by, *over = NULL;
    pthread_mutex_lock(&lock);
    while (w->current == c) pthread_cond_wait(&changed, &lock);
    /* Its run may have been asked for again while it was waited for. */
    if (c->waits) g_queue_remove(&w->waiting, c);
    if (--w->n_chores == 0) {
        over = w;
        w->is_over = TRUE;
        the_crew = NULL;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    g_free(c);
    if (!over) return;
    g_thread_join(over->thread);
    g_queue_clear(&over->waiting);
    g_free(over);
}
