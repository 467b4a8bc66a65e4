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
/* The text in NFC, without ill-formed UTF-8. *out is NULL if it is that already, else
 * a new string to free, with a NUL behind it. */
espy_status espy_prompt_normalise(const char *text, size_t n_bytes, char **out, size_t *n_out,
                                  espy_error *err);

/* What stands before and what comes are not tokenised together. */
espy_status espy_prompt_add_cut(espy_prompt *prompt, espy_error *err);
/* Takes out bytes [begin, end) with all marks and places in them; none of these reaches
 * over an end. */
void espy_prompt_drop(espy_prompt *prompt, size_t begin, size_t end);

espy_status espy_prompt_add_place(espy_prompt *prompt, espy_prompt_place place, espy_error *err);

#endif
