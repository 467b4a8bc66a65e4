/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "obs_stage.h"

#include <X11/Xlib.h>
#include <cairo.h>
#include <obs-nix-platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <util/bmem.h>

static Display *display;
static int canvas_width, canvas_height;

/* OBS is chatty: warnings and errors alone, unless $ESPY_LOOK is set. */
static void log_line(int level, const char *format, va_list args, void *unused) {
    (void)unused;
    if (level > LOG_WARNING && !g_getenv("ESPY_LOOK")) return;
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static void check(gboolean is_good, const char *what) {
    if (is_good) return;
    fprintf(stderr, "obs_stage: %s failed\n", what);
    exit(1);
}

void stage_open(int width, int height, int fps) {
    struct obs_video_info video = { .graphics_module = "libobs-opengl",
                                    .fps_num = (uint32_t)fps,
                                    .fps_den = 1,
                                    .base_width = (uint32_t)width,
                                    .base_height = (uint32_t)height,
                                    .output_width = (uint32_t)width,
                                    .output_height = (uint32_t)height,
                                    .output_format = VIDEO_FORMAT_NV12,
                                    .gpu_conversion = true,
                                    .colorspace = VIDEO_CS_709,
                                    .range = VIDEO_RANGE_PARTIAL,
                                    .scale_type = OBS_SCALE_BICUBIC };
    struct obs_audio_info audio = { .samples_per_sec = 48000, .speakers = SPEAKERS_STEREO };
    display = XOpenDisplay(NULL);
    if (!display) {
        fprintf(stderr, "obs_stage: there is no X display\n");
        exit(g_getenv("ESPY_NEEDS_HOSTS") ? 1 : 77);
    }
    canvas_width = width;
    canvas_height = height;
    base_set_log_handler(log_line, NULL);
    obs_set_nix_platform(OBS_NIX_PLATFORM_X11_EGL);
    obs_set_nix_platform_display(display);
    check(obs_startup("en-US", NULL, NULL), "obs_startup");
    check(obs_reset_video(&video) == OBS_VIDEO_SUCCESS, "obs_reset_video");
    check(obs_reset_audio(&audio), "obs_reset_audio");
}

long stage_close(void) {
    obs_shutdown();
    XCloseDisplay(display);
    return bnum_allocs();
}

void stage_load_file(const char *path, const char *data_folder) {
    obs_module_t *module;
    check(obs_open_module(&module, path, data_folder) == MODULE_SUCCESS, path);
    check(obs_init_module(module), path);
}

void stage_load(const char *name) {
    g_autofree char *path = g_strdup_printf(OBS_MODULES "/%s.so", name);
    g_autofree char *data = g_strdup_printf(OBS_MODULES_DATA "/%s", name);
    stage_load_file(path, data);
}

void stage_loaded(void) {
    obs_post_load_modules();
}

void stage_wait_ms(int ms) {
    g_usleep((gulong)ms * 1000);
}

/* ------------------------------------------------------------------- looking */

guint8 *stage_picture(void) {
    const uint32_t width = (uint32_t)canvas_width, height = (uint32_t)canvas_height;
    guint8 *rgba = g_malloc0((gsize)width * height * 4);
    uint8_t *pixels;
    uint32_t stride;
    uint32_t n = obs_get_total_frames();
    while (obs_get_total_frames() < n + 2) stage_wait_ms(1);
    obs_enter_graphics();
    gs_texrender_t *drawn = gs_texrender_create(GS_RGBA, GS_ZS_NONE);
    gs_stagesurf_t *memory = gs_stagesurface_create(width, height, GS_RGBA);
    if (gs_texrender_begin(drawn, width, height)) {
        gs_ortho(0, (float)width, 0, (float)height, -100, 100);
        gs_blend_state_push();
        gs_blend_function(GS_BLEND_ONE, GS_BLEND_ZERO);
        obs_render_main_texture();
        gs_blend_state_pop();
        gs_texrender_end(drawn);
    }
    gs_stage_texture(memory, gs_texrender_get_texture(drawn));
    if (gs_stagesurface_map(memory, &pixels, &stride)) {
        for (uint32_t y = 0; y < height; y++)
            memcpy(rgba + (size_t)y * width * 4, pixels + (size_t)y * stride, (size_t)width * 4);
        gs_stagesurface_unmap(memory);
    }
    gs_stagesurface_destroy(memory);
    gs_texrender_destroy(drawn);
    obs_leave_graphics();
    return rgba;
}

void stage_look(const char *name) {
    const char *folder = g_getenv("ESPY_LOOK");
    if (!folder) return;
    g_autofree guint8 *rgba = stage_picture();
    g_autofree char *path = g_strdup_printf("%s/%s.png", folder, name);
    const int n = canvas_width * canvas_height;
    for (guint8 *p = rgba; p < rgba + 4 * (size_t)n; p += 4) { /* to BGRX */
        guint8 red = p[0];
        p[0] = p[2];
        p[2] = red;
    }
    cairo_surface_t *surface = cairo_image_surface_create_for_data(
        rgba, CAIRO_FORMAT_RGB24, canvas_width, canvas_height, canvas_width * 4);
    cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
}

/* -------------------------------------------------------------------- sources */

static obs_source_t *make(const char *id, obs_data_t *settings) {
    obs_source_t *source = obs_source_create(id, id, settings, NULL);
    obs_data_release(settings);
    check(source != NULL, id);
    return source;
}

obs_source_t *stage_image(const char *path) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_string(settings, "file", path);
    return make("image_source", settings);
}

obs_source_t *stage_color(guint32 rgb, int width, int height) {
    obs_data_t *settings = obs_data_create();
    obs_data_set_int(settings, "color", (long long)(GUINT32_SWAP_LE_BE(rgb << 8) | 0xFF000000));
    obs_data_set_int(settings, "width", width);
    obs_data_set_int(settings, "height", height);
    return make("color_source", settings);
}

void stage_remove_scene(obs_scene_t *scene) {
    obs_source_remove(obs_scene_get_source(scene));
    obs_scene_release(scene);
}
