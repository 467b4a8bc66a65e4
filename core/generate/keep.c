/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/keep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state) {
    uint64_t x = *state += 0x9E3779B97F4A7C15U;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9U;
    x = (x ^ x >> 27) * 0x94D049BB133111EBU;
    return x ^ x >> 31;
}

int64_t espy_keep_some(int64_t n, double ratio, uint64_t seed, int32_t **cells) {
    int64_t n_kept = llround(ratio * (double)n), k = 0;
    if (n_kept < 1) n_kept = 1;
    *cells = malloc((size_t)n_kept * sizeof **cells);
    if (!*cells) return 0;
    for (int64_t i = 0; i < n && k < n_kept; i++)
        if (next_random(&seed) % (uint64_t)(n - i) < (uint64_t)(n_kept - k))
            (*cells)[k++] = (int32_t)i;
    return k;
}

static int is_same(const uint8_t *a, const uint8_t *b, int row, int column, int columns, int side) {
    size_t stride = (size_t)columns * (size_t)side * 3, n = (size_t)side * 3;
    size_t at = (size_t)row * (size_t)side * stride + (size_t)column * n;
    for (int y = 0; y < side; y++, at += stride)
        if (memcmp(a + at, b + at, n) != 0) return 0;
    return 1;
}

int64_t espy_keep_changed(const uint8_t *const *now, const uint8_t *const *before, int n_frames,
                          int rows, int columns, int side, int32_t **cells) {
    int64_t n = (int64_t)rows * columns, k = 0;
    *cells = malloc((size_t)n * sizeof **cells);
    if (!*cells) return 0;
    for (int64_t i = 0; i < n; i++) {
        int same = 1, row = (int)(i / columns), column = (int)(i % columns);
        for (int f = 0; f < n_frames && same; f++)
            same = is_same(now[f], before[f], row, column, columns, side);
        if (!same) (*cells)[k++] = (int32_t)i;
    }
    if (!k) (*cells)[k++] = 0;
    return k;
}
