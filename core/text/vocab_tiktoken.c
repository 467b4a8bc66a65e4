/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary from qwen.tiktoken, the form of the first Qwen and of Qwen-VL
 * (arXiv:2308.12966):
 *
 *     IQ== 0                 a token's bytes in base64, a blank, its rank
 *     Ig== 1                 which is also its id; n lines, ranks 0 .. n - 1
 *
 * Its special tokens stand in no file; they follow the last rank in the order of
 * the table below. The text is put into NFC as a whole, before special tokens are
 * cut out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/vocab_parts.h"

enum { N_EXTRA = 205, NAME_BYTES = 16 };

/* Tags that the model writes into its answers must not be skipped there; those of
 * pictures it never writes. */
static const struct {
    const char *text;
    espy_token_kind kind;
} tags[] = {
    { "<ref>", ESPY_TOKEN_ADDED },      { "</ref>", ESPY_TOKEN_ADDED },
    { "<box>", ESPY_TOKEN_ADDED },      { "</box>", ESPY_TOKEN_ADDED },
    { "<quad>", ESPY_TOKEN_ADDED },     { "</quad>", ESPY_TOKEN_ADDED },
    { "<img>", ESPY_TOKEN_SPECIAL },    { "</img>", ESPY_TOKEN_SPECIAL },
    { "<imgpad>", ESPY_TOKEN_SPECIAL },
};
enum { N_TAGS = sizeof tags / sizeof *tags };

typedef struct reader {
    espy_vocab_list list;
    char *bytes; /* decoded, back to back */
    size_t n_bytes;
    uint8_t *seen; /* [n_lines] ranks */
    int64_t n_lines;
    char extra[N_EXTRA][NAME_BYTES];
    espy_error *err;
} reader;

static espy_status bad(const reader *r, int64_t offset, espy_text_view line, const char *what) {
    return espy_fail(r->err, ESPY_ERR_FORMAT, offset, "%s: the line '%.*s' %s", r->list.name,
                     (int)(line.n < 64 ? line.n : 64), line.s, what);
}

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits are three bytes; '=' fills the last four. Returns the bytes, 0 if it
 * is not base64 of any. */
static size_t decode(char *out, espy_text_view s) {
    size_t n = 0, n_digits = s.n;
    while (n_digits && s.n - n_digits < 2 && s.s[n_digits - 1] == '=') n_digits--;
    if (s.n % 4 || n_digits % 4 == 1) return 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n_digits; i++) {
        int digit = digit_of(s.s[i]);
        if (digit < 0) return 0;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4) out[n++] = (char)(uint8_t)(bits >> (6 - i % 4 * 2));
    }
    return n;
}

/* The rank; -1 if it is none of 0 .. n_lines - 1. */
static int64_t rank_of(const reader *r, espy_text_view s) {
    int64_t rank = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return -1;
        rank = rank * 10 + (s.s[i] - '0');
        if (rank >= r->n_lines) return -1;
    }
    return s.n ? rank : -1;
}

static espy_status read_line(reader *r, espy_text_view line, int64_t offset) {
    const char *blank = memchr(line.s, ' ', line.n);
    size_t n = blank ? (size_t)(blank - line.s) : 0;
    espy_text_view text = { r->bytes + r->n_bytes,
                            decode(r->bytes + r->n_bytes, (espy_text_view){ line.s, n }) };
    if (!text.n) return bad(r, offset, line, "is not base64 and a rank");
    int64_t rank = rank_of(r, (espy_text_view){ line.s + n + 1, line.n - n - 1 });
    if (rank < 0) return bad(r, offset, line, "has a rank that is not below the number of lines");
    if (r->seen[rank]++) return bad(r, offset, line, "has the rank of an earlier one");
    r->n_bytes += text.n;
    return espy_vocab_list_token(&r->list, text, rank, ESPY_TOKEN_ORDINARY, r->err);
}

/* The next line that is not empty; its end in *at, n 0 at the end of the file. */
static espy_text_view next_line(const char *s, size_t n, size_t *at) {
    espy_text_view line = { s + *at, 0 };
    while (*at < n && !line.n) {
        const char *end = memchr(s + *at, '\n', n - *at);
        line = (espy_text_view){ s + *at, end ? (size_t)(end - s) - *at : n - *at };
        *at += line.n + (end != NULL);
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
    }
    return line;
}

static espy_status read_lines(reader *r, const char *s, size_t n) {
    espy_status status = ESPY_OK;
    espy_text_view line;
    for (size_t at = 0; next_line(s, n, &at).n;) r->n_lines++;
    r->bytes = malloc(n + 1);
    r->seen = calloc((size_t)r->n_lines + 1, 1);
    if (!r->bytes || !r->seen) return espy_out_of_memory(r->err);
    for (size_t at = 0; !status && (line = next_line(s, n, &at)).n;)
        status = read_line(r, line, line.s - s);
    if (!status && !r->n_lines)
        status = espy_fail(r->err, ESPY_ERR_FORMAT, 0, "%s: no token in it", r->list.name);
    return status;
}

static espy_status add_special(reader *r, const char *text, espy_token_kind kind) {
    espy_text_view view = { text, strlen(text) };
    return espy_vocab_list_token(&r->list, view, (int64_t)r->list.n_tokens, kind, r->err);
}

static espy_status add_specials(reader *r) {
    static const char *const first[] = { "<|endoftext|>", "<|im_start|>", "<|im_end|>" };
    espy_status status = ESPY_OK;
    for (int i = 0; i < 3 && !status; i++) status = add_special(r, first[i], ESPY_TOKEN_SPECIAL);
    for (int i = 0; i < N_EXTRA && !status; i++) {
        snprintf(r->extra[i], NAME_BYTES, "<|extra_%d|>", i);
        status = add_special(r, r->extra[i], ESPY_TOKEN_SPECIAL);
    }
    for (int i = 0; i < N_TAGS && !status; i++) status = add_special(r, tags[i].text, tags[i].kind);
    return status;
}

espy_status espy_vocab_from_tiktoken(espy_vocab **out, const void *bytes, size_t n_bytes,
                                     const char *name, espy_error *err) {
    *out = NULL;
    reader *r = calloc(1, sizeof *r);
    if (!r) return espy_out_of_memory(err);
    r->err = err;
    r->list = (espy_vocab_list){
        .name = name, .split = &espy_split_qwen2, .nfc = 1, .nfc_first = 1, .by_rank = 1
    };
    espy_status status = read_lines(r, bytes, n_bytes);
    if (!status) status = add_specials(r);
    if (!status) status = espy_vocab_build(out, &r->list, err);
    espy_vocab_list_free(&r->list);
    free(r->bytes);
    free(r->seen);
    free(r);
    return status;
}
