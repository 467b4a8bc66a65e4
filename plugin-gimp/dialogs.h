/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The two dialogs, in GTK 4. Each runs a main loop of its own until it is closed.
 */
#ifndef ESPY_GIMP_DIALOGS_H
#define ESPY_GIMP_DIALOGS_H

#include <glib.h>

#include "host.h"
#include "picture.h"

/* layer: what "the layer" means in the dialog, 0 if there is none. source: what is
 * looked at first; negative: as last time. parent: the X11 window that the dialog
 * belongs to, 0 if it is not known. *text (may be NULL) receives the last answer, the
 * caller's (g_free), NULL if there was none.
 * FALSE with a sentence in error if there is no display. */
gboolean describe_dialog_run(host_image image, host_layer layer, int source, guint64 parent,
                             char **text, GError **error);
gboolean find_dialog_run(host_image image, host_layer layer, guint64 parent, GError **error);

#endif
