/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shapes of an answer that outlive it: owned copies, without attributes.
 */
#ifndef ESPY_GIMP_SHAPE_LIST_H
#define ESPY_GIMP_SHAPE_LIST_H

#include <espy.h>
#include <glib.h>

typedef GArray shape_list; /* of espy_shape */

shape_list *shape_list_new(void);
void shape_list_free(shape_list *list); /* NULL is fine */
void shape_list_clear(shape_list *list);
void shape_list_add(shape_list *list, const espy_shape *shape);
const espy_shape *shape_list_at(const shape_list *list, int i);

/* How many of xy are a shape's outline, as points x y: 4 of a box, 4 of a quad, 1 of a
 * point, 0 of what has no place; out receives them. */
int shape_outline(const espy_shape *shape, double out[8]);

#endif
