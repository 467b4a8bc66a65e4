/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the procedures do when no dialog is shown; see the table in procedures.c for
 * their arguments and what they return. They wait for the model.
 */
#ifndef ESPY_GIMP_RUNS_H
#define ESPY_GIMP_RUNS_H

#include "procedures.h"

gboolean run_describe(const procedure *p, host_image image, host_layer layer,
                      const procedure_value *arguments, procedure_value *returns, GError **error);
gboolean run_describe_all(const procedure *p, host_image image, host_layer layer,
                          const procedure_value *arguments, procedure_value *returns,
                          GError **error);
gboolean run_find(const procedure *p, host_image image, host_layer layer,
                  const procedure_value *arguments, procedure_value *returns, GError **error);

#endif
