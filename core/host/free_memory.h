/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether a model fits into what the machine has free. Any thread.
 */
#ifndef ESPY_HOST_FREE_MEMORY_H
#define ESPY_HOST_FREE_MEMORY_H

#include <espy.h>

/* Bytes that programs can have without others being swapped out; 0 where the system does
 * not tell. Files that are mapped count as available. */
int64_t free_memory(void);

/* Bytes that a context needs for a request, weights included. params: those of the
 * context; image_pixels: of the largest picture or frame, fitted, 0 the model's largest.
 * Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY, as espy_count_prompt. */
espy_status needed_memory(const espy_model *model, const espy_request *request,
                          const espy_context_params *params, int64_t image_pixels, int64_t *needed,
                          espy_error *err);

#endif
