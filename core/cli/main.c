/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The espy program: finds the command that the first argument names and runs
 * it. Without a command, pictures, films and folders are described:
 *
 *     espy cat.jpg   =   espy describe cat.jpg
 */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_command *const commands[] = { &cli_describe, &cli_ask,     &cli_count, &cli_find,
                                               &cli_chat,     &cli_info,    &cli_run,   &cli_bench,
                                               &cli_convert,  &cli_quantize };
enum { n_commands = sizeof commands / sizeof *commands };

static void show_help(void) {
    puts("Usage: espy [COMMAND] [OPTION...] [ARGUMENT...]\n"
         "Looks at pictures and films with a Qwen vision-language model, on this computer alone.\n"
         "\n"
         "Commands:");
    for (int i = 0; i < n_commands; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n"
         "Pictures, films or folders without a command are described.\n"
         "`espy COMMAND --help` tells the options of a command, espy(1) all of them.\n"
         "\n"
         "Examples:\n"
         "  espy cat.jpg\n"
         "  espy ask \"What is written on the sign?\" street.png\n"
         "  espy find \"red cup, dog\" kitchen.jpg\n"
         "  espy chat cat.jpg\n"
         "\n"
         "  -V, --version   show the version\n"
         "  -h, --help      show this");
}

static const cli_command *find_command(const char *name) {
    for (int i = 0; i < n_commands; i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

static int run_command(const cli_command *command, int argc, char **argv) {
    const cli_options *options;
    int code = CLI_OK;
    if (!cli_options_read(command, argc, argv, &options, &code)) {
        cli_signals_begin();
        code = command->run(options);
    }
    cli_options_free();
    return code;
}

/* An option that stands first belongs to describe, to which a command behind it
 * would be a picture. */
static int has_late_command(int argc, char **argv) {
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!find_command(argv[i]) || access(argv[i], F_OK) == 0) continue;
        cli_say("'%s' is a command; put it before the options", argv[i]);
        return 1;
    }
    return 0;
}

static int dispatch(int argc, char **argv) {
    const char *first = argc > 1 ? argv[1] : NULL;
    if (!first) {
        show_help();
        return CLI_USAGE;
    }
    if (!strcmp(first, "--help") || !strcmp(first, "-h")) {
        show_help();
        return CLI_OK;
    }
    if (!strcmp(first, "--version") || !strcmp(first, "-V")) {
        printf("espy %s\n", espy_version());
        return CLI_OK;
    }
    if (!strcmp(first, "help")) {
        const cli_command *command = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !command) {
            cli_say("there is no command '%s'; see espy --help", argv[2]);
            return CLI_USAGE;
        }
        char option[] = "--help";
        char *words[] = { argv[0], option, NULL };
        if (command) return run_command(command, 2, words);
        show_help();
        return CLI_OK;
    }
    const cli_command *command = find_command(first);
    if (command) return run_command(command, argc - 1, argv + 1);
    if (first[0] == '-' && first[1] && has_late_command(argc, argv)) return CLI_USAGE;
    if (first[0] == '-' || access(first, F_OK) == 0) return run_command(&cli_describe, argc, argv);
    cli_say("'%s' is neither a command nor a file; see espy --help", first);
    return CLI_USAGE;
}

int main(int argc, char **argv) {
    int code = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        cli_say("cannot write to standard output: %s", strerror(errno));
        if (code == CLI_OK) code = CLI_FAILED;
    }
    return code;
}
