/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy info: what a model is, and the memory that it needs. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static void print_memory(const espy_memory_estimate *m, int64_t n_context) {
    const double mb = 1e-6;
    printf("memory for %lld tokens and the largest picture:\n", (long long)n_context);
    printf("  weights      %.1f MB, mapped", (double)m->weights_bytes * mb);
    if (m->active_bytes < m->weights_bytes)
        printf("; %.1f MB of them for a token", (double)m->active_bytes * mb);
    printf("\n");
    printf("  KV cache     %.1f MB\n", (double)m->cache_bytes * mb);
    printf("  activations  %.1f MB\n", (double)m->activation_bytes * mb);
    printf("  pictures     %.1f MB at most, of those seen last\n",
           (double)m->vision_cache_bytes * mb);
}

static void print_films(const espy_model_info *i) {
    if (!i->max_frames) {
        puts("films          none; single frames can be given as pictures");
        return;
    }
    printf("films          %d frames at most", i->max_frames);
    if (i->frame_min_pixels)
        printf(", each of %lld to %lld pixels", (long long)i->frame_min_pixels,
               (long long)i->frame_max_pixels);
    else if (i->frame_max_pixels)
        printf(", each of at most %lld pixels", (long long)i->frame_max_pixels);
    if (i->film_min_pixels)
        printf(", all of %lld to %lld pixels\n", (long long)i->film_min_pixels,
               (long long)i->film_max_pixels);
    else
        printf(", all of at most %lld pixels\n", (long long)i->film_max_pixels);
}

static void print_info(const espy_model_info *i) {
    if (i->name[0]) printf("name           %s\n", i->name);
    printf("family         %s (%s)\n", i->family, i->paper);
    int small = i->n_parameters < 100000000;
    printf("parameters     %.3g %s\n", (double)i->n_parameters / (small ? 1e6 : 1e9),
           small ? "million" : "billion");
    printf("weights        %s, %.1f MB\n", i->weight_types, (double)i->file_bytes / 1e6);
    printf(
        "decoder        %d layers of %d, %d heads of %d, %d of them for keys and values, MLP %d\n",
        i->n_layers, i->dim, i->n_heads, i->head_dim, i->n_kv_heads, i->ffn_dim);
    if (i->n_experts)
        printf("experts        %d of MLP %d in %d layers, %d for each token\n", i->n_experts,
               i->expert_dim, i->expert_layers, i->n_active_experts);
    printf("vocabulary     %d\n", i->n_vocab);
    if (i->context_length) printf("trained for    %lld tokens\n", (long long)i->context_length);
    printf("vision         %d layers of %d, %d heads, patch %d px, ", i->vision_layers,
           i->vision_dim, i->vision_heads, i->patch_px);
    if (i->n_queries)
        printf("%d tokens a picture\n", i->n_queries);
    else
        printf("%dx%d patches per token\n", i->merge, i->merge);
    if (i->window_px)
        printf("windows        %d pixels, in all but %d of the vision layers\n", i->window_px,
               i->full_layers);
    if (i->n_deepstack) printf("DeepStack      %d layers\n", i->n_deepstack);
    if (i->image_px)
        printf("pictures       squashed to %dx%d pixels\n", i->image_px, i->image_px);
    else
        printf("pictures       %lld to %lld pixels\n", (long long)i->min_pixels,
               (long long)i->max_pixels);
    print_films(i);
    if (i->box_scale)
        printf("boxes          0 to %d\n", i->box_scale);
    else
        printf("boxes          pixels of the fitted picture\n");
}

static cJSON *info_json(const espy_model_info *i, const espy_memory_estimate *m,
                        int64_t n_context) {
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        { "n_parameters", (double)i->n_parameters },
        { "file_bytes", (double)i->file_bytes },
        { "n_layers", i->n_layers },
        { "dim", i->dim },
        { "n_heads", i->n_heads },
        { "n_kv_heads", i->n_kv_heads },
        { "head_dim", i->head_dim },
        { "ffn_dim", i->ffn_dim },
        { "n_experts", i->n_experts },
        { "n_active_experts", i->n_active_experts },
        { "expert_dim", i->expert_dim },
        { "expert_layers", i->expert_layers },
        { "n_vocab", i->n_vocab },
        { "vision_layers", i->vision_layers },
        { "vision_dim", i->vision_dim },
        { "vision_heads", i->vision_heads },
        { "patch_px", i->patch_px },
        { "merge", i->merge },
        { "n_deepstack", i->n_deepstack },
        { "context_length", (double)i->context_length },
        { "min_pixels", (double)i->min_pixels },
        { "max_pixels", (double)i->max_pixels },
        { "box_scale", i->box_scale },
        { "image_px", i->image_px },
        { "n_queries", i->n_queries },
        { "max_frames", i->max_frames },
        { "frame_min_pixels", (double)i->frame_min_pixels },
        { "frame_max_pixels", (double)i->frame_max_pixels },
        { "film_min_pixels", (double)i->film_min_pixels },
        { "film_max_pixels", (double)i->film_max_pixels },
        { "window_px", i->window_px },
        { "full_layers", i->full_layers },
        { "n_context", (double)n_context },
        { "weights_bytes", (double)m->weights_bytes },
        { "active_bytes", (double)m->active_bytes },
        { "cache_bytes", (double)m->cache_bytes },
        { "activation_bytes", (double)m->activation_bytes },
        { "vision_cache_bytes", (double)m->vision_cache_bytes },
    };
    cJSON *o = cJSON_CreateObject();
    int failed = cli_json_text(o, "family", i->family) || cli_json_text(o, "name", i->name) ||
                 cli_json_text(o, "paper", i->paper) ||
                 cli_json_text(o, "weight_types", i->weight_types);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        failed |= !cJSON_AddNumberToObject(o, numbers[k].key, numbers[k].value);
    if (!failed) return o;
    cJSON_Delete(o);
    return NULL;
}

static int show(const cli_session *s) {
    espy_error err = { .offset = -1 };
    espy_model_info info;
    espy_memory_estimate memory;
    espy_model_get_info(s->model, &info);
    int64_t n = info.context_length && info.context_length < 8192 ? info.context_length : 8192;
    espy_context_params params = { .n_context = s->o->context > 0 ? s->o->context : n,
                                   .cache_type = s->o->cache_type,
                                   .exact = s->o->exact,
                                   .kernels = s->o->kernels,
                                   .n_threads = s->o->threads > 0 ? s->o->threads : 0 };
    if (espy_estimate_memory(s->model, &params, 0, &memory, &err)) return cli_report(NULL, &err);
    if (!s->o->json) {
        print_info(&info);
        print_memory(&memory, params.n_context);
        return CLI_OK;
    }
    cJSON *object = info_json(&info, &memory, params.n_context);
    int failed = cli_json_line(object);
    cJSON_Delete(object);
    return failed ? CLI_FAILED : CLI_OK;
}

static int run(const cli_options *o) {
    cli_session session;
    int code = cli_session_open(&session, o, o->n_args ? o->args[0] : NULL);
    if (!code) code = show(&session);
    cli_session_close(&session);
    return code;
}

const cli_command cli_info = {
    .name = "info",
    .arguments = "[MODEL]",
    .summary = "tell what a model is, and the memory that it needs",
    .examples = "  espy info Qwen3-VL-2B-Instruct\n"
                "  espy info --context 32768 --cache-type q8_0 model.gguf\n",
    .groups = CLI_JSON | CLI_MODEL,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
