/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is in a film: when which colour comes, and its closed captions.
 */
#ifndef ESPY_TEST_FILM_H
#define ESPY_TEST_FILM_H

#include <glib.h>

typedef struct film_caption {
    double time_s;
    char *text; /* rows one behind the other; "": the screen is emptied */
} film_caption;

typedef struct film {
    int n_frames;
    double *time_s;   /* [n_frames], in the order of showing        */
    guint32 *rgb;     /* [n_frames], about, in the middle: 0xRRGGBB */
    GArray *captions; /* film_caption                               */
} film;

/* NULL if it cannot be read. */
film *film_read(const char *path);
void film_free(film *f);

/* When the colour comes first, and when the film ends; negative: never. */
double film_first(const film *f, guint32 rgb);
double film_end(const film *f);

#endif
