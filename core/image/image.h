/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pixels: 8 bit, rows without gaps. The stages (MODELS.md section 5): decode,
 * fit (smart resize + antialiased bicubic), normalise and cut into patches. */
#ifndef ESPY_IMAGE_IMAGE_H
#define ESPY_IMAGE_IMAGE_H

#include "base/status.h"

/* u8 RGB [height][width][3]. The public espy_image. */
struct espy_image {
    int width, height;
    uint8_t *pixels;
    int full_width, full_height; /* before espy reduced it (frames of films); 0: as it is */
};

/* resize.c */

/* The smart resize of MODELS.md 5.2: multiples of factor, area within
 * [min_pixels, max_pixels]. n_frames > 0 uses the clip rule of 5.5 (Qwen3-VL:
 * limits over the whole clip); 0 is a still image.
 * Errors ESPY_ERR_ARGUMENT: empty, aspect above 200, or a clip's frame smaller
 * than factor. Also checks that the result is at most 2^31 pixels. */
espy_status espy_smart_resize(int height, int width, int factor, int64_t min_pixels,
                              int64_t max_pixels, int n_frames, int *out_height, int *out_width,
                              espy_error *err);

/* The filter of 5.3, bit for bit: out is u8 RGB [out_height][out_width][3],
 * malloc'd, owned by the caller. precision_bits 0: as torchvision chooses it per
 * pass; 22: Pillow's fixed one. Errors ESPY_ERR_MEMORY. */
espy_status espy_resize_bicubic(const uint8_t *in, int height, int width, int out_height,
                                int out_width, int precision_bits, uint8_t **out, espy_error *err);

/* patches.c */

/* Normalise (5.4) and cut (section 6) one temporal patch: frames a and b (the
 * same pointer for a still; b NULL where a patch has one frame), u8 RGB
 * [h * patch][w * patch][3], into out f32 [h * w][3 * n_frames * patch * patch],
 * merged 2x2 order (merge = 2; 1 gives raster order), inner order
 * [channel][frame][row][column]. mean and std as in the config (0..1 scale);
 * divide_first: v / 255 is rounded before they are applied (section 11). */
void espy_patchify(const uint8_t *a, const uint8_t *b, int h, int w, int patch, int merge,
                   const float mean[3], const float std[3], int divide_first, float *out);

/* How frames of a clip are chosen; 0: 2 a second, at least 4, at most 768.
 * rule 3: Qwen3-VL processor; rule 2: Qwen2-VL utility. */
typedef struct espy_frame_choice {
    int rule;
    double fps;
    int min_frames, max_frames;
} espy_frame_choice;

enum { ESPY_MAX_FRAMES = 768 };

/* Which frames a clip is fed with (5.5), of n_total at source_fps (0 unknown: 24).
 * Writes indices, of which there are at most max_frames, returns how many; *fps_out
 * is the rate actually fed. */
int espy_sample_frames(int n_total, double source_fps, const espy_frame_choice *choice,
                       int *indices, double *fps_out);

#endif
