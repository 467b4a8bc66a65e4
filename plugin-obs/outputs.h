/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where captions go beside the overlay: a text source, closed captions of the stream and
 * the recording, a file, and other programs, by the filter's signal and by events of
 * obs-websocket.
 *
 *     signal of the filter   espy_caption(ptr source, string text, string json)
 *     event of obs-websocket vendor "espy", "caption", what caption_to_json says, with the
 *                            names of filter and source
 */
#ifndef ESPY_OBS_OUTPUTS_H
#define ESPY_OBS_OUTPUTS_H

#include <obs-module.h>

#include "caption.h"
#include "caption_file.h"

typedef struct outputs outputs;

typedef struct outputs_settings {
    const char *text_source;  /* name of a text source; NULL or "": none          */
    gboolean closed_captions; /* of all that is encoded; in Latin letters alone     */
    double stays_s;           /* of the overlay, obeyed by all of them; 0: for ever */
    gboolean writes_file;
    caption_format format;
    const char *folder;     /* of files that belong to no recording; NULL: the user's videos */
    gboolean per_recording; /* a file beside each recording, of its name, with its times,
                               while it runs; FALSE: one file from now on                    */
} outputs_settings;

/* filter is not referenced: it owns the outputs. */
outputs *outputs_new(obs_source_t *filter);
void outputs_free(outputs **o);                                 /* nulls the pointer */
void outputs_set(outputs *o, const outputs_settings *settings); /* copied */

/* What events call the source that the filter is on. Any thread; cheap if it is no other. */
void outputs_name_source(outputs *o, const char *name);

/* A whole caption. Any thread; emits signal and event here, all else in outputs_tick. */
void outputs_caption(outputs *o, caption *c);
void outputs_clear(outputs *o); /* empties the text source */

/* In video_tick; cheap, waits for nothing. */
void outputs_tick(outputs *o, gint64 now_us);

/* A sentence for the user, or NULL while all is well; the caller's, g_free. */
char *outputs_error(outputs *o);

/* Once for the module, in obs_module_post_load and obs_module_unload. */
void outputs_register_vendor(void);
void outputs_forget_vendor(void);

#endif
