/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening a model: files -> family -> numbers -> weights -> vocabulary. */
#include "model/open.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/json.h"
#include "model/find.h"
#include "model/model.h"

/* ----------------------------------------------------------------- family */

void espy_model_tell(const espy_model *m, int level, const char *fmt, ...) {
    char line[600];
    va_list args;
    if (!m->log) return;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    m->log(m->user, level, line);
}

void espy_known_families(char *out, size_t capacity) {
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < espy_n_families && n < capacity; i++)
        n += (size_t)snprintf(out + n, capacity - n, "%s%s", i ? ", " : "", espy_families[i]->name);
}

static espy_status family_of_folder(espy_model *m, const espy_numbers *n, espy_error *err) {
    const cJSON *type = espy_json_at(n->config, "model_type");
    const char *name = cJSON_IsString(type) ? type->valuestring : "";
    char known[256];
    m->family = espy_family_of_type(name);
    const char *vision = m->family ? m->family->vision_object : NULL;
    if (vision && !espy_json_at(n->config, vision))
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s/config.json: there is no '%s' in it: a model of text alone", n->folder,
                         vision);
    if (m->family) return ESPY_OK;
    espy_known_families(known, sizeof known);
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                     "%s/config.json: model_type '%s' is not one that espy runs (%s)", n->folder,
                     name, known);
}

/* ---------------------------------------------------------------- numbers */

/* What must hold between numbers, so that later code may rely on it. */
static espy_status check(const espy_model *m, const char *path, espy_error *err) {
    const espy_vision_config *v = &m->config.vision;
    const espy_text_config *t = &m->config.text;
    int side = (int)lround(sqrt((double)v->n_positions));
    const struct {
        int ok;
        const char *rule;
    } rules[] = {
        { v->dim % v->n_heads == 0 && v->dim / v->n_heads % 4 == 0,
          "the vision width must be heads times a multiple of 4" },
        { v->dim / v->n_heads <= ESPY_MAX_HEAD_DIM, "a vision head is wider than 1024" },
        { v->out_dim == t->dim, "the vision tokens must be as wide as the text's" },
        { v->dim > 0 && v->ffn_dim > 0, "the vision part or its MLP has no width" },
        { !v->window_px || v->window_px / v->merge / v->patch > 0,
          "the attention windows are smaller than a vision token" },
        { side * side == v->n_positions, "the number of learned positions must be a square" },
        { t->n_heads % t->n_kv_heads == 0, "heads must be a multiple of key/value heads" },
        { t->head_dim % 2 == 0, "the head width must be even" },
        { t->n_taps <= t->n_layers, "more DeepStack layers than text layers" },
        { t->n_vocab > 0, "the vocabulary size is missing" },
        { m->config.image.min_pixels <= m->config.image.max_pixels,
          "min_pixels is larger than max_pixels" },
        { m->config.video.min_pixels <= m->config.video.max_pixels,
          "min_pixels of films is larger than their max_pixels" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!rules[i].ok) return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s", path, rules[i].rule);
    for (int i = 0; i < v->n_taps; i++)
        if (v->taps[i] >= v->n_layers || (i && v->taps[i] <= v->taps[i - 1]))
            return espy_fail(err, ESPY_ERR_FORMAT, -1,
                             "%s: DeepStack layer %d is not in ascending order below %d", path,
                             v->taps[i], v->n_layers);
    return ESPY_OK;
}

static int32_t token_or(const espy_model *m, int32_t id, const char *text) {
    return id >= 0 || !text ? id : espy_vocab_special(m->vocab, text);
}

/* Token ids that the files leave to the vocabulary. */
static espy_status settle_tokens(espy_model *m, const char *path, espy_error *err) {
    espy_config *c = &m->config;
    c->image_token = token_or(m, c->image_token, m->chat->image_pad);
    c->video_token = token_or(m, c->video_token, m->chat->video_pad);
    c->vision_start = token_or(m, c->vision_start, m->chat->vision_start);
    c->vision_end = token_or(m, c->vision_end, m->chat->vision_end);
    c->pad = token_or(m, c->pad, "<|endoftext|>");
    c->bos = token_or(m, c->bos, "<|endoftext|>");
    if (c->image_token < 0)
        return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: the vocabulary has no %s", path,
                         m->chat->image_pad);
    const char *const *ends = m->chat->ends;
    /* GGUF names one, unless espy has written it; chat and base models end differently */
    int incomplete =
        c->n_eos == 0 || (strcmp(espy_container_format(m->language), "GGUF") == 0 &&
                          !espy_container_meta(m->language, "tokenizer.ggml.eos_token_ids"));
    for (int i = 0; ends[i] && incomplete && c->n_eos < ESPY_MAX_EOS; i++) {
        int32_t id = espy_vocab_special(m->vocab, ends[i]);
        int known = id < 0;
        for (int j = 0; j < c->n_eos; j++) known |= c->eos[j] == id;
        if (!known) c->eos[c->n_eos++] = id;
    }
    int32_t pad = espy_vocab_special(m->vocab, m->chat->image_pad);
    if (pad != c->image_token)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: image_token_id is %d, but %s is token %d of the vocabulary", path,
                         c->image_token, m->chat->image_pad, pad);
    if (espy_vocab_n_tokens(m->vocab) > c->text.n_vocab || c->image_token >= c->text.n_vocab)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: the vocabulary has %d tokens, the embedding only %d rows", path,
                         espy_vocab_n_tokens(m->vocab), c->text.n_vocab);
    return ESPY_OK;
}

