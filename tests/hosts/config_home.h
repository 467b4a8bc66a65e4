/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder of its own for the user's settings, for tests that keep away from those of
 * whoever runs them. */
#ifndef ESPY_TESTS_CONFIG_HOME_H
#define ESPY_TESTS_CONFIG_HOME_H

/* First of all: GLib looks once where the settings are. Ends the program on failure. */
void config_home_open(void);
void config_home_close(void);
/* A path in its espy folder; lives until the next call. */
const char *config_home_path(const char *name);
/* How many files of the espy folder begin so. */
int config_home_count(const char *prefix);

#endif
