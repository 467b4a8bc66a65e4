/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/prepare.h"

#include <stdlib.h>
#include <string.h>

#include "generate/keep.h"
#include "generate/window.h"
#include "image/image.h"

enum { PILLOW_BITS = 22 }; /* of its filter's fixed-point weights */

/* Two independent chains over the pixels, eight bytes a step, and the sizes. */
static void absorb(espy_picture_key *key, const espy_image *im) {
    uint64_t a = key->a ^ (uint64_t)(unsigned)im->width << 32, b = key->b ^ (unsigned)im->height;
    size_t n = (size_t)im->width * (size_t)im->height * 3, i = 0;
    for (; i < n; i += 8) {
        uint64_t v = 0;
        memcpy(&v, im->pixels + i, n - i < 8 ? n - i : 8);
        a = (a ^ v) * 0x2545F4914F6CDD1DU;
        a ^= a >> 29;
        b = (b + v) * 0xDA942042E4DD58B5U;
        b ^= b >> 32;
    }
    *key = (espy_picture_key){ a, b };
}

/* Two frames that are one give the key of a still: the same tokens. */
static espy_picture_key key_of(const espy_picture *p) {
    espy_picture_key key = {
        0x9E3779B97F4A7C15U ^ (uint64_t)(unsigned)p->height << 32 ^ (unsigned)p->width,
        0xD1B54A32D192ED03U,
    };
    absorb(&key, p->image);
    if (p->second != p->image) absorb(&key, p->second);
    if (!key.b) key.b = 1;
    return key;
}

static void measure(espy_picture *p, const espy_model *m) {
    const espy_vision_config *v = &m->config.vision;
    p->grid = (espy_grid){ p->height / v->patch, p->width / v->patch };
    p->n = espy_model_tokens(m, p->height, p->width);
    p->key = key_of(p);
}

/* The picture without the other cells; what the tower makes of it is another one's. */
static void drop_others(espy_picture *p, int32_t *cells, int64_t n) {
    p->cells = cells;
    p->grid.cells = cells;
    p->grid.n_cells = p->n = n;
    for (int64_t i = 0; i < n; i++) {
        p->key.a = (p->key.a ^ (uint32_t)cells[i]) * 0x2545F4914F6CDD1DU;
        p->key.a ^= p->key.a >> 29;
    }
}

static espy_status check_droppable(const espy_model *m, const char *what, espy_error *err) {
    if (!m->config.vision.n_queries) return ESPY_OK;
    return espy_fail(
        err, ESPY_ERR_UNSUPPORTED, -1,
        "%s is not possible with %s, whose pictures have %d tokens whatever is in them", what,
        m->family->name, m->config.vision.n_queries);
}

static espy_status keep_some(espy_picture *p, const espy_model *m, const espy_part *part,
                             const espy_request *r, espy_error *err) {
    double keep = part->keep != 0 ? part->keep : r->keep;
    uint64_t seed = part->keep != 0 ? part->keep_seed : r->keep_seed;
    int32_t *cells;
    if (keep == 0) return ESPY_OK;
    if (!(keep > 0 && keep <= 1))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "keep is %g; more than 0 and at most 1 of a picture can be kept", keep);
    if (keep == 1) return ESPY_OK;
    espy_status status = check_droppable(m, "keep", err);
    if (status) return status;
    int64_t n = espy_keep_some(p->n, keep, seed, &cells);
    if (!n) return espy_out_of_memory(err);
    drop_others(p, cells, n);
    return ESPY_OK;
}

static espy_status fit(espy_picture *p, const espy_model *m, const espy_part *part,
                       const espy_request *r, espy_error *err) {
    if (part->n_images != 1 || !part->images || !part->images[0])
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "an image part must hold one image, not %d",
                         part->n_images);
    const espy_image *image = part->images[0];
    *p = (espy_picture){ .image = image, .second = image, .clip = -1 };
    espy_status status = espy_model_fit(
        m, image->height, image->width, part->min_pixels > 0 ? part->min_pixels : r->min_pixels,
        part->max_pixels > 0 ? part->max_pixels : r->max_pixels, &p->height, &p->width, err);
    if (status) return status;
    measure(p, m);
    return keep_some(p, m, part, r, err);
}

static espy_status add_picture(espy_prepared *out, const espy_model *m, const espy_part *part,
                               const espy_request *r, espy_error *err) {
    espy_picture *grown =
        realloc(out->pictures, ((size_t)out->n_pictures + 1) * sizeof *out->pictures);
    if (!grown) return espy_out_of_memory(err);
    out->pictures = grown;
    espy_status status = fit(&grown[out->n_pictures], m, part, r, err);
    if (!status) out->n_pictures++;
    return status;
}

static espy_status resize(const espy_image *image, const espy_picture *p, const espy_model *m,
                          uint8_t **fitted, espy_error *err);