static espy_status read_numbers(espy_model *m, const espy_numbers *n, espy_error *err) {
    const char *path = espy_container_path(m->language);
    espy_config *c = &m->config;
    *c = *m->family->defaults;
    espy_status status = espy_config_read(c, m->family->keys, n, err);
    if (!status) status = m->family->settle(c, n, err);
    if (status) return n->folder ? espy_fail_in(err, status, n->folder) : status;
    espy_weights_measure(c, m->family->weights, m->language, m->vision ? m->vision : m->language);
    status = check(m, path, err);
    c->vision.head_dim = status ? 0 : c->vision.dim / c->vision.n_heads;
    return status;
}

/* ------------------------------------------------------------------- info */

static void count_tensors(espy_model *m, const espy_container *c, int64_t *bytes) {
    if (!c) return;
    m->file_bytes += espy_container_n_bytes(c);
    for (int i = 0; i < espy_container_n_tensors(c); i++) {
        const espy_tensor *t = &espy_container_tensor(c, i)->tensor;
        if ((unsigned)t->dtype >= ESPY_N_DTYPES) continue;
        bytes[t->dtype] += t->n_bytes;
        m->n_parameters +=
            t->n_bytes / espy_dtypes[t->dtype].block_bytes * espy_dtypes[t->dtype].block;
    }
}

/* "Q4_K Q6_K F32", most bytes first */
static void describe_types(espy_model *m) {
    int64_t bytes[ESPY_N_DTYPES] = { 0 };
    count_tensors(m, m->language, bytes);
    count_tensors(m, m->vision, bytes);
    size_t n = 0;
    for (;;) {
        int best = 0;
        for (int i = 1; i < ESPY_N_DTYPES; i++)
            if (bytes[i] > bytes[best]) best = i;
        if (bytes[best] == 0 || n + 12 > sizeof m->weight_types) return;
        n += (size_t)snprintf(m->weight_types + n, sizeof m->weight_types - n, "%s%s", n ? " " : "",
                              espy_dtypes[best].name);
        bytes[best] = 0;
    }
}

static void set_name(espy_model *m, const char *folder) {
    const espy_meta *name = espy_container_meta(m->language, "general.name");
    if (name && name->type == ESPY_META_STRING) {
        snprintf(m->name, sizeof m->name, "%.*s",
                 (int)(name->s_bytes < sizeof m->name ? name->s_bytes : sizeof m->name - 1),
                 name->s);
        m->built_in = name->s_bytes == strlen(ESPY_BUILT_IN) &&
                      memcmp(name->s, ESPY_BUILT_IN, name->s_bytes) == 0;
    } else if (folder) {
        size_t n = strlen(folder);
        while (n > 1 && folder[n - 1] == '/') n--;
        const char *slash = memrchr(folder, '/', n);
        const char *name_at = slash && slash + 1 < folder + n ? slash + 1 : folder;
        snprintf(m->name, sizeof m->name, "%.*s", (int)(folder + n - name_at), name_at);
    }
}

