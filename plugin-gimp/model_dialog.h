/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which model answers, and what of the machine it may use.
 */
#ifndef ESPY_GIMP_MODEL_DIALOG_H
#define ESPY_GIMP_MODEL_DIALOG_H

#include <gtk/gtk.h>

#include "settings.h"

/* Shows a window above parent and returns; what was chosen is in s when on_chosen is
 * called, which does not happen if the window is just closed. s outlives the parent. */
void model_dialog_show(GtkWindow *parent, settings *s, void (*on_chosen)(void *user), void *user);

#endif
