/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps a dialog above the host's window, which belongs to another process.
 */
#ifndef ESPY_GIMP_WINDOW_PARENT_H
#define ESPY_GIMP_WINDOW_PARENT_H

#include <gtk/gtk.h>

/* parent: an X11 window; 0, or a display of another kind: does nothing. */
void window_set_parent(GtkWindow *window, guint64 parent);

#endif
