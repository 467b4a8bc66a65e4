/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing a prompt piece by piece. Each call appends, or fails with
 * ESPY_ERR_MEMORY and leaves the prompt as it was. */
#ifndef ESPY_TEXT_PROMPT_H
#define ESPY_TEXT_PROMPT_H

#include "text/chat.h"

espy_status espy_prompt_add_text(espy_prompt *prompt, const char *text, size_t n_bytes,
                                 espy_error *err);
/* Text that is one special token. */
espy_status espy_prompt_add_token(espy_prompt *prompt, const char *token, size_t n_bytes,
                                  espy_error *err);
espy_status espy_prompt_add_place(espy_prompt *prompt, espy_prompt_place place, espy_error *err);

#endif
