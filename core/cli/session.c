/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model and a context of the size that is asked of it. A context is only
 * opened when its first request is known, so that its KV cache is no larger
 * than needed, and opened again when a later one needs more. */
#include "cli.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    cli_session *s = user;
    return cli_progress_step(&s->progress, phase, done, total);
}

static void on_log(void *user, int level, const char *line) {
    cli_session *s = user;
    if (s->o->quiet || (level > 1 && !s->o->verbose)) return;
    cli_progress_clear(&s->progress);
    cli_say("%s%s", level == 1 ? "warning: " : "", line);
}

/* Before anything is asked: --kernels is to blame, not the picture. */
static int check_kernels(const cli_session *s) {
    espy_error err = { .offset = -1 };
    espy_context_params params = { .n_context = 1, .n_threads = 1, .kernels = s->o->kernels };
    espy_context *context;
    if (!s->o->kernels) return CLI_OK;
    espy_status status = espy_context_open(&context, s->model, &params, &err);
    espy_context_close(&context);
    if (!status) return CLI_OK;
    cli_report(NULL, &err);
    return status == ESPY_ERR_UNSUPPORTED ? CLI_USAGE : CLI_FAILED;
}

int cli_session_open(cli_session *s, const cli_options *o, const char *model_path) {
    espy_error err = { .offset = -1 };
    char *path;
    *s = (cli_session){ .o = o };
    cli_progress_begin(&s->progress, o);
    if (espy_model_find(model_path ? model_path : o->model, &path, &err)) {
        int code = cli_report(NULL, &err);
        if (err.code == ESPY_ERR_ARGUMENT) cli_say("--model NAME takes one of them");
        return code;
    }
    if (o->verbose) cli_say("model %s", path);

    double start = cli_now_ms();
    espy_model_params params = {
        .mmproj = o->mmproj, .progress = on_progress, .log = on_log, .user = s
    };
    espy_status status = espy_model_open(&s->model, path, &params, &err);
    s->load_ms = cli_now_ms() - start;
    cli_progress_clear(&s->progress);
    int code = status ? cli_report(path, &err) : check_kernels(s);
    espy_free(path);
    return code;
}

void cli_session_close(cli_session *s) {
    cli_progress_clear(&s->progress);
    espy_context_close(&s->context);
    espy_model_close(&s->model);
}

espy_status cli_session_reserve(cli_session *s, int64_t n_tokens, espy_error *err) {
    const cli_options *o = s->o;
    espy_context_params params = { .n_context = n_tokens ? (n_tokens + 255) / 256 * 256 : 0,
                                   .n_threads = o->threads > 0 ? o->threads : 0,
                                   .cache_type = o->cache_type,
                                   .exact = o->exact,
                                   .kernels = o->kernels,
                                   .vision_cache_bytes = s->always_look ? -1 : 0 };
    if (o->context > 0) params.n_context = o->context;
    if (s->context) {
        if (o->context > 0 || espy_context_capacity(s->context) >= n_tokens) return ESPY_OK;
        espy_context_close(&s->context);
    }
    espy_status status = espy_context_open(&s->context, s->model, &params, err);
    if (!status && o->verbose)
        cli_say("context of %lld tokens", (long long)espy_context_capacity(s->context));
    return status;
}

void cli_session_limits(cli_session *s, int n_pictures) {
    espy_model_info info;
    espy_model_get_info(s->model, &info);
    if (!info.built_in || !n_pictures || s->told_limits || s->o->quiet) return;
    s->told_limits = 1;
    cli_progress_clear(&s->progress);
    cli_say("the built-in espy-nano knows drawn shapes, emoji and short words only; for "
            "photographs give --model a Qwen3-VL checkpoint (Weights in the README or man espy)");
}

