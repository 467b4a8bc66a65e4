/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which frames of a clip the model is fed with: about two per second, between 4 and 768, evenly
 * spread from the first to the last; a host may say otherwise.
 *
 * Rule 3 (Qwen3-VL processor): n = clamp(trunc(total / fps * 2)), places k * (T / (n - 1)) in F64.
 * Rule 2 (Qwen2-VL utility): n even; places in F32, counted from the nearer end.
 * Both round half to even. */
#include <math.h>

#include "image/image.h"

static const double usual_fps = 2, unknown_fps = 24;

enum { MIN_FRAMES = 4 };

static int even(int n) {
    return n - n % 2;
}

/* wanted, truncated, from least to most, but not more than there are. */
static int count_rule_3(int n_total, double wanted, int least, int most) {
    int n = wanted > most ? most : (int)wanted;
    if (n < least) n = least;
    if (n > most) n = most;
    return n < n_total ? n : n_total;
}

static int count_rule_2(int n_total, double wanted, int least, int most) {
    const int limit = even(n_total < most ? n_total : most);
    const int n = even((int)fmin(fmax(wanted, least), limit));
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

int espy_sample_frames(int n_total, double source_fps, const espy_frame_choice *c, int *indices,
                       double *fps_out) {
    if (!(source_fps > 0)) source_fps = unknown_fps;
    *fps_out = source_fps;
    if (n_total < 1) return 0;
    const double wanted = n_total / source_fps * (c->fps > 0 ? c->fps : usual_fps);
    const int least = c->min_frames > 0 ? c->min_frames : MIN_FRAMES;
    const int most = c->max_frames > 0 ? c->max_frames : ESPY_MAX_FRAMES;
    const int n = c->rule == 2 ? count_rule_2(n_total, wanted, least, most)
                               : count_rule_3(n_total, wanted, least, most);
    indices[0] = 0;
    for (int k = 1; k < n; k++)
        indices[k] =
            c->rule == 2 ? place_rule_2(k, n, n_total - 1) : place_rule_3(k, n, n_total - 1);
    *fps_out = (double)n / n_total * source_fps;
    return n;
}
