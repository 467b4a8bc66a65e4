/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small public calls that stand on the others. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "model/model.h"
#include "text/bpe.h"

static int expert_layers(const espy_text_config *c) {
    int n = 0;
    for (int i = 0; i < c->n_layers; i++) n += espy_layer_has_experts(c, i);
    return n;
}

/* Vision layers that see the whole picture, where the others attend in windows. */
static int full_layers(const espy_vision_config *c) {
    int n = 0;
    for (int i = 0; c->window_px && i < c->n_full; i++) n += c->full[i] < c->n_layers;
    return n;
}

void espy_model_get_info(const espy_model *m, espy_model_info *info) {
    const espy_config *c = &m->config;
    int films = m->chat->video_pad != NULL;
    const espy_film_limits film = films ? espy_model_film_limits(m) : (espy_film_limits){ 0 };
    *info = (espy_model_info){
        .family = m->family->name,
        .name = m->name,
        .paper = m->family->paper,
        .weight_types = m->weight_types,
        .n_parameters = m->n_parameters,
        .file_bytes = m->file_bytes,
        .n_layers = c->text.n_layers,
        .dim = c->text.dim,
        .n_heads = c->text.n_heads,
        .n_kv_heads = c->text.n_kv_heads,
        .head_dim = c->text.head_dim,
        .ffn_dim = c->text.ffn_dim,
        .n_vocab = c->text.n_vocab,
        .vision_layers = c->vision.n_layers,
        .vision_dim = c->vision.dim,
        .vision_heads = c->vision.n_heads,
        .patch_px = c->vision.patch,
        .merge = c->vision.merge,
        .n_deepstack = c->vision.n_taps,
        .context_length = c->text.context_length,
        .min_pixels = c->image.min_pixels,
        .max_pixels = c->image.max_pixels,
        .box_scale = m->family->box_scale,
        .built_in = m->built_in,
        .image_px = c->vision.image_size,
        .n_queries = c->vision.n_queries,
        .drops_alpha = m->family->vision.original,
        .n_experts = c->text.n_experts,
        .n_active_experts = c->text.n_active,
        .expert_dim = c->text.expert_dim,
        .expert_layers = expert_layers(&c->text),
        .max_frames = films ? ESPY_MAX_FRAMES : 0,
        .frame_min_pixels = film.frame_min,
        .frame_max_pixels = film.frame_max,
        .film_min_pixels = film.film_min,
        .film_max_pixels = film.film_max,
        .window_px = c->vision.window_px,
        .full_layers = full_layers(&c->vision),
    };
}

void espy_model_get_sampling(const espy_model *m, espy_sampling *out) {
    *out = m->config.sampling;
}

espy_status espy_fit(const espy_model *m, int width, int height, int64_t min_pixels,
                     int64_t max_pixels, int *fitted_width, int *fitted_height, int *n_tokens,
                     espy_error *err) {
    int h, w;
    espy_status status = espy_model_fit(m, height, width, min_pixels, max_pixels, &h, &w, err);
    if (status) return status;
    if (fitted_width) *fitted_width = w;
    if (fitted_height) *fitted_height = h;
    if (n_tokens) *n_tokens = (int)espy_model_tokens(m, h, w);
    return ESPY_OK;
}

espy_status espy_fit_clip(const espy_model *m, int width, int height, int n_frames,
                          int64_t min_pixels, int64_t max_pixels, int64_t total_pixels,
                          int *fitted_width, int *fitted_height, int *n_tokens, espy_error *err) {
    const espy_clip_limits limits = { min_pixels, max_pixels, total_pixels };
    int factor = m->config.vision.patch * m->config.vision.merge, h, w;
    if (n_frames < 1) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a film without frames");
    espy_status status = espy_model_fit_clip(m, height, width, n_frames, &limits, &h, &w, err);
    if (status) return status;
    if (fitted_width) *fitted_width = w;
    if (fitted_height) *fitted_height = h;
    if (n_tokens) {
        int64_t n = ((int64_t)n_frames + 1) / 2 * (h / factor) * (w / factor);
        *n_tokens = n < INT_MAX ? (int)n : INT_MAX;
    }
    return ESPY_OK;
}

espy_status espy_shape_params_for(const espy_model *m, const espy_image *image, int64_t min_pixels,
                                  int64_t max_pixels, espy_shape_params *out, espy_error *err) {
    int reduced = image->full_width > 0; /* a frame of a film, fitted already */
    int width = reduced ? image->full_width : image->width;
    int height = reduced ? image->full_height : image->height;
    espy_shape_params p = { .box_scale = m->family->box_scale,
                            .width_px = width,
                            .height_px = height,
                            .fitted_width_px = image->width,
                            .fitted_height_px = image->height,
                            .thinks = m->chat->thought_start != NULL };
    espy_status status = ESPY_OK;
    if (!reduced)
        status = espy_fit(m, width, height, min_pixels, max_pixels, &p.fitted_width_px,
                          &p.fitted_height_px, NULL, err);
    if (!status) *out = p;
    return status;
}

espy_status espy_tokenize(const espy_model *m, const char *text, size_t n_bytes, int parse_special,
                          int32_t **ids, size_t *n_ids, espy_error *err) {
    espy_ids list = { 0 };
    *ids = NULL;
    *n_ids = 0;
    espy_status status = espy_bpe_encode(m->vocab, text, n_bytes, parse_special, &list, err);
    if (status) {
        espy_ids_free(&list);
        return status;
    }
    *ids = list.at;
    *n_ids = (size_t)list.n;
    return ESPY_OK;
}

const char *espy_token_bytes(const espy_model *m, int32_t id, size_t *n_bytes) {
    return espy_vocab_bytes(m->vocab, id, n_bytes);
}

espy_status espy_describe(const char *model_path, const char *image_path, const char *prompt,
                          char **text, espy_error *err) {
    espy_model *model = NULL;
    espy_context *context = NULL;
    espy_image *image = NULL;
    espy_result result = { 0 };
    espy_task_request ask = { 0 };
    if (!text) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no place for the text was given");
    *text = NULL;
    espy_status status = espy_image_load(&image, image_path, ESPY_ALPHA_WHITE, err);
    if (!status) status = espy_model_open(&model, model_path, NULL, err);
    if (!status) status = espy_context_open(&context, model, NULL, err);
    if (!status)
        status = espy_task_prepare(&ask, model, espy_task_find(prompt ? "question" : "caption"),
                                   prompt, NULL, err);
    if (!status) {
        const espy_image *images[] = { image };
        const espy_part parts[] = {
            { .type = ESPY_PART_IMAGE, .images = images, .n_images = 1 },
            { .type = ESPY_PART_TEXT, .text = ask.prompt },
        };
        const espy_message message = { .role = "user", .parts = parts, .n_parts = 2 };
        const espy_request request = { .messages = &message,
                                       .n_messages = 1,
                                       .max_tokens = ask.max_tokens,
                                       .sampling = &ask.sampling,
                                       .min_pixels = ask.min_pixels,
                                       .max_pixels = ask.max_pixels };
        status = espy_generate(context, &request, &result, err);
    }
    if (!status) {
        *text = result.text;
        result.text = NULL;
    }
    espy_result_clear(&result);
    espy_task_request_clear(&ask);
    espy_context_close(&context);
    espy_model_close(&model);
    espy_image_close(&image);
    return status;
}
