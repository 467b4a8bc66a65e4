/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a picture format is to the rest: a name, a test of the first bytes and a
 * decoder. To add one, write the three and add a row to the list in image.c. */
#ifndef ESPY_IMAGE_DECODE_H
#define ESPY_IMAGE_DECODE_H

#include "image/image.h"

/* Most pixels that a picture may decode to, about 0.7 GB as RGBA. A larger JPEG
 * is decoded at a fraction of its size, others are refused. */
#define ESPY_MAX_IMAGE_PIXELS ((int64_t)178956970)

/* Pixels as they lie in the file, before alpha and orientation are applied. */
typedef struct espy_decoded {
    int width, height, channels; /* 3: RGB, 4: RGBA with straight alpha */
    int orientation;             /* EXIF 1..8                           */
    uint8_t *pixels;             /* [height][width][channels], malloc'd */
} espy_decoded;

typedef struct espy_image_format {
    const char *name;
    int (*probe)(const uint8_t *bytes, size_t n_bytes);
    /* On failure pixels may be set; the caller frees them either way. */
    espy_status (*decode)(espy_decoded *out, const uint8_t *bytes, size_t n_bytes, espy_error *err);
} espy_image_format;

extern const espy_image_format espy_image_format_jpeg; /* jpeg.c */
extern const espy_image_format espy_image_format_png;  /* png.c  */
extern const espy_image_format espy_image_format_webp; /* webp.c */

/* Checks the size against ESPY_MAX_IMAGE_PIXELS and allocates out->pixels.
 * format stands in the message. Errors ESPY_ERR_FORMAT (an empty size),
 * ESPY_ERR_UNSUPPORTED, ESPY_ERR_MEMORY. */
espy_status espy_decoded_alloc(espy_decoded *out, const char *format, int64_t width, int64_t height,
                               int channels, espy_error *err);

/* exif.c: the orientation 1..8 that the metadata state, 0 if they state none. */
int espy_exif_orientation(const uint8_t *exif, size_t n_bytes);
int espy_xmp_orientation(const uint8_t *xmp, size_t n_bytes);

/* exif.c: turns u8 RGB pixels upright. Errors ESPY_ERR_MEMORY. */
espy_status espy_orient(uint8_t **pixels, int *width, int *height, int orientation,
                        espy_error *err);

#endif
