/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames of a clip the model is fed with: about two per second, between 4 and 768, evenly
 * spread from the first to the last.
 *
 * Rule 3 (Qwen3-VL processor): n = clamp(trunc(total / fps * 2)), places k * (T / (n - 1)) in F64.
 * Rule 2 (Qwen2-VL utility): n even; places in F32, counted from the nearer end.
 * Both round half to even. */
#include <math.h>

#include "image/image.h"

static const double target_fps = 2, unknown_fps = 24;

enum { MIN_FRAMES = 4, MAX_FRAMES = 768 };

static int even(int n) {
    return n - n % 2;
}

static int count_rule_3(int n_total, double wanted) {
    int n = wanted > MAX_FRAMES ? MAX_FRAMES : (int)wanted;
    if (n < MIN_FRAMES) n = MIN_FRAMES;
    return n < n_total ? n : n_total;
}

static int count_rule_2(int n_total, double wanted) {
    const int most = even(n_total < MAX_FRAMES ? n_total : MAX_FRAMES);
    const int n = even((int)fmin(fmax(wanted, MIN_FRAMES), most));
    return n > 0 ? n : 1; /* a clip of one frame; the utility refuses it */
}

static int place_rule_3(int k, int n, int last) {
    return k == n - 1 ? last : (int)nearbyint(k * ((double)last / (n - 1)));
}

static int place_rule_2(int k, int n, int last) {
    const float step = (float)last / (float)(n - 1);
    const float at = k < n / 2 ? step * (float)k : (float)last - step * (float)(n - 1 - k);
    return (int)nearbyintf(at);
}

int espy_sample_frames(int n_total, double source_fps, int rule, int *indices, double *fps_out) {
    if (!(source_fps > 0)) source_fps = unknown_fps;
    *fps_out = source_fps;
    if (n_total < 1) return 0;
    const double wanted = n_total / source_fps * target_fps;
    const int n = rule == 2 ? count_rule_2(n_total, wanted) : count_rule_3(n_total, wanted);
    indices[0] = 0;
    for (int k = 1; k < n; k++)
        indices[k] = rule == 2 ? place_rule_2(k, n, n_total - 1) : place_rule_3(k, n, n_total - 1);
    *fps_out = (double)n / n_total * source_fps;
    return n;
}
