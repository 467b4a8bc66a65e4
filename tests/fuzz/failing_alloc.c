/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failing_alloc.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
/* NOLINTEND(bugprone-reserved-identifier) */

static atomic_long failing, count;

void failing_alloc_set(long k) {
    atomic_store(&failing, k);
    atomic_store(&count, 0);
}

long failing_alloc_count(void) {
    return atomic_load(&count);
}

static int fails(void) {
    return atomic_fetch_add(&count, 1) + 1 == atomic_load(&failing);
}

void *__wrap_malloc(size_t n) {
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t each) {
    return fails() ? NULL : __real_calloc(n, each);
}

void *__wrap_realloc(void *p, size_t n) {
    return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = fails() ? NULL : __real_malloc(n);
    return copy ? memcpy(copy, s, n) : NULL;
}
