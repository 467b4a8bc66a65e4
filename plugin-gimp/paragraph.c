/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "paragraph.h"

GtkWidget *paragraph_new(GtkAccessibleRole role) {
    GtkWidget *label = g_object_new(GTK_TYPE_LABEL, "accessible-role", role, NULL);
    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 1); /* and what there is besides */
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    return label;
}
