/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line on stderr that tells how far the work is, rewritten in place at
 * most ten times a second, and only on a terminal. */
#include "cli.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

double cli_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void cli_progress_begin(cli_progress *p, const cli_options *o) {
    *p = (cli_progress){ .enabled = isatty(STDERR_FILENO) && !o->quiet };
}

int cli_progress_step(cli_progress *p, const char *phase, int64_t done, int64_t total) {
    double now = cli_now_ms();
    if (p->enabled && now - p->last_ms >= 100 && total > 0) {
        fprintf(stderr, "\r\033[K%s %d %%", phase, (int)(100.0 * (double)done / (double)total));
        fflush(stderr);
        p->shown = 1;
        p->last_ms = now;
    }
    return cli_interrupted();
}

void cli_progress_clear(cli_progress *p) {
    if (p->shown) fputs("\r\033[K", stderr);
    p->shown = 0;
    p->last_ms = 0;
}
