/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory for activations: allocated in a stack's order, freed by going back to
 * a mark. Blocks are kept for the next pass, so a pass like the last one
 * allocates nothing. Pointers are aligned to 64 bytes. */
#ifndef ESPY_BASE_ARENA_H
#define ESPY_BASE_ARENA_H

#include <stddef.h>

typedef struct espy_arena_block espy_arena_block;

typedef struct espy_arena {
    espy_arena_block *first, *current;
} espy_arena;

typedef struct espy_arena_mark {
    espy_arena_block *block;
    size_t used;
} espy_arena_mark;

/* NULL when memory runs out. A zeroed arena is an empty one. */
void *espy_arena_alloc(espy_arena *arena, size_t n_bytes);
espy_arena_mark espy_arena_get_mark(const espy_arena *arena);
void espy_arena_release(espy_arena *arena, espy_arena_mark mark);
void espy_arena_free(espy_arena *arena);

#endif
