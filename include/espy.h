/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * espy: the Qwen vision-language models on one's own computer.
 *
 * The shortest program:
 *
 *     espy_error err;
 *     char *text;
 *     if (espy_describe("model-folder", "cat.jpg", "Describe this image.",
 *                       &text, &err))
 *         fprintf(stderr, "%s\n", err.message);
 *     else
 *         puts(text), espy_free(text);
 *
 * Everything else works on three objects:
 *
 *     espy_model    the loaded weights, tokenizer and numbers; never changes
 *     espy_context  one conversation's state: timeline of tokens, KV cache,
 *                   activations, threads
 *     espy_image    pixels, decoded or borrowed
 *
 * Conventions
 *   - Functions that can fail return espy_status; 0 is success. The optional
 *     last argument receives code, sentence and byte offset.
 *   - On failure outputs are untouched, or empty where it is said.
 *   - open fills a pointer, close takes its address, frees and nulls it;
 *     closing NULL is fine.
 *   - Inputs are const and borrowed for the call.
 *   - Parameter structs: a zeroed struct means the defaults. New fields are
 *     added at the end and 0 always means the earlier behaviour.
 *   - Text is UTF-8. Sizes: _px pixels, _bytes bytes, _ms milliseconds.
 *   - Threads: a model may be used by any number of threads at once. Of a
 *     context, one call at a time.
 */
#ifndef ESPY_H
#define ESPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define ESPY_API
#elif defined(__GNUC__)
#define ESPY_API __attribute__((visibility("default")))
#else
#define ESPY_API
#endif

#define ESPY_VERSION_MAJOR 0
#define ESPY_VERSION_MINOR 1
#define ESPY_VERSION_PATCH 0

/* The version of the library in use, "major.minor.patch". Static storage. */
ESPY_API const char *espy_version(void);

/* ------------------------------------------------------------------ errors */

typedef enum espy_status {
    ESPY_OK = 0,
    ESPY_ERR_ARGUMENT,    /* a parameter is out of its stated range          */
    ESPY_ERR_MEMORY,      /* an allocation failed                            */
    ESPY_ERR_IO,          /* a file cannot be opened or read                 */
    ESPY_ERR_FORMAT,      /* bytes that break the rules of their format      */
    ESPY_ERR_UNSUPPORTED, /* valid, but nothing that espy can use            */
    ESPY_ERR_MISSING,     /* a part of the model is not there (mmproj, ...)  */
    ESPY_ERR_FULL,        /* would not fit into the context                  */
    ESPY_ERR_STOPPED,     /* a callback asked to stop                        */
    ESPY_ERR_INTERNAL     /* a bug in espy                                   */
} espy_status;

typedef struct espy_error {
    espy_status code;
    int64_t offset;    /* byte offset in the file; -1 if none applies */
    char message[500]; /* one sentence that names the thing and value */
} espy_error;

/* A short name of a status ("format"), static storage. */
ESPY_API const char *espy_status_name(espy_status s);

/* Frees what espy returned as "owned by the caller"; NULL is fine. */
ESPY_API void espy_free(void *p);

/* Progress of long work. phase is a static string ("loading", "looking",
 * "reading", "writing", "watching"), done and total count units of that phase (total >= done, > 0).
 * Called on the thread that made the call. Return non-zero to stop. */
typedef int (*espy_progress_fn)(void *user, const char *phase, int64_t done, int64_t total);

/* Log lines without a newline; level 0 error, 1 warning, 2 information. */
typedef void (*espy_log_fn)(void *user, int level, const char *line);

/* --------------------------------------------------------- the simple call */

/* Look at one picture file and answer.
 *
 * model_path  as espy_model_open takes it; NULL takes the default model
 * image_path  JPEG, PNG or WebP
 * prompt      NULL asks for a caption, see espy_task_find
 * text        receives the answer; owned by the caller, freed by espy_free
 * Cost        loads the model for each call
 * Errors      all of espy_model_open, espy_image_load and espy_generate
 */
ESPY_API espy_status espy_describe(const char *model_path, const char *image_path,
                                   const char *prompt, char **text, espy_error *err);

/* ------------------------------------------------------------------- model */

typedef struct espy_model espy_model;

/* The path of a model, from its name or from none.
 *
 * name     a path that exists or holds a '/' is given back as it is; else N
 *          stands for N or N.gguf in the first of: the folders of $ESPY_MODELS;
 *          espy/models in $XDG_DATA_HOME (~/.local/share), in $XDG_DATA_DIRS,
 *          in the data folder of the installation.
 *          NULL takes $ESPY_MODEL, a path or a name, if it is set; else the one
 *          model that is installed in these folders; else, if there is none,
 *          the built-in espy-nano
 * path     receives it; owned by the caller, freed by espy_free
 * Errors   ESPY_ERR_MISSING (with the places that were searched),
 *          ESPY_ERR_ARGUMENT (several are installed and none was named; the
 *          message lists them), ESPY_ERR_MEMORY; *path is NULL then
 */
ESPY_API espy_status espy_model_find(const char *name, char **path, espy_error *err);

typedef struct espy_model_params {
    const char *mmproj; /* vision GGUF; NULL: found beside the model by
                           name, or inside the same file               */
    espy_progress_fn progress;
    espy_log_fn log;
    void *user; /* handed to both callbacks                      */
} espy_model_params;

/* Load a model: memory-maps the weights, reads numbers and vocabulary.
 *
 * path     a Hugging Face folder (config.json, *.safetensors, tokenizer), or
 *          a GGUF file (any part of a split one), or a folder with one GGUF;
 *          NULL opens the default model of espy_model_find
 * params   NULL takes the defaults
 * out      receives the model; close it after every context of it
 * Errors   those of espy_model_find; ESPY_ERR_IO, ESPY_ERR_FORMAT (with offset),
 *          ESPY_ERR_UNSUPPORTED (architecture, tensor type), ESPY_ERR_MISSING
 *          (mmproj, tensor, tokenizer), ESPY_ERR_MEMORY; *out is NULL then
 */
