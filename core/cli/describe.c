/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy describe: a preset's question about each picture. */
#include "cli.h"

static int run(const cli_options *o) {
    const cli_preset *preset = o->preset ? cli_preset_find(o->preset) : &cli_presets[0];
    return cli_answer(o, preset->prompt, preset, o->args, o->n_args, 0);
}

const cli_command cli_describe = {
    .name = "describe",
    .arguments = "IMAGE...",
    .summary = "say what is in pictures, or in the pictures of a folder",
    .examples = "  espy describe cat.jpg\n"
                "  espy describe --preset alt --json *.png > alt.jsonl\n"
                "  espy describe --preset text scan.png > scan.txt\n"
                "  espy describe ~/Pictures/holiday\n",
    .groups = CLI_PRESET | CLI_ANSWER | CLI_JSON | CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 1,
    .max_args = -1,
    .run = run,
};
