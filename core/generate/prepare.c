/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "image/image.h"

/* Two independent chains over the pixels, eight bytes a step, and the sizes. */
static espy_picture_key picture_key(const espy_image *im, int height, int width) {
    uint64_t a = 0x9E3779B97F4A7C15U ^ (uint64_t)(unsigned)height << 32 ^ (unsigned)width;
    uint64_t b = 0xD1B54A32D192ED03U ^ (uint64_t)(unsigned)im->height << 32 ^ (unsigned)im->width;
    size_t n = (size_t)im->width * (size_t)im->height * 3, i = 0;
    for (; i < n; i += 8) {
        uint64_t v = 0;
        memcpy(&v, im->pixels + i, n - i < 8 ? n - i : 8);
        a = (a ^ v) * 0x2545F4914F6CDD1DU;
        a ^= a >> 29;
        b = (b + v) * 0xDA942042E4DD58B5U;
        b ^= b >> 32;
    }
    return (espy_picture_key){ a, b ? b : 1 };
}

static espy_status fit(espy_picture *p, const espy_model *m, const espy_part *part,
                       const espy_request *r, espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    if (part->n_images != 1 || !part->images || !part->images[0])
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "an image part must hold one image, not %d",
                         part->n_images);
    p->image = part->images[0];
    espy_status status = espy_model_fit(m, p->image->height, p->image->width,
                                        part->min_pixels > 0 ? part->min_pixels : r->min_pixels,
                                        part->max_pixels > 0 ? part->max_pixels : r->max_pixels,
                                        &p->height, &p->width, err);
    if (status) return status;
    p->grid = (espy_grid){ p->height / v->patch, p->width / v->patch };
    p->n = (int64_t)p->grid.h * p->grid.w / (v->merge * v->merge);
    p->key = picture_key(p->image, p->height, p->width);
    return ESPY_OK;
}

/* The part that a place of the prompt stands for. */
static const espy_part *part_at(const espy_request *r, const espy_prompt_place *place) {
    if (place->message >= 0) return &r->messages[place->message].parts[place->part];
    return place->part < r->n_prompt_parts ? &r->prompt_parts[place->part] : NULL;
}

static espy_status fit_all(espy_prepared *out, const espy_model *m, const espy_request *r,
                           espy_error *err) {
    size_t n = out->prompt.n_places;
    if (r->prompt && (size_t)r->n_prompt_parts != n)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "the prompt has %d places for pictures, but %d pictures were given",
                         (int)n, r->n_prompt_parts);
    out->pictures = calloc(n + 1, sizeof *out->pictures);
    if (!out->pictures) return espy_out_of_memory(err);
    for (size_t i = 0; i < n; i++) {
        const espy_part *part = part_at(r, &out->prompt.places[i]);
        if (out->prompt.places[i].type != ESPY_PART_IMAGE || part->type != ESPY_PART_IMAGE)
            return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                             "films are not supported yet; give single frames as pictures");
        espy_status status = fit(&out->pictures[i], m, part, r, err);
        if (status) return status;
        out->n_pictures = (int)i + 1;
    }
    return ESPY_OK;
}

/* Each placeholder becomes as many tokens as its picture has. */
static espy_status expand(espy_prepared *out, const espy_model *m, const espy_ids *ids,
                          espy_error *err) {
    int64_t total = ids->n;
    for (int i = 0; i < out->n_pictures; i++) total += out->pictures[i].n - 1;
    if (total <= 0) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "the prompt is empty");
    if (total > INT32_MAX / 2)
        return espy_fail(err, ESPY_ERR_FULL, -1, "the prompt has %lld tokens, too many",
                         (long long)total);
    espy_timeline *t = &out->timeline;
    espy_status status = espy_timeline_reserve(t, total, err);
    if (status) return status;
    int merge = m->config.vision.merge, next = 0;
    for (int64_t i = 0; i < ids->n; i++) {
        if (ids->at[i] != m->config.image_token || next == out->n_pictures) {
            espy_timeline_text(t, &ids->at[i], 1);
            continue;
        }
        espy_picture *p = &out->pictures[next++];
        p->first = t->n;
        espy_timeline_picture(t, ids->at[i], p->key, p->grid.h / merge, p->grid.w / merge);
    }
    if (next != out->n_pictures)
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "%d pictures but %d places", out->n_pictures,
                         next);
    return ESPY_OK;
}

espy_status espy_prepare(espy_prepared *out, const espy_model *m, const espy_request *r,
                         espy_error *err) {
    *out = (espy_prepared){ 0 };
    espy_ids ids = { 0 };
    espy_status status;
    if (!r->prompt && r->n_messages <= 0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "the request has neither messages nor prompt");
    if (r->prompt)
        status = espy_prompt_from_text(&out->prompt, m->chat, m->vocab, r->prompt,
                                       strlen(r->prompt), err);
    else
        status = espy_chat_render(&out->prompt, m->chat, r->messages, r->n_messages,
                                  r->add_vision_id, err);
    if (!status) status = fit_all(out, m, r, err);
    if (!status) status = espy_prompt_encode(&out->prompt, m->vocab, &ids, err);
    if (!status) status = expand(out, m, &ids, err);
    espy_ids_free(&ids);
    if (status) espy_prepared_free(out);
    return status;
}

void espy_prepared_free(espy_prepared *p) {
    for (int i = 0; i < p->n_pictures; i++) {
        free(p->pictures[i].patches);
        espy_seen_release(p->pictures[i].seen);
    }
    free(p->pictures);
    espy_timeline_free(&p->timeline);
    espy_prompt_free(&p->prompt);
    *p = (espy_prepared){ 0 };
}

espy_status espy_picture_encode(espy_picture *p, const espy_model *m, espy_run *run,
                                int keep_patches, espy_layer_fn on_layer, void *user,
                                espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    float mean[3], std[3];
    for (int c = 0; c < 3; c++) {
        mean[c] = (float)m->config.image.mean[c];
        std[c] = (float)m->config.image.std[c];
    }
    size_t n_patches = (size_t)p->grid.h * (size_t)p->grid.w;
    p->patches =
        malloc(n_patches * 3 * (size_t)(v->temporal * v->patch * v->patch) * sizeof(float));
    p->seen = espy_seen_new(m, p->key, p->n);
    if (!p->patches || !p->seen) return espy_out_of_memory(err);

    uint8_t *fitted;
    espy_status status = espy_resize_bicubic(p->image->pixels, p->image->height, p->image->width,
                                             p->height, p->width, 0, &fitted, err);
    if (status) return status;
    espy_patchify(fitted, fitted, p->grid.h, p->grid.w, v->patch, v->merge, mean, std, p->patches);
    free(fitted);
    espy_vision_forward(run, m, p->patches, &p->grid, 1, p->seen->tokens, p->seen->taps, on_layer,
                        user);
    if (!keep_patches) {
        free(p->patches);
        p->patches = NULL;
    }
    if (run->status == ESPY_ERR_MEMORY) return espy_out_of_memory(err);
    return run->status;
}
