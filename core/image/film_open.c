/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a film: which stream, how many frames, how fast, which way up.
 *
 * The file is mapped and handed to the demuxer through callbacks, and the demuxer may
 * open nothing else: no network, no playlists, no second file. */
#include <libavutil/display.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/film_state.h"

#define FORMATS "matroska,webm,mov,mp4,avi,gif,apng,mpegts,mpeg,flv,ogg,asf,ivf"

enum { IO_BYTES = 1 << 15 };
#define SCANNED_BYTES ((int64_t)64 << 20) /* up to here packets are counted, not estimated */
#define MOST_FPS 1000.0

/* ------------------------------------------------------------------- bytes */

static int read_bytes(void *opaque, uint8_t *out, int n) {
    espy_film *film = opaque;
    int64_t left = film->source.n_bytes - film->at;
    if (left <= 0) return AVERROR_EOF;
    if (n > left) n = (int)left;
    memcpy(out, film->source.data + film->at, (size_t)n);
    film->at += n;
    return n;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence) {
    espy_film *film = opaque;
    if (whence & AVSEEK_SIZE) return film->source.n_bytes;
    whence &= ~AVSEEK_FORCE;
    int64_t from = whence == SEEK_CUR ? film->at : whence == SEEK_END ? film->source.n_bytes : 0;
    if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END) return AVERROR(EINVAL);
    if (offset < -from || offset > INT64_MAX - from) return AVERROR(EINVAL);
    film->at = from + offset;
    return film->at;
}

static int open_nothing(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                        AVDictionary **options) {
    (void)format, (void)url, (void)flags, (void)options;
    *io = NULL;
    return AVERROR(EACCES);
}

static espy_status open_container(espy_film *film, espy_error *err) {
    uint8_t *buffer = av_malloc(IO_BYTES);
    AVIOContext *io =
        buffer ? avio_alloc_context(buffer, IO_BYTES, 0, film, read_bytes, NULL, seek_bytes) : NULL;
    film->format = io ? avformat_alloc_context() : NULL;
    if (!film->format) {
        if (io)
            av_freep(&io->buffer), avio_context_free(&io);
        else
            av_freep(&buffer);
        return espy_out_of_memory(err);
    }
    film->format->pb = io;
    film->format->io_open = open_nothing;
    film->format->format_whitelist = av_strdup(FORMATS);
    /* on failure the context is freed, but not our io */
    int result = avformat_open_input(&film->format, NULL, NULL, NULL);
    if (result == 0) return ESPY_OK;
    av_freep(&io->buffer);
    avio_context_free(&io);
    if (result == AVERROR(ENOMEM)) return espy_out_of_memory(err);
    return espy_fail(err, ESPY_ERR_FORMAT, 0,
                     "not a film that espy can read; it reads WebM, Matroska, MP4, MOV, AVI, GIF, "
                     "MPEG, FLV, Ogg and WMV");
}

/* ------------------------------------------------------------------ stream */

/* Decoders that look into the streams get our limit of pixels too. */
static espy_status look_into_streams(espy_film *film, espy_error *err) {
    unsigned n = film->format->nb_streams;
    AVDictionary **options = calloc((size_t)n + 1, sizeof *options);
    if (!options) return espy_out_of_memory(err);
    for (unsigned i = 0; i < n; i++) {
        av_dict_set_int(&options[i], "max_pixels", ESPY_MAX_IMAGE_PIXELS, 0);
        av_dict_set(&options[i], "threads", "1", 0);
    }
    int result = avformat_find_stream_info(film->format, options);
    for (unsigned i = 0; i < n; i++) av_dict_free(&options[i]);
    free(options);
    if (result == AVERROR(ENOMEM)) return espy_out_of_memory(err);
    return result < 0 ? espy_fail(err, ESPY_ERR_FORMAT, -1, "its streams cannot be read") : ESPY_OK;
}

static espy_status fail_stream(const espy_film *film, int found, espy_error *err) {
    int n_sound = 0;
    for (unsigned i = 0; i < film->format->nb_streams; i++) {
        const AVCodecParameters *p = film->format->streams[i]->codecpar;
        if (p->codec_type == AVMEDIA_TYPE_VIDEO && found == AVERROR_DECODER_NOT_FOUND)
            return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                             "its pictures are '%s', which FFmpeg's libraries here do not decode",
                             avcodec_get_name(p->codec_id));
        n_sound += p->codec_type == AVMEDIA_TYPE_AUDIO;
    }
    return espy_fail(err, ESPY_ERR_FORMAT, -1, "holds %s, no moving pictures",
                     n_sound ? "sound" : "nothing to see");
}

