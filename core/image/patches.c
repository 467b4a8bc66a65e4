/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From pixels to what the vision encoder reads: normalised, cut into patches, those that will be
 * merged lying together:
 *
 *     for by, bx: for iy, ix < merge:  patch at row by * merge + iy, column bx * merge + ix
 *         [3 channels][1 or 2 frames][patch rows][patch columns]
 *
 * A sample is (v - mean * 255) / (std * 255), or (v / 255 - mean) / std, each step rounded to F32.
 * As v has 256 values, they are computed once per channel. */
#include "image/image.h"

typedef struct cutter {
    const uint8_t *frames[2]; /* u8 [h * patch][w * patch][3] */
    int n_frames;
    size_t row_bytes;
    int patch;
    float values[3][256];
} cutter;

static float *cut(const cutter *c, int row, int column, float *out) {
    const size_t corner =
        (size_t)row * (size_t)c->patch * c->row_bytes + (size_t)column * (size_t)c->patch * 3;
    for (int channel = 0; channel < 3; channel++)
        for (int f = 0; f < c->n_frames; f++) {
            const uint8_t *in = c->frames[f] + corner + channel;
            for (int y = 0; y < c->patch; y++, in += c->row_bytes)
                for (int x = 0; x < c->patch; x++) *out++ = c->values[channel][in[3 * x]];
        }
    return out;
}

void espy_patchify(const uint8_t *a, const uint8_t *b, int h, int w, int patch, int merge,
                   const float mean[3], const float std[3], int divide_first, float *out) {
    cutter c = { .frames = { a, b },
                 .n_frames = b ? 2 : 1,
                 .row_bytes = (size_t)w * (size_t)patch * 3,
                 .patch = patch };
    for (int channel = 0; channel < 3; channel++) {
        const float m = mean[channel] * 255.0f, s = std[channel] * 255.0f;
        for (int v = 0; v < 256; v++)
            c.values[channel][v] = divide_first ? ((float)v / 255.0f - mean[channel]) / std[channel]
                                                : ((float)v - m) / s;
    }
    for (int by = 0; by < h; by += merge)
        for (int bx = 0; bx < w; bx += merge)
            for (int iy = 0; iy < merge; iy++)
                for (int ix = 0; ix < merge; ix++) out = cut(&c, by + iy, bx + ix, out);
}
