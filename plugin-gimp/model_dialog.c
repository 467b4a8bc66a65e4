/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model_dialog.h"

#include "i18n.h"

enum { GAP_PX = 12, SMALL_GAP_PX = 6, WIDTH_PX = 560, MOST_THREADS = 256, MOST_MB = 1 << 22 };

typedef struct model_dialog {
    GtkWidget *window, *model, *threads, *memory;
    GtkFileChooserNative *chooser; /* while it is open */
    settings *settings;
    void (*on_chosen)(void *user);
    void *user;
} model_dialog;

static void free_dialog(gpointer data) {
    model_dialog *d = data;
    g_clear_object(&d->chooser);
    g_free(d);
}

static void path_chosen(GtkFileChooserNative *chooser, int response, model_dialog *d) {
    if (response == GTK_RESPONSE_ACCEPT) {
        GFile *file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
        char *path = file ? g_file_get_path(file) : NULL;
        if (path) gtk_editable_set_text(GTK_EDITABLE(d->model), path);
        g_free(path);
        g_clear_object(&file);
    }
    g_clear_object(&d->chooser);
}

static void choose(model_dialog *d, const char *title, GtkFileChooserAction action) {
    g_clear_object(&d->chooser);
    d->chooser = gtk_file_chooser_native_new(title, GTK_WINDOW(d->window), action, _("_Choose"),
                                             _("_Cancel"));
    g_signal_connect(d->chooser, "response", G_CALLBACK(path_chosen), d);
    gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(d->chooser), TRUE);
    gtk_native_dialog_show(GTK_NATIVE_DIALOG(d->chooser));
}

static void choose_file(model_dialog *d) {
    choose(d, _("Choose a GGUF File"), GTK_FILE_CHOOSER_ACTION_OPEN);
}

static void choose_folder(model_dialog *d) {
    choose(d, _("Choose a Model's Folder"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);
}

static void use(model_dialog *d) {
    settings *s = d->settings;
    char *name = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(d->model))));
    g_free(s->model);
    s->model = name[0] ? name : NULL;
    if (!name[0]) g_free(name);
    /* A mnemonic presses the button without ending what is being typed. */
    gtk_spin_button_update(GTK_SPIN_BUTTON(d->threads));
    gtk_spin_button_update(GTK_SPIN_BUTTON(d->memory));
    s->n_threads = gtk_spin_button_get_value_as_int(GTK_SPIN_BUTTON(d->threads));
    s->memory_limit_mb = gtk_spin_button_get_value_as_int(GTK_SPIN_BUTTON(d->memory));
    d->on_chosen(d->user);
    gtk_window_destroy(GTK_WINDOW(d->window));
}

static gboolean close_window(GtkWidget *unused, GVariant *args, gpointer window) {
    (void)unused, (void)args;
    gtk_window_close(window);
    return TRUE;
}

static GtkWidget *button(const char *label, void (*clicked)(model_dialog *), model_dialog *d) {
    GtkWidget *made = gtk_button_new_with_mnemonic(label);
    g_signal_connect_swapped(made, "clicked", G_CALLBACK(clicked), d);
    return made;
}

static void add_row(GtkWidget *grid, int row, const char *label, GtkWidget *widget) {
    GtkWidget *text = gtk_label_new_with_mnemonic(label);
    gtk_label_set_xalign(GTK_LABEL(text), 1);
    gtk_label_set_mnemonic_widget(GTK_LABEL(text), widget);
    gtk_accessible_update_relation(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY,
                                   text, NULL, -1);
    gtk_widget_set_hexpand(widget, TRUE);
    gtk_grid_attach(GTK_GRID(grid), text, 0, row, 1, 1);
    gtk_grid_attach(GTK_GRID(grid), widget, 1, row, 1, 1);
}

static GtkWidget *explanation(void) {
    GtkWidget *label = gtk_label_new(
        _("The built-in model knows drawn shapes and short words only. For photographs fetch a "
          "Qwen-VL model, for example Qwen3-VL-2B-Instruct as a folder or as GGUF with its "
          "mmproj, and choose it here. Without a name the installed model answers, or else the "
          "built-in one."));
    gtk_label_set_wrap(GTK_LABEL(label), TRUE);
    gtk_label_set_xalign(GTK_LABEL(label), 0);
    gtk_label_set_max_width_chars(GTK_LABEL(label), 50);
    return label;
}

