/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A source of pictures and one who listens, around a watcher: what the filter does in
 * OBS, by hand. Of the test's thread; events come on the worker's.
 */
#ifndef ESPY_TESTS_WATCH_RIG_H
#define ESPY_TESTS_WATCH_RIG_H

#include <espy.h>
#include <pthread.h>

#include "worker.h"

/* Sanitizers make everything slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20 };
#else
enum { SLOWER = 1 };
#endif

typedef struct rig {
    watcher *watcher;
    const frame *picture; /* what the source shows now; the test's */
    guint64 n_offered;
    int n_states;
    int widest; /* of the frames that were wanted, in pixels */

    pthread_mutex_t lock;
    GPtrArray *whole;  /* of caption, in the order they came */
    GPtrArray *pieces; /* those of the answer that is written now */
    int n_pieces;      /* all */
    gboolean is_open;  /* events may come */
} rig;

/* The folder of the sources, and the path of the built-in model; of $ESPY_SOURCE_ROOT. */
const char *rig_root(void);
const char *rig_model(void);

/* A picture file of the sources. */
frame *rig_load(const char *name);
/* A disc of a colour, 0xRRGGBB, on a ground of another. */
frame *rig_disc(int width, int height, guint32 disc, guint32 ground);
/* Of another size, each pixel the mean of what it covers; seen now. */
frame *rig_scale(const frame *f, int width, int height);

/* settings: NULL: it stays off. */
void rig_open(rig *r, worker *w, const frame *picture, const watcher_settings *settings);
void rig_close(rig *r);

/* One frame of the source: hands over what is wanted. What watcher_wants said. */
int rig_step(rig *r);
/* Frame after frame, until so many whole captions have come; fails after a minute. */
void rig_run(rig *r, guint n_whole);
/* For so long. */
void rig_run_ms(rig *r, int ms);
/* Until the watcher is at this, with time passing as above. */
void rig_run_until(rig *r, watch_state state);

guint rig_n_whole(rig *r);
int rig_n_pieces(rig *r); /* all that came */
/* The i-th whole caption; from the end, if negative. Lives as long as the rig. */
caption *rig_whole(rig *r, int i);
/* Whether the last whole caption has these words. */
gboolean rig_says(rig *r, const char *words);
watch_state rig_state(rig *r);
watcher_state rig_numbers(rig *r); /* watcher_state_clear it */
/* The built-in model, looking at every change at once. */
watcher_settings rig_settings(void);

/* What the library is asked for, and how long it takes; linked with -Wl,--wrap of
 * espy_generate, espy_model_open, espy_model_close, free_memory and thread_be_idle: a
 * busy machine would leave no time to a test. */
typedef struct rig_look {
    espy_status status;
    int n_frames; /* of the clip; 0: a picture                                */
    double times_s[64];
    int width, height;                /* of the first picture                                  */
    int n_seen;                       /* vision tokens that went through the tower, not the cache */
    int n_cached, n_reused, n_prompt; /* n_cached_images and so on of the result */
    gboolean drop_same;
    char *prompt;     /* the text of the message                                  */
    gboolean is_idle; /* on a thread that stands back behind all others */
} rig_look;

void rig_reset(void); /* before a worker is made: no delays, nothing counted */
void rig_set_token_ms(int ms);
void rig_set_idle(gboolean is_idle);     /* TRUE: as it is without tests, FALSE: usual priority */
void rig_set_free_memory(int64_t bytes); /* 0: the machine's */
int rig_n_opened(void);
int rig_n_closed(void);
int rig_n_looks(void);
/* The i-th look, from the end if negative, once it has ended. */
rig_look rig_get_look(int i);

/* What the library says of a frame in a fresh context; the caller's, g_free. */
char *rig_library_says(const frame *f, const watcher_settings *s);

#endif
