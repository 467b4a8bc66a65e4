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

static gboolean fits(gs_texture_t *texture, const painting *p) {
    if (!texture) return FALSE;
    guint64 width = gs_texture_get_width(texture), height = gs_texture_get_height(texture);
    guint64 n = (guint64)p->width * (guint64)p->height;
    return width >= (guint64)p->width && height >= (guint64)p->height &&
           width * height <= 4 * n + 65536; /* what was large once is not kept for ever */
}

/* Whole rows; what the painting leaves is transparent. */
static void copy(guint8 *to, gsize to_stride, gsize to_rows, const painting *p) {
    const gsize n = (gsize)p->width * 4;
    for (gsize y = 0; y < (gsize)p->height; y++) {
        memcpy(to + y * to_stride, p->bgra + y * n, n);
        memset(to + y * to_stride + n, 0, to_stride - n);
    }
    for (gsize y = (gsize)p->height; y < to_rows; y++) memset(to + y * to_stride, 0, to_stride);
}

void sheet_put(sheet *s, const painting *p) {
    guint8 *to;
    guint32 stride;
    s->width = 0;
    if (!p) return;
    if (!fits(s->texture, p)) {
        gs_texture_destroy(s->texture);
        /* Some room, as the next caption is about as long. */
        s->texture =
            gs_texture_create((guint32)(p->width + 63) & ~63U, (guint32)(p->height + 15) & ~15U,
                              GS_BGRA, 1, NULL, GS_DYNAMIC);
    }
    if (!s->texture || !gs_texture_map(s->texture, &to, &stride)) return;
    copy(to, stride, gs_texture_get_height(s->texture), p);
    gs_texture_unmap(s->texture);
    s->x = p->x;
    s->y = p->y;
    s->width = p->width;
    s->height = p->height;
    s->source_width = p->source_width;
    s->source_height = p->source_height;
}

void sheet_clear(sheet *s) {
    gs_texture_destroy(s->texture);
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

void brush_pieces(brush *b, const sheet *s, const brush_piece *pieces, int n) {
    if (!b || s->width <= 0 || n <= 0) return;
    const double width = gs_texture_get_width(s->texture);
    const double height = gs_texture_get_height(s->texture);
    gs_effect_set_texture(b->image, s->texture);
    gs_effect_set_float(b->white, (float)b->white_level);
    while (gs_effect_loop(b->effect, b->is_linear ? "SheetLinear" : "SheetEncoded")) {
        gs_render_start(false);
        for (int i = 0; i < MIN(n, BRUSH_MOST); i++) {
            const brush_area *f = &pieces[i].from;
            const brush_area uv = { f->x1 / width, f->y1 / height, f->x2 / width, f->y2 / height };
            add_area(&pieces[i].to, &uv, alpha(pieces[i].opacity));
        }
        gs_render_stop(GS_TRIS);
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
