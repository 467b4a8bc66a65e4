/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pictures of tests/data/images and the tables beside them. Any failure
 * ends the test. */
#ifndef ESPY_TESTS_PICTURES_H
#define ESPY_TESTS_PICTURES_H

#include <espy.h>

enum { MAX_COLUMNS = 8 };

/* Calls fn with each row's columns. Returns the number of rows. */
int walk_table(const char *name, void (*fn)(char *columns[MAX_COLUMNS], int n_columns));

/* FNV-1a, 64 bit, as in the tables. */
uint64_t fnv(const void *data, size_t n_bytes);
uint64_t hash_of(const char *column);

/* The bytes of a picture, malloc'd without slack. */
uint8_t *read_picture(const char *name, size_t *n_bytes);

espy_image *load_picture(const char *name, espy_alpha alpha);

#endif
