/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ways.h"

#include <stddef.h>

const char *const ways_of_text[] = {
    "none", "alt-text", "comment", "layer-name", "text-layer", NULL,
};

const char *const ways_of_shapes[] = {
    "selection-new",
    "selection-add",
    "selection-subtract",
    "selection-intersect",
    "paths",
    "guides",
    "layers",
    "crop",
    "text-layers",
    "none",
    NULL,
};
