/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which type each tensor of a file gets. */
#ifndef ESPY_CONVERT_MIX_H
#define ESPY_CONVERT_MIX_H

#include "base/status.h"
#include "base/tensor.h"

typedef struct espy_mix {
    const char *name;   /* "Q4_K_M" */
    espy_dtype dtype;   /* of the matrices */
    espy_dtype more;    /* of those that gain most from more bits */
    uint32_t file_type; /* general.file_type */
} espy_mix;

/* By name, in any case. ESPY_ERR_ARGUMENT, with the names that there are. */
espy_status espy_mix_find(const espy_mix **out, const char *name, espy_error *err);

/* The same for the vision part, for which only plain types are offered. */
espy_status espy_mix_find_vision(const espy_mix **out, const char *name, espy_error *err);

/* What the choice for one tensor depends on beside its name. */
typedef struct espy_mix_file {
    const espy_mix *language, *vision; /* NULL: types stay */
    int n_layers;                      /* of the decoder */
    int n_experts;                     /* in one of its layers; 0: none */
    int has_output;                    /* 0: the embedding is the output */
    int for_llama_cpp;                 /* an mmproj: its position table must be F32 */
} espy_mix_file;

/* Whether a tensor's name is one of the vision part. */
int espy_mix_is_vision(const char *name);

/* The type of a tensor that has this type now; shape is outermost first. */
espy_dtype espy_mix_choose(const espy_mix_file *file, const char *name, espy_dtype now, int n_dims,
                           const int64_t *shape);

#endif
