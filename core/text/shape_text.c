/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands outside of objects and tags:
 *
 *     White van(342,308),(670,766)     pairs; two make a box, four a quad; the
 *                                      label is the text before them
 *     341,258,397,360 small cake       a line of four numbers and a label
 *     ```json                          fences
 *
 * Pairs that run on ("(1,2),(3,4),") are a shape when they stop doing so. */
#include <string.h>

#include "text/shapes.h"

enum { OUTSIDE, INSIDE, BEHIND, BEHIND_COMMA }; /* of a pair of brackets */

static const char decoration[] = ":,;.-*\"'`|=>#";

void espy_text_clear_line(espy_shape_reader *r) {
    espy_buf_cut(&r->line, 0);
    r->has_before = 0;
}

/* ------------------------------------------------------------------- pairs */

/* "- ", "* ", "12. ", "3) " before a line. */
static espy_view without_bullet(espy_view v) {
    v = espy_view_trim(v, "");
    if (v.n > 1 && (*v.at == '-' || *v.at == '*') && v.at[1] == ' ')
        return espy_view_trim((espy_view){ v.at + 1, v.n - 1 }, "");
    size_t n = 0;
    while (n < v.n && v.at[n] >= '0' && v.at[n] <= '9') n++;
    if (n && n + 1 < v.n && (v.at[n] == '.' || v.at[n] == ')') && v.at[n + 1] == ' ')
        return espy_view_trim((espy_view){ v.at + n + 1, v.n - n - 1 }, "");
    return v;
}

/* Outside of tags the label is the text before; with none, that of the pairs
 * before on this line, or of the tag. */
static espy_view label_of_pairs(espy_shape_reader *r) {
    espy_view none = { NULL, 0 };
    if (r->open_tag != ESPY_TAG_NONE) return r->has_ref ? espy_buf_view(&r->ref) : none;
    espy_view text = espy_buf_view(&r->line);
    if (r->pairs.label < text.n) text.n = r->pairs.label;
    text = espy_view_trim(without_bullet(text), decoration);
    if (text.n) {
        espy_buf_cut(&r->before, 0);
        espy_buf_add(&r->before, text.at, text.n, &r->failed);
        r->has_before = 1;
    }
    if (r->has_before) return espy_buf_view(&r->before);
    return r->has_ref ? espy_buf_view(&r->ref) : none;
}

void espy_text_end_pairs(espy_shape_reader *r) {
    espy_pairs *p = &r->pairs;
    int n = p->n;
    p->state = OUTSIDE;
    p->n = 0;
    if (n == 2 || n == 4) {
        espy_draft d = { .type = n == 2 ? ESPY_SHAPE_BOX : ESPY_SHAPE_QUAD, .n = 2 * n };
        memcpy(d.numbers, p->numbers, sizeof p->numbers);
        if (r->open_tag == ESPY_TAG_QUAD && n == 2) {
            espy_shapes_reject(r, "two corners where a quad has four");
        } else {
            d.label = label_of_pairs(r);
            espy_shapes_add(r, &d);
        }
    } else if (n > 1 || (n && r->open_tag != ESPY_TAG_NONE)) {
        r->has_payload = 1;
        espy_shapes_reject(r, "%d corners are neither a box nor a quad", n);
    }
    if (n > 1) espy_buf_cut(&r->line, 0);
}

static void end_pair(espy_shape_reader *r) {
    espy_pairs *p = &r->pairs;
    espy_shape_number xy[2];
    const char *comma = memchr(p->at, ',', (size_t)p->n_at);
    size_t n_x = comma ? (size_t)(comma - p->at) : 0;
    if (!comma || !espy_shape_parse_number((espy_view){ p->at, n_x }, &xy[0]) ||
        !espy_shape_parse_number((espy_view){ comma + 1, (size_t)p->n_at - n_x - 1 }, &xy[1])) {
        espy_text_end_pairs(r);
        return;
    }
    if (p->n < 4) memcpy(p->numbers + 2 * (size_t)p->n, xy, sizeof xy);
    if (p->n < 1000) p->n++;
    p->state = BEHIND;
}

static void begin_pair(espy_shape_reader *r) {
    espy_pairs *p = &r->pairs;
    if (p->state != BEHIND_COMMA) espy_text_end_pairs(r);
    if (!p->n) p->label = r->line.n;
    p->state = INSIDE;
    p->n_at = 0;
}

