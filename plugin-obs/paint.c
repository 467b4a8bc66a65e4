/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From text to pixels: tidied, broken into lines by Pango, of which as many are taken as
 * may be; these are placed in the source, and what is seen of them is drawn with Cairo.
 *
 * Pango lays out in one size of letters, and Cairo scales: lines break alike on all sizes
 * of a source, and Pango, which keeps fonts of each size that it was ever asked for, has
 * no more of them while a window is dragged larger.
 */
#include <math.h>
#include <pango/pangocairo.h>
#include <string.h>

#include "painter.h"

enum {
    MAX_SIDE = 32767,  /* of a picture that Cairo draws on                               */
    MAX_BYTES = 16384, /* of a text: more would not be read, and takes Pango a long time */
    LAYOUT_EM = 32     /* for Pango; lines as long as MAX_SIDE fit its int at 1 pixel    */
};

/* ------------------------------------------------------------------- text */

static gboolean is_break(gunichar c) {
    return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static gboolean is_blank(gunichar c) {
    if (c == 0xA0 || c == 0x2007 || c == 0x202F) return FALSE; /* no-break spaces */
    return g_unichar_isspace(c) || g_unichar_iscntrl(c);
}

/* Valid UTF-8 of bounded length; a run of blanks is a space, or a line break if there was
 * one in it; none at the ends. Of a text that is too long the end is kept, or the start
 * and an ellipsis. */
static char *tidy(const char *text, gboolean keeps_end) {
    gsize n = strlen(text), from = keeps_end && n > MAX_BYTES ? n - MAX_BYTES : 0;
    /* Not within a character. */
    while (from > 0 && from < n && ((guchar)text[from] & 0xC0) == 0x80) from++;
    g_autofree char *valid = g_utf8_make_valid(text + from, (gssize)MIN(n - from, MAX_BYTES));
    GString *out = g_string_sized_new(strlen(valid) + 3);
    char gap = 0;
    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (is_break(c)) {
            gap = '\n';
        } else if (is_blank(c)) {
            if (!gap) gap = ' ';
        } else {
            if (gap && out->len) g_string_append_c(out, gap);
            gap = 0;
            g_string_append_unichar(out, c);
        }
    }
    if (n > MAX_BYTES && !keeps_end) g_string_append(out, "\xE2\x80\xA6");
    return g_string_free(out, FALSE);
}

/* ------------------------------------------------------------- what is meant */

/* A style in pixels of a source. */
typedef struct measures {
    double em, outline, pad; /* pad: of the background around the text */
    double scale;            /* from Pango's units                     */
    double margin_x, margin_y, text_width;
    int n_lines;
} measures;

/* value between 0 and most; otherwise: if it is not above 0, or no number. */
static double part(double value, double most, double otherwise) {
    return value > 0 ? MIN(value, most) : otherwise;
}

static gboolean is_seen(guint32 color) {
    return (color & 0xFF) != 0;
}

static measures measure(const paint_style *s, int width, int height) {
    measures m = { .em = part(s->size, 1, 0.045) * height };
    if (is_seen(s->outline_color)) m.outline = part(s->outline, 0.5, 0) * m.em;
    if (is_seen(s->background)) m.pad = 0.25 * m.em;
    m.scale = m.em / ((double)LAYOUT_EM * PANGO_SCALE);
    /* A margin leaves room for a letter. */
    double margin = part(s->margin, 1, 0) * height;
    m.margin_x = CLAMP(margin, 0, MAX(0, (width - m.em) / 2));
    m.margin_y = CLAMP(margin, 0, MAX(0, (height - 2 * m.em) / 2));
    m.text_width = MIN(part(s->width, 1, 0.9) * width, width - 2 * m.margin_x);
    m.text_width = MAX(1, m.text_width - 2 * (m.outline + m.pad));
    m.n_lines = s->n_lines > 0 ? MIN(s->n_lines, 1000) : 2;
    return m;
}

/* ------------------------------------------------------------------- lines */

typedef struct line {
    PangoLayoutLine *line;       /* of the layout */
    PangoRectangle ink, logical; /* in Pango's units */
    gboolean is_rtl;
    double x, y; /* of the start of its baseline, in the source */
} line;

/* The lines that are taken, and the layouts to which they belong. */
typedef struct block {
    PangoLayout *layout, *last; /* last: of a last line with an ellipsis, or NULL */
    line *lines;
    int n_lines;
    double width, height;
} block;

