/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JPEG through libjpeg-turbo, with the library's defaults (accurate integer DCT,
 * smooth upsampling), as the reference decodes.
 *
 * One component is grey, three are YCbCr or RGB, four are CMYK or YCCK. Four-component files are
 * taken as inverted, as Adobe writes them, so with stored s = 255 - ink:
 *     k = s_K,  rgb_c = k - round((255 - s_c) * k / 255)
 *
 * A picture beyond ESPY_MAX_IMAGE_PIXELS is decoded at n/8 of its size, n as large as fits. A file
 * that ends early is an error; damage that leaves all rows there is not. */
#include <stdio.h> /* jpeglib.h uses FILE without declaring it */

#include <jpeglib.h>

#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

enum { MAX_SCANS = 500, MARKER_APP1 = JPEG_APP0 + 1 };

static const char xmp_head[] = "http://ns.adobe.com/xap/1.0/"; /* with its final zero */

/* The decoder's state and all that must outlive a longjmp. */
typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_source_mgr source;
    jmp_buf escape;
    char message[JMSG_LENGTH_MAX];
    int too_many_scans;
    espy_decoded *out;
    uint8_t *row; /* one CMYK row */
} reader;

static void on_error(j_common_ptr jpeg) {
    reader *r = jpeg->client_data;
    jpeg->err->format_message(jpeg, r->message);
    longjmp(r->escape, 1);
}

static void on_message(j_common_ptr jpeg, int level) {
    (void)jpeg;
    (void)level;
}

static void on_progress(j_common_ptr jpeg) {
    reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    r->too_many_scans = 1;
    longjmp(r->escape, 1);
}

/* The source holds the whole file; asked for more, it suspends the decoder. */
static void source_nothing(j_decompress_ptr jpeg) {
    (void)jpeg;
}

static boolean source_end(j_decompress_ptr jpeg) {
    (void)jpeg;
    return FALSE;
}

static void source_skip(j_decompress_ptr jpeg, long n) {
    if (n <= 0) return;
    size_t left = jpeg->src->bytes_in_buffer;
    size_t skip = (unsigned long)n < left ? (size_t)n : left;
    jpeg->src->next_input_byte += skip;
    jpeg->src->bytes_in_buffer -= skip;
}

static int probe(const uint8_t *bytes, size_t n_bytes) {
    return n_bytes >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

static void open_reader(reader *r, const uint8_t *bytes, size_t n_bytes) {
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->jpeg.client_data = r;
    jpeg_create_decompress(&r->jpeg);
    r->progress.progress_monitor = on_progress;
    r->jpeg.progress = &r->progress;
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = bytes,
        .bytes_in_buffer = n_bytes,
        .init_source = source_nothing,
        .fill_input_buffer = source_end,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    r->jpeg.src = &r->source;
    jpeg_save_markers(&r->jpeg, MARKER_APP1, 0xFFFF);
}

static int read_orientation(const reader *r) {
    int from_exif = 0, from_xmp = 0;
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next) {
        if (m->marker != MARKER_APP1) continue;
        if (!from_exif && m->data_length >= 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            from_exif = espy_exif_orientation(m->data, m->data_length);
        if (!from_xmp && m->data_length >= sizeof xmp_head &&
            memcmp(m->data, xmp_head, sizeof xmp_head) == 0)
            from_xmp = espy_xmp_orientation(m->data, m->data_length);
    }
    return from_exif ? from_exif : from_xmp ? from_xmp : 1;
}

/* Whether espy can use this kind of JPEG; chooses colours and scale. */
static espy_status choose(reader *r, espy_error *err) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    if (jpeg->data_precision != 8)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1, "JPEG: %d bits per sample; espy reads 8",
                         jpeg->data_precision);
    if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "JPEG: %d components; espy reads 1, 3 and 4", jpeg->num_components);
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    const int64_t full = (int64_t)jpeg->image_width * jpeg->image_height;
    if (full <= ESPY_MAX_IMAGE_PIXELS) return ESPY_OK;
    if (jpeg_has_multiple_scans(jpeg)) /* would hold all coefficients in memory */
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "JPEG: progressive with %ux%u pixels; espy decodes at most %lld million "
                         "of this kind",
                         jpeg->image_width, jpeg->image_height,
                         (long long)(ESPY_MAX_IMAGE_PIXELS / 1000000));
    jpeg->scale_denom = 8;
    for (jpeg->scale_num = 7; jpeg->scale_num > 1; jpeg->scale_num--) {
        jpeg_calc_output_dimensions(jpeg);
        if ((int64_t)jpeg->output_width * jpeg->output_height <= ESPY_MAX_IMAGE_PIXELS) break;
    }
    return ESPY_OK;
}

