/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy count: how many of something there are in each picture or film. */
#include "cli.h"

static int run(const cli_options *o) {
    return cli_answer(o, espy_task_find("count"), o->args[0], o->args + 1, o->n_args - 1, 0);
}

const cli_command cli_count = {
    .name = "count",
    .arguments = "THINGS IMAGE...",
    .summary = "count things in each picture or film",
    .examples = "  espy count cats sofa.jpg\n"
                "  espy count --json \"red cars\" street-*.jpg\n"
                "  espy count goals game.mp4\n",
    .groups = CLI_ANSWER | CLI_JSON | CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 2,
    .max_args = -1,
    .run = run,
};