void cli_session_expect(cli_session *s, const espy_request *request, int n_answers) {
    enum { LONG_MS = 10000, USUAL_TOKENS = 128 };
    espy_time_estimate t;
    char each[40] = "";
    espy_model_info info;
    if (s->told_time || s->o->quiet || !(s->progress.enabled || s->o->verbose)) return;
    s->told_time = 1;
    espy_model_get_info(s->model, &info);
    if (info.built_in) return;                                     /* never long */
    if (espy_estimate_time(s->context, request, &t, NULL)) return; /* told by generating */
    int n = t.max_tokens < USUAL_TOKENS ? t.max_tokens : USUAL_TOKENS;
    double answer_ms = n * t.token_ms, all_ms = t.vision_ms + t.prompt_ms + answer_ms;
    if (all_ms * n_answers < LONG_MS) return;
    if (n_answers > 1) snprintf(each, sizeof each, " for each of %d pictures", n_answers);
    cli_progress_clear(&s->progress);
    cli_say("about %.0f s%s: picture %.0f s, prompt %.0f s, %d tokens of answer %.0f s",
            all_ms / 1e3, each, t.vision_ms / 1e3, t.prompt_ms / 1e3, n, answer_ms / 1e3);
}

int64_t cli_session_count(const cli_session *s, const espy_request *request) {
    int64_t n = 0; /* what is wrong with a request is told when it is answered */
    espy_count_prompt(s->model, request, &n, NULL);
    return 64 + n + (request->max_tokens ? request->max_tokens : 512);
}

static void override(double *number, double with) {
    if (cli_given(with)) *number = with;
}

void cli_session_sampling(const cli_session *s, const espy_sampling *base, espy_sampling *out) {
    const cli_options *o = s->o;
    if (base)
        *out = *base;
    else
        espy_model_get_sampling(s->model, out);
    if (o->greedy) out->temperature = 0;
    override(&out->temperature, o->temperature);
    override(&out->top_p, o->top_p);
    override(&out->min_p, o->min_p);
    override(&out->repetition_penalty, o->repetition_penalty);
    override(&out->presence_penalty, o->presence_penalty);
    override(&out->frequency_penalty, o->frequency_penalty);
    if (o->top_k >= 0) out->top_k = o->top_k;
    if (o->seed != -1) out->seed = (uint64_t)o->seed;
}

espy_request cli_session_request(const cli_session *s, const espy_task_request *ask,
                                 espy_sampling *sampling) {
    const cli_options *o = s->o;
    cli_session_sampling(s, &ask->sampling, sampling);
    return (espy_request){ .max_tokens = o->max_tokens > 0 ? o->max_tokens : ask->max_tokens,
                           .sampling = sampling,
                           .stop = (const char *const *)o->stop,
                           .n_stop = o->n_stop,
                           .keep = cli_given(o->keep) ? o->keep : 0,
                           .keep_seed = o->keep_seed > 0 ? (uint64_t)o->keep_seed : 0,
                           .min_pixels = o->min_pixels > 0 ? o->min_pixels : ask->min_pixels,
                           .max_pixels = o->max_pixels > 0 ? o->max_pixels : ask->max_pixels };
}

int cli_session_report(cli_session *s, const char *label, const espy_error *err) {
    cli_progress_clear(&s->progress);
    if (s->o->json && !cli_interrupted()) {
        cJSON *object = cli_json_error(label, err);
        cli_json_line(object);
        cJSON_Delete(object);
    }
    return cli_report(label, err);
}

static double per_second(int64_t n, double ms) {
    return ms > 0 ? (double)n * 1e3 / ms : 0;
}

void cli_session_timings(const cli_session *s, const espy_result *r) {
    if (!s->progress.enabled) return;
    fprintf(stderr,
            "[load %.1f s, picture %.1f s, prompt %d tokens %.1f s (%.0f/s), "
            "answer %d tokens %.1f s (%.1f/s)]\n",
            s->load_ms / 1e3, r->vision_ms / 1e3, r->n_prompt_tokens, r->prompt_ms / 1e3,
            per_second(r->n_prompt_tokens - r->n_reused_tokens, r->prompt_ms), r->n_tokens,
            r->generate_ms / 1e3, per_second(r->n_tokens, r->generate_ms));
}
