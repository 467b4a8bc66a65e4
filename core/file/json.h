/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON files through cJSON, with our errors. */
#ifndef ESPY_FILE_JSON_H
#define ESPY_FILE_JSON_H

#include <cjson/cJSON.h>

#include "base/status.h"

/* Parses bytes (not NUL-terminated; a UTF-8 BOM is skipped). name stands in
 * messages, the error's offset is where parsing failed. Trailing bytes other
 * than blanks and NULs are an error. Free with cJSON_Delete. */
espy_status espy_json_parse(cJSON **out, const void *bytes, size_t n_bytes, const char *name,
                            espy_error *err);

/* The same from a file. ESPY_ERR_IO when it cannot be read. */
espy_status espy_json_load(cJSON **out, const char *path, espy_error *err);

/* The item at a dotted path ("text_config.rope_scaling.mrope_section"), or
 * NULL. Case-sensitive. */
const cJSON *espy_json_at(const cJSON *root, const char *path);

#endif
