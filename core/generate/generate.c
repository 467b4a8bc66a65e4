/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One answer: prepare the prompt, look at its new pictures, read its new tokens,
 * then sample token by token. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "generate/answer.h"
#include "generate/context.h"
#include "generate/prepare.h"
#include "generate/sampler.h"
#include "generate/trace.h"

enum { DEFAULT_MAX_TOKENS = 512 };

/* One call of espy_generate. */
typedef struct job {
    espy_context *context;
    const espy_request *request;
    espy_result *result;
    espy_error *err;
    espy_prepared prepared;
    int64_t reused;
    int max_tokens;
    /* progress of the present phase */
    const char *phase;
    int64_t done, step, total, at;
    double asked_ms; /* when on_progress was last called */
    int stopped;
} job;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ask(job *j) {
    j->asked_ms = now_ms();
    if (j->request->on_progress && !j->stopped)
        j->stopped = j->request->on_progress(j->request->user, j->phase, j->at, j->total) != 0;
    return j->stopped;
}

/* Between layers: the part of a step that is done counts. */
static int report(void *user, int done, int total) {
    job *j = user;
    j->at = j->done + j->step * done / total;
    return ask(j);
}

/* Within layers: a layer of a large picture takes seconds. */
static int poll(void *user) {
    enum { EVERY_MS = 50 };
    job *j = user;
    return j->stopped || (now_ms() - j->asked_ms >= EVERY_MS && ask(j));
}

static espy_status failed(job *j, espy_status status) {
    if (status == ESPY_ERR_STOPPED)
        return espy_fail(j->err, status, -1, "stopped while %s", j->phase);
    if (status == ESPY_ERR_MEMORY)
        return espy_fail(j->err, status, -1, "out of memory while %s", j->phase);
    return status;
}

/* ------------------------------------------------------------------ prompt */

static espy_status check_room(job *j) {
    int64_t n = j->prepared.timeline.n, limit = j->context->limit;
    if (n < limit) return ESPY_OK;
    return espy_fail(j->err, ESPY_ERR_FULL, -1,
                     "the prompt needs %lld tokens and one for the answer, the context holds %lld; "
                     "use a larger context, fewer or smaller pictures",
                     (long long)n, (long long)limit);
}

/* Keeps what the prompt shares with the timeline; at least one token is read
 * anew, for its logits. */
static void reuse_prefix(job *j) {
    espy_timeline *line = &j->context->timeline, *prompt = &j->prepared.timeline;
    int64_t n = espy_timeline_common(line, prompt);
    espy_timeline_rewind(line, n < prompt->n ? n : prompt->n - 1);
    j->reused = line->n;
}

/* Looks at one picture, unless the cache knows it. Only what was looked at to
 * the end is kept. */
static espy_status look_at(job *j, espy_picture *picture) {
    espy_context *c = j->context;
    int trace = j->request->trace_path != NULL; /* shows every stage */
    if (!trace) picture->seen = espy_seen_find(&c->seen, picture->key);
    if (picture->seen) {
        j->result->n_cached_images++;
        return ESPY_OK;
    }
    espy_run run = espy_cpu_run(c->cpu, c->exact);
    j->step = picture->n;
    espy_status status = espy_picture_encode(picture, c->model, &run, trace, report, j, j->err);
    if (!status && j->stopped) status = ESPY_ERR_STOPPED; /* after the last layer */
    if (status) return failed(j, status);
    espy_seen_keep(&c->seen, picture->seen);
    return ESPY_OK;
}

static espy_status look(job *j) {
    espy_prepared *p = &j->prepared;
    j->phase = "looking";
    j->at = j->done = j->total = 0;
    for (int i = 0; i < p->n_pictures; i++)
        if (p->pictures[i].first >= j->reused) j->total += p->pictures[i].n;
    for (int i = 0; i < p->n_pictures; i++) {
        espy_picture *picture = &p->pictures[i];
        if (picture->first < j->reused) continue;
        espy_status status = look_at(j, picture);
        if (status) return status;
        j->done += picture->n;
    }
    return ESPY_OK;
}

/* Moves the prompt's next tokens to the timeline. */
static void append(espy_timeline *line, const espy_timeline *from, int64_t n) {
    for (int64_t i = line->n; i < line->n + n; i++) {
        line->ids[i] = from->ids[i];
        line->keys[i] = from->keys[i];
        for (int axis = 0; axis < 3; axis++)
            line->positions.at[axis][i] = from->positions.at[axis][i];
    }
    line->n = line->positions.n = line->n + n;
    line->positions.next = from->positions.next;
    line->positions.theta = from->positions.theta;
}

