/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strings and bare words of tolerant JSON, byte by byte.
 *
 * A string ends at a quote of its kind before a comma, a closing bracket, or,
 * of a key, a colon; also before the next string on a new line. Other quotes
 * belong to it: 'it's', "a "big" cat". A bare word ends where its line or the
 * structure goes on; a bare number also at a blank. */
#include <string.h>

#include "text/shapes.h"
#include "text/unicode.h"

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void espy_token_begin(espy_json *j, char c, int is_key, int *failed) {
    espy_buf_cut(&j->text, 0);
    j->token = c == '"' || c == '\'' ? JSON_STRING : JSON_BARE;
    j->quote = c;
    j->is_key = is_key;
    j->escape = j->maybe_ended = j->broke_line = 0;
    j->high = 0;
    if (j->token == JSON_BARE) espy_buf_byte(&j->text, c, failed);
}

static void put_code(espy_json *j, unsigned code, int *failed) {
    char s[4];
    if (code == 0 || (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) code = 0xFFFD;
    espy_buf_add(&j->text, s, espy_utf8_encode((int32_t)code, s), failed);
}

/* Half of a pair without its partner. */
static void put_lone_half(espy_json *j, int *failed) {
    if (j->high) put_code(j, 0xFFFD, failed);
    j->high = 0;
}

static void put_escaped_code(espy_json *j, int *failed) {
    unsigned code = j->code;
    if (code >= 0xDC00 && code < 0xE000 && j->high) {
        put_code(j, 0x10000 + ((j->high - 0xD800) << 10) + (code - 0xDC00), failed);
        j->high = 0;
        return;
    }
    put_lone_half(j, failed);
    if (code >= 0xD800 && code < 0xDC00)
        j->high = code;
    else
        put_code(j, code, failed);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Returns 0 if c is no part of the escape. */
static int escape_byte(espy_json *j, char c, int *failed) {
    static const char letters[] = "nrtbf", meanings[] = "\n\r\t\b\f";
    if (j->escape == 1) {
        const char *at = c ? strchr(letters, c) : NULL;
        j->escape = c == 'u' ? 2 : 0;
        j->code = 0;
        if (c == 'u') return 1;
        put_lone_half(j, failed);
        espy_buf_byte(&j->text, at ? meanings[at - letters] : c, failed);
        return 1;
    }
    int digit = hex_digit(c);
    if (digit < 0) {
        put_lone_half(j, failed);
        put_code(j, 0xFFFD, failed);
        j->escape = 0;
        return 0;
    }
    j->code = j->code * 16 + (unsigned)digit;
    if (++j->escape == 6) {
        j->escape = 0;
        put_escaped_code(j, failed);
    }
    return 1;
}

static void plain_byte(espy_json *j, char c, int *failed) {
    if (c == '\\') {
        j->escape = 1;
        return;
    }
    put_lone_half(j, failed);
    if (c == j->quote) {
        j->maybe_ended = 1;
        j->broke_line = 0;
        j->end = j->text.n;
    }
    espy_buf_byte(&j->text, c, failed);
}

/* After a quote. Returns 0 if the string ended there. */
static int byte_after_quote(espy_json *j, char c, int *failed) {
    if (is_blank(c)) {
        j->broke_line |= c == '\n';
        espy_buf_byte(&j->text, c, failed);
        return 1;
    }
    if (c == ',' || c == '}' || c == ']' || (c == ':' && j->is_key) ||
        (j->broke_line && (c == j->quote || c == '`'))) {
        espy_buf_cut(&j->text, j->end);
        return 0;
    }
    j->maybe_ended = 0;
    plain_byte(j, c, failed);
    return 1;
}

static int bare_byte(espy_json *j, char c, int *failed) {
    espy_shape_number x;
    if (c == ',' || c == '{' || c == '}' || c == '[' || c == ']' || c == '\n' || c == '<' ||
        c == '`' || (c == ':' && j->is_key))
        return 0;
    if (is_blank(c) && espy_shape_parse_number(espy_buf_view(&j->text), &x)) return 0;
    espy_buf_byte(&j->text, c, failed);
    return 1;
}

int espy_token_byte(espy_json *j, char c, int *failed) {
    if (j->token == JSON_BARE) return bare_byte(j, c, failed);
    if (j->escape && escape_byte(j, c, failed)) return 1;
    if (j->maybe_ended) return byte_after_quote(j, c, failed);
    plain_byte(j, c, failed);
    return 1;
}

int espy_token_is_whole(const espy_json *j) {
    return j->token == JSON_STRING && j->maybe_ended;
}
