/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tracing the threads of another process without harm to it (ptrace, PTRACE_SEIZE): signals that
 * come meanwhile reach it, a process that was stopped (SIGSTOP) stays stopped, and when the tracer
 * ends in whatever way the kernel lets all threads go.
 *
 * Must not be used in a process whose own children are waited for by others: stops are reported to
 * waitpid(). Source: ptrace(2).
 */
#ifndef PLAB_LAB_TRACE_H
#define PLAB_LAB_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define PLAB_TRACE_THREADS_MAX 256

enum plab_trace_stop {
    PLAB_TRACE_RUNNING, /* no news */
    PLAB_TRACE_ASKED,   /* stopped because we asked, or it was continued by somebody */
    PLAB_TRACE_GROUP,   /* its whole process was stopped by a signal */
    PLAB_TRACE_SYSCALL, /* at the entry or the exit of a system call */
    PLAB_TRACE_SIGNAL,  /* before a signal reaches it */
    PLAB_TRACE_GONE,    /* it ended, or isn't ours any more */
};

/* Begins to trace all threads that `pid` has now; they go on running. `options` are ptrace's.
 * Returns how many, their ids in `tids` (PLAB_TRACE_THREADS_MAX places). PLAB_E_RESOURCE when that
 * isn't permitted or the process is gone. */
PLAB_NODISCARD enum plab_status plab_trace_seize(int *tids, size_t *count, int pid,
                                                 unsigned options, struct plab_error *err);

/* What the thread did; waits for it with `block`. `signal` receives that of PLAB_TRACE_SIGNAL, else
 * 0: it must be handed to plab_trace_resume(). */
enum plab_trace_stop plab_trace_wait(int tid, bool block, int *signal);

/* Lets a stopped thread run on, to its next system call with `to_syscall`; one of a stopped process
 * stays stopped. */
void plab_trace_resume(int tid, enum plab_trace_stop stop, int signal, bool to_syscall);

/* Stops a running thread and waits for it; false when it is gone. Its kind of stop,
 * PLAB_TRACE_ASKED or PLAB_TRACE_GROUP, is left in `stop`. */
bool plab_trace_interrupt(int tid, enum plab_trace_stop *stop);

/* Stops tracing a thread, which goes on as if nothing had been. */
void plab_trace_let_go(int tid);

#endif
