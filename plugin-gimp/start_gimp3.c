/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells GIMP 3 of the procedures, and runs them.
 */
#include <libgimp/gimp.h>

#include "i18n.h"
#include "procedures.h"

typedef struct Espy {
    GimpPlugIn parent;
} Espy;
typedef struct EspyClass {
    GimpPlugInClass parent;
} EspyClass;

GType espy_get_type(void);
G_DEFINE_TYPE(Espy, espy, GIMP_TYPE_PLUG_IN)

static procedure_value read_argument(const procedure_argument *a, GimpProcedureConfig *config) {
    procedure_value value = { 0 };
    if (a->is_number)
        g_object_get(config, a->name, &value.number, NULL);
    else
        g_object_get(config, a->name, &value.text, NULL);
    return value;
}

static GimpValueArray *run(GimpProcedure *self, GimpRunMode mode, GimpImage *image,
                           GimpDrawable **drawables, GimpProcedureConfig *config, gpointer data) {
    gegl_init(NULL, NULL);
    const procedure *p = data;
    procedure_value arguments[PROCEDURE_MOST_ARGUMENTS] = { { 0 } };
    procedure_value returns[PROCEDURE_MOST_RETURNS] = { { 0 } };
    for (int i = 0; i < p->n_arguments; i++) arguments[i] = read_argument(&p->arguments[i], config);
    host_image of = image ? gimp_image_get_id(image) : 0;
    GimpDrawable *first = drawables ? drawables[0] : NULL;
    host_layer layer = first ? gimp_item_get_id(GIMP_ITEM(first)) : 0;
    if (first && GIMP_IS_LAYER_MASK(first))
        layer = gimp_item_get_id(GIMP_ITEM(gimp_layer_from_mask(GIMP_LAYER_MASK(first))));
    GError *error = NULL;
    procedure_mode how = mode == GIMP_RUN_NONINTERACTIVE   ? PROCEDURE_SCRIPT
                         : mode == GIMP_RUN_WITH_LAST_VALS ? PROCEDURE_REPEAT
                                                           : PROCEDURE_DIALOG;
    gboolean ok = procedure_run(p, how, of, layer, arguments, returns, &error);
    GimpValueArray *values = gimp_procedure_new_return_values(
        self, ok ? GIMP_PDB_SUCCESS : GIMP_PDB_EXECUTION_ERROR, error);
    for (int i = 0; i < p->n_returns; i++) {
        if (ok && p->returns[i].is_number)
            GIMP_VALUES_SET_INT(values, i + 1, returns[i].number);
        else if (ok)
            GIMP_VALUES_SET_STRING(values, i + 1, returns[i].text ? returns[i].text : "");
        g_free(returns[i].text);
    }
    for (int i = 0; i < p->n_arguments; i++) g_free(arguments[i].text);
    return values;
}

static GList *query_procedures(GimpPlugIn *plug_in) {
    (void)plug_in;
    GList *names = NULL;
    for (int i = 0; i < n_procedures; i++)
        names = g_list_append(names, g_strdup(procedures[i].name));
    return names;
}

static void add_argument(GimpProcedure *to, const procedure_argument *a) {
    const char *title = _(a->title);
    const char *help = _(a->help);
    if (a->is_number)
        gimp_procedure_add_int_argument(to, a->name, title, help, a->lowest, a->highest, a->number,
                                        G_PARAM_READWRITE);
    else
        gimp_procedure_add_string_argument(to, a->name, title, help, a->text, G_PARAM_READWRITE);
}

static void add_return(GimpProcedure *to, const procedure_argument *a) {
    const char *title = _(a->title);
    const char *help = _(a->help);
    if (a->is_number)
        gimp_procedure_add_int_return_value(to, a->name, title, help, a->lowest, a->highest,
                                            a->number, G_PARAM_READWRITE);
    else
        gimp_procedure_add_string_return_value(to, a->name, title, help, NULL, G_PARAM_READWRITE);
}

static GimpProcedure *create_procedure(GimpPlugIn *plug_in, const gchar *name) {
    const procedure *p = procedure_find(name);
    if (!p) return NULL;
    GimpProcedure *made =
        gimp_image_procedure_new(plug_in, name, GIMP_PDB_PROC_TYPE_PLUGIN, run, (gpointer)p, NULL);
    gimp_procedure_set_image_types(made, "*");
    /* What is missing is better said than shown as a grey item. */
    gimp_procedure_set_sensitivity_mask(
        made, GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES |
                  GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES | GIMP_PROCEDURE_SENSITIVE_NO_IMAGE);
    gimp_procedure_set_menu_label(made, _(p->label));
    gimp_procedure_set_icon_name(made, p->icon);
    gimp_procedure_add_menu_path(made,
                                 p->place == PROCEDURE_ON_LAYERS ? "<Layers>" : "<Image>/Image");
    if (p->place == PROCEDURE_AT_HAND) gimp_procedure_add_menu_path(made, "<Image>");
    gimp_procedure_set_documentation(made, _(p->blurb), _(p->help), NULL);
    gimp_procedure_set_attribution(made, "espy", "espy", "2026");
    for (int i = 0; i < p->n_arguments; i++) add_argument(made, &p->arguments[i]);
    for (int i = 0; i < p->n_returns; i++) add_return(made, &p->returns[i]);
    return made;
}

/* The catalogues lie beside the program; where there are none GIMP is not to look. */
static gboolean set_i18n(GimpPlugIn *plug_in, const gchar *name, gchar **domain, gchar **folder) {
    (void)plug_in;
    (void)name;
    (void)folder;
    char *program = g_file_read_link("/proc/self/exe", NULL);
    char *beside = program ? g_path_get_dirname(program) : NULL;
    char *locale = beside ? g_build_filename(beside, "locale", NULL) : NULL;
    gboolean there = locale && g_file_test(locale, G_FILE_TEST_IS_DIR);
    if (there) *domain = g_strdup(TEXT_DOMAIN);
    g_free(locale);
    g_free(beside);
    g_free(program);
    return there;
}

static void espy_class_init(EspyClass *class) {
    GimpPlugInClass *plug_in = GIMP_PLUG_IN_CLASS(class);
    plug_in->query_procedures = query_procedures;
    plug_in->create_procedure = create_procedure;
    plug_in->set_i18n = set_i18n;
}

static void espy_init(Espy *self) {
    (void)self;
}

GIMP_MAIN(espy_get_type())
