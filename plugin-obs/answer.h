/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a model writes becomes captions: one for what came so far, then the whole. Of one
 * thread.
 */
#ifndef ESPY_OBS_ANSWER_H
#define ESPY_OBS_ANSWER_H

#include <espy.h>

#include "caption.h"

typedef struct answer {
    const espy_task_request *ask;
    espy_shape_reader *reader; /* of a question for places, else NULL */
    double width, height;      /* that its shapes are in              */
    guint64 serial;            /* of its captions                     */
    gint64 seen_us;

    GString *text;     /* what came so far                                      */
    GArray *boxes;     /* of caption_box                                        */
    GPtrArray *labels; /* each once, in the order they came                     */
    GHashTable *found; /* label -> how often                                    */
    int n_tokens;
    gint64 first_us; /* when the first token came */
} answer;

/* ask is borrowed until answer_close. */
void answer_open(answer *a, const espy_task_request *ask, guint64 serial, gint64 seen_us);
void answer_close(answer *a);

/* Of a question for places, before the first piece: the picture that they are in, as it is
 * asked about; label: of what has none, NULL: "object 1" and so on. Without effect on
 * other questions. Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY. */
espy_status answer_set_picture(answer *a, const espy_model *model, const espy_image *image,
                               int64_t min_pixels, int64_t max_pixels, const char *label,
                               espy_error *err);

/* A token's text, which may be empty. *so_far: a caption, or NULL if it says nothing new;
 * *ends: what follows would not be read. Errors ESPY_ERR_MEMORY; *so_far is NULL then. */
espy_status answer_push(answer *a, const char *piece, size_t n_bytes, caption **so_far,
                        gboolean *ends, espy_error *err);

/* The whole. Errors as above. */
espy_status answer_end(answer *a, const espy_result *result, caption **whole, espy_error *err);

#endif
