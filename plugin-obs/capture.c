/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capture.h"

#include <string.h>

/* Frames between setting off to memory and copying out; a busy GPU is that late. */
enum { TRANSFER_FRAMES = 2 };

/* Along a side of what is drawn: a texture of that size is to be had on any GPU. */
enum { MOST_PX = 4096 };

typedef enum stage { IDLE = 0, ORDERED, DRAWN, UNDER_WAY } stage;

/* One picture on its way. */
typedef struct channel {
    stage stage;
    watcher_size order; /* what is asked for                */
    gs_texrender_t *small;
    gs_stagesurf_t *memory;
    watcher_size size; /* of both                          */
    int n_frames;      /* to wait yet                      */
    gint64 seen_us;    /* when the whole picture was drawn */
} channel;

struct capture {
    gs_texrender_t *whole;  /* the source as it is, but for sides that are very long */
    uint32_t width, height; /* of it */
    channel glance, look;
};

static gboolean is_drawing; /* guarded by the lock of graphics */

gboolean capture_is_drawing(void) {
    return is_drawing;
}

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

void capture_draw_source(obs_source_t *filter) {
    if (obs_filter_get_parent(filter) && obs_filter_get_target(filter))
        obs_source_skip_video_filter(filter);
}

/* What is drawn here is blended and stored as it is, whatever is being drawn around. */
typedef struct plainness {
    bool is_srgb, is_linear;
} plainness;

static plainness be_plain(void) {
    plainness was = { gs_framebuffer_srgb_enabled(), gs_set_linear_srgb(false) };
    gs_enable_framebuffer_srgb(false);
    return was;
}

static void be_again(plainness was) {
    gs_enable_framebuffer_srgb(was.is_srgb);
    gs_set_linear_srgb(was.is_linear);
}

/* The source of this size over black, in SDR. */
static gboolean draw_whole(capture *c, obs_source_t *filter, uint32_t width, uint32_t height) {
    struct vec4 black = { .w = 1 };
    if (!c->whole) c->whole = gs_texrender_create(GS_RGBA, GS_ZS_NONE);
    gs_texrender_reset(c->whole);
    if (!gs_texrender_begin_with_color_space(c->whole, c->width, c->height, GS_CS_SRGB))
        return FALSE;
    gs_clear(GS_CLEAR_COLOR, &black, 0, 0);
    gs_ortho(0, (float)width, 0, (float)height, -100, 100);
    gs_blend_state_push();
    gs_reset_blend_state();
    is_drawing = TRUE;
    capture_draw_source(filter);
    is_drawing = FALSE;
    gs_blend_state_pop();
    gs_texrender_end(c->whole);
    return TRUE;
}

static void take_order(channel *ch, watcher_size size, gint64 seen_us) {
    ch->stage = ORDERED;
    ch->order = size;
    ch->seen_us = seen_us;
}

void capture_draw(capture *c, obs_source_t *filter, uint32_t width, uint32_t height,
                  const capture_order *order) {
    gboolean glances = (order->wants & WANTS_GLANCE) && c->glance.stage == IDLE;
    gboolean looks = (order->wants & WANTS_FRAME) && c->look.stage == IDLE;
    if ((!glances && !looks) || c->glance.stage == ORDERED || c->look.stage == ORDERED) return;
    const plainness was = be_plain();
    c->width = MIN(width, MOST_PX);
    c->height = MIN(height, MOST_PX);
    gboolean is_drawn = draw_whole(c, filter, width, height);
    be_again(was);
    if (!is_drawn) return;
    const gint64 now_us = g_get_monotonic_time();
    if (glances) take_order(&c->glance, order->glance, now_us);
    if (looks) take_order(&c->look, order->look, now_us);
}

/* --------------------------------------------------------------- average down */

static gboolean prepare(channel *ch) {
    const watcher_size order = ch->order;
    if (ch->small && ch->memory && ch->size.width == order.width && ch->size.height == order.height)
        return TRUE;
    gs_texrender_destroy(ch->small);
    gs_stagesurface_destroy(ch->memory);
    ch->size = order;
    ch->small = gs_texrender_create(GS_RGBA, GS_ZS_NONE);
    ch->memory = gs_stagesurface_create((uint32_t)order.width, (uint32_t)order.height, GS_RGBA);
    return ch->small && ch->memory;
}

/* Each pixel is the mean of those that it covers. */
static void average_down(const capture *c, channel *ch) {
    gs_texture_t *whole = gs_texrender_get_texture(c->whole);
    const uint32_t width = c->width, height = c->height;
    gs_effect_t *area = obs_get_base_effect(OBS_EFFECT_AREA);
    struct vec2 size = { .x = (float)width, .y = (float)height };
    struct vec2 pixel = { .x = 1 / (float)width, .y = 1 / (float)height };
    ch->stage = IDLE;
    if (!prepare(ch)) return;
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

static frame *move_on(const capture *c, channel *ch) {
    frame *f = NULL;
    if (ch->stage == ORDERED) {
        average_down(c, ch);
    } else if (ch->stage == DRAWN) {
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
    const plainness was = be_plain();
    *glance = move_on(c, &c->glance);
    *look = move_on(c, &c->look);
    be_again(was);
    obs_leave_graphics();
}
