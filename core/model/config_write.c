/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "model/config.h"

static double number_at(const espy_key *key, const espy_config *config, int i) {
    const void *at = (const char *)config + key->at;
    switch (key->type) {
    case ESPY_KEY_INT:
        return ((const int *)at)[i];
    case ESPY_KEY_INT64:
        return (double)((const int64_t *)at)[i];
    case ESPY_KEY_F32:
        return (double)((const float *)at)[i];
    case ESPY_KEY_F64:
        break;
    }
    return ((const double *)at)[i];
}

static int is_whole(const espy_key *key) {
    return key->type == ESPY_KEY_INT || key->type == ESPY_KEY_INT64;
}

static void write_list(const espy_key *key, const espy_config *config, const char *name,
                       espy_gguf_writer *writer) {
    int32_t whole[16];
    float other[16];
    int n = key->count_at ? *(const int *)(const void *)((const char *)config + key->count_at)
                          : key->n_max;
    for (int i = 0; i < n && i < 16; i++) {
        double v = number_at(key, config, i);
        if (is_whole(key))
            whole[i] = (int32_t)v;
        else
            other[i] = (float)v;
    }
    if (is_whole(key))
        espy_gguf_put_i32s(writer, name, whole, (uint64_t)n);
    else
        espy_gguf_put_f32s(writer, name, other, (uint64_t)n);
}

static void write_number(const espy_key *key, const espy_config *config, const char *name,
                         espy_gguf_writer *writer) {
    double v = number_at(key, config, 0);
    if (!is_whole(key))
        espy_gguf_put_f32(writer, name, (float)v);
    else if (v > UINT32_MAX)
        espy_gguf_put_u64(writer, name, (uint64_t)v);
    else if (v >= 0)
        espy_gguf_put_u32(writer, name, (uint32_t)v);
}

static void write_row(const espy_key *key, const espy_config *config, const char *architecture,
                      int vision, espy_gguf_writer *writer) {
    char name[160];
    const char *pattern = key->gguf[0];
    if (!pattern || strncmp(pattern, "%s.vision.", 10) == 0) return;
    if ((strncmp(pattern, "clip.", 5) == 0) != (vision != 0)) return;
    espy_key_name(name, sizeof name, pattern, architecture);
    if (key->n_max)
        write_list(key, config, name, writer);
    else
        write_number(key, config, name, writer);
}

void espy_config_write(const espy_config *config, const espy_key_table *const *tables,
                       const char *architecture, int vision, espy_gguf_writer *writer) {
    for (; *tables; tables++)
        for (int i = 0; i < (*tables)->n; i++)
            write_row(&(*tables)->rows[i], config, architecture, vision, writer);
}
