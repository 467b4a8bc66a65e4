/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Languages in which an answer can be asked for. */
#ifndef ESPY_TEXT_LANGUAGES_H
#define ESPY_TEXT_LANGUAGES_H

/* The name in which a language is asked for: of a locale ("de_DE.UTF-8"), a code
 * ("de") or an English name in any case. *small tells whether the built-in
 * model was taught it. NULL for what the table does not hold. English gives
 * "English". Static storage. */
const char *espy_language_find(const char *given, int *small);

#endif
