/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vocabulary from a Hugging Face folder: tokenizer.json alone, or
 *
 *     vocab.json             { "spelling": id, ... }
 *     merges.txt             "left right" lines, best first
 *     tokenizer_config.json  added_tokens_decoder: { "id": { content, special } }
 *     added_tokens.json      { "text": id, ... }
 *
 * tokenizer.json also spells out the steps around the merges. Those that are
 * not Qwen's are an error: wrong ids would only show as a bad answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/source.h"
#include "file/json.h"
#include "text/vocab_parts.h"

static espy_text_view view_of(const char *s) {
    espy_text_view text = { s, strlen(s) };
    return text;
}

static const char *string_at(const cJSON *object, const char *key) {
    const char *s = cJSON_GetStringValue(espy_json_at(object, key));
    return s ? s : "";
}

static int is_true(const cJSON *object, const char *key) {
    return cJSON_IsTrue(espy_json_at(object, key));
}

static int is_type(const cJSON *object, const char *type) {
    return strcmp(string_at(object, "type"), type) == 0;
}

static espy_status unsupported(const espy_vocab_list *list, const char *what, const char *value,
                               espy_error *err) {
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1, "%s: %s '%s' is none that espy has", list->name,
                     what, value);
}

static espy_status malformed(const espy_vocab_list *list, const char *what, espy_error *err) {
    return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: %s", list->name, what);
}

/* An id as a JSON number; -1 (refused later) for anything else. */
static int64_t id_of(const cJSON *number) {
    double value = cJSON_IsNumber(number) ? number->valuedouble : -1;
    return value >= 0 && value <= INT32_MAX && value == (double)(int64_t)value ? (int64_t)value
                                                                               : -1;
}

/* ------------------------------------------- vocabulary, merges, added tokens */

static espy_status list_vocabulary(espy_vocab_list *list, const cJSON *object, espy_token_kind kind,
                                   espy_error *err) {
    const cJSON *entry;
    if (!cJSON_IsObject(object)) return malformed(list, "the vocabulary is not an object", err);
    cJSON_ArrayForEach(entry, object) {
        espy_status status =
            espy_vocab_list_token(list, view_of(entry->string), id_of(entry), kind, err);
        if (status) return status;
    }
    return ESPY_OK;
}

static espy_status list_merges(espy_vocab_list *list, const cJSON *array, espy_error *err) {
    const cJSON *entry;
    if (!cJSON_IsArray(array)) return malformed(list, "model.merges is not an array", err);
    cJSON_ArrayForEach(entry, array) {
        const cJSON *first = cJSON_IsArray(entry) ? entry->child : NULL;
        const cJSON *second = first ? first->next : NULL;
        const char *left = cJSON_GetStringValue(first), *right = cJSON_GetStringValue(second);
        espy_status status;
        if (cJSON_IsString(entry))
            status = espy_vocab_list_merge_line(list, view_of(entry->valuestring), -1, err);
        else if (left && right && second && !second->next)
            status = espy_vocab_list_merge(list, view_of(left), view_of(right), err);
        else
            status = malformed(list, "an entry of model.merges is not a pair of tokens", err);
        if (status) return status;
    }
    return ESPY_OK;
}

/* Tokens that take blanks around them along, or match whole words only, are
 * none of Qwen's. */
static espy_status list_added(espy_vocab_list *list, const cJSON *token, int64_t id,
                              espy_error *err) {
    const char *content = string_at(token, "content");
    if (is_true(token, "lstrip") || is_true(token, "rstrip") || is_true(token, "single_word"))
        return unsupported(list, "lstrip, rstrip or single_word of the added token", content, err);
    espy_token_kind kind = is_true(token, "special") ? ESPY_TOKEN_SPECIAL : ESPY_TOKEN_ADDED;
    return espy_vocab_list_token(list, view_of(content), id, kind, err);
}

/* ---------------------------------------------------- steps of tokenizer.json */

static espy_status read_normalizer(espy_vocab_list *list, const cJSON *step, espy_error *err) {
    const cJSON *entry;
    if (!step || cJSON_IsNull(step)) return ESPY_OK;
    if (is_type(step, "NFC")) {
        list->nfc = 1;
        return ESPY_OK;
    }
    const cJSON *inner = espy_json_at(step, "normalizers");
    if (!is_type(step, "Sequence") || !cJSON_IsArray(inner))
        return unsupported(list, "normalizer", string_at(step, "type"), err);
    cJSON_ArrayForEach(entry, inner) {
        if (!is_type(entry, "NFC"))
            return unsupported(list, "normalizer", string_at(entry, "type"), err);
        list->nfc = 1;
    }
    return ESPY_OK;
}

