/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container.h"
#include "fuzz.h"

espy_status fuzz_status;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    fuzz_status = fuzz_container(data, n_bytes, "input.safetensors");
    return 0;
}
