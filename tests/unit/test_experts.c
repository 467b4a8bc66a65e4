/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Experts: routing, products with the chosen ones alone, what is said of files that
 * do not fit together, and their way into a GGUF. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <espy.h>

#include "compute/ops.h"
#include "convert/mix.h"
#include "model/model.h"

enum { E = 7, K = 3, ROWS = 150, COLS = 64, MOST = 90 };

static uint32_t state = 1;

static float random_value(void) {
    state = state * 1664525U + 1013904223U;
    return (float)(state >> 8) / (1 << 23) - 1;
}

static espy_run start(espy_cpu **cpu, int n_threads, int exact) {
    assert_int_equal(espy_cpu_open(cpu, n_threads, NULL, NULL), ESPY_OK);
    return espy_cpu_run(*cpu, exact);
}

static espy_act upload(espy_run *run, const float *x, int64_t rows, int64_t cols) {
    espy_act a = run->ops->alloc(run, rows, cols);
    run->ops->upload(run, a, x);
    return a;
}

/* ----------------------------------------------------------------- routing */

/* Each row's probabilities by expert, 0 for those that were not chosen. */
static void route(const float *logits, int64_t n, int k, float *got) {
    float ones[MOST * E * E];
    espy_cpu *cpu;
    espy_run run = start(&cpu, 2, 1);
    espy_routes r = run.ops->route(&run, upload(&run, logits, n, E), k);
    /* the matrix of expert e is [E][1] with a one at e */
    float columns[E][E] = { { 0 } };
    espy_weight each[E];
    for (int e = 0; e < E; e++) {
        columns[e][e] = 1;
        each[e] = (espy_weight){ { .dtype = ESPY_F32, .n_dims = 2, .data = columns[e] }, E, 1, 0 };
    }
    espy_experts experts = { each, E };
    for (int64_t i = 0; i < n * E; i++) ones[i] = i < n ? 1 : 0;
    espy_act x = run.ops->alloc(&run, n * k, 1), y = run.ops->alloc(&run, n * k, E);
    run.ops->spread(&run, x, upload(&run, ones, n, 1), &r);
    run.ops->linear_experts(&run, y, x, &experts, &r);
    memset(ones, 0, sizeof ones);
    espy_act sum = upload(&run, ones, n, E);
    run.ops->collect(&run, sum, y, &r);
    run.ops->download(&run, got, sum);
    assert_int_equal(run.status, ESPY_OK);
    espy_cpu_close(&cpu);
}

static void test_routing(void **unused) {
    (void)unused;
    float logits[MOST * E], got[MOST * E];
    for (int i = 0; i < MOST * E; i++) logits[i] = 3 * random_value();
    for (int k = 1; k <= E; k++) {
        route(logits, MOST, k, got);
        for (int i = 0; i < MOST; i++) {
            const float *x = logits + (ptrdiff_t)i * E;
            double sum = 0, p[E];
            for (int e = 0; e < E; e++) {
                int before = 0; /* how many are larger */
                for (int o = 0; o < E; o++) before += x[o] > x[e];
                p[e] = before < k ? exp(x[e]) : 0;
                sum += p[e];
            }
            for (int e = 0; e < E; e++) assert_true(fabs(got[i * E + e] - p[e] / sum) < 1e-6);
        }
    }
}

/* Of equals the first; numbers that are none choose something. */
static void test_odd_logits(void **unused) {
    (void)unused;
    const float equal[E] = { 1, 2, 2, 1, 2, 1, 1 };
    const float none[2 * E] = { NAN,       NAN,      NAN, NAN, NAN,       NAN, NAN,
                                -INFINITY, INFINITY, NAN, 1,   -INFINITY, 0,   NAN };
    float got[2 * E];
    route(equal, 1, 4, got);
    assert_true(got[0] > 0 && got[1] > 0 && got[2] > 0 && got[4] > 0);
    assert_true(got[3] == 0 && got[5] == 0 && got[6] == 0);
    route(none, 2, 3, got);
}

/* ---------------------------------------------------------------- products */

typedef struct stack {
    espy_weight each[E];
    float values[E][ROWS][COLS]; /* what the bytes mean */
    uint8_t *bytes[E];           /* pages of their own */
    size_t n_bytes;
} stack;

