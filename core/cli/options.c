/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of all commands, as popt tables in groups: a command names the
 * groups that it takes, so an option is described once and means the same
 * everywhere. popt writes through fixed addresses, hence the one static
 * struct. */
#include "cli.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOW_HELP = 1, SHOW_VERSION };

static cli_options given;
static poptContext parser;

static const struct poptOption model_table[] = {
    { "model", 'm', POPT_ARG_STRING, &given.model, 0,
      "model folder or GGUF file, or the name of an installed model", "MODEL" },
    { "mmproj", 0, POPT_ARG_STRING, &given.mmproj, 0,
      "vision part of a GGUF model (default: found beside it)", "FILE" },
    { "threads", 't', POPT_ARG_INT, &given.threads, 0, "threads (default: one per core)", "N" },
    { "context", 0, POPT_ARG_LONGLONG, &given.context, 0,
      "most tokens of prompt and answer (default: what is needed)", "N" },
    { "cache-type", 0, POPT_ARG_STRING, &given.cache_name, 0,
      "numbers in the KV cache: f16 (default), f32, q8_0", "TYPE" },
    { "kernels", 0, POPT_ARG_STRING, &given.kernels, 0,
      "scalar, avx2 or avx512 (default: the best that this CPU has)", "NAME" },
    { "exact", 0, POPT_ARG_NONE, &given.exact, 0, "compute in F32 with the weights as stored; slow",
      NULL },
    POPT_TABLEEND
};

static const struct poptOption sampling_table[] = {
    { "temperature", 0, POPT_ARG_DOUBLE, &given.temperature, 0, "0 is greedy", "X" },
    { "top-k", 0, POPT_ARG_INT, &given.top_k, 0, "only the K likeliest tokens; 0: all", "K" },
    { "top-p", 0, POPT_ARG_DOUBLE, &given.top_p, 0,
      "only the likeliest tokens that together reach P", "P" },
    { "min-p", 0, POPT_ARG_DOUBLE, &given.min_p, 0,
      "only tokens at least P times as likely as the likeliest", "P" },
    { "repetition-penalty", 0, POPT_ARG_DOUBLE, &given.repetition_penalty, 0,
      "above 1 avoids tokens that were there; 1: none", "X" },
    { "presence-penalty", 0, POPT_ARG_DOUBLE, &given.presence_penalty, 0,
      "subtracted once for a token that was there", "X" },
    { "frequency-penalty", 0, POPT_ARG_DOUBLE, &given.frequency_penalty, 0,
      "subtracted for each time that a token was there", "X" },
    { "seed", 0, POPT_ARG_LONGLONG, &given.seed, 0, "of the random numbers (default 0)", "N" },
    { "greedy", 0, POPT_ARG_NONE, &given.greedy, 0, "always the likeliest token", NULL },
    POPT_TABLEEND
};

static const struct poptOption size_table[] = {
    { "min-pixels", 0, POPT_ARG_LONGLONG, &given.min_pixels, 0,
      "enlarge smaller pictures (default: the model's number)", "N" },
    { "max-pixels", 0, POPT_ARG_LONGLONG, &given.max_pixels, 0,
      "shrink larger pictures (default: the model's number)", "N" },
    POPT_TABLEEND
};

static const struct poptOption alpha_table[] = {
    { "alpha", 0, POPT_ARG_STRING, &given.alpha_name, 0,
      "transparent pictures: over white (default), or drop the alpha", "white|drop" },
    POPT_TABLEEND
};

static const struct poptOption film_table[] = {
    { "fps", 0, POPT_ARG_DOUBLE, &given.fps, 0,
      "of a film look at so many frames a second (default 2)", "N" },
    { "frames", 0, POPT_ARG_INT, &given.frames, 0,
      "of a film look at no more frames than this (default 768)", "N" },
    { "total-pixels", 0, POPT_ARG_LONGLONG, &given.total_pixels, 0,
      "of all frames of a film together (default: the model's number)", "N" },
    POPT_TABLEEND
};

static const struct poptOption keep_table[] = {
    { "keep", 0, POPT_ARG_DOUBLE, &given.keep, 0,
      "look at this part of a picture's tokens only, chosen at random: faster, for the gist",
      "RATIO" },
    { "keep-seed", 0, POPT_ARG_LONGLONG, &given.keep_seed, 0, "of that choice (default 0)", "N" },
    POPT_TABLEEND
};

