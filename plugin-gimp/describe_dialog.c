/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "Describe Image": asks for a description, or a question, and keeps the answer.
 */
#include "dialogs.h"
#include "i18n.h"
#include "results.h"
#include "workbench.h"

enum { GAP_PX = 6, ANSWER_LEAST_PX = 120 };

typedef struct describe_dialog {
    workbench *w;
    GtkWidget *preset, *language, *question, *text, *copy, *keep;
    GtkTextMark *question_at; /* where the question under way begins,             */
    GtkTextMark *answer_at;   /* and its answer                                   */
    GtkTextMark *end;
    const char *task;         /* that was asked for                               */
    char *answer;             /* the last one; NULL: none of this picture         */
    char *last;               /* the last one of any picture                      */
    gboolean is_conversation; /* the engine knows what was said                 */
} describe_dialog;

static const struct preset {
    const char *task, *label;
} presets[] = {
    { "caption", N_("A sentence") },       { "alt", N_("Alt text") },
    { "detailed", N_("In detail") },       { "tags", N_("Tags") },
    { "text", N_("Text in the picture") }, { "question", N_("A question") },
};

/* Their own names need no translation. */
static const struct language {
    const char *name, *own;
} languages[] = {
    { NULL, NULL }, /* that of the locale */
    { "English", "English" }, { "Arabic", "العربية" },
    { "Chinese", "中文" },    { "French", "Français" },
    { "German", "Deutsch" },  { "Italian", "Italiano" },
    { "Japanese", "日本語" }, { "Korean", "한국어" },
    { "Polish", "Polski" },   { "Portuguese", "Português" },
    { "Russian", "Русский" }, { "Spanish", "Español" },
};

/* ----------------------------------------------------------------- the text */

static void append(describe_dialog *d, const char *text, const char *tag) {
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(d->text));
    GtkTextIter end;
    gtk_text_buffer_get_end_iter(buffer, &end);
    gtk_text_buffer_insert_with_tags_by_name(buffer, &end, text, -1, tag, NULL);
    /* An iterator would lead to where the end is before the new lines have a height. */
    gtk_text_view_scroll_mark_onscreen(GTK_TEXT_VIEW(d->text), d->end);
}

static void mark_end(describe_dialog *d, GtkTextMark **mark) {
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(d->text));
    GtkTextIter end;
    gtk_text_buffer_get_end_iter(buffer, &end);
    if (*mark)
        gtk_text_buffer_move_mark(buffer, *mark, &end);
    else
        *mark = gtk_text_buffer_create_mark(buffer, NULL, &end, TRUE);
}

static void remove_from(describe_dialog *d, GtkTextMark *mark) {
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(d->text));
    GtkTextIter from, end;
    gtk_text_buffer_get_iter_at_mark(buffer, &from, mark);
    gtk_text_buffer_get_end_iter(buffer, &end);
    gtk_text_buffer_delete(buffer, &from, &end);
}

static void begin_answer(describe_dialog *d, const char *question) {
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(d->text));
    mark_end(d, &d->question_at);
    if (gtk_text_buffer_get_char_count(buffer) > 0) append(d, "\n\n", NULL);
    append(d, question, "question");
    append(d, "\n", NULL);
    mark_end(d, &d->answer_at);
}

/* In place of what was streamed; a question without any answer goes, too. */
static void end_answer(describe_dialog *d, const engine_answer *answer) {
    if (answer->status && !answer->text[0]) {
        remove_from(d, d->question_at);
    } else {
        remove_from(d, d->answer_at);
        append(d, answer->text, NULL);
    }
}

static void set_answer(describe_dialog *d, const char *text) {
    g_free(d->answer);
    d->answer = text && text[0] ? g_strdup(text) : NULL;
    if (d->answer) {
        g_free(d->last);
        d->last = g_strdup(d->answer);
    }
    gtk_widget_set_sensitive(d->copy, d->answer != NULL);
    gtk_widget_set_sensitive(d->keep, d->answer != NULL);
}

/* ------------------------------------------------------------------- events */

static const struct preset *chosen_preset(const describe_dialog *d) {
    return &presets[gtk_drop_down_get_selected(GTK_DROP_DOWN(d->preset))];
}

static const char *chosen_language(const describe_dialog *d) {
    const char *name = languages[gtk_drop_down_get_selected(GTK_DROP_DOWN(d->language))].name;
    return name ? name : espy_language_name(g_get_language_names()[0]);
}

static void ask(describe_dialog *d, const char *task, const char *label, const char *argument,
                gboolean follow_up) {
    set_answer(d, NULL);
    begin_answer(d, label);
    d->task = task;
    workbench_ask(d->w, task, argument, chosen_language(d), follow_up);
    d->is_conversation = TRUE;
}

/* A further one where something has been said about the picture. */
static void ask_question(describe_dialog *d) {
    char *words = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(d->question))));
    if (words[0]) {
        g_free(d->w->settings->question);
        d->w->settings->question = g_strdup(words);
        ask(d, "question", words, words, d->is_conversation);
    } else {
        workbench_say(d->w, _("What do you want to know? Write the question first."));
        gtk_widget_grab_focus(d->question);
    }
    g_free(words);
}

