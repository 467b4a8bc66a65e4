/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The ways to keep an answer in the image, by the names that scripts, dialogs and
 * settings know them by. The lists end with NULL.
 */
#ifndef ESPY_GIMP_WAYS_H
#define ESPY_GIMP_WAYS_H

extern const char *const ways_of_text[];   /* the argument "keep" of procedures */
extern const char *const ways_of_shapes[]; /* their argument "as"               */

#endif
