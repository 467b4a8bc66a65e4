/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text as pixels: where it is, what is around it, how much of it there is; and the
 * thread that paints. Fonts are those of the machine, so that no pixel is known, but
 * where there may be some.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pango/pangocairo.h>

#include "chore.h"
#include "painter.h"

enum { WIDTH = 1280, HEIGHT = 720, MARGIN = 36 };

static const char words[] = "A brown dog runs over a green meadow, a boy in a red shirt throws a "
                            "ball into the air, and behind them there is a house with a roof, and "
                            "a tree, and a car, and at its wheel a woman who looks at the clock";
static const char hebrew[] = "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD7\xA2\xD7\x95\xD7\x9C\xD7\x9D";

/* White, at the bottom in the middle. */
static const paint_style plain = {
    .size = 0.06, .color = 0xFFFFFFFF, .margin = 0.05, .row = 1, .align = ALIGN_CENTER
};

/* A painting in its source, so that coordinates are the source's. To be looked at, if
 * $ESPY_LOOK names a folder. */
typedef struct view {
    int width, height;
    guint8 *bgra;       /* of the source */
    int n;              /* pixels that are not transparent */
    int x1, y1, x2, y2; /* where they are */
    painting *painting; /* NULL: nothing to be seen */
} view;

static void write_picture(const view *v, const char *name) {
    const char *folder = g_getenv("ESPY_LOOK");
    if (!folder) return;
    g_autofree char *path = g_strdup_printf("%s/paint-%s.png", folder, name);
    cairo_surface_t *s = cairo_image_surface_create_for_data(v->bgra, CAIRO_FORMAT_ARGB32, v->width,
                                                             v->height, v->width * 4);
    cairo_surface_write_to_png(s, path);
    cairo_surface_destroy(s);
}

static guint8 *at(const view *v, int x, int y) {
    return v->bgra + ((size_t)y * (size_t)v->width + (size_t)x) * 4;
}

static view view_of(const paint_style *style, const char *text, int width, int height,
                    const char *name) {
    view v = { .width = width, .height = height, .x1 = width, .y1 = height };
    v.bgra = g_malloc0((size_t)width * (size_t)height * 4);
    v.painting = paint(style, text, width, height);
    if (!v.painting) return v;
    const painting *p = v.painting;
    assert_true(p->x >= 0 && p->y >= 0 && p->width > 0 && p->height > 0);
    assert_true(p->x + p->width <= width && p->y + p->height <= height);
    assert_true(p->source_width == width && p->source_height == height);
    for (int y = 0; y < p->height; y++)
        memcpy(at(&v, p->x, p->y + y), p->bgra + (size_t)y * (size_t)p->width * 4,
               (size_t)p->width * 4);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const guint8 *c = at(&v, x, y);
            assert_true(c[0] <= c[3] && c[1] <= c[3] && c[2] <= c[3]); /* premultiplied */
            if (!c[3]) continue;
            v.n++;
            v.x1 = MIN(v.x1, x);
            v.y1 = MIN(v.y1, y);
            v.x2 = MAX(v.x2, x + 1);
            v.y2 = MAX(v.y2, y + 1);
        }
    /* No larger than what is seen, but for what is too faint. */
    assert_true(v.n > 0);
    assert_true(v.x1 - p->x <= 3 && v.y1 - p->y <= 3);
    assert_true(p->x + p->width - v.x2 <= 3 && p->y + p->height - v.y2 <= 3);
    if (name) write_picture(&v, name);
    return v;
}

static void view_clear(view *v) {
    painting_free(v->painting);
    g_free(v->bgra);
    *v = (view){ 0 };
}

/* Where a line's worth of rows has ink, one after the other. */
static int count_lines(const view *v) {
    int n = 0;
    gboolean was_ink = FALSE;
    for (int y = 0; y < v->height; y++) {
        gboolean is_ink = FALSE;
        for (int x = 0; x < v->width && !is_ink; x++) is_ink = at(v, x, y)[3] > 128;
        n += is_ink && !was_ink;
        was_ink = is_ink;
    }
    return n;
}

