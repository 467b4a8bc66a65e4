/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loaded model, and the two towers' forward passes. */
#ifndef ESPY_MODEL_MODEL_H
#define ESPY_MODEL_MODEL_H

#include "compute/ops.h"
#include "model/family.h"
#include "text/vocab.h"

struct espy_model {
    const espy_family *family;
    espy_config config;
    espy_weights weights;
    espy_container *language, *vision; /* vision NULL: the same */
    espy_vocab *vocab;
    const espy_chat_style *chat;
    char *chat_template; /* as the files give it; NULL: none */
    char name[128], weight_types[128];
    int64_t n_parameters, file_bytes;
    int built_in;
    espy_log_fn log;
    void *user;
};

/* gguf_parts.c */

/* Opens a GGUF model's language part and vision part, which may be the same file, and
 * settles the family; fills n->architecture. mmproj NULL: found beside the model. */
espy_status espy_gguf_open_parts(espy_model *model, espy_numbers *n, const char *path,
                                 const char *mmproj, espy_error *err);

/* open.c */

/* What was decided without being asked: level 1 may surprise, 2 informs. */
__attribute__((format(printf, 3, 4))) void espy_model_tell(const espy_model *model, int level,
                                                           const char *fmt, ...);

/* "qwen2_vl, qwen2_5_vl, ..." for messages. */
void espy_known_families(char *out, size_t capacity);

/* Patches of one picture or temporal patch: t is always 1 here. */
typedef struct espy_grid {
    int h, w;             /* in patches, multiples of merge */
    const int32_t *cells; /* [n_cells] of merge x merge patches, numbered row by row, that
                             are there, ascending; NULL: all */
    int64_t n_cells;
} espy_grid;

/* Patches that are there. */
static inline int64_t espy_grid_patches(espy_grid g, int merge) {
    return g.cells ? g.n_cells * merge * merge : (int64_t)g.h * g.w;
}

/* fit.c */

/* The size to which a still is fitted. min_pixels, max_pixels: 0 or less takes
 * the model's; where the two contradict, a stated one moves the other along, and
 * the upper one wins. Errors of espy_smart_resize; ESPY_ERR_ARGUMENT for a stated one
 * above both 16777216 and the model's upper one. */
espy_status espy_model_fit(const espy_model *model, int height, int width, int64_t min_pixels,
                           int64_t max_pixels, int *fitted_height, int *fitted_width,
                           espy_error *err);

/* Areas of frames, for one clip; 0: the model's. */
typedef struct espy_clip_limits {
    int64_t min_pixels, max_pixels; /* of each frame */
    int64_t total_pixels;           /* of all frames */
} espy_clip_limits;

/* What holds where nothing is asked for, 0: no such limit. */
typedef struct espy_film_limits {
    int64_t frame_min, frame_max; /* pixels of each frame; many frames lower the upper one */
    int64_t film_min, film_max;   /* of all of them */
} espy_film_limits;

espy_film_limits espy_model_film_limits(const espy_model *model);

/* The size to which the frames of a clip are fitted, by the family's rule; n_frames
 * are those that are shown. Errors of espy_smart_resize; ESPY_ERR_ARGUMENT for more
 * pixels than can be. */
espy_status espy_model_fit_clip(const espy_model *model, int height, int width, int n_frames,
                                const espy_clip_limits *limits, int *fitted_height,
                                int *fitted_width, espy_error *err);

/* positions.c */

/* Time, row and column of each token, MODELS.md section 9. */
typedef struct espy_positions {
    int32_t *at[3]; /* [n] each */
    int64_t n;
    int32_t next; /* 1 + the largest so far */
    double theta; /* of the text's rope for this prompt; 0: the model's */
} espy_positions;

/* Appends n_text text tokens, or the merged cells of one grid: a picture, which
 * begins at base = next with step 0, or a temporal patch of a clip, whose base is
 * that of the clip's first and whose time is step later. The arrays have room. */
void espy_positions_text(espy_positions *p, int64_t n_text);
void espy_positions_grid(espy_positions *p, int32_t base, int32_t step, int rows, int columns);

/* The same for those of its cells that are there, at the places that they have among
 * all; what comes next stands as after all. */
void espy_positions_cells(espy_positions *p, int32_t base, int32_t step, int rows, int columns,
                          const int32_t *cells, int64_t n_cells);

/* The time position of temporal patch i of a clip, from the clip's base:
 * trunc(i * seconds * tokens_per_second), or i if the model only counts. */