/* ------------------------------------------------------------------- open */

/* Optional companions: absent is fine, unreadable or broken is not. */
static espy_status load_optional(cJSON **out, const char *folder, const char *name,
                                 espy_error *err) {
    char *path = espy_path_join(folder, name);
    if (!path) return espy_out_of_memory(err);
    espy_status status = access(path, F_OK) == 0 ? espy_json_load(out, path, err) : ESPY_OK;
    free(path);
    return status;
}

/* A file about pictures or clips, or its place in the processor_config.json that
 * newer tools save instead. */
static espy_status load_preprocessor(cJSON **out, const char *folder, const char *name,
                                     const char *place, espy_error *err) {
    espy_status status = load_optional(out, folder, name, err);
    cJSON *processor = NULL;
    if (status || *out) return status;
    status = load_optional(&processor, folder, "processor_config.json", err);
    *out = cJSON_DetachItemFromObjectCaseSensitive(processor, place);
    cJSON_Delete(processor);
    return status;
}

/* Releases of one family differ in whether the model thinks before it answers;
 * only the chat template tells: its last words open the thinking. A later
 * template takes the place of an earlier one. */
static espy_status choose_chat(espy_model *m, const char *template, size_t n_bytes,
                               espy_error *err) {
    static const char *const openings[] = { "assistant\\n<think>", "assistant\n<think>" };
    char *copy = strndup(template, n_bytes);
    if (!copy) return espy_out_of_memory(err);
    free(m->chat_template);
    m->chat_template = copy;
    m->chat = m->family->chat;
    for (size_t i = 0; i < 2 && m->family->thinking_chat; i++)
        if (memmem(template, n_bytes, openings[i], strlen(openings[i])))
            m->chat = m->family->thinking_chat;
    return ESPY_OK;
}

static espy_status choose_chat_json(espy_model *m, const cJSON *file, espy_error *err) {
    const cJSON *template = espy_json_at(file, "chat_template");
    return cJSON_IsString(template)
               ? choose_chat(m, template->valuestring, strlen(template->valuestring), err)
               : ESPY_OK;
}

/* The template stands in one of three files; the newest way counts most. */
static espy_status choose_chat_in(espy_model *m, const char *folder, espy_error *err) {
    static const char *const files[] = { "tokenizer_config.json", "chat_template.json" };
    espy_status status = ESPY_OK;
    for (size_t i = 0; i < 2 && !status; i++) {
        cJSON *json = NULL;
        status = load_optional(&json, folder, files[i], err);
        if (!status) status = choose_chat_json(m, json, err);
        cJSON_Delete(json);
    }
    char *path = status ? NULL : espy_path_join(folder, "chat_template.jinja");
    espy_source source;
    if (path && access(path, F_OK) == 0 && !(status = espy_source_open(&source, path, err))) {
        status = choose_chat(m, (const char *)source.data, (size_t)source.n_bytes, err);
        espy_source_close(&source);
    }
    if (!status && !path) status = espy_out_of_memory(err);
    free(path);
    return status;
}

/* Quantised by programs of training, in tensors of their own. */
static espy_status refuse_quantised(const espy_numbers *n, espy_error *err) {
    static const char *const methods[] = { "gptq", "awq", "bitsandbytes" };
    const cJSON *method = espy_json_at(n->config, "quantization_config.quant_method");
    for (size_t i = 0; cJSON_IsString(method) && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(method->valuestring, methods[i]) == 0)
            return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                             "%s/config.json: its weights are quantised by %s, which espy does not "
                             "read; take the release that is not",
                             n->folder, methods[i]);
    return ESPY_OK;
}