static gboolean looks_same(const paint_style *a, const char *text_a, const paint_style *b,
                           const char *text_b) {
    view va = view_of(a, text_a, WIDTH, HEIGHT, NULL), vb = view_of(b, text_b, WIDTH, HEIGHT, NULL);
    gboolean same = !memcmp(va.bgra, vb.bgra, (size_t)WIDTH * HEIGHT * 4);
    view_clear(&va);
    view_clear(&vb);
    return same;
}

/* ----------------------------------------------------------------- places */

static void in_all_places(void **state) {
    (void)state;
    for (int row = -1; row <= 1; row++)
        for (int column = -1; column <= 1; column++) {
            paint_style s = plain;
            s.row = row;
            s.column = column;
            s.background = 0x000000FF;
            view v = view_of(&s, "A dog", WIDTH, HEIGHT, NULL);
            int mid_x = (v.x1 + v.x2) / 2, mid_y = (v.y1 + v.y2) / 2;
            if (column < 0) assert_in_range(v.x1, MARGIN, MARGIN + 1);
            if (column > 0) assert_in_range(v.x2, WIDTH - MARGIN - 1, WIDTH - MARGIN);
            if (!column) assert_in_range(mid_x, WIDTH / 2 - 2, WIDTH / 2 + 2);
            if (row < 0) assert_in_range(v.y1, MARGIN, MARGIN + 1);
            if (row > 0) assert_in_range(v.y2, HEIGHT - MARGIN - 1, HEIGHT - MARGIN);
            if (!row) assert_in_range(mid_y, HEIGHT / 2 - 2, HEIGHT / 2 + 2);
            view_clear(&v);
        }
}

static void within_its_width(void **state) {
    (void)state;
    paint_style s = plain;
    s.n_lines = 50;
    s.background = 0x00000080;
    s.outline = 0.1;
    s.outline_color = 0x000000FF;
    for (int tenths = 1; tenths <= 10; tenths++) {
        const double width = tenths / 10.0;
        s.width = width;
        view v = view_of(&s, words, WIDTH, HEIGHT, NULL);
        assert_true(v.x2 - v.x1 <= width * WIDTH + 2);
        assert_true(v.x1 >= MARGIN - 1 && v.x2 <= WIDTH - MARGIN + 1);
        assert_true(v.y1 >= MARGIN - 1 && v.y2 <= HEIGHT - MARGIN + 1);
        if (width > 0.35) assert_true(v.x2 - v.x1 > width * WIDTH / 2);
        view_clear(&v);
    }
}

static void same_on_all_sizes(void **state) {
    (void)state;
    for (int by = 1; by <= 4; by *= 2) {
        view v = view_of(&plain, "A dog runs", 640 * by, 360 * by, NULL);
        view w = view_of(&plain, "A dog runs", 640, 360, NULL);
        assert_true(abs(v.x1 - w.x1 * by) <= 2 * by && abs(v.x2 - w.x2 * by) <= 2 * by);
        assert_true(abs(v.y1 - w.y1 * by) <= 2 * by && abs(v.y2 - w.y2 * by) <= 2 * by);
        view_clear(&v);
        view_clear(&w);
    }
}

static void lines_among_each_other(void **state) {
    (void)state;
    /* The second line is the shorter one. */
    const char *text = "A long first line\nit";
    int left[3] = { 0 };
    for (int align = 0; align < 3; align++) {
        paint_style s = plain;
        s.align = (paint_align)align;
        view v = view_of(&s, text, WIDTH, HEIGHT, NULL);
        int y = v.y2 - 5, x = 0;
        while (x < WIDTH && !at(&v, x, y)[3]) x++;
        left[align] = x - v.x1;
        int right = WIDTH - 1;
        while (right > x && !at(&v, right, y)[3]) right--;
        if (align == ALIGN_START) assert_true(left[align] < 12);
        if (align == ALIGN_CENTER) assert_true(abs((x + right) / 2 - WIDTH / 2) < 6);
        if (align == ALIGN_END) assert_true(v.x2 - right < 12);
        view_clear(&v);
    }
    assert_true(left[0] < left[1] && left[1] < left[2]);
}

/* ------------------------------------------------------------------ colours */