static void on_begin(void *user) {
    describe_dialog *d = user;
    const struct preset *preset = chosen_preset(d);
    if (g_str_equal(preset->task, "question"))
        ask_question(d);
    else
        ask(d, preset->task, _(preset->label), NULL, FALSE);
}

static void question_entered(GtkEntry *unused, describe_dialog *d) {
    (void)unused;
    if (workbench_is_ready(d->w)) ask_question(d);
}

static void on_picture(void *user) {
    describe_dialog *d = user;
    d->is_conversation = FALSE;
    set_answer(d, NULL);
}

static void on_text(void *user, const char *piece) {
    append(user, piece, NULL);
}

static void on_done(void *user, const engine_answer *answer) {
    describe_dialog *d = user;
    end_answer(d, answer);
    set_answer(d, answer->text);
    if (answer->status) d->is_conversation = FALSE;
}

/* For the next time. */
static void remember(describe_dialog *d) {
    settings *s = d->w->settings;
    guint language = gtk_drop_down_get_selected(GTK_DROP_DOWN(d->language));
    g_free(s->preset);
    g_free(s->language);
    s->preset = g_strdup(chosen_preset(d)->task);
    s->language = g_strdup(languages[language].name);
}

/* ------------------------------------------------------------------ results */

static void copy(describe_dialog *d) {
    if (d->answer) workbench_copy(d->w, d->answer);
}

/* Says what became of the answer, and how to do so again. */
static void kept(describe_dialog *d, gboolean done, const char *way, const char *text,
                 GError *error) {
    settings *s = d->w->settings;
    if (done) {
        g_free(s->keep);
        g_free(s->kept_preset);
        s->keep = g_strdup(way);
        s->kept_preset = g_strdup(d->task);
    }
    workbench_applied(d->w, done, text, error);
}

static void keep_alt(GSimpleAction *action, GVariant *unused, gpointer user) {
    (void)unused;
    describe_dialog *d = user;
    GError *error = NULL;
    gboolean done = results_alt_text(d->w->image, d->answer, &error);
    kept(d, done, g_action_get_name(G_ACTION(action)),
         _("The alt text is in the image; exported files have it if “Save XMP data” "
           "is ticked."),
         error);
}

static void keep_comment(GSimpleAction *action, GVariant *unused, gpointer user) {
    (void)unused;
    describe_dialog *d = user;
    GError *error = NULL;
    gboolean done = results_comment(d->w->image, d->answer, &error);
    kept(d, done, g_action_get_name(G_ACTION(action)), _("The image has the text as its comment."),
         error);
}

static void keep_name(GSimpleAction *action, GVariant *unused, gpointer user) {
    (void)unused;
    describe_dialog *d = user;
    GError *error = NULL;
    gboolean done = results_layer_name(d->w->image, d->w->layer, d->answer, &error);
    kept(d, done, g_action_get_name(G_ACTION(action)),
         _("The layer is named after its description."), error);
}

static void keep_layer(GSimpleAction *action, GVariant *unused, gpointer user) {
    (void)unused;
    describe_dialog *d = user;
    GError *error = NULL;
    gboolean done = results_text_layer(d->w->image, &d->w->picture, d->answer, &error);
    kept(d, done, g_action_get_name(G_ACTION(action)), _("The text stands in a layer of its own."),
         error);
}

/* The actions are named as the ways of ways.h. */
static GtkWidget *make_keep(describe_dialog *d) {
    static const GActionEntry entries[] = {
        { .name = "alt-text", .activate = keep_alt },
        { .name = "comment", .activate = keep_comment },
        { .name = "layer-name", .activate = keep_name },
        { .name = "text-layer", .activate = keep_layer },
    };
    GtkWidget *button = gtk_menu_button_new();
    GSimpleActionGroup *actions = g_simple_action_group_new();
    GMenu *menu = g_menu_new();
    g_action_map_add_action_entries(G_ACTION_MAP(actions), entries, G_N_ELEMENTS(entries), d);
    gtk_widget_insert_action_group(d->w->window, "keep", G_ACTION_GROUP(actions));
    g_menu_append(menu, _("As _alt text and description"), "keep.alt-text");
    g_menu_append(menu, _("As image _comment"), "keep.comment");
    g_menu_append(menu, _("As _name of the layer"), "keep.layer-name");
    g_menu_append(menu, _("As a _text layer"), "keep.text-layer");
    gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(button), G_MENU_MODEL(menu));
    gtk_menu_button_set_label(GTK_MENU_BUTTON(button), _("_Keep"));
    gtk_menu_button_set_use_underline(GTK_MENU_BUTTON(button), TRUE);
    gtk_menu_button_set_direction(GTK_MENU_BUTTON(button), GTK_ARROW_UP);
    g_object_unref(actions);
    g_object_unref(menu);
    return button;
}

/* ------------------------------------------------------------------- window */