/* Cells of a clip that are as they were one temporal patch before. */
static espy_status drop_same(espy_prepared *out, const espy_model *m, const espy_clip *clip,
                             espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    uint8_t *frames[2][2] = { { NULL } };
    espy_status status = check_droppable(m, "dropping what stays the same", err);
    for (int i = 0; i < clip->n && !status; i++) {
        espy_picture *p = &out->pictures[clip->first + i];
        uint8_t **now = frames[i % 2], **before = frames[(i + 1) % 2];
        free(now[0]);
        free(now[1]);
        now[0] = now[1] = NULL;
        status = resize(p->image, p, m, &now[0], err);
        if (!status) status = resize(p->second, p, m, &now[1], err);
        if (status || !i) continue;
        int32_t *cells;
        int64_t n = espy_keep_changed((const uint8_t *const *)now, (const uint8_t *const *)before,
                                      2, p->grid.h / v->merge, p->grid.w / v->merge,
                                      v->patch * v->merge, &cells);
        if (n)
            drop_others(p, cells, n);
        else
            status = espy_out_of_memory(err);
    }
    for (int i = 0; i < 4; i++) free(frames[i / 2][i % 2]);
    return status;
}

/* The temporal patches of a film, as many pictures. */
static espy_status add_clip(espy_prepared *out, const espy_model *m, const espy_part *part,
                            const espy_request *r, espy_error *err) {
    espy_clip *clip = &out->clips[out->n_clips];
    if (part->keep != 0)
        return espy_fail(
            err, ESPY_ERR_ARGUMENT, -1,
            "keep is for pictures; of a film drop_same leaves out what stays the same");
    espy_status status = espy_clip_plan(clip, m, part, r->min_pixels, r->max_pixels, err);
    if (status) return status;
    int index = out->n_clips++;
    espy_picture *grown =
        realloc(out->pictures, ((size_t)out->n_pictures + (size_t)clip->n) * sizeof *out->pictures);
    if (!grown) return espy_out_of_memory(err);
    out->pictures = grown;
    clip->first = out->n_pictures;
    for (int i = 0; i < clip->n; i++) {
        int a = 2 * i, b = a + 1 < clip->n_frames ? a + 1 : a;
        espy_picture *p = &grown[out->n_pictures++];
        *p = (espy_picture){ .image = part->images[clip->frames[a]],
                             .second = part->images[clip->frames[b]],
                             .clip = index,
                             .height = clip->height,
                             .width = clip->width };
        measure(p, m);
    }
    return part->drop_same ? drop_same(out, m, clip, err) : ESPY_OK;
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
    out->clips = calloc(n + 1, sizeof *out->clips);
    if (!out->clips) return espy_out_of_memory(err);
    for (size_t i = 0; i < n; i++) {
        const espy_prompt_place *place = &out->prompt.places[i];
        const espy_part *part = part_at(r, place);
        if (part->type != place->type)
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                             "place %d of the prompt is for a %s, but %s was given", (int)i + 1,
                             place->type == ESPY_PART_VIDEO ? "film" : "picture",
                             part->type == ESPY_PART_VIDEO   ? "a film"
                             : part->type == ESPY_PART_IMAGE ? "a picture"
                                                             : "text");
        espy_status status = place->type == ESPY_PART_VIDEO ? add_clip(out, m, part, r, err)
                                                            : add_picture(out, m, part, r, err);
        if (status) return status;
    }
    return ESPY_OK;
}

/* The prompt's ids, with one pad for each picture; for each temporal patch where
 * times stand between them, else for each clip. */
static espy_status encode(const espy_prepared *out, const espy_model *m, espy_ids *ids,
                          espy_error *err) {
    const espy_prompt *prompt = &out->prompt;
    if (!out->n_clips || !m->chat->time_stamp[0])
        return espy_prompt_encode(prompt, m->vocab, ids, err);
    espy_stamps *stamps = calloc(prompt->n_places, sizeof *stamps);
    if (!stamps) return espy_out_of_memory(err);
    int next = 0;
    for (size_t i = 0; i < prompt->n_places; i++) {
        if (prompt->places[i].type != ESPY_PART_VIDEO) continue;
        stamps[i] = (espy_stamps){ out->clips[next].times, out->clips[next].n };
        next++;
    }
    espy_prompt stamped;
    espy_status status = espy_prompt_stamp(&stamped, prompt, m->chat, stamps, err);
    if (!status) status = espy_prompt_encode(&stamped, m->vocab, ids, err);
    espy_prompt_free(&stamped);
    free(stamps);
    return status;
}

static void place_cells(espy_timeline *t, int32_t id, const espy_picture *p, int32_t base,
                        int32_t step, int merge) {
    int rows = p->grid.h / merge, columns = p->grid.w / merge;
    if (p->cells)
        espy_timeline_cells(t, id, p->key, base, step, rows, columns, p->cells, p->n);
    else
        espy_timeline_picture(t, id, p->key, base, step, rows, columns);
}

/* The tokens of one picture; of all patches of a clip without times between them. */
static void place(espy_prepared *out, const espy_model *m, int32_t id, int *next) {
    int merge = m->config.vision.merge;
    espy_timeline *t = &out->timeline;
    int clip = out->pictures[*next].clip, n = 1;
    if (clip >= 0 && !m->chat->time_stamp[0]) n = out->clips[clip].n;
    int32_t base = t->positions.next;
    for (int i = 0; i < n; i++) {
        espy_picture *p = &out->pictures[(*next)++];
        int32_t step =
            n == 1 ? 0 : espy_clip_step(&m->config.vision, i, out->clips[clip].seconds_per_patch);
        p->first = t->n;
        if (m->family->text.rope == ESPY_ROPE_1D)
            espy_timeline_queries(t, id, p->key, p->n);
        else
            place_cells(t, id, p, base, step, merge);
    }
}

