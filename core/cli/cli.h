/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the espy program share. The program speaks to the library
 * through espy.h alone, so it also shows how a host uses it. Its own names
 * begin with cli_, to keep them apart from the library's.
 *
 *     main.c       finds the command          options.c   reads the options
 *     describe.c, ask.c, count.c, find.c, chat.c, info.c, run.c, bench.c, convert.c   the commands
 *     answer.c     one answer per picture     session.c   model and context
 *     pictures.c   files and folders          media.c     pictures or films
 *     request.c    request files              output.c    JSON, messages
 *     progress.c   the line on stderr         signals.c   Ctrl-C
 */
#ifndef ESPY_CLI_H
#define ESPY_CLI_H

#include <espy.h>

#include <float.h>
#include <limits.h>
#include <stddef.h>

#define CLI_OK 0
#define CLI_FAILED 1
#define CLI_USAGE 2
#define CLI_INTERRUPTED 130

#if defined(__GNUC__)
#define CLI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define CLI_PRINTF(at, first)
#endif

/* ----------------------------------------------------------------- options */

/* Groups of options that a command may take. */
enum {
    CLI_MODEL = 1,    /* --model, --mmproj, --threads, ... */
    CLI_SAMPLING = 2, /* --temperature, ...                */
    CLI_PICTURE = 4,  /* --min-pixels, ..., --fps, ...     */
    CLI_ANSWER = 8,   /* --max-tokens, --system, --stop    */
    CLI_PRESET = 16,  /* --preset                          */
    CLI_TOGETHER = 32,
    CLI_JSON = 64,
    CLI_REQUEST = 128,     /* --request, --trace               */
    CLI_BENCH = 256,       /* --size, --repeat                 */
    CLI_LANGUAGE = 512,    /* --language                       */
    CLI_KEEP = 1024,       /* --keep, --keep-seed              */
    CLI_TYPE = 1 << 12,    /* --type, --vision-type, --force */
    CLI_CONVERT = 1 << 13, /* --out, --one-file              */
    CLI_FIND = 1 << 14,    /* --draw, --svg, --answer, --fitted */
    CLI_RATE = 1 << 15,    /* --rate                          */
    CLI_SIZE = 1 << 16     /* of CLI_PICTURE the pixels alone */
};

/* No option may have this value, so that -1 is told apart. */
#define CLI_NOT_GIVEN INT_MIN

#define CLI_NO_NUMBER (-DBL_MAX)

static inline int cli_given(double x) {
    return x != CLI_NO_NUMBER;
}

/* Numbers that were not given are CLI_NO_NUMBER or CLI_NOT_GIVEN (the seed -1), strings
 * NULL. NAN is what somebody wrote, and no sentinel. */
typedef struct cli_options {
    char *model, *mmproj, *kernels, *cache_name;
    espy_cache_type cache_type;
    long long context;
    int threads, exact, quiet, verbose;

    double temperature, top_p, min_p;
    double repetition_penalty, presence_penalty, frequency_penalty;
    int top_k, greedy;
    long long seed;

    long long min_pixels, max_pixels, total_pixels;
    double fps, rate; /* frames to look at; of single frames */
    int frames;
    double keep;
    long long keep_seed;
    char *alpha_name;
    espy_alpha alpha;

    int max_tokens;
    char *system;
    char **stop; /* [n_stop], then NULL */
    int n_stop;
    char *preset, *language;
    int together, json;
    char *times_text;
    double *times; /* [n_times] seconds, or NULL */
    int n_times;

    char *request, *trace;
    char *size;
    int width_px, height_px, repeat;

    char *draw, *svg, *answer, *fitted;
    int fitted_width_px, fitted_height_px;

    char *type, *vision_type, *out;
    int one_file, force;

    const char **args; /* [n_args], what is not an option */
    int n_args;
} cli_options;

typedef struct cli_command {
    const char *name;
    const char *arguments; /* "IMAGE..." */
    const char *summary;
    const char *examples;
    unsigned groups;
    int min_args, max_args; /* max_args -1: any number */
    int (*run)(const cli_options *o);
} cli_command;

