/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One answer: prepare the prompt, look at its new pictures, read its new tokens,
 * then sample token by token. */
#include "generate/job.h"
#include "generate/trace.h"

static espy_status answer(espy_job *j, espy_error *err) {
    espy_status status = espy_job_write(j, err);
    while (!status && !j->ended) {
        status = espy_job_sample(j, err);
        if (!status && !j->ended) status = espy_jobs_step(&j, 1, err);
    }
    return status ? status : espy_job_finish(j, err);
}

static espy_status run(espy_job *j, espy_error *err) {
    espy_context *c = j->context;
    const espy_request *r = j->request;
    espy_work work = { .on_progress = r->on_progress, .user = r->user };
    espy_status status = espy_job_prepare(j, err);
    if (!status) status = espy_job_begin(j, err);
    if (status) return status;
    espy_work_watch(&work, espy_cpu_pool(c->cpu));
    status = espy_jobs_look(&j, 1, &work, err);
    if (!status) status = espy_jobs_read(&j, 1, &work, err);
    espy_work_watch(NULL, espy_cpu_pool(c->cpu));
    if (!status && r->trace_path)
        status = espy_trace_write(r->trace_path, c->model, &j->prepared, c->lane.logits, err);
    double start = espy_now_ms();
    if (!status) status = answer(j, err);
    j->result->generate_ms = espy_now_ms() - start;
    return status;
}

espy_status espy_generate(espy_context *context, const espy_request *request, espy_result *result,
                          espy_error *err) {
    if (result) *result = (espy_result){ 0 };
    if (!context || !request || !result)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "context, request or result is missing");
    espy_job j = {
        .context = context, .lane = &context->lane, .request = request, .result = result
    };
    espy_status status = run(&j, err);
    return espy_job_end(&j, status, err);
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
