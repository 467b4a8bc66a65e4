/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GGUF to a GGUF with other types: all keys stay but those that tell the types and
 * the parts of a split file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/tensors.h"
#include "model/family.h"

typedef struct requant {
    espy_container *in;
    int is_mmproj; /* has the vision part alone */
    espy_mix_file mixes;
    const char *path;
    espy_error *err;
} requant;

/* ------------------------------------------------------------ what it holds */

static int is_known(const espy_meta *architecture) {
    for (int i = 0; i < espy_n_families; i++)
        for (int j = 0; j < 4 && espy_families[i]->gguf_architectures[j]; j++) {
            const char *name = espy_families[i]->gguf_architectures[j];
            if (strlen(name) == architecture->s_bytes &&
                memcmp(name, architecture->s, architecture->s_bytes) == 0)
                return 1;
        }
    return 0;
}

static espy_status look(requant *q) {
    if (strcmp(espy_container_format(q->in), "GGUF") != 0)
        return espy_fail(q->err, ESPY_ERR_ARGUMENT, -1,
                         "%s: is no GGUF; converting makes one of a folder", q->path);
    const espy_meta *a = espy_container_meta(q->in, "general.architecture");
    if (!a || a->type != ESPY_META_STRING)
        return espy_fail(q->err, ESPY_ERR_FORMAT, -1, "%s: general.architecture is missing",
                         q->path);
    q->is_mmproj = a->s_bytes == 4 && memcmp(a->s, "clip", 4) == 0;
    if (!q->is_mmproj && !is_known(a))
        return espy_fail(q->err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: architecture '%.*s' is not one that espy runs", q->path,
                         (int)(a->s_bytes > 60 ? 60 : a->s_bytes), a->s);
    q->mixes.has_output = espy_container_find(q->in, "output.weight") != NULL;
    q->mixes.for_llama_cpp = q->is_mmproj;
    char name[96];
    snprintf(name, sizeof name, "%.*s.expert_count", (int)(a->s_bytes > 63 ? 63 : a->s_bytes),
             a->s);
    const espy_meta *n_experts = espy_container_meta(q->in, name);
    if (n_experts && n_experts->i > 0 && n_experts->i < INT32_MAX)
        q->mixes.n_experts = (int)n_experts->i;
    do snprintf(name, sizeof name, "blk.%d.ffn_norm.weight", q->mixes.n_layers++);
    while (espy_container_find(q->in, name));
    q->mixes.n_layers--;
    return espy_container_need_all(q->in, q->err);
}

/* In an mmproj --type speaks of the vision part; elsewhere that keeps its types
 * unless one is given for it. */
static espy_status choose_mixes(requant *q, const espy_convert_params *params) {
    const char *type = params->type ? params->type : "Q4_K_M", *vision = params->vision_type;
    if (q->is_mmproj && !vision) vision = params->type ? params->type : "Q8_0";
    espy_status status = q->is_mmproj ? ESPY_OK : espy_mix_find(&q->mixes.language, type, q->err);
    if (!status && vision) status = espy_mix_find_vision(&q->mixes.vision, vision, q->err);
    return status;
}

/* ------------------------------------------------------------------ writing */

static int is_key(const char *key, size_t n, const char *name) {
    return strlen(name) == n && memcmp(key, name, n) == 0;
}

static void put_keys(const requant *q, espy_gguf_writer *w) {
    const espy_mix *mix = q->mixes.language ? q->mixes.language : q->mixes.vision;
    for (int i = 0; i < espy_container_n_meta(q->in); i++) {
        const char *key;
        size_t n;
        const espy_meta *value = espy_container_meta_entry(q->in, i, &key, &n);
        if ((n > 6 && memcmp(key, "split.", 6) == 0) || is_key(key, n, "general.alignment") ||
            is_key(key, n, "general.file_type") || is_key(key, n, "general.quantization_version"))
            continue;
        espy_gguf_put_meta(w, key, n, value);
    }
    espy_gguf_put_u32(w, "general.file_type", mix->file_type);
    espy_gguf_put_u32(w, "general.quantization_version", 2);
}

static void warn(const requant *q, const espy_out_weights *list, const espy_convert_params *p) {
    char line[300];
    for (int i = 0; i < list->n && p->log; i++) {
        espy_dtype from = list->items[i].from.dtype;
        if (espy_dtypes[from].block == 1 || from == ESPY_Q8_0 || from == list->items[i].to)
            continue;
        snprintf(line, sizeof line,
                 "%.150s: holds %s already; made from a file of larger types the result is better",
                 q->path, espy_dtypes[from].name);
        p->log(p->user, 1, line);
        return;
    }
}

static espy_status write_file(const requant *q, espy_gguf_writer *w,
                              const espy_convert_params *params) {
    espy_out_weights list = { 0 };
    espy_pool *pool = NULL;
    espy_status status = ESPY_OK;
    for (int i = 0; i < espy_container_n_tensors(q->in) && !status; i++) {
        const espy_named_tensor *t = espy_container_tensor(q->in, i);
        status = espy_out_weights_add(&list, t->name, &t->tensor, q->err);
    }
    espy_out_weights_choose(&list, &q->mixes);
    warn(q, &list, params);
    put_keys(q, w);
    espy_out_progress progress = { .fn = params->progress,
                                   .user = params->user,
                                   .total = espy_out_weights_count(&list) };
    if (!status) status = espy_pool_open(&pool, params->n_threads, q->err);
    if (!status) status = espy_out_weights_write(&list, w, pool, &progress, q->path, q->err);
    if (!status) status = espy_gguf_commit(w, q->err);
    espy_pool_close(&pool);
    espy_out_weights_free(&list);
    return status;
}

espy_status espy_quantize(const char *in_path, const char *out_path,
                          const espy_convert_params *params, espy_error *err) {
    static const espy_convert_params none = { 0 };
    requant q = { .path = in_path, .err = err };
    espy_gguf_writer *w = NULL;
    if (!in_path || !*in_path || !out_path || !*out_path)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "no input or no output path was given");
    if (!params) params = &none;
    espy_status status = espy_gguf_check_output(out_path, params->overwrite, err);
    if (!status) status = espy_container_open(&q.in, in_path, err);
    if (!status) status = look(&q);
    if (!status) status = choose_mixes(&q, params);
    if (!status) status = espy_gguf_create(&w, out_path, params->overwrite, err);
    if (!status) status = write_file(&q, w, params);
    espy_gguf_close(&w);
    espy_container_close(&q.in);
    return status;
}
