/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "workbench.h"

#include "i18n.h"
#include "model_dialog.h"
#include "paragraph.h"
#include "window_parent.h"

enum {
    GAP_PX = 12,
    SMALL_GAP_PX = 6,
    WIDTH_PX = 860,
    HEIGHT_PX = 560,
    CONTROLS_PX = 320,
    LEAST_PX = 320
};

/* ------------------------------------------------------------------ picture */

void workbench_say(workbench *w, const char *text) {
    gtk_widget_remove_css_class(w->status, "error");
    gtk_widget_add_css_class(w->status, "dim-label");
    gtk_label_set_text(GTK_LABEL(w->status), text ? text : "");
}

static void say_error(workbench *w, const char *text) {
    gtk_widget_remove_css_class(w->status, "dim-label");
    gtk_widget_add_css_class(w->status, "error");
    gtk_label_set_text(GTK_LABEL(w->status), text);
}

/* A model that failed is not tried again by a press of the usual button. */
static gboolean can_begin(const workbench *w) {
    return w->picture.image && !failure_notice_is_shown(&w->notice);
}

static void update_button(workbench *w) {
    gtk_widget_set_sensitive(w->button, w->n_asked > 0 || can_begin(w));
}

static void take_picture(workbench *w) {
    GError *error = NULL;
    picture taken;
    w->stamp = picture_stamp(w->image, w->layer, w->shown);
    if (host_image_is_valid(w->image)) host_image_get_size(w->image, &w->width, &w->height);
    picture_clear(&w->picture);
    gboolean there = picture_take(&taken, w->image, w->layer, w->shown, &error);
    if (there) w->picture = taken;
    preview_set_picture(w->preview, there ? w->picture.image : NULL);
    if (there)
        workbench_say(w, NULL);
    else
        say_error(w, error->message);
    update_button(w);
    g_clear_error(&error);
    if (w->events.on_picture) w->events.on_picture(w->user);
}

/* What the answer under way says is of another picture, or of another question. */
static void drop_answer(workbench *w) {
    engine_stop(w->engine);
    w->n_dropped = w->n_asked;
}

static void source_chosen(GtkDropDown *source, GParamSpec *unused, workbench *w) {
    (void)unused;
    w->shown = (picture_source)gtk_drop_down_get_selected(source);
    drop_answer(w);
    take_picture(w);
}

/* The image may have changed while another window was worked in. */
static void look_again(workbench *w) {
    if (engine_is_busy(w->engine)) return;
    if (picture_stamp(w->image, w->layer, w->shown) != w->stamp) take_picture(w);
}

static void activated(GtkWindow *window, GParamSpec *unused, workbench *w) {
    (void)unused;
    if (gtk_window_is_active(window)) look_again(w);
}

/* ------------------------------------------------------------------- asking */

static void show_busy(workbench *w, gboolean busy) {
    gtk_button_set_label(GTK_BUTTON(w->button), busy ? _("_Stop") : w->begin_label);
    gtk_widget_set_visible(w->progress, busy);
    gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(w->progress), 0);
    if (busy)
        gtk_widget_remove_css_class(w->button, "suggested-action");
    else
        gtk_widget_add_css_class(w->button, "suggested-action");
    update_button(w);
}

static const char *phase_text(const char *phase) {
    static const struct {
        const char *phase, *text;
    } texts[] = {
        { "loading", N_("Loading the model…") },
        { "looking", N_("Looking at the picture…") },
        { "reading", N_("Reading the question…") },
        { "writing", N_("Writing…") },
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        if (g_str_equal(texts[i].phase, phase)) return _(texts[i].text);
    return phase;
}

static void tell_failure(workbench *w, const char *message) {
    if (failure_notice_update(&w->notice))
        workbench_say(w, NULL);
    else
        say_error(w, message);
    update_button(w);
}

static void on_progress(void *user, const char *phase, double fraction) {
    workbench *w = user;
    if (w->n_dropped) return;
    workbench_say(w, phase_text(phase));
    if (fraction < 0)
        gtk_progress_bar_pulse(GTK_PROGRESS_BAR(w->progress));
    else
        gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(w->progress), MIN(fraction, 1));
}

