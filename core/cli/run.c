/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy run: one request file, one JSON object with everything that can be told
 * about the answer. This is how a case is reproduced. On failure nothing is
 * written to stdout. */
#include "cli.h"
#include "request.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    cli_session *s = user;
    return cli_progress_step(&s->progress, phase, done, total);
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    (void)user, (void)piece, (void)n_bytes;
    return cli_interrupted();
}

static void on_warning(void *user, const char *sentence) {
    const cli_options *o = user;
    if (!o->quiet) cli_say("warning: %s", sentence);
}

/* A request file and what is made of it. */
typedef struct job {
    char *bytes, *folder;
    size_t n_bytes;
    cli_request request;
} job;

static espy_status parse(job *j, const cli_options *o, espy_alpha alpha, cli_warn_fn warn,
                         espy_error *err) {
    const char *name = strcmp(o->request, "-") != 0 ? o->request : "standard input";
    return cli_request_parse(&j->request, j->bytes, j->n_bytes, name, j->folder, alpha, warn,
                             (void *)o, err);
}

static espy_status load(job *j, const cli_options *o, espy_error *err) {
    espy_status status = cli_read_file(o->request, &j->bytes, &j->n_bytes, err);
    if (status) return status;
    const char *slash = strrchr(o->request, '/');
    j->folder =
        strndup(o->request, slash ? (size_t)(slash - o->request) + (slash == o->request) : 0);
    return j->folder ? parse(j, o, ESPY_ALPHA_WHITE, on_warning, err)
                     : cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
}

/* What the model has to say about the request: its way with transparent pictures, and
 * with <img> in texts. */
static espy_status adapt(job *j, const cli_session *s, espy_error *err) {
    espy_model_info info;
    espy_status status = ESPY_OK;
    espy_model_get_info(s->model, &info);
    if (info.drops_alpha && !j->request.states_alpha) {
        cli_request_free(&j->request);
        status = parse(j, s->o, ESPY_ALPHA_DROP, NULL, err);
    }
    return status ? status : cli_request_adapt(&j->request, s->model, err);
}

static void job_free(job *j) {
    cli_request_free(&j->request);
    free(j->folder);
    free(j->bytes);
}

static int print(cli_session *s, const espy_result *result) {
    cJSON *object = cli_json_full(result, s->load_ms);
    int failed = cli_json_line(object);
    cJSON_Delete(object);
    cli_session_timings(s, result);
    return cli_interrupted() ? CLI_INTERRUPTED : failed ? CLI_FAILED : CLI_OK;
}

static int answer(cli_session *s, job *j) {
    cli_request *r = &j->request;
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    espy_status status = adapt(j, s, &err);
    r->api.sampling = &r->sampling;
    r->api.on_text = on_text;
    r->api.on_progress = on_progress;
    r->api.user = s;
    r->api.trace_path = s->o->trace;
    if (!status) status = cli_request_watch(r, s->model, on_progress, s, &err);
    if (!status) status = cli_session_reserve(s, cli_session_count(s, &r->api), &err);
    if (!status) {
        cli_session_limits(s, (int)r->n_images);
        cli_session_expect(s, &r->api, 1);
    }
    if (!status) status = espy_generate(s->context, &r->api, &result, &err);
    cli_progress_clear(&s->progress);
    int code = status ? cli_report(NULL, &err) : print(s, &result);
    espy_result_clear(&result);
    return code;
}

static int run(const cli_options *o) {
    cli_session session = { .o = o };
    job j = { 0 };
    espy_error err = { .offset = -1 };
    if (!o->request) {
        cli_say("--request is missing; see espy run --help");
        return CLI_USAGE;
    }
    int code =
        cli_output_check(o->trace, &err) || load(&j, o, &err) ? cli_report(NULL, &err) : CLI_OK;
    if (!code) code = cli_session_open(&session, o, NULL);
    if (!code) code = answer(&session, &j);
    cli_session_close(&session);
    job_free(&j);
    return code;
}

const cli_command cli_run = {
    .name = "run",
    .arguments = "--request FILE.json",
    .summary = "answer a request file, and tell everything about the answer",
    .examples = "  espy run --model Qwen3-VL-2B-Instruct --request case.json --exact\n"
                "  espy run --model model.gguf --mmproj mmproj.gguf --request case.json \\\n"
                "      --trace tensors.safetensors\n",
    .groups = CLI_REQUEST | CLI_MODEL,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