static PangoLayout *layout_new(cairo_t *c, const char *font, const measures *m, const char *text) {
    PangoLayout *layout = pango_cairo_create_layout(c);
    /* Grey, and not fitted to the pixels, or the outline would not fit the letters. */
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
    cairo_font_options_destroy(options);
    pango_context_set_round_glyph_positions(pango_layout_get_context(layout), FALSE);
    PangoFontDescription *description = pango_font_description_from_string(font ? font : "Sans");
    pango_font_description_set_absolute_size(description, (double)LAYOUT_EM * PANGO_SCALE);
    pango_layout_set_font_description(layout, description);
    pango_font_description_free(description);
    pango_layout_set_width(layout, (int)(m->text_width / m->scale));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

static line line_of(PangoLayoutLine *of) {
    line l = { .line = of };
    pango_layout_line_get_extents(of, &l.ink, &l.logical);
    l.is_rtl = pango_layout_line_get_resolved_direction(of) == PANGO_DIRECTION_RTL;
    return l;
}

/* All of text from a line on, on this one line, with an ellipsis where it ends. */
static void end_with_ellipsis(block *b, cairo_t *c, const char *font, const measures *m,
                              const char *text) {
    line *l = &b->lines[b->n_lines - 1];
    g_autofree char *rest = g_strdup(text + pango_layout_line_get_start_index(l->line));
    g_strdelimit(rest, "\n", ' ');
    b->last = layout_new(c, font, m, rest);
    /* As the paragraph, which may have begun in other letters. */
    pango_context_set_base_dir(pango_layout_get_context(b->last),
                               l->is_rtl ? PANGO_DIRECTION_RTL : PANGO_DIRECTION_LTR);
    pango_layout_set_auto_dir(b->last, FALSE);
    pango_layout_set_ellipsize(b->last, PANGO_ELLIPSIZE_END);
    *l = line_of(pango_layout_get_line_readonly(b->last, 0));
}

/* As many lines as the style has, and the source's height. */
static block break_lines(cairo_t *c, const paint_style *s, const measures *m, const char *text,
                         int height) {
    block b = { .layout = layout_new(c, s->font, m, text) };
    int n = pango_layout_get_line_count(b.layout);
    double room = height - 2 * (m->margin_y + m->pad + m->outline);
    line first = line_of(pango_layout_get_line_readonly(b.layout, 0));
    double line_height = MAX(1, first.logical.height * m->scale);
    b.n_lines = MIN(n, MIN(m->n_lines, MAX(1, (int)(room / line_height))));
    b.lines = g_new0(line, b.n_lines);
    int from = s->keeps_end ? n - b.n_lines : 0;
    for (int i = 0; i < b.n_lines; i++)
        b.lines[i] = line_of(pango_layout_get_line_readonly(b.layout, from + i));
    if (n > b.n_lines && !s->keeps_end) end_with_ellipsis(&b, c, s->font, m, text);
    for (int i = 0; i < b.n_lines; i++) {
        b.width = MAX(b.width, b.lines[i].logical.width * m->scale);
        b.height += b.lines[i].logical.height * m->scale;
    }
    return b;
}

static void block_clear(block *b) {
    g_free(b->lines);
    g_object_unref(b->layout);
    if (b->last) g_object_unref(b->last);
}

/* ------------------------------------------------------------------- places */

typedef struct area {
    double x1, y1, x2, y2;
} area;

static double place(int where, double margin, double size, double room) {
    double at = where < 0 ? margin : where > 0 ? room - margin - size : (room - size) / 2;
    return CLAMP(at, 0, MAX(0, room - size));
}

/* Places the lines in the source; the area of text, padding and outline. */
static area place_lines(block *b, const paint_style *s, const measures *m, int width, int height) {
    double around = m->pad + m->outline;
    area box;
    box.x1 = place(s->column, m->margin_x, b->width + 2 * around, width);
    box.y1 = place(s->row, m->margin_y, b->height + 2 * around, height);
    box.x2 = box.x1 + b->width + 2 * around;
    box.y2 = box.y1 + b->height + 2 * around;
    double top = box.y1 + around;
    for (int i = 0; i < b->n_lines; i++) {
        line *l = &b->lines[i];
        double room = b->width - l->logical.width * m->scale;
        gboolean right = s->align == ALIGN_END ? !l->is_rtl : l->is_rtl;
        l->x = box.x1 + around + (s->align == ALIGN_CENTER ? room / 2 : right ? room : 0);
        l->x -= l->logical.x * m->scale;
        l->y = top - l->logical.y * m->scale;
        top += l->logical.height * m->scale;
    }
    return box;
}

/* What is seen of a line: its ink and the outline around it. FALSE: nothing. */
static gboolean seen_of(const line *l, const measures *m, area *seen) {
    if (l->ink.width <= 0 || l->ink.height <= 0) return FALSE;
    const double right = l->ink.x + l->ink.width, bottom = l->ink.y + l->ink.height;
    *seen =
        (area){ l->x + l->ink.x * m->scale - m->outline, l->y + l->ink.y * m->scale - m->outline,
                l->x + right * m->scale + m->outline, l->y + bottom * m->scale + m->outline };
    return TRUE;
}

static void unite(area *a, const area *b) {
    a->x1 = MIN(a->x1, b->x1);
    a->y1 = MIN(a->y1, b->y1);
    a->x2 = MAX(a->x2, b->x2);
    a->y2 = MAX(a->y2, b->y2);
}

/* ------------------------------------------------------------------- drawing */

static void set_color(cairo_t *c, guint32 rgba) {
    cairo_set_source_rgba(c, (rgba >> 24) / 255.0, (rgba >> 16 & 0xFF) / 255.0,
                          (rgba >> 8 & 0xFF) / 255.0, (rgba & 0xFF) / 255.0);
}

static void draw_background(cairo_t *c, const paint_style *s, const measures *m, const area *box) {
    double r = MIN(m->pad + m->outline, MIN(box->x2 - box->x1, box->y2 - box->y1) / 2);
    cairo_new_sub_path(c);
    cairo_arc(c, box->x2 - r, box->y1 + r, r, -G_PI / 2, 0);
    cairo_arc(c, box->x2 - r, box->y2 - r, r, 0, G_PI / 2);
    cairo_arc(c, box->x1 + r, box->y2 - r, r, G_PI / 2, G_PI);
    cairo_arc(c, box->x1 + r, box->y1 + r, r, G_PI, 3 * G_PI / 2);
    cairo_close_path(c);
    set_color(c, s->background);
    cairo_fill(c);
}

/* To where a line begins, in the size that Pango laid it out in. */
static void go_to(cairo_t *c, const line *l, const measures *m) {
    cairo_translate(c, l->x, l->y);
    cairo_scale(c, m->em / LAYOUT_EM, m->em / LAYOUT_EM);
    cairo_move_to(c, 0, 0);
}

static void draw_outline(cairo_t *c, const block *b, const paint_style *s, const measures *m) {
    for (int i = 0; i < b->n_lines; i++) {
        cairo_save(c);
        go_to(c, &b->lines[i], m);
        pango_cairo_layout_line_path(c, b->lines[i].line);
        cairo_restore(c); /* the path stays, and the pen is not scaled */
    }
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(c, 2 * m->outline);
    set_color(c, s->outline_color);
    cairo_stroke(c);
}

static void draw(cairo_t *c, const block *b, const paint_style *s, const measures *m,
                 const area *box) {
    if (m->pad > 0) draw_background(c, s, m, box);
    if (m->outline > 0) draw_outline(c, b, s, m);
    for (int i = 0; i < b->n_lines; i++) {
        cairo_save(c);
        go_to(c, &b->lines[i], m);
        set_color(c, s->color);
        pango_cairo_show_layout_line(c, b->lines[i].line);
        cairo_restore(c);
    }
}

/* The part of the source that seen covers; NULL if it is none, or memory is out. */
static painting *painting_new(const area *seen, int width, int height) {
    int x1 = (int)CLAMP(floor(seen->x1), 0, width), x2 = (int)CLAMP(ceil(seen->x2), 0, width);
    int y1 = (int)CLAMP(floor(seen->y1), 0, height), y2 = (int)CLAMP(ceil(seen->y2), 0, height);
    if (x1 >= x2 || y1 >= y2) return NULL;
    painting *p = g_new(painting, 1);
    *p = (painting){ NULL, x2 - x1, y2 - y1, x1, y1, width, height };
    p->bgra = g_try_malloc0((gsize)p->width * (gsize)p->height * 4);
    if (p->bgra) return p;
    g_free(p);
    return NULL;
}

/* Cairo's ARGB32 has the bytes of BGRA on the machines that OBS knows. */
static cairo_t *cairo_on(painting *p) {
    cairo_surface_t *surface = cairo_image_surface_create_for_data(
        p->bgra, CAIRO_FORMAT_ARGB32, p->width, p->height, p->width * 4);
    cairo_surface_set_device_offset(surface, -p->x, -p->y);
    cairo_t *c = cairo_create(surface);
    cairo_surface_destroy(surface);
    return c;
}

/* Something to measure with, before the size of the painting is known. */
static cairo_t *cairo_on_nothing(void) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *c = cairo_create(surface);
    cairo_surface_destroy(surface);
    return c;
}