static void on_text(void *user, const char *piece, double tokens_per_s) {
    workbench *w = user;
    if (w->n_dropped) return;
    if (tokens_per_s > 0) {
        char *line = g_strdup_printf(_("Writing, %.1f tokens per second"), tokens_per_s);
        workbench_say(w, line);
        g_free(line);
    }
    if (w->events.on_text) w->events.on_text(w->user, piece);
}

static void on_shape(void *user, const espy_shape *shape) {
    workbench *w = user;
    if (!w->n_dropped && w->events.on_shape) w->events.on_shape(w->user, shape);
}

static void on_done(void *user, const engine_answer *answer) {
    workbench *w = user;
    char *line = NULL;
    w->n_asked--;
    if (!w->n_asked) show_busy(w, FALSE);
    if (w->n_dropped) {
        w->n_dropped--;
        return;
    }
    if (answer->status == ESPY_ERR_STOPPED)
        workbench_say(w, _("Stopped."));
    else if (answer->status)
        tell_failure(w, answer->message);
    else if (answer->cut)
        workbench_say(w, _("The answer was longer than allowed and is cut off."));
    else
        line = g_strdup_printf(g_dngettext(TEXT_DOMAIN, "%d token, %.1f per second",
                                           "%d tokens, %.1f per second", (gulong)answer->n_tokens),
                               answer->n_tokens, answer->tokens_per_s);
    if (line) workbench_say(w, line);
    g_free(line);
    if (w->events.on_done) w->events.on_done(w->user, answer);
}

void workbench_ask(workbench *w, const char *task, const char *argument, const char *language,
                   gboolean follow_up) {
    static const engine_events events = { on_progress, on_text, on_shape, on_done };
    engine_question question = { .task = task, .argument = argument, .language = language };
    espy_error err;
    if (!can_begin(w)) return;
    if (!follow_up &&
        espy_image_from_pixels(&question.image, espy_image_pixels(w->picture.image),
                               w->picture.width, w->picture.height, (ptrdiff_t)w->picture.width * 3,
                               3, ESPY_ALPHA_WHITE, &err)) {
        say_error(w, err.message);
        return;
    }
    drop_answer(w);
    w->n_asked++;
    show_busy(w, TRUE);
    engine_ask(w->engine, &question, &events, w);
}

gboolean workbench_is_ready(workbench *w) {
    look_again(w);
    return can_begin(w);
}

void workbench_press(workbench *w) {
    if (engine_is_busy(w->engine))
        engine_stop(w->engine);
    else if (workbench_is_ready(w) && w->events.on_begin)
        w->events.on_begin(w->user);
}

/* -------------------------------------------------------------------- model */

static void use_settings(workbench *w) {
    const settings *s = w->settings;
    engine_settings to = { .model = s->model,
                           .n_threads = s->n_threads,
                           .memory_limit_bytes = (gint64)s->memory_limit_mb << 20 };
    engine_set(w->engine, &to);
}

static void model_chosen(void *user) {
    workbench *w = user;
    settings_forget_failure();
    gtk_widget_set_visible(w->notice.box, FALSE);
    update_button(w);
    use_settings(w);
}

static void choose_model(GtkButton *unused, workbench *w) {
    (void)unused;
    model_dialog_show(GTK_WINDOW(w->window), w->settings, model_chosen, w);
}

static void try_again(void *user) {
    model_chosen(user);
    workbench_press(user);
}

static void use_built_in(void *user) {
    workbench *w = user;
    g_free(w->settings->model);
    w->settings->model = g_strdup("espy-nano");
    model_chosen(w);
}

/* ------------------------------------------------------------------- window */

static GtkWidget *box_of(GtkOrientation orientation, int gap) {
    return gtk_box_new(orientation, gap);
}

