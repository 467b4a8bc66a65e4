/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes safetensors files: the traces of a run. */
#ifndef ESPY_FILE_SAFETENSORS_WRITE_H
#define ESPY_FILE_SAFETENSORS_WRITE_H

#include "base/status.h"
#include "base/tensor.h"

typedef struct espy_out_tensor {
    const char *name;
    int is_int; /* 0: F32, else I32 */
    int n_dims;
    int64_t shape[ESPY_MAX_DIMS];
    const void *data; /* float or int32_t, as many as the shape says; borrowed */
} espy_out_tensor;

/* Writes n tensors to path, through PATH.part, so that no half file stays under
 * the name. The host is little-endian, as the format is.
 * Errors ESPY_ERR_ARGUMENT (shape), ESPY_ERR_IO, ESPY_ERR_MEMORY; nothing is
 * left behind then and an older file stays. */
espy_status espy_safetensors_write(const char *path, const espy_out_tensor *tensors, int n,
                                   espy_error *err);

#endif
