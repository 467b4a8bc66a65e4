/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fitting a picture to the model: the target size, and the bicubic filter.
 *
 * Antialiased bicubic (a = -0.5, support grown by the scale when shrinking) on 8 bit samples in two
 * passes with an 8 bit picture between them, horizontal first; a pass that changes nothing is left
 * out. With integer weights q of P fractional bits,
 *
 *     out[i] = clamp((2^(P-1) + sum_j q[i][j] * in[lo_i + j]) >> P, 0, 255)
 *
 * P is the most for which the largest weight of the pass stays below 2^15, so both factors fit
 * 16 bits and the sums 32. Both passes run over BLOCK samples side by side: the vertical one over
 * a stretch of a row, the horizontal one over the same column of BLOCK rows, which are turned into
 * columns first. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"

enum { BLOCK = 16, MAX_PRECISION = 22, MAX_ASPECT = 200 };

espy_status espy_smart_resize(int height, int width, int factor, int64_t min_pixels,
                              int64_t max_pixels, int n_frames, int *out_height, int *out_width,
                              espy_error *err) {
    if (height < 1 || width < 1 || factor < 1 || n_frames < 0 || min_pixels < 0 || max_pixels < 1)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "cannot fit %dx%d pixels to multiples of %d between %lld and %lld pixels",
                         width, height, factor, (long long)min_pixels, (long long)max_pixels);
    const double h = height, w = width, f = factor;
    if (fmax(h, w) / fmin(h, w) > MAX_ASPECT)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "a picture of %dx%d pixels is too long: the sides may differ by a factor "
                         "of at most %d",
                         width, height, MAX_ASPECT);
    if (n_frames > 0 && (height < factor || width < factor))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "frames of %dx%d pixels are too small: each side needs at least %d", width,
                         height, factor);
    const double n = n_frames > 0 ? n_frames : 1;
    const double n_fed = n_frames > 0 ? ceil(n / 2) * 2 : 1; /* whole temporal patches */
    double rows = nearbyint(h / f) * f, columns = nearbyint(w / f) * f;
    if (n_fed * rows * columns > (double)max_pixels) {
        const double beta = sqrt(n * h * w / (double)max_pixels);
        rows = fmax(f, floor(h / beta / f) * f);
        columns = fmax(f, floor(w / beta / f) * f);
    } else if (n_fed * rows * columns < (double)min_pixels) {
        const double beta = sqrt((double)min_pixels / (n * h * w));
        rows = ceil(h * beta / f) * f;
        columns = ceil(w * beta / f) * f;
    }
    if (rows * columns > (double)INT_MAX)
        return espy_fail(
            err, ESPY_ERR_ARGUMENT, -1,
            "a picture of %dx%d pixels would be fitted to %.0fx%.0f, which is too large", width,
            height, columns, rows);
    *out_height = (int)rows;
    *out_width = (int)columns;
    return ESPY_OK;
}

/* One pass's weights. Output i reads n_taps[i] inputs from lo[i] on. */
typedef struct filter {
    int n_out, max_taps, precision;
    int narrow;       /* weights fit 16 bits */
    int *lo, *n_taps; /* [n_out]           */
    int32_t *weights; /* [n_out][max_taps] */
} filter;

