/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ready questions. They use the model's own sampling numbers, except `text`:
 * reading has one right answer, so it is greedy. */
#include "cli.h"

#include <string.h>

const cli_preset cli_presets[] = {
    { .name = "caption",
      .summary = "a few sentences (default)",
      .prompt = "Describe this image in two or three sentences.",
      .max_tokens = 256 },
    { .name = "alt",
      .summary = "alt text: one sentence, without \"This image shows\"",
      .prompt = "Write the alt text of this image: one plain sentence of at most 25 words that "
                "says what can be seen. Do not begin with \"This image shows\" or the like. "
                "Answer with the sentence alone.",
      .max_tokens = 96,
      .alt_text = 1 },
    { .name = "detailed",
      .summary = "everything that can be seen",
      .prompt = "Describe this image in detail: the scene, the people, animals and things in it "
                "with their colours and places, the text that can be read, the light and the "
                "mood.",
      .max_tokens = 1024 },
    { .name = "tags",
      .summary = "keywords, separated by commas",
      .prompt = "List 5 to 15 keywords for this image, the most important first, in lower case, "
                "separated by commas. Answer with the keywords alone.",
      .max_tokens = 128 },
    { .name = "text",
      .summary = "the text in the picture (OCR)",
      .prompt = "Read all the text in this image. Answer with the text alone, line by line, "
                "exactly as it is written.",
      .max_tokens = 4096,
      .greedy = 1 },
    { .name = NULL },
};

const cli_preset *cli_preset_find(const char *name) {
    for (const cli_preset *p = cli_presets; p->name; p++)
        if (!strcmp(p->name, name)) return p;
    return NULL;
}
