/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files about films share; it needs FFmpeg's headers. */
#ifndef ESPY_IMAGE_FILM_STATE_H
#define ESPY_IMAGE_FILM_STATE_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>

#include "base/source.h"
#include "image/film.h"

struct espy_film {
    espy_source source;
    int64_t at; /* where the demuxer reads */
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *ahead, *current; /* the newest frame, and the one before it */
    struct SwsContext *scaler;
    int64_t start;   /* of the first frame, in the stream's units */
    int orientation; /* EXIF 1..8 */
    int no_seek;     /* seeking led behind the wanted frame once: only forward */
    espy_film_info info;
    char name[96], codec_name[64]; /* for info */
};

/* Times beyond are taken for unknown ones, so that sums of two do not overflow. */
#define ESPY_FILM_MOST_TICKS (INT64_MAX / 4)

static inline int64_t espy_film_time(int64_t at) {
    return at >= -ESPY_FILM_MOST_TICKS && at <= ESPY_FILM_MOST_TICKS ? at : AV_NOPTS_VALUE;
}

static inline double espy_film_tick(const espy_film *film) {
    return av_q2d(film->stream->time_base);
}

/* film_pixels.c: one decoded frame as an upright picture of this size. */
espy_status espy_film_picture(espy_film *film, const AVFrame *frame, const espy_film_wanted *wanted,
                              espy_image **image, espy_error *err);

#endif
