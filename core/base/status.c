/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages quote names from files: no control bytes, no half character. */
static void tidy(char *s, size_t capacity) {
    size_t n = strlen(s);
    if (n + 1 == capacity) { /* perhaps cut: drop an incomplete tail */
        size_t back = 0;
        while (back < 3 && back < n && ((unsigned char)s[n - 1 - back] & 0xC0) == 0x80) back++;
        unsigned char lead = back < n ? (unsigned char)s[n - 1 - back] : 0;
        size_t need = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
        if (need != back) s[n - 1 - back] = 0;
    }
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7F) *s = '?';
}

void espy_set_error(espy_error *err, espy_status code, int64_t offset, const char *fmt, ...) {
    if (!err) return;
    err->code = code;
    err->offset = offset;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    tidy(err->message, sizeof err->message);
}

espy_status espy_fail_in(espy_error *err, espy_status code, const char *prefix) {
    if (!err) return code;
    char whole[sizeof err->message];
    snprintf(whole, sizeof whole, "%s: ", prefix);
    strncat(whole, err->message, sizeof whole - strlen(whole) - 1);
    memcpy(err->message, whole, sizeof whole);
    tidy(err->message, sizeof err->message);
    return code;
}

const char *espy_status_name(espy_status s) {
    static const char *const names[] = {
        "ok",          "argument", "memory", "io",      "format",
        "unsupported", "missing",  "full",   "stopped", "internal"
    };
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

const char *espy_version(void) {
    return ESPY_VERSION;
}

void espy_free(void *p) {
    free(p);
}