static double kernel(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* The weights of output i, normalised, in double; returns the largest. */
static double weigh(filter *f, int i, int n_in, double *w) {
    const double scale = (double)n_in / f->n_out, stretch = fmax(scale, 1), support = 2 * stretch;
    const double centre = (i + 0.5) * scale;
    const int lo = (int)fmax(trunc(centre - support + 0.5), 0);
    const int n = (int)fmin(trunc(centre + support + 0.5), n_in) - lo;
    double sum = 0, largest = 0;
    for (int j = 0; j < n; j++) {
        w[j] = kernel((lo + j - centre + 0.5) / stretch);
        sum += w[j];
    }
    for (int j = 0; j < n; j++) {
        if (sum != 0) w[j] /= sum;
        largest = fmax(largest, w[j]);
    }
    f->lo[i] = lo;
    f->n_taps[i] = n;
    return largest;
}

static void free_filter(filter *f) {
    free(f->lo);
    free(f->n_taps);
    free(f->weights);
}

/* The caller frees the filter, also on failure. */
static espy_status make_filter(filter *f, int n_in, int n_out, int precision, espy_error *err) {
    const double support = 2 * fmax((double)n_in / n_out, 1);
    *f = (filter){ .n_out = n_out, .max_taps = (int)ceil(support) * 2 + 1, .narrow = !precision };
    const size_t n = (size_t)n_out, row = (size_t)f->max_taps;
    double *w = malloc(n * row * sizeof *w);
    f->lo = malloc(n * sizeof *f->lo);
    f->n_taps = malloc(n * sizeof *f->n_taps);
    f->weights = calloc(n * row, sizeof *f->weights);
    if (!w || !f->lo || !f->n_taps || !f->weights) {
        free(w);
        return espy_out_of_memory(err);
    }
    double largest = 0;
    for (int i = 0; i < n_out; i++) largest = fmax(largest, weigh(f, i, n_in, w + (size_t)i * row));
    f->precision = precision;
    if (!precision)
        while (f->precision < MAX_PRECISION &&
               (int)(0.5 + largest * (double)(1 << (f->precision + 1))) < 1 << 15)
            f->precision++;
    const double one = 1 << f->precision;
    for (int i = 0; i < n_out; i++)
        for (int j = 0; j < f->n_taps[i]; j++) {
            const double v = w[(size_t)i * row + (size_t)j];
            f->weights[(size_t)i * row + (size_t)j] = (int32_t)(v * one + (v < 0 ? -0.5 : 0.5));
        }
    free(w);
    return ESPY_OK;
}

/* out[k] = sum over j of weights[j] * in[j * stride + k], for n <= BLOCK k. */
static inline void sum_taps(const filter *f, int i, const uint8_t *in, size_t stride, int n,
                            uint8_t *out) {
    const int32_t *weights = f->weights + (size_t)i * (size_t)f->max_taps;
    const int n_taps = f->n_taps[i], precision = f->precision;
    int32_t sum[BLOCK];
    for (int k = 0; k < n; k++) sum[k] = 1 << (precision - 1);
    if (f->narrow) {
        for (int j = 0; j < n_taps; j++, in += stride) {
            const int16_t q = (int16_t)weights[j];
            for (int k = 0; k < n; k++) sum[k] += q * (int16_t)in[k];
        }
    } else {
        for (int j = 0; j < n_taps; j++, in += stride)
            for (int k = 0; k < n; k++) sum[k] += weights[j] * in[k];
    }
    for (int k = 0; k < n; k++) {
        const int32_t v = sum[k] >> precision;
        out[k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

/* columns: u8 [width][3][BLOCK] from n_rows rows of in; the rest is left. */
static void turn(const uint8_t *in, int width, int n_rows, uint8_t *columns) {
    const size_t row = (size_t)width * 3;
    for (size_t x = 0; x < row; x++, columns += BLOCK)
        for (int r = 0; r < n_rows; r++) columns[r] = in[(size_t)r * row + x];
}

/* in: u8 [height][width][3], out: u8 [height][n_out][3]. */
static espy_status pass_horizontal(const filter *f, const uint8_t *in, int height, int width,
                                   uint8_t *out, espy_error *err) {
    uint8_t *columns = calloc((size_t)width * 3, BLOCK);
    if (!columns) return espy_out_of_memory(err);
    const size_t out_row = (size_t)f->n_out * 3;
    for (int y = 0; y < height; y += BLOCK) {
        const int n_rows = height - y < BLOCK ? height - y : BLOCK;
        uint8_t *to = out + (size_t)y * out_row;
        turn(in + (size_t)y * (size_t)width * 3, width, n_rows, columns);
        for (int i = 0; i < f->n_out; i++)
            for (int c = 0; c < 3; c++, to++) {
                uint8_t sample[BLOCK];
                sum_taps(f, i, columns + ((size_t)f->lo[i] * 3 + (size_t)c) * BLOCK,
                         (size_t)3 * BLOCK, BLOCK, sample);
                for (int r = 0; r < n_rows; r++) to[(size_t)r * out_row] = sample[r];
            }
    }
    free(columns);
    return ESPY_OK;
}

/* in: u8 [height][width][3], out: u8 [n_out][width][3]. */
static void pass_vertical(const filter *f, const uint8_t *in, int width, uint8_t *out) {
    const size_t row = (size_t)width * 3;
    for (int i = 0; i < f->n_out; i++, out += row) {
        const uint8_t *from = in + (size_t)f->lo[i] * row;
        size_t x = 0;
        for (; x + BLOCK <= row; x += BLOCK) sum_taps(f, i, from + x, row, BLOCK, out + x);
        if (x < row) sum_taps(f, i, from + x, row, (int)(row - x), out + x);
    }
}

espy_status espy_resize_bicubic(const uint8_t *in, int height, int width, int out_height,
                                int out_width, int precision_bits, uint8_t **out, espy_error *err) {
    filter across = { 0 }, down = { 0 };
    uint8_t *between = NULL, *result = malloc((size_t)out_height * (size_t)out_width * 3);
    espy_status status = result ? ESPY_OK : espy_out_of_memory(err);
    const uint8_t *from = in;
    if (!status && out_width != width) {
        status = make_filter(&across, width, out_width, precision_bits, err);
        if (!status && out_height != height) {
            between = malloc((size_t)height * (size_t)out_width * 3);
            if (!between) status = espy_out_of_memory(err);
        }
        uint8_t *to = between ? between : result;
        if (!status) status = pass_horizontal(&across, in, height, width, to, err);
        from = to;
    }
    if (!status && out_height != height) {
        status = make_filter(&down, height, out_height, precision_bits, err);
        if (!status) pass_vertical(&down, from, out_width, result);
    }
    if (!status && from == in && out_height == height)
        memcpy(result, in, (size_t)height * (size_t)width * 3);
    free(between);
    free_filter(&across);
    free_filter(&down);
    if (status)
        free(result);
    else
        *out = result;
    return status;
}
