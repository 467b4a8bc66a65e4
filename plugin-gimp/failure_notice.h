/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is shown across the window when the last load of a model went wrong: which
 * model, why, and what can be done. Hidden while nothing did.
 */
#ifndef ESPY_GIMP_FAILURE_NOTICE_H
#define ESPY_GIMP_FAILURE_NOTICE_H

#include <gtk/gtk.h>

typedef struct failure_notice {
    GtkWidget *box; /* to be placed; the labels are in it */
    GtkWidget *title, *text;
} failure_notice;

/* again, built_in: of the two buttons, with user. */
void failure_notice_init(failure_notice *n, void (*again)(void *user), void (*built_in)(void *user),
                         void *user);

/* Shows what settings_failure tells, hides the notice if it tells nothing. Whether it
 * is shown. */
gboolean failure_notice_update(failure_notice *n);
gboolean failure_notice_is_shown(const failure_notice *n);

#endif
