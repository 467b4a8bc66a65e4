/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request file: JSON to espy_request, with its pictures decoded.
 *
 *     { "messages": [
 *         { "role": "system", "content": "text" },
 *         { "role": "user", "content": [
 *             { "type": "image", "image": "cat.jpg",
 *               "min_pixels": 1024, "max_pixels": 65536 },
 *             { "type": "video", "video": ["1.png", "2.png"], "fps": 2.0,
 *               "do_sample_frames": false, "times": [0, 0.5],
 *               "min_pixels": 1024, "max_pixels": 65536, "total_pixels": 1000000 },
 *             { "type": "video", "video": "film.mp4", "fps": 2.0, "max_frames": 64 },
 *             { "type": "text", "text": "What is this?" } ] } ],
 *       "max_tokens": 24 }
 *
 * Instead of messages: "prompt", raw text, and "images", a list of paths or of
 * parts as above that fill its picture places in order; <img>path</img> in a
 * prompt is a picture too, and, for models that have <img> as a token (Qwen-VL), in
 * the text of a message.
 *
 * Beside them: max_tokens (512), temperature (0, greedy), top_k, top_p, min_p,
 * seed, repetition_penalty, presence_penalty, frequency_penalty, stop (a text
 * or a list), add_vision_id, ignore_eos, alpha ("white", "drop"), min_pixels,
 * max_pixels, keep (0 to 1) and keep_seed (as in espy_part; in a picture's part too,
 * drop_same in a film's). A picture is a path relative to the request, with or without
 * file://, or a data: URI in base64; a film a path. Its fps are those to look at, or
 * with do_sample_frames false all frames are; those of a list are the frames' own. */
#ifndef ESPY_CLI_REQUEST_H
#define ESPY_CLI_REQUEST_H

#include <espy.h>

#include <stddef.h>

typedef struct cli_request {
    espy_request api; /* points into what follows */
    espy_sampling sampling;
    espy_alpha alpha;
    int states_alpha; /* the request says which */
    const char *name, *folder;
    int has_image_tags; /* the prompt holds <img>path</img> */

    struct cJSON *json; /* its strings are used as they are */
    void **blocks;      /* [n_blocks], freed with the request */
    size_t n_blocks;
    espy_image **images; /* [n_images] */
    size_t n_images;
    struct cli_request_film *films; /* [n_films] to be read when the model is known */
    size_t n_films;
} cli_request;

typedef struct cli_request_film {
    char *path; /* owned */
    espy_part *part;
    int max_frames, all;
    espy_frames frames;
} cli_request_film;

/* Called with a sentence for each key that is not known. */
typedef void (*cli_warn_fn)(void *user, const char *sentence);

/* name stands in messages, folder before relative paths. warn may be NULL. alpha is
 * that of a request that does not state it.
 * On failure *r is empty. cli_request_free afterwards is fine in any case.
 * Errors ESPY_ERR_FORMAT with a byte offset for JSON, or with the path of the
 * value ("messages[0].content[1].image"); those of espy_image_load. */
espy_status cli_request_parse(cli_request *r, const char *json, size_t n_bytes, const char *name,
                              const char *folder, espy_alpha alpha, cli_warn_fn warn, void *user,
                              espy_error *err);

/* Where the model's vocabulary has no <img>, writes each <img>path</img> of
 * the prompt in the way that the model knows; where it has, makes pictures of those in
 * messages. Errors ESPY_ERR_FORMAT (one that is not closed), those of espy_image_load. */
espy_status cli_request_adapt(cli_request *r, const espy_model *model, espy_error *err);

/* Reads the films, with the limits of the request, and fills their parts. progress
 * may be NULL. Errors those of espy_film_open and espy_film_read. */
espy_status cli_request_watch(cli_request *r, const espy_model *model, espy_progress_fn progress,
                              void *user, espy_error *err);

void cli_request_free(cli_request *r);

/* For request_pictures.c, request_prompt.c and request_tags.c. */
typedef struct cli_reader {
    cli_request *r;
    const char *name, *folder;
    cli_warn_fn warn;
    void *user;
    espy_error *err;
} cli_reader;

/* Zeroed memory that lives as long as the request; NULL (with err) without. */
void *cli_request_take(cli_reader *in, size_t n, size_t size);
espy_status cli_request_bad(cli_reader *in, const char *at, const char *must_be);
espy_status cli_request_part(cli_reader *in, const struct cJSON *json, const char *at,
                             espy_part *part);

/* Loads what `where` names; the picture belongs to the request. */
espy_status cli_request_picture(cli_reader *in, const char *where, const char *at,
                                const espy_image **image);

/* Makes parts of a message's text: texts, and pictures for its <img>path</img>. */
espy_status cli_request_tags(cli_reader *in);

/* Remembers the film for cli_request_watch; its part stays where it is. */
espy_status cli_request_film_add(cli_reader *in, const char *where, const char *at, espy_part *part,
                                 int max_frames, int all);
espy_status cli_request_prompt(cli_reader *in, const struct cJSON *prompt,
                               const struct cJSON *images);

#endif