/* Random matrices, by outputs or by inputs between others' values. */
static stack *make_stack(espy_dtype dtype, int by_input) {
    enum { STRIDE = ROWS + 13, BEFORE = 5 };
    const espy_kernels *k;
    espy_cpu *cpu;
    (void)start(&cpu, 1, 1);
    k = espy_cpu_kernels(cpu);
    stack *s = calloc(1, sizeof *s);
    int64_t length = by_input ? STRIDE : COLS, n_rows = by_input ? COLS : ROWS;
    s->n_bytes = ((size_t)(n_rows * espy_row_bytes(dtype, length)) + 4095) & ~(size_t)4095;
    for (int e = 0; e < E; e++) {
        float row[STRIDE];
        s->bytes[e] =
            mmap(NULL, s->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(s->bytes[e] != MAP_FAILED);
        espy_weight w = { .rows = ROWS, .cols = COLS, .stride = by_input ? STRIDE : 0 };
        w.tensor = (espy_tensor){ .dtype = dtype, .n_dims = 2, .data = s->bytes[e] };
        for (int64_t r = 0; r < n_rows; r++) {
            uint8_t *to = s->bytes[e] + r * espy_row_bytes(dtype, length);
            for (int64_t i = 0; i < length; i++) row[i] = random_value();
            if (dtype == ESPY_F32)
                memcpy(to, row, (size_t)length * sizeof *row);
            else
                k->from_f32[dtype](to, row, length);
            k->to_f32[dtype](row, to, length);
            for (int64_t i = 0; i < (by_input ? ROWS : COLS); i++)
                if (by_input)
                    s->values[e][i][r] = row[i + BEFORE];
                else
                    s->values[e][r][i] = row[i];
        }
        if (by_input) w.tensor.data = s->bytes[e] + espy_row_bytes(dtype, BEFORE);
        s->each[e] = w;
    }
    espy_cpu_close(&cpu);
    return s;
}

static void free_stack(stack *s) {
    for (int e = 0; e < E; e++) munmap(s->bytes[e], s->n_bytes);
    free(s);
}

/* sum of weights[e] * W_e x for each row; the experts that no row goes to cannot be
 * read. */
static void multiply(stack *s, const float *logits, const float *x, int64_t n, int n_threads,
                     int exact, float *got) {
    espy_cpu *cpu;
    espy_run run = start(&cpu, n_threads, exact);
    espy_experts experts = { s->each, E };
    espy_routes r = run.ops->route(&run, upload(&run, logits, n, E), K);
    espy_act in = run.ops->alloc(&run, n * K, COLS), out = run.ops->alloc(&run, n * K, ROWS);
    run.ops->spread(&run, in, upload(&run, x, n, COLS), &r);
    run.ops->linear_experts(&run, out, in, &experts, &r);
    memset(got, 0, (size_t)(n * ROWS) * sizeof *got);
    espy_act sum = upload(&run, got, n, ROWS);
    run.ops->collect(&run, sum, out, &r);
    run.ops->download(&run, got, sum);
    assert_int_equal(run.status, ESPY_OK);
    espy_cpu_close(&cpu);
}

/* The largest error, and the size of what was computed. */
static double error_of(const stack *s, const float *logits, const float *x, int64_t n,
                       const float *got, double *size) {
    double error = 0;
    *size = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *l = logits + i * E;
        double p[E], total = 0;
        for (int e = 0; e < E; e++) {
            int before = 0;
            for (int o = 0; o < E; o++) before += l[o] > l[e];
            total += p[e] = before < K ? exp(l[e]) : 0;
        }
        for (int r = 0; r < ROWS; r++) {
            double want = 0;
            for (int e = 0; e < E; e++)
                for (int c = 0; c < COLS && p[e] > 0; c++)
                    want += p[e] / total * s->values[e][r][c] * x[i * COLS + c];
            error = fmax(error, fabs(want - got[i * ROWS + r]));
            *size = fmax(*size, fabs(want));
        }
    }
    return error;
}

