/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure_notice.h"

#include "i18n.h"
#include "paragraph.h"
#include "settings.h"

enum { GAP_PX = 6 };

static GtkWidget *button(const char *label, void (*clicked)(void *user), void *user) {
    GtkWidget *made = gtk_button_new_with_mnemonic(label);
    g_signal_connect_swapped(made, "clicked", G_CALLBACK(clicked), user);
    return made;
}

void failure_notice_init(failure_notice *n, void (*again)(void *user), void (*built_in)(void *user),
                         void *user) {
    GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, GAP_PX);
    GtkWidget *buttons[] = { button(_("_Try Again"), again, user),
                             button(_("Use the _Built-in Model"), built_in, user) };
    n->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, GAP_PX);
    n->title = paragraph_new(GTK_ACCESSIBLE_ROLE_ALERT);
    n->text = paragraph_new(GTK_ACCESSIBLE_ROLE_ALERT);
    gtk_widget_add_css_class(n->title, "heading");
    gtk_widget_set_hexpand(words, TRUE);
    gtk_box_append(GTK_BOX(words), n->title);
    gtk_box_append(GTK_BOX(words), n->text);
    gtk_box_append(GTK_BOX(n->box), words);
    for (guint i = 0; i < G_N_ELEMENTS(buttons); i++) {
        gtk_widget_set_valign(buttons[i], GTK_ALIGN_CENTER);
        gtk_box_append(GTK_BOX(n->box), buttons[i]);
    }
    gtk_widget_set_visible(n->box, FALSE);
}

gboolean failure_notice_update(failure_notice *n) {
    char *model, *reason = settings_failure(&model);
    char *title = model ? g_strdup_printf(_("The model “%s” could not be loaded."), model)
                        : g_strdup(_("The default model could not be loaded."));
    char *valid = g_utf8_make_valid(title, -1); /* a path need not be UTF-8 */
    gtk_label_set_text(GTK_LABEL(n->title), valid);
    gtk_label_set_text(GTK_LABEL(n->text), reason ? reason : "");
    gtk_widget_set_visible(n->box, reason != NULL);
    g_free(valid);
    g_free(title);
    g_free(model);
    g_free(reason);
    return failure_notice_is_shown(n);
}

gboolean failure_notice_is_shown(const failure_notice *n) {
    return gtk_widget_get_visible(n->box);
}
