/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The memory of a model that did not work: the process that loads one may be ended by
 * it, so the path is noted down before and crossed out afterwards. The next start finds
 * the note, and asks instead of loading again.
 *
 * In $XDG_CONFIG_HOME/espy/, with the name of the host:
 *
 *     NAME-loading.PID   while process PID tries a model: its path
 *     NAME-failure.ini   the model that failed last, and why
 *
 * A process keeps a lock on its note. The lock ends with the process, however that ends,
 * so a note whose lock is free tells of a crash; one that is locked belongs to a process
 * that is still at it.
 */
#ifndef ESPY_HOST_TRIAL_H
#define ESPY_HOST_TRIAL_H

#include <espy.h>
#include <glib.h>

/* Before a model is loaded, or used as long as it has not shown that it works; path NULL
 * is the default model. Any thread; one trial of a process at a time. Where the folder
 * cannot be written there is no note, and a crash goes unnoticed. */
void trial_begin(const char *host, const char *path);

/* What came of it. ESPY_OK: it works, earlier failures are forgotten. What tells against
 * the model is kept, with message. What is cheap to find out anew, such as too little
 * memory, or a stop, leaves all as it was. */
void trial_end(const char *host, const char *path, espy_status status, const char *message);

/* The last failure, of any process of this host; FALSE if there is none. It stays until
 * trial_forget, or until a model works. *path: the model, NULL the default. *reason: the
 * message, NULL if the process ended. Both may be NULL, and are the caller's, g_free. */
gboolean trial_failure(const char *host, char **path, char **reason);
void trial_forget(const char *host);

#endif
