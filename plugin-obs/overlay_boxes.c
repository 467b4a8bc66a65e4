/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay_boxes.h"

#include <math.h>
#include <string.h>

/* The text of labels, each painted once however many boxes have it. */
typedef struct label {
    char *text; /* NULL: free to be used */
    painter *painter;
    painting *painting;
    brush_area at;   /* in the sheet; empty: not there */
    guint64 asked;   /* revision of style and size for which it was; 0: it was not */
    guint64 serial;  /* of what was asked for last                                 */
    guint64 painted; /* serial of what came last */
} label;

typedef struct shown_box {
    double x1, y1, x2, y2; /* in parts of the source; on the way to where it is */
    double opacity;
    label *label; /* NULL: without */
} shown_box;

struct overlay_boxes {
    box_places places;
    shown_box boxes[BOX_TRACK_MAX];
    label labels[BOX_TRACK_MAX];
    sheet sheet; /* all labels, below each other */
    gboolean has_new_labels;
    /* What was true in the last tick; a change is another revision. */
    char *font;
    double size, line_width;
    guint32 color;
    int width, height;
    guint64 revision;
};

overlay_boxes *overlay_boxes_new(void) {
    return g_new0(overlay_boxes, 1);
}

void overlay_boxes_free(overlay_boxes *b) {
    if (!b) return;
    caption_unref(b->places.of);
    for (int i = 0; i < BOX_TRACK_MAX; i++) {
        g_free(b->labels[i].text);
        painter_free(&b->labels[i].painter); /* waits: not within graphics */
        painting_free(b->labels[i].painting);
    }
    obs_enter_graphics();
    sheet_clear(&b->sheet);
    obs_leave_graphics();
    g_free(b->font);
    g_free(b);
}

/* ------------------------------------------------------------------- labels */

/* Black or white, whichever is easier to read on a colour. */
static guint32 color_on(guint32 color) {
    double luma =
        0.299 * (color >> 24) + 0.587 * (color >> 16 & 0xFF) + 0.114 * (color >> 8 & 0xFF);
    return luma > 140 ? 0x000000FF : 0xFFFFFFFF;
}

static void ask(const overlay_boxes *b, label *l) {
    const paint_style style = { .font = b->font,
                                .size = b->size,
                                .color = color_on(b->color),
                                .background = b->color | 0x80, /* it has to be read */
                                .width = 0.5,
                                .n_lines = 1,
                                .column = -1,
                                .row = -1 };
    if (!l->painter) l->painter = painter_new();
    painter_ask(l->painter, &style, l->text, b->width, b->height, ++l->serial);
    l->asked = b->revision;
}

static void take(overlay_boxes *b, label *l) {
    painting *p;
    guint64 serial;
    if (!l->painter || !painter_take(l->painter, &p, &serial)) return;
    if (serial != l->serial) { /* of another text or style than now */
        painting_free(p);
        return;
    }
    painting_free(l->painting);
    l->painting = p;
    l->painted = serial;
    b->has_new_labels = TRUE;
}

/* A row for each label, and transparent ones between them, which may be looked at where
 * a source is drawn smaller or larger. */
static void put_labels(overlay_boxes *b) {
    enum { GAP = 2 };
    painting all = { .source_width = b->width, .source_height = b->height };
    for (int i = 0; i < BOX_TRACK_MAX; i++) {
        label *l = &b->labels[i];
        l->at = (brush_area){ 0 };
        if (!l->text || !l->painting) continue;
        l->at = (brush_area){ 0, all.height, l->painting->width, all.height + l->painting->height };
        all.width = MAX(all.width, l->painting->width + GAP);
        all.height += l->painting->height + GAP;
    }
    all.bgra = g_malloc0((gsize)all.width * (gsize)all.height * 4);
    for (int i = 0; i < BOX_TRACK_MAX; i++) {
        const label *l = &b->labels[i];
        if (l->at.x2 <= 0) continue;
        const gsize n = (gsize)l->painting->width * 4;
        guint8 *row = all.bgra + (gsize)l->at.y1 * (gsize)all.width * 4;
        for (int y = 0; y < l->painting->height; y++, row += (gsize)all.width * 4)
            memcpy(row, l->painting->bgra + (gsize)y * n, n);
    }
    obs_enter_graphics();
    sheet_begin(&b->sheet, all.width > 0 ? &all : NULL);
    sheet_put(&b->sheet, &all, G_MAXINT); /* they are small */
    obs_leave_graphics();
    g_free(all.bgra);
    b->has_new_labels = FALSE;
}

