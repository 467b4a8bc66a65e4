/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/job.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_TOKENS = 512 };

static espy_status check_room(const espy_job *j, espy_error *err) {
    int64_t n = j->prepared.timeline.n, limit = j->context->limit;
    if (n < limit) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_FULL, -1,
                     "the prompt needs %lld tokens and one for the answer, the context holds %lld; "
                     "use a larger context, fewer or smaller pictures",
                     (long long)n, (long long)limit);
}

/* Keeps what the prompt shares with the lane; at least one token is read anew, for
 * its logits. Few tokens are rounded as those of an answer are. */
static void reuse_prefix(espy_job *j) {
    espy_timeline *line = &j->lane->timeline, *prompt = &j->prepared.timeline;
    int64_t n = espy_timeline_common(line, prompt);
    if (j->alike && prompt->n - n <= ESPY_FEW_ROWS) n = 0;
    espy_timeline_rewind(line, n < prompt->n ? n : prompt->n - 1);
    j->reused = line->n;
}

static void set_grid(int thw[3], int t, espy_grid grid) {
    thw[0] = t;
    thw[1] = grid.h;
    thw[2] = grid.w;
}

static espy_status describe_prompt(espy_job *j, espy_error *err) {
    const espy_prepared *p = &j->prepared;
    espy_result *out = j->result;
    out->rendered = strdup(p->prompt.text ? p->prompt.text : "");
    out->image_grid_thw = calloc((size_t)p->n_pictures + 1, sizeof *out->image_grid_thw);
    out->video_grid_thw = calloc((size_t)p->n_clips + 1, sizeof *out->video_grid_thw);
    out->video_times_s = calloc((size_t)p->n_pictures + 1, sizeof *out->video_times_s);
    if (!out->rendered || !out->image_grid_thw || !out->video_grid_thw || !out->video_times_s)
        return espy_out_of_memory(err);
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

static espy_status check(const espy_request *r, espy_error *err) {
    if (r->n_top_logprobs < 0 || r->n_top_logprobs > 20 || r->max_tokens < 0)
        return espy_fail(
            err, ESPY_ERR_ARGUMENT, -1,
            "n_top_logprobs is %d and max_tokens %d; 0 to 20 and 0 or more are possible",
            r->n_top_logprobs, r->max_tokens);
    char *trace = NULL;
    espy_status status = r->trace_path ? espy_output_path(&trace, r->trace_path, err) : ESPY_OK;
    free(trace);
    return status;
}

espy_status espy_job_prepare(espy_job *j, espy_error *err) {
    const espy_request *r = j->request;
    espy_status status = check(r, err);
    if (!status) status = espy_prepare(&j->prepared, j->context->model, r, err);
    if (!status) status = check_room(j, err);
    if (status) return status;
    int64_t room = j->context->limit - j->prepared.timeline.n;
    j->max_tokens = r->max_tokens > 0 ? r->max_tokens : DEFAULT_MAX_TOKENS;
    if (j->max_tokens > room) j->max_tokens = (int)room;
    return ESPY_OK;
}

/* Long answers are rare: what they need comes as they grow. */
int64_t espy_job_tokens(const espy_job *j) {
    int n = j->max_tokens < DEFAULT_MAX_TOKENS ? j->max_tokens : DEFAULT_MAX_TOKENS;
    return j->prepared.timeline.n + n;
}

espy_status espy_job_begin(espy_job *j, espy_error *err) {
    if (j->request->trace_path) espy_timeline_rewind(&j->lane->timeline, 0); /* shows all */
    espy_status status = espy_lane_reserve(j->lane, espy_job_tokens(j), err);
    if (status) return status;
    reuse_prefix(j);
    return describe_prompt(j, err);
}

espy_status espy_job_end(espy_job *j, espy_status status, espy_error *err) {
    espy_result *out = j->result;
    if (j->writes) {
        espy_sampler_close(&j->sampler);
        out->text = j->answer.text ? j->answer.text : strdup("");
        out->text_bytes = j->answer.n_bytes;
        out->tokens = j->answer.tokens.at;
        out->n_tokens = (int)j->answer.tokens.n;
        j->writes = 0;
        if (!status && !out->text) status = espy_out_of_memory(err);
    }
    espy_prepared_free(&j->prepared);
    if (status && status != ESPY_ERR_STOPPED) espy_result_clear(out);
    return status;
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