extern const cli_command cli_describe, cli_ask, cli_count, cli_find, cli_chat, cli_info, cli_run,
    cli_bench, cli_convert, cli_quantize;

/* Reads argv[1..] into *out, which stays valid until cli_options_free. Returns
 * non-zero if the program is to end with *exit_code (help was shown, or the
 * command line is wrong). */
int cli_options_read(const cli_command *command, int argc, char **argv, const cli_options **out,
                     int *exit_code);
void cli_options_free(void);

/* ----------------------------------------------------------------- presets */

/* A task that needs no argument; NULL if there is none of this name. */
const espy_task *cli_preset_find(const char *name);

/* "caption, alt or text" */
void cli_preset_names(char *text, size_t capacity, const char *between, const char *last);

/* The language to ask for: --language, else for prose that of the locale. NULL:
 * none. */
const char *cli_language(const cli_options *o, const espy_task *task);

/* ---------------------------------------------------------------- pictures */

/* A growing list of owned strings. */
typedef struct cli_list {
    char **items;
    int n;
} cli_list;

int cli_list_add(cli_list *list, const char *s); /* non-zero without memory */
void cli_list_sort(cli_list *list);
void cli_list_free(cli_list *list);

/* Adds a file, or the pictures directly in a folder, sorted by name. */
espy_status cli_pictures_add(cli_list *files, const char *path, espy_error *err);

/* Like espy_image_load; "-" reads standard input. */
espy_status cli_picture_load(espy_image **out, const char *path, espy_alpha alpha, espy_error *err);

/* The frames of a film, or else a picture. */
typedef struct cli_medium {
    espy_image *image;
    espy_frames frames;
    int is_film;
} cli_medium;

/* Whether this file is a film, or is named as one. "-" is read for that. */
int cli_is_film(const char *path);

/* All of standard input, which is read once and kept: for what it is must be known
 * before it is loaded. Errors of cli_read_file. */
espy_status cli_stdin(const char **bytes, size_t *n_bytes, espy_error *err);

/* Like espy_film_open; "-" is standard input. */
espy_status cli_film_open(espy_film **out, const char *path, espy_error *err);

/* Whether a file of this name (NULL: none) can be written, before long work.
 * Errors of espy_output_path. */
espy_status cli_output_check(const char *path, espy_error *err);

/* The whole of a file; "-" reads standard input. NUL-terminated, owned by the
 * caller (free). */
espy_status cli_read_file(const char *path, char **bytes, size_t *n_bytes, espy_error *err);

/* ------------------------------------------------------ progress, signals  */

/* Draws "looking 40 %" on stderr if it is a terminal. */
typedef struct cli_progress {
    int enabled;
    int shown;
    double last_ms;
} cli_progress;

double cli_now_ms(void);
void cli_progress_begin(cli_progress *p, const cli_options *o);
int cli_progress_step(cli_progress *p, const char *phase, int64_t done, int64_t total);
void cli_progress_clear(cli_progress *p);

/* The first Ctrl-C sets the flag that callbacks return, the second kills.
 * cli_signals_rearm forgets an earlier one. */
void cli_signals_begin(void);
void cli_signals_rearm(void);
int cli_interrupted(void);

/* ----------------------------------------------------------------- session */

/* A loaded model and, once reserved, a context that is large enough. */
typedef struct cli_session {
    const cli_options *o;
    espy_model *model;
    espy_context *context;
    cli_progress progress;
    double load_ms;
    int always_look; /* no cache of pictures that were seen before */
    int told_limits, told_time;
} cli_session;

/* Says itself what went wrong and returns the exit code. model_path overrides
 * --model. */
int cli_session_open(cli_session *s, const cli_options *o, const char *model_path);
void cli_session_close(cli_session *s);

/* Makes room for n_tokens (0: the library's default), or what --context says. */
espy_status cli_session_reserve(cli_session *s, int64_t n_tokens, espy_error *err);