ESPY_API espy_status espy_model_open(espy_model **out, const char *path,
                                     const espy_model_params *params, espy_error *err);
ESPY_API void espy_model_close(espy_model **model);

typedef struct espy_model_info {
    const char *family;       /* "qwen3_vl"                                  */
    const char *name;         /* as the file names itself, else its folder's */
    const char *paper;        /* "arXiv:2511.21631"                          */
    const char *weight_types; /* "BF16", "Q4_K Q6_K F32", most bytes first   */
    int64_t n_parameters;
    int64_t file_bytes;
    int n_layers, dim, n_heads, n_kv_heads, head_dim, ffn_dim, n_vocab;
    int vision_layers, vision_dim, vision_heads, patch_px, merge;
    int n_deepstack;
    int64_t context_length; /* tokens the model was trained for; 0 unknown */
    int64_t min_pixels, max_pixels;
    int box_scale;   /* 1000: boxes are per mille; 0: pixels of the fitted image */
    int built_in;    /* non-zero: espy-nano, the small model that comes with espy;
                        it knows drawn shapes, emoji and short words only */
    int image_px;    /* side of the square to which all pictures are squashed, their
                        min_pixels and max_pixels being without effect; 0: none  */
    int n_queries;   /* vision tokens of any picture; 0: one for merge x merge patches */
    int drops_alpha; /* non-zero: the model's own program ignored the alpha channel
                        (ESPY_ALPHA_DROP)                                        */
    /* Experts in place of one MLP, in expert_layers of the layers: for each token
     * the model chooses n_active_experts of n_experts, each expert_dim wide. All 0:
     * it has none. */
    int n_experts, n_active_experts, expert_dim, expert_layers;
    /* Films: the most frames that the model is shown, and the pixels of each and of all
     * together between which they are fitted; 0: no such limit. With max_frames 0 the
     * model takes no films. */
    int max_frames;
    int64_t frame_min_pixels, frame_max_pixels, film_min_pixels, film_max_pixels;
    /* Edge of the windows in which the vision layers attend, but for full_layers of
     * them, which see the whole picture; 0: all of them do. */
    int window_px, full_layers;
} espy_model_info;

/* Strings belong to the model. */
ESPY_API void espy_model_get_info(const espy_model *model, espy_model_info *info);

/* ------------------------------------------------------------------ images */

typedef struct espy_image espy_image;

typedef enum espy_alpha {
    ESPY_ALPHA_WHITE = 0, /* composited over white, as the models' utilities do */
    ESPY_ALPHA_DROP       /* colours kept, alpha ignored, as the processor does */
} espy_alpha;

/* Decode JPEG, PNG or WebP bytes: EXIF orientation applied, 8 bit RGB.
 * name (may be NULL) stands in error messages.
 * Errors ESPY_ERR_FORMAT, ESPY_ERR_UNSUPPORTED, ESPY_ERR_MEMORY. */
ESPY_API espy_status espy_image_decode(espy_image **out, const void *bytes, size_t n_bytes,
                                       espy_alpha alpha, const char *name, espy_error *err);

/* The same from a file. Errors also ESPY_ERR_IO. */
ESPY_API espy_status espy_image_load(espy_image **out, const char *path, espy_alpha alpha,
                                     espy_error *err);

/* Copy pixels: u8 RGB (channels 3) or straight RGBA (4), top-left origin, rows
 * stride_bytes apart (at least width * channels).
 * Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY. */
ESPY_API espy_status espy_image_from_pixels(espy_image **out, const uint8_t *pixels, int width_px,
                                            int height_px, ptrdiff_t stride_bytes, int channels,
                                            espy_alpha alpha, espy_error *err);

ESPY_API void espy_image_close(espy_image **image);
ESPY_API int espy_image_width(const espy_image *image);
ESPY_API int espy_image_height(const espy_image *image);

/* u8 RGB rows, width * 3 bytes apart; belongs to the image. */
ESPY_API const uint8_t *espy_image_pixels(const espy_image *image);

/* The size to which this model would fit a picture, in pixels, and the vision
 * tokens that it would cost; min_pixels/max_pixels 0 take the model's.
 * Errors ESPY_ERR_ARGUMENT (aspect ratio above 200; more pixels stated than
 * 16777216 and the model's most). */
ESPY_API espy_status espy_fit(const espy_model *model, int width_px, int height_px,
                              int64_t min_pixels, int64_t max_pixels, int *fitted_width_px,
                              int *fitted_height_px, int *n_tokens, espy_error *err);

/* The same for the frames of a clip of which n_frames are shown, by the family's
 * rule: with limits of each frame and of all together (0: the model's). *n_tokens is
 * that of the whole clip, without time stamps.
 * Errors ESPY_ERR_ARGUMENT (also frames that are too small for the model). */
ESPY_API espy_status espy_fit_clip(const espy_model *model, int width_px, int height_px,
                                   int n_frames, int64_t min_pixels, int64_t max_pixels,
                                   int64_t total_pixels, int *fitted_width_px,
                                   int *fitted_height_px, int *n_tokens, espy_error *err);

/* ---------------------------------------------------------------- messages */

typedef enum espy_part_type { ESPY_PART_TEXT = 0, ESPY_PART_IMAGE, ESPY_PART_VIDEO } espy_part_type;

