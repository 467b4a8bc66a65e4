/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small things that answers are made of: strings, numbers, times. Numbers are
 * read without the C library's strtod, which obeys the host's locale. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "text/shapes.h"
#include "text/unicode.h"

/* ----------------------------------------------------------------- strings */

void espy_buf_add(espy_buf *b, const char *s, size_t n, int *failed) {
    if (n > ESPY_SHAPE_STRING - b->n) n = ESPY_SHAPE_STRING - b->n;
    if (b->capacity < b->n + n + 1) {
        size_t capacity = b->capacity ? b->capacity : 32;
        while (capacity < b->n + n + 1) capacity *= 2;
        char *grown = realloc(b->at, capacity);
        if (!grown) {
            *failed = 1;
            return;
        }
        b->at = grown;
        b->capacity = capacity;
    }
    if (n) memcpy(b->at + b->n, s, n);
    b->n += n;
    b->at[b->n] = 0;
}

void espy_buf_byte(espy_buf *b, char c, int *failed) {
    espy_buf_add(b, &c, 1, failed);
}

void espy_buf_cut(espy_buf *b, size_t n) {
    if (n >= b->n) return;
    b->n = n;
    b->at[n] = 0;
}

const char *espy_buf_text(const espy_buf *b) {
    return b->at ? b->at : "";
}

void espy_buf_free(espy_buf *b) {
    free(b->at);
    *b = (espy_buf){ 0 };
}

espy_view espy_buf_view(const espy_buf *b) {
    return (espy_view){ espy_buf_text(b), b->n };
}

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int is_trimmed(char c, const char *also) {
    return is_blank(c) || (c && strchr(also, c));
}

espy_view espy_view_trim(espy_view v, const char *also) {
    while (v.n && is_trimmed(v.at[0], also)) v.at++, v.n--;
    while (v.n && is_trimmed(v.at[v.n - 1], also)) v.n--;
    return v;
}

int espy_view_is(espy_view v, const char *word) {
    return v.n == strlen(word) && !strncasecmp(v.at, word, v.n);
}

size_t espy_shape_repair(char *out, espy_view v) {
    size_t n = 0;
    while (v.n) {
        int32_t cp;
        size_t length = espy_utf8_decode(v.at, v.n, &cp);
        const char *s = cp > 0 ? v.at : ESPY_REPLACEMENT;
        size_t n_s = cp > 0 ? length : 3;
        if (n + n_s > ESPY_SHAPE_STRING) break;
        if (out) memcpy(out + n, s, n_s);
        n += n_s;
        v.at += length;
        v.n -= length;
    }
    return n;
}

void espy_shape_unescape(espy_buf *b) {
    static const struct {
        const char *name;
        char c;
    } entities[] = { { "&amp;", '&' },  { "&lt;", '<' },    { "&gt;", '>' },  { "&quot;", '"' },
                     { "&#39;", '\'' }, { "&apos;", '\'' }, { "&nbsp;", ' ' } };
    size_t to = 0;
    for (size_t i = 0; i < b->n;) {
        size_t n = 1;
        char c = b->at[i];
        for (size_t k = 0; c == '&' && k < sizeof entities / sizeof *entities; k++) {
            size_t n_name = strlen(entities[k].name);
            if (b->n - i < n_name || strncmp(b->at + i, entities[k].name, n_name) != 0) continue;
            n = n_name;
            c = entities[k].c;
            break;
        }
        b->at[to++] = c;
        i += n;
    }
    espy_buf_cut(b, to);
}

/* ----------------------------------------------------------------- numbers */

/* Digits from v on; how many. Beyond 18 only their number is kept. */
static size_t read_digits(espy_view *v, double *mantissa, int *dropped) {
    size_t n = 0;
    for (; v->n && is_digit(*v->at); v->at++, v->n--, n++) {
        if (*mantissa < 1e17)
            *mantissa = *mantissa * 10 + (*v->at - '0');
        else
            ++*dropped;
    }
    return n;
}