static uint8_t mul_div_255(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return (uint8_t)((t + (t >> 8)) >> 8);
}

static void cmyk_row(uint8_t *rgb, const uint8_t *cmyk, unsigned width) {
    for (unsigned x = 0; x < width; x++, rgb += 3, cmyk += 4)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(cmyk[3] - mul_div_255(255u - cmyk[c], cmyk[3]));
}

static espy_status read_rows(reader *r, espy_error *err) {
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const size_t row_bytes = (size_t)jpeg->output_width * 3;
    const int is_cmyk = jpeg->out_color_space == JCS_CMYK;
    if (is_cmyk && !(r->row = malloc((size_t)jpeg->output_width * 4)))
        return espy_out_of_memory(err);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb = r->out->pixels + jpeg->output_scanline * row_bytes;
        uint8_t *row = is_cmyk ? r->row : rgb;
        if (jpeg_read_scanlines(jpeg, &row, 1) != 1)
            return espy_fail(err, ESPY_ERR_FORMAT, -1, "JPEG: the file ends after %u of %u rows",
                             jpeg->output_scanline, jpeg->output_height);
        if (is_cmyk) cmyk_row(rgb, row, jpeg->output_width);
    }
    return ESPY_OK;
}

static espy_status read_picture(reader *r, const uint8_t *bytes, size_t n_bytes, espy_error *err) {
    if (setjmp(r->escape)) {
        int64_t at = r->source.next_input_byte ? r->source.next_input_byte - bytes : 0;
        if (r->errors.msg_code == JERR_OUT_OF_MEMORY) return espy_out_of_memory(err);
        if (r->too_many_scans)
            return espy_fail(err, ESPY_ERR_FORMAT, at, "JPEG: more than %d scans", MAX_SCANS);
        return espy_fail(err, ESPY_ERR_FORMAT, at, "JPEG: %s (at byte %lld)", r->message,
                         (long long)at);
    }
    open_reader(r, bytes, n_bytes);
    if (jpeg_read_header(&r->jpeg, TRUE) != JPEG_HEADER_OK)
        return espy_fail(err, ESPY_ERR_FORMAT, (int64_t)n_bytes,
                         "JPEG: the file ends in the header");
    r->out->orientation = read_orientation(r);
    espy_status status = choose(r, err);
    if (status) return status;
    if (!jpeg_start_decompress(&r->jpeg))
        return espy_fail(err, ESPY_ERR_FORMAT, (int64_t)n_bytes,
                         "JPEG: the file ends before the picture is complete");
    status =
        espy_decoded_alloc(r->out, "JPEG", r->jpeg.output_width, r->jpeg.output_height, 3, err);
    if (!status) status = read_rows(r, err);
    if (status == ESPY_ERR_FORMAT && err) err->offset = (int64_t)n_bytes;
    return status;
}

static espy_status decode(espy_decoded *out, const uint8_t *bytes, size_t n_bytes,
                          espy_error *err) {
    reader *r = calloc(1, sizeof *r);
    if (!r) return espy_out_of_memory(err);
    r->out = out;
    espy_status status = read_picture(r, bytes, n_bytes, err);
    jpeg_destroy_decompress(&r->jpeg);
    free(r->row);
    free(r);
    return status;
}

const espy_image_format espy_image_format_jpeg = { "JPEG", probe, decode };