static void try_products(espy_dtype dtype, int by_input) {
    static const int sizes[] = { 1, 2, 9, MOST };
    static float logits[MOST * E], x[MOST * COLS], got[MOST * ROWS], again[MOST * ROWS];
    stack *s = make_stack(dtype, by_input);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int exact = 0; exact < 2; exact++) {
            int n = sizes[i];
            for (int j = 0; j < n * E; j++) logits[j] = 2 * random_value();
            for (int j = 0; j < n * COLS; j++) x[j] = random_value();
            for (int j = 0; j < n; j++) logits[j * E + 4] = -9; /* nobody's */
            mprotect(s->bytes[4], s->n_bytes, PROT_NONE);
            multiply(s, logits, x, n, 1, exact, got);
            multiply(s, logits, x, n, 3, exact, again);
            mprotect(s->bytes[4], s->n_bytes, PROT_READ | PROT_WRITE);
            assert_memory_equal(got, again, (size_t)n * ROWS * sizeof *got);
            double size, error = error_of(s, logits, x, n, got, &size);
            if (!(error <= (exact ? 2e-6 : 2e-2) * size))
                fail_msg("%s, by %s, %d rows, exact %d: off by %g of %g", espy_dtypes[dtype].name,
                         by_input ? "inputs" : "outputs", n, exact, error, size);
        }
    free_stack(s);
}

static void test_products(void **unused) {
    (void)unused;
    static const espy_dtype types[] = { ESPY_F32, ESPY_F16, ESPY_BF16, ESPY_Q8_0 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        try_products(types[i], 0);
        if (types[i] != ESPY_Q8_0) try_products(types[i], 1);
    }
}

/* ------------------------------------------------------------------- files */

static char data[1024], folder[64];

