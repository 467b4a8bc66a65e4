/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pictures of a request: a path relative to it, file://PATH, or
 * data:[TYPE];base64,BYTES. */
#include "request.h"

#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Four digits are three bytes; '=' pads the end. Returns the bytes written to
 * out, which has room for strlen(s) * 3 / 4, or -1 with *at at what is wrong. */
static long decode_base64(const char *s, unsigned char *out, size_t *at) {
    unsigned bits = 0;
    int n_bits = 0;
    long n = 0;
    size_t i = 0;
    for (; s[i] && s[i] != '='; i++) {
        int digit = base64_digit(s[i]);
        if (digit < 0) {
            *at = i;
            return -1;
        }
        bits = (bits << 6 | (unsigned)digit) & 0xFFFFU;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (unsigned char)(bits >> n_bits);
        }
    }
    *at = i;
    return s[i + strspn(s + i, "=")] ? -1 : n;
}

static espy_status load_data(cli_reader *in, const char *uri, const char *at, espy_image **image) {
    const char *comma = strchr(uri, ',');
    static const char encoding[] = ";base64";
    size_t n = comma ? (size_t)(comma - uri) : 0, wrong = 0, tail = sizeof encoding - 1;
    if (n < tail || strncmp(comma - tail, encoding, tail) != 0)
        return cli_request_bad(in, at, "must be base64, if it is a data: URI");
    unsigned char *bytes = malloc(strlen(comma) + 1);
    if (!bytes) return cli_fail(in->err, ESPY_ERR_MEMORY, -1, "%s: out of memory", in->name);
    long n_bytes = decode_base64(comma + 1, bytes, &wrong);
    espy_status status =
        n_bytes < 0 ? cli_fail(in->err, ESPY_ERR_FORMAT, -1,
                               "%s: %s: not base64 after %zu characters of it", in->name, at, wrong)
                    : espy_image_decode(image, bytes, (size_t)n_bytes, in->r->alpha, at, in->err);
    free(bytes);
    return status;
}

static espy_status load_file(cli_reader *in, const char *path, espy_image **image) {
    if (!strncmp(path, "file://", 7)) path += 7;
    if (path[0] == '/' || !in->folder[0])
        return espy_image_load(image, path, in->r->alpha, in->err);
    size_t n = strlen(in->folder) + strlen(path) + 2;
    char *whole = malloc(n);
    if (!whole) return cli_fail(in->err, ESPY_ERR_MEMORY, -1, "%s: out of memory", in->name);
    snprintf(whole, n, "%s/%s", in->folder, path);
    espy_status status = espy_image_load(image, whole, in->r->alpha, in->err);
    free(whole);
    return status;
}

espy_status cli_request_picture(cli_reader *in, const char *where, const char *at,
                                const espy_image **image) {
    cli_request *r = in->r;
    espy_image **images = realloc(r->images, (r->n_images + 1) * sizeof *images);
    if (!images) return cli_fail(in->err, ESPY_ERR_MEMORY, -1, "%s: out of memory", in->name);
    r->images = images;
    espy_image *loaded = NULL;
    espy_status status;
    if (!strncmp(where, "data:", 5))
        status = load_data(in, where, at, &loaded);
    else if (!strncmp(where, "http://", 7) || !strncmp(where, "https://", 8))
        status = cli_request_bad(in, at, "must be a file: nothing is fetched from the network");
    else
        status = load_file(in, where, &loaded);
    if (status) return status;
    r->images[r->n_images++] = loaded;
    *image = loaded;
    return ESPY_OK;
}
