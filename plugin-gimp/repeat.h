/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "Repeat Last": what a dialog did last, as the arguments with which a script would do it.
 */
#ifndef ESPY_GIMP_REPEAT_H
#define ESPY_GIMP_REPEAT_H

#include "procedures.h"
#include "settings.h"

/* arguments: [p->n_arguments], receives what s remembers, borrowed from s and p. FALSE if
 * nothing that p does was kept in an image yet: there is nothing to repeat then. */
gboolean repeat_arguments(const procedure *p, const settings *s, procedure_value *arguments);

#endif
