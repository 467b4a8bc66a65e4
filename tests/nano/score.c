/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The espy-score program: its options, and how scores are printed and compared
 * with what is asked of them. */
#include "score.h"

#include <errno.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

/* Exit codes. */
enum { GOOD = 0, MISSED = 1, FAILED = 2 };

/* popt writes through fixed addresses. */
static struct {
    char *model, *kernels, *wrong, *least;
    int limit, threads, exact, everywhere, json;
} given;

static const struct poptOption options[] = {
    { "model", 'm', POPT_ARG_STRING, &given.model, 0, "default: espy's", "MODEL" },
    { "limit", 0, POPT_ARG_INT, &given.limit, 0, "ask only the first N questions", "N" },
    { "threads", 't', POPT_ARG_INT, &given.threads, 0, "default: one per core", "N" },
    { "kernels", 0, POPT_ARG_STRING, &given.kernels, 0, "default: the best of this CPU", "NAME" },
    { "exact", 0, POPT_ARG_NONE, &given.exact, 0, "compute in F32 with the weights as stored",
      NULL },
    { "everywhere", 0, POPT_ARG_NONE, &given.everywhere, 0,
      "ask again with one thread, exact, and exact with other kernels; compare the scores", NULL },
    { "json", 'j', POPT_ARG_NONE, &given.json, 0, "one JSON object per score", NULL },
    { "wrong", 0, POPT_ARG_STRING, &given.wrong, 0, "write the wrong answers there", "FILE" },
    { "least", 0, POPT_ARG_STRING, &given.least, 0, "fail if a score is lower",
      "SCORE=PERCENT,..." },
    POPT_AUTOHELP POPT_TABLEEND
};

static int say(const char *what) {
    fprintf(stderr, "espy-score: %s\n", what);
    return FAILED;
}

/* -------------------------------------------------------------------- limits */

/* percents [SCORE_N_ROWS]: -1 where none is asked. Returns 0 if the list is wrong. */
static int read_least(double *percents, const char *list) {
    for (int i = 0; i < SCORE_N_ROWS; i++) percents[i] = -1;
    for (const char *at = list; at && *at;) {
        size_t n = strcspn(at, "=");
        int row = score_row_find(at, n);
        char *end = NULL;
        double percent = at[n] ? strtod(at + n + 1, &end) : -1;
        if (row < 0 || !end || end == at + n + 1 || (*end && *end != ',') ||
            !(percent >= 0 && percent <= 100)) {
            fprintf(stderr, "espy-score: --least: \"%s\" begins with no SCORE=PERCENT\n", at);
            return 0;
        }
        percents[row] = percent;
        at = *end ? end + 1 : end;
    }
    return 1;
}

static int check_least(const score_table *table, const double *percents) {
    int code = GOOD;
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        score_row row = (score_row)i;
        if (percents[i] < 0) continue;
        if (table->rows[i].of && score_percent(table, row) >= percents[i]) continue;
        fprintf(stderr, "espy-score: %s: %d of %d are right, at least %g %% should be\n",
                score_row_name(row), table->rows[i].right, table->rows[i].of, percents[i]);
        code = MISSED;
    }
    return code;
}

/* ------------------------------------------------------------------ printing */

static void print_json(const score_table *table, score_row row) {
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "score", score_row_name(row));
    cJSON_AddNumberToObject(line, "right", table->rows[row].right);
    cJSON_AddNumberToObject(line, "of", table->rows[row].of);
    cJSON_AddNumberToObject(line, "percent", score_percent(table, row));
    char *text = cJSON_PrintUnformatted(line);
    if (text) puts(text);
    cJSON_free(text);
    cJSON_Delete(line);
}

static void print(const score_table *table) {
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        score_row row = (score_row)i;
        if (!table->rows[i].of) continue;
        if (given.json)
            print_json(table, row);
        else
            printf("%-18s %5d of %5d  %5.1f %%\n", score_row_name(row), table->rows[i].right,
                   table->rows[i].of, score_percent(table, row));
    }
}

/* ------------------------------------------------------------------- running */

static int same_scores(const score_table *a, const score_table *b, const char *way) {
    int same = 1;
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        if (a->rows[i].right == b->rows[i].right && a->rows[i].of == b->rows[i].of) continue;
        fprintf(stderr, "espy-score: %s: %d of %d are right, but %d of %d with %s\n",
                score_row_name((score_row)i), a->rows[i].right, a->rows[i].of, b->rows[i].right,
                b->rows[i].of, way);
        same = 0;
    }
    return same;
}