static int make_folder(void **unused) {
    (void)unused;
    snprintf(data, sizeof data, "%s/tests/data/qwen3_vl_moe", getenv("ESPY_SOURCE_ROOT"));
    strcpy(folder, "/tmp/espy-experts-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused) {
    (void)unused;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static char *read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = 0;
    if (n) *n = (size_t)size;
    fclose(f);
    return text;
}

static void write_file(const char *path, const char *text, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

/* A copy of a checkpoint's file in the test's folder, the first `old` in it replaced by
 * as many bytes. */
static void copy_changed(const char *model, const char *name, const char *old, const char *new) {
    char path[1200];
    size_t n;
    snprintf(path, sizeof path, "%s/%s/%s", data, model, name);
    char *text = read_file(path, &n);
    char *at = old ? memmem(text, n, old, strlen(old)) : NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (old) assert_non_null(at);
    if (old) {
        assert_int_equal(strlen(old), strlen(new));
        memcpy(at, new, strlen(new));
    }
    write_file(path, text, n);
    free(text);
}

/* Opening says `want` when `old` is replaced in a file of a checkpoint. */
static void assert_refuses(const char *model, const char *file, const char *old, const char *new,
                           espy_status status, const char *want) {
    static const char *const files[] = { "config.json", "model.safetensors", "tokenizer.json" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        copy_changed(model, files[i], strcmp(files[i], file) == 0 ? old : NULL, new);
    espy_model *m;
    espy_error err = { 0 };
    assert_int_equal(espy_model_open(&m, folder, NULL, &err), status);
    if (!strstr(err.message, want)) fail_msg("\"%s\" is not in \"%s\"", want, err.message);
}

static void test_refusals(void **unused) {
    (void)unused;
    const struct {
        const char *model, *file, *old, *new;
        espy_status status;
        const char *want;
    } rows[] = {
        { "micro", "config.json", "\"num_experts\": 16", "\"num_experts\":  0", ESPY_ERR_FORMAT,
          "num_experts is 0; between 1 and 4096" },
        { "micro", "config.json", "\"num_experts\": 16", "\"num_experts\":9e9", ESPY_ERR_FORMAT,
          "num_experts is 9e+09; between 1 and 4096" },
        { "micro", "config.json", "\"num_experts\": 16", "\"num_expertz\": 16", ESPY_ERR_MISSING,
          "text_config.num_experts is missing" },
        { "micro", "config.json", "\"num_experts\": 16", "\"num_experts\": 17", ESPY_ERR_FORMAT,
          "layers.0.mlp.gate.weight' has shape [16, 32]; the model's numbers ask for [17, 32]" },
        { "micro", "config.json", "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\":17",
          ESPY_ERR_FORMAT, "17 experts for each token, but the model has only 16" },
        { "micro", "config.json", "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 0",
          ESPY_ERR_FORMAT, "num_experts_per_tok is 0" },
        { "micro", "config.json", "\"moe_intermediate_size\": 32", "\"moe_intermediate_size\": 16",
          ESPY_ERR_FORMAT,
          "experts.gate_up_proj' has shape [16, 32, 64]; the model's numbers ask for [16, 32, 32] "
          "or its last two exchanged" },
        { "micro", "config.json", "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 0",
          ESPY_ERR_FORMAT, "decoder_sparse_step is 0" },
        { "micro", "model.safetensors", "layers.1.mlp.experts.down_proj",
          "layers.1.mlp.experts.down_proX", ESPY_ERR_MISSING, "layers.1.mlp.experts.down_proj" },
        { "micro", "model.safetensors", "layers.1.mlp.gate.weight", "layers.1.mlp.gate.weighX",
          ESPY_ERR_MISSING, "layers.1.mlp.gate.weight" },
        { "fp8", "model.safetensors", "experts.1.up_proj.weight\"", "experts.1.up_proj.weighX\"",
          ESPY_ERR_MISSING, "mlp.experts.1.up_proj.weight" },
        { "fp8", "model.safetensors", "experts.2.down_proj.weight_scale_inv",
          "experts.2.down_proj.weight_scale_inX", ESPY_ERR_UNSUPPORTED,
          "mlp.experts.2.down_proj.weight' is FP8 without block scales" },
        { "fp8", "config.json", "\"moe_intermediate_size\": 136", "\"moe_intermediate_size\": 137",
          ESPY_ERR_FORMAT, "experts.0.gate_proj.weight' has shape [136, 144]" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refuses(rows[i].model, rows[i].file, rows[i].old, rows[i].new, rows[i].status,
                       rows[i].want);
}

/* --------------------------------------------------------------- converting */

static const char *convert(const char *model, const char *type, espy_status want, espy_error *err) {
    static char out[128];
    char source[1200];
    espy_convert_params p = { .type = type, .overwrite = 1, .n_threads = 2 };
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    snprintf(source, sizeof source, "%s/%s", data, model);
    espy_status status = espy_convert(source, out, NULL, &p, err);
    if (status != want) fail_msg("%s: %s", model, err->message);
    return out;
}

/* Every tensor that llama.cpp's converter writes, byte for byte. */
static void test_same_tensors(void **unused) {
    (void)unused;
    char theirs[1200];
    espy_container *a, *b;
    espy_error err = { 0 };
    snprintf(theirs, sizeof theirs, "%s/gguf/micro-bf16.gguf", data);
    assert_int_equal(espy_container_open(&a, convert("micro", "BF16", ESPY_OK, &err), NULL),
                     ESPY_OK);
    assert_int_equal(espy_container_open(&b, theirs, NULL), ESPY_OK);
    for (int i = 0; i < espy_container_n_tensors(b); i++) {
        const espy_named_tensor *want = espy_container_tensor(b, i);
        const espy_tensor *got = espy_container_find(a, want->name);
        if (!got) fail_msg("no tensor %s", want->name);
        if (got->dtype != want->tensor.dtype || got->n_dims != want->tensor.n_dims ||
            got->n_bytes != want->tensor.n_bytes)
            fail_msg("%s is another", want->name);
        assert_memory_equal(got->shape, want->tensor.shape, sizeof got->shape);
        assert_memory_equal(got->data, want->tensor.data, (size_t)got->n_bytes);
    }
    static const char *const keys[] = { "qwen3vlmoe.expert_count", "qwen3vlmoe.expert_used_count",
                                        "qwen3vlmoe.expert_feed_forward_length" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(espy_container_meta(a, keys[i])->i, espy_container_meta(b, keys[i])->i);
    espy_container_close(&a);
    espy_container_close(&b);
}

/* Q4_K_M gives each tensor the type that llama-quantize gave it. */
static void test_same_types(void **unused) {
    (void)unused;
    char path[1200];
    espy_container *c;
    espy_mix_file file = { .n_layers = 2, .n_experts = 3 };
    snprintf(path, sizeof path, "%s/gguf/k/wide-q4_k_m.gguf", data);
    assert_int_equal(espy_mix_find(&file.language, "Q4_K_M", NULL), ESPY_OK);
    assert_int_equal(espy_container_open(&c, path, NULL), ESPY_OK);
    for (int i = 0; i < espy_container_n_tensors(c); i++) {
        const espy_named_tensor *t = espy_container_tensor(c, i);
        espy_dtype got =
            espy_mix_choose(&file, t->name, ESPY_BF16, t->tensor.n_dims, t->tensor.shape);
        if (got != t->tensor.dtype) fail_msg("%s: %s", t->name, espy_dtypes[got].name);
    }
    espy_container_close(&c);
}

static espy_result answer(const char *path) {
    espy_model *m;
    espy_context *c;
    espy_result r;
    espy_error err = { 0 };
    espy_sampling greedy = { 0 };
    espy_context_params params = { .exact = 1, .n_context = 512, .n_threads = 1 };
    espy_part part = { .text = "What is this?" };
    espy_message message = { "user", &part, 1 };
    espy_request request = { .messages = &message,
                             .n_messages = 1,
                             .max_tokens = 8,
                             .sampling = &greedy,
                             .ignore_eos = 1,
                             .n_top_logprobs = 2 };
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    assert_int_equal(espy_context_open(&c, m, &params, NULL), ESPY_OK);
    if (espy_generate(c, &request, &r, &err)) fail_msg("%s", err.message);
    espy_context_close(&c);
    espy_model_close(&m);
    return r;
}

/* Layers with and without experts, by inputs, by outputs, each alone: what is written
 * answers as what was read. */
static void test_same_answers(void **unused) {
    (void)unused;
    static const char *const models[] = { "bf16", "f32", "f16", "fp8", "fp8-stack", "plain" };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char source[1200];
        espy_error err = { 0 };
        snprintf(source, sizeof source, "%s/%s", data, models[i]);
        espy_result r = answer(source), s = answer(convert(models[i], "F32", ESPY_OK, &err));
        assert_memory_equal(r.tokens, s.tokens, 8 * sizeof *r.tokens);
        for (int j = 0; j < 16; j++)
            assert_true(fabs(r.top_logprobs[j].logprob - s.top_logprobs[j].logprob) < 1e-3);
        espy_result_clear(&r);
        espy_result_clear(&s);
    }
}

/* ------------------------------------------------------------------ decoder */

static espy_model *open_model(const char *name) {
    char path[1200];
    espy_model *m;
    espy_error err = { 0 };
    snprintf(path, sizeof path, "%s/%s", data, name);
    if (espy_model_open(&m, path, NULL, &err)) fail_msg("%s", err.message);
    return m;
}

enum { N_LINES = 3, LENGTH = 12 };

typedef struct lines {
    int32_t ids[N_LINES][LENGTH], at[LENGTH];
    espy_positions positions;
    espy_cache *caches[N_LINES];
    float *logits[N_LINES];
} lines;

static void open_lines(lines *l, const espy_model *m) {
    const espy_text_config *t = &m->config.text;
    espy_cache_shape shape = { t->n_layers, t->n_kv_heads, t->head_dim, ESPY_F16 };
    for (int i = 0; i < LENGTH; i++) l->at[i] = i;
    l->positions = (espy_positions){ { l->at, l->at, l->at }, LENGTH, LENGTH, 0 };
    for (int k = 0; k < N_LINES; k++) {
        for (int i = 0; i < LENGTH; i++) l->ids[k][i] = (k * 37 + i * 11) % 700;
        assert_int_equal(espy_cache_open(&l->caches[k], &shape, NULL), ESPY_OK);
        assert_int_equal(espy_cache_reserve(l->caches[k], LENGTH, 0, NULL), ESPY_OK);
        l->logits[k] = malloc((size_t)t->n_vocab * sizeof(float));
    }
}

static void close_lines(lines *l) {
    for (int k = 0; k < N_LINES; k++) {
        espy_cache_close(&l->caches[k]);
        free(l->logits[k]);
    }
}

/* Tokens first .. first + n - 1 of all lines, n_together in one pass. */
static void read_lines(espy_run *run, const espy_model *m, lines *l, int64_t first, int64_t n,
                       int n_together) {
    espy_segment segments[N_LINES];
    for (int k = 0; k < N_LINES; k++)
        segments[k] = (espy_segment){ .cache = l->caches[k],
                                      .first = first,
                                      .n = n,
                                      .ids = l->ids[k],
                                      .positions = &l->positions,
                                      .logits = l->logits[k] };
    for (int k = 0; k < N_LINES; k += n_together)
        espy_decoder_forward(run, m, segments + k, n_together, NULL, NULL);
    assert_int_equal(run->status, ESPY_OK);
}

/* Which experts others choose is nobody's matter: bit for bit, prompts and single
 * tokens, however the experts lie. */
static void test_together(void **unused) {
    (void)unused;
    static const char *const models[] = { "bf16", "f16", "fp8", "gguf/q8_0/tiny-q8_0.gguf" };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int exact = 0; exact < 2; exact++) {
            espy_model *m = open_model(models[i]);
            size_t n_bytes = (size_t)m->config.text.n_vocab * sizeof(float);
            lines alone, together;
            espy_cpu *cpu;
            espy_run run = start(&cpu, 2, exact);
            open_lines(&alone, m);
            open_lines(&together, m);
            for (int64_t first = 0; first < LENGTH; first += first ? 1 : LENGTH - 2) {
                int64_t n = first ? 1 : LENGTH - 2;
                read_lines(&run, m, &alone, first, n, 1);
                read_lines(&run, m, &together, first, n, N_LINES);
                for (int k = 0; k < N_LINES; k++)
                    assert_memory_equal(alone.logits[k], together.logits[k], n_bytes);
            }
            close_lines(&alone);
            close_lines(&together);
            espy_cpu_close(&cpu);
            espy_model_close(&m);
        }
}

static const espy_model *watched;
static const espy_ops *real;
static int n_routers, n_others;

static void watch_linear(espy_run *run, espy_act y, espy_act x, const espy_weight *w,
                         const espy_weight *b) {
    int router = 0;
    for (int i = 0; i < watched->config.text.n_layers; i++)
        router |= w == &watched->weights.text[i].router;
    assert_int_equal(run->exact, router);
    n_routers += router;
    n_others += !router;
    real->linear(run, y, x, w, b);
}

/* Routers are computed without rounding their inputs, whatever the rest is. */
static void test_exact_routers(void **unused) {
    (void)unused;
    espy_model *m = open_model("bf16");
    lines l;
    espy_cpu *cpu;
    espy_run run = start(&cpu, 1, 0);
    espy_ops ops = *run.ops;
    watched = m;
    real = run.ops;
    ops.linear = watch_linear;
    run.ops = &ops;
    open_lines(&l, m);
    read_lines(&run, m, &l, 0, LENGTH, 1);
    assert_int_equal(n_routers, 3 * N_LINES); /* of four layers one is dense */
    assert_true(n_others > n_routers);
    close_lines(&l);
    espy_cpu_close(&cpu);
    espy_model_close(&m);
}

/* ------------------------------------------------------------------- memory */

static void test_info(void **unused) {
    (void)unused;
    espy_model *m = open_model("bf16");
    espy_model_info info;
    espy_memory_estimate memory;
    espy_model_get_info(m, &info);
    assert_string_equal(info.family, "qwen3_vl_moe");
    assert_int_equal(info.n_experts, 16);
    assert_int_equal(info.n_active_experts, 4);
    assert_int_equal(info.expert_dim, 20);
    assert_int_equal(info.expert_layers, 3);
    assert_int_equal(espy_estimate_memory(m, NULL, 0, &memory, NULL), ESPY_OK);
    int64_t idle = 3LL * 3 * 12 * 20 * 48 * 2; /* layers, matrices, experts, BF16 */
    assert_int_equal(memory.weights_bytes - memory.active_bytes, idle);
    espy_model_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routing),      cmocka_unit_test(test_odd_logits),
        cmocka_unit_test(test_products),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_same_tensors), cmocka_unit_test(test_same_types),
        cmocka_unit_test(test_same_answers), cmocka_unit_test(test_info),
        cmocka_unit_test(test_together),     cmocka_unit_test(test_exact_routers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
