/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/family.h"

#include <ctype.h>
#include <string.h>

const espy_family *const espy_families[] = {
    &espy_family_qwen2_vl, &espy_family_qwen2_5_vl,   &espy_family_qwen3_vl,
    &espy_family_qwen_vl,  &espy_family_qwen3_vl_moe,
};
const int espy_n_families = sizeof espy_families / sizeof *espy_families;

static int listed(const char *const names[4], const char *name, size_t n_bytes) {
    for (int i = 0; i < 4 && names[i]; i++)
        if (strlen(names[i]) == n_bytes && memcmp(names[i], name, n_bytes) == 0) return 1;
    return 0;
}

const espy_family *espy_family_of_type(const char *model_type) {
    for (int i = 0; i < espy_n_families; i++)
        if (listed(espy_families[i]->model_types, model_type, strlen(model_type)))
            return espy_families[i];
    return NULL;
}

const espy_family *espy_family_of_gguf(const char *architecture, const char *projector, size_t n,
                                       int *several) {
    const espy_family *found = NULL;
    if (several) *several = 0;
    for (int i = 0; i < espy_n_families; i++) {
        const espy_family *f = espy_families[i];
        if (!listed(f->gguf_architectures, architecture, strlen(architecture)) ||
            (projector && !listed(f->projector_types, projector, n)))
            continue;
        if (several && found) *several = 1;
        if (!found) found = f;
    }
    return found;
}

const espy_family *espy_family_of_name(const char *architecture, const char *name, size_t n) {
    char plain[128];
    size_t n_plain = 0;
    for (size_t i = 0; i < n && n_plain + 1 < sizeof plain; i++)
        if (isalnum((unsigned char)name[i]))
            plain[n_plain++] = (char)tolower((unsigned char)name[i]);
    plain[n_plain] = 0;
    for (int i = 0; i < espy_n_families; i++) {
        const espy_family *f = espy_families[i];
        if (f->gguf_name && strstr(plain, f->gguf_name) &&
            listed(f->gguf_architectures, architecture, strlen(architecture)))
            return f;
    }
    return NULL;
}
