/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/container.h"
#include "fuzz.h"

static void look_at_tensor(const espy_container *c, int i, const uint8_t *data, size_t n_bytes) {
    const espy_named_tensor *named = espy_container_tensor(c, i);
    const espy_tensor *t = &named->tensor;
    const espy_tensor *found = NULL;
    FUZZ_CHECK(espy_container_find(c, named->name) == t);
    FUZZ_CHECK(espy_container_need(c, named->name, &found, NULL) == ESPY_OK && found == t);
    FUZZ_CHECK(t->n_dims >= 0 && t->n_dims <= ESPY_MAX_DIMS && t->dtype < ESPY_N_DTYPES);
    int64_t n = 1;
    for (int d = 0; d < ESPY_MAX_DIMS; d++) {
        FUZZ_CHECK(t->shape[d] >= 0 && (d < t->n_dims || t->shape[d] == 1));
        if (n && t->shape[d] > (int64_t)n_bytes * 4 / n)
            n = 0; /* only beside a 0 */
        else
            n *= t->shape[d];
    }
    FUZZ_CHECK(t->n_bytes == espy_row_bytes(t->dtype, n));
    FUZZ_CHECK((const uint8_t *)t->data >= data &&
               t->n_bytes <= (int64_t)n_bytes - ((const uint8_t *)t->data - data));
    FUZZ_CHECK(named->offset == (const uint8_t *)t->data - data);
    if (t->scale) {
        int64_t rows = t->shape[t->n_dims - 2], cols = t->shape[t->n_dims - 1], blocks = 1;
        for (int d = 0; d < t->n_dims - 2; d++) blocks *= t->shape[d];
        blocks *= ((rows - 1) / t->scale_rows + 1) * ((cols - 1) / t->scale_cols + 1);
        fuzz_touch(t->scale, (size_t)blocks * sizeof *t->scale);
    }
}

static void look_at_meta(const espy_container *c) {
    static const char *const keys[] = {
        "general.architecture", "a", "b", "c", "d", "e", "tokenizer.ggml.tokens",
        "general.alignment"
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const espy_meta *m = espy_container_meta(c, keys[i]);
        if (!m) continue;
        if (m->type == ESPY_META_STRING) fuzz_touch(m->s, (size_t)m->s_bytes);
        for (uint64_t k = 0; m->type == ESPY_META_ARRAY && k < m->n; k++) {
            espy_meta element = espy_meta_at(m, k);
            FUZZ_CHECK(element.type == m->element);
            if (element.type == ESPY_META_STRING) fuzz_touch(element.s, (size_t)element.s_bytes);
        }
    }
}

espy_status fuzz_container(const uint8_t *data, size_t n_bytes, const char *name) {
    espy_container *c;
    espy_error err = { 0 };
    espy_status status = espy_container_open_memory(&c, data, (int64_t)n_bytes, name, &err);
    if (status) {
        FUZZ_CHECK(!c && err.code == status && err.message[0]);
        FUZZ_CHECK(err.offset >= -1 && err.offset <= (int64_t)n_bytes);
        return status;
    }
    for (int i = 0; i < espy_container_n_tensors(c); i++) look_at_tensor(c, i, data, n_bytes);
    look_at_meta(c);
    espy_container_close(&c);
    return ESPY_OK;
}
