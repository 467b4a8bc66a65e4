/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a host's work stands back behind others. Both apply to the calling thread, which
 * should hold no lock that a thread of the host waits for, and to threads that it starts
 * afterwards; none of them can be taken back. Without effect where the system does not
 * keep a priority for each thread.
 */
#ifndef ESPY_HOST_THREAD_PRIORITY_H
#define ESPY_HOST_THREAD_PRIORITY_H

/* Somewhat lower, so that an interface stays lively. */
void thread_be_nice(void);

/* Runs in the time that others leave: a thread that wakes up takes the CPU from it at
 * once. On a machine that is busy through and through it still gets some hundredth of a
 * CPU, so that who waits for it to stop does not wait for ever; the scheduler's idle
 * policy would leave it a fifth of that. */
void thread_be_idle(void);

#endif
