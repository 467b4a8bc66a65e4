/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzz target is one C file per parser with these two. It is built as a
 * replay program (replay.c), which every test run uses, and with
 * -Dfuzzers=true as a libFuzzer program. */
#ifndef ESPY_TESTS_FUZZ_H
#define ESPY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Parses data and looks at all that came out of it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* What the parser said of the last input: the first failure, or ESPY_OK. */
extern espy_status fuzz_status;

/* Reads all bytes, so that a sanitizer sees a view that is too long. */
static inline void fuzz_touch(const void *p, size_t n_bytes) {
    volatile uint8_t sink = 0;
    for (size_t i = 0; i < n_bytes; i++) sink = (uint8_t)(sink ^ ((const uint8_t *)p)[i]);
}

/* Ends the program with a message: what was promised does not hold. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