static GtkWidget *button_of(const char *label, GCallback clicked, workbench *w) {
    GtkWidget *button = gtk_button_new_with_mnemonic(label);
    g_signal_connect(button, "clicked", clicked, w);
    return button;
}

GtkWidget *workbench_labelled(const char *label, GtkWidget *widget) {
    GtkWidget *box = box_of(GTK_ORIENTATION_VERTICAL, SMALL_GAP_PX / 2);
    GtkWidget *text = gtk_label_new_with_mnemonic(label);
    gtk_label_set_xalign(GTK_LABEL(text), 0);
    gtk_label_set_mnemonic_widget(GTK_LABEL(text), widget);
    gtk_accessible_update_relation(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_RELATION_LABELLED_BY,
                                   text, NULL, -1);
    gtk_box_append(GTK_BOX(box), text);
    gtk_box_append(GTK_BOX(box), widget);
    return box;
}

static GtkWidget *make_source(workbench *w) {
    char *name = host_layer_is_valid(w->layer) ? host_layer_name(w->layer) : NULL;
    char *layer = g_strdup_printf(_("The layer “%s”"), name ? name : "");
    const char *const names[] = { _("All that is shown"), layer, _("The selection"), NULL };
    w->source = gtk_drop_down_new_from_strings(names);
    gtk_drop_down_set_selected(GTK_DROP_DOWN(w->source), w->shown);
    g_signal_connect(w->source, "notify::selected", G_CALLBACK(source_chosen), w);
    g_free(layer);
    g_free(name);
    return workbench_labelled(_("_Look at"), w->source);
}

/* What is scrolled where the screen has not room for all. Without it the column would
 * take width, too, for lines that want height. */
static GtkWidget *make_scrolled(workbench *w) {
    GtkWidget *scrolled = gtk_scrolled_window_new();
    GtkWidget *box = box_of(GTK_ORIENTATION_VERTICAL, GAP_PX);
    gtk_box_append(GTK_BOX(box), w->controls);
    gtk_box_append(GTK_BOX(box), w->button);
    gtk_box_append(GTK_BOX(box), w->progress);
    gtk_box_append(GTK_BOX(box), w->answers);
    gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), box);
    gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scrolled), GTK_POLICY_NEVER,
                                   GTK_POLICY_AUTOMATIC);
    gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), LEAST_PX);
    gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scrolled), TRUE);
    gtk_widget_set_vexpand(scrolled, TRUE);
    return scrolled;
}

static GtkWidget *make_column(workbench *w) {
    GtkWidget *column = box_of(GTK_ORIENTATION_VERTICAL, GAP_PX);
    w->controls = box_of(GTK_ORIENTATION_VERTICAL, SMALL_GAP_PX);
    w->answers = box_of(GTK_ORIENTATION_VERTICAL, SMALL_GAP_PX);
    w->footer = box_of(GTK_ORIENTATION_HORIZONTAL, SMALL_GAP_PX);
    w->button = gtk_button_new_with_mnemonic(w->begin_label);
    w->status = paragraph_new(GTK_ACCESSIBLE_ROLE_STATUS);
    w->progress = gtk_progress_bar_new();
    g_signal_connect_swapped(w->button, "clicked", G_CALLBACK(workbench_press), w);
    gtk_accessible_update_relation(GTK_ACCESSIBLE(w->progress), GTK_ACCESSIBLE_RELATION_LABELLED_BY,
                                   w->status, NULL, -1);
    gtk_widget_set_vexpand(w->answers, TRUE);
    gtk_box_append(GTK_BOX(w->controls), make_source(w));
    gtk_box_append(GTK_BOX(column), make_scrolled(w));
    gtk_box_append(GTK_BOX(column), w->status);
    gtk_box_append(GTK_BOX(column), w->footer);
    gtk_widget_set_size_request(column, CONTROLS_PX, -1);
    gtk_widget_set_hexpand(column, FALSE);
    return column;
}

