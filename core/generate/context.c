/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/context.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_LENGTH = 32768, /* when the model does not say what it was trained for */
    DEFAULT_SEEN_BYTES = 64 << 20,
    DEFAULT_LANES = 8,
    DEFAULT_PASS_TOKENS = 256 /* tests/bench/README.md */
};

static espy_dtype cache_dtype(const espy_context_params *p) {
    if (p->exact || p->cache_type == ESPY_CACHE_F32) return ESPY_F32;
    return p->cache_type == ESPY_CACHE_Q8_0 ? ESPY_Q8_0 : ESPY_F16;
}

static espy_cache_shape cache_shape(const espy_model *m, const espy_context_params *p) {
    const espy_text_config *t = &m->config.text;
    return (espy_cache_shape){ t->n_layers, t->n_kv_heads, t->head_dim, cache_dtype(p) };
}

static int64_t length_limit(const espy_model *m, const espy_context_params *p) {
    if (p->n_context > 0) return p->n_context;
    return m->config.text.context_length > 0 ? m->config.text.context_length : DEFAULT_LENGTH;
}

static int64_t seen_limit(const espy_context_params *p) {
    if (p->vision_cache_bytes < 0) return 0;
    return p->vision_cache_bytes ? p->vision_cache_bytes : DEFAULT_SEEN_BYTES;
}

static int64_t pass_tokens(const espy_context_params *p) {
    return p->pass_tokens > 0 ? p->pass_tokens : DEFAULT_PASS_TOKENS;
}

static int lanes(const espy_context_params *p) {
    return p->n_lanes ? p->n_lanes : DEFAULT_LANES;
}

static espy_status check(const espy_context_params *p, espy_error *err) {
    if (p->n_context < 0 || p->n_context > INT32_MAX / 2)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "a context of %lld tokens is not possible",
                         (long long)p->n_context);
    if (p->n_threads < 0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%d threads are not possible", p->n_threads);
    if ((unsigned)p->cache_type > ESPY_CACHE_Q8_0)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "unknown cache type %d", (int)p->cache_type);
    if (p->n_lanes < 0 || p->n_lanes > 64)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "%d answers at a time are not possible; 1 to 64 are", p->n_lanes);
    if (p->pass_tokens < 0 || p->pass_tokens > INT32_MAX / 2)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "passes of %lld vision tokens are not possible",
                         (long long)p->pass_tokens);
    return ESPY_OK;
}

espy_status espy_context_open(espy_context **out, const espy_model *model,
                              const espy_context_params *params, espy_error *err) {
    static const espy_context_params none = { 0 };
    if (out) *out = NULL;
    if (!out || !model) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no model was given");
    if (!params) params = &none;
    espy_status status = check(params, err);
    if (status) return status;
    espy_context *c = calloc(1, sizeof *c);
    if (!c) return espy_out_of_memory(err);
    c->model = model;
    c->cache_shape = cache_shape(model, params);
    c->exact = params->exact != 0;
    c->limit = length_limit(model, params);
    c->seen.limit = seen_limit(params);
    c->pass_tokens = pass_tokens(params);
    c->n_lanes = lanes(params);
    status = espy_cpu_open(&c->cpu, params->n_threads, params->kernels, err);
    if (!status)
        status = espy_lane_open(&c->lane, &c->cache_shape, model->config.text.n_vocab, err);
    if (status)
        espy_context_close(&c);
    else
        *out = c;
    return status;
}

void espy_context_close(espy_context **context) {
    espy_context *c = context ? *context : NULL;
    if (!c) return;
    espy_lane_close(&c->lane);
    espy_cpu_close(&c->cpu);
    espy_seen_cache_free(&c->seen);
    free(c);
    *context = NULL;
}

int64_t espy_context_length(const espy_context *c) {
    return c->lane.timeline.n;
}

int64_t espy_context_capacity(const espy_context *c) {
    return c->limit;
}

espy_status espy_context_rewind(espy_context *c, int64_t n, espy_error *err) {
    if (n < 0 || n > c->lane.timeline.n)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "cannot rewind to token %lld; the timeline has %lld", (long long)n,
                         (long long)c->lane.timeline.n);
    espy_timeline_rewind(&c->lane.timeline, n);
    return ESPY_OK;
}

espy_status espy_context_snapshot(espy_context *c, espy_snapshot **out, espy_error *err) {
    *out = malloc(sizeof **out);
    if (!*out) return espy_out_of_memory(err);
    **out = (espy_snapshot){ c->lane.timeline.n,
                             espy_timeline_hash(&c->lane.timeline, c->lane.timeline.n) };
    return ESPY_OK;
}

espy_status espy_context_restore(espy_context *c, const espy_snapshot *s, espy_error *err) {
    if (s->n > c->lane.timeline.n || espy_timeline_hash(&c->lane.timeline, s->n) != s->hash)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "the timeline has changed before the snapshot's end at token %lld",
                         (long long)s->n);
    espy_timeline_rewind(&c->lane.timeline, s->n);
    return ESPY_OK;
}

void espy_snapshot_close(espy_snapshot **snapshot) {
    if (!snapshot) return;
    free(*snapshot);
    *snapshot = NULL;
}

/* --------------------------------------------------------------- estimate */

/* What a token's experts take in decoder.c, in floats: rows in and out for each, half
 * as much for their inputs in BF16, and the router's logits. */
