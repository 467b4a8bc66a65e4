/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ESPY_FILE_SAFETENSORS_SCALE_H
#define ESPY_FILE_SAFETENSORS_SCALE_H

#include "file/container.h"

/* Gives each F8_E4M3 tensor "X" the scales of the tensor "X_scale_inv", as f32
 * kept by the container. Errors ESPY_ERR_FORMAT when the shapes do not fit,
 * ESPY_ERR_MEMORY. */
espy_status espy_attach_scales(espy_container *c, espy_error *err);

#endif