static const struct poptOption answer_table[] = {
    { "max-tokens", 'n', POPT_ARG_INT, &given.max_tokens, 0, "longest answer, in tokens", "N" },
    { "system", 0, POPT_ARG_STRING, &given.system, 0, "system message", "TEXT" },
    { "stop", 0, POPT_ARG_ARGV, &given.stop, 0,
      "end the answer before this text; may be given several times", "TEXT" },
    POPT_TABLEEND
};

static const struct poptOption preset_table[] = { { "preset", 'p', POPT_ARG_STRING, &given.preset,
                                                    0, "what to say, see below", "NAME" },
                                                  POPT_TABLEEND };

static const struct poptOption language_table[] = {
    { "language", 0, POPT_ARG_STRING, &given.language, 0,
      "of the answer, \"de\" or \"German\" (default: descriptions in the locale's)", "NAME" },
    POPT_TABLEEND
};

static const struct poptOption together_table[] = {
    { "together", 0, POPT_ARG_NONE, &given.together, 0,
      "one answer about all pictures instead of one for each", NULL },
    { "times", 0, POPT_ARG_STRING, &given.times_text, 0,
      "pictures are frames of a film, at these seconds; implies --together", "S,S,..." },
    POPT_TABLEEND
};

static const struct poptOption rate_table[] = {
    { "rate", 0, POPT_ARG_DOUBLE, &given.rate, 0,
      "all pictures, those of a folder too, are the frames of one film, N a second", "N" },
    POPT_TABLEEND
};

static const struct poptOption json_table[] = { { "json", 'j', POPT_ARG_NONE, &given.json, 0,
                                                  "one JSON object per line on stdout", NULL },
                                                POPT_TABLEEND };

static const struct poptOption request_table[] = {
    { "request", 'r', POPT_ARG_STRING, &given.request, 0, "request file; - is standard input",
      "FILE.json" },
    { "trace", 0, POPT_ARG_STRING, &given.trace, 0, "write intermediate tensors",
      "OUT.safetensors" },
    POPT_TABLEEND
};

static const struct poptOption bench_table[] = {
    { "max-tokens", 'n', POPT_ARG_INT, &given.max_tokens, 0, "tokens to generate (default 64)",
      "N" },
    { "size", 0, POPT_ARG_STRING, &given.size, 0, "of the picture (default 640x480)",
      "WIDTHxHEIGHT" },
    { "repeat", 0, POPT_ARG_INT, &given.repeat, 0, "rounds, the best of which counts (default 1)",
      "N" },
    POPT_TABLEEND
};

static const struct poptOption find_table[] = {
    { "draw", 0, POPT_ARG_STRING, &given.draw, 0,
      "the picture with what was found; for several pictures a folder", "OUT.png" },
    { "svg", 0, POPT_ARG_STRING, &given.svg, 0, "the same as SVG", "OUT.svg" },
    { "answer", 0, POPT_ARG_STRING, &given.answer, 0, "read this answer instead of asking a model",
      "FILE" },
    { "fitted", 0, POPT_ARG_STRING, &given.fitted, 0,
      "its numbers are pixels of this size (default: per mille of the picture)", "WIDTHxHEIGHT" },
    POPT_TABLEEND
};

static const struct poptOption convert_table[] = {
    { "out", 'o', POPT_ARG_STRING, &given.out, 0,
      "folder for the files, or the language part's name (default: here, NAME-TYPE.gguf)",
      "DIR|FILE.gguf" },
    { "one-file", 0, POPT_ARG_NONE, &given.one_file, 0,
      "vision part in the same file; other programs want it apart", NULL },
    POPT_TABLEEND
};

static const struct poptOption type_table[] = {
    { "type", 0, POPT_ARG_STRING, &given.type, 0,
      "F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q4_0 or Q4_K_M (default)", "TYPE" },
    { "vision-type", 0, POPT_ARG_STRING, &given.vision_type, 0,
      "of the vision part (default: F16 in conversion, else as it is)", "TYPE" },
    { "force", 'f', POPT_ARG_NONE, &given.force, 0, "replace files that are there", NULL },
    { "threads", 't', POPT_ARG_INT, &given.threads, 0, "threads (default: one per core)", "N" },
    POPT_TABLEEND
};

static const struct poptOption general_table[] = {
    { "quiet", 'q', POPT_ARG_NONE, &given.quiet, 0, "no progress, timings and warnings", NULL },
    { "verbose", 'v', POPT_ARG_NONE, &given.verbose, 0, "tell more on stderr", NULL },
    { "version", 'V', POPT_ARG_NONE, NULL, SHOW_VERSION, "show the version", NULL },
    { "help", 'h', POPT_ARG_NONE, NULL, SHOW_HELP, "show this", NULL },
    POPT_TABLEEND
};