static int64_t expert_room(const espy_text_config *t) {
    int64_t wider = t->expert_dim > t->dim ? t->expert_dim : t->dim;
    return t->n_active * (t->dim + 2LL * t->expert_dim + wider / 2) + t->n_experts;
}

/* What a token needs of the weights. */
static int64_t active_bytes(const espy_model *m, int64_t weights_bytes) {
    const espy_text_config *t = &m->config.text;
    if (!t->n_experts) return weights_bytes;
    double experts = (double)espy_experts_bytes(&m->weights, &m->config);
    return weights_bytes - (int64_t)(experts * (t->n_experts - t->n_active) / t->n_experts);
}

/* Largest of the passes' activations; follows the allocations of vision.c,
 * decoder.c and the CPU backend's scratch, which dominate. */
static int64_t activations(const espy_model *m, int64_t pixels, int64_t n_threads) {
    const espy_vision_config *v = &m->config.vision;
    const espy_text_config *t = &m->config.text;
    int64_t n = pixels / ((int64_t)v->patch * v->patch), rows = n < 2048 ? n : 2048;
    int64_t tokens = v->n_queries ? v->n_queries : n / (v->merge * v->merge);
    int64_t patches = n * 3 * v->temporal * v->patch * v->patch;
    int64_t attention = n * 4 * v->dim + n_threads * 96 * n;
    int64_t gated = m->weights.vision[0].gate.w.tensor.data != NULL;
    int64_t mlp = rows * ((1 + gated) * v->ffn_dim + v->dim);
    int64_t joiner = v->n_queries ? (3 * n + 2 * tokens) * t->dim : 0;
    if (joiner > attention) attention = joiner;
    int64_t vision = 2 * n * v->dim + n * v->head_dim + patches +
                     (attention > mlp ? attention : mlp) +
                     tokens * t->dim * (int64_t)(1 + v->n_taps);
    int64_t chunk = ESPY_CHUNK, kv = (int64_t)t->n_kv_heads * t->head_dim;
    int64_t q = (int64_t)t->n_heads * t->head_dim;
    int64_t inner =
        2 * q + 2 * kv > 2 * (int64_t)t->ffn_dim ? 2 * q + 2 * kv : 2 * (int64_t)t->ffn_dim;
    if (expert_room(t) > inner) inner = expert_room(t);
    int64_t decoder = chunk * (2 * t->dim + inner) + t->n_vocab * 4LL;
    int64_t widest = t->ffn_dim > v->ffn_dim ? t->ffn_dim : v->ffn_dim;
    int64_t scratch = n_threads * ESPY_PANEL * 2 * widest;
    int64_t most = vision > decoder ? vision : decoder;
    return (most + scratch + tokens * t->dim * (int64_t)(1 + v->n_taps)) * (int64_t)sizeof(float);
}

/* Of all lanes together. */
static int64_t batch_tokens(const espy_model *m, const espy_context_params *p) {
    int64_t one = length_limit(m, p), all = one * lanes(p);
    return one > ESPY_BATCH_TOKENS ? one : all > ESPY_BATCH_TOKENS ? ESPY_BATCH_TOKENS : all;
}

/* Of pictures with so many vision tokens. */
static int64_t pixels_of(const espy_model *m, int64_t tokens) {
    const espy_vision_config *v = &m->config.vision;
    int64_t side = (int64_t)v->patch * v->merge;
    if (!v->n_queries) return tokens * side * side;
    int64_t n = tokens > v->n_queries ? tokens / v->n_queries : 1;
    return n * v->image_size * v->image_size;
}

espy_status espy_estimate_memory(const espy_model *m, const espy_context_params *params,
                                 int64_t image_pixels, espy_memory_estimate *out, espy_error *err) {
    static const espy_context_params none = { 0 };
    if (!m || !out) return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no model was given");
    if (!params) params = &none;
    espy_status status = check(params, err);
    if (status) return status;
    espy_cache_shape shape = cache_shape(m, params);
    espy_cache *cache;
    status = espy_cache_open(&cache, &shape, err); /* takes no memory for tokens */
    if (status) return status;
    espy_cache_close(&cache);
    int64_t pixels = image_pixels > 0 && !m->config.vision.image_size ? image_pixels
                                                                      : m->config.image.max_pixels;
    int64_t pass_pixels = pixels_of(m, pass_tokens(params));
    if (pixels > INT64_C(1) << 32) pixels = INT64_C(1) << 32;
    if (pass_pixels > INT64_C(1) << 32) pass_pixels = INT64_C(1) << 32;
    int64_t n_threads = params->n_threads > 0 ? params->n_threads : sysconf(_SC_NPROCESSORS_ONLN);
    int64_t weights = m->file_bytes + m->weights.owned_bytes;
    *out = (espy_memory_estimate){
        .weights_bytes = weights,
        .active_bytes = active_bytes(m, weights),
        .cache_bytes = espy_cache_bytes(&shape, length_limit(m, params)),
        .activation_bytes = activations(m, pixels, n_threads),
        .vision_cache_bytes = seen_limit(params),
        .pass_bytes = activations(m, pass_pixels, n_threads),
        .batch_bytes = espy_cache_bytes(&shape, batch_tokens(m, params)),
    };
    return ESPY_OK;
}
