/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "painter.h"

#include <pthread.h>

#include "chore.h"

/* What is to be painted; members are owned, style.font too. */
typedef struct request {
    paint_style style;
    char *text;
    int width, height;
    guint64 serial;
} request;

struct painter {
    chore *chore;
    pthread_mutex_t lock; /* held for the exchange of pointers alone */
    request *asked;
    painting *made;
    guint64 serial;
    gboolean has_made;
};

static void request_free(request *r) {
    if (!r) return;
    g_free((char *)r->style.font);
    g_free(r->text);
    g_free(r);
}

static void run(void *user) {
    painter *p = user;
    pthread_mutex_lock(&p->lock);
    request *r = g_steal_pointer(&p->asked);
    pthread_mutex_unlock(&p->lock);
    if (!r) return;
    painting *made = paint(&r->style, r->text, r->width, r->height);
    pthread_mutex_lock(&p->lock);
    painting *before = p->made;
    p->made = made;
    p->serial = r->serial;
    p->has_made = TRUE;
    pthread_mutex_unlock(&p->lock);
    painting_free(before);
    request_free(r);
}

painter *painter_new(void) {
    painter *p = g_new0(painter, 1);
    pthread_mutex_init(&p->lock, NULL);
    p->chore = chore_new(run, p);
    return p;
}

void painter_free(painter **pointer) {
    painter *p = *pointer;
    *pointer = NULL;
    if (!p) return;
    chore_free(&p->chore);
    request_free(p->asked);
    painting_free(p->made);
    pthread_mutex_destroy(&p->lock);
    g_free(p);
}

void painter_ask(painter *p, const paint_style *style, const char *text, int source_width,
                 int source_height, guint64 serial) {
    request *r = g_new(request, 1);
    *r = (request){ *style, g_strdup(text), source_width, source_height, serial };
    r->style.font = g_strdup(style->font);
    pthread_mutex_lock(&p->lock);
    request *before = p->asked;
    p->asked = r;
    pthread_mutex_unlock(&p->lock);
    request_free(before);
    chore_ask(p->chore);
}

gboolean painter_take(painter *p, painting **out, guint64 *serial) {
    pthread_mutex_lock(&p->lock);
    gboolean has_made = p->has_made;
    if (has_made) {
        *out = g_steal_pointer(&p->made);
        *serial = p->serial;
        p->has_made = FALSE;
    }
    pthread_mutex_unlock(&p->lock);
    return has_made;
}
