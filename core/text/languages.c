/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text/languages.h"

#include <espy.h>
#include <string.h>
#include <strings.h>

/* Codes of ISO 639, those with a country before those without. */
static const struct row {
    const char *code, *name;
    int small; /* the built-in model was taught it */
} rows[] = {
    { "zh_TW", "Traditional Chinese", 0 },
    { "zh_HK", "Traditional Chinese", 0 },
    { "pt_BR", "Brazilian Portuguese", 0 },
    { "C", "English", 1 }, /* locales that name no language */
    { "POSIX", "English", 1 },
    { "ar", "Arabic", 0 },
    { "bg", "Bulgarian", 0 },
    { "bn", "Bengali", 0 },
    { "ca", "Catalan", 0 },
    { "cs", "Czech", 0 },
    { "da", "Danish", 0 },
    { "de", "German", 1 },
    { "el", "Greek", 0 },
    { "en", "English", 1 },
    { "es", "Spanish", 1 },
    { "et", "Estonian", 0 },
    { "fa", "Persian", 0 },
    { "fi", "Finnish", 0 },
    { "fr", "French", 1 },
    { "he", "Hebrew", 0 },
    { "hi", "Hindi", 0 },
    { "hr", "Croatian", 0 },
    { "hu", "Hungarian", 0 },
    { "id", "Indonesian", 0 },
    { "it", "Italian", 0 },
    { "ja", "Japanese", 0 },
    { "ko", "Korean", 0 },
    { "lt", "Lithuanian", 0 },
    { "lv", "Latvian", 0 },
    { "ms", "Malay", 0 },
    { "nb", "Norwegian", 0 },
    { "nl", "Dutch", 0 },
    { "nn", "Norwegian", 0 },
    { "no", "Norwegian", 0 },
    { "pl", "Polish", 0 },
    { "pt", "Portuguese", 0 },
    { "ro", "Romanian", 0 },
    { "ru", "Russian", 0 },
    { "sk", "Slovak", 0 },
    { "sl", "Slovenian", 0 },
    { "sr", "Serbian", 0 },
    { "sv", "Swedish", 0 },
    { "ta", "Tamil", 0 },
    { "th", "Thai", 0 },
    { "tr", "Turkish", 0 },
    { "uk", "Ukrainian", 0 },
    { "ur", "Urdu", 0 },
    { "vi", "Vietnamese", 0 },
    { "zh", "Chinese", 1 },
};
enum { n_rows = sizeof rows / sizeof *rows };

/* Whether a locale, "zh_TW.UTF-8@x", is of this code, with '-' as good as '_'. */
static int is_code(const char *given, const char *code) {
    size_t n = strlen(code);
    for (size_t i = 0; i < n; i++) {
        char c = given[i] == '-' ? '_' : given[i];
        if (!c || strncasecmp(&c, &code[i], 1) != 0) return 0;
    }
    return !given[n] || strchr("_-.@", given[n]) != NULL;
}

const char *espy_language_find(const char *given, int *small) {
    for (int i = 0; i < n_rows; i++)
        if (is_code(given, rows[i].code) || !strcasecmp(given, rows[i].name)) {
            *small = rows[i].small;
            return rows[i].name;
        }
    return NULL;
}

const char *espy_language_name(const char *locale) {
    int small;
    const char *name = locale && *locale ? espy_language_find(locale, &small) : NULL;
    return name && strcmp(name, "English") != 0 ? name : NULL;
}