/* Each pad becomes as many tokens as it stands for. */
static espy_status expand(espy_prepared *out, const espy_model *m, const espy_ids *ids,
                          espy_error *err) {
    int64_t total = ids->n;
    int32_t video = m->chat->video_pad ? espy_vocab_special(m->vocab, m->chat->video_pad) : -1;
    for (int i = 0; i < out->n_pictures; i++) total += out->pictures[i].n;
    double last = (double)total; /* positions: those of clips are seconds, not tokens */
    for (int i = 0; i < out->n_clips; i++)
        last +=
            m->config.vision.tokens_per_second * out->clips[i].seconds_per_patch * out->clips[i].n;
    if (total <= 0) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "the prompt is empty");
    if (total > INT32_MAX / 2)
        return espy_fail(err, ESPY_ERR_FULL, -1, "the prompt has %lld tokens, too many",
                         (long long)total);
    if (last > INT32_MAX / 2)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "the films of the prompt are too long");
    espy_timeline *t = &out->timeline;
    espy_status status = espy_timeline_reserve(t, total, err);
    if (status) return status;
    int next = 0;
    for (int64_t i = 0; i < ids->n; i++) {
        int is_clip = next < out->n_pictures && out->pictures[next].clip >= 0;
        if (next < out->n_pictures && ids->at[i] == (is_clip ? video : m->config.image_token))
            place(out, m, ids->at[i], &next);
        else
            espy_timeline_text(t, &ids->at[i], 1);
    }
    if (next != out->n_pictures)
        return espy_fail(err, ESPY_ERR_INTERNAL, -1, "%d pictures but %d places", out->n_pictures,
                         next);
    t->positions.theta = espy_rope_theta(&m->config.text, t->n);
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
    if (!status && !r->prompt) status = espy_window_apply(&out->prompt, m, err);
    if (!status) status = fit_all(out, m, r, err);
    if (!status) status = encode(out, m, &ids, err);
    if (!status) status = expand(out, m, &ids, err);
    espy_ids_free(&ids);
    if (status) espy_prepared_free(out);
    return status;
}

void espy_prepared_free(espy_prepared *p) {
    for (int i = 0; i < p->n_pictures; i++) {
        free(p->pictures[i].patches);
        free(p->pictures[i].cells);
        espy_seen_release(p->pictures[i].seen);
    }
    for (int i = 0; i < p->n_clips; i++) espy_clip_free(&p->clips[i]);
    free(p->pictures);
    free(p->clips);
    espy_timeline_free(&p->timeline);
    espy_prompt_free(&p->prompt);
    *p = (espy_prepared){ 0 };
}

static espy_status resize(const espy_image *image, const espy_picture *p, const espy_model *m,
                          uint8_t **fitted, espy_error *err) {
    int bits = m->family->vision.original ? PILLOW_BITS : 0;
    return espy_resize_bicubic(image->pixels, image->height, image->width, p->height, p->width,
                               bits, fitted, err);
}

/* Patches of those cells that are there. */
static espy_status cut(const espy_picture *p, const espy_model *m, const uint8_t *first,
                       const uint8_t *second, float *patches, espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    float mean[3], std[3];
    for (int c = 0; c < 3; c++) {
        mean[c] = (float)m->config.image.mean[c];
        std[c] = (float)m->config.image.std[c];
    }
    size_t per_cell = (size_t)v->merge * (size_t)v->merge * 3 * (size_t)v->temporal *
                      (size_t)v->patch * (size_t)v->patch;
    size_t n_cells = (size_t)p->grid.h * (size_t)p->grid.w / (size_t)(v->merge * v->merge);
    float *all = p->cells ? malloc(n_cells * per_cell * sizeof *all) : patches;
    if (!all) return espy_out_of_memory(err);
    espy_patchify(first, second, p->grid.h, p->grid.w, v->patch, v->merge, mean, std,
                  m->family->vision.original, all);
    if (!p->cells) return ESPY_OK;
    for (int64_t i = 0; i < p->n; i++)
        memcpy(patches + (size_t)i * per_cell, all + (size_t)p->cells[i] * per_cell,
               per_cell * sizeof *all);
    free(all);
    return ESPY_OK;
}

espy_status espy_picture_cut(const espy_picture *p, const espy_model *m, float *patches,
                             espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    uint8_t *fitted, *second = NULL;
    espy_status status = resize(p->image, p, m, &fitted, err);
    if (status) return status;
    if (p->second != p->image) status = resize(p->second, p, m, &second, err);
    if (!status)
        status = cut(p, m, fitted,
                     v->temporal == 1 ? NULL
                     : second         ? second
                                      : fitted,
                     patches, err);
    free(fitted);
    free(second);
    return status;
}
