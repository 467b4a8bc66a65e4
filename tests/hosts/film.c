/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "film.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------- captions (CEA-608) */

/* Pairs of bytes with parity, three bytes each: a pair of printable characters, or a
 * command. ASCII alone is told apart here, as the tests' texts are. */
typedef struct screen {
    GString *loaded;
    GArray *captions;
} screen;

enum { LOADS = 0x1420, ERASES = 0x142e, SHOWS = 0x142f };

static void take_pair(screen *s, int pair, double time_s) {
    film_caption shown = { time_s, NULL };
    int code = pair & 0x7f7f;
    if (code >> 8 >= 0x20) {
        g_string_append_c(s->loaded, (char)(code >> 8));
        if (code & 0x7f) g_string_append_c(s->loaded, (char)(code & 0x7f));
    } else if (code == ERASES) {
        g_string_truncate(s->loaded, 0);
    } else if (code == SHOWS) {
        const film_caption *last =
            s->captions->len ? &g_array_index(s->captions, film_caption, s->captions->len - 1)
                             : NULL;
        if (last && last->time_s == time_s) return; /* commands come twice */
        shown.text = g_strdup(s->loaded->str);
        g_array_append_val(s->captions, shown);
    }
}

/* OBS puts them behind the picture of their packet (SEI messages, ATSC A/53), where
 * FFmpeg's decoder does not look: "GA94", 3, how many pairs, an unused byte, the pairs. */
static void take_captions(screen *s, const AVPacket *packet, double time_s) {
    const guint8 *p = packet->data, *end = p + packet->size;
    while ((p = memmem(p, (size_t)(end - p), "GA94\3", 5)) && end - p > 7) {
        const int n = p[5] & 31;
        p += 7;
        for (int i = 0; i < n && end - p >= 3; i++, p += 3)
            if ((p[0] & 7) == 4) take_pair(s, p[1] << 8 | p[2], time_s); /* of the first field */
    }
}

/* ----------------------------------------------------------------------- frames */

static int clip(double x) {
    return (int)CLAMP(x, 0, 255);
}

/* Of the pixel in the middle, BT.709, partial range, chroma in half the size. */
static guint32 middle_rgb(const AVFrame *f) {
    int x = f->width / 2, y = f->height / 2;
    double luma = 1.164 * (f->data[0][y * f->linesize[0] + x] - 16);
    double blue = f->data[1][y / 2 * f->linesize[1] + x / 2] - 128;
    double red = f->data[2][y / 2 * f->linesize[2] + x / 2] - 128;
    return (guint32)(clip(luma + 1.793 * red) << 16 | clip(luma - 0.213 * blue - 0.533 * red) << 8 |
                     clip(luma + 2.112 * blue));
}

static void take_frame(film *f, const AVFrame *frame, AVRational unit) {
    double time_s = (double)frame->best_effort_timestamp * av_q2d(unit);
    f->time_s = g_renew(double, f->time_s, f->n_frames + 1);
    f->rgb = g_renew(guint32, f->rgb, f->n_frames + 1);
    f->time_s[f->n_frames] = time_s;
    f->rgb[f->n_frames++] = middle_rgb(frame);
}

static void read_frames(film *f, AVFormatContext *file, int stream, AVCodecContext *decoder) {
    screen s = { g_string_new(NULL), f->captions };
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    const AVRational unit = file->streams[stream]->time_base;
    gboolean is_over = FALSE;
    while (!is_over) {
        is_over = av_read_frame(file, packet) < 0;
        if (!is_over && packet->stream_index == stream)
            take_captions(&s, packet, (double)packet->pts * av_q2d(unit));
        if (is_over || packet->stream_index == stream)
            avcodec_send_packet(decoder, is_over ? NULL : packet);
        while (avcodec_receive_frame(decoder, frame) >= 0) take_frame(f, frame, unit);
        av_packet_unref(packet);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    g_string_free(s.loaded, TRUE);
}

film *film_read(const char *path) {
    AVFormatContext *file = NULL;
    const AVCodec *codec;
    film *f = NULL;
    if (avformat_open_input(&file, path, NULL, NULL) < 0) return NULL;
    int stream = avformat_find_stream_info(file, NULL) < 0
                     ? -1
                     : av_find_best_stream(file, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    AVCodecContext *decoder = stream < 0 ? NULL : avcodec_alloc_context3(codec);
    if (decoder && avcodec_parameters_to_context(decoder, file->streams[stream]->codecpar) >= 0 &&
        avcodec_open2(decoder, codec, NULL) >= 0) {
        f = g_new0(film, 1);
        f->captions = g_array_new(FALSE, FALSE, sizeof(film_caption));
        read_frames(f, file, stream, decoder);
    }
    avcodec_free_context(&decoder);
    avformat_close_input(&file);
    return f;
}

void film_free(film *f) {
    if (!f) return;
    for (guint i = 0; i < f->captions->len; i++)
        g_free(g_array_index(f->captions, film_caption, i).text);
    g_array_free(f->captions, TRUE);
    g_free(f->time_s);
    g_free(f->rgb);
    g_free(f);
}

static gboolean is_near(guint32 a, guint32 b) {
    for (int shift = 0; shift < 24; shift += 8)
        if (abs((int)(a >> shift & 0xff) - (int)(b >> shift & 0xff)) > 60) return FALSE;
    return TRUE;
}

double film_first(const film *f, guint32 rgb) {
    for (int i = 0; i < f->n_frames; i++)
        if (is_near(f->rgb[i], rgb)) return f->time_s[i];
    return -1;
}

double film_end(const film *f) {
    return f->n_frames > 1 ? 2 * f->time_s[f->n_frames - 1] - f->time_s[f->n_frames - 2] : -1;
}