static espy_status read_prompt(job *j) {
    espy_context *c = j->context;
    const espy_prepared *p = &j->prepared;
    espy_vision_rows *rows = calloc((size_t)p->n_pictures + 1, sizeof *rows);
    if (!rows) return espy_out_of_memory(j->err);
    int n_rows = 0;
    for (int i = 0; i < p->n_pictures; i++) {
        const espy_picture *picture = &p->pictures[i];
        const espy_seen *seen = picture->seen;
        if (!seen) continue; /* on the timeline already */
        rows[n_rows] = (espy_vision_rows){ picture->first, picture->n, seen->tokens, { 0 } };
        for (int k = 0; k < ESPY_MAX_TAPS; k++) rows[n_rows].taps[k] = seen->taps[k];
        n_rows++;
    }
    j->phase = "reading";
    j->at = j->done = 0;
    j->total = p->timeline.n - j->reused;
    espy_status status = ESPY_OK;
    while (c->timeline.n < p->timeline.n && !status) {
        int64_t first = c->timeline.n, left = p->timeline.n - first;
        int64_t n = left < ESPY_CHUNK ? left : ESPY_CHUNK;
        espy_run run = espy_cpu_run(c->cpu, c->exact);
        j->step = n;
        espy_decoder_forward(&run, c->model, c->cache, first, n, p->timeline.ids,
                             &p->timeline.positions, rows, n_rows, n == left ? c->logits : NULL,
                             report, j);
        status = j->stopped ? ESPY_ERR_STOPPED : run.status;
        if (!status) append(&c->timeline, &p->timeline, n);
        j->done += n;
    }
    free(rows);
    return status ? failed(j, status) : ESPY_OK;
}

/* ------------------------------------------------------------------ answer */

static int is_eos(const espy_config *c, int raw, int32_t id) {
    int n = raw && c->n_raw_eos ? c->n_raw_eos : c->n_eos;
    for (int i = 0; i < n; i++)
        if (c->eos[i] == id) return 1;
    return 0;
}

static espy_status make_room(job *j, int64_t n) {
    espy_context *c = j->context;
    espy_status status = espy_timeline_reserve(&c->timeline, n, j->err);
    return status ? status : espy_cache_reserve(c->cache, n, c->timeline.n, j->err);
}

static espy_status read_token(job *j, int32_t id) {
    espy_context *c = j->context;
    int64_t first = c->timeline.n;
    espy_status status = make_room(j, first + 1);
    if (status) return status;
    espy_timeline_text(&c->timeline, &id, 1);
    espy_run run = espy_cpu_run(c->cpu, c->exact);
    espy_decoder_forward(&run, c->model, c->cache, first, 1, c->timeline.ids,
                         &c->timeline.positions, NULL, 0, c->logits, NULL, NULL);
    if (run.status) espy_timeline_rewind(&c->timeline, first);
    return run.status ? failed(j, run.status) : ESPY_OK;
}

static espy_status sample_answer(job *j, espy_sampler *sampler, espy_answer *answer) {
    espy_context *c = j->context;
    const espy_request *r = j->request;
    espy_result *out = j->result;
    int n_top = out->n_top_logprobs, n_vocab = c->model->config.text.n_vocab;
    j->phase = "answering";
    out->finish = ESPY_FINISH_LENGTH;
    for (int i = 0; i < j->max_tokens; i++) {
        if (n_top)
            espy_top_logprobs(c->logits, n_vocab, n_top, out->top_logprobs + (int64_t)i * n_top);
        int32_t id = espy_sampler_next(sampler, c->logits);
        espy_status status = espy_answer_push(answer, id, j->err);
        if (status) return status;
        if (answer->refused) {
            out->finish = ESPY_FINISH_CALLBACK;
            break;
        }
        if (answer->stopped ||
            (is_eos(&c->model->config, r->prompt != NULL, id) && !r->ignore_eos)) {
            out->finish = ESPY_FINISH_STOP;
            break;
        }
        if (!r->no_loop_guard && !r->ignore_eos && espy_answer_loops(answer)) {
            out->finish = ESPY_FINISH_LOOP;
            break;
        }
        if (i + 1 == j->max_tokens) break;
        status = read_token(j, id);
        if (status) return status;
    }
    return espy_answer_end(answer, j->err);
}

static espy_status answer(job *j) {
    const espy_request *r = j->request;
    const espy_model *m = j->context->model;
    espy_result *out = j->result;
    espy_sampler sampler;
    espy_answer a = { .vocab = m->vocab,
                      .stop = r->stop,
                      .n_stop = r->n_stop,
                      .strip = m->chat->strips_answers && !r->prompt,
                      .on_text = r->on_text,
                      .user = r->user };
    espy_status status = espy_sampler_open(
        &sampler, r->sampling ? r->sampling : &m->config.sampling, m->config.text.n_vocab,
        j->prepared.timeline.ids, j->prepared.timeline.n, j->err);
    if (status) return status;
    out->n_top_logprobs = r->n_top_logprobs;
    if (r->n_top_logprobs) {
        out->top_logprobs =
            calloc((size_t)j->max_tokens * (size_t)r->n_top_logprobs, sizeof *out->top_logprobs);
        if (!out->top_logprobs) status = espy_out_of_memory(j->err);
    }
    if (!status) status = sample_answer(j, &sampler, &a);
    espy_sampler_close(&sampler);
    out->text = a.text ? a.text : strdup("");
    out->text_bytes = a.n_bytes;
    out->tokens = a.tokens.at;
    out->n_tokens = (int)a.tokens.n;
    return status ? status : out->text ? ESPY_OK : espy_out_of_memory(j->err);
}

