/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells GIMP 2.10 of the procedures, and runs them.
 */
#include <libgimp/gimp.h>
#include <libintl.h>

#include "i18n.h"
#include "procedures.h"

enum { N_FIRST = 3 }; /* run mode, image, drawable come before a procedure's own */

/* The catalogues lie beside the program. */
static char *locale_folder(void) {
    char *program = g_file_read_link("/proc/self/exe", NULL);
    char *beside = program ? g_path_get_dirname(program) : NULL;
    char *folder = beside ? g_build_filename(beside, "locale", NULL) : NULL;
    g_free(beside);
    g_free(program);
    return folder;
}

static GimpParamDef definition(const procedure_argument *a) {
    GimpParamDef def = { a->is_number ? GIMP_PDB_INT32 : GIMP_PDB_STRING, (gchar *)a->name,
                         (gchar *)a->help };
    return def;
}

static void install(const procedure *p) {
    GimpParamDef in[N_FIRST + PROCEDURE_MOST_ARGUMENTS] = {
        { GIMP_PDB_INT32, "run-mode",
          "RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1) or RUN-WITH-LAST-VALS (2)" },
        { GIMP_PDB_IMAGE, "image", "The image" },
        { GIMP_PDB_DRAWABLE, "drawable", "The layer, where one is looked at" },
    };
    GimpParamDef out[PROCEDURE_MOST_RETURNS];
    for (int i = 0; i < p->n_arguments; i++) in[N_FIRST + i] = definition(&p->arguments[i]);
    for (int i = 0; i < p->n_returns; i++) out[i] = definition(&p->returns[i]);
    gimp_install_procedure(p->name, p->blurb, p->help, "espy", "espy", "2026", p->label, "*",
                           GIMP_PLUGIN, N_FIRST + p->n_arguments, p->n_returns, in, out);
    /* At the top level it would also stand in the menu bar. */
    gimp_plugin_menu_register(p->name,
                              p->place == PROCEDURE_ON_LAYERS ? "<Layers>" : "<Image>/Image");
    gimp_plugin_icon_register(p->name, GIMP_ICON_TYPE_ICON_NAME, (const guint8 *)p->icon);
}

static void query(void) {
    char *folder = locale_folder();
    if (folder && g_file_test(folder, G_FILE_TEST_IS_DIR))
        gimp_plugin_domain_register(TEXT_DOMAIN, folder);
    g_free(folder);
    for (int i = 0; i < n_procedures; i++) install(&procedures[i]);
}

/* Scripts give every argument; menus only the first three. FALSE: too few. */
static gboolean read_arguments(const procedure *p, int n, const GimpParam *given,
                               procedure_value *arguments) {
    for (int i = 0; i < p->n_arguments; i++) {
        if (N_FIRST + i >= n) return FALSE;
        const GimpParam *g = &given[N_FIRST + i];
        if (p->arguments[i].is_number)
            arguments[i].number = g->data.d_int32;
        else
            arguments[i].text = g->data.d_string;
    }
    return TRUE;
}

/* GIMP reads the values after this has returned. */
static GimpParam values[1 + PROCEDURE_MOST_RETURNS];

static void run(const gchar *name, gint n_given, const GimpParam *given, gint *n_values,
                GimpParam **out) {
    gegl_init(NULL, NULL);
    char *folder = locale_folder();
    if (folder) bindtextdomain(TEXT_DOMAIN, folder);
    bind_textdomain_codeset(TEXT_DOMAIN, "UTF-8");
    g_free(folder);
    const procedure *p = procedure_find(name);
    procedure_value arguments[PROCEDURE_MOST_ARGUMENTS] = { { 0 } };
    procedure_value returns[PROCEDURE_MOST_RETURNS] = { { 0 } };
    gint32 asked = n_given > 0 ? given[0].data.d_int32 : GIMP_RUN_NONINTERACTIVE;
    procedure_mode mode = asked == GIMP_RUN_NONINTERACTIVE   ? PROCEDURE_SCRIPT
                          : asked == GIMP_RUN_WITH_LAST_VALS ? PROCEDURE_REPEAT
                                                             : PROCEDURE_DIALOG;
    gboolean complete = mode == PROCEDURE_SCRIPT && read_arguments(p, n_given, given, arguments);
    host_image image = n_given > 1 ? given[1].data.d_image : 0;
    host_layer layer = n_given > 2 ? given[2].data.d_drawable : 0;
    if (layer > 0 && gimp_item_is_layer_mask(layer)) layer = gimp_layer_from_mask(layer);
    GError *error = NULL;
    gboolean ok =
        procedure_run(p, mode, image, layer, complete ? arguments : NULL, returns, &error);
    values[0].type = GIMP_PDB_STATUS;
    values[0].data.d_status = ok ? GIMP_PDB_SUCCESS : GIMP_PDB_EXECUTION_ERROR;
    *n_values = 1;
    *out = values;
    if (!ok && error) {
        values[1].type = GIMP_PDB_STRING;
        values[1].data.d_string = error->message;
        *n_values = 2;
    }
    for (int i = 0; ok && i < p->n_returns; i++) {
        GimpParam *v = &values[(*n_values)++];
        v->type = p->returns[i].is_number ? GIMP_PDB_INT32 : GIMP_PDB_STRING;
        if (p->returns[i].is_number)
            v->data.d_int32 = returns[i].number;
        else
            v->data.d_string = returns[i].text ? returns[i].text : g_strdup("");
    }
}

const GimpPlugInInfo PLUG_IN_INFO = { NULL, NULL, query, run };

MAIN()
