/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Readings of answers: any text, cut anywhere. What has ended stays as it was
 * read, and a document only grows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text/readings.h"

espy_status fuzz_status;

static void check_tags(const char *whole, const char *part) {
    char **a, **b;
    int n, m;
    FUZZ_CHECK(espy_read_tags(whole, &a, &n, NULL) == ESPY_OK);
    FUZZ_CHECK(espy_read_tags(part, &b, &m, NULL) == ESPY_OK);
    for (int i = 0; i < n; i++) FUZZ_CHECK(a[i][0]);
    if (espy_tags_ended(part)) {
        FUZZ_CHECK(n == m && espy_tags_ended(whole));
        for (int i = 0; i < n; i++) FUZZ_CHECK(!strcmp(a[i], b[i]));
    }
    espy_tags_free(a, n);
    espy_tags_free(b, m);
}

static void check_sentence(const char *whole, const char *part) {
    char *a = espy_read_sentence(whole), *b = espy_read_sentence(part);
    FUZZ_CHECK(a && b && strlen(a) <= strlen(whole));
    if (espy_sentence_ended(part)) FUZZ_CHECK(espy_sentence_ended(whole) && !strcmp(a, b));
    free(a);
    free(b);
}

static void check_number(const char *whole, const char *part) {
    double a = 0, b = 0;
    int found = espy_read_number(whole, &a);
    if (espy_number_ended(part))
        FUZZ_CHECK(found && espy_read_number(part, &b) && !(a < b || a > b));
}

static void check_document(const char *whole, const char *part) {
    size_t n, m;
    const char *a = espy_read_document(whole, &n), *b = espy_read_document(part, &m);
    FUZZ_CHECK(a + n <= whole + strlen(whole));
    fuzz_touch(a, n);
    FUZZ_CHECK(m <= n && !memcmp(a, b, m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    char *whole = malloc(n_bytes + 1), *part = malloc(n_bytes + 1);
    if (whole && part) {
        memcpy(whole, data, n_bytes);
        whole[n_bytes] = 0;
        size_t n = strlen(whole), cut = n ? (size_t)data[0] * 31 % (n + 1) : 0;
        memcpy(part, whole, cut);
        part[cut] = 0;
        check_tags(whole, part);
        check_sentence(whole, part);
        check_number(whole, part);
        check_document(whole, part);
    }
    free(whole);
    free(part);
    return 0;
}
