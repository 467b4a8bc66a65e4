/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ctrl-C. The handler is reset when it runs, so that a second Ctrl-C ends the
 * program at once. System calls are not restarted: a prompt that waits for a
 * line sees the first one too. SIGPIPE keeps its default, as in cat. */
#include "cli.h"

#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number) {
    (void)number;
    interrupted = 1;
}

void cli_signals_begin(void) {
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void cli_signals_rearm(void) {
    interrupted = 0;
    cli_signals_begin();
}

int cli_interrupted(void) {
    return interrupted;
}
