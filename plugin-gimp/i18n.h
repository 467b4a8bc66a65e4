/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Words for the user. _() translates where it stands, N_() only marks a string that
 * is translated later, by _() of a variable.
 */
#ifndef ESPY_GIMP_I18N_H
#define ESPY_GIMP_I18N_H

#include <glib.h>

#define TEXT_DOMAIN "espy"
#define _(s) g_dgettext(TEXT_DOMAIN, s)
#define N_(s) (s)

#endif
