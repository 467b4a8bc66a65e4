/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"

#include <string.h>

/* Frames between setting off to memory and copying out; a busy GPU is that late. */
enum { TRANSFER_FRAMES = 2 };

typedef enum stage { IDLE = 0, DRAWN, UNDER_WAY } stage;

/* One picture on its way. */
typedef struct channel {
    gs_texrender_t *small;
    gs_stagesurf_t *memory;
    watcher_size size; /* of both */
    stage stage;
    int n_frames; /* to wait yet */
    gint64 seen_us;
} channel;

struct capture {
    gs_texrender_t *whole; /* the source as it is */
    channel glance, look;
};

capture *capture_new(void) {
    return g_new0(capture, 1);
}

static void empty(channel *ch) {
    gs_texrender_destroy(ch->small);
    gs_stagesurface_destroy(ch->memory);
    memset(ch, 0, sizeof *ch);
}

void capture_rest(capture *c) {
    if (!c->whole && !c->glance.small && !c->look.small) return;
    obs_enter_graphics();
    gs_texrender_destroy(c->whole);
    c->whole = NULL;
    empty(&c->glance);
    empty(&c->look);
    obs_leave_graphics();
}

void capture_free(capture **c) {
    if (!*c) return;
    capture_rest(*c);
    g_clear_pointer(c, g_free);
}

/* --------------------------------------------------------------------- draw */

static gboolean prepare(channel *ch, const watcher_size *size) {
    if (ch->small && ch->size.width == size->width && ch->size.height == size->height) return TRUE;
    empty(ch);
    ch->size = *size;
    ch->small = gs_texrender_create(GS_RGBA, GS_ZS_NONE);
    ch->memory = gs_stagesurface_create((uint32_t)size->width, (uint32_t)size->height, GS_RGBA);
    if (ch->small && ch->memory) return TRUE;
    empty(ch);
    return FALSE;
}

/* The source over black, as large as it is, in SDR. */
static gboolean draw_whole(capture *c, obs_source_t *filter, uint32_t width, uint32_t height) {
    struct vec4 black = { .w = 1 };
    if (!c->whole) c->whole = gs_texrender_create(GS_RGBA, GS_ZS_NONE);
    gs_texrender_reset(c->whole);
    if (!gs_texrender_begin_with_color_space(c->whole, width, height, GS_CS_SRGB)) return FALSE;
    gs_clear(GS_CLEAR_COLOR, &black, 0, 0);
    gs_ortho(0, (float)width, 0, (float)height, -100, 100);
    gs_blend_state_push();
    gs_reset_blend_state();
    obs_source_skip_video_filter(filter);
    gs_blend_state_pop();
    gs_texrender_end(c->whole);
    return TRUE;
}

/* Each pixel is the mean of those that it covers. */
static void average_down(channel *ch, gs_texture_t *whole, uint32_t width, uint32_t height) {
    gs_effect_t *area = obs_get_base_effect(OBS_EFFECT_AREA);
    struct vec2 size = { .x = (float)width, .y = (float)height };
    struct vec2 pixel = { .x = 1 / (float)width, .y = 1 / (float)height };
    const uint32_t w = (uint32_t)ch->size.width, h = (uint32_t)ch->size.height;
    gs_texrender_reset(ch->small);
    if (!gs_texrender_begin_with_color_space(ch->small, w, h, GS_CS_SRGB)) return;
    gs_ortho(0, (float)width, 0, (float)height, -100, 100);
    gs_blend_state_push();
    gs_blend_function(GS_BLEND_ONE, GS_BLEND_ZERO);
    gs_effect_set_vec2(gs_effect_get_param_by_name(area, "base_dimension"), &size);
    gs_effect_set_vec2(gs_effect_get_param_by_name(area, "base_dimension_i"), &pixel);
    gs_effect_set_texture(gs_effect_get_param_by_name(area, "image"), whole);
    while (gs_effect_loop(area, "Draw")) gs_draw_sprite(whole, 0, width, height);
    gs_blend_state_pop();
    gs_texrender_end(ch->small);
    ch->stage = DRAWN;
    ch->seen_us = g_get_monotonic_time();
}

void capture_draw(capture *c, obs_source_t *filter, int wants, const watcher_size *glance,
                  const watcher_size *look) {
    gboolean glances = (wants & WANTS_GLANCE) && c->glance.stage == IDLE;
    gboolean looks = (wants & WANTS_FRAME) && c->look.stage == IDLE;
    obs_source_t *target = obs_filter_get_target(filter);
    const uint32_t width = obs_source_get_base_width(target);
    const uint32_t height = obs_source_get_base_height(target);
    if ((!glances && !looks) || !width || !height) return;
    /* What is drawn here is blended and stored as it is, whatever is being drawn around. */
    const bool was_srgb = gs_framebuffer_srgb_enabled(), was_linear = gs_set_linear_srgb(false);
    gs_enable_framebuffer_srgb(false);
    if (draw_whole(c, filter, width, height)) {
        gs_texture_t *whole = gs_texrender_get_texture(c->whole);
        if (glances && prepare(&c->glance, glance)) average_down(&c->glance, whole, width, height);
        if (looks && prepare(&c->look, look)) average_down(&c->look, whole, width, height);
    }
    gs_enable_framebuffer_srgb(was_srgb);
    gs_set_linear_srgb(was_linear);
}

/* --------------------------------------------------------------------- read */

static frame *copy_out(channel *ch) {
    uint8_t *pixels;
    uint32_t stride;
    if (!gs_stagesurface_map(ch->memory, &pixels, &stride)) return NULL;
    frame *f = frame_new(ch->size.width, ch->size.height, ch->seen_us);
    const size_t row = (size_t)f->width * 4;
    for (int y = 0; y < f->height; y++)
        memcpy(f->rgba + row * (size_t)y, pixels + (size_t)stride * (size_t)y, row);
    gs_stagesurface_unmap(ch->memory);
    return f;
}

static frame *move_on(channel *ch) {
    frame *f = NULL;
    if (ch->stage == DRAWN) {
        gs_stage_texture(ch->memory, gs_texrender_get_texture(ch->small));
        ch->stage = UNDER_WAY;
        ch->n_frames = TRANSFER_FRAMES;
    } else if (ch->stage == UNDER_WAY && --ch->n_frames == 0) {
        f = copy_out(ch);
        ch->stage = IDLE;
    }
    return f;
}

void capture_tick(capture *c, frame **glance, frame **look) {
    *glance = *look = NULL;
    if (c->glance.stage == IDLE && c->look.stage == IDLE) return;
    obs_enter_graphics();
    *glance = move_on(&c->glance);
    *look = move_on(&c->look);
    obs_leave_graphics();
}
