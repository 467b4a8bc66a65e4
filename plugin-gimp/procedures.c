/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "procedures.h"

#include <string.h>

#include "dialogs.h"
#include "i18n.h"
#include "repeat.h"
#include "runs.h"

/* ---------------------------------------------------------------- arguments */

#define TEXT(name, title, help, text)                                                              \
    { name, title, help, FALSE, text, 0, 0, 0 }
#define PRESET(text)                                                                               \
    TEXT("preset", N_("Preset"),                                                                   \
         N_("What to say: caption, alt, detailed, tags, text, markdown, html, count or "           \
            "question"),                                                                           \
         text)
#define QUESTION                                                                                   \
    TEXT("question", N_("Question"),                                                               \
         N_("What to ask, or what to count, with the preset of that name; else empty"), "")
#define LANGUAGE                                                                                   \
    TEXT("language", N_("Language"),                                                               \
         N_("Of the answer: a code such as de, or an English name; empty: that of GIMP"), "")
#define SOURCE                                                                                     \
    TEXT("source", N_("Look at"),                                                                  \
         N_("visible: all that is shown; layer: the drawable; selection: what is shown "           \
            "within its bounds"),                                                                  \
         "visible")
#define KEEP(text)                                                                                 \
    TEXT("keep", N_("Keep as"),                                                                    \
         N_("Where the answer goes besides the return value: none, alt-text, comment, "            \
            "layer-name or text-layer"),                                                           \
         text)
#define MODEL                                                                                      \
    TEXT("model", N_("Model"),                                                                     \
         N_("A file, a folder or the name of an installed model; empty: the one that was "         \
            "chosen in the dialog, else the default"),                                             \
         "")
#define THREADS                                                                                    \
    {                                                                                              \
        "threads", N_("Threads"), N_("Threads to compute with; 0: the setting of the dialog"),     \
            TRUE, NULL, 0, 0, 1024                                                                 \
    }

static const procedure_argument DESCRIBE_ARGUMENTS[] = {
    PRESET("caption"), QUESTION, LANGUAGE, SOURCE, KEEP("none"), MODEL, THREADS,
};
static const procedure_argument DESCRIBE_LAYER_ARGUMENTS[] = {
    PRESET("caption"), QUESTION, LANGUAGE, KEEP("none"), MODEL, THREADS,
};
static const procedure_argument DESCRIBE_ALL_ARGUMENTS[] = {
    PRESET("alt"),
    LANGUAGE,
    MODEL,
    THREADS,
};
static const procedure_argument FIND_ARGUMENTS[] = {
    TEXT("what", N_("Find"), N_("What to find: one or more names, or a sentence"), ""),
    SOURCE,
    TEXT("as", N_("Keep as"),
         N_("selection-new, selection-add, selection-subtract, selection-intersect, paths, "
            "guides, layers, crop, text-layers or none"),
         "selection-new"),
    MODEL,
    THREADS,
};

static const procedure_argument TEXT_RETURNS[] = {
    TEXT("text", N_("Text"), N_("The answer"), NULL),
};
static const procedure_argument COUNT_RETURNS[] = {
    { "count", N_("Count"), N_("How many images got a text"), TRUE, NULL, 0, 0, G_MAXINT },
};
static const procedure_argument FIND_RETURNS[] = {
    { "count", N_("Count"), N_("How many were found"), TRUE, NULL, 0, 0, G_MAXINT },
    TEXT("shapes", N_("Shapes"),
         N_("JSON: a list of objects with type, label, and the box x, y, width and height in "
            "pixels of the image; of type quad also its corners as points"),
         NULL),
};

/* ------------------------------------------------------------------ dialogs */

/* Dialogs that have nothing to show say so as scripts do. */
static gboolean has_image(host_image image, GError **error) {
    if (host_image_is_valid(image)) return TRUE;
    g_set_error_literal(error, HOST_ERROR, 0, _("There is no image; please open one first."));
    return FALSE;
}

static gboolean describe_dialog(host_image image, host_layer layer, procedure_value *returns,
                                GError **error) {
    return has_image(image, error) &&
           describe_dialog_run(image, layer, -1, host_parent_window(), &returns[0].text, error);
}

static gboolean describe_layer_dialog(host_image image, host_layer layer, procedure_value *returns,
                                      GError **error) {
    return has_image(image, error) &&
           describe_dialog_run(image, layer, PICTURE_LAYER, host_parent_window(), &returns[0].text,
                               error);
}