/* Asks for what is to be painted, and puts what was; all at once, when none is missing. */
static void tick_labels(overlay_boxes *b, gboolean is_seen) {
    gboolean is_missing = FALSE;
    for (int i = 0; i < BOX_TRACK_MAX; i++) {
        label *l = &b->labels[i];
        if (is_seen && l->text && l->asked != b->revision) ask(b, l);
        take(b, l);
        is_missing |= l->text && l->painted != l->serial;
    }
    if (b->has_new_labels && !is_missing) put_labels(b);
}

static label *find_label(overlay_boxes *b, const char *text) {
    for (int i = 0; i < BOX_TRACK_MAX; i++)
        if (b->labels[i].text && !strcmp(b->labels[i].text, text)) return &b->labels[i];
    return NULL;
}

/* Those of the boxes that are now; others are forgotten, their textures used again. */
static void set_labels(overlay_boxes *b) {
    gboolean is_used[BOX_TRACK_MAX] = { 0 };
    for (int i = 0; i < b->places.n; i++) {
        const char *text = b->places.of->boxes[i].label;
        b->boxes[i].label = text && *text ? find_label(b, text) : NULL;
        if (b->boxes[i].label) is_used[b->boxes[i].label - b->labels] = TRUE;
    }
    for (int i = 0; i < BOX_TRACK_MAX; i++)
        if (!is_used[i]) {
            g_clear_pointer(&b->labels[i].text, g_free);
            g_clear_pointer(&b->labels[i].painting, painting_free);
            b->labels[i].at = (brush_area){ 0 };
            b->labels[i].asked = 0;
            b->labels[i].serial++;
        }
    for (int i = 0; i < b->places.n; i++) {
        const char *text = b->places.of->boxes[i].label;
        if (!text || !*text || b->boxes[i].label) continue;
        label *l = find_label(b, text); /* two boxes may have the same new one */
        for (int k = 0; !l && k < BOX_TRACK_MAX; k++)
            if (!b->labels[k].text) l = &b->labels[k];
        if (!l) continue;
        if (!l->text) l->text = g_strdup(text);
        b->boxes[i].label = l;
    }
}

/* -------------------------------------------------------------------- boxes */

/* Those of another caption are where they are at once, as visible as the ones before. */
static void take_places(overlay_boxes *b, box_track *track) {
    box_places places;
    if (!box_track_take(track, &places)) return;
    const gboolean is_other = places.of != b->places.of;
    const int n_before = b->places.n;
    caption_unref(b->places.of);
    b->places = places;
    if (!is_other) return;
    for (int i = 0; i < places.n; i++)
        b->boxes[i] = (shown_box){ places.x1[i],
                                   places.y1[i],
                                   places.x2[i],
                                   places.y2[i],
                                   i < n_before ? b->boxes[i].opacity : 0,
                                   NULL };
    set_labels(b);
}

static void note_style(overlay_boxes *b, const boxes_style *s, int width, int height) {
    const double size = s->size > 0 ? 0.7 * s->size : 0.03;
    b->line_width = s->width > 0 ? s->width : 0.004;
    if (!g_strcmp0(b->font, s->font) && b->size == size && b->color == s->color &&
        b->width == width && b->height == height)
        return;
    g_free(b->font);
    b->font = g_strdup(s->font);
    b->size = size;
    b->color = s->color;
    b->width = width;
    b->height = height;
    b->revision++;
}

