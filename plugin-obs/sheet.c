/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A texture holds what Cairo painted: sRGB, premultiplied as it is encoded. Where OBS
 * blends encoded colours, that is what is wanted, times the opacity. Where it blends
 * light, colours are divided by their alpha, decoded, and multiplied again; and where
 * 1.0 is not the white of a screen, scaled.
 */
#include "sheet.h"

#include <string.h>

struct brush {
    gs_effect_t *effect;
    gs_eparam_t *image, *opacity, *white;
    /* Between begin and end. */
    gboolean is_linear, was_srgb;
    double white_level;
};

static const char effect_text[] =
    "uniform float4x4 ViewProj;\n"
    "uniform texture2d image;\n"
    "uniform float opacity;\n"
    "uniform float white;\n"
    "sampler_state of_image { Filter = Linear; AddressU = Clamp; AddressV = Clamp; };\n"
    "struct corner { float4 pos : POSITION; float2 uv : TEXCOORD0; };\n"
    "corner place(corner c) {\n"
    "    corner placed;\n"
    "    placed.pos = mul(float4(c.pos.xyz, 1.0), ViewProj);\n"
    "    placed.uv = c.uv;\n"
    "    return placed;\n"
    "}\n"
    "float light(float u) {\n"
    "    return (u <= 0.04045) ? (u / 12.92) : pow((u + 0.055) / 1.055, 2.4);\n"
    "}\n"
    "float4 encoded(corner c) : TARGET { return image.Sample(of_image, c.uv) * opacity; }\n"
    "float4 linear_light(corner c) : TARGET {\n"
    "    float4 p = image.Sample(of_image, c.uv);\n"
    "    float3 color = saturate(p.rgb / max(p.a, 0.001));\n"
    "    float a = p.a * opacity;\n"
    "    return float4(float3(light(color.r), light(color.g), light(color.b)) * (a * white), a);\n"
    "}\n"
    "technique Encoded {\n"
    "    pass { vertex_shader = place(c); pixel_shader = encoded(c); }\n"
    "}\n"
    "technique Linear {\n"
    "    pass { vertex_shader = place(c); pixel_shader = linear_light(c); }\n"
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
    b->opacity = gs_effect_get_param_by_name(effect, "opacity");
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

void brush_sheet(brush *b, const sheet *s, double x, double y, double scale_x, double scale_y,
                 double opacity) {
    if (!b || s->width <= 0 || opacity <= 0) return;
    gs_effect_set_texture(b->image, s->texture);
    gs_effect_set_float(b->opacity, (float)opacity);
    gs_effect_set_float(b->white, (float)b->white_level);
    gs_matrix_push();
    gs_matrix_translate3f((float)x, (float)y, 0);
    gs_matrix_scale3f((float)scale_x, (float)scale_y, 1);
    while (gs_effect_loop(b->effect, b->is_linear ? "Linear" : "Encoded"))
        gs_draw_sprite_subregion(s->texture, 0, 0, 0, (guint32)s->width, (guint32)s->height);
    gs_matrix_pop();
}

/* Two triangles. */
static void bar(double x1, double y1, double x2, double y2) {
    const float x[] = { (float)x1, (float)x2 }, y[] = { (float)y1, (float)y2 };
    static const guint8 corners[6][2] = {
        { 0, 0 }, { 1, 0 }, { 0, 1 }, { 0, 1 }, { 1, 0 }, { 1, 1 }
    };
    for (int i = 0; i < 6; i++) gs_vertex2f(x[corners[i][0]], y[corners[i][1]]);
}

void brush_box(brush *b, guint32 color, double opacity, double x1, double y1, double x2, double y2,
               double width) {
    if (!b || opacity <= 0 || !(x2 > x1 && y2 > y1)) return;
    const double w = MIN(width, (x2 - x1) / 2), h = MIN(width, (y2 - y1) / 2);
    const double a = (color & 0xFF) / 255.0 * opacity;
    struct vec4 value;
    for (int i = 0; i < 3; i++) {
        float part = (float)(color >> (24 - 8 * i) & 0xFF) / 255.0F;
        if (b->is_linear) part = gs_srgb_nonlinear_to_linear(part) * (float)b->white_level;
        value.ptr[i] = part * (float)a;
    }
    value.w = (float)a;
    gs_effect_t *solid = obs_get_base_effect(OBS_EFFECT_SOLID);
    gs_effect_set_vec4(gs_effect_get_param_by_name(solid, "color"), &value);
    while (gs_effect_loop(solid, "Solid")) {
        gs_render_start(false);
        bar(x1, y1, x2, y1 + h);
        bar(x1, y2 - h, x2, y2);
        bar(x1, y1 + h, x1 + w, y2 - h);
        bar(x2 - w, y1 + h, x2, y2 - h);
        gs_render_stop(GS_TRIS);
    }
}