/* ------------------------------------------------------------------ result */

static void set_grid(int thw[3], int t, espy_grid grid) {
    thw[0] = t;
    thw[1] = grid.h;
    thw[2] = grid.w;
}

static espy_status describe_prompt(job *j) {
    const espy_prepared *p = &j->prepared;
    espy_result *out = j->result;
    out->rendered = strdup(p->prompt.text ? p->prompt.text : "");
    out->image_grid_thw = calloc((size_t)p->n_pictures + 1, sizeof *out->image_grid_thw);
    out->video_grid_thw = calloc((size_t)p->n_clips + 1, sizeof *out->video_grid_thw);
    out->video_times_s = calloc((size_t)p->n_pictures + 1, sizeof *out->video_times_s);
    if (!out->rendered || !out->image_grid_thw || !out->video_grid_thw || !out->video_times_s)
        return espy_out_of_memory(j->err);
    for (int i = 0; i < p->n_pictures; i++)
        if (p->pictures[i].clip < 0)
            set_grid(out->image_grid_thw[out->n_images++], 1, p->pictures[i].grid);
    for (int i = 0; i < p->n_clips; i++) {
        const espy_clip *clip = &p->clips[i];
        set_grid(out->video_grid_thw[out->n_videos++], clip->n, p->pictures[clip->first].grid);
        memcpy(out->video_times_s + out->n_video_times, clip->times,
               (size_t)clip->n * sizeof *clip->times);
        out->n_video_times += clip->n;
    }
    out->n_prompt_tokens = (int)p->timeline.n;
    out->n_reused_tokens = (int)j->reused;
    out->rope_delta = p->timeline.positions.next - p->timeline.n;
    return ESPY_OK;
}

static espy_status run(job *j) {
    espy_context *c = j->context;
    const espy_request *r = j->request;
    espy_status status = check_room(j);
    if (status) return status;
    int64_t n_prompt = j->prepared.timeline.n, room = c->limit - n_prompt;
    j->max_tokens = r->max_tokens > 0 ? r->max_tokens : DEFAULT_MAX_TOKENS;
    if (j->max_tokens > room) j->max_tokens = (int)room;
    if (r->trace_path) espy_timeline_rewind(&c->timeline, 0); /* a trace shows every stage */
    /* long answers are rare: what they need comes as they grow */
    status = make_room(j, n_prompt + (room < DEFAULT_MAX_TOKENS ? room : DEFAULT_MAX_TOKENS));
    if (status) return status;
    reuse_prefix(j);
    status = describe_prompt(j);

    double start = now_ms();
    espy_pool_set_poll(espy_cpu_pool(c->cpu), poll, j);
    if (!status) status = look(j);
    double looked = now_ms();
    if (!status) status = read_prompt(j);
    espy_pool_set_poll(espy_cpu_pool(c->cpu), NULL, NULL);
    double read = now_ms();
    if (!status && r->trace_path)
        status = espy_trace_write(r->trace_path, c->model, &j->prepared, c->logits, j->err);
    double traced = now_ms();
    if (!status) status = answer(j);
    j->result->vision_ms = looked - start;
    j->result->prompt_ms = read - looked;
    j->result->generate_ms = now_ms() - traced;
    return status;
}

espy_status espy_generate(espy_context *context, const espy_request *request, espy_result *result,
                          espy_error *err) {
    if (result) *result = (espy_result){ 0 };
    if (!context || !request || !result)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "context, request or result is missing");
    if (request->n_top_logprobs < 0 || request->n_top_logprobs > 20 || request->max_tokens < 0)
        return espy_fail(
            err, ESPY_ERR_ARGUMENT, -1,
            "n_top_logprobs is %d and max_tokens %d; 0 to 20 and 0 or more are possible",
            request->n_top_logprobs, request->max_tokens);
    job j = { .context = context, .request = request, .result = result, .err = err };
    j.phase = "preparing";
    char *trace = NULL;
    espy_status status =
        request->trace_path ? espy_output_path(&trace, request->trace_path, err) : ESPY_OK;
    free(trace);
    if (!status) status = espy_prepare(&j.prepared, context->model, request, err);
    if (!status) status = run(&j);
    espy_prepared_free(&j.prepared);
    if (status && status != ESPY_ERR_STOPPED) espy_result_clear(result);
    return status;
}

espy_status espy_count_prompt(const espy_model *model, const espy_request *request,
                              int64_t *n_tokens, espy_error *err) {
    espy_prepared prepared;
    if (!model || !request || !n_tokens)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "model, request or n_tokens is missing");
    espy_status status = espy_prepare(&prepared, model, request, err);
    if (status) return status;
    *n_tokens = prepared.timeline.n;
    espy_prepared_free(&prepared);
    return ESPY_OK;
}

void espy_result_clear(espy_result *r) {
    if (!r) return;
    free(r->text);
    free(r->tokens);
    free(r->top_logprobs);
    free(r->rendered);
    free(r->image_grid_thw);
    free(r->video_grid_thw);
    free(r->video_times_s);
    *r = (espy_result){ 0 };
}
