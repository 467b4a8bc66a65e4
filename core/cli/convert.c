/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy convert and espy quantize: GGUF files from a Hugging Face folder, and from
 * a GGUF of larger types.
 *
 *     espy convert ~/Qwen3-VL-2B-Instruct
 *         Qwen3-VL-2B-Instruct-Q4_K_M.gguf  mmproj-Qwen3-VL-2B-Instruct-F16.gguf
 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define TYPE "Q4_K_M"
#define VISION_TYPE "F16"

typedef struct job {
    const cli_options *o;
    cli_progress progress;
} job;

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    return cli_progress_step(&((job *)user)->progress, phase, done, total);
}

static void on_log(void *user, int level, const char *line) {
    job *j = user;
    if (j->o->quiet || (level > 1 && !j->o->verbose)) return;
    cli_progress_clear(&j->progress);
    cli_say("%s%s", level == 1 ? "warning: " : "", line);
}

static espy_convert_params params_of(job *j) {
    const cli_options *o = j->o;
    cli_progress_begin(&j->progress, o);
    return (espy_convert_params){ .type = o->type,
                                  .vision_type = o->vision_type,
                                  .overwrite = o->force,
                                  .n_threads = o->threads > 0 ? o->threads : 0,
                                  .progress = on_progress,
                                  .log = on_log,
                                  .user = j };
}

/* The library refuses too; here the way out is told with it. */
static int check_output(const cli_options *o, const char *path) {
    struct stat st;
    espy_error err = { .offset = -1 };
    if (cli_output_check(path, &err)) return cli_report(NULL, &err);
    if (o->force || lstat(path, &st) != 0) return CLI_OK;
    cli_say("%s: is there already; --force replaces it", path);
    return CLI_FAILED;
}

static int check_types(const cli_options *o) {
    espy_error err = { .offset = -1 };
    if (!espy_check_types(o->type, o->vision_type, &err)) return CLI_OK;
    cli_report(NULL, &err);
    return CLI_USAGE;
}

/* A vision part does not depend on the language part's type. */
static int is_kept(const cli_options *o, const char *mmproj) {
    struct stat st;
    if (!mmproj || o->force || lstat(mmproj, &st) != 0) return 0;
    if (!o->quiet) cli_say("%s: is there already, kept; --force replaces it", mmproj);
    return 1;
}

static void tell_file(const cli_options *o, const char *path) {
    struct stat st;
    if (o->quiet || stat(path, &st) != 0) return;
    cli_write(path, strlen(path));
    printf("  %.1f MB\n", (double)st.st_size / 1e6);
}

/* What the library refuses before it begins (a type, the wrong kind of model) was
 * asked for wrongly. */
static int finish(job *j, espy_status status, const espy_error *err) {
    cli_progress_clear(&j->progress);
    if (!status) return CLI_OK;
    int code = cli_report(NULL, err);
    return status == ESPY_ERR_ARGUMENT ? CLI_USAGE : code;
}

/* ------------------------------------------------------------------- names */

static int is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcasecmp(s + n - m, end) == 0;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* a b c d, owned by the caller; NULL without memory. */
static char *joined(const char *a, const char *b, const char *c, const char *d) {
    size_t n = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *s = malloc(n);
    if (s) snprintf(s, n, "%s%s%s%s", a, b, c, d);
    return s;
}

/* The last part of a folder's real path, so that "." has a name too. */
static char *name_of(const char *folder) {
    char *real = realpath(folder, NULL);
    char *name = real && *base_name(real) ? strdup(base_name(real)) : strdup("model");
    free(real);
    return name;
}

/* "Q4_k_m" as it is usually written. */
static char *upper(const char *s) {
    char *copy = strdup(s);
    for (char *p = copy; p && *p; p++)
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    return copy;
}

typedef struct names {
    char *model; /* general.name */
    char *language, *mmproj;
} names;

static void free_names(names *n) {
    free(n->model);
    free(n->language);
    free(n->mmproj);
}

/* FOLDER/NAME-TYPE.gguf, FOLDER/mmproj-NAME-VISION.gguf; a file's name that was given
 * takes the place of the first, and the second follows it. */
