/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hash map from names to ints: open addressing, linear probing, at most half
 * full. Names are borrowed and need no NUL. A zeroed map is empty. */
#ifndef ESPY_FILE_NAMES_H
#define ESPY_FILE_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct espy_names {
    struct espy_name_slot {
        const char *name; /* NULL: free */
        size_t n_bytes;
        uint64_t hash;
        int value;
    } * slots;
    size_t n_slots; /* power of two, or 0 */
    size_t n;
} espy_names;

typedef enum espy_names_result {
    ESPY_NAMES_ADDED,
    ESPY_NAMES_THERE_ALREADY, /* the map stays as it was */
    ESPY_NAMES_NO_MEMORY      /* the same                */
} espy_names_result;

espy_names_result espy_names_put(espy_names *map, const char *name, size_t n_bytes, int value);

/* Whether the name is there; *value is written only then. */
int espy_names_get(const espy_names *map, const char *name, size_t n_bytes, int *value);

void espy_names_free(espy_names *map);

#endif