static gboolean close_window(GtkWidget *unused, GVariant *args, gpointer w) {
    (void)unused, (void)args;
    gtk_window_close(GTK_WINDOW(((workbench *)w)->window));
    return TRUE;
}

static void add_shortcuts(workbench *w) {
    GtkEventController *keys = gtk_shortcut_controller_new();
    gtk_shortcut_controller_set_scope(GTK_SHORTCUT_CONTROLLER(keys), GTK_SHORTCUT_SCOPE_GLOBAL);
    gtk_shortcut_controller_add_shortcut(
        GTK_SHORTCUT_CONTROLLER(keys),
        gtk_shortcut_new(gtk_shortcut_trigger_parse_string("Escape|<Control>w"),
                         gtk_callback_action_new(close_window, w, NULL)));
    gtk_widget_add_controller(w->window, keys);
}

static gboolean on_close(GtkWindow *unused, workbench *w) {
    (void)unused;
    g_main_loop_quit(w->loop);
    return TRUE; /* workbench_free destroys it */
}

static void make_window(workbench *w, const char *title) {
    GtkWidget *bar = gtk_header_bar_new(), *model;
    GtkWidget *columns = box_of(GTK_ORIENTATION_HORIZONTAL, GAP_PX);
    GtkWidget *content = box_of(GTK_ORIENTATION_VERTICAL, GAP_PX);
    w->window = gtk_window_new();
    gtk_window_set_title(GTK_WINDOW(w->window), title);
    gtk_window_set_default_size(GTK_WINDOW(w->window), WIDTH_PX, HEIGHT_PX);
    gtk_window_set_titlebar(GTK_WINDOW(w->window), bar);
    model = button_of(_("_Model…"), G_CALLBACK(choose_model), w);
    gtk_header_bar_pack_end(GTK_HEADER_BAR(bar), model);
    w->preview = preview_new();
    gtk_widget_set_hexpand(GTK_WIDGET(w->preview), TRUE);
    gtk_widget_set_vexpand(GTK_WIDGET(w->preview), TRUE);
    failure_notice_init(&w->notice, try_again, use_built_in, w);
    gtk_box_append(GTK_BOX(columns), GTK_WIDGET(w->preview));
    gtk_box_append(GTK_BOX(columns), make_column(w));
    gtk_box_append(GTK_BOX(content), w->notice.box);
    gtk_box_append(GTK_BOX(content), columns);
    gtk_widget_set_vexpand(columns, TRUE);
    gtk_widget_set_margin_start(content, GAP_PX);
    gtk_widget_set_margin_end(content, GAP_PX);
    gtk_widget_set_margin_top(content, GAP_PX);
    gtk_widget_set_margin_bottom(content, GAP_PX);
    gtk_window_set_child(GTK_WINDOW(w->window), content);
    add_shortcuts(w);
    g_signal_connect(w->window, "close-request", G_CALLBACK(on_close), w);
    g_signal_connect(w->window, "notify::is-active", G_CALLBACK(activated), w);
}

static void use_colors(void *user, color_scheme scheme) {
    static const char setting[] = "gtk-application-prefer-dark-theme";
    GtkSettings *to = gtk_widget_get_settings(((workbench *)user)->window);
    if (scheme == COLOR_SCHEME_NONE)
        gtk_settings_reset_property(to, setting);
    else
        g_object_set(to, setting, scheme == COLOR_SCHEME_DARK, NULL);
}

/* Those of GIMP's own windows, which by default are dark on any desktop. */
static void choose_colors(workbench *w) {
    char *theme = host_theme();
    if (theme && (!g_ascii_strcasecmp(theme, "dark") || !g_ascii_strcasecmp(theme, "gray")))
        use_colors(w, COLOR_SCHEME_DARK);
    else if (theme && !g_ascii_strcasecmp(theme, "light"))
        use_colors(w, COLOR_SCHEME_LIGHT);
    else
        w->colors = color_scheme_watch_new(use_colors, w);
    g_free(theme);
}