static int read_exponent(espy_view *v, int *exponent) {
    if (!v->n || (*v->at != 'e' && *v->at != 'E')) return 1;
    v->at++, v->n--;
    int negative = v->n && *v->at == '-';
    if (v->n && (*v->at == '-' || *v->at == '+')) v->at++, v->n--;
    int e = 0;
    size_t n = 0;
    for (; v->n && is_digit(*v->at); v->at++, v->n--, n++)
        if (e < 100000) e = e * 10 + (*v->at - '0');
    *exponent += negative ? -e : e;
    return n > 0;
}

int espy_shape_parse_number(espy_view v, espy_shape_number *out) {
    double mantissa = 0;
    int dropped = 0, exponent = 0, unused = 0;
    v = espy_view_trim(v, "");
    int negative = v.n && *v.at == '-';
    if (v.n && (*v.at == '-' || *v.at == '+')) v.at++, v.n--;
    *out = (espy_shape_number){ 0 };
    if (espy_view_is(v, "nan") || espy_view_is(v, "inf") || espy_view_is(v, "infinity")) {
        out->value = v.n == 3 && (*v.at == 'n' || *v.at == 'N') ? NAN : INFINITY;
        return 1;
    }
    size_t n = read_digits(&v, &mantissa, &dropped);
    exponent = dropped;
    if (v.n && *v.at == '.') {
        v.at++, v.n--;
        int before = dropped;
        size_t places = read_digits(&v, &mantissa, &unused);
        exponent = before - (int)(places < 100000 ? places : 100000) + unused;
        n += places;
        out->has_point = 1;
    }
    if (!n || !read_exponent(&v, &exponent) || v.n) return 0;
    double x = exponent < 0 ? mantissa / pow(10, -exponent) : mantissa * pow(10, exponent);
    if (mantissa == 0) x = 0; /* 0e999 */
    out->value = negative ? -x : x;
    return 1;
}

int espy_shape_parse_numbers(espy_view v, espy_shape_number *out, int max) {
    static const char apart[] = " \t\r\n,;[]()";
    int n = 0;
    while (v.n) {
        size_t length = 0;
        if (memchr(apart, *v.at, sizeof apart - 1)) {
            v.at++, v.n--;
            continue;
        }
        while (length < v.n && !memchr(apart, v.at[length], sizeof apart - 1)) length++;
        if (n == max || !espy_shape_parse_number((espy_view){ v.at, length }, &out[n])) return -1;
        n++;
        v.at += length;
        v.n -= length;
    }
    return n;
}

/* ------------------------------------------------------------------- times */

/* Without the unit behind it: "5 s", "5 seconds". */
static espy_view without_unit(espy_view v) {
    static const char *const units[] = { "seconds", "second", "secs", "sec", "s" };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i]);
        if (v.n > n && !strncasecmp(v.at + v.n - n, units[i], n)) {
            v.n -= n;
            return espy_view_trim(v, "");
        }
    }
    return v;
}

int espy_shape_parse_time(espy_view v, double *seconds) {
    double total = 0;
    v = without_unit(espy_view_trim(v, "<>"));
    for (int part = 0; part < 3; part++) {
        const char *colon = v.n ? memchr(v.at, ':', v.n) : NULL;
        espy_shape_number x;
        size_t n = colon ? (size_t)(colon - v.at) : v.n;
        if (!n || !is_digit(*v.at)) return 0;
        if (!espy_shape_parse_number((espy_view){ v.at, n }, &x)) return 0;
        if (!isfinite(x.value) || (colon && x.has_point)) return 0;
        total = total * 60 + x.value;
        if (!colon) {
            *seconds = total;
            return 1;
        }
        v.at += n + 1;
        v.n -= n + 1;
    }
    return 0;
}

int espy_shape_parse_span(espy_view v, double *start, double *end) {
    static const char *const dashes[] = { "-", "~", " to ", "\xE2\x80\x93", "\xE2\x80\x94" };
    for (size_t i = 1; i < v.n && i < 40; i++)
        for (size_t k = 0; k < sizeof dashes / sizeof *dashes; k++) {
            size_t n = strlen(dashes[k]);
            if (v.n - i < n || strncmp(v.at + i, dashes[k], n) != 0) continue;
            return espy_shape_parse_time((espy_view){ v.at, i }, start) &&
                   espy_shape_parse_time((espy_view){ v.at + i + n, v.n - i - n }, end);
        }
    return 0;
}