static espy_status read_split(espy_vocab_list *list, const cJSON *step, espy_error *err) {
    const char *regex = string_at(step, "pattern.Regex"), *behavior = string_at(step, "behavior");
    int keeps_matches = is_true(step, "invert") ? strcmp(behavior, "Removed") == 0
                                                : strcmp(behavior, "Isolated") == 0;
    if (!keeps_matches) return unsupported(list, "behavior of the splitting", behavior, err);
    list->split = espy_split_by_regex(regex);
    return list->split ? ESPY_OK : unsupported(list, "splitting pattern", regex, err);
}

static espy_status read_pre_tokenizer(espy_vocab_list *list, const cJSON *step, espy_error *err) {
    const cJSON *entry, *steps = espy_json_at(step, "pretokenizers");
    int byte_level = 0;
    cJSON_ArrayForEach(entry, steps) {
        espy_status status = ESPY_OK;
        if (is_type(entry, "Split") && !list->split)
            status = read_split(list, entry, err);
        else if (is_type(entry, "ByteLevel") && !is_true(entry, "add_prefix_space") &&
                 cJSON_IsFalse(espy_json_at(entry, "use_regex")))
            byte_level = 1;
        else
            status = unsupported(list, "pre_tokenizer", string_at(entry, "type"), err);
        if (status) return status;
    }
    if (list->split && byte_level) return ESPY_OK;
    return unsupported(list, "pre_tokenizer", string_at(step, "type"), err);
}

static espy_status read_model(espy_vocab_list *list, const cJSON *model, espy_error *err) {
    const char *type = string_at(model, "type");
    if (*type && strcmp(type, "BPE") != 0) return unsupported(list, "model type", type, err);
    if (*string_at(model, "continuing_subword_prefix") || *string_at(model, "end_of_word_suffix"))
        return unsupported(list, "model with", "continuing_subword_prefix or end_of_word_suffix",
                           err);
    if (is_true(model, "ignore_merges") || is_true(model, "byte_fallback"))
        return unsupported(list, "model with", "ignore_merges or byte_fallback", err);
    espy_status status =
        list_vocabulary(list, espy_json_at(model, "vocab"), ESPY_TOKEN_ORDINARY, err);
    return status ? status : list_merges(list, espy_json_at(model, "merges"), err);
}

static espy_status read_tokenizer_json(espy_vocab **out, const char *path, espy_error *err) {
    cJSON *root = NULL;
    const cJSON *token;
    espy_vocab_list list = { .name = path };
    espy_status status = espy_json_load(&root, path, err);
    if (!status) status = read_normalizer(&list, espy_json_at(root, "normalizer"), err);
    if (!status) status = read_pre_tokenizer(&list, espy_json_at(root, "pre_tokenizer"), err);
    if (!status) status = read_model(&list, espy_json_at(root, "model"), err);
    cJSON_ArrayForEach(token, espy_json_at(root, "added_tokens")) {
        if (status) break;
        status = list_added(&list, token, id_of(espy_json_at(token, "id")), err);
    }
    if (!status) status = espy_vocab_build(out, &list, err);
    espy_vocab_list_free(&list);
    cJSON_Delete(root);
    return status;
}

/* ------------------------------------------------- vocab.json and its company */

static espy_status read_merges_txt(espy_vocab_list *list, const espy_source *source,
                                   espy_error *err) {
    const char *text = (const char *)source->data;
    size_t n = (size_t)source->n_bytes;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        espy_text_view line = { text + at, end ? (size_t)(end - text) - at : n - at };
        size_t next = at + line.n + 1;
        if (line.n && line.s[line.n - 1] == '\r') line.n--;
        int is_merge = line.n && !(line.n >= 8 && memcmp(line.s, "#version", 8) == 0);
        espy_status status =
            is_merge ? espy_vocab_list_merge_line(list, line, (int64_t)at, err) : ESPY_OK;
        if (status) return status;
        at = next;
    }
    return ESPY_OK;
}

/* Classes whose splitting pattern is Qwen2's, or that leave it open. */
static espy_status read_class(espy_vocab_list *list, const cJSON *config, espy_error *err) {
    static const char *const known[] = { "", "Qwen2Tokenizer", "Qwen2TokenizerFast",
                                         "PreTrainedTokenizerFast", "TokenizersBackend" };
    const char *name = string_at(config, "tokenizer_class");
    list->split = &espy_split_qwen2;
    list->nfc = 1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0) return ESPY_OK;
    return unsupported(list, "tokenizer_class", name, err);
}

