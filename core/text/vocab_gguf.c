/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary from the metadata of a GGUF:
 *
 *     tokenizer.ggml.model       "gpt2": byte-level BPE
 *     tokenizer.ggml.pre         name of the splitting pattern
 *     tokenizer.ggml.tokens      spelling of id 0, 1, ...
 *     tokenizer.ggml.token_type  1 ordinary, 3 special, 4 added, 5 unused
 *     tokenizer.ggml.merges      "left right", best first
 *     tokenizer.ggml.normalizer.nfc  whether text is put into NFC; older files
 *                                leave it out, and all of Qwen's do */
#include <string.h>

#include "text/vocab_parts.h"

static espy_text_view view_of(espy_meta value) {
    espy_text_view text = { value.s_bytes ? value.s : "", (size_t)value.s_bytes };
    return text;
}

static espy_token_kind kind_of(const espy_meta *types, uint64_t i) {
    switch (types ? espy_meta_at(types, i).i : 1) {
    case 3:
        return ESPY_TOKEN_SPECIAL;
    case 4:
        return ESPY_TOKEN_ADDED;
    case 5:
        return ESPY_TOKEN_NONE;
    default:
        return ESPY_TOKEN_ORDINARY;
    }
}

static int is_array_of(const espy_meta *meta, espy_meta_type element) {
    return meta && meta->type == ESPY_META_ARRAY && meta->element == element;
}

/* Qwen2's pattern if the file (an old one) does not name its own. */
static espy_status read_split(espy_vocab_list *list, const espy_container *gguf, espy_error *err) {
    const espy_meta *model = espy_container_meta(gguf, "tokenizer.ggml.model");
    if (!model || model->type != ESPY_META_STRING)
        return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: no tokenizer.ggml.model, so no tokenizer",
                         list->name);
    espy_text_view name = view_of(*model);
    if (name.n != 4 || memcmp(name.s, "gpt2", 4) != 0)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: tokenizer.ggml.model is '%.*s', not byte-level BPE ('gpt2')",
                         list->name, (int)(name.n < 64 ? name.n : 64), name.s);
    const espy_meta *pre = espy_container_meta(gguf, "tokenizer.ggml.pre");
    list->split = &espy_split_qwen2;
    if (!pre || pre->type != ESPY_META_STRING) return ESPY_OK;
    name = view_of(*pre);
    list->split = espy_split_by_name(name.s, name.n);
    if (list->split) return ESPY_OK;
    return espy_fail(
        err, ESPY_ERR_UNSUPPORTED, -1,
        "%s: tokenizer.ggml.pre is '%.*s', a splitting pattern that espy does not have", list->name,
        (int)(name.n < 64 ? name.n : 64), name.s);
}

static espy_status read_lists(espy_vocab_list *list, const espy_container *gguf, espy_error *err) {
    const espy_meta *tokens = espy_container_meta(gguf, "tokenizer.ggml.tokens");
    const espy_meta *types = espy_container_meta(gguf, "tokenizer.ggml.token_type");
    const espy_meta *merges = espy_container_meta(gguf, "tokenizer.ggml.merges");
    if (!is_array_of(tokens, ESPY_META_STRING) || !is_array_of(merges, ESPY_META_STRING))
        return espy_fail(err, ESPY_ERR_MISSING, -1, "%s: no array of strings tokenizer.ggml.%s",
                         list->name, is_array_of(tokens, ESPY_META_STRING) ? "merges" : "tokens");
    if (types && (!is_array_of(types, ESPY_META_INT) || types->n != tokens->n))
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: tokenizer.ggml.token_type is not one integer per token", list->name);
    espy_status status = ESPY_OK;
    for (uint64_t i = 0; i < tokens->n && !status; i++) {
        espy_token_kind kind = kind_of(types, i);
        if (kind != ESPY_TOKEN_NONE)
            status = espy_vocab_list_token(list, view_of(espy_meta_at(tokens, i)), (int64_t)i, kind,
                                           err);
    }
    for (uint64_t i = 0; i < merges->n && !status; i++)
        status = espy_vocab_list_merge_line(list, view_of(espy_meta_at(merges, i)), -1, err);
    return status;
}

espy_status espy_vocab_from_gguf(espy_vocab **out, const espy_container *gguf, espy_error *err) {
    const espy_meta *nfc = espy_container_meta(gguf, "tokenizer.ggml.normalizer.nfc");
    espy_vocab_list list = { .name = espy_container_path(gguf),
                             .nfc = !nfc || nfc->type != ESPY_META_INT || nfc->i != 0 };
    *out = NULL;
    espy_status status = read_split(&list, gguf, err);
    if (!status) status = read_lists(&list, gguf, err);
    if (!status) status = espy_vocab_build(out, &list, err);
    espy_vocab_list_free(&list);
    return status;
}
