/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gguf_with.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

enum { N_KEYS_AT = 16, HEADER = 24, ALIGNMENT = 32, LEAST_FILLER = 8 + 6 + 4 + 8 };

static void need(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s: cannot be read or written\n", what);
    abort();
}

/* A second key keeps the tensors' data where they were, but for whole steps of their
 * alignment. */
void write_gguf_with(const char *from, const char *to, const char *key, const char *value) {
    uint8_t header[HEADER], block[4096];
    uint64_t n_keys;
    char filler[ALIGNMENT + 1] = { 0 };
    bytes b = { 0 };
    FILE *f = fopen(from, "rb");
    need(f && fread(header, 1, HEADER, f) == HEADER, from);
    memcpy(&n_keys, header + N_KEYS_AT, sizeof n_keys);
    put(&b, header, N_KEYS_AT);
    put_u64(&b, n_keys + 2);
    gguf_text(&b, key, value);
    memset(filler, '-', ALIGNMENT - (b.n - HEADER + LEAST_FILLER) % ALIGNMENT);
    gguf_text(&b, "filler", filler);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) put(&b, block, n);
    fclose(f);
    f = fopen(to, "wb");
    need(f && fwrite(b.at, 1, b.n, f) == b.n && fclose(f) == 0, to);
    drop(&b);
}