static void colors_and_background(void **state) {
    (void)state;
    paint_style s = plain;
    s.color = 0xFF8000FF;
    s.background = 0x2040C080;
    view v = view_of(&s, "HHHH", WIDTH, HEIGHT, "background");
    /* The background alone, premultiplied: between its edge and the first letter. */
    const guint8 *p = at(&v, v.x1 + 5, (v.y1 + v.y2) / 2);
    assert_int_equal(p[3], 0x80);
    assert_in_range(p[0], 0x60 - 1, 0x60 + 1);
    assert_in_range(p[1], 0x20 - 1, 0x20 + 1);
    assert_in_range(p[2], 0x10 - 1, 0x10 + 1);
    /* Rounded corners. */
    assert_int_equal(at(&v, v.x1, v.y1)[3], 0);
    int n_letters = 0;
    for (int y = v.y1; y < v.y2; y++)
        for (int x = v.x1; x < v.x2; x++) {
            const guint8 *c = at(&v, x, y);
            n_letters += c[3] == 255 && c[2] == 255 && c[1] == 128 && c[0] == 0;
        }
    assert_true(n_letters > 300);
    view_clear(&v);
    /* Nothing to be seen. */
    s.color = s.background = 0xFFFFFF00;
    assert_null(paint(&s, "HHHH", WIDTH, HEIGHT));
}

static void outline_is_around_the_letters(void **state) {
    (void)state;
    paint_style s = plain;
    view bare = view_of(&s, "HOH", WIDTH, HEIGHT, NULL);
    s.outline = 0.1; /* 4.3 pixels */
    s.outline_color = 0xFF0000FF;
    view v = view_of(&s, "HOH", WIDTH, HEIGHT, "outline");
    assert_in_range(v.x2 - v.x1 - (bare.x2 - bare.x1), 7, 11);
    assert_in_range(v.y2 - v.y1 - (bare.y2 - bare.y1), 7, 11);
    int n_white = 0, n_red = 0, n_wrong = 0;
    for (int y = 1; y < HEIGHT - 1; y++)
        for (int x = 1; x < WIDTH - 1; x++) {
            const guint8 *c = at(&v, x, y);
            gboolean is_white = c[3] == 255 && c[0] > 200;
            n_white += is_white;
            n_red += c[3] == 255 && c[0] == 0 && c[2] == 255;
            /* White never touches what is transparent. */
            if (is_white)
                for (int i = 0; i < 9; i++) n_wrong += !at(&v, x + i % 3 - 1, y + i / 3 - 1)[3];
        }
    assert_true(n_white > 300 && n_red > n_white / 2);
    assert_int_equal(n_wrong, 0);
    view_clear(&bare);
    view_clear(&v);
}

/* -------------------------------------------------------------------- text */

static void number_of_lines(void **state) {
    (void)state;
    paint_style s = plain;
    s.width = 0.5;
    for (int n = 1; n <= 4; n++) {
        s.n_lines = n;
        view v = view_of(&s, words, WIDTH, HEIGHT, NULL);
        assert_int_equal(count_lines(&v), n);
        view_clear(&v);
    }
    /* Two, if nothing is said. */
    s.n_lines = 0;
    view v = view_of(&s, words, WIDTH, HEIGHT, NULL);
    assert_int_equal(count_lines(&v), 2);
    view_clear(&v);
    /* No more than there is room for, nor than there is text. */
    s.n_lines = 1000;
    s.size = 0.2;
    s.width = 0.9;
    v = view_of(&s, words, WIDTH, HEIGHT, "large");
    assert_in_range(count_lines(&v), 2, 4);
    assert_true(v.y1 >= MARGIN - 1 && v.y2 <= HEIGHT - MARGIN + 1);
    view_clear(&v);
    s.size = 0.05;
    v = view_of(&s, "one\ntwo\r\n\n  \nTHREE", WIDTH, HEIGHT, NULL);
    assert_int_equal(count_lines(&v), 3);
    view_clear(&v);
}