static GtkWidget *make_presets(describe_dialog *d) {
    const char *labels[G_N_ELEMENTS(presets) + 1] = { NULL };
    guint chosen = 0;
    for (guint i = 0; i < G_N_ELEMENTS(presets); i++) {
        labels[i] = _(presets[i].label);
        if (!g_strcmp0(d->w->settings->preset, presets[i].task)) chosen = i;
    }
    d->preset = gtk_drop_down_new_from_strings(labels);
    gtk_drop_down_set_selected(GTK_DROP_DOWN(d->preset), chosen);
    return workbench_labelled(_("_Answer with"), d->preset);
}

static GtkWidget *make_languages(describe_dialog *d) {
    const char *names[G_N_ELEMENTS(languages) + 1] = { NULL };
    guint chosen = 0;
    for (guint i = 0; i < G_N_ELEMENTS(languages); i++) {
        names[i] = languages[i].own ? languages[i].own : _("My language");
        if (languages[i].name && !g_strcmp0(d->w->settings->language, languages[i].name))
            chosen = i;
    }
    d->language = gtk_drop_down_new_from_strings(names);
    gtk_drop_down_set_selected(GTK_DROP_DOWN(d->language), chosen);
    return workbench_labelled(_("_In"), d->language);
}

static GtkWidget *make_question(describe_dialog *d) {
    const char *last = d->w->settings->question;
    d->question = gtk_entry_new();
    gtk_editable_set_text(GTK_EDITABLE(d->question), last ? last : "");
    g_signal_connect(d->question, "activate", G_CALLBACK(question_entered), d);
    return workbench_labelled(_("_Question"), d->question);
}

static GtkWidget *make_text(describe_dialog *d) {
    GtkWidget *scrolled = gtk_scrolled_window_new();
    GtkTextIter end;
    d->text = gtk_text_view_new();
    GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(d->text));
    gtk_text_view_set_editable(GTK_TEXT_VIEW(d->text), FALSE);
    gtk_text_view_set_cursor_visible(GTK_TEXT_VIEW(d->text), FALSE);
    gtk_text_view_set_wrap_mode(GTK_TEXT_VIEW(d->text), GTK_WRAP_WORD_CHAR);
    gtk_text_view_set_left_margin(GTK_TEXT_VIEW(d->text), GAP_PX);
    gtk_text_view_set_right_margin(GTK_TEXT_VIEW(d->text), GAP_PX);
    gtk_text_view_set_top_margin(GTK_TEXT_VIEW(d->text), GAP_PX);
    gtk_text_view_set_bottom_margin(GTK_TEXT_VIEW(d->text), GAP_PX);
    gtk_text_view_set_accepts_tab(GTK_TEXT_VIEW(d->text), FALSE);
    gtk_text_buffer_create_tag(buffer, "question", "weight", PANGO_WEIGHT_BOLD, NULL);
    gtk_text_buffer_get_end_iter(buffer, &end);
    d->end = gtk_text_buffer_create_mark(buffer, NULL, &end, FALSE);
    gtk_accessible_update_property(GTK_ACCESSIBLE(d->text), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                   _("Answers"), -1);
    gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scrolled), d->text);
    gtk_scrolled_window_set_has_frame(GTK_SCROLLED_WINDOW(scrolled), TRUE);
    gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(scrolled), ANSWER_LEAST_PX);
    gtk_widget_set_vexpand(scrolled, TRUE);
    return scrolled;
}

static void fill(describe_dialog *d) {
    workbench *w = d->w;
    GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, GAP_PX);
    gtk_box_set_homogeneous(GTK_BOX(row), TRUE);
    gtk_box_append(GTK_BOX(row), make_presets(d));
    gtk_box_append(GTK_BOX(row), make_languages(d));
    gtk_box_append(GTK_BOX(w->controls), row);
    gtk_box_append(GTK_BOX(w->answers), make_text(d));
    gtk_box_append(GTK_BOX(w->answers), make_question(d));
    d->copy = gtk_button_new_with_mnemonic(_("_Copy"));
    g_signal_connect_swapped(d->copy, "clicked", G_CALLBACK(copy), d);
    d->keep = make_keep(d);
    gtk_widget_set_hexpand(d->copy, TRUE);
    gtk_widget_set_hexpand(d->keep, TRUE);
    gtk_box_append(GTK_BOX(w->footer), d->copy);
    gtk_box_append(GTK_BOX(w->footer), d->keep);
    set_answer(d, NULL);
}

gboolean describe_dialog_run(host_image image, host_layer layer, int source, guint64 parent,
                             char **text, GError **error) {
    static const workbench_events events = {
        .on_begin = on_begin, .on_picture = on_picture, .on_text = on_text, .on_done = on_done
    };
    describe_dialog d = { 0 };
    d.w = workbench_new(_("Describe Image"), _("_Describe"), image, layer, source, parent, error);
    if (!d.w) return FALSE;
    fill(&d);
    workbench_set_events(d.w, &events, &d);
    workbench_run(d.w);
    remember(&d);
    workbench_free(d.w);
    g_free(d.answer);
    if (text)
        *text = d.last;
    else
        g_free(d.last);
    return TRUE;
}
