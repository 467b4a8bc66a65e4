/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model family is data: what the model file does not spell out, the numbers'
 * names, the weights' names. */
#ifndef ESPY_MODEL_FAMILY_H
#define ESPY_MODEL_FAMILY_H

#include "model/config.h"
#include "model/experts.h"
#include "model/weights.h"
#include "text/chat.h"

typedef enum espy_rope_layout {
    ESPY_MROPE_BLOCKED = 0, /* pairs 0.. time, then row, then column */
    ESPY_MROPE_INTERLEAVED, /* time, row, column in turn             */
    ESPY_ROPE_1D            /* one position, also among the vision tokens of a picture */
} espy_rope_layout;

/* Which wording of a task's prompt a family was trained on: a column of the
 * table in generate/tasks.c. */
typedef enum espy_wording {
    ESPY_WORDING_QWEN3_VL = 0,
    ESPY_WORDING_QWEN_VL,
    ESPY_WORDING_QWEN2_5_VL,
    ESPY_WORDING_QWEN2_VL,
    ESPY_WORDING_NANO, /* of the built-in model, whatever its family */
    ESPY_N_WORDINGS
} espy_wording;

/* How clips are shown (MODELS.md 5.5). Where their times stand as text before
 * each pair of frames is said by the chat style (time_stamp); elsewhere a clip is one
 * run of tokens with time positions. */
typedef struct espy_video_traits {
    int sampling;                  /* rule of espy_sample_frames                             */
    int whole;                     /* the limits of the config are those of all frames together;
                                      else of each, and the following hold too, in vision tokens: */
    int least_tokens, most_tokens; /* of a frame                                 */
    int total_tokens;              /* of the clip, which may lower most_tokens    */
} espy_video_traits;

typedef struct espy_family {
    const char *name;           /* "qwen3_vl"                        */
    const char *model_types[4]; /* config.json: model_type           */
    const char *vision_object;  /* what config.json has only if the model sees; or NULL */
    const char *gguf_architectures[4];
    const char *projector_types[4]; /* mmproj: clip.projector_type       */
    const char *gguf_name;          /* letters and digits in the names of its GGUFs, where the
                                       architecture leaves several families; or NULL */
    const char *paper;

    struct {
        espy_norm_kind norm;
        espy_gate mlp, merger_mlp;
        int no_rope;  /* positions from the learned table alone            */
        int per_head; /* rows of qkv are [heads][q, k, v][head_dim]        */
        int original; /* pixels: Pillow's filter, u8 / 255 before the mean */
    } vision;
    struct {
        espy_rope_layout rope;
    } text;
    espy_video_traits video;
    int box_scale;
    espy_wording wording;
    const espy_chat_style *chat;
    const espy_chat_style *thinking_chat; /* of releases that think first; or NULL */

    const espy_config *defaults;    /* where a file says nothing */
    const espy_key_table *keys[10]; /* NULL ends the lists */
    const espy_weight_table *weights[10];
    const espy_expert_table *experts; /* NULL: the family has none */

    /* What no row can say: called when the rows have been read, to settle what follows
     * from several. A length left at 0 is then that of the tensors (weights.h). */
    espy_status (*settle)(espy_config *config, const espy_numbers *numbers, espy_error *err);
    /* NULL, or: what follows from the weights alone, computed once when they are bound. */
    espy_status (*finish)(espy_weights *weights, espy_config *config, const espy_container *files,
                          espy_error *err);
} espy_family;

/* All families. */
extern const espy_family *const espy_families[];
extern const int espy_n_families;

/* The one of a config.json's model_type; NULL: none. */
const espy_family *espy_family_of_type(const char *model_type);

/* Of a GGUF's architecture, and of the projector type [n] of its vision part, for one
 * architecture serves several families; projector NULL: any. *several, if asked for,
 * tells that more than one fits. NULL: none does. */
const espy_family *espy_family_of_gguf(const char *architecture, const char *projector, size_t n,
                                       int *several);

/* The one that a GGUF's name [n], such as "Qwen2.5 VL 7B Instruct", tells among those of
 * its architecture. NULL: none. */
const espy_family *espy_family_of_name(const char *architecture, const char *name, size_t n);

extern const espy_family espy_family_qwen2_vl;
extern const espy_family espy_family_qwen2_5_vl;
extern const espy_family espy_family_qwen3_vl;
extern const espy_family espy_family_qwen3_vl_moe;
extern const espy_family espy_family_qwen_vl;

#endif
