/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The numbers of a model: layers, widths, heads, limits. They come from
 * config.json and its companions, or from GGUF metadata, by a table of rows that
 * each family gives (family.h). Everything is range-checked here, so that the
 * code behind may trust it. */
#ifndef ESPY_MODEL_CONFIG_H
#define ESPY_MODEL_CONFIG_H

#include <cjson/cJSON.h>
#include <math.h>

#include "file/container.h"
#include "file/gguf_write.h"

enum {
    ESPY_MAX_TAPS = 16,
    ESPY_MAX_FULL = 64,
    ESPY_MAX_DENSE = 128,
    ESPY_MAX_EOS = 8,
    ESPY_MAX_HEAD_DIM = 1024
};

typedef struct espy_vision_config {
    int n_layers, dim, n_heads, head_dim, ffn_dim;
    int patch, merge, temporal, out_dim;
    int n_positions;  /* rows of the learned table, a square; 0: none */
    int image_size;   /* side to which all pictures are squashed; 0: they keep their shape */
    int n_queries;    /* vision tokens of any picture; 0: one for merge x merge patches    */
    double mlp_ratio; /* of ffn_dim to dim, where the files say it so */
    int n_taps;
    int taps[ESPY_MAX_TAPS]; /* layers whose output is tapped, ascending */
    int window_px;           /* edge of the windows in which layers attend; 0: none ... */
    int n_full;
    int full[ESPY_MAX_FULL];  /* ... but for these layers, which see the whole picture */
    double tokens_per_second; /* clips: time positions are seconds times this; 0: count */
    float eps;
} espy_vision_config;

typedef struct espy_text_config {
    int n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab;
    int n_taps; /* layers 0 .. n_taps-1 receive a tap */
    int tied;   /* the output matrix is the embedding */
    double eps, rope_theta;
    int n_sections;
    int sections[4]; /* pairs turned by time, row, column */
    int64_t context_length;
    int64_t ntk_length;  /* dynamic NTK: the length trained for; 0: none */
    int64_t logn_length; /* log-n attention: the same                    */

    /* A layer has experts unless it is listed as dense, or its number + 1 is no
     * multiple of expert_step; with n_experts 0 none has. */
    int n_experts, n_active, expert_dim; /* n_active of them for each token */
    int expert_step, n_dense;
    int dense[ESPY_MAX_DENSE];
} espy_text_config;

/* Whether decoder layer i has experts instead of one MLP. */
int espy_layer_has_experts(const espy_text_config *c, int i);

typedef struct espy_image_config {
    double mean[3], std[3];
    int64_t min_pixels, max_pixels;
} espy_image_config;

/* Areas of a clip's frames: of all together, or of each (espy_video_traits). */
typedef struct espy_video_config {
    int64_t min_pixels, max_pixels;
} espy_video_config;

typedef struct espy_config {
    espy_vision_config vision;
    espy_text_config text;
    espy_image_config image;
    espy_video_config video;
    int32_t image_token, video_token, vision_start, vision_end;
    int history_window;   /* tokens of earlier turns that are kept; 0: all */
    int n_eos, n_raw_eos; /* a raw prompt's answer ends at the first n_raw_eos; 0: at any */
    int32_t eos[ESPY_MAX_EOS];
    int32_t pad, bos; /* only to be written again; -1 for none */
    espy_sampling sampling;
} espy_config;

/* Where numbers are looked for. JSON documents or containers may be NULL. */
typedef struct espy_numbers {
    const char *folder; /* for messages */
    const cJSON *config, *preprocessor, *generation;
    const cJSON *video;                      /* of clips; where there is none, preprocessor */
    const espy_container *language, *vision; /* GGUF */
    char architecture[64];
} espy_numbers;

typedef enum espy_key_type {
    ESPY_KEY_INT = 0,
    ESPY_KEY_INT64,
    ESPY_KEY_F32,
    ESPY_KEY_F64
} espy_key_type;

typedef enum espy_key_file {
    ESPY_KEY_CONFIG = 0,
    ESPY_KEY_PREPROCESSOR,
    ESPY_KEY_GENERATION,
    ESPY_KEY_VIDEO
} espy_key_file;

/* One number, or a short list of them. */
typedef struct espy_key {
    size_t at; /* offset in espy_config */
    espy_key_type type;
    espy_key_file file;
    const char *json[6]; /* dotted paths, the first that is there wins */
    const char *gguf[3]; /* "%s" stands for the architecture; looked up in the
                            language file, then in the vision file */
    double fallback;     /* or one of the two below */
    double min, max;
    int n_max;       /* lists: most elements; 0: a single number */
    size_t count_at; /* lists: offset of an int that receives the count */
} espy_key;

#define ESPY_KEY_REQUIRED NAN  /* no fallback: an error */
#define ESPY_KEY_KEPT INFINITY /* what was in the config stays; so it does for lists */

/* Rows of numbers. A family lists some such tables, ended by NULL, and so shares
 * those that others have. */
typedef struct espy_key_table {
    const espy_key *rows;
    int n;
} espy_key_table;

#define ESPY_TABLE(rows)                                                                           \
    { rows, (int)(sizeof(rows) / sizeof *(rows)) }

/* Reads all rows into config. Errors ESPY_ERR_MISSING, ESPY_ERR_FORMAT (out of
 * range; the message names file, key and value). */
espy_status espy_config_read(espy_config *config, const espy_key_table *const *tables,
                             const espy_numbers *numbers, espy_error *err);

/* The way back: every row's first GGUF name with its number, of the vision part
 * ("clip.*") or of the language part (all others). Ids of -1 are left out, as are rows
 * that only files of another layout have ("%s.vision.*"). config_write.c. */
void espy_config_write(const espy_config *config, const espy_key_table *const *tables,
                       const char *architecture, int vision, espy_gguf_writer *writer);

/* A row's name with the architecture put in. */
void espy_key_name(char *out, size_t capacity, const char *pattern, const char *architecture);

#endif
