/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tensors of a file to be written: where their numbers are, which type they
 * get. Writing converts some rows at a time, on all threads. */
#ifndef ESPY_CONVERT_TENSORS_H
#define ESPY_CONVERT_TENSORS_H

#include "base/threads.h"
#include "compute/ops.h"
#include "convert/mix.h"
#include "file/gguf_write.h"

typedef struct espy_out_weight {
    char *name;
    espy_tensor from;     /* its shape is that of the written tensor */
    espy_experts experts; /* each NULL, or the matrices that from's numbers are in instead */
    espy_dtype to;
} espy_out_weight;

typedef struct espy_out_weights {
    espy_out_weight *items;
    int n, capacity;
} espy_out_weights;

/* from's data must last until the list is written; its type becomes to. */
espy_status espy_out_weights_add(espy_out_weights *list, const char *name, const espy_tensor *from,
                                 espy_error *err);

/* The matrices of experts as one tensor [expert][out][in], however they lie. */
espy_status espy_out_weights_add_experts(espy_out_weights *list, const char *name,
                                         const espy_experts *experts, espy_error *err);

void espy_out_weights_free(espy_out_weights *list);

/* Sets each tensor's type by the mix. */
void espy_out_weights_choose(espy_out_weights *list, const espy_mix_file *file);

/* Numbers in all tensors. */
int64_t espy_out_weights_count(const espy_out_weights *list);

/* How far several lists are, told as "writing". */
typedef struct espy_out_progress {
    espy_progress_fn fn;
    void *user;
    int64_t done, total;
} espy_out_progress;

/* Names, then the data of all tensors. Errors of the writer; ESPY_ERR_FORMAT for a
 * number that is not finite or too large for its type, with tensor and place;
 * ESPY_ERR_STOPPED, ESPY_ERR_MEMORY. path stands in messages. */
espy_status espy_out_weights_write(const espy_out_weights *list, espy_gguf_writer *writer,
                                   espy_pool *pool, espy_out_progress *progress, const char *path,
                                   espy_error *err);

#endif