static espy_status open_stream(espy_film *film, espy_error *err) {
    const AVCodec *decoder = NULL;
    int found = av_find_best_stream(film->format, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
    if (found < 0 || !decoder ||
        film->format->streams[found]->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return fail_stream(film, found, err);
    film->stream = film->format->streams[found];
    for (unsigned i = 0; i < film->format->nb_streams; i++)
        if (film->format->streams[i] != film->stream)
            film->format->streams[i]->discard = AVDISCARD_ALL;
    film->codec = avcodec_alloc_context3(decoder);
    film->packet = av_packet_alloc();
    film->ahead = av_frame_alloc();
    film->current = av_frame_alloc();
    if (!film->codec || !film->packet || !film->ahead || !film->current)
        return espy_out_of_memory(err);
    const AVCodecParameters *p = film->stream->codecpar;
    if (avcodec_parameters_to_context(film->codec, p) < 0) return espy_out_of_memory(err);
    film->codec->pkt_timebase = film->stream->time_base;
    film->codec->max_pixels = ESPY_MAX_IMAGE_PIXELS;
    /* small films are decoded before other threads have woken up */
    film->codec->thread_count = (int64_t)p->width * p->height > 1 << 19 ? 0 : 1;
    if (p->width < 1 || p->height < 1 || p->width > ESPY_MAX_IMAGE_PIXELS / p->height)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "its pictures have %dx%d pixels", p->width,
                         p->height);
    if (!(espy_film_tick(film) > 0))
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "its times have no unit");
    if (avcodec_open2(film->codec, decoder, NULL) < 0)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "the decoder for '%s' refuses it",
                         avcodec_get_name(p->codec_id));
    return ESPY_OK;
}

/* ------------------------------------------------------------- orientation */

static const int32_t *display_matrix(const AVStream *stream) {
    const size_t needed = 9 * sizeof(int32_t);
#if LIBAVFORMAT_VERSION_MAJOR >= 61
    const AVPacketSideData *side =
        av_packet_side_data_get(stream->codecpar->coded_side_data,
                                stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    return side && side->size >= needed ? (const int32_t *)(const void *)side->data : NULL;
#else
    size_t n_bytes = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &n_bytes);
    return data && n_bytes >= needed ? (const int32_t *)(const void *)data : NULL;
#endif
}

static int sign(int32_t v) {
    return v > 1 << 15 ? 1 : v < -(1 << 15) ? -1 : 0;
}

/* Quarter turns and mirrors as EXIF names them: x' = ax + cy, y' = bx + dy. */
static int orientation_of(const AVStream *stream) {
    static const int known[8][4] = { { 1, 0, 0, 1 },   { -1, 0, 0, 1 }, { -1, 0, 0, -1 },
                                     { 1, 0, 0, -1 },  { 0, 1, 1, 0 },  { 0, 1, -1, 0 },
                                     { 0, -1, -1, 0 }, { 0, -1, 1, 0 } };
    const int32_t *m = display_matrix(stream);
    for (int i = 0; m && i < 8; i++)
        if (sign(m[0]) == known[i][0] && sign(m[1]) == known[i][1] && sign(m[3]) == known[i][2] &&
            sign(m[4]) == known[i][3])
            return i + 1;
    return 1;
}

/* ------------------------------------------------------------------ frames */

/* What all packets of the stream tell. */
typedef struct packets {
    int64_t n, first, last; /* shown ones; presentation times */
} packets;

static packets count_packets(espy_film *film) {
    packets p = { .first = INT64_MAX, .last = INT64_MIN };
    while (av_read_frame(film->format, film->packet) >= 0) {
        const AVPacket *packet = film->packet;
        int64_t at = espy_film_time(packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts);
        if (packet->stream_index == film->stream->index && packet->size > 0 &&
            !(packet->flags & AV_PKT_FLAG_DISCARD)) {
            p.n++;
            if (at != AV_NOPTS_VALUE && at < p.first) p.first = at;
            if (at != AV_NOPTS_VALUE && at > p.last) p.last = at;
        }
        av_packet_unref(film->packet);
    }
    if (p.first > p.last) p.first = p.last = 0;
    return p;
}

static double rate_of(const espy_film *film) {
    double fps = av_q2d(av_guess_frame_rate(film->format, film->stream, NULL));
    return fps > 0 && fps <= MOST_FPS ? fps : 0;
}

/* The stated rate where the packets agree with it; else that of the packets. */
static void measure(espy_film *film, const packets *p) {
    espy_film_info *info = &film->info;
    double stated = rate_of(film);
    double span = ((double)p->last - (double)p->first) * espy_film_tick(film);
    double mean = p->n > 1 && span > 0 ? (double)(p->n - 1) / span : 0;
    if (mean > MOST_FPS) mean = 0;
    info->n_frames = p->n;
    info->fps = mean > 0 && !(fabs(stated / mean - 1) < 0.01) ? mean : stated;
    info->duration_s = span + (info->fps > 0 ? 1 / info->fps : 0);
    film->start = p->first;
}

