/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags, of one's own or of a markup language:
 *
 *     <ref>cat</ref><box>(1,2),(3,4)</box>          also <quad>, and the special
 *     <|object_ref_start|>cat<|object_ref_end|>...  tokens of later families
 *     <points x1="394" y1="105" alt="pin">pin</points>
 *     <p data-bbox="1 2 3 4">text</p>
 *     <!-- Image (1, 2, 3, 4) -->
 *     <think>
 *
 * A tag is read when its ">" is there. What begins like a tag and is none is
 * read again as text. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text/shapes.h"

/* Comments are short: one that is not closed shall not hold up what follows. */
enum { MOST_OF_A_TAG = 16384, MOST_OF_A_COMMENT = 1024, MOST_POINTS = ESPY_SHAPES_MAX };

/* -------------------------------------------------------------- attributes */

static int is_name_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '|' || c == '/' || c == '!';
}

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The name of a tag, "<" left out: "points", "/box", "|box_start|". */
static espy_view name_of(espy_view tag) {
    size_t n = 0;
    while (n < tag.n && is_name_byte(tag.at[n])) n++;
    return (espy_view){ tag.at, n };
}

/* The next name="value" of *rest; name.n 0 at the end. */
static espy_view next_attribute(espy_view *rest, espy_view *value) {
    espy_view v = *rest, name;
    while (v.n && !is_name_byte(*v.at)) v.at++, v.n--;
    name = name_of(v);
    v.at += name.n;
    v.n -= name.n;
    *value = (espy_view){ v.at, 0 };
    espy_view behind = v;
    while (behind.n && is_blank(*behind.at)) behind.at++, behind.n--;
    if (behind.n && *behind.at == '=') {
        v = (espy_view){ behind.at + 1, behind.n - 1 };
        while (v.n && is_blank(*v.at)) v.at++, v.n--;
        char quote = v.n && (*v.at == '"' || *v.at == '\'') ? *v.at : 0;
        if (quote) v.at++, v.n--;
        size_t n = 0;
        while (n < v.n && (quote ? v.at[n] != quote : !is_blank(v.at[n]))) n++;
        *value = (espy_view){ v.at, n };
        if (quote && n == v.n) value->at = NULL; /* broken off */
        v.at += n;
        v.n -= n;
        if (quote && v.n) v.at++, v.n--;
    }
    *rest = v;
    return name;
}

static espy_view behind_name(espy_view tag) {
    espy_view name = name_of(tag);
    return (espy_view){ tag.at + name.n, tag.n - name.n };
}

/* The value of an attribute; at NULL if there is none. */
static espy_view attribute(espy_view tag, const char *wanted) {
    espy_view rest = behind_name(tag), value, name;
    while ((name = next_attribute(&rest, &value)).n)
        if (espy_view_is(name, wanted)) return value;
    return (espy_view){ NULL, 0 };
}

static espy_view unescaped(espy_shape_reader *r, espy_buf *b, espy_view v) {
    espy_buf_cut(b, 0);
    espy_buf_add(b, v.at, v.n, &r->failed);
    espy_shape_unescape(b);
    return espy_view_trim(espy_buf_view(b), "");
}

/* ------------------------------------------------------------------ points */

/* x1, y1, x2, y2 and so on, or x and y. */
static void add_points(espy_shape_reader *r, espy_view tag, espy_view label, unsigned flags) {
    espy_view rest = behind_name(tag), value, name;
    espy_draft d = { .type = ESPY_SHAPE_POINT, .flags = flags, .n = 2, .label = label };
    int has_x = 0, n = 0;
    while ((name = next_attribute(&rest, &value)).n && value.at) {
        int is_x = *name.at == 'x' || *name.at == 'X', is_y = *name.at == 'y' || *name.at == 'Y';
        espy_shape_number number;
        if ((!is_x && !is_y) || !espy_shape_parse_number(value, &number)) continue;
        d.numbers[is_y] = number;
        if (is_y && has_x && n++ < MOST_POINTS) espy_shapes_add(r, &d);
        has_x = is_x;
    }
    if (!n) espy_shapes_reject(r, "a tag for points without numbers");
}

/* ---------------------------------------------------------------- elements */

static int is_any(espy_view v, const char *const *words) {
    for (; *words; words++)
        if (espy_view_is(v, *words)) return 1;
    return 0;
}

/* Elements whose text is what they are about. */
static const char *const text_elements[] = { "h1", "h2", "h3", "h4",   "h5",  "h6", "p",
                                             "li", "td", "th", "span", "pre", "a",  NULL };