static const struct group {
    unsigned bit;
    const struct poptOption *table;
    const char *title;
} groups[] = {
    { CLI_REQUEST, request_table, "Request:" },
    { CLI_PRESET, preset_table, "Question:" },
    { CLI_TOGETHER, together_table, "Question:" },
    { CLI_RATE, rate_table, "Frames:" },
    { CLI_LANGUAGE, language_table, "Language:" },
    { CLI_ANSWER, answer_table, "Answer:" },
    { CLI_JSON, json_table, "Output:" },
    { CLI_BENCH, bench_table, "Measuring:" },
    { CLI_FIND, find_table, "Places:" },
    { CLI_CONVERT, convert_table, "Files:" },
    { CLI_TYPE, type_table, "Types:" },
    { CLI_PICTURE | CLI_SIZE, size_table, "Size of pictures:" },
    { CLI_PICTURE, alpha_table, "Pictures:" },
    { CLI_PICTURE, film_table, "Films:" },
    { CLI_KEEP, keep_table, "Speed:" },
    { CLI_MODEL, model_table, "Model:" },
    { CLI_SAMPLING, sampling_table, "Sampling (default: as the model asks):" },
    { ~0U, general_table, "General:" },
};
enum { n_groups = sizeof groups / sizeof *groups };

static struct poptOption tables[n_groups + 1];

static void choose_tables(unsigned wanted) {
    int n = 0;
    for (int i = 0; i < n_groups; i++)
        if (groups[i].bit & wanted || groups[i].bit == ~0U)
            tables[n++] = (struct poptOption){
                NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)groups[i].table, 0, groups[i].title, NULL
            };
    tables[n] = (struct poptOption)POPT_TABLEEND;
}

static void show_help(const cli_command *command) {
    poptPrintHelp(parser, stdout, 0);
    printf("\n%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->groups & CLI_PRESET) {
        puts("\nPresets:");
        const espy_task *task;
        for (int i = 0; (task = espy_task_at(i)); i++)
            if (!task->argument)
                printf("  %-10s %s%s\n", task->name, task->summary, i ? "" : " (default)");
    }
    if (command->examples) printf("\nExamples:\n%s", command->examples);
}

static int usage(const cli_command *command, const char *sentence) {
    cli_say("%s; see espy %s --help", sentence, command->name);
    return CLI_USAGE;
}

static int in_range(double x, double low, double high) {
    return !cli_given(x) || (x >= low && x <= high);
}

/* A sentence about the first value out of its range; NULL if there is none. */
static const char *check_numbers(const cli_options *o) {
    if (o->threads != CLI_NOT_GIVEN && (o->threads < 1 || o->threads > 1024))
        return "--threads must be from 1 to 1024";
    if (o->context != CLI_NOT_GIVEN && o->context < 1) return "--context must be at least 1";
    if (o->max_tokens != CLI_NOT_GIVEN && o->max_tokens < 1)
        return "--max-tokens must be at least 1";
    if (o->min_pixels != CLI_NOT_GIVEN && o->min_pixels < 1)
        return "--min-pixels must be at least 1";
    if (o->max_pixels != CLI_NOT_GIVEN && o->max_pixels < 1)
        return "--max-pixels must be at least 1";
    if (o->min_pixels != CLI_NOT_GIVEN && o->max_pixels != CLI_NOT_GIVEN &&
        o->min_pixels > o->max_pixels)
        return "--min-pixels must not exceed --max-pixels";
    if (cli_given(o->keep) && !(o->keep > 0 && o->keep <= 1))
        return "--keep must be more than 0 and at most 1";
    if (o->keep_seed != CLI_NOT_GIVEN && o->keep_seed < 0) return "--keep-seed must be at least 0";
    if (o->keep_seed != CLI_NOT_GIVEN && !cli_given(o->keep))
        return "--keep-seed only goes with --keep";
    if (o->total_pixels != CLI_NOT_GIVEN && o->total_pixels < 1)
        return "--total-pixels must be at least 1";
    if (o->frames != CLI_NOT_GIVEN && (o->frames < 1 || o->frames > 768))
        return "--frames must be from 1 to 768";
    if (!in_range(o->fps, 0.001, 1000)) return "--fps must be from 0.001 to 1000";
    if (!in_range(o->rate, 0.001, 1000)) return "--rate must be from 0.001 to 1000";
    if (cli_given(o->rate) && o->times) return "--rate contradicts --times";
    if (o->repeat != CLI_NOT_GIVEN && (o->repeat < 1 || o->repeat > 1000))
        return "--repeat must be from 1 to 1000";
    if (o->top_k != CLI_NOT_GIVEN && o->top_k < 0) return "--top-k must be at least 0";
    if (!in_range(o->temperature, 0, 100)) return "--temperature must be from 0 to 100";
    if (!in_range(o->top_p, 0, 1)) return "--top-p must be from 0 to 1";
    if (!in_range(o->min_p, 0, 1)) return "--min-p must be from 0 to 1";
    if (!in_range(o->repetition_penalty, 0.01, 100))
        return "--repetition-penalty must be from 0.01 to 100";
    if (!in_range(o->presence_penalty, -100, 100))
        return "--presence-penalty must be from -100 to 100";
    if (!in_range(o->frequency_penalty, -100, 100))
        return "--frequency-penalty must be from -100 to 100";
    if (o->greedy && o->temperature > 0) return "--greedy contradicts --temperature";
    return NULL;
}

