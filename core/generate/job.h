/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request being answered, in steps that several requests can take together:
 *
 *     prepare    render, fit, count; nothing is computed, no lane is needed
 *     begin      make room on the lane, and see what it holds already
 *     look       the vision tower over the new pictures of all    (look.c)
 *     read       the decoder over the new tokens of all           (read.c)
 *     write      token by token, each step one decoder pass       (write.c)
 *     end        what there is becomes the result
 *
 * Together or one by one, each gets the same numbers bit for bit. */
#ifndef ESPY_GENERATE_JOB_H
#define ESPY_GENERATE_JOB_H

#include "generate/answer.h"
#include "generate/context.h"
#include "generate/prepare.h"
#include "generate/sampler.h"
#include "generate/work.h"

typedef struct espy_job {
    espy_context *context;
    espy_lane *lane;
    const espy_request *request;
    espy_result *result;
    int alike; /* the numbers must not depend on what the lane read before */

    espy_prepared prepared;
    int64_t reused; /* tokens of the prompt that the lane holds already */
    int max_tokens;

    int writes; /* sampler and answer are open */
    espy_sampler sampler;
    espy_answer answer;
    int n_written;
    int32_t next; /* the token written last, still to be read */
    int ended;
} espy_job;

/* context, request, result and alike are set, all else is zero. Errors as
 * espy_generate; espy_job_end in any case. job.c. */
espy_status espy_job_prepare(espy_job *j, espy_error *err);

/* Tokens for which a prepared job will make room: prompt and, at first, answer. */
int64_t espy_job_tokens(const espy_job *j);

/* The lane is set. */
espy_status espy_job_begin(espy_job *j, espy_error *err);

/* Looks at the pictures that are new, in as few passes as the context's budget allows;
 * those that are there twice, once. The times go into the results. A pass that failed
 * or was stopped leaves nothing behind. look.c. */
espy_status espy_jobs_look(espy_job *const *jobs, int n_jobs, espy_work *work, espy_error *err);

/* Reads the prompts into the lanes. A pass that failed leaves their timelines as they
 * were. read.c. */
espy_status espy_jobs_read(espy_job *const *jobs, int n_jobs, espy_work *work, espy_error *err);

/* write.c */
espy_status espy_job_write(espy_job *j, espy_error *err); /* opens sampler and answer */

/* The next token from the lane's logits; sets ended, or makes room to read it. */
espy_status espy_job_sample(espy_job *j, espy_error *err);

/* Reads the token that each has written; none of them has ended. */
espy_status espy_jobs_step(espy_job *const *jobs, int n_jobs, espy_error *err);

/* Sends what was held back of an answer that has ended. */
espy_status espy_job_finish(espy_job *j, espy_error *err);

/* Moves what there is into the result, which is emptied for a status other than
 * ESPY_OK and ESPY_ERR_STOPPED, and frees the rest. Returns the status, or
 * ESPY_ERR_MEMORY. */
espy_status espy_job_end(espy_job *j, espy_status status, espy_error *err);

#endif