/* One piece of a message. Everything is borrowed for the call. */
typedef struct espy_part {
    espy_part_type type;
    const char *text;                /* ESPY_PART_TEXT                        */
    const espy_image *const *images; /* one image, or the frames of a clip,
                                        which have one size                   */
    int n_images;
    double fps;            /* clip: rate of the frames; 0 unknown      */
    int do_sample_frames;  /* clip: choose frames as the processor does,
                              about two a second, 4 to 768             */
    int64_t min_pixels;    /* 0: of the request, else of the model; of */
    int64_t max_pixels;    /* each frame of a clip                     */
    const double *times_s; /* clip: [n_images] when each frame is, in seconds
                              that do not fall; NULL: frame k at k / fps      */
    int64_t total_pixels;  /* clip: at most so many of all its frames that are
                              shown; 0: as the model's files say              */
    int bare;              /* a picture without the words that Qwen-VL has around it,
                              "Picture 1: " and a newline                          */

    /* Dropping of vision tokens, to save time where the gist is enough. Those that are
     * left keep their places in the picture. Not for reading text, nor for finding
     * places, see needs_all in espy_task. */
    double keep;        /* picture: of its tokens this part is looked at, chosen at
                           random, over 0 to 1 (NaViT, arXiv:2307.06304); 0: that of
                           the request, else all. Clip: 0                        */
    uint64_t keep_seed; /* the same seed and size choose the same                */
    int drop_same;      /* clip: drop what is, pixel by pixel, as in the two frames
                           before (at least one token of each two frames stays)  */
} espy_part;

typedef struct espy_message {
    const char *role; /* "system", "user", "assistant", "tool" (a tool's result) */
    const espy_part *parts;
    int n_parts;
} espy_message;

/* ------------------------------------------------------------------- films */

/* Films of all formats that FFmpeg's libraries read, if espy was built with them:
 * WebM, Matroska, MP4, MOV, AVI, GIF, MPEG, FLV, Ogg, WMV.
 *
 *     espy_film *film;
 *     espy_frames frames;
 *     espy_film_open(&film, "film.mp4", &err);
 *     espy_film_read(film, model, NULL, &frames, &err);
 *     parts[0] = espy_frames_part(&frames);
 *     ... espy_generate ...
 *     espy_frames_clear(&frames);
 *     espy_film_close(&film);
 *
 * Of a film, one call at a time. */
typedef struct espy_film espy_film;

/* Whether these first bytes (a few hundred are enough) are those of a film, a GIF
 * among them; also in a build that cannot read films. espy_is_film_file: of a file,
 * 0 if it cannot be read. */
ESPY_API int espy_is_film(const void *bytes, size_t n_bytes);
ESPY_API int espy_is_film_file(const char *path);

/* Opens the file and nothing else, whatever it refers to. Its frames are counted,
 * which reads files of up to 64 MiB once; of larger ones the number is taken from
 * what they state. FFmpeg's own messages on stderr are turned off for the process,
 * unless the host has set a level for them.
 * Errors ESPY_ERR_IO, ESPY_ERR_FORMAT (broken, empty, sound alone),
 * ESPY_ERR_UNSUPPORTED (a codec that is not there; a build without films),
 * ESPY_ERR_MEMORY; *out is NULL then. */
ESPY_API espy_status espy_film_open(espy_film **out, const char *path, espy_error *err);

/* The same from memory, which is borrowed until the film is closed. name (may be
 * NULL) stands in messages. */
ESPY_API espy_status espy_film_open_memory(espy_film **out, const void *bytes, size_t n_bytes,
                                           const char *name, espy_error *err);
ESPY_API void espy_film_close(espy_film **film);

typedef struct espy_film_info {
    int width_px, height_px;    /* upright                                      */
    int64_t n_frames;           /* at least 1; estimated for large files        */
    double fps;                 /* mean rate; 0: unknown                        */
    double duration_s;          /* from the first frame to the end of the last  */
    const char *format, *codec; /* as FFmpeg names them; belong to the film    */
} espy_film_info;

ESPY_API void espy_film_get_info(const espy_film *film, espy_film_info *info);

typedef struct espy_film_params {
    double fps;         /* frames a second to look at; 0: 2                   */
    int min_frames;     /* if the film has so many; 0: 4                      */
    int max_frames;     /* 0: 768, which is also the most                     */
    int64_t min_pixels; /* of each frame, and ...                             */
    int64_t max_pixels;
    int64_t total_pixels; /* ... of all, as in espy_part; 0: the model's       */
    espy_alpha alpha;
    espy_progress_fn progress; /* phase "watching"                             */
    void *user;
} espy_film_params;

/* Owned by the caller; espy_frames_clear frees them. */
typedef struct espy_frames {
    espy_image **images; /* [n_images] fitted already                          */
    double *times_s;     /* [n_images] from the film's first frame on          */
    int n_images;
    double fps; /* rate of these frames                               */
    int64_t min_pixels, max_pixels, total_pixels; /* as they were asked for    */
} espy_frames;

/* The frames that this model is to be shown: evenly spread from the first to the
 * last, about fps a second, chosen by the family's rule. Each is the one shown at
 * that time by the film's own time stamps, whatever its rate; where frames are broken,
 * the one before. Only these are kept, and at the size to which the model will fit
 * them: three hours need no more memory than six minutes. Frames between are decoded
 * where no key frame is nearer.
 *
 * params   NULL takes the defaults
 * Errors   ESPY_ERR_ARGUMENT (numbers out of range, frames too small or too long for
 *          the model), ESPY_ERR_UNSUPPORTED (a model that takes no films),
 *          ESPY_ERR_FORMAT (no frame can be decoded), ESPY_ERR_STOPPED,
 *          ESPY_ERR_MEMORY; *out is empty then
 */
ESPY_API espy_status espy_film_read(espy_film *film, const espy_model *model,
                                    const espy_film_params *params, espy_frames *out,
                                    espy_error *err);

/* The same from files of single frames, rate of them a second (0 unknown: 24); all
 * must have one size. Only those that are chosen are opened.
 * Errors also those of espy_image_load. */
ESPY_API espy_status espy_frames_load(const char *const *paths, int n_paths, double rate,
                                      const espy_model *model, const espy_film_params *params,
                                      espy_frames *out, espy_error *err);
ESPY_API void espy_frames_clear(espy_frames *frames);

