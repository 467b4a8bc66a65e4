/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A GGUF written anew: whatever is accepted gives a file that is accepted again,
 * with the same tensors in it; whatever is not gives none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/container.h"
#include "fuzz.h"

espy_status fuzz_status;

static char folder[] = "espy-quantize-XXXXXX", in[64], out[64];

static void remove_files(void) {
    unlink(in);
    unlink(out);
    rmdir(folder); /* fails, and is seen, if anything else was left */
}

static void begin(void) {
    if (!mkdtemp(folder)) abort();
    snprintf(in, sizeof in, "%s/in.gguf", folder);
    snprintf(out, sizeof out, "%s/out.gguf", folder);
    atexit(remove_files);
}

static void compare(void) {
    espy_container *a = NULL, *b = NULL;
    espy_error err = { 0 };
    /* an allocation may fail here too, which then is what there is to say */
    fuzz_status = espy_container_open(&a, in, &err);
    if (!fuzz_status) fuzz_status = espy_container_open(&b, out, &err);
    FUZZ_CHECK(!fuzz_status || fuzz_status == ESPY_ERR_MEMORY);
    for (int i = 0; !fuzz_status && i < espy_container_n_tensors(a); i++) {
        const espy_named_tensor *t = espy_container_tensor(a, i);
        const espy_tensor *u = espy_container_find(b, t->name);
        FUZZ_CHECK(u && u->shape[0] == t->tensor.shape[0] && u->shape[1] == t->tensor.shape[1]);
        fuzz_touch(u->data, (size_t)u->n_bytes);
    }
    espy_container_close(&a);
    espy_container_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes) {
    static const char *const types[] = { "Q4_K_M", "Q8_0", "F32", "BF16" };
    espy_error err = { 0 };
    espy_convert_params p = { .type = types[n_bytes % 4], .overwrite = 1, .n_threads = 1 };
    p.vision_type = n_bytes % 3 ? "Q8_0" : NULL;
    if (!in[0]) begin();
    FILE *f = fopen(in, "wb");
    if (!f || (n_bytes && fwrite(data, 1, n_bytes, f) != n_bytes) || fclose(f)) abort();
    unlink(out);
    fuzz_status = espy_quantize(in, out, &p, &err);
    FUZZ_CHECK(!fuzz_status == !access(out, F_OK));
    FUZZ_CHECK(!fuzz_status || err.message[0]);
    if (!fuzz_status) compare();
    return 0;
}
