/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ESPY_TESTS_FUZZ_CONTAINER_H
#define ESPY_TESTS_FUZZ_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Opens data as a weights file, checks and reads all that the container gives
 * out. name only decides when the bytes do not tell the format. */
espy_status fuzz_container(const uint8_t *data, size_t n_bytes, const char *name);

#endif