static GtkWidget *model_row(model_dialog *d) {
    GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, SMALL_GAP_PX);
    gtk_widget_set_hexpand(d->model, TRUE);
    gtk_box_append(GTK_BOX(row), d->model);
    gtk_box_append(GTK_BOX(row), button(_("F_ile…"), choose_file, d));
    gtk_box_append(GTK_BOX(row), button(_("F_older…"), choose_folder, d));
    return row;
}

static GtkWidget *make_grid(model_dialog *d) {
    const settings *s = d->settings;
    GtkWidget *grid = gtk_grid_new(), *label = gtk_label_new_with_mnemonic(_("_Model:"));
    gtk_grid_set_row_spacing(GTK_GRID(grid), SMALL_GAP_PX);
    gtk_grid_set_column_spacing(GTK_GRID(grid), GAP_PX);
    d->model = gtk_entry_new();
    gtk_editable_set_text(GTK_EDITABLE(d->model), s->model ? s->model : "");
    gtk_entry_set_placeholder_text(GTK_ENTRY(d->model), _("the default model"));
    gtk_entry_set_activates_default(GTK_ENTRY(d->model), TRUE);
    gtk_label_set_mnemonic_widget(GTK_LABEL(label), d->model);
    gtk_label_set_xalign(GTK_LABEL(label), 1);
    gtk_grid_attach(GTK_GRID(grid), label, 0, 0, 1, 1);
    gtk_grid_attach(GTK_GRID(grid), model_row(d), 1, 0, 1, 1);
    d->threads = gtk_spin_button_new_with_range(0, MOST_THREADS, 1);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(d->threads), s->n_threads);
    gtk_widget_set_tooltip_text(d->threads, _("0: all cores but one"));
    add_row(grid, 1, _("_Threads:"), d->threads);
    d->memory = gtk_spin_button_new_with_range(0, MOST_MB, 256);
    gtk_spin_button_set_value(GTK_SPIN_BUTTON(d->memory), s->memory_limit_mb);
    gtk_widget_set_tooltip_text(d->memory, _("0: what the machine has"));
    add_row(grid, 2, _("Memory _limit in MiB:"), d->memory);
    return grid;
}

static void fill(model_dialog *d) {
    GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, GAP_PX), *use_button;
    gtk_widget_set_margin_start(box, GAP_PX);
    gtk_widget_set_margin_end(box, GAP_PX);
    gtk_widget_set_margin_top(box, GAP_PX);
    gtk_widget_set_margin_bottom(box, GAP_PX);
    use_button = button(_("_Use"), use, d);
    gtk_widget_add_css_class(use_button, "suggested-action");
    gtk_widget_set_halign(use_button, GTK_ALIGN_END);
    gtk_box_append(GTK_BOX(box), explanation());
    gtk_box_append(GTK_BOX(box), make_grid(d));
    gtk_box_append(GTK_BOX(box), use_button);
    gtk_window_set_child(GTK_WINDOW(d->window), box);
    gtk_window_set_default_widget(GTK_WINDOW(d->window), use_button);
}

void model_dialog_show(GtkWindow *parent, settings *s, void (*on_chosen)(void *user), void *user) {
    model_dialog *d = g_new0(model_dialog, 1);
    GtkEventController *keys = gtk_shortcut_controller_new();
    d->settings = s;
    d->on_chosen = on_chosen;
    d->user = user;
    d->window = gtk_window_new();
    g_object_set_data_full(G_OBJECT(d->window), "model-dialog", d, free_dialog);
    gtk_window_set_title(GTK_WINDOW(d->window), _("Model"));
    gtk_window_set_transient_for(GTK_WINDOW(d->window), parent);
    gtk_window_set_destroy_with_parent(GTK_WINDOW(d->window), TRUE);
    gtk_window_set_modal(GTK_WINDOW(d->window), TRUE);
    gtk_window_set_default_size(GTK_WINDOW(d->window), WIDTH_PX, -1);
    fill(d);
    gtk_shortcut_controller_add_shortcut(
        GTK_SHORTCUT_CONTROLLER(keys),
        gtk_shortcut_new(gtk_shortcut_trigger_parse_string("Escape|<Control>w"),
                         gtk_callback_action_new(close_window, d->window, NULL)));
    gtk_widget_add_controller(d->window, keys);
    gtk_window_present(GTK_WINDOW(d->window));
}
