/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the espy program as a user would. */
#ifndef ESPY_PARITY_PROGRAM_H
#define ESPY_PARITY_PROGRAM_H

/* argv ends with NULL; argv[0] is the program. Its stdout goes to out_path, its
 * stderr stays ours. The exit status; 128 + signal; -1 when it did not start. */
int program_run(char *const argv[], const char *out_path);

#endif