int32_t espy_clip_step(const espy_vision_config *c, int i, double seconds_per_patch);

/* The rope's theta for a prompt of n tokens: dynamic NTK (MODELS-qwen-vl.md section 7)
 * where the model has it. It holds for the answer too, however long that gets. */
double espy_rope_theta(const espy_text_config *c, int64_t n);

/* Whether log-n attention (section 8) scales the query at a position, and by what. */
int espy_logn_applies(const espy_text_config *c, int32_t position);
float espy_logn_scale(const espy_text_config *c, int32_t position);

/* Cosines and sines [n][head_dim / 2] of M-RoPE for tokens first .. first+n-1. */
void espy_mrope_angles(const espy_model *model, const espy_positions *p, int64_t first, int64_t n,
                       float *cosines, float *sines);

/* The vision tower's 2D rope for one grid in merged order, [patches][head_dim / 2]. */
void espy_rope_2d_angles(const espy_vision_config *c, espy_grid g, float *cosines, float *sines);

/* Rows and weights that interpolate the learned table for one grid, merged
 * order, [patches][4]. */
void espy_position_table_mix(const espy_vision_config *c, espy_grid g, int32_t (*ids)[4],
                             float (*weights)[4]);

/* Where the result of one grid goes, [n / merge^2][text dim] each, or
 * [n_queries][text dim]. */
typedef struct espy_vision_out {
    float *tokens;
    float *taps[ESPY_MAX_TAPS];
} espy_vision_out;

/* fit.c */

/* Vision tokens of a still that was fitted to this size. */
int64_t espy_model_tokens(const espy_model *model, int fitted_height, int fitted_width);

/* table.c */

/* A learned table [side * side][cols] for to * to cells, as a picture of side * side
 * pixels is resized: bicubic (a = -0.75), half-pixel centres, no antialiasing, borders
 * repeated. malloc'd, the caller's; NULL without memory. */
float *espy_table_resize(const float *table, int side, int64_t cols, int to);

/* resampler.c */

/* Computes what does not depend on the picture: the positions for n_patches keys, the
 * queries of the attention, and proj the other way round. Errors ESPY_ERR_FORMAT (a
 * number of queries that is no square), ESPY_ERR_MEMORY. */
espy_status espy_resampler_finish(espy_weights *weights, const espy_config *config,
                                  int64_t n_patches, espy_error *err);

/* The vision tokens of patches x [rows][vision dim], picture i in rows [bounds[i],
 * bounds[i + 1]), as many as in espy_resampler_finish. */
void espy_resampler_forward(espy_run *run, const espy_model *model, espy_act x,
                            const int64_t *bounds, int n_pictures, const espy_vision_out *out);

/* vision.c */

/* Called between layers; non-zero stops. */
typedef int (*espy_layer_fn)(void *user, int done, int total);

/* Runs the tower over patches [n][3 * temporal * p * p] of all grids back to
 * back, attention within each grid: each comes out bit for bit as if it were
 * alone. out [n_grids]. Sets run->status on failure; ESPY_ERR_STOPPED when
 * on_layer asked for it. */
void espy_vision_forward(espy_run *run, const espy_model *model, const float *patches,
                         const espy_grid *grids, int n_grids, const espy_vision_out *out,
                         espy_layer_fn on_layer, void *user);

/* decoder.c */

/* Vision rows that replace embeddings: token first + i of the timeline takes
 * row i. */
typedef struct espy_vision_rows {
    int64_t first, n;
    const float *tokens;              /* [n][dim] */
    const float *taps[ESPY_MAX_TAPS]; /* [n][dim] each */
} espy_vision_rows;

/* Tokens first .. first+n-1 of a timeline, n > 0, to be read into its cache, where
 * room is reserved. ids and positions are those of the whole timeline. */
typedef struct espy_segment {
    espy_cache *cache;
    int64_t first, n;
    const int32_t *ids;
    const espy_positions *positions;
    const espy_vision_rows *rows; /* [n_rows] ascending, may overlap the range in part */
    int n_rows;
    float *logits; /* [n_vocab] receives those of the last token; NULL: none */
} espy_segment;

/* Reads segments of different timelines in one pass; each comes out bit for bit as
 * if it were read alone. Either all or none of them have more than ESPY_FEW_ROWS
 * tokens. */
void espy_decoder_forward(espy_run *run, const espy_model *model, const espy_segment *segments,
                          int n_segments, espy_layer_fn on_layer, void *user);

#endif
