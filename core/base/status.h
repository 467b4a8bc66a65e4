/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a failing line reads: return espy_fail(err, ESPY_ERR_FORMAT, at, "..."). */
#ifndef ESPY_BASE_STATUS_H
#define ESPY_BASE_STATUS_H

#include <espy.h>

/* Fills err (may be NULL) and returns code. offset is a byte offset in the file
 * that the message names, or -1. The message is cut at a UTF-8 boundary, and
 * control bytes in it (names from hostile files) become '?'. */
#define espy_fail(err, code, offset, ...)                                                          \
    (espy_set_error((err), (code), (offset), __VA_ARGS__), espy_same_status(code))

void espy_set_error(espy_error *err, espy_status code, int64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Lets static analysis see which status a failing line returns. */
static inline espy_status espy_same_status(espy_status code) {
    return code;
}

/* Puts "prefix: " before the message of err, keeping code and offset; returns
 * the code. For callers that know the file's name when the callee does not. */
espy_status espy_fail_in(espy_error *err, espy_status code, const char *prefix);

#define espy_out_of_memory(err) espy_fail((err), ESPY_ERR_MEMORY, -1, "out of memory")

#endif
