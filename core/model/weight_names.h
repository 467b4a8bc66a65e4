/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tensor of the files a slot has: by its row's names and its shape. */
#ifndef ESPY_MODEL_WEIGHT_NAMES_H
#define ESPY_MODEL_WEIGHT_NAMES_H

#include "model/weights.h"

/* Where tensors are looked for. */
typedef struct espy_weight_files {
    const espy_config *config;
    const espy_container *language, *vision;
    espy_error *err;
} espy_weight_files;

/* The number that a symbolic length stands for; ESPY_DIM_NONE is 1. */
int64_t espy_dim_length(const espy_config *config, espy_dim dim);

int espy_is_vision_slot(const espy_weight_name *row);

/* The first GGUF name of a row's slot; NULL if it has none. out [n] holds it. */
const char *espy_weight_gguf_name(char *out, size_t n, const espy_config *config,
                                  const espy_weight_name *row, int index);

/* A name with its first "%d" replaced. */
void espy_weight_name_of(char *out, size_t n, const char *pattern, int index);

/* The tensor of a name of a folder, as released or as re-saved under another prefix.
 * ESPY_ERR_MISSING without a message; ESPY_ERR_UNSUPPORTED when its type is not read. */
espy_status espy_weight_look_up(const espy_container *c, const char *hf_name,
                                const espy_tensor **out, espy_error *err);

/* *out NULL: an optional one that is not there. name [n] receives the name that was
 * found or is missing. Errors ESPY_ERR_MISSING, ESPY_ERR_UNSUPPORTED. */
espy_status espy_weight_find(const espy_weight_files *files, const espy_weight_name *row, int index,
                             char *name, size_t n, const espy_tensor **out);

/* "128, 64" */
void espy_shape_text(char *out, size_t n, const espy_tensor *t);

/* Whether a tensor's shape is the row's. With more than two dimensions (a patch
 * weight) the count decides. */
int espy_weight_fits(const espy_config *config, const espy_weight_name *row, const espy_tensor *t);

#endif
