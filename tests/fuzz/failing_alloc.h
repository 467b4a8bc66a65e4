/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allocations that fail on demand. The linker's --wrap sends malloc, calloc,
 * realloc and strdup of the program here. */
#ifndef ESPY_TESTS_FAILING_ALLOC_H
#define ESPY_TESTS_FAILING_ALLOC_H

/* The k-th allocation from now on fails, all others work; 0: none fails. */
void failing_alloc_set(long k);

/* How many were asked for since. */
long failing_alloc_count(void);

#endif
