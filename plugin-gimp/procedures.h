/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The procedures of the plug-in: one table of what menus and scripts need to know,
 * from which the adapters register them, and one way to run them.
 */
#ifndef ESPY_GIMP_PROCEDURES_H
#define ESPY_GIMP_PROCEDURES_H

#include <glib.h>

#include "host.h"

/* A text or a whole number; also of what a procedure returns. */
typedef struct procedure_argument {
    const char *name, *title, *help;
    gboolean is_number;
    const char *text;            /* default of a text              */
    int number, lowest, highest; /* default and range of a number */
} procedure_argument;

typedef struct procedure_value {
    char *text; /* owned where it is returned: g_free */
    int number;
} procedure_value;

typedef enum procedure_place {
    PROCEDURE_AT_HAND,  /* the menu of the image, at its top level where that is good */
    PROCEDURE_IN_MENU,  /* the submenu Image                                          */
    PROCEDURE_ON_LAYERS /* the menu of the list of layers                             */
} procedure_place;

enum { PROCEDURE_MOST_ARGUMENTS = 8, PROCEDURE_MOST_RETURNS = 2 };

typedef struct procedure procedure;
struct procedure {
    const char *name, *label, *blurb, *help, *icon;
    procedure_place place;
    const procedure_argument *arguments; /* [n_arguments], after image and drawables */
    int n_arguments;
    const procedure_argument *returns; /* [n_returns] */
    int n_returns;
    gboolean (*run)(const procedure *p, host_image image, host_layer layer,
                    const procedure_value *arguments, procedure_value *returns, GError **error);
    /* With a dialog; NULL: as a script does, with defaults. */
    gboolean (*run_dialog)(host_image image, host_layer layer, procedure_value *returns,
                           GError **error);
};

/* As GIMP's run modes. */
typedef enum procedure_mode {
    PROCEDURE_DIALOG, /* where there is one                                          */
    PROCEDURE_SCRIPT, /* without asking, with the arguments                          */
    PROCEDURE_REPEAT  /* without asking, what the dialog did last; if that did nothing
                         yet, or the model failed last time, as PROCEDURE_DIALOG     */
} procedure_mode;

extern const procedure procedures[];
extern const int n_procedures;

const procedure *procedure_find(const char *name); /* NULL: none */

/* arguments: [n_arguments], of a script; NULL: the defaults. returns: [n_returns], empty
 * before. FALSE with a sentence in error; returns are empty then. */
gboolean procedure_run(const procedure *p, procedure_mode mode, host_image image, host_layer layer,
                       const procedure_value *arguments, procedure_value *returns, GError **error);

#endif