/* Of a file that is too large to be read through: by what it states. Non-zero if
 * that is nothing. */
static int estimate(espy_film *film) {
    const AVStream *s = film->stream;
    espy_film_info *info = &film->info;
    double duration = s->duration > 0              ? (double)s->duration * espy_film_tick(film)
                      : film->format->duration > 0 ? (double)film->format->duration / AV_TIME_BASE
                                                   : 0;
    info->fps = rate_of(film);
    info->n_frames = s->nb_frames;
    if (info->n_frames <= 0) info->n_frames = llround(fmin(duration * info->fps, INT32_MAX));
    if (!(info->fps > 0) && info->n_frames > 0 && duration > 0)
        info->fps = (double)info->n_frames / duration;
    info->duration_s = duration;
    film->start = espy_film_time(s->start_time) != AV_NOPTS_VALUE ? s->start_time : 0;
    return !(duration > 0) || info->n_frames <= 0 || !(info->fps > 0 && info->fps <= MOST_FPS);
}

static espy_status learn(espy_film *film, espy_error *err) {
    const AVCodecParameters *p = film->stream->codecpar;
    espy_film_info *info = &film->info;
    film->orientation = orientation_of(film->stream);
    info->width_px = film->orientation < 5 ? p->width : p->height;
    info->height_px = film->orientation < 5 ? p->height : p->width;
    info->format = film->name;
    info->codec = film->codec_name;
    snprintf(film->name, sizeof film->name, "%s",
             film->format->iformat->long_name ? film->format->iformat->long_name
                                              : film->format->iformat->name);
    snprintf(film->codec_name, sizeof film->codec_name, "%s", avcodec_get_name(p->codec_id));
    if (film->source.n_bytes <= SCANNED_BYTES || estimate(film)) {
        packets all = count_packets(film);
        measure(film, &all);
    }
    if (info->n_frames > INT32_MAX) info->n_frames = INT32_MAX;
    return info->n_frames > 0 ? ESPY_OK : espy_fail(err, ESPY_ERR_FORMAT, -1, "holds no frames");
}

/* ------------------------------------------------------------------ public */

/* FFmpeg's messages go to stderr for everybody in the process; a host that has set a
 * level keeps it. */
static void hush(void) {
    if (av_log_get_level() == AV_LOG_INFO) av_log_set_level(AV_LOG_QUIET);
}

/* Takes the source over. */
static espy_status open_source(espy_film **out, espy_source *source, espy_error *err) {
    espy_film *film = calloc(1, sizeof *film);
    espy_status status;
    if (!film) {
        espy_source_close(source);
        return espy_out_of_memory(err);
    }
    film->source = *source;
    hush();
    status = film->source.n_bytes > 0 ? open_container(film, err)
                                      : espy_fail(err, ESPY_ERR_FORMAT, 0, "empty, not a film");
    if (!status) status = look_into_streams(film, err);
    if (!status) status = open_stream(film, err);
    if (!status) status = learn(film, err);
    if (status) {
        status = espy_fail_in(err, status, film->source.name);
        espy_film_close(&film);
    }
    *out = film;
    return status;
}

espy_status espy_film_open(espy_film **out, const char *path, espy_error *err) {
    espy_source source;
    *out = NULL;
    if (!path) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no path of a film given");
    espy_status status = espy_source_open(&source, path, err);
    return status ? status : open_source(out, &source, err);
}

espy_status espy_film_open_memory(espy_film **out, const void *bytes, size_t n_bytes,
                                  const char *name, espy_error *err) {
    espy_source source;
    *out = NULL;
    if (!bytes && n_bytes) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no bytes of a film given");
    espy_status status = espy_source_memory(&source, bytes ? bytes : "", (int64_t)n_bytes,
                                            name ? name : "film", err);
    return status ? status : open_source(out, &source, err);
}

void espy_film_close(espy_film **film) {
    if (!film || !*film) return;
    espy_film *f = *film;
    AVIOContext *io = f->format ? f->format->pb : NULL;
    sws_freeContext(f->scaler);
    av_frame_free(&f->ahead);
    av_frame_free(&f->current);
    av_packet_free(&f->packet);
    avcodec_free_context(&f->codec);
    avformat_close_input(&f->format);
    if (io) av_freep(&io->buffer);
    avio_context_free(&io);
    espy_source_close(&f->source);
    free(f);
    *film = NULL;
}

void espy_film_get_info(const espy_film *film, espy_film_info *info) {
    *info = film->info;
}
