/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a path to the files that make up a model. */
#ifndef ESPY_MODEL_OPEN_H
#define ESPY_MODEL_OPEN_H

#include "file/container.h"

struct espy_family;

/* What lies at a path that a user gave. Paths are owned; free with
 * espy_place_free. */
typedef struct espy_place {
    char *folder; /* Hugging Face folder, or NULL */
    char *gguf;   /* GGUF file, or NULL           */
} espy_place;

/* A folder with config.json, a file in one (config.json, *.safetensors), a GGUF
 * file, or a folder with one GGUF model. Errors ESPY_ERR_IO, ESPY_ERR_MISSING
 * (nothing like a model there), ESPY_ERR_ARGUMENT (several GGUF models). */
espy_status espy_place_find(espy_place *out, const char *path, espy_error *err);
void espy_place_free(espy_place *place);

/* Whether a file's name is that of a GGUF model, or its first part. */
int espy_place_is_gguf(const char *name);

/* The mmproj GGUF that belongs to a GGUF model by its name: in the same folder,
 * "mmproj" in its name, the best match of the rest of the name; its projection
 * must be dim wide, and a family must have both its projector and the model's
 * architecture; this family, if named is not NULL. *out is owned by the caller, NULL if
 * there is none. Errors ESPY_ERR_FORMAT (only ones of another width or family),
 * ESPY_ERR_MEMORY. */
espy_status espy_mmproj_find(char **out, const char *gguf_path, int64_t dim,
                             const char *architecture, const struct espy_family *named,
                             espy_error *err);

/* clip.projector_type of a container with a vision part, [*n] without a NUL; NULL: it
 * has none. */
const char *espy_projector_of(const espy_container *c, size_t *n);

#endif
