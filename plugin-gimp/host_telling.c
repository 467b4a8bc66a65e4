/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What of host.h is the same for both GIMPs.
 */
#include <libgimp/gimp.h>

#include "host.h"

void host_progress_begin(const char *text) {
    gimp_progress_init(text);
}

void host_progress_set(double fraction) {
    gimp_progress_update(fraction);
}

void host_progress_end(void) {
    gimp_progress_end();
}

void host_flush(void) {
    gimp_displays_flush();
}