/* Elements whose boxes are those of what they hold. */
static const char *const outer_elements[] = { "html", "body", "ol", "ul", "tr", "tbody", NULL };

/* class, format, data-polygon and the like; style says nothing. */
static int other_attributes(espy_view tag, espy_draft_attribute *out, int max) {
    espy_view rest = behind_name(tag), value, name;
    int n = 0;
    while (n < max && (name = next_attribute(&rest, &value)).n)
        if (value.n && !espy_view_is(name, "data-bbox") && !espy_view_is(name, "style"))
            out[n++] = (espy_draft_attribute){ name, value };
    return n;
}

static void add_element(espy_shape_reader *r, espy_view tag, espy_view content) {
    espy_view name = name_of(tag), place = attribute(tag, "data-bbox");
    espy_view kind = attribute(tag, "class");
    espy_draft_attribute attributes[8];
    espy_draft d = { .type = ESPY_SHAPE_BOX, .n = 4, .label = kind.n ? kind : name };
    int n = espy_shape_parse_numbers(place, d.numbers, 9);
    attributes[0] = (espy_draft_attribute){ { "element", 7 }, name };
    d.attributes = attributes;
    d.n_attributes = 1 + other_attributes(tag, attributes + 1, 7);
    r->has_payload = 1;
    if (n != 4) {
        espy_shapes_reject(r, "data-bbox without four numbers");
        return;
    }
    if (is_any(name, text_elements) && content.n) {
        d.type = ESPY_SHAPE_TEXT;
        d.label = content;
    }
    espy_shapes_add(r, &d);
}

/* --------------------------------------------------- elements that wait    */

static int is_points(espy_view name) {
    return espy_view_is(name, "points") || espy_view_is(name, "point");
}

void espy_tag_flush(espy_shape_reader *r) {
    espy_buf text = { 0 };
    if (!r->element.n) return;
    espy_view tag = espy_buf_view(&r->element);
    espy_view content = unescaped(r, &text, espy_buf_view(&r->content));
    if (is_points(name_of(tag)))
        add_points(r, tag, content.n ? content : (espy_view){ NULL, 0 }, 0);
    else
        add_element(r, tag, content);
    espy_buf_free(&text);
    espy_buf_cut(&r->element, 0);
    espy_buf_cut(&r->content, 0);
}

/* Remembers a tag until its text is there. */
static void wait_for_content(espy_shape_reader *r, espy_view tag) {
    espy_tag_flush(r);
    espy_buf_cut(&r->content, 0);
    espy_buf_add(&r->element, tag.at, tag.n, &r->failed);
}

static void on_points(espy_shape_reader *r, espy_view tag) {
    espy_buf text = { 0 };
    espy_view alt = attribute(tag, "alt");
    r->has_payload = 1;
    r->fence_closed_list = 1;
    espy_tag_flush(r);
    if (alt.at) {
        add_points(r, tag, unescaped(r, &text, alt), 0);
        espy_buf_free(&text);
    } else {
        wait_for_content(r, tag);
    }
}

/* -------------------------------------------------------------- other tags */

/* <!-- Image (1, 2, 3, 4) --> */
static void on_comment(espy_shape_reader *r, espy_view tag) {
    espy_draft d = { .type = ESPY_SHAPE_BOX, .n = 4 };
    espy_view v = espy_view_trim(tag, "!-");
    const char *open = v.n ? memchr(v.at, '(', v.n) : NULL;
    if (!open || v.at[v.n - 1] != ')') return;
    size_t n = (size_t)(open - v.at);
    d.label = espy_view_trim((espy_view){ v.at, n }, ":");
    int n_numbers = espy_shape_parse_numbers((espy_view){ open, v.n - n }, d.numbers, 9);
    if (n_numbers < 1) return;
    r->has_payload = 1;
    if (n_numbers == 4)
        espy_shapes_add(r, &d);
    else
        espy_shapes_reject(r, "a comment with %d numbers instead of four", n_numbers);
}

static void open_ref(espy_shape_reader *r) {
    espy_buf_cut(&r->ref, 0);
    r->in_ref = 1;
    r->has_ref = 0;
}

static void close_ref(espy_shape_reader *r) {
    if (!r->in_ref) return;
    espy_view label = espy_view_trim(espy_buf_view(&r->ref), "\"'");
    size_t n = label.n;
    if (n) memmove(r->ref.at, label.at, n);
    espy_buf_cut(&r->ref, n);
    r->in_ref = 0;
    r->has_ref = n > 0;
}

static void close_box(espy_shape_reader *r) {
    if (r->open_tag != ESPY_TAG_NONE && !r->n_in_tag)
        espy_shapes_reject(r, "a tag for a box without corners");
    r->open_tag = ESPY_TAG_NONE;
    espy_text_clear_line(r);
}

