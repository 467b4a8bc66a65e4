/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Intermediate tensors of one request, for comparison with other
 * implementations. */
#ifndef ESPY_GENERATE_TRACE_H
#define ESPY_GENERATE_TRACE_H

#include "generate/prepare.h"

/* Writes a safetensors file: input_ids [n], position_ids [3, n], pixel_values
 * [patches, values], image_embeds [tokens, dim], image_deepstack_k,
 * pixel_values_videos, video_embeds, video_deepstack_k, last_logits [vocab]; those of
 * pictures and of clips only when there are any. */
espy_status espy_trace_write(const char *path, const espy_model *model, const espy_prepared *p,
                             const float *logits, espy_error *err);

#endif
