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

static espy_status load(cli_request *r, const cli_options *o, espy_error *err) {
    char *bytes = NULL, *folder = NULL;
    size_t n_bytes = 0;
    espy_status status = cli_read_file(o->request, &bytes, &n_bytes, err);
    if (status) return status;
    const char *slash = strrchr(o->request, '/');
    folder = strndup(o->request, slash ? (size_t)(slash - o->request) + (slash == o->request) : 0);
    status = folder
                 ? cli_request_parse(r, bytes, n_bytes,
                                     strcmp(o->request, "-") != 0 ? o->request : "standard input",
                                     folder, on_warning, (void *)o, err)
                 : cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    free(folder);
    free(bytes);
    return status;
}

static int print(cli_session *s, const espy_result *result) {
    cJSON *object = cli_json_full(result, s->load_ms);
    int failed = cli_json_line(object);
    cJSON_Delete(object);
    cli_session_timings(s, result);
    return cli_interrupted() ? CLI_INTERRUPTED : failed ? CLI_FAILED : CLI_OK;
}

static int answer(cli_session *s, cli_request *r) {
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    r->api.sampling = &r->sampling;
    r->api.on_text = on_text;
    r->api.on_progress = on_progress;
    r->api.user = s;
    r->api.trace_path = s->o->trace;
    espy_status status = cli_request_adapt(r, s->model, &err);
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
    cli_request request = { 0 };
    espy_error err = { .offset = -1 };
    if (!o->request) {
        cli_say("--request is missing; see espy run --help");
        return CLI_USAGE;
    }
    int code = cli_output_check(o->trace, &err) || load(&request, o, &err) ? cli_report(NULL, &err)
                                                                           : CLI_OK;
    if (!code) code = cli_session_open(&session, o, NULL);
    if (!code) code = answer(&session, &request);
    cli_session_close(&session);
    cli_request_free(&request);
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
