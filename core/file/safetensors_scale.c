/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block scales of FP8 weights. The weight [out][in] comes with
 * [ceil(out / 128)][ceil(in / 128)] factors:
 *
 *     w[o][i] = fp8[o][i] * scale_inv[o / 128][i / 128]
 *
 * Leading dimensions (experts) are equal in both. Other block sizes are told by
 * the shapes: the smallest size that gives this many blocks. */
#include "file/safetensors_scale.h"

#include <stdlib.h>
#include <string.h>

#include "file/format.h"

static const char suffix[] = "_scale_inv";
enum { SUFFIX_BYTES = sizeof suffix - 1, USUAL_BLOCK = 128 };

/* Values per block when n values lie in n_blocks; 0 when they cannot. */
static int block_of(int64_t n, int64_t n_blocks) {
    if (n <= 0 || n_blocks <= 0) return 0;
    if ((n - 1) / USUAL_BLOCK + 1 == n_blocks) return USUAL_BLOCK;
    int64_t block = (n - 1) / n_blocks + 1;
    return block <= INT32_MAX && (n - 1) / block + 1 == n_blocks ? (int)block : 0;
}

static float f16_value(uint16_t h) {
    uint32_t exponent = h >> 10 & 31, mantissa = h & 0x3FF, bits;
    float f;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 */
        f = (float)mantissa / 16777216.0f;
        return h & 0x8000 ? -f : f;
    }
    bits = (uint32_t)(h & 0x8000) << 16 | (exponent == 31 ? 255 : exponent + 112) << 23 |
           mantissa << 13;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float value_at(const espy_tensor *t, int64_t i) {
    const uint8_t *p = (const uint8_t *)t->data + i * espy_dtypes[t->dtype].block_bytes;
    uint32_t bits = (uint32_t)p[1] << 8 | p[0];
    if (t->dtype == ESPY_F16) return f16_value((uint16_t)bits);
    bits = t->dtype == ESPY_BF16 ? bits << 16 : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | bits;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static int shapes_fit(const espy_tensor *w, const espy_tensor *scale, int *rows, int *cols) {
    int n = w->n_dims;
    if (n < 2 || scale->n_dims != n || scale->dtype == ESPY_F8_E4M3) return 0;
    for (int i = 0; i < n - 2; i++)
        if (w->shape[i] != scale->shape[i]) return 0;
    *rows = block_of(w->shape[n - 2], scale->shape[n - 2]);
    *cols = block_of(w->shape[n - 1], scale->shape[n - 1]);
    return *rows && *cols;
}

static espy_status attach(espy_container *c, espy_tensor *w, const espy_named_tensor *from,
                          espy_error *err) {
    const espy_tensor *scale = &from->tensor;
    int rows, cols;
    if (!shapes_fit(w, scale, &rows, &cols))
        return espy_fail(err, ESPY_ERR_FORMAT, from->offset,
                         "%s: tensor '%.200s' does not fit the shape of the weight that it scales",
                         c->sources[from->source].name, from->name);
    int64_t n = scale->n_bytes / espy_dtypes[scale->dtype].block_bytes;
    float *copy = malloc((size_t)(n ? n : 1) * sizeof *copy);
    if (!copy) return espy_out_of_memory(err);
    for (int64_t i = 0; i < n; i++) copy[i] = value_at(scale, i);
    espy_status status = espy_container_keep(c, copy, err);
    if (status) return status;
    w->scale = copy;
    w->scale_rows = rows;
    w->scale_cols = cols;
    return ESPY_OK;
}

espy_status espy_attach_scales(espy_container *c, espy_error *err) {
    for (int i = 0; i < c->n_tensors; i++) {
        const espy_named_tensor *from = &c->tensors[i];
        size_t n = strlen(from->name);
        int weight;
        if (!espy_ends_with(from->name, suffix) ||
            !espy_names_get(&c->names, from->name, n - SUFFIX_BYTES, &weight) || weight < 0 ||
            c->tensors[weight].tensor.dtype != ESPY_F8_E4M3)
            continue;
        espy_status status = attach(c, &c->tensors[weight].tensor, from, err);
        if (status) return status;
    }
    return ESPY_OK;
}