static void pairs_byte(espy_shape_reader *r, char c) {
    espy_pairs *p = &r->pairs;
    int blank = c == ' ' || c == '\t' || (c == '\n' && r->open_tag != ESPY_TAG_NONE);
    if (c == '(') {
        begin_pair(r);
    } else if (p->state == INSIDE) {
        if (c == ')')
            end_pair(r);
        else if (p->n_at < (int)sizeof p->at && c != '\n')
            p->at[p->n_at++] = c;
        else
            espy_text_end_pairs(r);
    } else if (p->state == BEHIND && c == ',') {
        p->state = BEHIND_COMMA;
    } else if (p->state != OUTSIDE && !blank) {
        espy_text_end_pairs(r);
    }
}

/* ------------------------------------------------------------------- lines */

static int is_number_byte(char c) {
    return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

/* Four numbers with commas between them; what follows is left in *v. */
static int read_four(espy_view *v, espy_shape_number *out) {
    for (int i = 0; i < 4; i++) {
        size_t n = 0;
        while (v->n && (*v->at == ' ' || *v->at == '\t')) v->at++, v->n--;
        while (n < v->n && is_number_byte(v->at[n])) n++;
        if (!espy_shape_parse_number((espy_view){ v->at, n }, &out[i])) return 0;
        v->at += n;
        v->n -= n;
        while (i < 3 && v->n && (*v->at == ' ' || *v->at == '\t')) v->at++, v->n--;
        if (i == 3) break;
        if (!v->n || *v->at != ',') return 0;
        v->at++, v->n--;
    }
    return !v->n || *v->at == ' ' || *v->at == '\t' || *v->at == ',' || *v->at == ':';
}

/* is_cut: the answer broke off in this line, perhaps within its last word. */
static void end_line(espy_shape_reader *r, int is_cut) {
    espy_draft d = { .type = ESPY_SHAPE_BOX, .n = 4 };
    espy_view v = without_bullet(espy_buf_view(&r->line));
    if (v.n && read_four(&v, d.numbers)) {
        int number_may_go_on = is_cut && !v.n;
        v = espy_view_trim(v, ",:-\"'");
        /* "1,2,3,4,5": a list of something else */
        if (!number_may_go_on && !(v.n && is_number_byte(*v.at) && *v.at != 'e' && *v.at != 'E')) {
            if (v.n && !is_cut) d.label = v;
            if (is_cut) d.flags = ESPY_SHAPE_CUT;
            espy_shapes_add(r, &d);
        }
    }
    espy_text_clear_line(r);
}

/* ------------------------------------------------------------------ fences */

static int is_word_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static void toggle_fence(espy_shape_reader *r) {
    espy_text_clear_line(r);
    if (r->in_fence && r->fence_closed_list && !r->guard) r->guard = ESPY_GUARD_CLOSED;
    r->in_fence = !r->in_fence;
    r->in_info = r->in_fence;
    r->n_info = r->fence_is_prose = r->fence_closed_list = 0;
}

/* The word behind the opening: brackets in prose are no objects. */
static void info_byte(espy_shape_reader *r, char c) {
    static const char *const prose[] = { "html", "xml", "markdown", "md", "latex", "tex", "svg" };
    if (is_word_byte(c)) {
        if (r->n_info < (int)sizeof r->info) r->info[r->n_info++] = c;
        return;
    }
    if (!r->n_info && (c == ' ' || c == '\t')) return;
    r->in_info = 0;
    for (size_t i = 0; i < sizeof prose / sizeof *prose; i++)
        r->fence_is_prose |= espy_view_is((espy_view){ r->info, (size_t)r->n_info }, prose[i]);
    espy_text_clear_line(r);
}

static void fence_byte(espy_shape_reader *r, char c) {
    if (c == '`') {
        if (++r->n_ticks == 3) toggle_fence(r);
        return;
    }
    r->n_ticks = 0;
    if (r->in_info) info_byte(r, c);
}

/* -------------------------------------------------------------------- text */

void espy_text_byte(espy_shape_reader *r, char c) {
    r->last = c;
    if (r->element.n) { /* a document's own numbers are no places */
        espy_buf_byte(&r->content, c, &r->failed);
        fence_byte(r, c);
        return;
    }
    if (r->in_ref) {
        espy_buf_byte(&r->ref, c, &r->failed);
        return;
    }
    fence_byte(r, c);
    pairs_byte(r, c);
    if (c == '\n' && r->open_tag == ESPY_TAG_NONE)
        end_line(r, 0);
    else
        espy_buf_byte(&r->line, c, &r->failed);
}

int espy_text_is_open(const espy_shape_reader *r) {
    const espy_pairs *p = &r->pairs;
    return p->n && (p->state == INSIDE || p->state == BEHIND_COMMA);
}

void espy_text_end(espy_shape_reader *r, int is_cut) {
    if (espy_text_is_open(r)) r->pairs.n = 0; /* two corners of what may be four */
    espy_text_end_pairs(r);
    if (r->open_tag == ESPY_TAG_NONE) end_line(r, is_cut);
}
