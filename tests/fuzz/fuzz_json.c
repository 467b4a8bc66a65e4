/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "file/json.h"
#include "fuzz.h"

espy_status fuzz_status;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    cJSON *json;
    espy_error err = { 0 };
    fuzz_status = espy_json_parse(&json, data, n_bytes, "input.json", &err);
    if (fuzz_status) {
        FUZZ_CHECK(!json && err.message[0]);
        FUZZ_CHECK(err.offset >= 0 && err.offset <= (int64_t)n_bytes);
        return 0;
    }
    FUZZ_CHECK(espy_json_at(json, "text_config.") == NULL || cJSON_IsObject(json));
    const cJSON *sections = espy_json_at(json, "text_config.rope_scaling.mrope_section"), *item;
    cJSON_ArrayForEach(item, sections) fuzz_touch(item, sizeof *item);
    cJSON_Delete(json);
    return 0;
}