/* Whether no more than one in fifty is judged otherwise: rounding decides near
 * ties, and the full measure stands in the model card. */
static int near_scores(const score_table *a, const score_table *b, const char *way) {
    int total = 0, other = 0;
    for (int i = 0; i < SCORE_N_ROWS; i++) {
        total += a->rows[i].of;
        other += abs(a->rows[i].right - b->rows[i].right);
    }
    if (other * 50 <= total) return 1;
    fprintf(stderr, "espy-score: %d of %d are judged otherwise with %s\n", other, total, way);
    return 0;
}

/* One thread must score as several do. Exact runs must score alike on all kernels
 * that this CPU has (scalar it always has); the default, whose precision is that of
 * the CPU's fastest instructions, nearly as they do. */
static int ask_everywhere(const score_table *table, const espy_model *model,
                          const score_scenes *scenes, int n_questions) {
    static const struct {
        const char *name;
        score_way way;
    } ways[] = { { "--threads 1", { .n_threads = 1 } },
                 { "--exact", { .exact = 1 } },
                 { "--exact --kernels scalar", { .exact = 1, .kernels = "scalar" } },
                 { "--exact --kernels avx2", { .exact = 1, .kernels = "avx2" } } };
    enum { ONE_THREAD, EXACT, SCALAR, AVX2, N_WAYS };
    score_table exact = { 0 }, other;
    int code = GOOD;
    for (int i = 0; i < N_WAYS; i++) {
        espy_error err = { 0 };
        score_table *out = i == EXACT ? &exact : &other;
        espy_status status = score_run(out, model, scenes, n_questions, &ways[i].way, NULL, &err);
        if (status == ESPY_ERR_UNSUPPORTED && i == AVX2) continue;
        if (status) return say(err.message);
        int good = i == EXACT        ? near_scores(table, out, ways[i].name)
                   : i == ONE_THREAD ? same_scores(table, out, ways[i].name)
                                     : same_scores(&exact, out, ways[i].name);
        if (!good) code = MISSED;
    }
    return code;
}

static int run(const char *folder, const double *least) {
    score_scenes scenes = { 0 };
    score_table table;
    score_way way = { .kernels = given.kernels, .n_threads = given.threads, .exact = given.exact };
    espy_model *model = NULL;
    espy_error err = { 0 };
    int code = FAILED;
    FILE *wrong = given.wrong ? fopen(given.wrong, "w") : NULL;
    if (given.wrong && !wrong) {
        fprintf(stderr, "espy-score: %s: %s\n", given.wrong, strerror(errno));
        return FAILED;
    }
    espy_status status = score_scenes_open(&scenes, folder, &err);
    if (!status) status = espy_model_open(&model, given.model, NULL, &err);
    int n = given.limit && given.limit < scenes.n_questions ? given.limit : scenes.n_questions;
    if (!status) status = score_run(&table, model, &scenes, n, &way, wrong, &err);
    if (status) {
        say(err.message);
    } else {
        print(&table);
        code = check_least(&table, least);
        int other = given.everywhere ? ask_everywhere(&table, model, &scenes, n) : GOOD;
        if (other > code) code = other;
    }
    if (wrong && fclose(wrong) != 0) code = say("cannot write the wrong answers");
    espy_model_close(&model);
    score_scenes_close(&scenes);
    return code;
}

static int read_options(poptContext parser, const char **folder, double *least) {
    int what = poptGetNextOpt(parser);
    if (what < -1) {
        fprintf(stderr, "espy-score: %s: %s\n", poptBadOption(parser, 0), poptStrerror(what));
        return 0;
    }
    *folder = poptGetArg(parser);
    if (!*folder || poptPeekArg(parser)) return say("one folder of scenes is needed"), 0;
    if (given.limit < 0) return say("--limit: a number above 0 is needed"), 0;
    if (given.threads < 0) return say("--threads: a number above 0 is needed"), 0;
    return read_least(least, given.least);
}

int main(int argc, char **argv) {
    const char *folder = NULL;
    double least[SCORE_N_ROWS];
    poptContext parser = poptGetContext(NULL, argc, (const char **)argv, options, 0);
    if (!parser) return say("out of memory");
    poptSetOtherOptionHelp(parser, "[OPTION...] FOLDER");
    int code = read_options(parser, &folder, least) ? run(folder, least) : FAILED;
    if (fflush(stdout) != 0) code = say("cannot write to standard output");
    free(given.model);
    free(given.kernels);
    free(given.wrong);
    free(given.least);
    poptFreeContext(parser);
    return code;
}
