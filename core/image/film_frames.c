/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frames of a film at given times. Frames are decoded in order; two are at hand,
 * so that the one shown at a time t is known when the next begins later:
 *
 *     current.pts <= t < ahead.pts
 *
 * A seek is made where the container knows a key frame between here and there, or
 * where there is far to go. Packets that cannot be decoded are passed over. */
#include "image/film_state.h"

#define FAR_SECONDS 10.0

/* Reading one set of frames. */
typedef struct reading {
    espy_film *film;
    const espy_film_wanted *wanted;
    int done;     /* times so far */
    int ended;    /* the decoder has given its last frame */
    int flushing; /* the file has ended */
    int64_t late; /* how much later than t a frame may begin, for rounded times */
    unsigned polls;
} reading;

static int stopped(reading *r) {
    const espy_film_wanted *w = r->wanted;
    return w->progress && w->progress(w->user, "watching", r->done, w->n > 0 ? w->n : 1);
}

/* Timestamps are rounded to a tick, or to milliseconds by an earlier container; never
 * as far as to the next frame. */
static int64_t tolerance(const espy_film *film) {
    double tick = espy_film_tick(film), frame = film->info.fps > 0 ? 1 / film->info.fps : 0.04;
    double late = frame / 4 < 0.005 ? frame / 4 : 0.005;
    if (late < 1.01 * tick) late = 1.01 * tick;
    return (int64_t)((late < 0.49 * frame ? late : 0.49 * frame) / tick);
}

static int64_t ticks_of(const espy_film *film, double seconds) {
    double ticks = seconds / espy_film_tick(film), most = (double)ESPY_FILM_MOST_TICKS;
    return (int64_t)(ticks < most ? ticks + 1e-6 : most);
}

static int64_t next_guess(const espy_film *film) {
    int64_t ticks = ticks_of(film, film->info.fps > 0 ? 1 / film->info.fps : 1 / 24.0);
    int64_t room = ESPY_FILM_MOST_TICKS - film->current->pts;
    return film->current->pts + (ticks < room ? ticks : room);
}

/* Feeds the decoder with the next packet of the stream, or with the end. */
static void feed(reading *r) {
    espy_film *film = r->film;
    while (!r->flushing) {
        if (av_read_frame(film->format, film->packet) < 0) {
            r->flushing = 1;
            avcodec_send_packet(film->codec, NULL);
            return;
        }
        int ours = film->packet->stream_index == film->stream->index;
        if (ours) avcodec_send_packet(film->codec, film->packet); /* broken ones are passed over */
        av_packet_unref(film->packet);
        if (ours) return;
    }
}

/* ahead becomes current, the next decoded frame ahead. Without one, ended is set. */
static espy_status step(reading *r, espy_error *err) {
    enum { EVERY = 16 };
    espy_film *film = r->film;
    AVFrame *old = film->current;
    film->current = film->ahead;
    film->ahead = old;
    av_frame_unref(film->ahead);
    for (;;) {
        int result = avcodec_receive_frame(film->codec, film->ahead);
        if (result == AVERROR(ENOMEM)) return espy_out_of_memory(err);
        if (result == 0) break;
        if (result != AVERROR(EAGAIN) && (result == AVERROR_EOF || r->flushing)) {
            r->ended = 1;
            return ESPY_OK;
        }
        feed(r);
        if (++r->polls % EVERY == 0 && stopped(r))
            return espy_fail(err, ESPY_ERR_STOPPED, -1, "stopped while watching");
    }
    AVFrame *frame = film->ahead;
    frame->pts = espy_film_time(frame->best_effort_timestamp);
    if (frame->pts == AV_NOPTS_VALUE)
        frame->pts = film->current->buf[0] ? next_guess(film) : film->start;
    return ESPY_OK;
}

static void restart(reading *r) {
    espy_film *film = r->film;
    avcodec_flush_buffers(film->codec);
    av_frame_unref(film->current);
    av_frame_unref(film->ahead);
    r->ended = r->flushing = 0;
}

static void rewind_film(reading *r) {
    espy_film *film = r->film;
    int index = film->stream->index;
    /* streams without an index are sought by their times, which leads too far */
    int by_byte = film->format->iformat->flags & AVFMT_TS_DISCONT;
    if (!by_byte || av_seek_frame(film->format, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        if (av_seek_frame(film->format, index, film->start, AVSEEK_FLAG_BACKWARD) < 0)
            av_seek_frame(film->format, -1, 0, AVSEEK_FLAG_BYTE);
    restart(r);
}

/* Whether a seek spares decoding. */
static int worth_a_seek(const reading *r, int64_t at) {
    const espy_film *film = r->film;
    if (film->no_seek || !film->ahead->buf[0] || at <= film->ahead->pts) return 0;
    const AVIndexEntry *key =
        avformat_index_get_entry_from_timestamp(film->stream, at, AVSEEK_FLAG_BACKWARD);
    if (key) return key->timestamp > film->ahead->pts;
    return (double)(at - film->ahead->pts) * espy_film_tick(film) > FAR_SECONDS;
}

/* The frame shown at a time, in current. */
static espy_status find(reading *r, int64_t at, espy_error *err) {
    espy_film *film = r->film;
    int sought = worth_a_seek(r, at);
    espy_status status = ESPY_OK;
    if (sought) {
        if (av_seek_frame(film->format, film->stream->index, at, AVSEEK_FLAG_BACKWARD) < 0)
            rewind_film(r), film->no_seek = 1;
        else
            restart(r);
    }
    for (;;) {
        while (!status && !r->ended && (!film->ahead->buf[0] || film->ahead->pts <= at + r->late))
            status = step(r, err);
        if (status || film->current->buf[0] || !sought) break;
        film->no_seek = 1; /* it led too far: all again from the beginning, once */
        sought = 0;
        rewind_film(r);
    }
    if (status || film->current->buf[0]) return status;
    /* nothing begins so early: the first frame there is */
    if (film->ahead->buf[0]) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_FORMAT, -1, "none of its frames can be decoded");
}

static espy_status read_all(reading *r, espy_image **images, espy_error *err) {
    espy_film *film = r->film;
    const espy_film_wanted *w = r->wanted;
    rewind_film(r);
    for (; r->done < w->n; r->done++) {
        if (stopped(r)) return espy_fail(err, ESPY_ERR_STOPPED, -1, "stopped while watching");
        int64_t at = film->start + ticks_of(film, w->times[r->done]);
        espy_status status = find(r, at, err);
        if (status) return status;
        const AVFrame *shown = film->current->buf[0] ? film->current : film->ahead;
        status = espy_film_picture(film, shown, w, &images[r->done], err);
        if (status) return status;
    }
    return ESPY_OK;
}

espy_status espy_film_frames(espy_film *film, const espy_film_wanted *wanted, espy_image **images,
                             espy_error *err) {
    reading r = { .film = film, .wanted = wanted, .late = tolerance(film) };
    for (int i = 0; i < wanted->n; i++) images[i] = NULL;
    espy_status status = read_all(&r, images, err);
    restart(&r);
    if (!status) return ESPY_OK;
    for (int i = 0; i < wanted->n; i++) espy_image_close(&images[i]);
    return status == ESPY_ERR_STOPPED || status == ESPY_ERR_MEMORY
               ? status
               : espy_fail_in(err, status, film->source.name);
}