static espy_status read_decoder(espy_vocab_list *list, const cJSON *config, espy_error *err) {
    const cJSON *token;
    cJSON_ArrayForEach(token, espy_json_at(config, "added_tokens_decoder")) {
        char *end = NULL;
        errno = 0;
        long long id = strtoll(token->string, &end, 10);
        if (errno || end == token->string || *end) id = -1;
        espy_status status = list_added(list, token, id, err);
        if (status) return status;
    }
    return ESPY_OK;
}

/* ------------------------------------------------------------------ the folder */

enum { TOKENIZER_JSON, VOCAB_JSON, MERGES_TXT, TOKENIZER_CONFIG, ADDED_TOKENS, TIKTOKEN, N_FILES };
static const char *const file_names[N_FILES] = {
    "tokenizer.json",        "vocab.json",        "merges.txt",
    "tokenizer_config.json", "added_tokens.json", "qwen.tiktoken",
};

static int is_there(const char *path) {
    return access(path, F_OK) == 0;
}

static espy_status load_if_there(cJSON **out, const char *path, espy_error *err) {
    *out = NULL;
    return is_there(path) ? espy_json_load(out, path, err) : ESPY_OK;
}

static espy_status read_parts(espy_vocab **out, char *const paths[N_FILES], espy_error *err) {
    cJSON *vocab = NULL, *config = NULL, *added = NULL;
    espy_source merges = { 0 };
    espy_vocab_list list = { .name = paths[VOCAB_JSON] };
    espy_status status = espy_json_load(&vocab, paths[VOCAB_JSON], err);
    if (!status) status = espy_source_open(&merges, paths[MERGES_TXT], err);
    if (!status) status = load_if_there(&config, paths[TOKENIZER_CONFIG], err);
    if (!status) status = load_if_there(&added, paths[ADDED_TOKENS], err);
    if (!status) status = list_vocabulary(&list, vocab, ESPY_TOKEN_ORDINARY, err);
    list.name = paths[MERGES_TXT];
    if (!status) status = read_merges_txt(&list, &merges, err);
    list.name = paths[ADDED_TOKENS];
    if (!status && added) status = list_vocabulary(&list, added, ESPY_TOKEN_ADDED, err);
    list.name = paths[TOKENIZER_CONFIG];
    if (!status) status = read_class(&list, config, err);
    if (!status) status = read_decoder(&list, config, err);
    list.name = paths[VOCAB_JSON];
    if (!status) status = espy_vocab_build(out, &list, err);
    espy_vocab_list_free(&list);
    if (merges.name) espy_source_close(&merges);
    cJSON_Delete(vocab);
    cJSON_Delete(config);
    cJSON_Delete(added);
    return status;
}

static espy_status read_tiktoken(espy_vocab **out, const char *path, espy_error *err) {
    espy_source source;
    espy_status status = espy_source_open(&source, path, err);
    if (status) return status;
    status = espy_vocab_from_tiktoken(out, source.data, (size_t)source.n_bytes, path, err);
    espy_source_close(&source);
    return status;
}

espy_status espy_vocab_from_folder(espy_vocab **out, const char *folder, espy_error *err) {
    char *paths[N_FILES] = { NULL };
    espy_status status = ESPY_OK;
    *out = NULL;
    for (int i = 0; i < N_FILES && !status; i++) {
        paths[i] = espy_path_join(folder, file_names[i]);
        if (!paths[i]) status = espy_out_of_memory(err);
    }
    if (!status) {
        if (is_there(paths[TOKENIZER_JSON]))
            status = read_tokenizer_json(out, paths[TOKENIZER_JSON], err);
        else if (is_there(paths[VOCAB_JSON]) && is_there(paths[MERGES_TXT]))
            status = read_parts(out, paths, err);
        else if (is_there(paths[TIKTOKEN]))
            status = read_tiktoken(out, paths[TIKTOKEN], err);
        else
            status = espy_fail(err, ESPY_ERR_MISSING, -1,
                               "%s: no tokenizer: neither tokenizer.json nor vocab.json with "
                               "merges.txt nor qwen.tiktoken is there",
                               folder);
    }
    for (int i = 0; i < N_FILES; i++) free(paths[i]);
    return status;
}