/* The frames as a part of a message; it borrows them. */
ESPY_API espy_part espy_frames_part(const espy_frames *frames);

/* ----------------------------------------------------------------- context */

typedef struct espy_context espy_context;

typedef enum espy_cache_type {
    ESPY_CACHE_F16 = 0,
    ESPY_CACHE_F32,
    ESPY_CACHE_Q8_0
} espy_cache_type;

typedef struct espy_context_params {
    int64_t n_context;          /* most tokens on the timeline; 0: as many as the
                                   model was trained for. Memory is taken as the
                                   timeline grows                             */
    int n_threads;              /* 0: one per core                            */
    espy_cache_type cache_type; /* with exact, F32 whatever is said here      */
    int exact;                  /* non-zero: computes in F32 with the weights
                                   as stored                                  */
    const char *kernels;        /* "scalar", "avx2", "avx512"; NULL: the best
                                   that this CPU has                          */
    int64_t vision_cache_bytes; /* most bytes of pictures' vision tokens that are
                                   kept for later requests, see espy_generate;
                                   0: 64 MiB, negative: none                  */
    int64_t pass_tokens;        /* most vision tokens of one pass over several
                                   pictures, see espy_generate; 0: 256        */
    int n_lanes;                /* answers that espy_generate_batch writes at a
                                   time, 1 to 64; 0: 8                        */
} espy_context_params;

/* Memory that a context of these parameters needs, before anything is
 * allocated: bytes of KV cache and of activations (for a picture of
 * image_pixels fitted pixels; 0 takes the model's largest). */
typedef struct espy_memory_estimate {
    int64_t weights_bytes; /* mapped; shared with the page cache              */
    int64_t cache_bytes;
    int64_t activation_bytes;
    int64_t vision_cache_bytes; /* at most; the limit of the context          */
    int64_t pass_bytes;         /* instead of activation_bytes, if that is less:
                                   with several new pictures in one pass      */
    int64_t batch_bytes;        /* more, of KV cache, while espy_generate_batch
                                   runs: of n_lanes timelines, or of one if
                                   that is more than 8192 tokens               */
    int64_t active_bytes;       /* of weights_bytes: what a token needs; with experts
                                   much less than all, which need not fit in memory */
} espy_memory_estimate;

ESPY_API espy_status espy_estimate_memory(const espy_model *model,
                                          const espy_context_params *params, int64_t image_pixels,
                                          espy_memory_estimate *out, espy_error *err);

/* params NULL takes the defaults. The model must outlive the context.
 * Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY, ESPY_ERR_UNSUPPORTED (kernels
 * that this CPU cannot run). */
ESPY_API espy_status espy_context_open(espy_context **out, const espy_model *model,
                                       const espy_context_params *params, espy_error *err);
ESPY_API void espy_context_close(espy_context **context);

/* Tokens on the timeline now, and how many it can hold. */
ESPY_API int64_t espy_context_length(const espy_context *context);
ESPY_API int64_t espy_context_capacity(const espy_context *context);

/* Forget the tokens from position n on (0 empties the timeline). Cheap.
 * A position inside a picture, or a pair of a film's frames, drops all of it.
 * Errors ESPY_ERR_ARGUMENT for n beyond the length. */
ESPY_API espy_status espy_context_rewind(espy_context *context, int64_t n, espy_error *err);

/* A snapshot remembers the timeline's present end, so that different
 * continuations can be tried from it. It stays valid until the timeline is
 * rewound to an earlier position; restoring an invalid one is
 * ESPY_ERR_ARGUMENT. Owned by the caller; close before the context. */
typedef struct espy_snapshot espy_snapshot;
ESPY_API espy_status espy_context_snapshot(espy_context *context, espy_snapshot **out,
                                           espy_error *err);
ESPY_API espy_status espy_context_restore(espy_context *context, const espy_snapshot *snapshot,
                                          espy_error *err);
ESPY_API void espy_snapshot_close(espy_snapshot **snapshot);

/* ---------------------------------------------------------------- sampling */

typedef struct espy_sampling {
    double temperature;        /* 0: greedy                                 */
    int top_k;                 /* 0: all                                    */
    double top_p;              /* 0 or 1: all                               */
    double min_p;              /* 0: all; relative to the likeliest         */
    double repetition_penalty; /* 0 or 1: none                              */
    double presence_penalty;   /* 0: none                                   */
    double frequency_penalty;  /* 0: none                                   */
    uint64_t seed;
} espy_sampling;

/* The defaults that the checkpoint's generation_config gives; greedy where it
 * gives none. */
ESPY_API void espy_model_get_sampling(const espy_model *model, espy_sampling *out);

/* ---------------------------------------------------------------- generate */

/* A piece of the answer: whole UTF-8 characters, NUL-terminated, borrowed for
 * the call. Called for every token, with an empty piece while its text is held
 * back (half a character, the possible beginning of a stop string). Return
 * non-zero to stop; what came so far is kept. */
typedef int (*espy_text_fn)(void *user, const char *piece, size_t n_bytes);

typedef struct espy_request {
    const espy_message *messages; /* the whole conversation; or ...           */
    int n_messages;
    const char *prompt; /* ... raw text without a chat template; the
                           special tokens in it are recognised; images
                           below fill its picture places in order (of
                           Qwen-VL each <img>...</img>, whatever stands
                           between; no path in a text is opened)    */
    const espy_part *prompt_parts;
    int n_prompt_parts;

    int max_tokens;                /* 0: 512                                */
    const espy_sampling *sampling; /* NULL: the model's                     */
    const char *const *stop;       /* strings that end the answer (not part
                                      of it)                                */
    int n_stop;
    int ignore_eos;     /* go on after the end-of-turn token               */
    int add_vision_id;  /* "Picture 1: " before each picture               */
    int64_t min_pixels; /* of every picture and frame; 0: the model's      */
    int64_t max_pixels;
    int n_top_logprobs; /* per generated token, 0..20                     */
    int no_loop_guard;  /* do not end endless repetition; ignore_eos implies it */

    espy_text_fn on_text;
    espy_progress_fn on_progress;
    void *user;

    const char *trace_path; /* safetensors file with the intermediate tensors;
                               NULL: none                                     */

    double keep; /* of every picture, see espy_part; 0: all        */
    uint64_t keep_seed;
} espy_request;