static void ellipsis_or_the_end(void **state) {
    (void)state;
    paint_style s = plain;
    s.width = 0.5;
    s.n_lines = 2;
    view v = view_of(&s, words, WIDTH, HEIGHT, "ellipsis");
    view_clear(&v);
    /* The start is kept: what is said later does not matter, how it begins does. */
    g_autofree char *longer = g_strconcat(words, " and so on", NULL);
    assert_true(looks_same(&s, words, &s, longer));
    assert_false(looks_same(&s, words, &s, words + 2));
    /* The ellipsis is there: the first two lines without it look otherwise. */
    paint_style all = s;
    all.n_lines = 20;
    all.row = s.row = -1;
    view kept = view_of(&s, words, WIDTH, HEIGHT, NULL),
         whole = view_of(&all, words, WIDTH, HEIGHT, NULL);
    int first = 0, second = 0;
    for (int y = kept.y1; y < kept.y2; y++) {
        gboolean same = !memcmp(at(&kept, 0, y), at(&whole, 0, y), (size_t)WIDTH * 4);
        (y < (kept.y1 + kept.y2) / 2 - 4 ? (first += !same) : (second += !same));
    }
    assert_int_equal(first, 0);
    assert_true(second > 0);
    view_clear(&kept);
    view_clear(&whole);
    /* The end is kept: what was said earlier does not matter, once it is above. */
    s.keeps_end = TRUE;
    v = view_of(&s, words, WIDTH, HEIGHT, "end");
    assert_int_equal(count_lines(&v), 2);
    view_clear(&v);
    assert_false(looks_same(&s, words, &s, longer));
    s.n_lines = 1;
    assert_true(looks_same(&s, "one\ntwo\nthree", &s, "three"));
    /* Nothing is too long: both are the same. */
    paint_style other = s;
    other.keeps_end = FALSE;
    assert_true(looks_same(&s, "three", &other, "three"));
    /* An ellipsis also where the rest would begin a new line. */
    assert_false(looks_same(&other, "one\ntwo", &other, "one"));
}

static void growing_text_keeps_its_start(void **state) {
    (void)state;
    paint_style s = plain;
    s.column = -1;
    s.align = ALIGN_START;
    int width = 0;
    for (size_t n = 5; n < 40; n += 5) {
        g_autofree char *piece = g_strndup(words, n);
        view v = view_of(&s, piece, WIDTH, HEIGHT, NULL);
        assert_true(v.x1 <= MARGIN + 3);
        assert_true(v.x2 >= width);
        width = v.x2;
        view_clear(&v);
    }
}

static void right_to_left(void **state) {
    (void)state;
    paint_style s = plain;
    s.align = ALIGN_START;
    s.width = 0.4;
    s.n_lines = 3;
    g_autofree char *text = g_strdup_printf("%s %s\n%s", hebrew, hebrew, hebrew);
    view v = view_of(&s, text, WIDTH, HEIGHT, "hebrew");
    assert_int_equal(count_lines(&v), 2);
    /* The lower, shorter line stands at the right. */
    int y = v.y2 - 8, x = 0, right = WIDTH - 1;
    while (x < WIDTH && !at(&v, x, y)[3]) x++;
    while (right > 0 && !at(&v, right, y)[3]) right--;
    assert_true(x - v.x1 > (v.x2 - v.x1) / 4);
    assert_true(v.x2 - right < 15);
    view_clear(&v);
    s.align = ALIGN_END;
    v = view_of(&s, text, WIDTH, HEIGHT, NULL);
    x = 0;
    while (x < WIDTH && !at(&v, x, y)[3]) x++;
    assert_true(x - v.x1 < 15);
    view_clear(&v);
    /* Cut: the ellipsis is at the left, where such a line ends. */
    s.n_lines = 1;
    s.align = ALIGN_START;
    g_autofree char *longer = g_strdup_printf("%s %s %s", hebrew, text, hebrew);
    v = view_of(&s, longer, WIDTH, HEIGHT, "hebrew-cut");
    int low = 0;
    for (int cx = v.x1; cx < v.x1 + 12; cx++)
        for (int cy = v.y1; cy < (v.y1 + v.y2) / 2; cy++) low += at(&v, cx, cy)[3] > 128;
    assert_int_equal(low, 0); /* dots alone, at the base line */
    view_clear(&v);
}