void overlay_boxes_tick(overlay_boxes *b, box_track *track, const boxes_style *style,
                        gboolean is_shown, double seconds, double fading, int width, int height) {
    note_style(b, style, width, height);
    take_places(b, track);
    /* Glances come a few times a second: between them, boxes glide. */
    const double nearer = 1 - exp(-seconds / 0.05);
    const gboolean is_seen = is_shown && (b->color & 0xFF) != 0;
    for (int i = 0; i < b->places.n; i++) {
        shown_box *s = &b->boxes[i];
        s->x1 += (b->places.x1[i] - s->x1) * nearer;
        s->y1 += (b->places.y1[i] - s->y1) * nearer;
        s->x2 += (b->places.x2[i] - s->x2) * nearer;
        s->y2 += (b->places.y2[i] - s->y2) * nearer;
        const double target = is_seen && b->places.is_found[i] ? 1 : 0;
        s->opacity += CLAMP(target - s->opacity, -fading, fading);
    }
    tick_labels(b, is_seen);
}

/* Where a box is on the source, in whole pixels. */
static brush_area area_of(const overlay_boxes *b, const shown_box *s, double line) {
    brush_area at = { round(s->x1 * b->width), round(s->y1 * b->height), round(s->x2 * b->width),
                      round(s->y2 * b->height) };
    if (at.x2 - at.x1 < 4 * line) { /* a point, or nearly: a spot */
        at.x1 = round((at.x1 + at.x2) / 2 - 2 * line);
        at.x2 = at.x1 + 4 * line;
    }
    if (at.y2 - at.y1 < 4 * line) {
        at.y1 = round((at.y1 + at.y2) / 2 - 2 * line);
        at.y2 = at.y1 + 4 * line;
    }
    return at;
}

/* The lines of a box, inside of it. */
static void add_lines(brush_bar *bars, int *n, const brush_area *at, double line, guint32 color,
                      double opacity) {
    const brush_area lines[] = { { at->x1, at->y1, at->x2, at->y1 + line },
                                 { at->x1, at->y2 - line, at->x2, at->y2 },
                                 { at->x1, at->y1 + line, at->x1 + line, at->y2 - line },
                                 { at->x2 - line, at->y1 + line, at->x2, at->y2 - line } };
    for (int i = 0; i < 4; i++) bars[(*n)++] = (brush_bar){ lines[i], color, opacity };
}

/* Above the box, or inside it; never beyond the picture. */
static void add_label(brush_piece *pieces, int *n, const overlay_boxes *b, const shown_box *s,
                      const brush_area *box, double line) {
    if (!s->label || s->label->at.x2 <= 0) return;
    const brush_area *from = &s->label->at;
    const double width = from->x2 - from->x1, height = from->y2 - from->y1;
    double x = CLAMP(box->x1, 0, MAX(0, b->width - width)), y = box->y1 - height;
    if (y < 0) y = MIN(box->y1 + line, MAX(0, b->height - height));
    pieces[(*n)++] = (brush_piece){ *from, { x, y, x + width, y + height }, s->opacity };
}

gboolean overlay_boxes_are_seen(const overlay_boxes *b) {
    for (int i = 0; i < b->places.n; i++)
        if (b->boxes[i].opacity > 0) return TRUE;
    return FALSE;
}

void overlay_boxes_draw(const overlay_boxes *b, brush *with) {
    brush_bar bars[4 * BOX_TRACK_MAX];
    brush_piece pieces[BOX_TRACK_MAX];
    int n_bars = 0, n_pieces = 0;
    const double line = MAX(1, round(b->line_width * b->height));
    for (int i = 0; i < b->places.n; i++) {
        const shown_box *s = &b->boxes[i];
        if (s->opacity <= 0) continue;
        const brush_area at = area_of(b, s, line);
        add_lines(bars, &n_bars, &at, line, b->color, s->opacity);
        add_label(pieces, &n_pieces, b, s, &at, line);
    }
    G_STATIC_ASSERT(G_N_ELEMENTS(bars) <= BRUSH_MOST);
    brush_bars(with, bars, n_bars);
    brush_pieces(with, &b->sheet, pieces, n_pieces);
}
