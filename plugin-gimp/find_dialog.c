/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "Find in Image": asks where things are, shows them, and makes selections, paths,
 * guides or layers of those that are ticked.
 */
#include "dialogs.h"
#include "i18n.h"
#include "results.h"
#include "workbench.h"

enum { GAP_PX = 6, LIST_LEAST_PX = 120, SWATCH_PX = 14 };

typedef struct find_dialog {
    workbench *w;
    GtkWidget *what, *list, *apply;
    shape_list *shapes;
    GArray *chosen; /* of gboolean, one for each shape */
} find_dialog;

/* --------------------------------------------------------------------- list */

static void clear(find_dialog *d) {
    GtkWidget *row;
    while ((row = gtk_widget_get_first_child(d->list)))
        gtk_list_box_remove(GTK_LIST_BOX(d->list), row);
    shape_list_clear(d->shapes);
    g_array_set_size(d->chosen, 0);
    preview_clear_shapes(d->w->preview);
    gtk_widget_set_sensitive(d->apply, FALSE);
}

/* What is ticked can be used when all has been found. */
static void update_apply(find_dialog *d, gboolean is_busy) {
    gboolean any = FALSE;
    for (guint i = 0; i < d->chosen->len; i++) any |= g_array_index(d->chosen, gboolean, i);
    gtk_widget_set_sensitive(d->apply, any && !is_busy);
}

static void ticked(GtkCheckButton *check, find_dialog *d) {
    int i = GPOINTER_TO_INT(g_object_get_data(G_OBJECT(check), "shape"));
    gboolean chosen = gtk_check_button_get_active(check);
    g_array_index(d->chosen, gboolean, i) = chosen;
    preview_choose(d->w->preview, i, chosen);
    update_apply(d, engine_is_busy(d->w->engine));
}

static void draw_swatch(GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer i) {
    (void)area;
    GdkRGBA color = preview_color(GPOINTER_TO_INT(i));
    gdk_cairo_set_source_rgba(cr, &color);
    cairo_rectangle(cr, 0, 0, width, height);
    cairo_fill(cr);
}

static void add_row(find_dialog *d, int i, const char *label) {
    GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, GAP_PX);
    GtkWidget *check = gtk_check_button_new_with_label(label);
    GtkWidget *swatch = gtk_drawing_area_new();
    gtk_drawing_area_set_content_width(GTK_DRAWING_AREA(swatch), SWATCH_PX);
    gtk_drawing_area_set_content_height(GTK_DRAWING_AREA(swatch), SWATCH_PX);
    gtk_drawing_area_set_draw_func(GTK_DRAWING_AREA(swatch), draw_swatch, GINT_TO_POINTER(i), NULL);
    gtk_widget_set_valign(swatch, GTK_ALIGN_CENTER);
    gtk_check_button_set_active(GTK_CHECK_BUTTON(check), TRUE);
    gtk_widget_set_hexpand(check, TRUE);
    g_object_set_data(G_OBJECT(check), "shape", GINT_TO_POINTER(i));
    g_signal_connect(check, "toggled", G_CALLBACK(ticked), d);
    gtk_box_append(GTK_BOX(row), check);
    gtk_box_append(GTK_BOX(row), swatch);
    gtk_list_box_append(GTK_LIST_BOX(d->list), row);
    /* The keyboard goes to what is to be ticked, not to the row around it. */
    gtk_widget_set_focusable(gtk_widget_get_parent(row), FALSE);
    gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(gtk_widget_get_parent(row)), FALSE);
}

static void add_shape(find_dialog *d, const espy_shape *shape) {
    gboolean chosen = TRUE;
    double outline[8];
    if (shape_outline(shape, outline) == 0) return; /* a moment of a film has no place */
    shape_list_add(d->shapes, shape);
    g_array_append_val(d->chosen, chosen);
    preview_add_shape(d->w->preview, shape);
    add_row(d, (int)d->shapes->len - 1, shape->label);
}

/* ------------------------------------------------------------------- events */

static void on_begin(void *user) {
    find_dialog *d = user;
    char *what = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(d->what))));
    if (what[0]) {
        clear(d);
        workbench_ask(d->w, "find", what, NULL, FALSE);
        g_free(d->w->settings->find);
        d->w->settings->find = g_strdup(what);
    } else {
        workbench_say(d->w, _("What shall be found? Write it first, for example: red cup, dog"));
        gtk_widget_grab_focus(d->what);
    }
    g_free(what);
}

static void on_picture(void *user) {
    clear(user);
}

static void on_shape(void *user, const espy_shape *shape) {
    find_dialog *d = user;
    if (shape)
        add_shape(d, shape);
    else
        clear(d);
}

static void on_done(void *user, const engine_answer *answer) {
    find_dialog *d = user;
    guint n = d->shapes->len;
    update_apply(d, FALSE);
    if (answer->status) return;
    char *line = n ? g_strdup_printf(g_dngettext(TEXT_DOMAIN, "%u found", "%u found", n), n)
                   : g_strdup(_("Nothing of that was found."));
    workbench_say(d->w, line);
    g_free(line);
}

/* ------------------------------------------------------------------ results */

static results_shapes shapes_of(const find_dialog *d) {
    return (results_shapes){ .image = d->w->image,
                             .picture = &d->w->picture,
                             .shapes = &g_array_index(d->shapes, espy_shape, 0),
                             .n_shapes = (int)d->shapes->len,
                             .chosen = &g_array_index(d->chosen, gboolean, 0) };
}

