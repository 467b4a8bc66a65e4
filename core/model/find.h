/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where models are installed, and which one is meant. */
#ifndef ESPY_MODEL_FIND_H
#define ESPY_MODEL_FIND_H

#include "base/status.h"

#define ESPY_BUILT_IN "espy-nano"

/* Owned paths; a zeroed list is an empty one. */
typedef struct espy_paths {
    char **at; /* [n] */
    int n;
} espy_paths;

void espy_paths_free(espy_paths *list);

/* The folders to look in, in order, each once. */
espy_status espy_find_folders(espy_paths *out, espy_error *err);

/* The path of the model that name stands for in these folders, and of the one
 * to take without a name. *path is owned by the caller. Errors ESPY_ERR_MISSING,
 * ESPY_ERR_ARGUMENT (several to choose from), ESPY_ERR_MEMORY. */
espy_status espy_find_named(const espy_paths *folders, const char *name, char **path,
                            espy_error *err);
espy_status espy_find_default(const espy_paths *folders, char **path, espy_error *err);

#endif
