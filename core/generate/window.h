/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The window of earlier turns that a chat model still reads (Qwen-VL-Chat,
 * MODELS-qwen-vl.md section 11). */
#ifndef ESPY_GENERATE_WINDOW_H
#define ESPY_GENERATE_WINDOW_H

#include "model/model.h"

/* Takes the oldest turns out of a rendered conversation: from the newest backwards a turn
 * stays while the system part, it and those kept so far have fewer tokens than the
 * model's window. The last turn, the question, is neither counted nor taken out; a
 * picture goes with its turn. Nothing happens to models without a window.
 * Errors those of espy_prompt_encode. */
espy_status espy_window_apply(espy_prompt *prompt, const espy_model *model, espy_error *err);

#endif
