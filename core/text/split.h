/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cutting text into the pieces inside which bytes are merged. */
#ifndef ESPY_TEXT_SPLIT_H
#define ESPY_TEXT_SPLIT_H

#include <stddef.h>

#include "base/status.h"

/* A pre-tokenisation pattern; const rows in split.c. */
typedef struct espy_split {
    const char *name;          /* "qwen2"                                       */
    const char *aliases[4];    /* further values of tokenizer.ggml.pre          */
    const char *regexes[3];    /* spellings in tokenizer.json, after the
                                  alternative for contractions                  */
    int marks_belong_to_words; /* \p{M} counts as \p{L}, except before a word   */
} espy_split;

extern const espy_split espy_split_qwen2;
extern const espy_split espy_split_qwen35;

/* NULL if there is no such pattern. */
const espy_split *espy_split_by_name(const char *name, size_t n_bytes);
const espy_split *espy_split_by_regex(const char *regex);

/* The length of the piece at the start of well-formed UTF-8 (n > 0 bytes). */
size_t espy_split_next(const espy_split *split, const char *s, size_t n);

#endif
