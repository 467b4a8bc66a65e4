/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PNG through libpng. Palettes and 1, 2 and 4 bit greys are expanded, tRNS becomes alpha, 16 bit
 * samples keep their high byte, gamma and colour profiles are ignored as the reference does.
 * A wrong checksum is an error, and so is a file that ends before its IEND. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

enum { SIGNATURE_BYTES = 8 };

/* The decoder's state and all that must outlive a longjmp. */
typedef struct reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t n_bytes, at;
    char message[160];
    int out_of_memory;
    espy_decoded *out;
    uint8_t **rows; /* [height], into out->pixels */
} reader;

static void on_error(png_structp png, png_const_charp message) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->message, sizeof r->message, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t n) {
    reader *r = png_get_io_ptr(png);
    if (n > r->n_bytes - r->at) {
        r->at = r->n_bytes;
        png_error(png, "the file ends before the picture is complete");
    }
    memcpy(to, r->bytes + r->at, n);
    r->at += n;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t n) {
    reader *r = png_get_mem_ptr(png);
    void *p = malloc(n);
    if (!p) r->out_of_memory = 1;
    return p;
}

static void on_free(png_structp png, png_voidp p) {
    (void)png;
    free(p);
}

static int probe(const uint8_t *bytes, size_t n_bytes) {
    static const uint8_t signature[SIGNATURE_BYTES] = "\x89PNG\r\n\x1A\n";
    return n_bytes >= SIGNATURE_BYTES && memcmp(bytes, signature, SIGNATURE_BYTES) == 0;
}

static int read_orientation(const reader *r) {
    int orientation = 0;
    png_uint_32 n = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(r->png, r->info, &n, &exif)) orientation = espy_exif_orientation(exif, n);
    png_textp text = NULL;
    int n_texts = 0;
    png_get_text(r->png, r->info, &text, &n_texts);
    for (int i = 0; i < n_texts && !orientation; i++)
        if (text[i].text && strcmp(text[i].key, "XML:com.adobe.xmp") == 0)
            orientation = espy_xmp_orientation((const uint8_t *)text[i].text, strlen(text[i].text));
    return orientation ? orientation : 1;
}

/* Asks for 8 bit RGB, or RGBA if the file has transparency; returns channels. */
static int choose_output(reader *r) {
    const int has_trns = png_get_valid(r->png, r->info, PNG_INFO_tRNS) != 0;
    const int type = png_get_color_type(r->png, r->info);
    png_set_expand(r->png);
    png_set_strip_16(r->png);
    png_set_gray_to_rgb(r->png);
    return (type & PNG_COLOR_MASK_ALPHA) || has_trns ? 4 : 3;
}

static espy_status read_pixels(reader *r, espy_error *err) {
    png_read_info(r->png, r->info);
    const int channels = choose_output(r);
    const png_uint_32 width = png_get_image_width(r->png, r->info);
    const png_uint_32 height = png_get_image_height(r->png, r->info);
    /* before libpng allocates rows of that width */
    espy_status status = espy_decoded_alloc(r->out, "PNG", width, height, channels, err);
    if (status) return status;
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    const size_t row_bytes = (size_t)width * (size_t)channels;
    if (png_get_rowbytes(r->png, r->info) != row_bytes)
        png_error(r->png, "rows of an unexpected length");
    r->rows = malloc((size_t)height * sizeof *r->rows);
    if (!r->rows) return espy_out_of_memory(err);
    for (png_uint_32 y = 0; y < height; y++) r->rows[y] = r->out->pixels + y * row_bytes;
    png_read_image(r->png, r->rows);
    png_read_end(r->png, r->info);
    r->out->orientation = read_orientation(r);
    return ESPY_OK;
}

static espy_status read_picture(reader *r, espy_error *err) {
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, on_malloc,
                                      on_free);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info) return espy_out_of_memory(err);
    if (setjmp(png_jmpbuf(r->png))) {
        if (r->out_of_memory) return espy_out_of_memory(err);
        return espy_fail(err, ESPY_ERR_FORMAT, (int64_t)r->at, "PNG: %s (at byte %zu)", r->message,
                         r->at);
    }
    png_set_read_fn(r->png, r, on_read);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours follow */
    return read_pixels(r, err);
}

static espy_status decode(espy_decoded *out, const uint8_t *bytes, size_t n_bytes,
                          espy_error *err) {
    reader *r = calloc(1, sizeof *r);
    if (!r) return espy_out_of_memory(err);
    r->bytes = bytes;
    r->n_bytes = n_bytes;
    r->out = out;
    espy_status status = read_picture(r, err);
    png_destroy_read_struct(&r->png, &r->info, NULL);
    free(r->rows);
    free(r);
    return status;
}

const espy_image_format espy_image_format_png = { "PNG", probe, decode };
