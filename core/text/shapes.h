/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader of shapes from the inside. Every byte of the answer walks once
 * through a machine, so that no result depends on how the text was cut:
 *
 *     byte -> shapes.c        thinking dropped; which reader takes the byte
 *          -> shape_text.c    lines and pairs      -+
 *          -> shape_tags.c    tags and markup       +-> a draft: raw numbers
 *          -> shape_json.c    objects, bracket by  -+   and borrowed strings
 *             shape_object.c  bracket, key by key
 *     draft -> shape_guard.c  is this endless?
 *           -> shape_pixels.c numbers to pixels
 *           -> shape_list.c   duplicates; kept, and handed to the host
 *
 * Memory that runs out sets `failed`; the rest of the byte's way may then do
 * anything but crash, and push reports it. */
#ifndef ESPY_TEXT_SHAPES_H
#define ESPY_TEXT_SHAPES_H

#include <espy.h>

#include <stddef.h>
#include <stdint.h>

enum {
    ESPY_SHAPES_MAX = 1024,
    ESPY_SHAPE_STRING = 65536,               /* bytes of one string                  */
    ESPY_SHAPE_STRINGS = 16 << 20,           /* bytes of all that are kept           */
    ESPY_SHAPE_DEPTH = 8,                    /* lists and objects in one another     */
    ESPY_SHAPE_FIELDS = 32,                  /* keys of an object; more are ignored  */
    ESPY_SHAPE_NUMBERS = 9 * ESPY_SHAPES_MAX /* of one key; likewise            */
};

/* ------------------------------------------------------------------ values */

/* A string that grows up to ESPY_SHAPE_STRING bytes; what is more is left out.
 * at is NUL-terminated, NULL while nothing was added. */
typedef struct espy_buf {
    char *at;
    size_t n, capacity;
} espy_buf;

void espy_buf_add(espy_buf *b, const char *s, size_t n, int *failed);
void espy_buf_byte(espy_buf *b, char c, int *failed);
void espy_buf_cut(espy_buf *b, size_t n); /* back to n bytes, if it has more */
const char *espy_buf_text(const espy_buf *b);
void espy_buf_free(espy_buf *b);

/* A piece of text that somebody else owns. */
typedef struct espy_view {
    const char *at; /* NULL: there is none, unlike "" */
    size_t n;
} espy_view;

espy_view espy_buf_view(const espy_buf *b);
espy_view espy_view_trim(espy_view v, const char *also); /* blanks, and bytes of also */
int espy_view_is(espy_view v, const char *word);         /* without regard to case    */

typedef struct espy_shape_number {
    double value;
    unsigned char has_point; /* "1.0", unlike "1"                           */
    unsigned char closes;    /* lists that end after it                     */
} espy_shape_number;

/* A whole number, as in JSON or as C writes them, whatever the locale; blanks
 * around it are fine. Non-zero on success. */
int espy_shape_parse_number(espy_view v, espy_shape_number *out);

/* Numbers between commas or blanks, brackets ignored; how many, -1 if there is
 * something else or more than max. */
int espy_shape_parse_numbers(espy_view v, espy_shape_number *out, int max);

/* "12.5", "12.5 seconds", "1:02.50", "1:00:02", "<0.5 seconds>". */
int espy_shape_parse_time(espy_view v, double *seconds);

/* "00:23.00 - 00:48.00"; also with "to" or another dash. */
int espy_shape_parse_span(espy_view v, double *start, double *end);

/* Copies with ill-formed bytes and NULs as U+FFFD, at most ESPY_SHAPE_STRING
 * bytes; out NULL only counts. Returns the bytes written, without a NUL. */
size_t espy_shape_repair(char *out, espy_view v);

/* Ends of &amp; &lt; &gt; &quot; &#39; &nbsp; in place. */
void espy_shape_unescape(espy_buf *b);

/* ------------------------------------------------------------------ drafts */