void painting_free(painting *p) {
    if (!p) return;
    g_free(p->bgra);
    g_free(p);
}

painting *paint(const paint_style *s, const char *text, int width, int height) {
    if (!text || width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE) return NULL;
    if (!is_seen(s->color) && !is_seen(s->outline_color) && !is_seen(s->background)) return NULL;
    measures m = measure(s, width, height);
    if (m.em < 1) return NULL;
    g_autofree char *tidied = tidy(text, s->keeps_end);
    if (!*tidied) return NULL;

    cairo_t *c = cairo_on_nothing();
    block b = break_lines(c, s, &m, tidied, height);
    cairo_destroy(c);
    area box = place_lines(&b, s, &m, width, height), seen = box, of_line;
    gboolean has_seen = FALSE;
    for (int i = 0; i < b.n_lines; i++) {
        if (!seen_of(&b.lines[i], &m, &of_line)) continue;
        if (!has_seen && m.pad <= 0) seen = of_line;
        unite(&seen, &of_line);
        has_seen = TRUE;
    }
    painting *p = has_seen ? painting_new(&seen, width, height) : NULL;
    if (p) {
        c = cairo_on(p);
        draw(c, &b, s, &m, &box);
        gboolean failed = cairo_status(c) != CAIRO_STATUS_SUCCESS;
        cairo_surface_flush(cairo_get_target(c));
        cairo_destroy(c);
        if (failed) g_clear_pointer(&p, painting_free);
    }
    block_clear(&b);
    return p;
}
