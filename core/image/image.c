/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From encoded bytes or a host's pixels to an upright u8 RGB picture.
 *
 *     bytes -> probe -> decode -> alpha over white, or dropped -> orientation -> RGB
 *
 * Blending over white, with alpha a and a colour c in 0..255, is the rounded
 * c * a / 255 + 255 * (255 - a) / 255, computed as t = c * a + 255 * (255 - a) + 128,
 * (t + (t >> 8)) >> 8. */
#include "image/decode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/source.h"

static const espy_image_format *const formats[] = {
    &espy_image_format_jpeg,
    &espy_image_format_png,
    &espy_image_format_webp,
};

/* What people try and what we can only name: bytes at an offset. */
static const struct foreign {
    const char *name;
    size_t at, n_bytes;
    const char *bytes;
} foreign[] = {
    { "a GIF", 0, 4, "GIF8" },
    { "a BMP", 0, 2, "BM" },
    { "a TIFF", 0, 4, "II*\0" },
    { "a TIFF", 0, 4, "MM\0*" },
    { "an AVIF", 4, 8, "ftypavif" },
    { "an AVIF", 4, 8, "ftypavis" },
    { "a HEIC", 4, 8, "ftypheic" },
    { "a HEIC", 4, 8, "ftypheix" },
    { "a HEIC", 4, 8, "ftyphevc" },
    { "a HEIC", 4, 8, "ftypheim" },
    { "a HEIC", 4, 8, "ftypmif1" },
    { "a HEIC", 4, 8, "ftypmsf1" },
    { "a JPEG 2000", 0, 12, "\0\0\0\x0CjP  \r\n\x87\n" },
    { "a JPEG 2000", 0, 4, "\xFF\x4F\xFF\x51" },
    { "a JPEG XL", 0, 2, "\xFF\x0A" },
    { "a JPEG XL", 0, 12, "\0\0\0\x0CJXL \r\n\x87\n" },
    { "a Photoshop", 0, 4, "8BPS" },
    { "a GIMP", 0, 8, "gimp xcf" },
    { "a PDF", 0, 5, "%PDF-" },
};

static int looks_like_svg(const uint8_t *bytes, size_t n_bytes) {
    if (n_bytes > 1024) n_bytes = 1024;
    if (n_bytes < 5 || (bytes[0] != '<' && bytes[0] != 0xEF && bytes[0] > ' ')) return 0;
    for (size_t i = 0; i + 4 <= n_bytes; i++)
        if (memcmp(bytes + i, "<svg", 4) == 0) return 1;
    return 0;
}

static espy_status fail_unknown(const uint8_t *bytes, size_t n_bytes, espy_error *err) {
    const char *kind = looks_like_svg(bytes, n_bytes) ? "an SVG" : NULL;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign && !kind; i++) {
        const struct foreign *f = &foreign[i];
        if (n_bytes >= f->at + f->n_bytes && memcmp(bytes + f->at, f->bytes, f->n_bytes) == 0)
            kind = f->name;
    }
    if (kind)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, 0,
                         "this is %s picture; espy reads JPEG, PNG and WebP", kind);
    return espy_fail(err, ESPY_ERR_FORMAT, 0,
                     "not a picture that espy knows; it reads JPEG, PNG and WebP");
}

espy_status espy_decoded_alloc(espy_decoded *out, const char *format, int64_t width, int64_t height,
                               int channels, espy_error *err) {
    if (width < 1 || height < 1)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: empty picture of %lldx%lld pixels", format,
                         (long long)width, (long long)height);
    if (width > INT_MAX || height > INT_MAX || width > ESPY_MAX_IMAGE_PIXELS / height)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: %lldx%lld pixels; espy decodes at most %lld million", format,
                         (long long)width, (long long)height,
                         (long long)(ESPY_MAX_IMAGE_PIXELS / 1000000));
    uint8_t *pixels = malloc((size_t)width * (size_t)height * (size_t)channels);
    if (!pixels) return espy_out_of_memory(err);
    out->width = (int)width;
    out->height = (int)height;
    out->channels = channels;
    out->pixels = pixels;
    return ESPY_OK;
}

