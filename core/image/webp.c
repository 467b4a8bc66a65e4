/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebP through libwebp. Of an animation the first frame is taken, composed on its canvas as
 * libwebpdemux does it. The file is a RIFF container whose EXIF and XMP chunks hold metadata. */
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decode.h"

static int probe(const uint8_t *bytes, size_t n_bytes) {
    return n_bytes >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

/* Shorter than the RIFF header says. */
static int is_cut(const uint8_t *bytes, size_t n_bytes) {
    const uint32_t riff =
        bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
    return n_bytes - 8 < riff;
}

static espy_status fail(VP8StatusCode code, const uint8_t *bytes, size_t n_bytes, espy_error *err) {
    if (code == VP8_STATUS_BITSTREAM_ERROR && is_cut(bytes, n_bytes))
        code = VP8_STATUS_NOT_ENOUGH_DATA;
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return espy_out_of_memory(err);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return espy_fail(err, ESPY_ERR_FORMAT, (int64_t)n_bytes,
                         "WebP: the file ends before the picture is complete");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "WebP: uses a feature that libwebp does not support");
    default:
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "WebP: the picture data are damaged");
    }
}

static espy_status decode_still(espy_decoded *out, const uint8_t *bytes, size_t n_bytes,
                                WebPDecoderConfig *config, espy_error *err) {
    const int channels = config->input.has_alpha ? 4 : 3;
    espy_status status =
        espy_decoded_alloc(out, "WebP", config->input.width, config->input.height, channels, err);
    if (status) return status;
    config->output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config->output.is_external_memory = 1;
    config->output.u.RGBA = (WebPRGBABuffer){
        .rgba = out->pixels,
        .stride = out->width * channels,
        .size = (size_t)out->width * (size_t)out->height * (size_t)channels,
    };
    VP8StatusCode code = WebPDecode(bytes, n_bytes, config);
    return code == VP8_STATUS_OK ? ESPY_OK : fail(code, bytes, n_bytes, err);
}

static espy_status decode_first_frame(espy_decoded *out, const uint8_t *bytes, size_t n_bytes,
                                      const WebPBitstreamFeatures *features, espy_error *err) {
    espy_status status = espy_decoded_alloc(out, "WebP", features->width, features->height, 4, err);
    if (status) return status;
    const WebPData data = { bytes, n_bytes };
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, NULL);
    uint8_t *frame = NULL;
    int end_ms = 0;
    if (decoder && WebPAnimDecoderGetNext(decoder, &frame, &end_ms))
        memcpy(out->pixels, frame, (size_t)out->width * (size_t)out->height * 4);
    else
        status = fail(VP8_STATUS_BITSTREAM_ERROR, bytes, n_bytes, err);
    WebPAnimDecoderDelete(decoder);
    return status;
}

static int chunk_orientation(const WebPDemuxer *demux, const char *fourcc,
                             int (*read)(const uint8_t *, size_t)) {
    WebPChunkIterator chunk;
    int orientation = 0;
    if (WebPDemuxGetChunk(demux, fourcc, 1, &chunk))
        orientation = read(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

static int read_orientation(const uint8_t *bytes, size_t n_bytes) {
    const WebPData data = { bytes, n_bytes };
    WebPDemuxer *demux = WebPDemux(&data);
    if (!demux) return 1;
    int orientation = chunk_orientation(demux, "EXIF", espy_exif_orientation);
    if (!orientation) orientation = chunk_orientation(demux, "XMP ", espy_xmp_orientation);
    WebPDemuxDelete(demux);
    return orientation ? orientation : 1;
}

static espy_status decode(espy_decoded *out, const uint8_t *bytes, size_t n_bytes,
                          espy_error *err) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "WebP: libwebp has another interface");
    VP8StatusCode code = WebPGetFeatures(bytes, n_bytes, &config.input);
    if (code != VP8_STATUS_OK) return fail(code, bytes, n_bytes, err);
    espy_status status = config.input.has_animation
                             ? decode_first_frame(out, bytes, n_bytes, &config.input, err)
                             : decode_still(out, bytes, n_bytes, &config, err);
    if (!status) out->orientation = read_orientation(bytes, n_bytes);
    return status;
}

const espy_image_format espy_image_format_webp = { "WebP", probe, decode };
