/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What both dialogs have in common: a window with the picture on the left and the
 * dialog's own controls on the right, the choice of what is looked at, the model, the
 * button that begins and stops, and a line that says what happens.
 *
 *     workbench *w = workbench_new(_("Describe Image"), image, layer, source, parent, &error);
 *     ... fill w->controls; workbench_set_events(w, ...) ...
 *     workbench_run(w);      until it is closed
 *     workbench_free(w);
 */
#ifndef ESPY_GIMP_WORKBENCH_H
#define ESPY_GIMP_WORKBENCH_H

#include <gtk/gtk.h>

#include "color_scheme.h"
#include "engine.h"
#include "failure_notice.h"
#include "picture.h"
#include "preview.h"
#include "settings.h"

typedef struct workbench_events {
    void (*on_begin)(void *user);   /* the button was pressed     */
    void (*on_picture)(void *user); /* another picture is shown   */
    void (*on_text)(void *user, const char *piece);
    void (*on_shape)(void *user, const espy_shape *shape);
    void (*on_done)(void *user, const engine_answer *answer);
} workbench_events;

typedef struct workbench {
    host_image image;
    host_layer layer;
    GtkWidget *window;
    GtkWidget *controls; /* a vertical box, to which the dialog adds        */
    GtkWidget *answers;  /* below the button, which gets all further height */
    GtkWidget *footer;   /* a horizontal box below                          */
    Preview *preview;
    settings *settings;
    picture picture; /* its image is NULL while there is none           */

    /* The rest is the workbench's own. */
    engine *engine;
    GMainLoop *loop;
    GtkWidget *source, *button, *status, *progress;
    failure_notice notice;
    color_scheme_watch *colors;
    picture_source shown;
    int width, height; /* of the image when it was looked at */
    guint64 stamp;
    int n_asked, n_dropped; /* questions not done yet; of them, the first that are of no
                               interest any more                                   */
    gboolean copied;
    char *begin_label;
    workbench_events events;
    void *user;
} workbench;

/* begin_label: of the button, with a mnemonic. NULL with a sentence in error without a
 * display. */
workbench *workbench_new(const char *title, const char *begin_label, host_image image,
                         host_layer layer, int source, guint64 parent, GError **error);
void workbench_set_events(workbench *w, const workbench_events *events, void *user);
void workbench_run(workbench *w);
void workbench_free(workbench *w);

/* Asks about the picture, or goes on with the conversation about it. */
void workbench_ask(workbench *w, const char *task, const char *argument, const char *language,
                   gboolean follow_up);

/* Looks at the image anew if it has changed. Whether there is a picture to ask about,
 * and no model that failed of which the user has not said what to do. */
gboolean workbench_is_ready(workbench *w);

/* As if the button were pressed: begins, or stops what is under way. */
void workbench_press(workbench *w);

/* A line for the user; NULL clears it. */
void workbench_say(workbench *w, const char *text);

/* After a result: says what was done, or the error, which it frees. An image of another
 * size than before is looked at anew, as the answer's places are those of the old one. */
void workbench_applied(workbench *w, gboolean done, const char *text, GError *error);

/* A label with a mnemonic above or before its widget, which it names for screen
 * readers too. */
GtkWidget *workbench_labelled(const char *label, GtkWidget *widget);

/* Into the clipboard, where it stays when the dialog is closed. */
void workbench_copy(workbench *w, const char *text);

#endif