typedef struct espy_draft_attribute {
    espy_view name, value;
} espy_draft_attribute;

/* A shape before anything was decided about it; strings are borrowed. */
typedef struct espy_draft {
    espy_shape_type type;
    unsigned flags;
    espy_shape_number numbers[9];
    int n;
    espy_view label; /* at NULL: none */
    const espy_draft_attribute *attributes;
    int n_attributes;
    double time_s, end_s;
} espy_draft;

/* Takes a draft all the way; it may be rejected, merged or kept. */
void espy_shapes_add(espy_shape_reader *r, const espy_draft *draft);

/* Counts an object that is no shape; the first one's sentence is kept. */
void espy_shapes_reject(espy_shape_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The rule of section "numbers to shapes": fills type, flags, xy and box_3d of
 * *shape. Returns NULL, or what is wrong with the numbers. */
const char *espy_shape_place(const espy_shape_params *params, const espy_draft *draft,
                             espy_shape *shape);

/* Whether the answer is endless, now that this draft has come. */
typedef struct espy_guard {
    uint64_t seen[4 * ESPY_SHAPES_MAX]; /* hashes of all objects, in order     */
    int n_seen;
    struct espy_guard_label {
        uint64_t hash;
        int n;
    } labels[ESPY_SHAPES_MAX]; /* how often each label came                   */
    int n_labels;
    double last[4], step[4]; /* of the box before, and from it to its own   */
    uint64_t last_label;
    int has_last, has_step, n_steps;
} espy_guard;

espy_shape_guard espy_guard_step(espy_guard *g, const espy_draft *draft);

/* ----------------------------------------------------------------- objects */

/* A key of an object and its value: a scalar as text; a list as text, joined
 * by ", ", and as numbers where they are numbers. */
typedef struct espy_field {
    espy_buf key, text;
    espy_shape_number *numbers; /* [n] */
    size_t n, capacity;
    unsigned char is_list, is_null, is_bad; /* bad: a list with other things   */
    unsigned char is_done;                  /* the value is complete           */
} espy_field;

typedef struct espy_frame {
    unsigned char is_object;
    unsigned char state;     /* of an object: what shape_json.c expects next   */
    unsigned char is_corner; /* its numbers went to the object around it       */
    espy_field *fields;      /* [n_fields], the last one is being read         */
    int n_fields;
    size_t n_before; /* of a list: numbers in the field when it began          */
} espy_frame;

typedef enum espy_json_token { JSON_NO_TOKEN, JSON_STRING, JSON_BARE } espy_json_token;

typedef struct espy_json {
    espy_frame frames[ESPY_SHAPE_DEPTH + 1]; /* the first is around the whole  */
    int depth;                               /* of the innermost, 0: outside   */
    int confirmed;                           /* surely JSON, and no prose      */
    espy_json_token token;
    espy_buf text; /* of the token */
    char quote;
    int is_key;
    int escape;      /* 0 none, 1 after a backslash, 2..5 digits of \uXXXX    */
    unsigned code;   /* of \uXXXX so far                                       */
    unsigned high;   /* first half of a surrogate pair, 0: none                */
    int maybe_ended; /* after a quote that may end the string                  */
    int broke_line;  /* ... and a line's end                                   */
    size_t end;      /* bytes of text before that quote                        */
} espy_json;

/* What becomes of a byte. */
typedef enum espy_step {
    ESPY_STEP_HOLD,  /* it may have to be read again, in another way           */
    ESPY_STEP_TAKE,  /* it and all that was held are done with                 */
    ESPY_STEP_BACK,  /* all that was held is to be read as text                */
    ESPY_STEP_AGAIN, /* what was held is done with; it itself is text          */
} espy_step;

/* One byte of the token that has begun. Returns 0 if the token ended before it,
 * which is then to be read as structure. */
void espy_token_begin(espy_json *j, char c, int is_key, int *failed);
int espy_token_byte(espy_json *j, char c, int *failed);

/* A string that the end of the answer ends well, after its quote. */
int espy_token_is_whole(const espy_json *j);

void espy_json_begin(espy_shape_reader *r);
espy_step espy_json_byte(espy_shape_reader *r, char c);
void espy_json_end(espy_shape_reader *r); /* the answer is over */
void espy_json_clear(espy_shape_reader *r);

/* A key that tells a place or names it: no prose, even without quotes. */
int espy_key_is_known(espy_view key);

/* A key whose value is a place: "bbox_2d", "point_2d" ... */
int espy_key_is_place(espy_view key);

/* The object in frame `depth` is complete, or cut: makes its shapes. */
void espy_object_end(espy_shape_reader *r, int depth, int is_cut);

/* The field's value is there; if its key is a span of time, that is a shape.
 * Returns whether it was. */
int espy_object_span(espy_shape_reader *r, const espy_field *field);

void espy_field_number(espy_field *f, espy_shape_number x, int *failed);
void espy_field_free(espy_field *f);

/* ---------------------------------------------------------- text and tags  */

typedef enum espy_tag_kind { ESPY_TAG_NONE, ESPY_TAG_BOX, ESPY_TAG_QUAD } espy_tag_kind;

/* Pairs "(x,y),(x,y)" as they run on. */
typedef struct espy_pairs {
    espy_shape_number numbers[8];
    int n;       /* pairs so far; more than four are counted only               */
    int state;   /* of shape_text.c                                             */
    char at[64]; /* inside of the bracket                                       */
    int n_at;
    size_t label; /* bytes of the line before the first                         */
} espy_pairs;

void espy_text_byte(espy_shape_reader *r, char c);
void espy_text_end_pairs(espy_shape_reader *r);
void espy_text_clear_line(espy_shape_reader *r);
int espy_text_is_open(const espy_shape_reader *r); /* pairs are to go on */
void espy_text_end(espy_shape_reader *r, int is_cut);

espy_step espy_tag_byte(espy_shape_reader *r, char c);
void espy_tag_end(espy_shape_reader *r);   /* the answer is over          */
void espy_tag_flush(espy_shape_reader *r); /* an element that waits       */

/* ------------------------------------------------------------------ reader */

typedef enum espy_mode { ESPY_MODE_TEXT, ESPY_MODE_TAG, ESPY_MODE_JSON } espy_mode;

typedef struct espy_kept {
    espy_shape *shapes; /* [n] */
    void **blocks;      /* [n], the strings of each */
    int n, capacity;
    size_t n_bytes; /* of all strings */
    int n_unlabelled;
} espy_kept;

void espy_kept_clear(espy_kept *kept);

struct espy_shape_reader {
    espy_shape_params params; /* default_label is owned */
    int failed;
    int ended, is_cut;
    espy_shape_guard guard;
    int n_rejected;
    int has_payload;
    char reason[300];
    espy_kept kept;
    espy_guard *loops;

    int in_think;
    int n_think; /* bytes of "</think>" that were just read                     */

    espy_mode mode;
    char last;     /* byte of text before this one; 0: none                    */
    espy_buf held; /* bytes that may have to be read again                     */
    size_t from;   /* the first of them                                        */
    size_t at;     /* the next to read                                         */

    espy_buf line;   /* text since the line's start or the last shape          */
    espy_buf before; /* label of the last pairs on this line                   */
    int has_before;
    espy_pairs pairs;
    int n_ticks, in_fence, in_info, fence_is_prose, fence_closed_list;
    char info[12]; /* the fence's first word                                   */
    int n_info;

    char tag_quote; /* attribute that is open in a tag; 0: none                */
    char tag_last;  /* byte before, blanks left out                            */
    int in_ref, has_ref;
    espy_buf ref;
    espy_tag_kind open_tag;
    int n_in_tag;              /* shapes since it was opened, rejected ones too */
    espy_buf element, content; /* a tag with a place, and its text so far       */

    espy_json json;
};

#endif