static gboolean find_dialog(host_image image, host_layer layer, procedure_value *returns,
                            GError **error) {
    (void)returns;
    return has_image(image, error) && find_dialog_run(image, layer, host_parent_window(), error);
}

/* -------------------------------------------------------------------- table */

#define LIST(array) array, G_N_ELEMENTS(array)

const procedure procedures[] = {
    { "plug-in-espy-describe", N_("_Describe Image..."), N_("Says what is in the image"),
      N_("A vision-language model looks at the image and answers in words. The text can be "
         "kept as alt text, comment, name of the layer or text layer."),
      "dialog-information", PROCEDURE_AT_HAND, LIST(DESCRIBE_ARGUMENTS), LIST(TEXT_RETURNS),
      run_describe, describe_dialog },
    { "plug-in-espy-find", N_("_Find in Image..."), N_("Finds things in the image"),
      N_("A vision-language model looks for what is named, and what it finds becomes a "
         "selection, paths, guides, layers, a crop or text layers."),
      "edit-find", PROCEDURE_AT_HAND, LIST(FIND_ARGUMENTS), LIST(FIND_RETURNS), run_find,
      find_dialog },
    { "plug-in-espy-describe-layer", N_("_Describe Layer..."), N_("Says what is in the layer"),
      N_("A vision-language model looks at the layer alone, with its mask, and answers in "
         "words. The text can be kept as the name of the layer."),
      "dialog-information", PROCEDURE_ON_LAYERS, LIST(DESCRIBE_LAYER_ARGUMENTS), LIST(TEXT_RETURNS),
      run_describe, describe_layer_dialog },
    { "plug-in-espy-describe-all", N_("Describe _All Open Images"),
      N_("Writes the alt text of all open images"),
      N_("A vision-language model looks at each image that is open, and the answer becomes "
         "its alt text, which exported JPEG and PNG files carry."),
      "dialog-information", PROCEDURE_IN_MENU, LIST(DESCRIBE_ALL_ARGUMENTS), LIST(COUNT_RETURNS),
      run_describe_all, NULL },
};
const int n_procedures = G_N_ELEMENTS(procedures);

const procedure *procedure_find(const char *name) {
    for (int i = 0; i < n_procedures; i++)
        if (!strcmp(procedures[i].name, name)) return &procedures[i];
    return NULL;
}

/* Where nothing is found a script reads a zero; who repeats something has to be told. */
static gboolean found_any(const procedure *p, procedure_value *returns, GError **error) {
    if (!p->returns[0].is_number || returns[0].number > 0) return TRUE;
    for (int i = 0; i < p->n_returns; i++) g_clear_pointer(&returns[i].text, g_free);
    g_set_error_literal(error, HOST_ERROR, 0, _("Nothing of that was found."));
    return FALSE;
}

static gboolean repeat(const procedure *p, host_image image, host_layer layer,
                       procedure_value *returns, GError **error) {
    settings *s = settings_load();
    char *failure = settings_failure(NULL); /* which the dialog explains */
    procedure_value last[PROCEDURE_MOST_ARGUMENTS] = { { 0 } };
    gboolean ok;
    if (failure || !repeat_arguments(p, s, last))
        ok = p->run_dialog(image, layer, returns, error);
    else
        ok = has_image(image, error) && p->run(p, image, layer, last, returns, error) &&
             found_any(p, returns, error);
    g_free(failure);
    settings_free(s);
    return ok;
}

gboolean procedure_run(const procedure *p, procedure_mode mode, host_image image, host_layer layer,
                       const procedure_value *arguments, procedure_value *returns, GError **error) {
    if (!host_layer_is_valid(layer))
        layer = host_image_is_valid(image) ? host_active_layer(image) : 0;
    if (mode == PROCEDURE_DIALOG && p->run_dialog)
        return p->run_dialog(image, layer, returns, error);
    if (mode == PROCEDURE_REPEAT && p->run_dialog) return repeat(p, image, layer, returns, error);
    procedure_value defaults[PROCEDURE_MOST_ARGUMENTS] = { { 0 } };
    for (int i = 0; i < p->n_arguments; i++) {
        defaults[i].text = (char *)p->arguments[i].text;
        defaults[i].number = p->arguments[i].number;
    }
    return p->run(p, image, layer, arguments ? arguments : defaults, returns, error);
}
