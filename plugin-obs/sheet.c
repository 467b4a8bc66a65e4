/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A texture holds what Cairo painted: sRGB, premultiplied as it is encoded. Where OBS
 * blends encoded colours, that is what is wanted, times the opacity. Where it blends
 * light, colours are divided by their alpha, decoded, and multiplied again; and where
 * 1.0 is not the white of a screen, scaled. Opacity is in the alpha of the corners.
 */
#include "sheet.h"

#include <string.h>

struct brush {
    gs_effect_t *effect;
    gs_eparam_t *image, *white;
    /* Between begin and end. */
    gboolean is_linear, was_srgb;
    double white_level;
};

static const char effect_text[] =
    "uniform float4x4 ViewProj;\n"
    "uniform texture2d image;\n"
    "uniform float white;\n"
    "sampler_state of_image { Filter = Linear; AddressU = Clamp; AddressV = Clamp; };\n"
    "struct corner {\n"
    "    float4 pos : POSITION;\n"
    "    float4 color : COLOR;\n"
    "    float2 uv : TEXCOORD0;\n"
    "};\n"
    "corner place(corner c) {\n"
    "    corner placed;\n"
    "    placed.pos = mul(float4(c.pos.xyz, 1.0), ViewProj);\n"
    "    placed.color = c.color;\n"
    "    placed.uv = c.uv;\n"
    "    return placed;\n"
    "}\n"
    "struct bar_corner {\n" /* what a shader does not use, it must not have */
    "    float4 pos : POSITION;\n"
    "    float4 color : COLOR;\n"
    "};\n"
    "bar_corner place_bar(bar_corner c) {\n"
    "    bar_corner placed;\n"
    "    placed.pos = mul(float4(c.pos.xyz, 1.0), ViewProj);\n"
    "    placed.color = c.color;\n"
    "    return placed;\n"
    "}\n"
    "float light(float u) {\n"
    "    return (u <= 0.04045) ? (u / 12.92) : pow((u + 0.055) / 1.055, 2.4);\n"
    "}\n"
    "float4 as_light(float3 color, float a) {\n"
    "    return float4(float3(light(color.r), light(color.g), light(color.b)) * (a * white), a);\n"
    "}\n"
    "float4 sheet_encoded(corner c) : TARGET {\n"
    "    return image.Sample(of_image, c.uv) * c.color.a;\n"
    "}\n"
    "float4 sheet_linear(corner c) : TARGET {\n"
    "    float4 p = image.Sample(of_image, c.uv);\n"
    "    return as_light(saturate(p.rgb / max(p.a, 0.001)), p.a * c.color.a);\n"
    "}\n"
    "float4 bar_encoded(bar_corner c) : TARGET {\n"
    "    return float4(c.color.rgb * c.color.a, c.color.a);\n"
    "}\n"
    "float4 bar_linear(bar_corner c) : TARGET {\n"
    "    return as_light(c.color.rgb, c.color.a);\n"
    "}\n"
    "technique SheetEncoded {\n"
    "    pass { vertex_shader = place(c); pixel_shader = sheet_encoded(c); }\n"
    "}\n"
    "technique SheetLinear {\n"
    "    pass { vertex_shader = place(c); pixel_shader = sheet_linear(c); }\n"
    "}\n"
    "technique BarEncoded {\n"
    "    pass { vertex_shader = place_bar(c); pixel_shader = bar_encoded(c); }\n"
    "}\n"
    "technique BarLinear {\n"
    "    pass { vertex_shader = place_bar(c); pixel_shader = bar_linear(c); }\n"
    "}\n";

/* ------------------------------------------------------------------- sheets */

static void forget_strips(sheet *s, int from) {
    for (int i = from; i < s->n_strips; i++) gs_texture_destroy(s->strips[i]);
    s->n_strips = MIN(s->n_strips, from);
}

void sheet_begin(sheet *s, const painting *p) {
    enum { STRIP_PIXELS = 131072, LEAST_ROWS = 16 };
    s->n_put = s->width = s->height = 0;
    if (!p) return;
    /* Some room, as the next caption is about as long; but not for ever. */
    if (s->strip_width < p->width || s->strip_width > 2 * p->width + 256) {
        forget_strips(s, 0);
        s->strip_width = (p->width + 255) & ~255;
        s->rows = MAX(STRIP_PIXELS / s->strip_width, LEAST_ROWS);
    }
    const int n = (p->height + s->rows - 1) / s->rows;
    forget_strips(s, n);
    s->strips = g_renew(gs_texture_t *, s->strips, n);
    for (; s->n_strips < n; s->n_strips++) s->strips[s->n_strips] = NULL;
    s->x = p->x;
    s->y = p->y;
    s->width = p->width;
    s->height = p->height;
    s->source_width = p->source_width;
    s->source_height = p->source_height;
}

/* The rows of a strip, with the one before and the one after it, and a pixel to the right:
 * they are looked at where a source is drawn larger or smaller. What is not in the
 * painting is transparent. */
static void copy_strip(guint8 *to, gsize stride, const painting *p, int from_row, int n_rows) {
    const gsize n = (gsize)p->width * 4, n_clear = MIN(n + 4, stride);
    for (int y = from_row - 1; y <= MIN(from_row + n_rows, p->height); y++, to += stride) {
        const gboolean is_inside = y >= 0 && y < p->height;
        if (is_inside) memcpy(to, p->bgra + (gsize)y * n, n);
        const gsize from = is_inside ? n : 0;
        memset(to + from, 0, n_clear - from);
    }
}

