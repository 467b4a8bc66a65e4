/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy ask: one's own question about each picture, or about all together. */
#include "cli.h"

static int run(const cli_options *o) {
    return cli_answer(o, espy_task_find("question"), o->args[0], o->args + 1, o->n_args - 1,
                      o->together || o->times);
}

const cli_command cli_ask = {
    .name = "ask",
    .arguments = "QUESTION [IMAGE...]",
    .summary = "ask a question about each picture or film",
    .examples = "  espy ask \"What is written on the sign?\" street.png\n"
                "  espy ask --together \"What differs?\" before.jpg after.jpg\n"
                "  espy ask --times 0,0.5,1 \"What happens?\" frame-*.png\n"
                "  espy ask \"Who wins?\" race.webm\n"
                "  espy ask --rate 25 \"What happens?\" frames/\n"
                "  scanner | espy ask \"What is the total?\" -\n",
    .groups = CLI_KEEP | CLI_TOGETHER | CLI_RATE | CLI_LANGUAGE | CLI_ANSWER | CLI_JSON |
              CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
