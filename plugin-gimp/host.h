/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the plug-in asks of GIMP, in terms that 2.10 and 3 share: host_gimp2.c and
 * host_gimp3.c implement it, one of them is linked. Images and layers are known by
 * GIMP's own numbers. Main thread alone. Nothing outside these two files and their
 * start-up includes a header of GIMP.
 */
#ifndef ESPY_GIMP_HOST_H
#define ESPY_GIMP_HOST_H

#include <glib.h>

typedef gint32 host_image; /* 0 and below: none */
typedef gint32 host_layer;

typedef struct host_rect {
    int x, y, width, height; /* pixels of the image */
} host_rect;

typedef enum host_channel_op { HOST_REPLACE = 0, HOST_ADD, HOST_SUBTRACT, HOST_INTERSECT } host_channel_op;

#endif