/* Before an answer about pictures: says once what the built-in model cannot do. */
void cli_session_limits(cli_session *s, int n_pictures);

/* Before the first of n_answers requests like this one: says how long it will
 * take, if that is long and somebody watches. */
void cli_session_expect(cli_session *s, const espy_request *request, int n_answers);

/* Options about films, with the limits of a request. */
espy_film_params cli_film_params(cli_session *s, const espy_request *limits);

/* Loads a picture or watches a film, "-" is standard input; fitted as the request
 * will be, whose limits are taken. Close it in any case. */
espy_status cli_medium_load(cli_medium *out, cli_session *s, const char *path,
                            const espy_request *limits, espy_error *err);

/* The files, --rate of them a second, as one film. */
espy_status cli_medium_join(cli_medium *out, cli_session *s, const cli_list *files,
                            const espy_request *limits, espy_error *err);
void cli_medium_close(cli_medium *m);

/* Borrows the medium, which must stay where it is. */
espy_part cli_medium_part(const cli_medium *m);

/* Tokens that a request needs at most, its answer included. */
int64_t cli_session_count(const cli_session *s, const espy_request *request);

/* A task's sampling (NULL: the model's) with the options over it. */
void cli_session_sampling(const cli_session *s, const espy_sampling *base, espy_sampling *out);

/* What a task and the options over it say about a request: how long, how large,
 * how sampled (into *sampling, which must last as long) and where to stop. */
espy_request cli_session_request(const cli_session *s, const espy_task_request *ask,
                                 espy_sampling *sampling);

/* Says what went wrong with the picture of this name (NULL: all), in JSON too if
 * that was asked for. Returns the exit code. */
int cli_session_report(cli_session *s, const char *label, const espy_error *err);

/* One line of timings on stderr, if progress is shown there. */
void cli_session_timings(const cli_session *s, const espy_result *result);

/* Does the task on each file; on all of them at once if together. Returns the
 * exit code. */
int cli_answer(const cli_options *o, const espy_task *task, const char *argument,
               const char *const *paths, int n_paths, int together);

/* ------------------------------------------------------------------ output */

espy_status cli_fail(espy_error *err, espy_status code, int64_t offset, const char *fmt, ...)
    CLI_PRINTF(4, 5);

/* "espy: ..." on stderr. */
void cli_say(const char *fmt, ...) CLI_PRINTF(1, 2);

/* "espy: PATH: sentence (at byte N)"; path may be NULL, and is left out if the
 * sentence names it. Returns the exit code. */
int cli_report(const char *path, const espy_error *err);

const char *cli_finish_name(espy_finish finish);

/* Writes text to stdout; on a terminal control characters become blanks. */
void cli_write(const char *text, size_t n_bytes);

/* A copy of text in valid UTF-8: stray bytes become U+FFFD. Owned by the
 * caller (free). */
char *cli_valid_utf8(const char *text);

/* ------------------------------------------------------------------ shapes */

/* "red cup<tab>12 40 200 310", in whole pixels; spans and 3-D boxes keep their
 * fractions. */
void cli_shape_print(const espy_shape *shape);
struct cJSON;
struct cJSON *cli_shape_json(const espy_shape *shape); /* NULL without memory */

/* Adds the shapes of an answer to its JSON, as "shapes" and "status"; non-zero without
 * memory. */
int cli_shapes_add(struct cJSON *object, const espy_shapes *all);

/* One line of JSON on stdout; non-zero without memory. */
struct cJSON;
int cli_json_line(const struct cJSON *json);
int cli_json_text(struct cJSON *object, const char *key, const char *text);
/* The object of `espy run`, and the shorter one of the others, with the tags
 * or the number of the reading; label is the file, or a list of them if
 * n_labels > 1. */
struct cJSON *cli_json_full(const espy_result *r, double load_ms);
struct cJSON *cli_json_short(const char *const *labels, int n_labels, const char *text,
                             const espy_reading *reading, const espy_result *r, double load_ms);
struct cJSON *cli_json_error(const char *label, const espy_error *err);

#endif