typedef enum espy_finish {
    ESPY_FINISH_STOP = 0, /* the model ended its answer, or a stop string      */
    ESPY_FINISH_LENGTH,   /* max_tokens, or the context is full               */
    ESPY_FINISH_CALLBACK, /* on_text asked to stop                              */
    ESPY_FINISH_LOOP      /* the guard against endless repetition             */
} espy_finish;

typedef struct espy_logprob {
    int32_t id;
    float logprob; /* natural logarithm, of the unmodified logits           */
} espy_logprob;

/* Everything in a result is owned by it. */
typedef struct espy_result {
    char *text;
    int32_t *tokens; /* [n_tokens] generated, end token included         */
    int n_tokens;
    espy_logprob *top_logprobs; /* [n_tokens][n_top_logprobs]                 */
    int n_top_logprobs;
    espy_finish finish;

    char *rendered;      /* the prompt before placeholders are expanded     */
    int n_prompt_tokens; /* expanded                                        */
    int n_reused_tokens; /* of these, taken from the timeline               */
    int n_images, n_videos;
    int (*image_grid_thw)[3]; /* in patches                                   */
    int (*video_grid_thw)[3];
    int64_t rope_delta;

    double vision_ms, prompt_ms, generate_ms;
    size_t text_bytes;     /* of text; a model may write NUL characters */
    int n_cached_images;   /* pictures, and pairs of a film's frames, whose vision
                              tokens came from the cache, or from an earlier
                              place in the request; those within
                              n_reused_tokens are not counted              */
    double *video_times_s; /* [n_video_times] when each temporal patch of the clips
                              is, one clip after the other: the middle of its two
                              frames; video_grid_thw says how many each has  */
    int n_video_times;
} espy_result;

/* Render, look, read the prompt and answer.
 *
 * The timeline afterwards holds prompt and answer (its last token apart, which
 * nothing has followed yet). Two things spare a later call work:
 *
 *   - the longest common beginning of its prompt and the timeline (the usual
 *     chat, grown by a turn) is reused: neither its pictures nor its tokens are
 *     computed again; n_reused_tokens counts them. A beginning ends before a
 *     picture that differs, never inside one.
 *   - for the rest, the context keeps the vision tokens of the pictures that it
 *     looked at last, up to vision_cache_bytes: the same pixels, fitted to the
 *     same size, cost no second vision pass wherever they stand in a prompt, so
 *     that another question about a picture, or the next of several tasks, only
 *     reads its prompt. n_cached_images counts them. The picture used longest
 *     ago leaves first; one takes 4 * dim * (1 + n_deepstack) bytes per vision
 *     token. Numbers are kept as computed: an answer does not depend on the
 *     cache. A pass that failed or was stopped leaves nothing behind.
 *
 * Several new pictures go through the vision tower together, back to back, each
 * attending to itself alone (arXiv:2307.06304): in order, each in the first pass
 * that has room for it below pass_tokens; a larger one has a pass of its own. Their
 * numbers are the same bit for bit as one at a time.
 *
 * Pictures are told apart by 128 bits of their pixels and sizes. The cache lives
 * as long as the context; rewinding does not empty it. With trace_path nothing
 * is reused.
 *
 * result   filled on success, and on ESPY_ERR_STOPPED with what there is;
 *          emptied otherwise. Free with espy_result_clear.
 * Errors   ESPY_ERR_ARGUMENT (roles, image sizes), ESPY_ERR_FULL (the prompt
 *          does not fit; the message says how many tokens it needs; nothing
 *          changed), ESPY_ERR_STOPPED (on_progress, before the first token),
 *          ESPY_ERR_UNSUPPORTED (a film for a model that takes none), ESPY_ERR_IO
 *          (trace_path),
 *          ESPY_ERR_MEMORY
 */
ESPY_API espy_status espy_generate(espy_context *context, const espy_request *request,
                                   espy_result *result, espy_error *err);
ESPY_API void espy_result_clear(espy_result *result);

/* How many tokens the prompt of a request has, pictures and films included; nothing
 * is computed. Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY as espy_generate. */
ESPY_API espy_status espy_count_prompt(const espy_model *model, const espy_request *request,
                                       int64_t *n_tokens, espy_error *err);

/* Many requests, such as one question about each picture of a folder. */
typedef struct espy_batch {
    int64_t n;

    /* Fills in request i, which is zeroed: called for 0, 1, ... n - 1. What it points
     * to stays until on_result. A failure (with its sentence in err) is that of this
     * request alone. Of the functions of a context espy_estimate_time may be called
     * from here. */
    espy_status (*on_request)(void *user, int64_t i, espy_request *request, espy_error *err);

    /* What became of request i, in order, once for each on_request: status, result
     * and err as espy_generate would give them. The result is valid for the call.
     * Return non-zero to stop. */
    int (*on_result)(void *user, int64_t i, espy_status status, const espy_result *result,
                     const espy_error *err);

    espy_progress_fn on_progress; /* "looking" and "reading" for those that are begun
                                     together, "answering" in requests done of n  */
    void *user;                   /* handed to all three                          */
} espy_batch;

