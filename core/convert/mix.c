/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrices get the type that was asked for; norms, biases and the routers of
 * experts F32. Rows that are not whole blocks fall back: K types to Q8_0, that and
 * Q4_0 to F16.
 *
 * Q4_K_M keeps what hurts most in Q6_K: the output (the embedding, where that is
 * the output), and of attn_v and ffn_down the first and the last eighth of the
 * layers and every third between.
 *
 * With eight experts, Q4_K_M has attn_k and attn_v in Q8_0 and attn_output in Q5_K:
 * they are little beside the experts.
 *
 * In the vision part the patch embedding is a convolution in other programs, which
 * then take F16 and F32 only. */
#include "convert/mix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const espy_mix mixes[] = {
    { "F32", ESPY_F32, ESPY_F32, 0 },       { "F16", ESPY_F16, ESPY_F16, 1 },
    { "BF16", ESPY_BF16, ESPY_BF16, 32 },   { "Q8_0", ESPY_Q8_0, ESPY_Q8_0, 7 },
    { "Q6_K", ESPY_Q6_K, ESPY_Q6_K, 18 },   { "Q5_K", ESPY_Q5_K, ESPY_Q5_K, 16 },
    { "Q4_K_M", ESPY_Q4_K, ESPY_Q6_K, 15 }, { "Q4_K", ESPY_Q4_K, ESPY_Q4_K, 14 },
    { "Q4_0", ESPY_Q4_0, ESPY_Q4_0, 2 },
};
enum { N_MIXES = sizeof mixes / sizeof *mixes };

espy_status espy_mix_find(const espy_mix **out, const char *name, espy_error *err) {
    char known[128];
    size_t n = 0;
    for (int i = 0; i < N_MIXES; i++) {
        *out = &mixes[i];
        if (strcasecmp(name, mixes[i].name) == 0) return ESPY_OK;
        n += (size_t)snprintf(known + n, sizeof known - n, i ? ", %s" : "%s", mixes[i].name);
    }
    *out = NULL;
    return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "type '%.40s' is none that espy writes (%s)", name,
                     known);
}

espy_status espy_mix_find_vision(const espy_mix **out, const char *name, espy_error *err) {
    espy_status status = espy_mix_find(out, name, err);
    if (!status && (*out)->more != (*out)->dtype)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                         "%s is a mix for the language part; the vision part takes one type",
                         (*out)->name);
    return status;
}

static int begins(const char *s, const char *with) {
    return strncmp(s, with, strlen(with)) == 0;
}

static int ends(const char *s, const char *with) {
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

int espy_mix_is_vision(const char *name) {
    return begins(name, "v.") || begins(name, "mm.");
}

static espy_dtype fall_back(espy_dtype dtype, int64_t cols) {
    if (cols % espy_dtypes[dtype].block == 0) return dtype;
    return espy_dtypes[dtype].block > 32 && cols % 32 == 0 ? ESPY_Q8_0 : ESPY_F16;
}

/* Half of the layers, as above. */
static int has_more_bits(int layer, int n_layers) {
    int eighth = n_layers / 8;
    return layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
}

static espy_dtype choose_language(const espy_mix_file *file, const char *name) {
    const espy_mix *mix = file->language;
    if (strcmp(name, "output.weight") == 0 ||
        (strcmp(name, "token_embd.weight") == 0 && !file->has_output))
        return mix->more;
    if (mix->more != mix->dtype && file->n_experts == 8) {
        if (ends(name, ".attn_k.weight") || ends(name, ".attn_v.weight")) return ESPY_Q8_0;
        if (ends(name, ".attn_output.weight")) return ESPY_Q5_K;
    }
    int layer = begins(name, "blk.") ? (int)strtol(name + 4, NULL, 10) : -1;
    if (layer >= 0 && (ends(name, ".attn_v.weight") || ends(name, ".ffn_down.weight") ||
                       ends(name, ".ffn_down_exps.weight")))
        return has_more_bits(layer, file->n_layers) ? mix->more : mix->dtype;
    return mix->dtype;
}

static espy_dtype choose_vision(const espy_mix_file *file, const char *name) {
    espy_dtype type = file->vision->dtype;
    if (begins(name, "v.patch_embd.") || begins(name, "v.patch_embed."))
        return type == ESPY_F32 || type == ESPY_BF16 ? ESPY_F32 : ESPY_F16;
    if (begins(name, "v.position_embd.") || begins(name, "v.pos_embed."))
        return file->for_llama_cpp ? ESPY_F32 : espy_dtypes[type].block == 1 ? type : ESPY_F16;
    return type;
}

espy_dtype espy_mix_choose(const espy_mix_file *file, const char *name, espy_dtype now, int n_dims,
                           const int64_t *shape) {
    int vision = espy_mix_is_vision(name);
    if (!(vision ? file->vision : file->language)) return now;
    if (n_dims < 2 || !strstr(name, ".weight") || strstr(name, "_norm.") ||
        strstr(name, "ffn_gate_inp."))
        return ESPY_F32;
    espy_dtype type = vision ? choose_vision(file, name) : choose_language(file, name);
    return fall_back(type, shape[n_dims - 1]);
}