static uint8_t over_white(uint8_t c, uint8_t a) {
    unsigned t = (unsigned)c * a + 255u * (255u - a) + 128u;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

/* out may be in: it never overtakes. */
static void flatten_row(uint8_t *out, const uint8_t *in, int width, int channels,
                        espy_alpha alpha) {
    if (channels == 3) {
        if (out != in) memcpy(out, in, (size_t)width * 3);
        return;
    }
    for (int x = 0; x < width; x++, in += 4, out += 3) {
        uint8_t rgba[4];
        memcpy(rgba, in, 4);
        for (int c = 0; c < 3; c++)
            out[c] = alpha == ESPY_ALPHA_WHITE ? over_white(rgba[c], rgba[3]) : rgba[c];
    }
}

/* Takes the pixels over, also on failure. */
static espy_status finish(espy_image **out, espy_decoded *d, espy_alpha alpha, espy_error *err) {
    const size_t n = (size_t)d->width * (size_t)d->height;
    if (d->channels == 4) {
        for (int y = 0; y < d->height; y++) {
            const size_t row = (size_t)y * (size_t)d->width;
            flatten_row(d->pixels + row * 3, d->pixels + row * 4, d->width, 4, alpha);
        }
        uint8_t *smaller = realloc(d->pixels, n * 3);
        if (smaller) d->pixels = smaller;
    }
    espy_status status = espy_orient(&d->pixels, &d->width, &d->height, d->orientation, err);
    espy_image *image = status ? NULL : malloc(sizeof *image);
    if (!status && !image) status = espy_out_of_memory(err);
    if (status) {
        free(d->pixels);
        return status;
    }
    *image = (espy_image){ .width = d->width, .height = d->height, .pixels = d->pixels };
    *out = image;
    return ESPY_OK;
}

static espy_status decode(espy_image **out, const uint8_t *bytes, size_t n_bytes, espy_alpha alpha,
                          espy_error *err) {
    if (n_bytes == 0) return espy_fail(err, ESPY_ERR_FORMAT, 0, "empty, not a picture");
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!formats[i]->probe(bytes, n_bytes)) continue;
        espy_decoded d = { .orientation = 1 };
        espy_status status = formats[i]->decode(&d, bytes, n_bytes, err);
        if (!status) return finish(out, &d, alpha, err);
        free(d.pixels);
        return status;
    }
    return fail_unknown(bytes, n_bytes, err);
}

static int is_alpha(espy_alpha alpha) {
    return alpha == ESPY_ALPHA_WHITE || alpha == ESPY_ALPHA_DROP;
}

espy_status espy_image_decode(espy_image **out, const void *bytes, size_t n_bytes, espy_alpha alpha,
                              const char *name, espy_error *err) {
    *out = NULL;
    if ((!bytes && n_bytes) || !is_alpha(alpha))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s",
                         is_alpha(alpha) ? "no bytes to decode" : "unknown way to treat alpha");
    espy_status status = decode(out, bytes, n_bytes, alpha, err);
    return status ? espy_fail_in(err, status, name ? name : "picture") : ESPY_OK;
}

espy_status espy_image_load(espy_image **out, const char *path, espy_alpha alpha, espy_error *err) {
    *out = NULL;
    if (!path) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no path of a picture given");
    espy_source source;
    espy_status status = espy_source_open(&source, path, err);
    if (status) return status;
    status = espy_image_decode(out, source.data, (size_t)source.n_bytes, alpha, path, err);
    espy_source_close(&source);
    return status;
}

espy_status espy_image_from_pixels(espy_image **out, const uint8_t *pixels, int width_px,
                                   int height_px, ptrdiff_t stride_bytes, int channels,
                                   espy_alpha alpha, espy_error *err) {
    *out = NULL;
    if (!pixels) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no pixels given");
    if (width_px < 1 || height_px < 1)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "empty picture of %dx%d pixels", width_px,
                         height_px);
    if (channels != 3 && channels != 4)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%d channels; 3 (RGB) or 4 (RGBA) are taken",
                         channels);
    if (stride_bytes < (int64_t)width_px * channels)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "rows of %lld bytes are too short for %d pixels", (long long)stride_bytes,
                         width_px);
    if (!is_alpha(alpha))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "unknown way to treat alpha");
    if (width_px > ESPY_MAX_IMAGE_PIXELS / height_px)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%dx%d pixels; at most %lld million are taken",
                         width_px, height_px, (long long)(ESPY_MAX_IMAGE_PIXELS / 1000000));
    espy_decoded d = { .orientation = 1 };
    espy_status status = espy_decoded_alloc(&d, "picture", width_px, height_px, 3, err);
    if (status) return status;
    for (int y = 0; y < height_px; y++)
        flatten_row(d.pixels + (size_t)y * (size_t)width_px * 3, pixels + y * stride_bytes,
                    width_px, channels, alpha);
    return finish(out, &d, alpha, err);
}

void espy_image_close(espy_image **image) {
    if (!image || !*image) return;
    free((*image)->pixels);
    free(*image);
    *image = NULL;
}

int espy_image_width(const espy_image *image) {
    return image->width;
}

int espy_image_height(const espy_image *image) {
    return image->height;
}

const uint8_t *espy_image_pixels(const espy_image *image) {
    return image->pixels;
}