/* Answer them all, several at a time, each on a timeline of its own; the context's is
 * not touched, its cache of pictures is shared.
 *
 * As many answers are open as the context has n_lanes, fewer if prompts and answers
 * together have more than 8192 tokens; with results that wait for their turn there are
 * at most four times n_lanes requests between on_request and on_result. Those that are begun
 * together have their pictures packed into passes and their prompts read together; then each step
 * writes a token of every open answer, for which the weights are read once: on a CPU,
 * where a single token waits for memory, that is where a folder gains most.
 * tests/bench/README.md has numbers.
 *
 * Each answer is that of espy_generate in a fresh context, bit for bit. Its on_text is
 * called with its own user, in turn with those of other open requests; its on_progress
 * is not used, trace_path is ESPY_ERR_ARGUMENT. Times in a result are its share of what
 * was computed together.
 *
 * Errors   ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY (before any request),
 *          ESPY_ERR_STOPPED (by on_progress or on_result; open requests get an
 *          on_result with this status, whose answer is ignored). Errors of single
 *          requests go to their on_result, and the batch goes on.
 */
ESPY_API espy_status espy_generate_batch(espy_context *context, const espy_batch *batch,
                                         espy_error *err);

/* How long a request would take now, in ms: what the timeline and the cache of
 * pictures would spare it is left out. The first request takes longer, while the
 * weights are mapped or come from the disk. */
typedef struct espy_time_estimate {
    double vision_ms, prompt_ms; /* until the first token                     */
    double token_ms;             /* the first token of the answer             */
    double answer_ms;            /* all of max_tokens, which few answers need */
    int max_tokens;              /* of the request, or what has room          */
} espy_time_estimate;

/* The request is rendered, and counted in multiply-adds. If it would take a second
 * or more at 10^9 of them a second, the speed of one thread with the model's
 * weights is measured, once a context, in some 30 ms of CPU time (longer by the
 * clock where they come from a disk), and carried over to all threads; smaller
 * requests are told at that cautious speed until then. The timeline and the cache
 * stay as they are. Of the right order on a machine that does little else, and
 * rather too low: tests/bench/README.md. Threads as espy_generate.
 * Errors ESPY_ERR_ARGUMENT as espy_generate, ESPY_ERR_MEMORY; *out is empty then. */
ESPY_API espy_status espy_estimate_time(espy_context *context, const espy_request *request,
                                        espy_time_estimate *out, espy_error *err);

/* ------------------------------------------------------------------- tasks */

/* Ready requests: what to ask a model for, in the words that its family was
 * trained on, and how to read what it answers.
 *
 *     espy_task_request ask;
 *     espy_task_prepare(&ask, model, espy_task_find("alt"), NULL, "de", &err);
 *     ... a message with the picture and ask.prompt; in the espy_request:
 *         max_tokens, sampling, min_pixels and max_pixels of ask ...
 *     espy_task_read(&ask, result.text, &reading, &err);
 */

typedef enum espy_answer_kind {
    ESPY_ANSWER_TEXT = 0, /* as it comes                                       */
    ESPY_ANSWER_SENTENCE, /* its first sentence, without "This image shows"    */
    ESPY_ANSWER_TAGS,     /* a list of words                                   */
    ESPY_ANSWER_SHAPES,   /* for espy_shape_reader_push                        */
    ESPY_ANSWER_NUMBER,
    ESPY_ANSWER_DOCUMENT /* Markdown or HTML, without a fence around all of it;
                            never to be put into a page unchecked              */
} espy_answer_kind;

/* Static storage. */
typedef struct espy_task {
    const char *name;     /* "caption"                                         */
    const char *summary;  /* for a menu: "one sentence"                        */
    const char *argument; /* what it has to be told, "what to count"; NULL:
                             nothing                                           */
    espy_answer_kind answer;
    int max_tokens;     /* of the answer, enough for most                      */
    int takes_language; /* its answer can be asked for in a language           */
    int is_prose;       /* ... and hosts should ask for the user's own         */
    int needs_all;      /* every part of the picture: keep of espy_request and
                           drop_same of espy_part are not to be used with it   */
    int films_only;     /* there is nothing to ask about a picture             */
} espy_task;

/* caption, alt, detailed, tags, text, markdown, html, events, find, count, question,
 * in this order; NULL from the end on. */
ESPY_API const espy_task *espy_task_at(int i);
ESPY_API const espy_task *espy_task_find(const char *name); /* NULL: none */

/* The English name of a locale's or code's language, "de_DE.UTF-8" -> "German";
 * NULL for English, "C", "POSIX", NULL and what is not known. Static storage. */
ESPY_API const char *espy_language_name(const char *locale);

/* What to put into a request. Any of it may be changed. */
typedef struct espy_task_request {
    const espy_task *task;
    char *prompt; /* owned                                                    */
    int max_tokens;
    int64_t min_pixels, max_pixels; /* 0: the model's                         */
    espy_sampling sampling;
    int thinks; /* the model thinks before it answers; max_tokens allows for it */
} espy_task_request;

/* argument  what the task has to be told, else NULL
 * language  NULL: English; else a locale, a code or a name; one that the table
 *           of languages does not hold is asked for as it is. Without effect on
 *           tasks that take none, and on the built-in model, which answers in
 *           English, German, French, Spanish and Chinese, for others.
 * out       free with espy_task_request_clear; empty on failure
 * Errors    ESPY_ERR_ARGUMENT (argument missing, language not a name, a task about
 *           films alone),
 *           ESPY_ERR_MEMORY
 */
ESPY_API espy_status espy_task_prepare(espy_task_request *out, const espy_model *model,
                                       const espy_task *task, const char *argument,
                                       const char *language, espy_error *err);
/* The same about a film: "video" where the words say "image", and without limits of
 * pixels, for those of films are others. */
ESPY_API espy_status espy_task_prepare_film(espy_task_request *out, const espy_model *model,
                                            const espy_task *task, const char *argument,
                                            const char *language, espy_error *err);
ESPY_API void espy_task_request_clear(espy_task_request *request);

/* Whether the answer so far holds all that will be read: on_text returns it, to
 * spare the rest. */
ESPY_API int espy_task_ended(const espy_task_request *request, const char *answer);