static void open_box(espy_shape_reader *r, espy_tag_kind kind) {
    close_ref(r);
    close_box(r);
    r->open_tag = kind;
    r->n_in_tag = 0;
    r->has_payload = 1;
}

/* Our tags and the special tokens that mean the same. */
static const struct tag {
    const char *name, *token;
} tags[] = {
    { "ref", "|object_ref_start|" },
    { "/ref", "|object_ref_end|" },
    { "box", "|box_start|" },
    { "/box", "|box_end|" },
    { "quad", "|quad_start|" },
    { "/quad", "|quad_end|" },
    { "think", NULL },
};

static void on_tag(espy_shape_reader *r, espy_view tag) {
    espy_view name = name_of(tag);
    size_t i = 0, n = sizeof tags / sizeof *tags;
    espy_text_end_pairs(r);
    while (i < n && !espy_view_is(name, tags[i].name) &&
           !(tags[i].token && espy_view_is(name, tags[i].token)))
        i++;
    if (i == 0) open_ref(r);
    if (i == 1) close_ref(r);
    if (i == 2) open_box(r, ESPY_TAG_BOX);
    if (i == 4) open_box(r, ESPY_TAG_QUAD);
    if (i == 3 || i == 5) close_box(r);
    if (i == 6) r->in_think = 1;
    if (i < n) return;
    if (tag.n > 2 && !strncmp(tag.at, "!--", 3)) {
        on_comment(r, tag);
    } else if (is_points(name)) {
        on_points(r, tag);
    } else if (attribute(tag, "data-bbox").at) {
        if (is_any(name, outer_elements))
            espy_tag_flush(r);
        else
            wait_for_content(r, tag);
        if (espy_view_is(name, "img")) espy_tag_flush(r);
    } else if (r->element.n && name.n && *name.at == '/') {
        espy_view end = { name.at + 1, name.n - 1 };
        espy_view open = name_of(espy_buf_view(&r->element));
        if (end.n == open.n && !strncasecmp(end.at, open.at, end.n)) espy_tag_flush(r);
    } else if (r->element.n) {
        espy_buf_byte(&r->content, ' ', &r->failed); /* <br>, <b> */
    }
}

/* --------------------------------------------------------------- byte wise */

static int is_comment(espy_view held) {
    return held.n >= 4 && !strncmp(held.at, "<!--", 4);
}

static int can_follow_bracket(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '|' || c == '!';
}

espy_step espy_tag_byte(espy_shape_reader *r, char c) {
    espy_view held = { r->held.at + r->from, r->at - r->from }; /* with c */
    if (held.n == 1) {
        r->tag_quote = r->tag_last = 0;
        return ESPY_STEP_HOLD;
    }
    if (held.n > MOST_OF_A_TAG || (held.n == 2 && !can_follow_bracket(c))) return ESPY_STEP_BACK;
    if (is_comment(held)) {
        if (held.n > MOST_OF_A_COMMENT) return ESPY_STEP_BACK;
        if (c != '>' || held.n < 7 || strncmp(held.at + held.n - 3, "-->", 3) != 0)
            return ESPY_STEP_HOLD;
    } else if (r->tag_quote) {
        if (c == r->tag_quote) r->tag_quote = 0;
        return ESPY_STEP_HOLD;
    } else if ((c == '"' || c == '\'') && r->tag_last == '=') {
        r->tag_quote = c;
        return ESPY_STEP_HOLD;
    } else if (c == '<' || c == '{' || c == '[' || c == '`') {
        return ESPY_STEP_BACK;
    } else if (c != '>') {
        if (!is_blank(c)) r->tag_last = c;
        return ESPY_STEP_HOLD;
    }
    r->mode = ESPY_MODE_TEXT;
    on_tag(r, (espy_view){ held.at + 1, held.n - 2 });
    return ESPY_STEP_TAKE;
}

/* A tag that broke off: points that are there are taken. */
void espy_tag_end(espy_shape_reader *r) {
    espy_view tag = { r->held.at + r->from + 1, r->at - r->from - 1 };
    if (r->mode != ESPY_MODE_TAG || !is_points(name_of(tag))) return;
    espy_tag_flush(r);
    espy_text_end_pairs(r);
    while (tag.n && !is_blank(tag.at[tag.n - 1]) && !strchr("\"'", tag.at[tag.n - 1])) tag.n--;
    add_points(r, tag, (espy_view){ NULL, 0 }, ESPY_SHAPE_CUT);
}
