/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* FNV-1a over the bytes, folded: hash = (hash ^ byte) * 0x100000001b3. */
#include "file/names.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *name, size_t n_bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n_bytes; i++) hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* The slot of the name, or the free one where it belongs. */
static struct espy_name_slot *slot_of(const espy_names *map, const char *name, size_t n_bytes,
                                      uint64_t hash) {
    size_t i = (size_t)hash & (map->n_slots - 1);
    for (;; i = (i + 1) & (map->n_slots - 1)) {
        struct espy_name_slot *slot = &map->slots[i];
        if (!slot->name) return slot;
        if (slot->hash == hash && slot->n_bytes == n_bytes &&
            memcmp(slot->name, name, n_bytes) == 0)
            return slot;
    }
}

static int grow(espy_names *map) {
    espy_names bigger = { .n_slots = map->n_slots ? map->n_slots * 2 : 64, .n = map->n };
    bigger.slots = calloc(bigger.n_slots, sizeof *bigger.slots);
    if (!bigger.slots) return 0;
    for (size_t i = 0; i < map->n_slots; i++) {
        const struct espy_name_slot *old = &map->slots[i];
        if (old->name) *slot_of(&bigger, old->name, old->n_bytes, old->hash) = *old;
    }
    free(map->slots);
    *map = bigger;
    return 1;
}

espy_names_result espy_names_put(espy_names *map, const char *name, size_t n_bytes, int value) {
    if (map->n * 2 >= map->n_slots && !grow(map)) return ESPY_NAMES_NO_MEMORY;
    uint64_t hash = hash_of(name, n_bytes);
    struct espy_name_slot *slot = slot_of(map, name, n_bytes, hash);
    if (slot->name) return ESPY_NAMES_THERE_ALREADY;
    *slot = (struct espy_name_slot){ name, n_bytes, hash, value };
    map->n++;
    return ESPY_NAMES_ADDED;
}

int espy_names_get(const espy_names *map, const char *name, size_t n_bytes, int *value) {
    if (!map->n_slots) return 0;
    const struct espy_name_slot *slot = slot_of(map, name, n_bytes, hash_of(name, n_bytes));
    if (!slot->name) return 0;
    *value = slot->value;
    return 1;
}

void espy_names_free(espy_names *map) {
    free(map->slots);
    *map = (espy_names){ 0 };
}