/* Owned by the reading; espy_reading_clear frees it. */
typedef struct espy_reading {
    char *text;  /* for people: the sentence; "a, b, c"; "3" (or what was
                    answered instead); the document; else the answer, trimmed */
    char **tags; /* [n_tags] ESPY_ANSWER_TAGS: each once, at most 64          */
    int n_tags;
    int has_number; /* ESPY_ANSWER_NUMBER: there was one                      */
    double number;
} espy_reading;

/* What the answer says; what a model thought before it is left out.
 * Errors ESPY_ERR_ARGUMENT, ESPY_ERR_MEMORY; *out is empty then. */
ESPY_API espy_status espy_task_read(const espy_task_request *request, const char *answer,
                                    espy_reading *out, espy_error *err);
ESPY_API void espy_reading_clear(espy_reading *reading);

/* ------------------------------------------------------------------ shapes */

/* Where things are: what a model answers when it is asked for boxes, points,
 * lines of text or moments of a film, read while it arrives. */

typedef enum espy_shape_type {
    ESPY_SHAPE_BOX = 0, /* x1 y1 x2 y2                                          */
    ESPY_SHAPE_QUAD,    /* x1 y1 ... x4 y4: four corners, in the answer's order */
    ESPY_SHAPE_POINT,   /* x y                                                  */
    ESPY_SHAPE_TEXT,    /* a box whose label is the text that stands in it      */
    ESPY_SHAPE_SPAN,    /* time_s to end_s of a film; no place                  */
    ESPY_SHAPE_BOX_3D   /* box_3d                                               */
} espy_shape_type;

enum {
    ESPY_SHAPE_CLAMPED = 1,     /* reached a little over the border            */
    ESPY_SHAPE_SWAPPED = 2,     /* corners came the other way round            */
    ESPY_SHAPE_FROM_UNIT = 4,   /* came as parts of 1 instead of the usual
                                   numbers                                     */
    ESPY_SHAPE_WHOLE = 8,       /* all of the picture under a name that says
                                   nothing: often means "not found"            */
    ESPY_SHAPE_UNLABELLED = 16, /* the answer gave no label; label is the
                                   default, or "object 1" and so on            */
    ESPY_SHAPE_TIMED = 32,      /* time_s is set                               */
    ESPY_SHAPE_CUT = 64,        /* the answer broke off after its numbers      */
    ESPY_SHAPE_ONE_PIXEL = 128  /* had no width or no height, and got 1 pixel  */
};

typedef struct espy_attribute {
    const char *name, *value;
} espy_attribute;

/* Strings are UTF-8 and at most 64 KiB each. There is no confidence: the
 * models state none. */
typedef struct espy_shape {
    espy_shape_type type;
    unsigned flags;   /* of ESPY_SHAPE_CLAMPED ...                            */
    double xy[8];     /* pixels of the picture, from its top left corner, in
                         [0, width] and [0, height]; x1 <= x2, y1 <= y2       */
    double box_3d[9]; /* centre x y z and size x y z in metres, camera at the
                         origin, x right, y down, z forward; then pitch, yaw
                         and roll in degrees                                  */
    double time_s;    /* seconds; span: its start                             */
    double end_s;     /* span: its end                                        */
    const char *label;
    const espy_attribute *attributes; /* [n_attributes] further keys of the
                                         object, in order                     */
    int n_attributes;
    int count; /* how often the answer held it                                */
} espy_shape;

/* A shape, as soon as it is complete; it belongs to the reader and is valid for
 * the call. NULL: a thinking part has ended, what came before was a draft and
 * is forgotten. Return non-zero to stop. */
typedef int (*espy_shape_fn)(void *user, const espy_shape *shape);

typedef struct espy_shape_params {
    int box_scale;                         /* as in espy_model_info: 1000 or 0 */
    int width_px, height_px;               /* of the picture; 0 0: there is none,
                                              only spans and 3-D boxes         */
    int fitted_width_px, fitted_height_px; /* for box_scale 0, see espy_fit   */
    const char *default_label;             /* of shapes without one; NULL:
                                              "object 1", "object 2" ...;
                                              borrowed until open returns      */
    int thinks;                            /* the answer begins in a thinking
                                              part that the prompt opened      */
    espy_shape_fn on_shape;                /* may be NULL                      */
    void *user;
} espy_shape_params;

/* The parameters for answers of this model about this picture, fitted with the
 * request's min_pixels and max_pixels (0: the model's); all others zero. One of
 * espy_frames stands for its film, whose size the shapes are in.
 * Errors ESPY_ERR_ARGUMENT (aspect ratio above 200). */
ESPY_API espy_status espy_shape_params_for(const espy_model *model, const espy_image *image,
                                           int64_t min_pixels, int64_t max_pixels,
                                           espy_shape_params *out, espy_error *err);

typedef struct espy_shape_reader espy_shape_reader;

/* A reader for one answer. One call per reader at a time; readers share nothing.
 * Errors ESPY_ERR_ARGUMENT (sizes, box_scale), ESPY_ERR_MEMORY; *out is NULL. */
ESPY_API espy_status espy_shape_reader_open(espy_shape_reader **out,
                                            const espy_shape_params *params, espy_error *err);
ESPY_API void espy_shape_reader_close(espy_shape_reader **reader);

/* Why the generation may end now. */
typedef enum espy_shape_guard {
    ESPY_GUARD_NONE = 0, /* it shall go on                                    */
    ESPY_GUARD_CLOSED,   /* the list and the fence around it are closed       */
    ESPY_GUARD_LOOP,     /* endless: objects repeat, march on in equal steps
                            more than 30 times, or share a label over 200
                            times; what follows is ignored                    */
    ESPY_GUARD_FULL,     /* 1024 shapes or 16 MiB of text; the same           */
    ESPY_GUARD_CALLBACK  /* on_shape asked to stop; the same                  */
} espy_shape_guard;

/* The next piece of the answer, of any size; the shapes do not depend on how
 * it is cut. *guard (may be NULL) tells whether to go on: on_text of a request
 * returns it.
 * Errors ESPY_ERR_MEMORY, now and for every later call. */