static espy_status finish(espy_model *m, const espy_numbers *n, const espy_model_params *params,
                          espy_error *err) {
    espy_status status = read_numbers(m, n, err);
    if (!status)
        status = espy_weights_bind(&m->weights, &m->config, m->family->weights, m->language,
                                   m->vision ? m->vision : m->language, params->progress,
                                   params->user, err);
    if (!status && m->family->finish)
        status = m->family->finish(&m->weights, &m->config, m->language, err);
    if (!status && m->family->experts)
        status = espy_experts_bind(&m->weights, &m->config, m->family->experts, m->language, err);
    if (!status)
        status = n->folder ? espy_vocab_from_folder(&m->vocab, n->folder, err)
                           : espy_vocab_from_gguf(&m->vocab, m->language, err);
    if (!status) status = settle_tokens(m, espy_container_path(m->language), err);
    if (status) return status;
    if (!m->config.text.tied && m->weights.output.tensor.data == m->weights.embedding.tensor.data &&
        !n->language)
        espy_model_tell(m, 1, "%s: no lm_head.weight; the embedding takes its place", n->folder);
    if (m->chat != m->family->chat)
        espy_model_tell(m, 2, "the chat template lets this model think first");
    describe_types(m);
    set_name(m, n->folder);
    return ESPY_OK;
}

static espy_status open_folder(espy_model *m, const char *folder, const espy_model_params *params,
                               espy_error *err) {
    espy_numbers n = { .folder = folder };
    if (params->mmproj)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "%s: holds its vision part itself; an mmproj belongs to a GGUF model",
                         folder);
    cJSON *config = NULL, *preprocessor = NULL, *video = NULL, *generation = NULL;
    char *path = espy_path_join(folder, "config.json");
    espy_status status = path ? espy_json_load(&config, path, err) : espy_out_of_memory(err);
    free(path);
    if (!status)
        status = load_preprocessor(&preprocessor, folder, "preprocessor_config.json",
                                   "image_processor", err);
    if (!status)
        status = load_preprocessor(&video, folder, "video_preprocessor_config.json",
                                   "video_processor", err);
    if (!status) status = load_optional(&generation, folder, "generation_config.json", err);
    n.config = config;
    n.preprocessor = preprocessor;
    n.video = video;
    n.generation = generation;
    if (!status) status = family_of_folder(m, &n, err);
    if (!status) status = refuse_quantised(&n, err);
    if (!status) status = espy_container_open(&m->language, folder, err);
    if (!status) m->chat = m->family->chat;
    if (!status) status = choose_chat_in(m, folder, err);
    if (!status) status = finish(m, &n, params, err);
    cJSON_Delete(config);
    cJSON_Delete(preprocessor);
    cJSON_Delete(video);
    cJSON_Delete(generation);
    return status;
}

static espy_status open_gguf(espy_model *m, const char *path, const espy_model_params *params,
                             espy_error *err) {
    espy_numbers n = { 0 };
    espy_status status = espy_gguf_open_parts(m, &n, path, params->mmproj, err);
    n.language = m->language;
    n.vision = m->vision ? m->vision : m->language;
    if (!status) {
        const espy_meta *template = espy_container_meta(m->language, "tokenizer.chat_template");
        m->chat = m->family->chat;
        if (template && template->type == ESPY_META_STRING)
            status = choose_chat(m, template->s, template->s_bytes, err);
    }
    return status ? status : finish(m, &n, params, err);
}

static espy_status open_path(espy_model **out, const char *path, const espy_model_params *params,
                             espy_error *err) {
    espy_model *m = calloc(1, sizeof *m);
    if (!m) return espy_out_of_memory(err);
    m->log = params->log;
    m->user = params->user;
    espy_place place;
    espy_status status = espy_place_find(&place, path, err);
    if (!status)
        status = place.folder ? open_folder(m, place.folder, params, err)
                              : open_gguf(m, place.gguf, params, err);
    espy_place_free(&place);
    if (status)
        espy_model_close(&m);
    else
        *out = m;
    return status;
}

espy_status espy_model_open(espy_model **out, const char *path, const espy_model_params *params,
                            espy_error *err) {
    static const espy_model_params none = { 0 };
    char *found = NULL;
    if (out) *out = NULL;
    if (!out || (path && !*path))
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no model path was given");
    espy_status status = path ? ESPY_OK : espy_model_find(NULL, &found, err);
    if (!status) status = open_path(out, path ? path : found, params ? params : &none, err);
    free(found);
    return status;
}

void espy_model_close(espy_model **model) {
    espy_model *m = model ? *model : NULL;
    if (!m) return;
    espy_vocab_close(&m->vocab);
    espy_weights_free(&m->weights);
    free(m->chat_template);
    espy_container_close(&m->vision);
    espy_container_close(&m->language);
    free(m);
    *model = NULL;
}