static int choose_names(names *n, const cli_options *o) {
    char *type = upper(o->type ? o->type : TYPE);
    char *vision = upper(o->vision_type ? o->vision_type : VISION_TYPE);
    const char *out = o->out ? o->out : "";
    int given = *out && ends_with(out, ".gguf") && !is_folder(out);
    size_t n_folder = given ? (size_t)(base_name(out) - out) : strlen(out);
    int slash = n_folder > 0 && out[n_folder - 1] != '/';
    char *folder = strndup(out, n_folder), *stem = NULL;
    n->model = name_of(o->args[0]);
    if (!type || !vision || !folder || !n->model) goto done;
    char *tail = joined("-", type, ".gguf", "");
    if (given) {
        const char *name = base_name(out);
        stem = strndup(name, strlen(name) - strlen(tail && ends_with(name, tail) ? tail : ".gguf"));
        n->language = strdup(out);
    } else {
        stem = strdup(n->model);
        char *place = joined(folder, slash ? "/" : "", n->model, "");
        n->language = place && tail ? joined(place, tail, "", "") : NULL;
        free(place);
    }
    free(tail);
    char *place = stem ? joined(folder, slash ? "/" : "", "mmproj-", stem) : NULL;
    if (place) n->mmproj = joined(place, "-", vision, ".gguf");
    free(place);
done:
    free(type);
    free(vision);
    free(folder);
    free(stem);
    if (n->model && n->language && n->mmproj) return 0;
    cli_say("out of memory");
    return -1;
}

/* ----------------------------------------------------------------- convert */

static int run_convert(const cli_options *o) {
    job j = { .o = o };
    names n = { 0 };
    espy_error err = { .offset = -1 };
    if (o->out && !is_folder(o->out) && !ends_with(o->out, ".gguf")) {
        cli_say("--out %s is neither a folder nor a name that ends in .gguf", o->out);
        return CLI_USAGE;
    }
    int code = check_types(o);
    if (!code && choose_names(&n, o)) code = CLI_FAILED;
    if (!code) code = check_output(o, n.language);
    if (!code) {
        const char *mmproj = o->one_file ? NULL : n.mmproj;
        int kept = is_kept(o, mmproj);
        espy_convert_params params = params_of(&j);
        params.name = n.model;
        params.keep_mmproj = kept;
        espy_status status = espy_convert(o->args[0], n.language, mmproj, &params, &err);
        code = finish(&j, status, &err);
        if (!code) tell_file(o, n.language);
        if (!code && mmproj && !kept) tell_file(o, mmproj);
    }
    free_names(&n);
    return code;
}

const cli_command cli_convert = {
    .name = "convert",
    .arguments = "FOLDER",
    .summary = "make GGUF files of a Hugging Face folder",
    .examples = "  espy convert Qwen3-VL-2B-Instruct\n"
                "  espy convert Qwen3-VL-2B-Instruct --type Q8_0 --out ~/models\n"
                "  espy convert Qwen3-VL-2B-Instruct --one-file --out model.gguf\n",
    .groups = CLI_CONVERT | CLI_TYPE,
    .min_args = 1,
    .max_args = 1,
    .run = run_convert,
};

/* ---------------------------------------------------------------- quantize */

static int run_quantize(const cli_options *o) {
    job j = { .o = o };
    espy_error err = { .offset = -1 };
    if (o->n_args < 2) {
        cli_say("OUT.gguf is missing; see espy quantize --help");
        return CLI_USAGE;
    }
    int code = check_types(o);
    if (!code) code = check_output(o, o->args[1]);
    if (code) return code;
    espy_convert_params params = params_of(&j);
    espy_status status = espy_quantize(o->args[0], o->args[1], &params, &err);
    code = finish(&j, status, &err);
    if (!code) tell_file(o, o->args[1]);
    return code;
}

const cli_command cli_quantize = {
    .name = "quantize",
    .arguments = "IN.gguf OUT.gguf",
    .summary = "write a GGUF anew with smaller types",
    .examples = "  espy quantize model-F16.gguf model-Q4_K_M.gguf\n"
                "  espy quantize mmproj-model-F16.gguf mmproj-model-Q8_0.gguf --type Q8_0\n",
    .groups = CLI_TYPE,
    .min_args = 1,
    .max_args = 2,
    .run = run_quantize,
};
