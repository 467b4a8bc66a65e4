/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * OBS without its window: libobs driven directly, under an X display that may be virtual.
 */
#ifndef ESPY_OBS_STAGE_H
#define ESPY_OBS_STAGE_H

#include <glib.h>
#include <obs.h>

/* Starts OBS with this canvas and 48 kHz sound. Ends the test with code 77 if there is no
 * display (1 with ESPY_NEEDS_HOSTS). */
void stage_open(int width, int height, int fps);
/* The number of allocations of OBS that are left; 0 is good. */
long stage_close(void);

/* OBS's own modules ("image-source"), and one from a build folder with its data. */
void stage_load(const char *name);
void stage_load_file(const char *path, const char *data_folder);

/* After the last of them. */
void stage_loaded(void);

/* Lets OBS draw for so long. */
void stage_wait_ms(int ms);

/* What the canvas shows, two frames from now at the earliest: RGBA [height][width][4], g_free. */
guint8 *stage_picture(void);
/* A PNG of it, to be looked at, if $ESPY_LOOK names a folder for such. */
void stage_look(const char *name);

/* A source that shows a picture file, and one of a colour (0xRRGGBB); one reference. */
obs_source_t *stage_image(const char *path);
obs_source_t *stage_color(guint32 rgb, int width, int height);

/* Releases a scene for good: since OBS 31 the canvas has it, too, and at its end OBS does
 * not bear scenes that are left there. */
void stage_remove_scene(obs_scene_t *scene);

#endif
