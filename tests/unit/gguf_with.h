/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GGUF that says one thing more. */
#ifndef ESPY_TESTS_GGUF_WITH_H
#define ESPY_TESTS_GGUF_WITH_H

/* Writes the file at path from to path to, with a text under one more key, in front.
 * Any failure ends the test. */
void write_gguf_with(const char *from, const char *to, const char *key, const char *value);

#endif
