/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the desktop asks for dark windows: "color-scheme" of the settings portal
 * (org.freedesktop.portal.Settings), which GTK itself follows since 4.20 alone.
 */
#ifndef ESPY_GIMP_COLOR_SCHEME_H
#define ESPY_GIMP_COLOR_SCHEME_H

#include <glib.h>

/* As the portal numbers them; others are no preference. */
typedef enum color_scheme {
    COLOR_SCHEME_NONE = 0,
    COLOR_SCHEME_DARK = 1,
    COLOR_SCHEME_LIGHT = 2
} color_scheme;

typedef struct color_scheme_watch color_scheme_watch;

/* Returns at once; on_scheme is called from the main loop of this thread when the answer
 * is there, and whenever it changes. Never, where there is no session bus or no
 * portal. */
color_scheme_watch *color_scheme_watch_new(void (*on_scheme)(void *user, color_scheme scheme),
                                           void *user);
/* on_scheme is not called any more. */
void color_scheme_watch_free(color_scheme_watch *w);

#endif
