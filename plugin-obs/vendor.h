/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * obs-websocket: event and requests of the vendor "espy", for tools beside OBS. Without
 * obs-websocket nothing happens. Functions are of any thread.
 *
 *     event    caption      what caption_to_json says, "filter", "source" (their names)
 *     requests caption_now, pause, resume, clear, get_caption, get_state
 *              take "filter", "source": names, each may be left out; all filters of espy
 *              that have them are meant. Answers: "filters": [{"filter", "source", and
 *              "caption" or "state"}], and "error", a sentence, if there is none.
 */
#ifndef ESPY_OBS_VENDOR_H
#define ESPY_OBS_VENDOR_H

void vendor_register(void);
void vendor_forget(void); /* no event is sent, and no request answered, afterwards */

/* json: caption_to_json. Names may be NULL. */
void vendor_tell(const char *json, const char *filter, const char *source);

#endif