static gboolean select_new(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_REPLACE, error);
}

static gboolean select_add(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_ADD, error);
}

static gboolean select_subtract(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_SUBTRACT, error);
}

static gboolean select_intersect(const results_shapes *r, GError **error) {
    return results_selection(r, HOST_INTERSECT, error);
}

static const struct result {
    const char *way, *label, *done; /* way: of ways.h, also the action */
    gboolean (*apply)(const results_shapes *r, GError **error);
} results[] = {
    { "selection-new", N_("_New selection"), N_("What was found is selected."), select_new },
    { "selection-add", N_("_Add to the selection"), N_("What was found is selected too."),
      select_add },
    { "selection-subtract", N_("_Subtract from the selection"),
      N_("What was found is selected no more."), select_subtract },
    { "selection-intersect", N_("_Intersect with the selection"),
      N_("Only what was found is still selected."), select_intersect },
    { "paths", N_("_Paths"), N_("Each find is a path."), results_paths },
    { "guides", N_("_Guides"), N_("Guides stand at the borders."), results_guides },
    { "layers", N_("_Layers in a group"), N_("Each find is a layer."), results_layers },
    { "text-layers", N_("_Text layers"), N_("The texts are layers."), results_text_layers },
    { "crop", N_("_Crop the image"), N_("The image is cropped."), results_crop },
};

static void apply(GSimpleAction *action, GVariant *unused, gpointer user) {
    (void)unused;
    find_dialog *d = user;
    const char *name = g_action_get_name(G_ACTION(action));
    for (guint i = 0; i < G_N_ELEMENTS(results); i++) {
        if (!g_str_equal(results[i].way, name)) continue;
        GError *error = NULL;
        results_shapes shapes = shapes_of(d);
        gboolean done = results[i].apply(&shapes, &error);
        if (done) {
            g_free(d->w->settings->into);
            d->w->settings->into = g_strdup(name);
        }
        workbench_applied(d->w, done, _(results[i].done), error);
    }
}

/* ------------------------------------------------------------------- window */

static GtkWidget *make_apply(find_dialog *d) {
    GtkWidget *button = gtk_menu_button_new();
    GSimpleActionGroup *actions = g_simple_action_group_new();
    GMenu *menu = g_menu_new();
    for (guint i = 0; i < G_N_ELEMENTS(results); i++) {
        GSimpleAction *action = g_simple_action_new(results[i].way, NULL);
        char *name = g_strdup_printf("into.%s", results[i].way);
        g_signal_connect(action, "activate", G_CALLBACK(apply), d);
        g_action_map_add_action(G_ACTION_MAP(actions), G_ACTION(action));
        g_menu_append(menu, _(results[i].label), name);
        g_object_unref(action);
        g_free(name);
    }
    gtk_widget_insert_action_group(d->w->window, "into", G_ACTION_GROUP(actions));
    gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(button), G_MENU_MODEL(menu));
    gtk_menu_button_set_label(GTK_MENU_BUTTON(button), _("_Into the Image"));
    gtk_menu_button_set_use_underline(GTK_MENU_BUTTON(button), TRUE);
    gtk_menu_button_set_direction(GTK_MENU_BUTTON(button), GTK_ARROW_UP);
    gtk_widget_set_hexpand(button, TRUE);
    g_object_unref(actions);
    g_object_unref(menu);
    return button;
}

static GtkWidget *make_list(find_dialog *d) {
    GtkWidget *scrolled = gtk_scrolled_window_new();
    d->list = gtk_list_box_new();
    gtk_list_box_set_selection_mode(GTK_LIST_BOX(d->list), GTK_SELECTION_NONE);
    gtk_accessible_update_property(GTK_ACCESSIBLE(d->list), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                   _("What was found"), -1);
    gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), d->list);
    gtk_scrolled_window_set_has_frame(GTK_SCROLLED_WINDOW(scrolled), TRUE);
    gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), LIST_LEAST_PX);
    gtk_widget_set_vexpand(scrolled, TRUE);
    return scrolled;
}

static void fill(find_dialog *d) {
    workbench *w = d->w;
    d->what = gtk_entry_new();
    gtk_editable_set_text(GTK_EDITABLE(d->what), w->settings->find ? w->settings->find : "");
    gtk_entry_set_placeholder_text(GTK_ENTRY(d->what), _("red cup, dog"));
    gtk_entry_set_activates_default(GTK_ENTRY(d->what), TRUE);
    gtk_box_append(GTK_BOX(w->controls), workbench_labelled(_("_What to find"), d->what));
    gtk_box_append(GTK_BOX(w->answers), make_list(d));
    d->apply = make_apply(d);
    gtk_box_append(GTK_BOX(w->footer), d->apply);
    gtk_widget_grab_focus(d->what);
}

gboolean find_dialog_run(host_image image, host_layer layer, guint64 parent, GError **error) {
    static const workbench_events events = {
        .on_begin = on_begin, .on_picture = on_picture, .on_shape = on_shape, .on_done = on_done
    };
    find_dialog d = { 0 };
    d.w = workbench_new(_("Find in Image"), _("_Find"), image, layer, -1, parent, error);
    if (!d.w) return FALSE;
    d.shapes = shape_list_new();
    d.chosen = g_array_new(FALSE, TRUE, sizeof(gboolean));
    fill(&d);
    workbench_set_events(d.w, &events, &d);
    workbench_run(d.w);
    workbench_free(d.w);
    shape_list_free(d.shapes);
    g_array_free(d.chosen, TRUE);
    return TRUE;
}
