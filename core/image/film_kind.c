/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Films by their first bytes, as pictures are told. Files that begin with "ftyp" are
 * films unless they say that they are AVIF or HEIC pictures. */
#include <string.h>

#include "base/source.h"
#include "image/film.h"

static const struct kind {
    size_t at, n_bytes;
    const char *bytes;
} films[] = {
    { 0, 4, "\x1A\x45\xDF\xA3" }, /* Matroska, WebM */
    { 4, 4, "moov" },
    { 4, 4, "mdat" },
    { 4, 4, "wide" },
    { 8, 4, "AVI " },
    { 0, 4, "GIF8" },
    { 0, 4, "FLV\x01" },
    { 0, 4, "OggS" },
    { 0, 4, "DKIF" },
    { 0, 8, "\x30\x26\xB2\x75\x8E\x66\xCF\x11" }, /* ASF, WMV */
    { 0, 4, "\0\0\x01\xBA" },                     /* MPEG */
    { 0, 4, "\0\0\x01\xB3" },
};

static int has(const unsigned char *bytes, size_t n, size_t at, const char *what, size_t n_what) {
    return n >= at + n_what && memcmp(bytes + at, what, n_what) == 0;
}

static int is_iso_film(const unsigned char *bytes, size_t n) {
    static const char pictures[][5] = { "avif", "avis", "heic", "heix", "hevc", "heim", "mif1" };
    if (!has(bytes, n, 4, "ftyp", 4)) return 0;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (has(bytes, n, 8, pictures[i], 4)) return 0;
    return 1;
}

/* Packets of 188 bytes, each beginning with 'G'. */
static int is_transport_stream(const unsigned char *bytes, size_t n) {
    return n > 376 && bytes[0] == 0x47 && bytes[188] == 0x47 && bytes[376] == 0x47;
}

int espy_is_film(const void *bytes, size_t n_bytes) {
    const unsigned char *b = bytes;
    if (!b) return 0;
    for (size_t i = 0; i < sizeof films / sizeof *films; i++)
        if (has(b, n_bytes, films[i].at, films[i].bytes, films[i].n_bytes)) return 1;
    return is_iso_film(b, n_bytes) || is_transport_stream(b, n_bytes);
}

int espy_is_film_file(const char *path) {
    espy_source file;
    if (!path || espy_source_open(&file, path, NULL)) return 0;
    int is_film = espy_is_film(file.data, (size_t)(file.n_bytes < 512 ? file.n_bytes : 512));
    espy_source_close(&file);
    return is_film;
}
