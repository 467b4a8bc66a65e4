/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A label of several lines that keeps its column as narrow as it is, however long a
 * path is in it.
 */
#ifndef ESPY_GIMP_PARAGRAPH_H
#define ESPY_GIMP_PARAGRAPH_H

#include <gtk/gtk.h>

/* role: GTK_ACCESSIBLE_ROLE_STATUS or _ALERT, for screen readers to tell of changes. */
GtkWidget *paragraph_new(GtkAccessibleRole role);

#endif