gboolean sheet_put(sheet *s, const painting *p, int n_most) {
    if (s->width <= 0) return TRUE;
    for (; s->n_put < s->n_strips && n_most > 0; s->n_put++, n_most--) {
        gs_texture_t **strip = &s->strips[s->n_put];
        guint8 *to;
        guint32 stride;
        if (!*strip)
            *strip = gs_texture_create((guint32)s->strip_width, (guint32)s->rows + 2, GS_BGRA, 1,
                                       NULL, GS_DYNAMIC);
        if (!*strip || !gs_texture_map(*strip, &to, &stride)) continue;
        copy_strip(to, stride, p, s->n_put * s->rows, s->rows);
        gs_texture_unmap(*strip);
    }
    return s->n_put == s->n_strips;
}

void sheet_clear(sheet *s) {
    forget_strips(s, 0);
    g_free(s->strips);
    *s = (sheet){ 0 };
}

/* -------------------------------------------------------------------- brush */

brush *brush_new(void) {
    char *errors = NULL;
    if (!gs_get_context()) return NULL;
    gs_effect_t *effect = gs_effect_create(effect_text, "espy-sheet.effect", &errors);
    bfree(errors);
    if (!effect) return NULL;
    brush *b = g_new0(brush, 1);
    b->effect = effect;
    b->image = gs_effect_get_param_by_name(effect, "image");
    b->white = gs_effect_get_param_by_name(effect, "white");
    return b;
}

void brush_free(brush *b) {
    if (!b) return;
    gs_effect_destroy(b->effect);
    g_free(b);
}

void brush_begin(brush *b) {
    if (!b) return;
    const enum gs_color_space space = gs_get_color_space();
    /* All but the plain one are of linear light. */
    b->is_linear = space != GS_CS_SRGB || gs_get_linear_srgb();
    b->white_level = space == GS_CS_709_SCRGB ? obs_get_video_sdr_white_level() / 80.0 : 1;
    b->was_srgb = gs_framebuffer_srgb_enabled();
    gs_enable_framebuffer_srgb(b->is_linear);
    gs_blend_state_push();
    gs_enable_blending(true);
    gs_blend_function(GS_BLEND_ONE, GS_BLEND_INVSRCALPHA);
}

void brush_end(brush *b) {
    if (!b) return;
    gs_blend_state_pop();
    gs_enable_framebuffer_srgb(b->was_srgb);
}

/* Two triangles; uv: NULL where there is no texture. color: as OBS has it, red first. */
static void add_area(const brush_area *at, const brush_area *uv, guint32 color) {
    static const guint8 corners[6][2] = {
        { 0, 0 }, { 1, 0 }, { 0, 1 }, { 0, 1 }, { 1, 0 }, { 1, 1 }
    };
    static const brush_area nowhere = { 0 };
    if (!uv) uv = &nowhere;
    for (int i = 0; i < 6; i++) {
        const gboolean right = corners[i][0], low = corners[i][1];
        gs_color(color);
        gs_texcoord((float)(right ? uv->x2 : uv->x1), (float)(low ? uv->y2 : uv->y1), 0);
        gs_vertex2f((float)(right ? at->x2 : at->x1), (float)(low ? at->y2 : at->y1));
    }
}

static guint32 alpha(double opacity) {
    return (guint32)(CLAMP(opacity, 0, 1) * 255 + 0.5) << 24;
}

/* What of a piece is in the rows of a strip. */
static void add_piece(const brush_piece *piece, const sheet *s, int strip) {
    const double top = strip * (double)s->rows, low = MIN(top + s->rows, s->height);
    const brush_area *f = &piece->from, *t = &piece->to;
    const double y1 = MAX(f->y1, top), y2 = MIN(f->y2, low);
    if (y1 >= y2) return;
    const double scale = (t->y2 - t->y1) / (f->y2 - f->y1), of_texture = s->rows + 2;
    const brush_area to = { t->x1, t->y1 + (y1 - f->y1) * scale, t->x2,
                            t->y1 + (y2 - f->y1) * scale };
    const brush_area uv = { f->x1 / s->strip_width, (y1 - top + 1) / of_texture,
                            f->x2 / s->strip_width, (y2 - top + 1) / of_texture };
    add_area(&to, &uv, alpha(piece->opacity));
}

void brush_pieces(brush *b, const sheet *s, const brush_piece *pieces, int n) {
    if (!b || s->width <= 0 || n <= 0) return;
    for (int strip = 0; strip < s->n_put; strip++) {
        if (!s->strips[strip]) continue;
        gs_effect_set_texture(b->image, s->strips[strip]);
        gs_effect_set_float(b->white, (float)b->white_level);
        while (gs_effect_loop(b->effect, b->is_linear ? "SheetLinear" : "SheetEncoded")) {
            gs_render_start(false);
            for (int i = 0; i < MIN(n, BRUSH_MOST); i++) add_piece(&pieces[i], s, strip);
            gs_render_stop(GS_TRIS);
        }
    }
}

void brush_bars(brush *b, const brush_bar *bars, int n) {
    if (!b || n <= 0) return;
    gs_effect_set_float(b->white, (float)b->white_level);
    while (gs_effect_loop(b->effect, b->is_linear ? "BarLinear" : "BarEncoded")) {
        gs_render_start(false);
        for (int i = 0; i < MIN(n, BRUSH_MOST); i++) {
            const guint32 rgba = bars[i].color;
            const guint32 color = rgba >> 24 | (rgba >> 8 & 0xFF00) | (rgba << 8 & 0xFF0000);
            add_area(&bars[i].at, NULL, color | alpha((rgba & 0xFF) / 255.0 * bars[i].opacity));
        }
        gs_render_stop(GS_TRIS);
    }
}
