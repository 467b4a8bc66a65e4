/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/safetensors_write.h"

enum { MAX_TENSORS = 3 + 2 * (2 + ESPY_MAX_TAPS) };

typedef struct trace {
    espy_out_tensor at[MAX_TENSORS];
    void *owned[MAX_TENSORS];
    char names[2][ESPY_MAX_TAPS][32];
    int n;
} trace;

/* Which array of a picture: -2 patches, -1 tokens, else a tap. */
static const float *array_of(const espy_picture *p, int which) {
    return which == -2 ? p->patches : which == -1 ? p->seen->tokens : p->seen->taps[which];
}

/* Tokens of a picture, or its patches: -2. */
static int64_t rows_of(const espy_picture *p, int merge, int which) {
    return which == -2 ? espy_grid_patches(p->grid, merge) : p->n;
}

/* One tensor [rows of all pictures, or of all clips][cols]. */
static int add_joined(trace *t, const char *name, const espy_prepared *p, int merge, int clips,
                      int which, int64_t cols) {
    int64_t rows = 0, at = 0;
    for (int i = 0; i < p->n_pictures; i++)
        if ((p->pictures[i].clip >= 0) == clips) rows += rows_of(&p->pictures[i], merge, which);
    float *all = malloc((size_t)(rows * cols) * sizeof *all + 1);
    if (!all) return -1;
    for (int i = 0; i < p->n_pictures; i++) {
        if ((p->pictures[i].clip >= 0) != clips) continue;
        int64_t n = rows_of(&p->pictures[i], merge, which) * cols;
        memcpy(all + at, array_of(&p->pictures[i], which), (size_t)n * sizeof *all);
        at += n;
    }
    t->owned[t->n] = all;
    t->at[t->n++] = (espy_out_tensor){ name, 0, 2, { rows, cols }, all };
    return 0;
}

static int add_vision(trace *t, const espy_model *m, const espy_prepared *p, int clips) {
    const espy_vision_config *v = &m->config.vision;
    int64_t values = (int64_t)3 * v->temporal * v->patch * v->patch, dim = m->config.text.dim;
    int failed =
        add_joined(t, clips ? "pixel_values_videos" : "pixel_values", p, v->merge, clips, -2,
                   values) ||
        add_joined(t, clips ? "video_embeds" : "image_embeds", p, v->merge, clips, -1, dim);
    for (int k = 0; k < v->n_taps && !failed; k++) {
        char *name = t->names[clips][k];
        snprintf(name, sizeof t->names[0][0], "%s_deepstack_%d", clips ? "video" : "image", k);
        failed = add_joined(t, name, p, v->merge, clips, k, dim);
    }
    return failed;
}

static int add_positions(trace *t, const espy_timeline *line) {
    int32_t *all = malloc((size_t)line->n * 3 * sizeof *all + 1);
    if (!all) return -1;
    for (int axis = 0; axis < 3; axis++)
        memcpy(all + axis * line->n, line->positions.at[axis], (size_t)line->n * sizeof *all);
    t->owned[t->n] = all;
    t->at[t->n++] = (espy_out_tensor){ "position_ids", 1, 2, { 3, line->n }, all };
    return 0;
}

espy_status espy_trace_write(const char *path, const espy_model *m, const espy_prepared *p,
                             const float *logits, espy_error *err) {
    trace *t = calloc(1, sizeof *t);
    if (!t) return espy_out_of_memory(err);
    t->at[t->n++] = (espy_out_tensor){ "input_ids", 1, 1, { p->timeline.n }, p->timeline.ids };
    int failed = add_positions(t, &p->timeline);
    int n_patches = 0;
    for (int i = 0; i < p->n_clips; i++) n_patches += p->clips[i].n;
    if (p->n_pictures > n_patches && !failed) failed = add_vision(t, m, p, 0);
    if (p->n_clips && !failed) failed = add_vision(t, m, p, 1);
    t->at[t->n++] = (espy_out_tensor){ "last_logits", 0, 1, { m->config.text.n_vocab }, logits };
    espy_status status =
        failed ? espy_out_of_memory(err) : espy_safetensors_write(path, t->at, t->n, err);
    for (int i = 0; i < t->n; i++) free(t->owned[i]);
    free(t);
    return status;
}