/* Whether the machine has a font with a character. */
static gboolean has_glyph(const char *text) {
    PangoFontMap *map = pango_cairo_font_map_new();
    PangoContext *context = pango_font_map_create_context(map);
    PangoLayout *layout = pango_layout_new(context);
    pango_layout_set_text(layout, text, -1);
    int n_unknown = pango_layout_get_unknown_glyphs_count(layout);
    g_object_unref(layout);
    g_object_unref(context);
    g_object_unref(map);
    return n_unknown == 0;
}

static void chinese_breaks_between_letters(void **state) {
    (void)state;
    const char *dog = "\xE4\xB8\x80\xE5\x8F\xAA\xE6\xA3\x95\xE8\x89\xB2\xE7\x9A\x84\xE7\x8B\x97"
                      "\xE5\x9C\xA8\xE7\xBB\xBF\xE8\x89\xB2\xE7\x9A\x84\xE8\x8D\x89\xE5\x9C\xB0";
    if (!has_glyph(dog)) {
        print_message("THIS MACHINE HAS NO FONT WITH CHINESE CHARACTERS: not tested\n");
        skip();
    }
    paint_style s = plain;
    s.width = 0.25;
    s.n_lines = 3;
    view v = view_of(&s, dog, WIDTH, HEIGHT, "chinese");
    assert_in_range(count_lines(&v), 2, 3);
    view_clear(&v);
    /* Letters, not boxes: two of them look different. */
    assert_false(looks_same(&s, "\xE6\xA3\x95", &s, "\xE8\x89\xB2"));
}

static void text_of_any_bytes(void **state) {
    (void)state;
    static const char *const nothing[] = {
        "", " ", "\n\n", "\t \r\n", "\x01\x02\x7F", "\xC2\x85", "\xE2\x80\xA8"
    };
    for (size_t i = 0; i < G_N_ELEMENTS(nothing); i++)
        assert_null(paint(&plain, nothing[i], WIDTH, HEIGHT));
    assert_null(paint(&plain, NULL, WIDTH, HEIGHT));
    /* With a background, too: none without letters. */
    paint_style s = plain;
    s.background = 0x000000FF;
    assert_null(paint(&s, "\xE2\x80\x8B", WIDTH, HEIGHT));
    /* Blanks are one, and none at the ends. */
    assert_true(looks_same(&plain, "  A \t\x01 dog ", &plain, "A dog"));
    static const char *const odd[] = { "\xFF\xFE\xC0\x80 odd",       "\xF0\x9F\x98\x80 \xF0\x9F",
                                       "a\xCC\x81\xCC\x82\xCC\x83",  "\xE2\x80\xAE backwards",
                                       "\xEF\xBF\xBE\xEF\xBF\xBF x", "<b>&amp;</b>",
                                       "\xED\xA0\x80\xED\xB0\x80",   "%s%n" };
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++) {
        view v = view_of(&plain, odd[i], WIDTH, HEIGHT, NULL);
        assert_non_null(v.painting);
        view_clear(&v);
    }
    /* Random bytes, and much of them, with all styles. */
    GRand *by = g_rand_new_with_seed(3);
    for (int i = 0; i < 60; i++) {
        int n = g_rand_int_range(by, 0, 400);
        char *text = g_malloc((gsize)n + 1);
        for (int k = 0; k < n; k++) text[k] = (char)g_rand_int_range(by, 1, 256);
        text[n] = 0;
        paint_style r = { .size = g_rand_double(by),
                          .color = g_rand_int(by),
                          .outline_color = g_rand_int(by),
                          .outline = g_rand_double_range(by, 0, 0.5),
                          .background = g_rand_int(by),
                          .margin = g_rand_double(by),
                          .width = g_rand_double(by),
                          .n_lines = g_rand_int_range(by, -3, 30),
                          .align = (paint_align)g_rand_int_range(by, 0, 3),
                          .column = g_rand_int_range(by, -2, 3),
                          .row = g_rand_int_range(by, -2, 3),
                          .keeps_end = g_rand_boolean(by) };
        int width = g_rand_int_range(by, 1, 700), height = g_rand_int_range(by, 1, 400);
        painting *p = paint(&r, text, width, height);
        if (p) assert_true(p->x >= 0 && p->x + p->width <= width);
        if (p) assert_true(p->y >= 0 && p->y + p->height <= height);
        painting_free(p);
        g_free(text);
    }
    g_rand_free(by);
}

