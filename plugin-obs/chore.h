/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small jobs, some milliseconds each, that OBS's threads must not wait for. One thread
 * does those of all, one after the other; it starts with the first chore and ends with
 * the last.
 */
#ifndef ESPY_OBS_CHORE_H
#define ESPY_OBS_CHORE_H

#include <glib.h>

typedef struct chore chore;

/* run(user) is called on the chores' thread, once or more after each chore_ask. */
chore *chore_new(void (*run)(void *user), void *user);

/* Any thread, never waits. Of chores that were asked for, the one that waited longest is
 * next; asked again before it began, it runs once. */
void chore_ask(chore *c);

/* No run begins or goes on afterwards: one under way is waited for. Not within run. Nulls
 * the pointer; NULL in it is fine. */
void chore_free(chore **c);

#endif
