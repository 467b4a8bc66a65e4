/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers, token by token. What each answer is sampled from depends on its own lane
 * alone, so several can take a step together: the weights are read once for all. */
#include <stdlib.h>

#include "generate/job.h"

espy_status espy_job_write(espy_job *j, espy_error *err) {
    const espy_request *r = j->request;
    const espy_model *m = j->context->model;
    espy_result *out = j->result;
    j->answer = (espy_answer){ .vocab = m->vocab,
                               .stop = r->stop,
                               .n_stop = r->n_stop,
                               .own_tokens = m->chat->own_tokens,
                               .strip = m->chat->strips_answers && !r->prompt,
                               .on_text = r->on_text,
                               .user = r->user };
    espy_status status = espy_sampler_open(
        &j->sampler, r->sampling ? r->sampling : &m->config.sampling, m->config.text.n_vocab,
        j->prepared.timeline.ids, j->prepared.timeline.n, err);
    if (status) return status;
    j->writes = 1;
    out->finish = ESPY_FINISH_LENGTH;
    out->n_top_logprobs = r->n_top_logprobs;
    if (!r->n_top_logprobs) return ESPY_OK;
    out->top_logprobs =
        calloc((size_t)j->max_tokens * (size_t)r->n_top_logprobs, sizeof *out->top_logprobs);
    return out->top_logprobs ? ESPY_OK : espy_out_of_memory(err);
}

static int is_eos(const espy_config *c, int raw, int32_t id) {
    int n = raw && c->n_raw_eos ? c->n_raw_eos : c->n_eos;
    for (int i = 0; i < n; i++)
        if (c->eos[i] == id) return 1;
    return 0;
}

/* Whether the answer ends with the token that was written last, and why. */
static int has_ended(const espy_job *j, espy_finish *why) {
    const espy_request *r = j->request;
    *why = ESPY_FINISH_CALLBACK;
    if (j->answer.refused) return 1;
    *why = ESPY_FINISH_STOP;
    if (j->answer.stopped) return 1;
    if (is_eos(&j->context->model->config, r->prompt != NULL, j->next) && !r->ignore_eos) return 1;
    *why = ESPY_FINISH_LOOP;
    if (!r->no_loop_guard && !r->ignore_eos && espy_answer_loops(&j->answer)) return 1;
    *why = ESPY_FINISH_LENGTH;
    return j->n_written == j->max_tokens;
}

espy_status espy_job_sample(espy_job *j, espy_error *err) {
    espy_lane *lane = j->lane;
    espy_result *out = j->result;
    int n_top = out->n_top_logprobs, n_vocab = j->context->model->config.text.n_vocab;
    if (n_top)
        espy_top_logprobs(lane->logits, n_vocab, n_top,
                          out->top_logprobs + (int64_t)j->n_written * n_top);
    j->next = espy_sampler_next(&j->sampler, lane->logits);
    j->n_written++;
    espy_status status = espy_answer_push(&j->answer, j->next, err);
    if (status) return status;
    j->ended = has_ended(j, &out->finish);
    return j->ended ? ESPY_OK : espy_lane_reserve(lane, lane->timeline.n + 1, err);
}

espy_status espy_jobs_step(espy_job *const *jobs, int n_jobs, espy_error *err) {
    espy_segment one, *segments = &one; /* the usual case takes no memory */
    espy_context *c = jobs[0]->context;
    if (n_jobs > 1) segments = malloc((size_t)n_jobs * sizeof *segments);
    if (!segments) return espy_out_of_memory(err);
    for (int i = 0; i < n_jobs; i++) {
        espy_lane *lane = jobs[i]->lane;
        segments[i] = (espy_segment){
            .cache = lane->cache, .first = lane->timeline.n, .n = 1, .logits = lane->logits
        };
        espy_timeline_text(&lane->timeline, &jobs[i]->next, 1);
        segments[i].ids = lane->timeline.ids;
        segments[i].positions = &lane->timeline.positions;
    }
    espy_run run = espy_cpu_run(c->cpu, c->exact);
    espy_decoder_forward(&run, c->model, segments, n_jobs, NULL, NULL);
    for (int i = 0; i < n_jobs && run.status; i++)
        espy_timeline_rewind(&jobs[i]->lane->timeline, segments[i].first);
    if (n_jobs > 1) free(segments);
    if (run.status == ESPY_ERR_MEMORY)
        return espy_fail(err, run.status, -1, "out of memory while answering");
    return run.status;
}

espy_status espy_job_finish(espy_job *j, espy_error *err) {
    return espy_answer_end(&j->answer, err);
}
