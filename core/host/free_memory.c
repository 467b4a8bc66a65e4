/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "free_memory.h"

#include <glib.h>
#include <string.h>

int64_t free_memory(void) {
    static const char key[] = "MemAvailable:";
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL)) return 0;
    const char *line = strstr(text, key);
    return line ? g_ascii_strtoll(line + strlen(key), NULL, 10) * 1024 : 0;
}

espy_status needed_memory(const espy_model *model, const espy_request *request,
                          const espy_context_params *params, int64_t image_pixels, int64_t *needed,
                          espy_error *err) {
    int64_t n_tokens;
    espy_memory_estimate m;
    espy_context_params sized = *params;
    espy_status status = espy_count_prompt(model, request, &n_tokens, err);
    if (status) return status;
    sized.n_context = n_tokens + request->max_tokens;
    status = espy_estimate_memory(model, &sized, image_pixels, &m, err);
    if (!status)
        *needed = m.active_bytes + m.cache_bytes + m.activation_bytes + m.vision_cache_bytes;
    return status;
}
