/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A weight's values as numbers to compute with at load, and the way back. */
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

float *espy_weights_values(const espy_weight *w) {
    float *values = malloc((size_t)(w->rows * w->cols) * sizeof *values);
    espy_kernels kernels;
    espy_kernels_choose(&kernels, NULL);
    for (int64_t r = 0; values && r < w->rows; r++)
        espy_weight_values(&kernels, w, values + r * w->cols, r, 0, w->cols);
    return values;
}

espy_status espy_weights_set(espy_weights *weights, espy_weight *w, float *values, int64_t rows,
                             int64_t cols, espy_error *err) {
    int64_t n_bytes = rows * cols * (int64_t)sizeof *values;
    espy_status status =
        values ? espy_weights_own(weights, values, n_bytes, err) : espy_out_of_memory(err);
    if (status) return status;
    *w = (espy_weight){ .rows = rows, .cols = cols };
    w->tensor = (espy_tensor){ .dtype = ESPY_F32,
                               .n_dims = 2,
                               .shape = { rows, cols, 1, 1, 1 },
                               .data = values,
                               .n_bytes = n_bytes };
    return ESPY_OK;
}

espy_status espy_weights_transpose(espy_weights *weights, espy_weight *w, espy_error *err) {
    int plain = espy_dtypes[w->tensor.dtype].block == 1 && !w->tensor.scale;
    int64_t n = w->rows, size = plain ? espy_dtypes[w->tensor.dtype].block_bytes : 4;
    float *values = plain ? NULL : espy_weights_values(w);
    const char *from = plain ? w->tensor.data : (const char *)values;
    char *to = from ? malloc((size_t)(n * n * size)) : NULL;
    for (int64_t i = 0; to && i < n; i++)
        for (int64_t j = 0; j < n; j++)
            memcpy(to + (j * n + i) * size, from + (i * n + j) * size, (size_t)size);
    free(values);
    if (!to) return espy_out_of_memory(err);
    if (!plain) return espy_weights_set(weights, w, (float *)(void *)to, n, n, err);
    w->tensor.data = to;
    return espy_weights_own(weights, to, n * n * size, err);
}
