/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A learned table of positions for another number of cells (Qwen-VL,
 * arXiv:2308.12966; MODELS-qwen-vl.md section 4):
 *
 *     u = (i + 0.5) * side / to - 0.5,  f = floor(u),  e = u - f
 *     taps f - 1, f, f + 1, f + 2, clamped, of weights c2(e + 1), c1(e), c1(1 - e), c2(2 - e)
 *
 * and the same down the columns, each in F32. */
#include <math.h>
#include <stdlib.h>

#include "model/model.h"

typedef struct taps {
    int at[4];
    float weight[4];
} taps;

static float near(float x) {
    const float a = -0.75F;
    return ((a + 2) * x - (a + 3)) * x * x + 1;
}

static float far(float x) {
    const float a = -0.75F;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

static taps taps_of(int i, int side, int to) {
    float u = ((float)i + 0.5F) * ((float)side / (float)to) - 0.5F, f = floorf(u), e = u - f;
    taps t = { .weight = { far(e + 1), near(e), near(1 - e), far(2 - e) } };
    for (int k = 0; k < 4; k++) {
        int at = (int)f - 1 + k;
        t.at[k] = at < 0 ? 0 : at < side ? at : side - 1;
    }
    return t;
}

float *espy_table_resize(const float *table, int side, int64_t cols, int to) {
    float *out = malloc((size_t)to * (size_t)to * (size_t)cols * sizeof *out);
    for (int cell = 0; out && cell < to * to; cell++) {
        taps down = taps_of(cell / to, side, to), across = taps_of(cell % to, side, to);
        for (int64_t c = 0; c < cols; c++) {
            float sum = 0;
            for (int y = 0; y < 4; y++) {
                const float *row = table + (int64_t)down.at[y] * side * cols + c;
                float line = 0;
                for (int x = 0; x < 4; x++) line += across.weight[x] * row[across.at[x] * cols];
                sum += down.weight[y] * line;
            }
            out[cell * cols + c] = sum;
        }
    }
    return out;
}