static int read_cache_type(cli_options *o) {
    static const char *const names[] = { "f16", "f32", "q8_0" }; /* as espy_cache_type */
    if (!o->cache_name) return 0;
    for (int i = 0; i < 3; i++)
        if (!strcmp(o->cache_name, names[i])) {
            o->cache_type = (espy_cache_type)i;
            return 0;
        }
    return -1;
}

/* "640x480"; NULL is fine. */
static int read_size(const char *text, int *width, int *height) {
    char end;
    if (!text) return 0;
    return sscanf(text, "%5dx%5d%c", width, height, &end) == 2 && *width > 0 && *height > 0 ? 0
                                                                                            : -1;
}

/* "0,0.5,1": numbers from 0 on that do not fall. */
static int read_times(cli_options *o) {
    const char *s = o->times_text;
    if (!s) return 0;
    o->times = calloc(strlen(s) / 2 + 1, sizeof *o->times);
    for (double last = 0; o->times; s++) {
        char *end;
        double t = strtod(s, &end);
        if (end == s || !(t >= last && t < 1e6) || (*end && *end != ',')) return -1;
        o->times[o->n_times++] = last = t;
        if (!*end) return 0;
        s = end;
    }
    return -1;
}

static const char *check(cli_options *o) {
    if (o->model && !*o->model) return "--model is empty; it takes a path or a name";
    if (read_cache_type(o)) return "--cache-type must be f16, f32 or q8_0";
    if (read_times(o)) return "--times must be seconds that do not fall, like 0,0.5,1";
    if (read_size(o->size, &o->width_px, &o->height_px)) return "--size must be like 640x480";
    if (read_size(o->fitted, &o->fitted_width_px, &o->fitted_height_px))
        return "--fitted must be like 640x480";
    if (o->alpha_name && strcmp(o->alpha_name, "white") != 0 && strcmp(o->alpha_name, "drop") != 0)
        return "--alpha must be white or drop";
    o->alpha = o->alpha_name && !strcmp(o->alpha_name, "drop") ? ESPY_ALPHA_DROP : ESPY_ALPHA_WHITE;
    static char sentence[200] = "--preset must be ";
    if (o->preset && !cli_preset_find(o->preset)) {
        size_t n = strlen("--preset must be ");
        cli_preset_names(sentence + n, sizeof sentence - n, ", ", " or ");
        return sentence;
    }
    return check_numbers(o);
}

static int check_arguments(const cli_command *command, const cli_options *o) {
    char text[200];
    if (o->n_args < command->min_args) {
        snprintf(text, sizeof text, "%s is missing", command->arguments);
        return usage(command, text);
    }
    if (o->args && command->max_args >= 0 && o->n_args > command->max_args) {
        snprintf(text, sizeof text, "'%.100s' is one argument too many",
                 o->args[command->max_args]);
        return usage(command, text);
    }
    return CLI_OK;
}

/* The option that an argument "--name", "--name=value", "-n" or "-nvalue" begins with;
 * at a cluster's end that of its last letter. */
static const struct poptOption *option_of(const char *arg, int at_end) {
    int is_long = !strncmp(arg, "--", 2);
    size_t n = strcspn(arg, "=");
    char letter = is_long ? 0 : at_end ? arg[strlen(arg) - 1] : arg[1];
    for (int i = 0; tables[i].arg; i++)
        for (const struct poptOption *o = tables[i].arg; o->longName; o++)
            if (is_long ? strlen(o->longName) == n - 2 && !strncmp(o->longName, arg + 2, n - 2)
                        : letter && o->shortName == letter)
                return o;
    return NULL;
}

