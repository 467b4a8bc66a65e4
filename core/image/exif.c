/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The orientation of a picture, and turning it upright.
 *
 * EXIF is a TIFF file: "II*\0" or "MM\0*" (which sets the byte order), u32 offset of the first
 * directory; a directory is u16 count, then entries of 12 bytes: u16 tag, u16 type, u32 count, and
 * the value itself if it fits into four bytes. Orientation is tag 0x0112. In JPEG, "Exif\0\0"
 * stands before it. XMP says the same as text, tiff:Orientation="6" or <tiff:Orientation>6<; it is
 * asked when EXIF says nothing.
 *
 *     1 upright       2 mirrored        3 turned by 180     4 flipped top to bottom
 *     5 transposed    6 to turn by 90   7 transversed       8 to turn by 270 (clockwise)
 */
#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_BYTE = 1, TYPE_SHORT = 3, TYPE_LONG = 4 };

typedef struct tiff {
    const uint8_t *bytes;
    size_t n_bytes;
    int big_endian;
} tiff;

/* n_bytes 1, 2 or 4 at a place that the caller has checked. */
static uint32_t get(const tiff *t, size_t at, int n_bytes) {
    uint32_t v = 0;
    for (int i = 0; i < n_bytes; i++)
        v = v << 8 | t->bytes[at + (size_t)(t->big_endian ? i : n_bytes - 1 - i)];
    return v;
}

static int in_range(uint32_t orientation) {
    return orientation >= 1 && orientation <= 8 ? (int)orientation : 0;
}

int espy_exif_orientation(const uint8_t *exif, size_t n_bytes) {
    if (n_bytes >= 6 && memcmp(exif, "Exif\0\0", 6) == 0) {
        exif += 6;
        n_bytes -= 6;
    }
    if (n_bytes < 8) return 0;
    tiff t = { exif, n_bytes, exif[0] == 'M' };
    if (memcmp(exif, "II*\0", 4) != 0 && memcmp(exif, "MM\0*", 4) != 0) return 0;
    size_t at = get(&t, 4, 4);
    if (at > n_bytes - 2) return 0;
    uint32_t n_entries = get(&t, at, 2);
    at += 2;
    for (uint32_t i = 0; i < n_entries && n_bytes - at >= 12; i++, at += 12) {
        if (get(&t, at, 2) != TAG_ORIENTATION) continue;
        uint32_t type = get(&t, at + 2, 2);
        int size = type == TYPE_BYTE ? 1 : type == TYPE_SHORT ? 2 : type == TYPE_LONG ? 4 : 0;
        return size ? in_range(get(&t, at + 8, size)) : 0;
    }
    return 0;
}

int espy_xmp_orientation(const uint8_t *xmp, size_t n_bytes) {
    static const char key[] = "tiff:Orientation";
    const size_t n_key = sizeof key - 1;
    for (size_t i = 0; n_bytes >= n_key + 3 && i <= n_bytes - n_key - 3; i++) {
        if (xmp[i] != 't' || memcmp(xmp + i, key, n_key) != 0) continue;
        const uint8_t *p = xmp + i + n_key;
        size_t skip = p[0] == '>' ? 1 : p[0] == '=' && p[1] == '"' ? 2 : 0;
        if (skip && p[skip] >= '0' && p[skip] <= '9') return in_range(p[skip] - (uint32_t)'0');
    }
    return 0;
}

/* Where the upright picture's first pixel lies in the stored one, and how far
 * one goes there for a step right and a step down; in pixels. */
typedef struct walk {
    ptrdiff_t start, right, down;
} walk;

static walk walk_of(int orientation, ptrdiff_t w, ptrdiff_t h) {
    switch (orientation) {
    case 2:
        return (walk){ w - 1, -1, w };
    case 3:
        return (walk){ w * h - 1, -1, -w };
    case 4:
        return (walk){ (h - 1) * w, 1, -w };
    case 5:
        return (walk){ 0, w, 1 };
    case 6:
        return (walk){ (h - 1) * w, -w, 1 };
    case 7:
        return (walk){ w * h - 1, -w, -1 };
    case 8:
        return (walk){ w - 1, w, -1 };
    default:
        return (walk){ 0, 1, w };
    }
}

espy_status espy_orient(uint8_t **pixels, int *width, int *height, int orientation,
                        espy_error *err) {
    if (orientation < 2 || orientation > 8) return ESPY_OK;
    const int w = *width, h = *height;
    const int out_w = orientation >= 5 ? h : w, out_h = orientation >= 5 ? w : h;
    const walk step = walk_of(orientation, w, h);
    uint8_t *out = malloc((size_t)w * (size_t)h * 3);
    if (!out) return espy_out_of_memory(err);
    uint8_t *to = out;
    for (int y = 0; y < out_h; y++) {
        const uint8_t *from = *pixels + 3 * (step.start + y * step.down);
        for (int x = 0; x < out_w; x++, to += 3, from += 3 * step.right) memcpy(to, from, 3);
    }
    free(*pixels);
    *pixels = out;
    *width = out_w;
    *height = out_h;
    return ESPY_OK;
}
