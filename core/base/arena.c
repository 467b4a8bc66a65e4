/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 64, BLOCK_BYTES = 1 << 20 };

struct espy_arena_block {
    espy_arena_block *next;
    unsigned char *bytes; /* aligned */
    size_t size, used;
    void *memory;
};

static espy_arena_block *new_block(size_t size) {
    espy_arena_block *b = malloc(sizeof *b);
    if (!b) return NULL;
    b->memory = size <= SIZE_MAX - ALIGN ? malloc(size + ALIGN) : NULL;
    if (!b->memory) {
        free(b);
        return NULL;
    }
    b->bytes = (unsigned char *)(((uintptr_t)b->memory + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    b->size = size;
    b->used = 0;
    b->next = NULL;
    return b;
}

static void free_chain(espy_arena_block *b) {
    while (b) {
        espy_arena_block *next = b->next;
        free(b->memory);
        free(b);
        b = next;
    }
}

void *espy_arena_alloc(espy_arena *arena, size_t n_bytes) {
    if (n_bytes > SIZE_MAX - ALIGN) return NULL;
    n_bytes = (n_bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    espy_arena_block *b = arena->current;
    if (!b || b->size - b->used < n_bytes) {
        espy_arena_block **link = b ? &b->next : &arena->first;
        if (*link && (*link)->size < n_bytes) { /* too small: replace what follows */
            free_chain(*link);
            *link = NULL;
        }
        if (!*link) *link = new_block(n_bytes > BLOCK_BYTES ? n_bytes : BLOCK_BYTES);
        b = *link;
        if (!b) return NULL;
        b->used = 0;
        arena->current = b;
    }
    void *p = b->bytes + b->used;
    b->used += n_bytes;
    return p;
}

espy_arena_mark espy_arena_get_mark(const espy_arena *arena) {
    return (espy_arena_mark){ arena->current, arena->current ? arena->current->used : 0 };
}

void espy_arena_release(espy_arena *arena, espy_arena_mark mark) {
    arena->current = mark.block;
    if (mark.block) mark.block->used = mark.used;
}

void espy_arena_free(espy_arena *arena) {
    free_chain(arena->first);
    arena->first = arena->current = NULL;
}