ESPY_API espy_status espy_shape_reader_push(espy_shape_reader *reader, const char *text,
                                            size_t n_bytes, espy_shape_guard *guard,
                                            espy_error *err);

typedef enum espy_shapes_status {
    ESPY_SHAPES_NONE = 0,  /* a whole answer that holds nothing               */
    ESPY_SHAPES_COMPLETE,  /* a whole answer                                  */
    ESPY_SHAPES_TRUNCATED, /* it broke off; with thinking cut short even
                              before the first shape, which is not "none"     */
    ESPY_SHAPES_LOOP       /* it was, or would have been, endless             */
} espy_shapes_status;

/* Belongs to the reader, and is valid until it is closed. */
typedef struct espy_shapes {
    espy_shapes_status status;
    const espy_shape *shapes; /* [n_shapes], in the answer's order            */
    int n_shapes;
    int n_rejected;     /* objects whose numbers make no shape                */
    const char *reason; /* a sentence about the first of them, or ""          */
    int has_payload;    /* there was a list, tag or line for a reader, perhaps
                           an empty one; 0: prose alone                       */
} espy_shapes;

/* The end of the answer; finish as in its espy_result. Shapes that were still
 * open are completed or dropped. Later pieces are ignored.
 * Errors ESPY_ERR_MEMORY; *out is empty then. */
ESPY_API espy_status espy_shape_reader_end(espy_shape_reader *reader, espy_finish finish,
                                           espy_shapes *out, espy_error *err);

/* "box", "quad", "point", "text", "span", "box_3d"; "complete" ...: static. */
ESPY_API const char *espy_shape_type_name(espy_shape_type type);
ESPY_API const char *espy_shapes_status_name(espy_shapes_status status);

/* The corners of a 3-D box on the picture, in pixels; corner i is at the far
 * side of x, y, z for its bits 4, 2, 1, so edges join corners that differ in
 * one bit. The camera sees 60 degrees along each side. Returns 0 if the shape
 * is none or a corner lies behind the camera or infinitely far aside, else 1. */
ESPY_API int espy_shape_project(const espy_shape *shape, int width_px, int height_px,
                                double corners[8][2]);

/* --------------------------------------------------------------- tokenizer */

/* Token ids of a text; special tokens in it are recognised only if
 * parse_special. *ids is owned by the caller (espy_free). */
ESPY_API espy_status espy_tokenize(const espy_model *model, const char *text, size_t n_bytes,
                                   int parse_special, int32_t **ids, size_t *n_ids,
                                   espy_error *err);

/* The bytes of a token, not NUL-terminated, owned by the model; *n_bytes 0 and
 * "" for an id without a token. */
ESPY_API const char *espy_token_bytes(const espy_model *model, int32_t id, size_t *n_bytes);

/* ------------------------------------------------------ convert, quantise */

/* Where a file named path is written: the file that a link leads to, else path
 * itself. Every function here that writes a file begins so; a host may ask before
 * long work. *out is owned by the caller (espy_free), NULL on failure.
 * Errors ESPY_ERR_ARGUMENT (what is there is not a regular file, a link leads to no
 * file), ESPY_ERR_IO (the folder is not there or cannot be written),
 * ESPY_ERR_MEMORY. */
ESPY_API espy_status espy_output_path(char **out, const char *path, espy_error *err);

/* Types by name: "F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0": all
 * matrices get it, norms and biases F32; rows that are not whole blocks fall back
 * (K types to Q8_0, that and Q4_0 to F16). "Q4_K_M" is Q4_K with Q6_K for the output
 * and for half of the layers' attn_v and ffn_down. */
typedef struct espy_convert_params {
    const char *type;          /* NULL: "Q4_K_M"                              */
    const char *vision_type;   /* one type, no mix; NULL: "F16" in conversion,
                                  as it is when a GGUF is quantised           */
    const char *name;          /* general.name; NULL: the folder's            */
    int overwrite;             /* 0: a file that is there already is an error */
    int keep_mmproj;           /* but an mmproj that is there stays, and only
                                  the language part is written                */
    int n_threads;             /* 0: one per core                             */
    espy_progress_fn progress; /* phases "loading" and "writing"              */
    espy_log_fn log;
    void *user; /* handed to both callbacks                      */
} espy_convert_params;

/* Whether these are types; each may be NULL. Errors ESPY_ERR_ARGUMENT. */
ESPY_API espy_status espy_check_types(const char *type, const char *vision_type, espy_error *err);

/* Make GGUF files of a Hugging Face folder, with the names and keys that llama.cpp
 * expects.
 *
 * out_path     language part, tokenizer and sampling
 * mmproj_path  vision part; NULL puts it into out_path too (espy reads such a
 *              file, llama.cpp does not)
 * params       NULL takes the defaults
 * Files appear under their names when they are complete; after a failure there
 * is nothing new, and what was there is unchanged.
 * Errors   all of espy_model_open; ESPY_ERR_ARGUMENT (type, a file that exists,
 *          a GGUF as folder), ESPY_ERR_FORMAT (a weight that is not finite or too
 *          large for the type; the message says where), ESPY_ERR_IO,
 *          ESPY_ERR_STOPPED, ESPY_ERR_MEMORY
 */
ESPY_API espy_status espy_convert(const char *folder, const char *out_path, const char *mmproj_path,
                                  const espy_convert_params *params, espy_error *err);

/* Write a GGUF (any part of a split one) anew with other types, in one part. It
 * may be a language model, an mmproj (of which type, or else vision_type, then
 * speaks; NULL both: "Q8_0"), or both in one. Errors as espy_convert.
 */
ESPY_API espy_status espy_quantize(const char *in_path, const char *out_path,
                                   const espy_convert_params *params, espy_error *err);

#ifdef __cplusplus
}
#endif
#endif /* ESPY_H */