workbench *workbench_new(const char *title, const char *begin_label, host_image image,
                         host_layer layer, int source, guint64 parent, GError **error) {
    if (!gtk_init_check()) {
        g_set_error(error, HOST_ERROR, 0, "%s",
                    _("There is no display to show the dialog on; run the procedure "
                      "non-interactively."));
        return NULL;
    }
    workbench *w = g_new0(workbench, 1);
    w->image = image;
    w->layer = layer;
    w->settings = settings_load();
    int last = picture_source_find(w->settings->source ? w->settings->source : "");
    w->shown = (picture_source)MAX(0, source >= 0 ? source : last);
    w->begin_label = g_strdup(begin_label);
    w->loop = g_main_loop_new(NULL, FALSE);
    w->engine = engine_new(&(engine_settings){ 0 });
    use_settings(w);
    make_window(w, title);
    choose_colors(w);
    failure_notice_update(&w->notice);
    show_busy(w, FALSE);
    window_set_parent(GTK_WINDOW(w->window), parent);
    return w;
}

void workbench_set_events(workbench *w, const workbench_events *events, void *user) {
    w->events = *events;
    w->user = user;
}

void workbench_run(workbench *w) {
    gtk_window_set_default_widget(GTK_WINDOW(w->window), w->button);
    take_picture(w);
    gtk_window_present(GTK_WINDOW(w->window));
    g_main_loop_run(w->loop);
}

static void stored(GObject *clipboard, GAsyncResult *result, gpointer loop) {
    gdk_clipboard_store_finish(GDK_CLIPBOARD(clipboard), result, NULL);
    g_main_loop_quit(loop);
}

static gboolean give_up(gpointer cancellable) {
    g_cancellable_cancel(cancellable);
    return G_SOURCE_REMOVE;
}

/* X11 forgets what a process had copied when it ends, unless it is handed on. */
static void keep_clipboard(workbench *w) {
    enum { LIMIT_MS = 500 };
    if (!w->copied) return;
    GCancellable *limit = g_cancellable_new();
    guint timer = g_timeout_add(LIMIT_MS, give_up, limit);
    gdk_clipboard_store_async(gtk_widget_get_clipboard(w->window), G_PRIORITY_DEFAULT, limit,
                              stored, w->loop);
    g_main_loop_run(w->loop);
    if (!g_cancellable_is_cancelled(limit)) g_source_remove(timer);
    g_object_unref(limit);
}

void workbench_free(workbench *w) {
    /* Widgets that are destroyed change, which is of no interest any more. */
    g_signal_handlers_disconnect_by_data(w->source, w);
    g_signal_handlers_disconnect_by_data(w->window, w);
    color_scheme_watch_free(w->colors);
    gtk_widget_set_visible(w->window, FALSE);
    engine_free(w->engine);
    keep_clipboard(w);
    g_free(w->settings->source);
    w->settings->source = g_strdup(picture_source_name(w->shown));
    settings_save(w->settings, NULL); /* what was chosen is a comfort, not a result */
    settings_free(w->settings);
    gtk_window_destroy(GTK_WINDOW(w->window));
    picture_clear(&w->picture);
    g_main_loop_unref(w->loop);
    g_free(w->begin_label);
    g_free(w);
}

void workbench_copy(workbench *w, const char *text) {
    gdk_clipboard_set_text(gtk_widget_get_clipboard(w->window), text);
    w->copied = TRUE;
    workbench_say(w, _("Copied."));
}

void workbench_applied(workbench *w, gboolean done, const char *text, GError *error) {
    int width = w->width, height = w->height;
    host_flush();
    if (host_image_is_valid(w->image)) host_image_get_size(w->image, &width, &height);
    if (width != w->width || height != w->height) take_picture(w);
    if (done)
        workbench_say(w, text);
    else
        say_error(w, error ? error->message : _("GIMP did not do it."));
    g_clear_error(&error);
    w->stamp = picture_stamp(w->image, w->layer, w->shown); /* it is our own change */
}