static int takes_value(const struct poptOption *o) {
    return o && (o->argInfo & POPT_ARG_MASK) != POPT_ARG_NONE;
}

/* popt points to the argument where the value stands: behind the option, or with it. */
static void tell_wrong(char *text, size_t capacity, char **argv, int what) {
    const char *bad = poptBadOption(parser, 0), *before = NULL, *value = bad;
    if (what != POPT_ERROR_BADNUMBER && what != POPT_ERROR_OVERFLOW) {
        snprintf(text, capacity, "%.100s: %.100s", bad, poptStrerror(what));
        return;
    }
    for (int i = 2; argv[i]; i++)
        if (argv[i] == bad && argv[i - 1][0] == '-' && argv[i - 1][1]) before = argv[i - 1];
    const struct poptOption *o = before && !strchr(before, '=') ? option_of(before, 1) : NULL;
    if (!takes_value(o)) {
        o = option_of(bad, 0);
        value = strchr(bad, '=') ? strchr(bad, '=') + 1 : bad + 2;
    }
    int kind = o ? (int)(o->argInfo & POPT_ARG_MASK) : POPT_ARG_DOUBLE;
    snprintf(text, capacity, "--%s: '%.100s' is %s", o ? o->longName : "?", value,
             what == POPT_ERROR_OVERFLOW ? "too large or too small"
             : kind == POPT_ARG_DOUBLE   ? "not a number"
                                         : "not a whole number");
}

int cli_options_read(const cli_command *command, int argc, char **argv, const cli_options **out,
                     int *exit_code) {
    char text[300];
    snprintf(text, sizeof text, "espy %s", command->name);
    given = (cli_options){ .context = CLI_NOT_GIVEN,
                           .threads = CLI_NOT_GIVEN,
                           .temperature = CLI_NO_NUMBER,
                           .keep = CLI_NO_NUMBER,
                           .keep_seed = CLI_NOT_GIVEN,
                           .top_p = CLI_NO_NUMBER,
                           .min_p = CLI_NO_NUMBER,
                           .repetition_penalty = CLI_NO_NUMBER,
                           .presence_penalty = CLI_NO_NUMBER,
                           .frequency_penalty = CLI_NO_NUMBER,
                           .top_k = CLI_NOT_GIVEN,
                           .seed = -1,
                           .min_pixels = CLI_NOT_GIVEN,
                           .max_pixels = CLI_NOT_GIVEN,
                           .total_pixels = CLI_NOT_GIVEN,
                           .fps = CLI_NO_NUMBER,
                           .rate = CLI_NO_NUMBER,
                           .frames = CLI_NOT_GIVEN,
                           .max_tokens = CLI_NOT_GIVEN,
                           .repeat = CLI_NOT_GIVEN,
                           .width_px = 640,
                           .height_px = 480 };
    choose_tables(command->groups);
    argv[0] = text; /* popt shows it in the usage line */
    parser = poptGetContext(NULL, argc, (const char **)argv, tables, 0);
    if (!parser) return cli_say("out of memory"), *exit_code = CLI_FAILED;
    char arguments[120];
    snprintf(arguments, sizeof arguments, "[OPTION...] %s", command->arguments);
    poptSetOtherOptionHelp(parser, arguments);

    int what = poptGetNextOpt(parser);
    *exit_code = CLI_OK;
    if (what == SHOW_HELP) return show_help(command), 1;
    if (what == SHOW_VERSION) return printf("espy %s\n", espy_version()), 1;
    if (what < -1) {
        tell_wrong(text, sizeof text, argv, what);
        return *exit_code = usage(command, text);
    }
    given.args = poptGetArgs(parser);
    while (given.args && given.args[given.n_args]) given.n_args++;
    while (given.stop && given.stop[given.n_stop]) given.n_stop++;
    const char *sentence = check(&given);
    *exit_code = sentence ? usage(command, sentence) : check_arguments(command, &given);
    *out = &given;
    return *exit_code;
}

void cli_options_free(void) {
    char *strings[] = { given.model,       given.mmproj, given.kernels,   given.cache_name,
                        given.alpha_name,  given.system, given.preset,    given.request,
                        given.trace,       given.size,   given.language,  given.type,
                        given.vision_type, given.out,    given.draw,      given.svg,
                        given.answer,      given.fitted, given.times_text };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free(strings[i]);
    for (int i = 0; given.stop && given.stop[i]; i++) free(given.stop[i]);
    free(given.stop);
    free(given.times);
    given = (cli_options){ 0 };
    parser = poptFreeContext(parser);
}
