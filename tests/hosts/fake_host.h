/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A host without GIMP: one image with one layer, which notes down what is done to it
 * and can be told to refuse.
 */
#ifndef ESPY_TESTS_FAKE_HOST_H
#define ESPY_TESTS_FAKE_HOST_H

#include "host.h"

enum { FAKE_IMAGE = 7, FAKE_LAYER = 8 };

typedef struct fake_host {
    int width, height;
    host_rect layer;
    gboolean shows, has_selection;
    host_rect selection;
    gboolean refuses_pixels;
    int refuse_at;  /* the change with this number fails; 0: none does      */
    int n_changes;  /* asked for, the refused one among them                */
    int undo_depth; /* groups that are open                                 */
    int n_undo_groups;
    gboolean changed_alone; /* something was changed outside of an undo group       */
    int n_layers;           /* added and still there                                */
    int n_paths, n_guides, n_selects;
    int n_kept;    /* selections kept and not given back                   */
    int n_visible; /* layers of host_visible_new not deleted               */
    host_channel_op ops[64];
    host_rect copies[64];
    host_rect crop;
    host_rect asked; /* of host_pixels                                       */
    char *text;      /* comment, alt text or name that was set last          */
} fake_host;

extern fake_host fake;

/* A picture of width x height, shown, nothing selected. */
void fake_reset(int width, int height);

#endif