static void long_texts(void **state) {
    (void)state;
    enum { N = 3000000 };
    char *text = g_malloc(N + 1);
    for (int i = 0; i < N; i++) text[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 23);
    text[N] = 0;
    paint_style s = plain;
    view v = view_of(&s, text, WIDTH, HEIGHT, NULL);
    assert_int_equal(count_lines(&v), 2);
    view_clear(&v);
    s.keeps_end = TRUE;
    v = view_of(&s, text, WIDTH, HEIGHT, NULL);
    assert_int_equal(count_lines(&v), 2);
    view_clear(&v);
    assert_true(looks_same(&s, text, &s, text + N / 2 + 2)); /* the same line breaks */
    /* One word. */
    memset(text, 'm', N);
    v = view_of(&s, text, WIDTH, HEIGHT, NULL);
    view_clear(&v);
    /* Cut within a character. */
    for (int i = 0; i + 3 <= N; i += 3) memcpy(text + i, "\xE6\xA3\x95", 3);
    for (int i = 0; i < 3; i++) {
        v = view_of(&s, text + i, WIDTH, HEIGHT, NULL);
        view_clear(&v);
    }
    g_free(text);
}

static void sources_of_any_size(void **state) {
    (void)state;
    const int sides[] = { -5, 0, 1, 2, 3, 7, 16, 100, 5000, 16384, 32767, 32768, G_MAXINT };
    paint_style s = plain;
    s.background = 0x00000080;
    s.outline = 0.1;
    s.outline_color = 0x000000FF;
    for (size_t i = 0; i < G_N_ELEMENTS(sides); i++)
        for (size_t k = 0; k < G_N_ELEMENTS(sides); k++) {
            /* A text line of a high source would be large; that is what it asks for. */
            s.size = sides[k] > 1000 ? 0.001 : 0.06;
            painting *p = paint(&s, words, sides[i], sides[k]);
            if (!p) continue;
            assert_true(p->x >= 0 && p->y >= 0 && p->width > 0 && p->height > 0);
            assert_true(p->x + p->width <= sides[i] && p->y + p->height <= sides[k]);
            assert_true(p->height <= 400);
            painting_free(p);
        }
    assert_null(paint(&s, words, 1, 1));
    /* As large as it gets, and larger than there is room for. */
    s = plain;
    s.size = 1;
    s.n_lines = 3;
    painting *p = paint(&s, "Mg", 3000, 2000);
    assert_non_null(p);
    painting_free(p);
    s.size = s.margin = s.width = s.outline = NAN;
    painting_free(paint(&s, "Mg", WIDTH, HEIGHT));
    s.size = s.margin = s.width = s.outline = INFINITY;
    painting_free(paint(&s, "Mg", WIDTH, HEIGHT));
    s.size = s.margin = s.width = s.outline = -1;
    s.n_lines = G_MININT;
    painting_free(paint(&s, "Mg", WIDTH, HEIGHT));
    s.font = "No Such Font, 1000000px";
    painting_free(paint(&s, "Mg", WIDTH, HEIGHT));
    s.font = "";
    painting_free(paint(&s, "Mg", WIDTH, HEIGHT));
}

/* ----------------------------------------------------------------- threads */

/* Waits for the painting of an ask; those before it may come, too. */
static painting *take(painter *p, guint64 serial) {
    for (int i = 0; i < 20000; i++) {
        painting *out;
        guint64 of;
        if (painter_take(p, &out, &of)) {
            assert_true(of <= serial);
            if (of == serial) return out;
            painting_free(out);
        }
        g_usleep(1000);
    }
    fail_msg("no painting came");
    return NULL;
}

static void on_its_thread(void **state) {
    (void)state;
    painter *p = painter_new();
    painting *out;
    guint64 serial;
    assert_false(painter_take(p, &out, &serial));
    char font[] = "Serif";
    paint_style s = plain;
    s.font = font;
    painter_ask(p, &s, "A dog", WIDTH, HEIGHT, 7);
    memset(font, 'x', sizeof font - 1); /* was copied */
    painting *a = take(p, 7), *b;
    assert_false(painter_take(p, &out, &serial));
    s.font = "Serif";
    b = paint(&s, "A dog", WIDTH, HEIGHT);
    assert_true(a->width == b->width && a->height == b->height && a->x == b->x && a->y == b->y);
    assert_memory_equal(a->bgra, b->bgra, (size_t)a->width * (size_t)a->height * 4);
    painting_free(a);
    painting_free(b);
    painter_ask(p, &s, "", WIDTH, HEIGHT, 8);
    assert_null(take(p, 8));
    painter_free(&p);
    assert_null(p);
    painter_free(&p);
}

