/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "thread_priority.h"

#ifdef __linux__
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICER = 5, NICEST = 19 };

/* Linux keeps these for each thread, against POSIX. */
static void set_nice(int nice) {
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice);
}

void thread_be_nice(void) {
    set_nice(getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid)) + NICER);
}

void thread_be_idle(void) {
    const struct sched_param none = { 0 };
    sched_setscheduler(0, SCHED_BATCH, &none);
    set_nice(NICEST);
}
#else
void thread_be_nice(void) {
}

void thread_be_idle(void) {
}
#endif
