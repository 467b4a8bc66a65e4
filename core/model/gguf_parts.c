/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of a GGUF model and its family. The architecture of the language part may
 * be that of several families; the projector of the vision part then decides:
 *
 *     model.gguf -> architecture -> mmproj*.gguf beside it -> projector -> family */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/open.h"

static espy_status read_architecture(const espy_model *m, espy_numbers *n, espy_error *err) {
    const char *path = espy_container_path(m->language);
    const espy_meta *a = espy_container_meta(m->language, "general.architecture");
    if (!a || a->type != ESPY_META_STRING)
        return espy_fail(err, ESPY_ERR_FORMAT, -1, "%s: general.architecture is missing", path);
    snprintf(n->architecture, sizeof n->architecture, "%.*s",
             (int)(a->s_bytes > 63 ? 63 : a->s_bytes), a->s);
    if (strcmp(n->architecture, "clip") == 0)
        return espy_fail(
            err, ESPY_ERR_ARGUMENT, -1,
            "%s is the vision part (mmproj) of a model; give the language model's file "
            "as the model",
            path);
    if (espy_family_of_gguf(n->architecture, NULL, 0, NULL)) return ESPY_OK;
    char known[256];
    espy_known_families(known, sizeof known);
    return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                     "%s: architecture '%s' is not one that espy runs (%s)", path, n->architecture,
                     known);
}

/* Stretched positions change every answer; they are not computed here. */
static espy_status check_rope(const espy_model *m, const espy_numbers *n, espy_error *err) {
    char key[96];
    snprintf(key, sizeof key, "%s.rope.scaling.type", n->architecture);
    const espy_meta *type = espy_container_meta(m->language, key);
    if (!type ||
        (type->type == ESPY_META_STRING && type->s_bytes == 4 && memcmp(type->s, "none", 4) == 0))
        return ESPY_OK;
    int is_text = type->type == ESPY_META_STRING;
    return espy_fail(err, is_text ? ESPY_ERR_UNSUPPORTED : ESPY_ERR_FORMAT, -1,
                     "%s: %s is '%.*s'; espy runs models as they were trained, 'none'",
                     espy_container_path(m->language), key,
                     is_text ? (int)(type->s_bytes > 40 ? 40 : type->s_bytes) : 11,
                     is_text ? type->s : "not a string");
}

/* Whether the language part's file holds the vision part too. */
static int has_both(const espy_container *c) {
    static const char *const patches[] = { "v.patch_embd.weight", "v.patch_embed.weight",
                                           "v.patch_embd_0.weight" };
    int found = 0;
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++)
        found |= espy_container_find(c, patches[i]) != NULL;
    return found;
}

/* The family that the language part names, where its architecture leaves several: those
 * of one width would take each other's vision parts. NULL: it does not say. */
static const espy_family *named_family(const espy_model *m, const espy_numbers *n) {
    static const char *const keys[] = { "general.basename", "general.name",
                                        "general.base_model.0.name" };
    const espy_family *found = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && !found; i++) {
        const espy_meta *name = espy_container_meta(m->language, keys[i]);
        if (name && name->type == ESPY_META_STRING)
            found = espy_family_of_name(n->architecture, name->s, name->s_bytes);
    }
    return found;
}

static espy_status open_mmproj(espy_model *m, const espy_numbers *n, const char *given, int64_t dim,
                               espy_error *err) {
    const char *path = espy_container_path(m->language);
    char *found = NULL;
    espy_status status = ESPY_OK;
    if (!given)
        status = espy_mmproj_find(&found, path, dim, n->architecture, named_family(m, n), err);
    if (!status && !given && !found)
        status =
            espy_fail(err, ESPY_ERR_MISSING, -1,
                      "%s: its vision part is missing; put the model's mmproj*.gguf beside it, "
                      "or name it with --mmproj",
                      path);
    if (!status) status = espy_container_open(&m->vision, given ? given : found, err);
    if (!status) espy_model_tell(m, 2, "vision part: %s", given ? given : found);
    free(found);
    return status;
}

/* Files with both parts may do without a projector type, if their architecture is that of
 * one family. */
static espy_status settle_family(espy_model *m, const espy_numbers *n, espy_error *err) {
    const espy_container *c = m->vision ? m->vision : m->language;
    size_t n_bytes = 0;
    int several;
    const char *projector = espy_projector_of(c, &n_bytes);
    m->family = espy_family_of_gguf(n->architecture, projector, n_bytes, &several);
    if (!projector && (m->vision || several))
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: clip.projector_type is missing; %s expected", espy_container_path(c),
                         m->vision ? "an mmproj GGUF is"
                                   : "without it the family is not known, it is");
    if (!m->family)
        return espy_fail(err, ESPY_ERR_UNSUPPORTED, -1,
                         "%s: projector '%.*s' does not belong to a model of architecture '%s'",
                         espy_container_path(c), (int)(n_bytes > 60 ? 60 : n_bytes), projector,
                         n->architecture);
    const espy_family *named = named_family(m, n);
    if (m->vision && named && named != m->family)
        return espy_fail(err, ESPY_ERR_FORMAT, -1,
                         "%s: the vision part of a %s, but %s is a %s by its name; that model's "
                         "own mmproj is needed",
                         espy_container_path(c), m->family->name, espy_container_path(m->language),
                         named->name);
    return ESPY_OK;
}

static espy_status check_width(const espy_model *m, int64_t dim, espy_error *err) {
    const espy_meta *out = espy_container_meta(m->vision, "clip.vision.projection_dim");
    if (!out || out->i == dim) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_FORMAT, -1,
                     "%s: its vision tokens are %lld wide, those of %s %lld; it belongs to "
                     "another model",
                     espy_container_path(m->vision), (long long)out->i,
                     espy_container_path(m->language), (long long)dim);
}

espy_status espy_gguf_open_parts(espy_model *m, espy_numbers *n, const char *path,
                                 const char *mmproj, espy_error *err) {
    espy_status status = espy_container_open(&m->language, path, err);
    if (!status) status = read_architecture(m, n, err);
    if (!status) status = check_rope(m, n, err);
    if (status) return status;
    char name[96];
    snprintf(name, sizeof name, "%s.embedding_length", n->architecture);
    const espy_meta *width = espy_container_meta(m->language, name);
    int64_t dim = width ? width->i : 0;
    if (mmproj || !has_both(m->language)) status = open_mmproj(m, n, mmproj, dim, err);
    if (!status) status = settle_family(m, n, err);
    return status || !m->vision ? status : check_width(m, dim, err);
}