static void newest_wins(void **state) {
    (void)state;
    painter *p = painter_new();
    painting *last = paint(&plain, "number 499", WIDTH, HEIGHT);
    int n_made = 0;
    for (guint64 i = 0; i < 500; i++) {
        g_autofree char *text = g_strdup_printf("number %d", (int)i);
        painter_ask(p, &plain, text, WIDTH, HEIGHT, i);
        painting *out;
        guint64 of;
        if (!painter_take(p, &out, &of)) continue;
        n_made++;
        painting_free(out);
    }
    painting *now = take(p, 499);
    assert_true(n_made < 499);
    assert_memory_equal(now->bgra, last->bgra, (size_t)last->width * (size_t)last->height * 4);
    painting_free(now);
    painting_free(last);
    painter_free(&p);
}

static gpointer use_painters(gpointer user) {
    GRand *by = g_rand_new_with_seed(GPOINTER_TO_UINT(user));
    for (int i = 0; i < 40; i++) {
        painter *p = painter_new();
        int n = g_rand_int_range(by, 0, 4);
        for (int k = 0; k < n; k++) painter_ask(p, &plain, words + i, 320, 180, (guint64)k);
        if (n && g_rand_boolean(by)) painting_free(take(p, (guint64)n - 1));
        if (g_rand_boolean(by)) g_usleep((gulong)g_rand_int_range(by, 0, 3000));
        painter_free(&p);
    }
    g_rand_free(by);
    return NULL;
}

static void many_painters(void **state) {
    (void)state;
    GThread *threads[4];
    for (guint i = 0; i < 4; i++)
        threads[i] = g_thread_new("test", use_painters, GUINT_TO_POINTER(i));
    for (guint i = 0; i < 4; i++) g_thread_join(threads[i]);
}

/* ------------------------------------------------------------------- chores */

static void count(void *user) {
    g_atomic_int_inc((int *)user);
    g_usleep(2000);
}

static void chores_take_turns(void **state) {
    (void)state;
    int a = 0, b = 0;
    chore *ca = chore_new(count, &a), *cb = chore_new(count, &b);
    for (int i = 0; i < 100000 && g_atomic_int_get(&b) < 5; i++) {
        chore_ask(ca);
        chore_ask(cb);
    }
    /* One that is always asked for does not keep the other from its turn. */
    while (g_atomic_int_get(&b) < 5) chore_ask(ca), chore_ask(cb);
    assert_true(abs(g_atomic_int_get(&a) - g_atomic_int_get(&b)) <= 1);
    chore_ask(ca);
    chore_free(&ca);
    int n = g_atomic_int_get(&a); /* none begins or goes on */
    g_usleep(5000);
    assert_int_equal(g_atomic_int_get(&a), n);
    chore_free(&cb);
    assert_null(cb);
    chore_free(&cb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_all_places),
        cmocka_unit_test(within_its_width),
        cmocka_unit_test(same_on_all_sizes),
        cmocka_unit_test(lines_among_each_other),
        cmocka_unit_test(colors_and_background),
        cmocka_unit_test(outline_is_around_the_letters),
        cmocka_unit_test(number_of_lines),
        cmocka_unit_test(ellipsis_or_the_end),
        cmocka_unit_test(growing_text_keeps_its_start),
        cmocka_unit_test(right_to_left),
        cmocka_unit_test(chinese_breaks_between_letters),
        cmocka_unit_test(text_of_any_bytes),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(sources_of_any_size),
        cmocka_unit_test(on_its_thread),
        cmocka_unit_test(newest_wins),
        cmocka_unit_test(many_painters),
        cmocka_unit_test(chores_take_turns),
    };
    return cmocka_run_group_tests_name("painter", tests, NULL, NULL);
}
