/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a decoded frame to a picture:
 *
 *     any pixel format -> u8 RGB(A) at full size -> alpha over white -> upright
 *                      -> the models' own bicubic filter
 *
 * swscale only changes the format, with the matrix and range that the frame states
 * (BT.601 where it states none); the sizes are changed by resize.c, so that a frame of
 * a film and the same frame as a picture give the same pixels. */
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>

#include "image/decode.h"
#include "image/film_state.h"

static espy_status fail_format(const AVFrame *frame, espy_error *err) {
    const char *name = av_get_pix_fmt_name((enum AVPixelFormat)frame->format);
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                     "frames of %dx%d pixels in the format '%s' cannot be converted", frame->width,
                     frame->height, name ? name : "unknown");
}

static void set_colours(struct SwsContext *scaler, const AVFrame *frame) {
    int space = frame->colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : frame->colorspace;
    const int *from = sws_getCoefficients(space), *to = sws_getCoefficients(SWS_CS_DEFAULT);
    sws_setColorspaceDetails(scaler, from, frame->color_range == AVCOL_RANGE_JPEG, to, 1, 0,
                             1 << 16, 1 << 16);
}

/* u8 [height][stride] of RGB or RGBA, to be freed with av_freep. */
static espy_status convert(espy_film *film, const AVFrame *frame, int channels, uint8_t *out[4],
                           int strides[4], espy_error *err) {
    enum AVPixelFormat from = (enum AVPixelFormat)frame->format;
    enum AVPixelFormat to = channels == 4 ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
    film->scaler = sws_getCachedContext(
        film->scaler, frame->width, frame->height, from, frame->width, frame->height, to,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, NULL, NULL, NULL);
    if (!film->scaler) return fail_format(frame, err);
    set_colours(film->scaler, frame);
    if (av_image_alloc(out, strides, frame->width, frame->height, to, 64) < 0)
        return espy_out_of_memory(err);
    if (sws_scale(film->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                  frame->height, out, strides) > 0)
        return ESPY_OK;
    av_freep(&out[0]);
    return fail_format(frame, err);
}

static espy_status reduce(espy_image *image, const espy_film_wanted *w, espy_error *err) {
    uint8_t *pixels;
    if (image->width == w->width && image->height == w->height) return ESPY_OK;
    espy_status status = espy_resize_bicubic(image->pixels, image->height, image->width, w->height,
                                             w->width, 0, &pixels, err);
    if (status) return status;
    free(image->pixels);
    image->pixels = pixels;
    image->width = w->width;
    image->height = w->height;
    return ESPY_OK;
}

espy_status espy_film_picture(espy_film *film, const AVFrame *frame, const espy_film_wanted *w,
                              espy_image **image, espy_error *err) {
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
    uint8_t *data[4];
    int strides[4];
    *image = NULL;
    if (!format || frame->width < 1 || frame->height < 1 ||
        frame->width > ESPY_MAX_IMAGE_PIXELS / frame->height)
        return fail_format(frame, err);
    int channels = format->flags & AV_PIX_FMT_FLAG_ALPHA ? 4 : 3;
    espy_status status = convert(film, frame, channels, data, strides, err);
    if (status) return status;
    status = espy_image_from_pixels(image, data[0], frame->width, frame->height, strides[0],
                                    channels, w->alpha, err);
    av_freep(&data[0]);
    espy_image *out = *image;
    if (!status)
        status = espy_orient(&out->pixels, &out->width, &out->height, film->orientation, err);
    if (!status) status = reduce(out, w, err);
    if (status) {
        espy_image_close(image);
        return status;
    }
    out->full_width = film->info.width_px;
    out->full_height = film->info.height_px;
    return ESPY_OK;
}
